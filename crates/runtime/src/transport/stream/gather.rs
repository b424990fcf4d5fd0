//! Gathering: a call that came in a stream, until the bytes of its buffers are all there.
//!
//! Lives here: `Gathering`, `call`, `chunk`, `cancel`, `expire`.
//! From: `inbound`. To: `path`, with a call like any other.
//! Holds: memory is charged to the session before a byte of a buffer comes; the bytes of one buffer come in order and are as many
//! as were announced; a call that is given up meanwhile has not started.

use super::super::buffers::{Backing, Memory};
use super::super::{Arrived, read_head};
use crate::core::Core;
use crate::host::ended_early;
use crate::limits::LOAN_BYTES_MAX;
use crate::reply::Refused;
use crate::session::Session;
use crate::stats::add;
use std::rc::Rc;
use windlass_contract::frame::Chunk;
use windlass_contract::head::{BufferEntry, Direction};
use windlass_contract::slot::{NO_DEADLINE, Slot};
use windlass_contract::{CallId, Code, Fault, Outcome};
use windlass_driver::Nanos;
use windlass_memory::SegmentId;

/// A call on its way.
pub(super) struct Gathering {
    arrived: Arrived,
    /// What has come of each buffer, and how much was announced.
    got: Vec<(u64, u64)>,
    missing: u64,
    since: Nanos,
    due: Nanos,
}

/// A call came; it goes on when its buffers are there.
///
/// # Errors
/// A Fault that ends the session.
pub(super) fn call(core: &Rc<Core>, from: &Rc<Session>, slot: Slot, bytes: &[u8]) -> Result<(), Fault> {
    let reply = from.accept(slot.call)?;
    let mut arguments = core.warm.borrow_mut().take(bytes.len());
    arguments.extend_from_slice(bytes);
    let read = read_head(&slot, &arguments).and_then(|(head, skip)| {
        let backing: Result<Vec<Backing>, Fault> =
            head.buffers.iter().enumerate().map(|(at, entry)| room(core, from, at, entry)).collect();
        Ok((head.buffers, skip, backing?))
    });
    let (entries, skip, backing) = match read {
        Ok(read) => read,
        Err(fault) => {
            core.warm.borrow_mut().keep(arguments);
            Refused::new(reply, fault).answer();
            return Ok(());
        }
    };
    let arrived = Arrived { slot, reply, arguments, skip, backing, root: None, owner: from.number, number: 0 };
    let comes = |entry: &BufferEntry| if entry.direction == Direction::Out { 0 } else { entry.length };
    let got: Vec<(u64, u64)> = entries.iter().map(|entry| (0, comes(entry))).collect();
    let missing = got.iter().fold(0_u64, |all, (_, one)| all.saturating_add(*one));
    if missing == 0 {
        crate::path::arrived(core, arrived);
        return Ok(());
    }
    let since = core.now();
    let due = if slot.time_left_ns == NO_DEADLINE { Nanos::MAX } else { since.saturating_add(slot.time_left_ns) };
    let gathering = Gathering { arrived, got, missing, since, due };
    let stream = from.stream().ok_or_else(|| Fault::new(Code::Internal, "a session without its stream"))?;
    // The slot was free, so nothing of an earlier call stands there.
    stream.gathering.borrow_mut().insert(slot.call.slot(), gathering);
    Ok(())
}

/// The memory of one buffer, paid for and still empty.
fn room(core: &Rc<Core>, from: &Rc<Session>, at: usize, entry: &BufferEntry) -> Result<Backing, Fault> {
    if entry.segment != SegmentId::NONE || entry.offset != 0 {
        let text = format!("buffer {at} names segment {:#x}: in a stream there are none", entry.segment.0);
        return Err(Fault::new(Code::BadBuffer, text));
    }
    if entry.length > LOAN_BYTES_MAX {
        let text = format!("buffer {at} has {} bytes ({LOAN_BYTES_MAX} at most)", entry.length);
        return Err(Fault::new(Code::TooLarge, text));
    }
    let memory = if entry.direction == Direction::In {
        let charge = from.charge_copy(core, entry.length)?;
        let taken = core.warm.borrow_mut().try_take(entry.length as usize);
        let private = taken.ok_or_else(|| {
            Fault::new(Code::NoMemory, format!("no memory for the {} bytes of buffer {at}", entry.length))
        })?;
        Memory::Private(private, Some(charge))
    } else {
        Memory::Room(from.lend_result(core, entry.length)?, entry.length)
    };
    Ok(Backing { direction: entry.direction, kind: entry.kind, memory })
}

/// A chunk came. One of a call that is not gathering is of one that was refused or given up, and is dropped.
///
/// # Errors
/// A Fault that ends the session.
pub(super) fn chunk(core: &Rc<Core>, from: &Rc<Session>, chunk: &Chunk<'_>) -> Result<(), Fault> {
    let Some(stream) = from.stream() else { return Ok(()) };
    let bytes = chunk.bytes.len() as u64;
    stream.took(bytes)?;
    let mut table = stream.gathering.borrow_mut();
    let key = chunk.call.slot();
    let Some(gathering) = table.get_mut(&key).filter(|one| one.arrived.slot.call == chunk.call) else {
        return Ok(());
    };
    gathering.take(chunk)?;
    add(&core.counters.copied_bytes, bytes);
    if gathering.missing > 0 {
        return Ok(());
    }
    let done = table.remove(&key);
    drop(table);
    if let Some(Gathering { mut arrived, since, .. }) = done {
        if arrived.slot.time_left_ns != NO_DEADLINE {
            let passed = core.now().saturating_sub(since);
            arrived.slot.time_left_ns = arrived.slot.time_left_ns.saturating_sub(passed);
        }
        crate::path::arrived(core, arrived);
    }
    Ok(())
}

impl Gathering {
    fn take(&mut self, chunk: &Chunk<'_>) -> Result<(), Fault> {
        let broken = |text: &str| {
            let at = (chunk.buffer, chunk.offset, chunk.bytes.len());
            Fault::new(
                Code::SessionEnded,
                format!("a chunk of {:?} (buffer, offset, bytes {at:?}) {text}", chunk.call),
            )
        };
        let at = chunk.buffer as usize;
        let (Some((got, whole)), Some(backing)) = (self.got.get_mut(at), self.arrived.backing.get_mut(at)) else {
            return Err(broken("is of a buffer that the call has not"));
        };
        if *got != chunk.offset {
            return Err(broken("does not follow the one before"));
        }
        let bytes = chunk.bytes.len() as u64;
        if bytes > *whole - *got {
            return Err(broken("is more than was announced"));
        }
        match &mut backing.memory {
            Memory::Private(private, _) => private.extend_from_slice(chunk.bytes),
            Memory::Room(room, _) => room.write_at(*got, chunk.bytes),
            Memory::Common(_) | Memory::Lent(..) | Memory::Frozen(..) | Memory::Shared(..) | Memory::Shown(..) => {
                return Err(broken("has no room of the stream's"));
            }
        }
        *got += bytes;
        self.missing -= bytes;
        Ok(())
    }

    fn refuse(self, fault: Fault) {
        Refused::new(self.arrived.reply, fault.with_outcome(Outcome::NotStarted)).answer();
    }
}

/// Gives up a call that is on its way; `false` if it is not.
pub(super) fn cancel(from: &Rc<Session>, call: CallId) -> bool {
    let Some(stream) = from.stream() else { return false };
    let mut table = stream.gathering.borrow_mut();
    let is_there = table.get(&call.slot()).is_some_and(|one| one.arrived.slot.call == call);
    let gone = if is_there { table.remove(&call.slot()) } else { None };
    drop(table);
    if let Some(gone) = gone {
        gone.refuse(ended_early(Code::Cancelled));
    }
    is_there
}

/// When the next call on its way has no time left.
pub(super) fn next_due(from: &Session) -> Nanos {
    let Some(stream) = from.stream() else { return Nanos::MAX };
    stream.gathering.borrow().values().map(|one| one.due).min().unwrap_or(Nanos::MAX)
}

/// Ends those whose time is over.
pub(super) fn expire(from: &Session, now: Nanos) {
    let Some(stream) = from.stream() else { return };
    loop {
        let mut table = stream.gathering.borrow_mut();
        let over = table.iter().find(|(_, one)| one.due <= now).map(|(slot, _)| *slot);
        let gone = over.and_then(|slot| table.remove(&slot));
        drop(table);
        match gone {
            Some(gone) => gone.refuse(ended_early(Code::DeadlineExceeded)),
            None => return,
        }
    }
}
