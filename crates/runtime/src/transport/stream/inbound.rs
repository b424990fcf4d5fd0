//! Inbound: what arrived in a stream becomes frames, and those become calls.
//!
//! Lives here: `Inbound` (bytes of a frame that is not whole yet), `one`.
//! Holds: a frame is taken whole or not at all; what cannot be a frame ends the session in words.

use super::gather;
use crate::core::Core;
use crate::session::Session;
use std::rc::Rc;
use windlass_contract::frame::{self, Frame};
use windlass_contract::slot::Kind;
use windlass_contract::{Code, Fault};

/// What arrived and is no whole frame yet.
#[derive(Debug, Default)]
pub(super) struct Inbound(Vec<u8>);

impl Inbound {
    /// Whether a frame has begun and not ended.
    pub(super) fn waits(&self) -> bool {
        !self.0.is_empty()
    }

    /// Takes what arrived.
    ///
    /// # Errors
    /// A Fault that ends the session.
    pub(super) fn take(&mut self, core: &Rc<Core>, from: &Rc<Session>, arrived: &[u8]) -> Result<(), Fault> {
        if self.0.is_empty() {
            let used = frames(core, from, arrived)?;
            self.0.extend_from_slice(&arrived[used..]);
            return Ok(());
        }
        self.0.extend_from_slice(arrived);
        let used = frames(core, from, &self.0)?;
        self.0.drain(..used);
        Ok(())
    }
}

/// Takes the whole frames of these bytes; answers how many bytes they are.
fn frames(core: &Rc<Core>, from: &Rc<Session>, bytes: &[u8]) -> Result<usize, Fault> {
    let mut used = 0;
    while !from.has_ended() {
        let taken = frame::take(&bytes[used..])
            .map_err(|error| Fault::new(Code::SessionEnded, format!("a frame of the client: {error}")))?;
        let Some((frame, length)) = taken else { break };
        used += length;
        one(core, from, frame)?;
    }
    Ok(used)
}

fn one(core: &Rc<Core>, from: &Rc<Session>, frame: Frame<'_>) -> Result<(), Fault> {
    let stranger = |what: &str| Err(Fault::new(Code::SessionEnded, format!("a client does not send {what}")));
    match frame {
        Frame::Slot(slot, arguments) => match slot.kind {
            Kind::Call => gather::call(core, from, slot, arguments),
            Kind::Cancel => {
                if !gather::cancel(from, slot.call) {
                    crate::host::cancel_by_client(core, from, slot.call);
                }
                Ok(())
            }
            Kind::Release => stranger("releases in a stream: nothing is leased there"),
            Kind::Chunk | Kind::Credit | Kind::Invoke | Kind::InvokeReply => {
                stranger("slots of reserved kinds: version 1 of the protocol does not use them")
            }
        },
        Frame::Chunk(chunk) => gather::chunk(core, from, &chunk),
        Frame::Credit(bytes) => match from.stream() {
            Some(stream) => stream.credit(bytes),
            None => Ok(()),
        },
        Frame::Bye { .. } => {
            from.leave(&Fault::new(Code::SessionEnded, "the client said bye"));
            Ok(())
        }
        Frame::Completion(..) => stranger("completions"),
        Frame::Hello(..) => stranger("a second hello"),
        Frame::Welcome(_) => stranger("a welcome"),
    }
}
