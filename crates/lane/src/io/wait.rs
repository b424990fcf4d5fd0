//! The future of one operation.
//!
//! Lives here: `Wait`, and `whole` (one after another until all bytes have passed).
//! Holds: dropped before its end, it gives its operation up; nothing of it is lost or left behind.

use super::{Done, Io, Ticket};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use windlass_driver::{IoBuffer, IoError, Operation, Value};

/// Waits for one operation.
#[derive(Debug)]
#[must_use = "an operation is waited for"]
pub struct Wait {
    io: Io,
    state: State,
}

#[derive(Debug)]
enum State {
    UnderWay(Ticket),
    Refused(Operation),
    Over,
}

impl Wait {
    /// Starts an operation. One that `Io` has no room for ends with `TooManyOperations`.
    pub fn new(io: &Io, operation: Operation) -> Self {
        let state = match io.start(operation) {
            Ok(ticket) => State::UnderWay(ticket),
            Err(operation) => State::Refused(operation),
        };
        Self { io: io.clone(), state }
    }

    /// Waits for an operation that was started before.
    pub(super) fn resumed(io: &Io, ticket: Ticket) -> Self {
        Self { io: io.clone(), state: State::UnderWay(ticket) }
    }

    /// Leaves the operation to whoever takes the ticket; `None` if it has ended.
    pub(super) fn take(&mut self) -> Option<Ticket> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::UnderWay(ticket) => Some(ticket),
            _ => None,
        }
    }

    /// Asks the operation to end early, for whoever keeps its ticket.
    pub(super) fn cancel(&self, ticket: &Ticket) {
        self.io.cancel(ticket);
    }

    /// Waits for one that has no buffer.
    pub(super) async fn value(self) -> Result<Value, IoError> {
        self.await.result
    }

    /// Waits for one that transfers bytes.
    pub(super) async fn bytes(self) -> (Result<usize, IoError>, IoBuffer) {
        transferred(self.await)
    }
}

impl Future for Wait {
    type Output = Done;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::UnderWay(ticket) => {
                let polled = self.io.poll(&ticket, cx.waker());
                if polled.is_pending() {
                    self.state = State::UnderWay(ticket);
                }
                polled
            }
            State::Refused(operation) => {
                Poll::Ready(Done { result: Err(IoError::TooManyOperations), buffer: operation.into_buffer() })
            }
            State::Over => Poll::Ready(Done { result: Err(IoError::NotRegistered), buffer: None }),
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(ticket) = self.take() {
            self.io.give_up(ticket);
        }
    }
}

/// What an operation with a buffer came to.
pub(super) fn transferred(done: Done) -> (Result<usize, IoError>, IoBuffer) {
    let result = match done.result {
        Ok(Value::Bytes(count)) => Ok(count),
        Ok(_) => Err(unexpected()),
        Err(error) => Err(error),
    };
    // A driver gives each buffer back; an empty one keeps the promise of the types if one ever did not.
    (result, done.buffer.unwrap_or_else(|| IoBuffer::from_vec(Vec::new())))
}

/// Repeats a transfer until the buffer's whole range has passed; `Some` tells after how many bytes nothing more passed. The
/// buffer comes back with the range that it came with.
pub(super) async fn whole(
    mut buffer: IoBuffer,
    mut pass: impl AsyncFnMut(IoBuffer) -> (Result<usize, IoError>, IoBuffer),
) -> (Result<Option<usize>, IoError>, IoBuffer) {
    let whole = buffer.range();
    let mut done = 0;
    let mut result = Ok(None);
    while done < whole.len() && matches!(result, Ok(None)) {
        let lies = buffer.set_range(whole.start + done..whole.end);
        debug_assert!(lies, "it is part of the range that the buffer came with");
        let (passed, given_back) = pass(buffer).await;
        buffer = given_back;
        match passed {
            Ok(0) => result = Ok(Some(done)),
            Ok(count) => done += count,
            Err(error) => result = Err(error),
        }
    }
    let _lies_in_it = buffer.set_range(whole);
    (result, buffer)
}

/// A driver answered an operation with something else than its `Value`.
pub(super) fn unexpected() -> IoError {
    IoError::System(std::io::Error::other("the driver answered something else than was asked"))
}
