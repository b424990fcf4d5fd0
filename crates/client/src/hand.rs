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
            Patience::Clock(until) => loop {
                let left = until.left();
                if ready(fd, flags, left)? {
                    return Ok(true);
                }
                if left.is_zero() {
                    return Ok(false);
                }
            },
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
