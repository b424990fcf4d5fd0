//! Select: the first of several sends and receives that can be done, and no other.
//!
//! Holds: of the operations of one select, one is done or none. While it waits, each stands in its channel's queue with a claim;
//! whoever serves the first of them takes the claim, and the others are passed over.
//! Which one is taken, when several can be done at once, rotates: the one behind the last winner is asked first. There is no
//! chance in it, so a run can be repeated.

use super::core::Claim;
use crate::WaitError;
use crate::limits::OPERATIONS_MAX;
use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// What [`Sending`](super::Sending) and [`Receiving`](super::Receiving) are to a select.
pub trait Operation: sealed::Sealed {}

pub(super) mod sealed {
    //! What an operation can do; for this crate's two alone.

    use super::{Claim, SelectError};
    use crate::WaitError;
    use std::task::Waker;

    /// A send or a receive.
    pub trait Sealed {
        /// Leaves its queue: it is as it was before it stood there, or done if it was served.
        fn settle(&mut self);
        /// Does it now if that is possible. `true`: to await it is ready.
        fn attempt(&mut self) -> Result<bool, SelectError>;
        /// Stands in the queue for the select, after an attempt that could not be done.
        fn enroll(&mut self, claim: Claim, waker: &Waker) -> Result<(), WaitError>;
        /// Notes who is to be woken now.
        fn refresh(&mut self, waker: &Waker);
    }
}

/// Chooses among operations, and remembers whose turn it is. Kept from one choice to the next it is fair: an operation that
/// can always be done is done at the latest when all the others have had their turn.
///
/// # Example
/// ```
/// # use windlass_wait::{Receiver, Select, Sender};
/// # async fn merge(left: Receiver<u32>, right: Receiver<u32>, out: Sender<u32>) -> Result<(), Box<dyn std::error::Error>> {
/// let mut select = Select::new();
/// loop {
///     let (mut from_left, mut from_right) = (left.recv(), right.recv());
///     let value = match select.first(&mut [&mut from_left, &mut from_right]).await? {
///         0 => from_left.await?, // ready: the select has done it
///         _ => from_right.await?,
///     };
///     out.send(value).await?;
/// }
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Select {
    /// The operation that is asked first next time.
    first: usize,
}

/// Why nothing was chosen. None of the operations is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// There are no operations: this would wait for ever.
    #[error("a select is among 1 operation at least")]
    Nothing,
    /// More operations than a select may have.
    #[error("a select is among {OPERATIONS_MAX} operations at most, not {asked}")]
    TooMany {
        /// Operations given.
        asked: usize,
    },
    /// A send among them has ended and has no value to send.
    #[error("a send that has ended cannot be chosen again")]
    Ended,
    /// It could not begin to wait.
    #[error(transparent)]
    Refused(#[from] WaitError),
}

impl Select {
    /// The first operation is asked first.
    pub const fn new() -> Self {
        Self { first: 0 }
    }

    /// Waits until one of the operations can be done, and answers which one. To await that one is ready then, with a value or
    /// with an error; the others are as if they had never been polled, a send with its value, and may be used again.
    ///
    /// Dropped before its end, it leaves all as they were, but for one that was won already: that one is ready.
    ///
    /// Cost: one look at each operation; if none can be done, a place in each one's queue and one allocation.
    ///
    /// # Errors
    /// `SelectError`; no operation is done.
    pub fn first<'a, 'o>(&'a mut self, operations: &'a mut [&'o mut (dyn Operation + 'o)]) -> Selecting<'a, 'o> {
        Selecting { select: self, operations, winner: None }
    }

    /// The same without waiting: `None` if none of the operations can be done now.
    ///
    /// # Errors
    /// `SelectError`; no operation is done.
    pub fn try_first<'o>(
        &mut self,
        operations: &mut [&'o mut (dyn Operation + 'o)],
    ) -> Result<Option<usize>, SelectError> {
        let number = operations.len();
        match number {
            0 => return Err(SelectError::Nothing),
            1..=OPERATIONS_MAX => {}
            asked => return Err(SelectError::TooMany { asked }),
        }
        // Leaving a queue drops a waker, which may run anything; from here to the last place taken nothing does.
        operations.iter_mut().for_each(|operation| operation.settle());
        for step in 0..number {
            let index = (self.first + step) % number;
            if operations[index].attempt()? {
                self.won(index);
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    fn won(&mut self, index: usize) {
        self.first = index + 1;
    }
}

/// The wait for the first; see [`Select::first`].
#[must_use = "it chooses when it is awaited"]
pub struct Selecting<'a, 'o> {
    select: &'a mut Select,
    operations: &'a mut [&'o mut (dyn Operation + 'o)],
    /// While they stand in their queues: who has won.
    winner: Option<Rc<Cell<Option<usize>>>>,
}

impl Selecting<'_, '_> {
    fn enroll(&mut self, cx: &Context<'_>) -> Result<(), WaitError> {
        let winner = self.winner.insert(Rc::default());
        let operations = self.operations.iter_mut().enumerate();
        for (index, operation) in operations {
            operation.enroll(Claim::new(winner.clone(), index), cx.waker())?;
        }
        Ok(())
    }

    /// Takes them out of their queues.
    fn settle(&mut self) {
        if self.winner.take().is_some() {
            self.operations.iter_mut().for_each(|operation| operation.settle());
        }
    }

    fn winner(&self) -> Option<usize> {
        self.winner.as_ref()?.get()
    }
}

impl Future for Selecting<'_, '_> {
    type Output = Result<usize, SelectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.winner.is_none() {
            match this.select.try_first(this.operations) {
                Ok(None) => {}
                Ok(Some(index)) => return Poll::Ready(Ok(index)),
                Err(why) => return Poll::Ready(Err(why)),
            }
            if let Err(why) = this.enroll(cx) {
                this.settle();
                return Poll::Ready(Err(why.into()));
            }
        } else if this.winner().is_none() {
            this.operations.iter_mut().for_each(|operation| operation.refresh(cx.waker()));
        }
        let Some(index) = this.winner() else { return Poll::Pending };
        this.settle();
        this.select.won(index);
        Poll::Ready(Ok(index))
    }
}

impl Drop for Selecting<'_, '_> {
    fn drop(&mut self) {
        self.settle();
    }
}

impl fmt::Debug for Selecting<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Selecting among {}", self.operations.len())
    }
}
