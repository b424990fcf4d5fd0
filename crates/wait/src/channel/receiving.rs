//! Receiving: the wait of a receiver.

use super::RecvError;
use super::core::{self, Answer, Claim, Shared, Wish};
use super::select::{Operation, SelectError, sealed};
use crate::WaitError;
use crate::list::Key;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// A receive; see [`Receiver::recv`](super::Receiver::recv). Polled again after its end, it receives the next value.
#[must_use = "it receives when it is awaited"]
pub struct Receiving<'a, T> {
    channel: &'a Shared<T>,
    stage: Stage,
}

enum Stage {
    /// It stands in no queue.
    Here,
    /// It stands in the queue.
    Waiting(Key),
    /// A value is promised to it; dropped, the promise goes on to the next.
    Promised,
}

impl<'a, T> Receiving<'a, T> {
    pub(super) fn new(channel: &'a Shared<T>) -> Self {
        Self { channel, stage: Stage::Here }
    }

    /// Takes a place in the queue.
    fn queue(&mut self, claim: Option<Claim>, waker: &Waker) -> Result<(), WaitError> {
        let wish = Wish { claim, answer: Answer::None };
        let key = self.channel.borrow().wishes.push(waker, wish).map_err(|(_, why)| why)?;
        self.stage = Stage::Waiting(key);
        Ok(())
    }

    /// Leaves the queue, whatever became of it there: with a promise, or as it was before.
    fn step_back(&mut self) {
        let Stage::Waiting(key) = std::mem::replace(&mut self.stage, Stage::Here) else {
            unreachable!("only who waits steps back")
        };
        let left = self.channel.borrow().wishes.leave(key);
        if left.payload.answer == Answer::Done {
            self.stage = Stage::Promised;
        }
    }

    fn fulfil(&mut self) -> Option<T> {
        self.stage = Stage::Here;
        let value = self.channel.borrow().fulfil();
        self.channel.settle();
        value
    }
}

impl<T> Future for Receiving<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Stage::Waiting(key) = &self.stage {
            let mut core = self.channel.borrow();
            let waits = core.wishes.passed_mut(key).is_none() && core.wishes.payload(key).claim.is_none();
            if waits {
                let stale = core.wishes.refresh(key, cx.waker());
                drop(core);
                drop(stale);
                return Poll::Pending;
            }
            drop(core);
            // Served, told that nobody sends (which is found again below), or left over by a select that was forgotten.
            self.step_back();
        }
        if matches!(self.stage, Stage::Promised) {
            return match self.fulfil() {
                Some(value) => Poll::Ready(Ok(value)),
                None => unreachable!("a promised value is kept"),
            };
        }
        let mut core = self.channel.borrow();
        if let Some((value, waker)) = core.take() {
            drop(core);
            core::wake(waker);
            self.channel.settle();
            return Poll::Ready(Ok(value));
        }
        if core.is_drained() {
            return Poll::Ready(Err(RecvError::Closed));
        }
        drop(core);
        match self.queue(None, cx.waker()) {
            Ok(()) => Poll::Pending,
            Err(why) => Poll::Ready(Err(RecvError::Refused(why))),
        }
    }
}

impl<T> Drop for Receiving<'_, T> {
    fn drop(&mut self) {
        if matches!(self.stage, Stage::Waiting(_)) {
            self.step_back();
        }
        if matches!(self.stage, Stage::Promised) {
            let waker = self.channel.borrow().renounce();
            core::wake(waker);
        }
    }
}

impl<T> sealed::Sealed for Receiving<'_, T> {
    fn settle(&mut self) {
        if matches!(self.stage, Stage::Waiting(_)) {
            self.step_back();
        }
    }

    fn attempt(&mut self) -> Result<bool, SelectError> {
        if matches!(self.stage, Stage::Promised) {
            return Ok(true);
        }
        let mut core = self.channel.borrow();
        let Some(promise) = core.promise()? else {
            // No sender left is an end, too; who awaits it finds so again.
            return Ok(core.is_drained());
        };
        self.stage = Stage::Promised;
        drop(core);
        core::wake(promise.0);
        Ok(true)
    }

    fn enroll(&mut self, claim: Claim, waker: &Waker) -> Result<(), WaitError> {
        self.queue(Some(claim), waker)
    }

    fn refresh(&mut self, waker: &Waker) {
        if let Stage::Waiting(key) = &self.stage {
            let stale = self.channel.borrow().wishes.refresh(key, waker);
            drop(stale);
        }
    }
}

impl<T> Operation for Receiving<'_, T> {}

impl<T> fmt::Debug for Receiving<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.stage {
            Stage::Here => "Receiving (not begun)",
            Stage::Waiting(_) => "Receiving",
            Stage::Promised => "Receiving (promised)",
        })
    }
}
