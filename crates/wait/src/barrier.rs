//! Barrier: a number of tasks wait for each other, batch after batch.

use crate::WaitError;
use crate::limits::WAITERS_MAX;
use crate::list::{Key, List};
use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A meeting of `n` tasks: each waits until all have come, then all go on, and the next `n` may meet.
///
/// A task that gives up before its batch is complete counts no more; afterwards giving up changes nothing.
///
/// # Example
/// ```
/// # use windlass_wait::{Barrier, WaitError};
/// # async fn work(barrier: &Barrier) -> Result<(), WaitError> {
/// for _block in 0..3 {
///     // .. this task's part of the block ..
///     if barrier.wait().await?.leader {
///         // .. all parts are done: one of the tasks puts them together ..
///     }
/// }
/// # Ok(()) }
/// ```
pub struct Barrier {
    size: usize,
    state: RefCell<State>,
}

struct State {
    /// Batches that were complete.
    generation: u64,
    /// How many of the next have come.
    arrived: usize,
    /// Each with the generation it waits in; when that is over it goes on, woken or not.
    waiting: List<u64>,
}

/// How a batch met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Met {
    /// Which batch this was, from 0.
    pub generation: u64,
    /// Whether this task is the one of its batch that came last.
    pub leader: bool,
}

/// Why there is no such barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BarrierError {
    /// Nobody would ever come.
    #[error("a barrier is for 1 task at least")]
    Nobody,
    /// More than could wait.
    #[error("a barrier is for {WAITERS_MAX} tasks at most, not for {asked}")]
    TooMany {
        /// Tasks asked for.
        asked: usize,
    },
}

impl Barrier {
    /// For `size` tasks.
    ///
    /// # Errors
    /// `BarrierError` if `size` is 0 or beyond `limits::WAITERS_MAX`.
    pub const fn new(size: usize) -> Result<Self, BarrierError> {
        match size {
            0 => Err(BarrierError::Nobody),
            1..=WAITERS_MAX => {
                Ok(Self { size, state: RefCell::new(State { generation: 0, arrived: 0, waiting: List::new() }) })
            }
            asked => Err(BarrierError::TooMany { asked }),
        }
    }

    /// Waits until a batch is complete; the task has come from the first poll on.
    ///
    /// Cost: constant time; the one who comes last wakes the others.
    ///
    /// # Errors
    /// `WaitError` if it could not begin to wait; it does not count as come.
    pub fn wait(&self) -> Meeting<'_> {
        Meeting { barrier: self, place: None }
    }

    /// Tasks of a batch.
    pub fn size(&self) -> usize {
        self.size
    }

    /// How many of the next batch have come.
    pub fn arrived(&self) -> usize {
        self.state.borrow().arrived
    }

    /// Batches that were complete.
    pub fn generation(&self) -> u64 {
        self.state.borrow().generation
    }

    /// Wakes those who came before this ticket.
    fn wake_before(&self, before: u64) {
        loop {
            let next = self.state.borrow_mut().waiting.pass_before(before, |_| ());
            match next {
                Some(waker) => waker.wake(),
                None => return,
            }
        }
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Barrier {}: {} of {} have come", self.generation(), self.arrived(), self.size)
    }
}

/// The wait for the others; see [`Barrier::wait`].
#[must_use = "it comes when it is awaited"]
pub struct Meeting<'a> {
    barrier: &'a Barrier,
    place: Option<Key>,
}

impl Future for Meeting<'_> {
    type Output = Result<Met, WaitError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let barrier = self.barrier;
        let mut state = barrier.state.borrow_mut();
        let generation = state.generation;
        let Some(key) = self.place.take() else {
            if state.arrived + 1 < barrier.size {
                return match state.waiting.push(cx.waker(), generation) {
                    Ok(key) => {
                        state.arrived += 1;
                        self.place = Some(key);
                        Poll::Pending
                    }
                    Err((_, why)) => Poll::Ready(Err(why)),
                };
            }
            state.arrived = 0;
            state.generation += 1;
            let before = state.waiting.next_ticket();
            drop(state);
            barrier.wake_before(before);
            return Poll::Ready(Ok(Met { generation, leader: true }));
        };
        let mine = *state.waiting.payload(&key);
        if mine < generation {
            let left = state.waiting.leave(key);
            drop(state);
            drop(left);
            return Poll::Ready(Ok(Met { generation: mine, leader: false }));
        }
        let stale = state.waiting.refresh(&key, cx.waker());
        self.place = Some(key);
        drop(state);
        drop(stale);
        Poll::Pending
    }
}

impl Drop for Meeting<'_> {
    fn drop(&mut self) {
        let Some(key) = self.place.take() else { return };
        let mut state = self.barrier.state.borrow_mut();
        let left = state.waiting.leave(key);
        if left.payload == state.generation {
            state.arrived -= 1;
        }
        drop(state);
        drop(left);
    }
}

impl fmt::Debug for Meeting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meeting")
    }
}
