//! Sending: the wait of a sender, with its value.

use super::core::{self, Answer, Claim, Offer, Shared};
use super::select::{Operation, SelectError, sealed};
use super::{SendError, TrySendError};
use crate::WaitError;
use crate::list::Key;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// A send; see [`Sender::send`](super::Sender::send). Polled again after its end, it stays pending.
#[must_use = "it sends when it is awaited"]
pub struct Sending<'a, T> {
    channel: &'a Shared<T>,
    stage: Stage<T>,
}

enum Stage<T> {
    /// It has its value and stands in no queue.
    Here(T),
    /// The value stands in the queue with it.
    Waiting(Key),
    /// The channel has the value, and who awaits it does not know yet.
    Sent,
    /// Who awaits it knows.
    Ended,
}

impl<'a, T> Sending<'a, T> {
    pub(super) fn new(channel: &'a Shared<T>, value: T) -> Self {
        Self { channel, stage: Stage::Here(value) }
    }

    /// Sends at once or takes a place in the queue; of a select only if no other operation has won.
    fn begin(&mut self, value: T, claim: Option<Claim>, waker: &Waker) -> Result<(), SendError<T>> {
        let mut core = self.channel.borrow();
        let value = match core.offer(value) {
            Ok(wake) => {
                self.stage = Stage::Sent;
                drop(core);
                if let Some(claim) = claim {
                    claim.win();
                }
                core::wake(wake);
                return Ok(());
            }
            Err(TrySendError::Closed(value)) => return Err(SendError::Closed(value)),
            Err(TrySendError::NoMemory(value)) => return Err(SendError::Refused(value, WaitError::NoMemory)),
            Err(TrySendError::Full(value)) => value,
        };
        match core.offers.push(waker, Offer { value: Some(value), claim, answer: Answer::None }) {
            Ok(key) => {
                self.stage = Stage::Waiting(key);
                Ok(())
            }
            Err((offer, why)) => match offer.value {
                Some(value) => Err(SendError::Refused(value, why)),
                None => unreachable!("it was put there a moment ago"),
            },
        }
    }

    /// Leaves the queue, whatever became of it there: sent, or with its value again.
    fn step_back(&mut self) {
        let Stage::Waiting(key) = std::mem::replace(&mut self.stage, Stage::Sent) else {
            unreachable!("only who waits steps back")
        };
        let left = self.channel.borrow().offers.leave(key);
        if let Some(value) = left.payload.value {
            self.stage = Stage::Here(value);
        }
    }
}

// Its value is never borrowed in place, so it may move at any time.
impl<T> Unpin for Sending<'_, T> {}

impl<T> Future for Sending<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Stage::Waiting(key) = &self.stage {
            let mut core = self.channel.borrow();
            let waits = core.offers.passed_mut(key).is_none() && core.offers.payload(key).claim.is_none();
            if waits {
                let stale = core.offers.refresh(key, cx.waker());
                drop(core);
                drop(stale);
                return Poll::Pending;
            }
            drop(core);
            // Served, told that nobody receives (which `begin` finds again), or left over by a select that was forgotten.
            self.step_back();
        }
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Here(value) => match self.begin(value, None, cx.waker()) {
                Ok(()) if matches!(self.stage, Stage::Sent) => {
                    self.stage = Stage::Ended;
                    Poll::Ready(Ok(()))
                }
                Ok(()) => Poll::Pending,
                Err(why) => Poll::Ready(Err(why)),
            },
            Stage::Sent => Poll::Ready(Ok(())),
            Stage::Ended | Stage::Waiting(_) => Poll::Pending,
        }
    }
}

impl<T> Drop for Sending<'_, T> {
    fn drop(&mut self) {
        if let Stage::Waiting(key) = std::mem::replace(&mut self.stage, Stage::Ended) {
            // What comes back may be a value, which goes when nothing is borrowed.
            let left = self.channel.borrow().offers.leave(key);
            drop(left);
        }
    }
}

impl<T> sealed::Sealed for Sending<'_, T> {
    fn attempt(&mut self) -> Result<bool, SelectError> {
        if matches!(self.stage, Stage::Waiting(_)) {
            self.step_back();
        }
        let value = match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Here(value) => value,
            Stage::Sent => {
                self.stage = Stage::Sent;
                return Ok(true);
            }
            Stage::Ended | Stage::Waiting(_) => return Err(SelectError::Ended),
        };
        let offered = self.channel.borrow().offer(value);
        match offered {
            Ok(wake) => {
                self.stage = Stage::Sent;
                core::wake(wake);
                Ok(true)
            }
            Err(TrySendError::Full(value)) => {
                self.stage = Stage::Here(value);
                Ok(false)
            }
            Err(TrySendError::NoMemory(value)) => {
                self.stage = Stage::Here(value);
                Err(SelectError::Refused(WaitError::NoMemory))
            }
            // Who awaits it finds so again: it stays closed.
            Err(TrySendError::Closed(value)) => {
                self.stage = Stage::Here(value);
                Ok(true)
            }
        }
    }

    fn enroll(&mut self, claim: Claim, waker: &Waker) -> Result<(), WaitError> {
        if claim.is_over() {
            return Ok(());
        }
        let Stage::Here(value) = std::mem::replace(&mut self.stage, Stage::Ended) else {
            unreachable!("an attempt has left it with its value")
        };
        let (value, told) = match self.begin(value, Some(claim.clone()), waker) {
            Ok(()) => return Ok(()),
            Err(SendError::Refused(value, why)) => (value, Err(why)),
            Err(SendError::Closed(value)) => {
                claim.win();
                (value, Ok(()))
            }
        };
        self.stage = Stage::Here(value);
        told
    }

    fn refresh(&mut self, waker: &Waker) {
        if let Stage::Waiting(key) = &self.stage {
            let stale = self.channel.borrow().offers.refresh(key, waker);
            drop(stale);
        }
    }

    fn settle(&mut self) {
        if matches!(self.stage, Stage::Waiting(_)) {
            self.step_back();
        }
    }
}

impl<T> Operation for Sending<'_, T> {}

impl<T> fmt::Debug for Sending<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.stage {
            Stage::Here(_) => "Sending (not begun)",
            Stage::Waiting(_) => "Sending",
            Stage::Sent | Stage::Ended => "Sending (sent)",
        })
    }
}
