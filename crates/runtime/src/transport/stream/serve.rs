//! Serving a stream: one task reads its socket, one writes it.
//!
//! Lives here: `begin` (both tasks of a session), `Sleep` (a moment that a task waits for).
//! From: `greet` for Unix sockets, `tcp`. To: `inbound`; from `Stream`, what is to be sent.
//! Holds: a frame that has begun ends in time; a client that does not read what is sent to it when its session ends is not
//! waited for; both tasks end with the session, and with them its socket.

use super::gather;
use super::inbound::Inbound;
use crate::core::{Alarm, Core};
use crate::limits::{STREAM_FRAME_NS, STREAM_LAST_WORDS_NS, STREAM_READ_BYTES, STREAM_READ_BYTES_MAX};
use crate::session::Session;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use windlass_contract::{Code, Fault};
use windlass_driver::{IoBuffer, Nanos};
use windlass_lane::io::{Reader, Socket, Writer};
use windlass_lane::{TaskOptions, TimerId};

/// Begins the tasks of a session that came to be; `rest` has arrived already.
///
/// # Errors
/// `QueueFull` when the worker has no room for tasks.
pub(crate) fn begin(core: &Rc<Core>, session: &Rc<Session>, socket: Socket, rest: Vec<u8>) -> Result<(), Fault> {
    let (reader, writer) = socket.split();
    let reads = read(core.clone(), session.clone(), reader, rest);
    let writes = write(core.clone(), session.clone(), writer);
    let task = |what: &str| TaskOptions::new(format!("session {} {what}", session.number)).system();
    let full = |error| Fault::new(Code::QueueFull, format!("no task for the session: {error}"));
    core.lanes.spawn(task("reads"), reads).map_err(full)?.detach();
    core.lanes.spawn(task("writes"), writes).map_err(full)?.detach();
    Ok(())
}

/// What the reading task woke for.
enum Woke {
    Came(Result<usize, windlass_driver::IoError>, IoBuffer),
    Due,
    Over,
}

async fn read(core: Rc<Core>, session: Rc<Session>, mut reader: Reader, rest: Vec<u8>) {
    let Some(stream) = session.stream() else { return };
    let mut inbound = Inbound::default();
    if let Err(fault) = inbound.take(&core, &session, &rest) {
        return session.end(&fault);
    }
    drop(rest);
    let mut room = STREAM_READ_BYTES;
    let mut buffer = IoBuffer::from_vec(vec![0; room]);
    // When the frame that is not whole has to be.
    let mut frame_due = if inbound.waits() { core.now().saturating_add(STREAM_FRAME_NS) } else { Nanos::MAX };
    while !session.has_ended() && !core.streams.stopping.get() {
        let mut receiving = pin!(reader.receive(buffer));
        let (came, given_back) = loop {
            let mut sleep = Sleep::until(&core, frame_due.min(gather::next_due(&session)));
            let woke = poll_fn(|context| {
                if session.has_ended() || core.streams.stopping.get() {
                    return Poll::Ready(Woke::Over);
                }
                if let Poll::Ready((came, buffer)) = receiving.as_mut().poll(context) {
                    return Poll::Ready(Woke::Came(came, buffer));
                }
                if Pin::new(&mut sleep).poll(context).is_ready() {
                    return Poll::Ready(Woke::Due);
                }
                *stream.reader.borrow_mut() = Some(context.waker().clone());
                Poll::Pending
            });
            match woke.await {
                Woke::Came(came, buffer) => break (came, buffer),
                Woke::Over => return,
                Woke::Due => {
                    let now = core.now();
                    gather::expire(&session, now);
                    if now >= frame_due {
                        let text =
                            format!("a frame did not come whole within {} s", STREAM_FRAME_NS / 1_000_000_000);
                        return session.end(&Fault::new(Code::SessionEnded, text));
                    }
                }
            }
        };
        buffer = given_back;
        let count = match came {
            Ok(0) => return session.leave(&Fault::new(Code::SessionEnded, "the client hung up")),
            Ok(count) => count,
            Err(error) => {
                let text = format!("the session's socket: {error}");
                return session.leave(&Fault::new(Code::SessionEnded, text));
            }
        };
        let Some(bytes) = buffer.as_slice().and_then(|bytes| bytes.get(..count)) else {
            return session.end(&Fault::new(Code::Internal, "more bytes came than there was room for"));
        };
        if let Err(fault) = inbound.take(&core, &session, bytes) {
            return session.end(&fault);
        }
        frame_due = if inbound.waits() { core.now().saturating_add(STREAM_FRAME_NS) } else { Nanos::MAX };
        // Whoever sends much gets room for much; a quiet session costs little.
        if count == room && room < STREAM_READ_BYTES_MAX {
            room = (4 * room).min(STREAM_READ_BYTES_MAX);
            buffer = IoBuffer::from_vec(vec![0; room]);
        }
    }
}

async fn write(core: Rc<Core>, session: Rc<Session>, mut writer: Writer) {
    let Some(stream) = session.stream() else { return };
    let mut bytes = Vec::new();
    while let Some(answers) = poll_fn(|context| stream.fill(&mut bytes, context)).await {
        let mut sending = pin!(writer.send_all(IoBuffer::from_vec(std::mem::take(&mut bytes))));
        let mut last: Option<Sleep> = None;
        let sent = poll_fn(|context| {
            if let Poll::Ready(sent) = sending.as_mut().poll(context) {
                return Poll::Ready(Some(sent));
            }
            if !stream.over.get() {
                *stream.writer.borrow_mut() = Some(context.waker().clone());
                return Poll::Pending;
            }
            let at = core.now().saturating_add(STREAM_LAST_WORDS_NS);
            Pin::new(last.get_or_insert_with(|| Sleep::until(&core, at))).poll(context).map(|()| None)
        });
        match sent.await {
            Some((Ok(()), buffer)) => {
                stream.sent(answers);
                bytes = buffer.into_vec();
                bytes.clear();
            }
            Some((Err(error), _)) => {
                return session.leave(&Fault::new(Code::SessionEnded, format!("the session's socket: {error}")));
            }
            // The client does not read, and its session has ended.
            None => return,
        }
    }
    // The peer may be gone.
    let _may_be_closed = writer.shutdown().await;
}

/// A moment that a task waits for; `Nanos::MAX` never comes.
pub(super) struct Sleep {
    core: Rc<Core>,
    at: Nanos,
    set: Option<TimerId>,
}

impl Sleep {
    pub(super) fn until(core: &Rc<Core>, at: Nanos) -> Self {
        Self { core: core.clone(), at, set: None }
    }
    fn unset(&mut self) {
        if let Some(set) = self.set.take() {
            let gone = self.core.timers.borrow_mut().cancel(set);
            drop(gone);
        }
    }
}

impl Future for Sleep {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.at == Nanos::MAX {
            return Poll::Pending;
        }
        if self.core.now() >= self.at {
            return Poll::Ready(());
        }
        self.unset();
        let set = self.core.timers.borrow_mut().set(self.at, Alarm::Wake(context.waker().clone()));
        self.set = set;
        // With every timer of the node in use this moment is looked for when something else comes.
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.unset();
    }
}
