//! Spin: how long a waiting thread looks for its reply before it sleeps.
//!
//! Lives here: `Spin`, kept by whoever reaps.
//! Holds: spinning is bounded; it stops when it does not pay, and is tried again now and then; it reaches further while sleeps
//!   turn out shorter than the window; never more threads of a process spin than it has processors, and none while the node
//!   runs on the same processor (`memory::Processors`): there it is let pass (`memory::Courtesy`).

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use windlass_memory::Courtesy;

use crate::clock;
use crate::limits::{SPIN_MAX, SPIN_SHORT};

/// Threads of this process that spin now, over all clients.
static SPINNERS: AtomicU32 = AtomicU32::new(0);

/// Below this share of spins won, spinning is not worth its heat.
const WORTH: f32 = 0.25;
/// Every so many waits an idle spinner tries again.
const PROBE_EVERY: u32 = 64;
/// Looks between two readings of the clock.
const LOOKS_PER_READING: u32 = 64;

/// Adaptive spinning: by default for as long as spins are won.
pub(crate) struct Spin {
    /// The most.
    window: Duration,
    /// How far it goes for now.
    reach: Duration,
    spinners_max: u32,
    /// Share of late spins that ended with a reply, 0 to 1.
    won: f32,
    waits: u32,
    /// For a node on the same processor, where looking on would keep it from running.
    courtesy: Courtesy,
}

impl Spin {
    /// At most `window` per wait, on a process that may use `processors`.
    pub(crate) fn new(window: Duration, processors: u32) -> Spin {
        let window = window.min(SPIN_MAX);
        Spin {
            window,
            reach: window.min(SPIN_SHORT),
            spinners_max: processors,
            won: 1.0,
            waits: 0,
            courtesy: Courtesy::default(),
        }
    }

    /// Looks by `ready` until it is true or the window is over; answers which. `apart`: the node runs on another processor; if
    /// not, this thread lets it run first.
    #[inline]
    pub(crate) fn spin(&mut self, apart: bool, ready: impl Fn() -> bool) -> bool {
        if !apart {
            return !self.window.is_zero() && self.courtesy.give_way(clock::stamp, std::thread::yield_now, ready);
        }
        self.waits = self.waits.wrapping_add(1);
        let pays = self.won >= WORTH || self.waits.is_multiple_of(PROBE_EVERY);
        if !pays || self.window.is_zero() || self.spinners_max == 0 {
            return false;
        }
        if SPINNERS.fetch_add(1, Ordering::Relaxed) >= self.spinners_max {
            SPINNERS.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        let came = self.look(ready);
        SPINNERS.fetch_sub(1, Ordering::Relaxed);
        if !came && self.reach > SPIN_SHORT {
            // It reached for an answer that was further still.
            self.reach = (self.reach / 2).max(SPIN_SHORT);
        }
        // One part in eight is news; a probe that wins counts for more, so that one good probe is followed by another.
        let news = if self.won < WORTH { 2.0 } else { 8.0 };
        self.won += (if came { 1.0 } else { 0.0 } - self.won) / news;
        came
    }

    /// Hears how long a sleep took, its wake included: where looking on for the whole window might have seen the answer, the
    /// next spin does so. If that does not pay either, `won` says so.
    pub(crate) fn slept(&mut self, time: Duration) {
        // The window is about what a wake costs, so the answer came within it when both together took less than two.
        if self.reach.saturating_add(time) < 2 * self.window {
            self.reach = self.window;
        }
    }

    fn look(&self, ready: impl Fn() -> bool) -> bool {
        let some = || {
            (0..LOOKS_PER_READING).any(|_| {
                std::hint::spin_loop();
                ready()
            })
        };
        // Most replies come within the first round, which reads no clock.
        if some() {
            return true;
        }
        let start = clock::now();
        while clock::since(start) < self.reach {
            if some() {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_the_nodes_own_processor_nobody_spins_but_lets_it_pass() {
        let mut spin = Spin::new(SPIN_MAX, 2);
        let looks = std::cell::Cell::new(0);
        let look = || {
            looks.set(looks.get() + 1);
            false
        };
        assert!(!spin.spin(false, look));
        assert_eq!(looks.get(), windlass_memory::limits::GIVE_WAY_TRIES);
        let mut never = Spin::new(Duration::ZERO, 2);
        assert!(!never.spin(false, || panic!("whoever does not spin sleeps at once")));
    }

    #[test]
    fn spins_that_are_lost_stop_and_a_won_probe_brings_them_back() {
        let mut spin = Spin::new(Duration::from_nanos(1), u32::MAX);
        assert_eq!(spin.reach, spin.window, "a window that is short is all there is");
        for _ in 0..40 {
            assert!(!spin.spin(true, || false));
        }
        assert!(spin.won < WORTH);
        let tried = (0..2 * PROBE_EVERY).filter(|_| spin.spin(true, || true)).count();
        assert!(tried > PROBE_EVERY as usize / 2, "after the first won probe every wait spins again");
    }
    #[test]
    fn after_a_short_sleep_it_reaches_as_far_as_it_may_until_that_is_lost() {
        let mut spin = Spin::new(4 * SPIN_SHORT, u32::MAX);
        assert_eq!(spin.reach, SPIN_SHORT);
        spin.slept(7 * SPIN_SHORT);
        assert_eq!(spin.reach, SPIN_SHORT, "an answer so late is not waited for by looking");
        spin.slept(6 * SPIN_SHORT);
        assert_eq!(spin.reach, 4 * SPIN_SHORT);
        assert!(!spin.spin(true, || false));
        assert!(!spin.spin(true, || false));
        assert_eq!(spin.reach, SPIN_SHORT);
        spin.slept(Duration::MAX);
        assert_eq!(spin.reach, SPIN_SHORT);
    }
}
