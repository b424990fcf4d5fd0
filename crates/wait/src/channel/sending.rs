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

    /// Sends at once or takes a place in the queue.
    fn begin(&mut self, value: T, waker: &Waker) -> Result<(), SendError<T>> {
        let offered = self.channel.borrow().offer(value);
        match offered {
            Ok(wake) => {
                self.stage = Stage::Sent;
                core::wake(wake);
                Ok(())
            }
            Err(TrySendError::Closed(value)) => Err(SendError::Closed(value)),
            Err(TrySendError::NoMemory(value)) => Err(SendError::Refused(value, WaitError::NoMemory)),
            Err(TrySendError::Full(value)) => {
                self.queue(value, None, waker).map_err(|(value, why)| SendError::Refused(value, why))
            }
        }
    }

    /// Takes a place in the queue.
    fn queue(&mut self, value: T, claim: Option<Claim>, waker: &Waker) -> Result<(), (T, WaitError)> {
        let offer = Offer { value: Some(value), claim, answer: Answer::None };
        let pushed = self.channel.borrow().offers.push(waker, offer);
        match pushed {
            Ok(key) => {
                self.stage = Stage::Waiting(key);
                Ok(())
            }
            Err((Offer { value: Some(value), .. }, why)) => Err((value, why)),
            Err((Offer { value: None, .. }, _)) => unreachable!("it was put there a moment ago"),
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
            Stage::Here(value) => match self.begin(value, cx.waker()) {
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
    fn settle(&mut self) {
        if matches!(self.stage, Stage::Waiting(_)) {
            self.step_back();
        }
    }

    fn attempt(&mut self) -> Result<bool, SelectError> {
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
        let Stage::Here(value) = std::mem::replace(&mut self.stage, Stage::Ended) else {
            unreachable!("an attempt has left it with its value")
        };
        self.queue(value, Some(claim), waker).map_err(|(value, why)| {
            self.stage = Stage::Here(value);
            why
        })
    }

    fn refresh(&mut self, waker: &Waker) {
        if let Stage::Waiting(key) = &self.stage {
            let stale = self.channel.borrow().offers.refresh(key, waker);
            drop(stale);
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
