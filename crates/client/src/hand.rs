//! Hand: a client that its caller moves along, instead of threads that sleep.
//!
//! Lives here: `Hand` (what to do where another client would sleep), `Patience` (how long to wait for a peer).
//! From: `Connect::by_hand`. To: every wait of this crate.
//! Holds: a client by hand starts no thread, never sleeps, never spins and reads no clock: where it would wait it lets the
//! caller move the world on, until what it waits for is there or the caller says that nothing moves any more.
//! Not here: the waits themselves, which are where they were.

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::PollFlags;

use crate::clock::Until;
use crate::wire::ready;

/// Moves everything else on by a step; `false` when nothing moves any more.
#[derive(Clone)]
pub(crate) struct Hand(Arc<dyn Fn() -> bool + Send + Sync>);

impl Hand {
    pub(crate) fn new(step: impl Fn() -> bool + Send + Sync + 'static) -> Hand {
        Hand(Arc::new(step))
    }

    /// One step.
    pub(crate) fn step(&self) -> bool {
        (self.0)()
    }
}

impl fmt::Debug for Hand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hand")
    }
}

/// How long to wait for a peer.
pub(crate) enum Patience {
    /// Until then.
    Clock(Until),
    /// As long as something moves.
    Hand(Hand),
}

impl Patience {
    /// So long from now, or by hand.
    pub(crate) fn new(hand: Option<&Hand>, time: Duration) -> Patience {
        match hand {
            Some(hand) => Patience::Hand(hand.clone()),
            None => Patience::Clock(Until::after(time)),
        }
    }

    /// No wait at all.
    pub(crate) fn none() -> Patience {
        Patience::Clock(Until::now())
    }

    /// Waits until a descriptor is ready: `true`, or that may be said too early; `false`: patience is at its end.
    pub(crate) fn ready(&self, fd: BorrowedFd<'_>, flags: PollFlags) -> io::Result<bool> {
        match self {
            Patience::Clock(until) => until_ready(|| until.left(), |left| ready(fd, flags, left)),
            Patience::Hand(hand) => loop {
                if ready(fd, flags, Duration::ZERO)? {
                    return Ok(true);
                }
                if !hand.step() {
                    return Ok(false);
                }
            },
        }
    }
}

/// Looks until something is ready or no time is left. A look that ends early, as by a signal, is not the end of the time.
fn until_ready(
    left: impl Fn() -> Duration,
    mut look: impl FnMut(Duration) -> io::Result<bool>,
) -> io::Result<bool> {
    loop {
        let left = left();
        if look(left)? {
            return Ok(true);
        }
        if left.is_zero() {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// A signal ended the one wait for room in the control socket, and the request was told as timed out.
    #[test]
    fn a_look_that_a_signal_ends_is_not_the_end_of_the_time() {
        let (looks, time) = (Cell::new(0), Cell::new(3_000_u64));
        let left = || Duration::from_millis(time.get());
        let look = |_| {
            looks.set(looks.get() + 1);
            time.set(time.get() - 1);
            // Two signals, and then there is room.
            Ok(looks.get() == 3)
        };
        assert!(until_ready(left, look).expect("a look"));
        assert_eq!((looks.get(), time.get()), (3, 2_997));
        // Without room it ends with the time, after one last look.
        let (looks, time) = (Cell::new(0), Cell::new(2_u64));
        let look = |_| {
            looks.set(looks.get() + 1);
            time.set(time.get().saturating_sub(1));
            Ok(false)
        };
        assert!(!until_ready(|| Duration::from_millis(time.get()), look).expect("a look"));
        assert_eq!(looks.get(), 3);
        let failed = until_ready(|| Duration::ZERO, |_| Err(io::ErrorKind::Other.into()));
        assert!(failed.is_err());
    }
}
