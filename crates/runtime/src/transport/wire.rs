//! Control messages of a session: segments change hands.
//!
//! From: the session's socket, when the worker hears that something waits. To: the session's segments.
//! Holds: each request gets one answer, `segment`, `accepted` or `refused`; a bye, a hang-up or garbage ends the session.

use super::ring::Ring;
use crate::core::Core;
use crate::limits::CONTROLS_PER_TURN;
use crate::session::Session;
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use windlass_contract::control::{Control, ControlKind, DATAGRAM_BYTES_MAX};
use windlass_contract::{Code, Fault};
use windlass_memory::passing::{is_full, is_half_full, recv_with_fds, send_with_fds};
use windlass_memory::{Frozen, FrozenError, SegmentId};

/// Serves what waits on the socket, at most `CONTROLS_PER_TURN` messages.
///
/// # Errors
/// A Fault that ends the session.
pub(crate) fn serve(core: &Rc<Core>, session: &Rc<Session>) -> Result<(), Fault> {
    let Some(ring) = session.ring() else { return Ok(()) };
    let mut datagram = [0; DATAGRAM_BYTES_MAX];
    for _ in 0..CONTROLS_PER_TURN {
        let (length, descriptors) = match recv_with_fds(ring.socket(), &mut datagram, 1) {
            Ok((0, _)) => {
                session.leave(&Fault::new(Code::SessionEnded, "the client hung up"));
                return Ok(());
            }
            Ok(received) => received,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(Fault::new(Code::SessionEnded, format!("the session's socket: {error}"))),
        };
        let message = Control::decode(&datagram[..length])
            .map_err(|error| Fault::new(Code::SessionEnded, format!("control message: {error}")))?;
        one(core, session, ring, &message, descriptors)?;
    }
    Ok(())
}

fn one(
    core: &Rc<Core>,
    session: &Rc<Session>,
    ring: &Ring,
    message: &Control,
    descriptors: Vec<OwnedFd>,
) -> Result<(), Fault> {
    let answered = match message.kind {
        ControlKind::Grow => session.grow(core, message.length).map(|(segment, bytes, fd)| {
            (Control::new(ControlKind::Segment, segment, bytes, message.request), Some(fd))
        }),
        ControlKind::Frozen => frozen(core, session, message, descriptors).map(|()| {
            (Control::new(ControlKind::Accepted, message.segment, message.length, message.request), None)
        }),
        ControlKind::Bye => {
            session.leave(&Fault::new(Code::SessionEnded, "the client said bye"));
            return Ok(());
        }
        other => {
            return Err(Fault::new(Code::SessionEnded, format!("a client does not send {other:?}")));
        }
    };
    let (answer, fd) = answered.unwrap_or_else(|fault| {
        let mut refusal = Control::new(ControlKind::Refused, message.segment, message.length, message.request);
        refusal.code = fault.code;
        refusal.text = fault.message;
        (refusal, None)
    });
    send(ring, &answer, fd.as_ref().map(AsFd::as_fd))
}

/// Sends a message; a client that lets its socket fill up is ended.
pub(crate) fn send(ring: &Ring, message: &Control, fd: Option<BorrowedFd<'_>>) -> Result<(), Fault> {
    send_with_fds(ring.socket(), &message.encode(), fd.as_slice())
        .map_err(|error| Fault::new(Code::SessionEnded, format!("the client does not read its socket: {error}")))
}

/// Sends the message about memory that is shown. A client that has not read those before has to wait for its calls first; half of
/// the socket is left to messages that cannot wait.
///
/// # Errors
/// `QueueFull` when the socket, or the system, takes no descriptor more just now; what ends the session otherwise.
pub(crate) fn send_shown(ring: &Ring, message: &Control, fd: BorrowedFd<'_>) -> Result<(), Fault> {
    let trouble = |error| match is_full(&error) {
        true => full(),
        false => Fault::new(Code::SessionEnded, format!("the session's socket: {error}")),
    };
    if is_half_full(ring.socket()).map_err(trouble)? {
        return Err(full());
    }
    send_with_fds(ring.socket(), &message.encode(), &[fd]).map_err(trouble)
}

fn full() -> Fault {
    Fault::new(
        Code::QueueFull,
        "as many views are on their way as the system takes; take the answers of earlier calls first",
    )
}

fn frozen(
    core: &Rc<Core>,
    session: &Rc<Session>,
    message: &Control,
    mut descriptors: Vec<OwnedFd>,
) -> Result<(), Fault> {
    let bad = |text: String| Fault::new(Code::BadFrozen, text);
    if !message.segment.is_frozen() || message.segment == SegmentId::NONE {
        return Err(bad(format!("id {:#x} is not one for frozen segments", message.segment.0)));
    }
    let fd = descriptors.pop().ok_or_else(|| bad("no descriptor came with it".into()))?;
    let limit = session.bytes_left(core);
    let frozen = Frozen::accept(fd, message.length, limit).map_err(|error| match error {
        FrozenError::TooLong { .. } | FrozenError::NoMemory { .. } => {
            Fault::new(Code::NoMemory, error.to_string())
        }
        _ => bad(error.to_string()),
    })?;
    session.take_frozen(core, message.segment, frozen)
}
