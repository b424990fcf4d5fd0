//! Channel: values from tasks to tasks, in the order they were sent; with capacity 0 the two meet.
//!
//! Lives here: `channel`, its two ends, their errors. In folders: `core` (the state, and every move of it), `sending` and
//! `receiving` (the waits), `select` (one of several).
//! Holds: a value is received once, or given back, or dropped with the channel. Values leave in the order in which they were
//! sent, whichever receiver takes them. Who waits is served in the order of waiting.
//! Not here: bytes between processes (`memory`).

mod core;
mod receiving;
mod select;
mod sending;

pub use receiving::Receiving;
pub use select::{Operation, Select, SelectError, Selecting};
pub use sending::Sending;

use self::core::{Core, Shared};
use crate::WaitError;
use crate::limits::CAPACITY_MAX;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

/// Makes a channel that holds up to `capacity` values; with 0, a send ends when a receiver has come for the value.
///
/// Both ends may be cloned, and each value goes to one receiver. A value is promised to a receiver that waits as soon as it is
/// sent, and counts no longer as held; if that receiver gives up, the next gets it.
///
/// Cost: room for `capacity` values is reserved here, so a send allocates nothing.
///
/// # Errors
/// `ChannelError` if `capacity` is beyond `limits::CAPACITY_MAX`, or there is no memory for it.
///
/// # Example
/// ```
/// # use windlass_wait::channel;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (requests, queue) = channel(2)?;
/// requests.try_send("read")?;
/// requests.try_send("write")?;
/// assert!(requests.try_send("flush").is_err_and(|full| full.into_inner() == "flush"));
/// assert_eq!(queue.try_recv()?, "read");
/// # Ok(()) }
/// ```
pub fn channel<T>(capacity: usize) -> Result<(Sender<T>, Receiver<T>), ChannelError> {
    if capacity > CAPACITY_MAX {
        return Err(ChannelError::TooLarge { asked: capacity });
    }
    let mut values = VecDeque::new();
    values.try_reserve_exact(capacity).map_err(|_| ChannelError::NoMemory { asked: capacity })?;
    let shared = Rc::new(Shared::new(Core::new(capacity, values)));
    Ok((Sender(shared.clone()), Receiver(shared)))
}

/// Why there is no such channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// More values than a channel may hold.
    #[error("a channel holds {CAPACITY_MAX} values at most, not {asked}")]
    TooLarge {
        /// Capacity asked for.
        asked: usize,
    },
    /// No memory for so many values.
    #[error("no memory for a channel of {asked} values")]
    NoMemory {
        /// Capacity asked for.
        asked: usize,
    },
}

/// The end of a channel that values go in at. Dropping the last one closes it for receivers, once they have taken all values.
pub struct Sender<T>(Rc<Shared<T>>);

/// The end of a channel that values come out at. Dropping the last one closes it for senders; values in it are dropped.
pub struct Receiver<T>(Rc<Shared<T>>);

impl<T> Sender<T> {
    /// Sends a value, and waits while the channel is full. Dropped before its end, it has sent nothing if it was never polled,
    /// and may have sent the value otherwise.
    ///
    /// Cost: constant time.
    ///
    /// # Errors
    /// `SendError` gives the value back: nobody will receive, or it could not begin to wait.
    pub fn send(&self, value: T) -> Sending<'_, T> {
        Sending::new(&self.0, value)
    }

    /// Sends a value if there is room, or a receiver waits.
    ///
    /// # Errors
    /// `TrySendError` gives the value back.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let offered = self.0.borrow().offer(value);
        offered.map(core::wake)
    }

    /// Whether all receivers are gone.
    pub fn is_closed(&self) -> bool {
        self.0.borrow().receivers == 0
    }
}

impl<T> Receiver<T> {
    /// Takes the next value, and waits until there is one. Dropped at any point, it loses none.
    ///
    /// Cost: constant time.
    ///
    /// # Errors
    /// `RecvError`: all senders are gone and nothing is left, or it could not begin to wait.
    pub fn recv(&self) -> Receiving<'_, T> {
        Receiving::new(&self.0)
    }

    /// Takes the next value that is not promised to a receiver who waits.
    ///
    /// # Errors
    /// `Empty` now, or `Closed` for ever.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let taken = self.0.borrow().take();
        match taken {
            Some((value, waker)) => {
                core::wake(waker);
                self.0.settle();
                Ok(value)
            }
            None if self.0.borrow().is_drained() => Err(TryRecvError::Closed),
            None => Err(TryRecvError::Empty),
        }
    }

    /// Values that are sent and not received, those promised to receivers included.
    pub fn len(&self) -> usize {
        self.0.borrow().values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.borrow().senders += 1;
        Self(self.0.clone())
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.0.borrow().receivers += 1;
        Self(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.borrow().senders -= 1;
        self.0.settle();
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let left = self.0.borrow().lose_receiver();
        self.0.settle();
        // Values may hold ends of this very channel: they go when nothing is borrowed.
        drop(left);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sender of {:?}", self.0)
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receiver of {:?}", self.0)
    }
}

/// Why a value was not sent, and the value.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError<T> {
    /// All receivers are gone.
    #[error("nobody receives any more")]
    Closed(T),
    /// It could not begin to wait.
    #[error("{1}")]
    Refused(T, WaitError),
}

/// Why a value was not sent at once, and the value.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrySendError<T> {
    /// There is no room, or others wait for it; with capacity 0: no receiver waits.
    #[error("the channel is full")]
    Full(T),
    /// All receivers are gone.
    #[error("nobody receives any more")]
    Closed(T),
    /// Values that are promised take up the room that was reserved, and there is no memory for one more.
    #[error("no memory to hold one more value")]
    NoMemory(T),
}

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecvError {
    /// All senders are gone and all values were taken.
    #[error("nobody sends any more")]
    Closed,
    /// It could not begin to wait.
    #[error(transparent)]
    Refused(#[from] WaitError),
}

/// Why there is no value now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TryRecvError {
    /// Nothing is there that is not promised.
    #[error("the channel is empty")]
    Empty,
    /// All senders are gone and all values were taken.
    #[error("nobody sends any more")]
    Closed,
}

impl<T> SendError<T> {
    /// The value that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Closed(value) | Self::Refused(value, _) => value,
        }
    }
}

impl<T> TrySendError<T> {
    /// The value that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(value) | Self::Closed(value) | Self::NoMemory(value) => value,
        }
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(_) => f.write_str("Closed"),
            Self::Refused(_, why) => write!(f, "Refused({why:?})"),
        }
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full",
            Self::Closed(_) => "Closed",
            Self::NoMemory(_) => "NoMemory",
        })
    }
}
