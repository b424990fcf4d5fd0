//! The clock: the machine's `CLOCK_MONOTONIC`, read from the processor's counter in between.
//!
//! A worker reads the clock once for each piece of work, and the system's own reading costs as much as a switch between two
//! tasks. So it is asked once a millisecond, and whenever longer than that has passed; in between the processor's counter is
//! added to it, at the rate that was measured between two such readings.
//! Holds: what is read never goes back, and is never further from the system's clock than the counter drifts in a
//! millisecond: under a microsecond, also across processes. Where the counter is not what the kernel itself takes for a
//! clock, or once it has behaved strangely, every reading is the system's.
//! Not here: what time is for.

use crate::Nanos;
use rustix::time::{ClockId, clock_gettime};
use std::cell::Cell;

/// How long the counter is trusted after a reading of the system's clock.
const TRUST_NS: u64 = 1_000_000;
/// How long must lie between two readings before a rate is taken from them.
const BASELINE_NS: u64 = 2_000_000;
/// When a new baseline is begun, because the system's clock is steered.
const BASELINE_MAX_NS: u64 = 4_000_000_000;
/// Counts between which two readings belong together: a microsecond or two.
const TORN: u64 = 4096;
/// Where the kernel says what it takes for a clock.
const SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

/// The machine's `CLOCK_MONOTONIC`: one zero for all its processes.
pub(crate) fn system() -> Nanos {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as Nanos * 1_000_000_000 + now.tv_nsec as Nanos
}

/// The processor's counter.
#[cfg(target_arch = "x86_64")]
#[inline]
fn counter() -> u64 {
    // SAFETY: every x86_64 processor has it, and it touches no memory.
    unsafe { std::arch::x86_64::_rdtsc() }
}
#[cfg(not(target_arch = "x86_64"))]
fn counter() -> u64 {
    0
}

/// A clock of one thread.
pub(crate) struct Clock {
    /// Whether the counter is used.
    counts: Cell<bool>,
    /// The last reading of both clocks.
    at: Cell<(u64, Nanos)>,
    /// The one from which the rate is taken, once there is one.
    baseline: Cell<Option<(u64, Nanos)>>,
    /// Nanoseconds a count, times 2^32; 0 = not known yet.
    rate: Cell<u64>,
    /// Counts for which the last reading is trusted.
    trusted: Cell<u64>,
    last: Cell<Nanos>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let counts = cfg!(target_arch = "x86_64")
            && std::fs::read_to_string(SOURCE).is_ok_and(|source| source.trim() == "tsc");
        Self::that_counts(counts)
    }

    fn that_counts(counts: bool) -> Self {
        let (baseline, at, rate, trusted, last) = Default::default();
        Self { counts: Cell::new(counts), at, baseline, rate, trusted, last }
    }

    #[inline]
    pub(crate) fn now(&self) -> Nanos {
        let (at, ns) = self.at.get();
        let passed = counter().wrapping_sub(at);
        if passed < self.trusted.get() {
            // Both are small: a millisecond of counts, and a rate of a few nanoseconds a count at most.
            let now = (ns + (passed.wrapping_mul(self.rate.get()) >> 32)).max(self.last.get());
            self.last.set(now);
            return now;
        }
        self.ask()
    }

    #[cold]
    fn ask(&self) -> Nanos {
        let count = counter();
        let ns = system();
        if !self.counts.get() {
            return ns;
        }
        let now = ns.max(self.last.get());
        self.last.set(now);
        if counter().wrapping_sub(count) > TORN {
            // Something came between the two readings: they do not belong together.
            return now;
        }
        let Some((before, before_ns)) = self.baseline.get() else {
            self.baseline.set(Some((count, ns)));
            return now;
        };
        let (counted, passed_ns) = (count.wrapping_sub(before), ns.saturating_sub(before_ns));
        if passed_ns >= BASELINE_NS {
            let rate = (u128::from(passed_ns) << 32).checked_div(u128::from(counted)).unwrap_or(0);
            let rate = u64::try_from(rate).unwrap_or(0);
            let known = self.rate.get();
            // A counter that stood still, jumped or changed its pace by more than steering does is no clock.
            let is_sound =
                (1 << 26..1 << 36).contains(&rate) && (known == 0 || known.abs_diff(rate) < known / 512);
            if !is_sound {
                self.counts.set(false);
                self.trusted.set(0);
                return now;
            }
            self.rate.set(rate);
            self.trusted.set((TRUST_NS << 32) / rate);
            if passed_ns >= BASELINE_MAX_NS {
                self.baseline.set(Some((count, ns)));
            }
        }
        self.at.set((count, ns));
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_never_go_back_and_lie_within_the_systems_own() {
        for clock in [Clock::new(), Clock::that_counts(false)] {
            let until = system() + 20_000_000;
            let mut before = 0;
            while before < until {
                let (low, now, high) = (system(), clock.now(), system());
                assert!(now >= before);
                before = now;
                // A microsecond for what the counter drifts, and for what a reading runs ahead of those before it.
                assert!(now + 5_000 >= low && now <= high + 5_000, "{low} {now} {high}");
            }
        }
    }
}
