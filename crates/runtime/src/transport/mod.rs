//! Transport: a peer's bytes become checked values, once.
//!
//! Lives here: `take` (a slot and what it points to), `Arrived`, `Transport` (what the ways of a session's bytes have in
//! common) and its two, `ring` (shared memory) and `stream` (frames over a socket); `buffers` (what a call's buffers became),
//! `greet` (hello to session), `wire` (control messages).
//! From: an entry that the ring's consumer copied, or a frame. To: `session`.
//! Holds: bytes are copied, then checked, then used. After this room nothing of a call lies in memory that a peer writes,
//! but what its method asked for as `SharedBytes`. No assertion depends on a peer's bytes.

pub(crate) mod buffers;
pub(crate) mod greet;
pub(crate) mod ring;
pub(crate) mod stream;
pub(crate) mod wire;

use crate::core::Core;
use crate::reply::{Answer, Refused, ReplySlot};
use crate::session::{ResultRoom, Session};
use buffers::Backing;
use std::rc::Rc;
use windlass_contract::head::{Head, HeadError};
use windlass_contract::limits::ARGUMENT_BYTES_MAX;
use windlass_contract::slot::{FLAG_DETACHED, Kind, Slot, SlotError};
use windlass_contract::{CallId, Code, Fault};
use windlass_memory::SegmentId;
use windlass_memory::hooks::{Plant, planted};
use windlass_memory::ring::Entry;

/// What a session needs of the way its bytes travel.
///
/// Holds: an answer is published whole and once; it has room, because calls are accepted only while theirs have.
pub(crate) trait Transport {
    /// How many calls may be out.
    fn calls(&self) -> u32;
    /// Bytes of shared memory that it takes by itself.
    fn segment_bytes(&self) -> u64;
    /// The next entry that its client published, copied; `None` where entries are brought and not fetched.
    fn next_entry(&self) -> Option<Entry>;
    /// Whether the answers of so many calls have room.
    ///
    /// # Errors
    /// `SessionEnded`: the client says what cannot be.
    fn has_room(&self, calls: u32) -> Result<bool, Fault>;
    /// Publishes the answer of a call; `room` keeps what it stands in until the call slot is used again.
    ///
    /// # Errors
    /// A Fault that ends the session.
    fn answer(
        &self,
        session: &Session,
        call: CallId,
        answer: &Answer<'_>,
        room: &mut Option<ResultRoom>,
    ) -> Result<(), Fault>;
    /// Tells the client what was published since; once a turn.
    fn announce(&self);
    /// Tells the client that the session has ended, and why.
    fn end(&self, core: Option<&Rc<Core>>, why: &Fault);
}

/// The way of one session's bytes: one of two, known when it is built, so that each of its steps is a direct call.
pub(crate) enum Via {
    /// Shared memory.
    Ring(ring::Ring),
    /// A socket.
    Stream(stream::Stream),
    /// It went to another worker with its session, of which this is what is left.
    Gone,
}

macro_rules! either {
    ($via:expr, $one:ident => $step:expr, $gone:expr) => {
        match $via {
            Via::Ring($one) => $step,
            Via::Stream($one) => $step,
            Via::Gone => $gone,
        }
    };
}

impl Transport for Via {
    fn calls(&self) -> u32 {
        either!(self, one => one.calls(), 0)
    }
    fn segment_bytes(&self) -> u64 {
        either!(self, one => one.segment_bytes(), 0)
    }
    #[inline]
    fn next_entry(&self) -> Option<Entry> {
        either!(self, one => one.next_entry(), None)
    }
    #[inline]
    fn has_room(&self, calls: u32) -> Result<bool, Fault> {
        either!(self, one => one.has_room(calls), Ok(false))
    }
    #[inline]
    fn answer(
        &self,
        session: &Session,
        call: CallId,
        answer: &Answer<'_>,
        room: &mut Option<ResultRoom>,
    ) -> Result<(), Fault> {
        either!(self, one => one.answer(session, call, answer, room), Ok(()))
    }
    fn announce(&self) {
        either!(self, one => one.announce(), ());
    }
    fn end(&self, core: Option<&Rc<Core>>, why: &Fault) {
        either!(self, one => one.end(core, why), ());
    }
}

/// A call whose bytes are private and whose ranges are proved.
pub(crate) struct Arrived {
    pub(crate) slot: Slot,
    pub(crate) reply: ReplySlot,
    /// Argument bytes with their head; the arguments begin at `skip`.
    pub(crate) arguments: Vec<u8>,
    pub(crate) skip: usize,
    pub(crate) backing: Vec<Backing>,
    /// Root number and depth of a nested call.
    pub(crate) root: Option<(u64, u16)>,
    /// The session that it serves, directly or as a nested call.
    pub(crate) owner: u64,
    /// Its number, if another worker took it; else 0, and it gets one when it is queued.
    pub(crate) number: u64,
}

impl Arrived {
    /// The arguments, without their head.
    pub(crate) fn arguments(&self) -> &[u8] {
        self.arguments.get(self.skip..).unwrap_or_default()
    }
    /// Bytes of arguments and buffers.
    #[inline]
    pub(crate) fn bytes(&self) -> u64 {
        self.arguments.len() as u64 + self.backing.iter().map(Backing::len).sum::<u64>()
    }
}

/// What an entry came to.
pub(crate) enum Taken {
    /// A call.
    Call(Arrived),
    /// A release or a cancel, done.
    Done,
}

/// Takes one entry of a session's ring.
///
/// # Errors
/// `Refused` for a call that cannot go on; a broken protocol ends the session as well.
#[inline(always)]
pub(crate) fn take(core: &Rc<Core>, from: &Rc<Session>, entry: &Entry) -> Result<Taken, Refused> {
    let slot = match Slot::decode(entry) {
        Ok(slot) => slot,
        Err(error) => {
            let code = match error {
                SlotError::UnknownKind(_) => Code::UnknownKind,
                SlotError::UnknownQuery(_) | SlotError::QueryValue(..) | SlotError::ReservedFlags(_) => {
                    Code::BadArguments
                }
            };
            return refuse_raw(from, entry, Fault::new(code, error.to_string()));
        }
    };
    match slot.kind {
        Kind::Call => call(core, from, slot).map(Taken::Call),
        Kind::Cancel => {
            crate::host::cancel_by_client(core, from, slot.call);
            Ok(Taken::Done)
        }
        Kind::Release => {
            if let Err(fault) = from.release(core, slot.arguments) {
                from.end(&fault);
            }
            Ok(Taken::Done)
        }
        Kind::Chunk | Kind::Credit | Kind::Invoke | Kind::InvokeReply => {
            let what = format!("kind {:?} is reserved: version 1 of the protocol does not use it", slot.kind);
            refuse_raw(from, entry, Fault::new(Code::UnknownKind, what))
        }
    }
}

/// Refuses an entry that is no call we know: as an answer when it names a free call slot, else by ending the session.
fn refuse_raw(from: &Rc<Session>, entry: &Entry, fault: Fault) -> Result<Taken, Refused> {
    match from.accept(windlass_contract::CallId::from_bits(entry[0])) {
        Ok(reply) => Err(Refused::new(reply, fault)),
        Err(_) => {
            from.end(&fault);
            Ok(Taken::Done)
        }
    }
}

#[inline(always)]
fn call(core: &Rc<Core>, from: &Rc<Session>, slot: Slot) -> Result<Arrived, Refused> {
    let reply = match from.accept(slot.call) {
        Ok(reply) => reply,
        Err(fault) => {
            from.end(&fault);
            return Err(Refused::new(ReplySlot::nobody(), fault));
        }
    };
    let length = slot.arguments.length.min(ARGUMENT_BYTES_MAX) as usize;
    let taken = core.warm.borrow_mut().try_take(length);
    let Some(mut arguments) = taken else {
        let fault = Fault::new(Code::NoMemory, format!("no memory for {length} argument bytes"));
        return Err(Refused::new(reply, fault));
    };
    match read(core, from, &slot, &mut arguments) {
        Ok((skip, backing)) => {
            Ok(Arrived { slot, reply, arguments, skip, backing, root: None, owner: from.number, number: 0 })
        }
        Err(fault) => {
            core.warm.borrow_mut().keep(arguments);
            Err(Refused::new(reply, fault))
        }
    }
}

/// Copies the argument bytes, reads their head, and proves the buffers. Answers where the arguments begin.
fn read(
    core: &Rc<Core>,
    from: &Rc<Session>,
    slot: &Slot,
    arguments: &mut Vec<u8>,
) -> Result<(usize, Vec<Backing>), Fault> {
    let place = slot.arguments;
    if place.length > ARGUMENT_BYTES_MAX {
        let text =
            format!("{} argument bytes ({ARGUMENT_BYTES_MAX} at most); send bulk data as a buffer", place.length);
        return Err(Fault::new(Code::TooLarge, text));
    }
    if place.length > 0 {
        let heap;
        let segment = match place.segment {
            SegmentId::CLIENT if let Some(ring) = from.ring() => ring.client(),
            other => {
                heap = from.argument_segment(other)?;
                &heap
            }
        };
        let mut length = u64::from(place.length);
        if planted(Plant::SkippedRangeCheck) {
            length = length.min((segment.bytes() as u64).saturating_sub(place.offset));
        }
        let span = segment
            .span(place.offset, length)
            .map_err(|range| Fault::new(Code::BadArguments, format!("argument bytes: {range}")))?;
        segment.copy_out_vec(span, arguments);
    }
    if slot.flags & !FLAG_DETACHED == 0 {
        return Ok((0, Vec::new()));
    }
    let (head, skip) = read_head(slot, arguments)?;
    let backing = buffers::resolve(core, from, &head.buffers)?;
    Ok((skip, backing))
}

/// Reads the head of argument bytes, if there is one. Answers where the arguments begin.
fn read_head(slot: &Slot, arguments: &[u8]) -> Result<(Head, usize), Fault> {
    if slot.flags & !FLAG_DETACHED == 0 {
        return Ok((Head::default(), 0));
    }
    let (head, rest) = Head::decode(slot.flags, arguments).map_err(|error| {
        let code = match error {
            HeadError::TooDeep(_) => Code::TooDeep,
            HeadError::Truncated(_) | HeadError::ReservedBytes => Code::BadArguments,
            HeadError::BufferCount(_)
            | HeadError::UnknownDirection(_)
            | HeadError::UnknownBufferKind(_)
            | HeadError::RoomHasPlace(..) => Code::BadBuffer,
        };
        Fault::new(code, error.to_string())
    })?;
    let skip = arguments.len() - rest.len();
    Ok((head, skip))
}
