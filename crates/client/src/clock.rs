//! Clock: the one place of this crate that asks for the time.
//!
//! A client runs in its user's process, outside the deterministic core; it measures how long it spins and how long it
//! has waited for the node's answer to a control message, and stamps calls if asked to. Calls carry durations, never instants.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

#[allow(
    clippy::disallowed_methods,
    reason = "a client is outside the deterministic core and has no driver to ask"
)]
#[inline]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Nanoseconds of the machine's `CLOCK_MONOTONIC`, which a node's stamps are of as well.
#[inline]
pub(crate) fn stamp() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Time since then.
#[inline]
pub(crate) fn since(start: Instant) -> Duration {
    now().saturating_duration_since(start)
}

/// An instant after which a wait gives up.
#[derive(Clone, Copy)]
pub(crate) struct Until(Deadline);

#[derive(Clone, Copy)]
enum Deadline {
    Past,
    At(Instant),
    Never,
}

impl Until {
    /// So far from now; a time beyond the clock is for ever.
    pub(crate) fn after(time: Duration) -> Until {
        Until(now().checked_add(time).map_or(Deadline::Never, Deadline::At))
    }

    /// At once: it needs no clock.
    pub(crate) fn now() -> Until {
        Until(Deadline::Past)
    }

    /// What is left of it; zero when it has passed.
    pub(crate) fn left(self) -> Duration {
        match self.0 {
            Deadline::Past => Duration::ZERO,
            Deadline::At(end) => end.saturating_duration_since(now()),
            Deadline::Never => Duration::MAX,
        }
    }
}
