//! Buffers of a call: entries become memory that the method may use.
//!
//! Lives here: `Backing` (one buffer's memory and who owns it), `resolve`.
//! Holds: every range is proved against its segment; `In<Bytes>` is private or frozen, `Out<Bytes>` is room of the session's
//! own result segment; room returns when its backing drops, unless it became a lease.

use crate::core::Core;
use crate::limits::LOAN_BYTES_MAX;
use crate::session::{CopyCharge, ResultRoom, Session};
use crate::stats::add;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use windlass_contract::head::{BufferEntry, BufferKind, Direction};
use windlass_contract::{Code, Fault};
use windlass_memory::{Frozen, Segment, SegmentId, Span};

/// The memory of one buffer.
pub(crate) struct Backing {
    pub(crate) direction: Direction,
    pub(crate) kind: BufferKind,
    pub(crate) memory: Memory,
}

/// Where it is.
pub(crate) enum Memory {
    /// A copy of ours, paid for by the session, here or at the call's home.
    Private(Vec<u8>, Option<CopyCharge>),
    /// Such a copy, read by several calls that are parts of one.
    Common(Arc<Vec<u8>>),
    /// Bytes that nobody writes any more.
    Frozen(Arc<Frozen>, Range<usize>),
    /// Room that the node lent.
    Room(ResultRoom, u64),
    /// Room that the worker at the call's home lent, and keeps until the call is answered.
    Lent(Arc<Segment>, Span, SegmentId),
    /// The caller's live memory.
    Shared(Arc<Segment>, Span, SegmentId),
    /// Memory of a symbol, which the answer shows; the method was lent what is below, and may still have it.
    Shown(windlass_contract::array::Memory, Box<Memory>),
}

/// The memory of a buffer whose call another worker runs: what that one uses.
pub(crate) struct CarriedBuffer {
    direction: Direction,
    kind: BufferKind,
    memory: CarriedMemory,
}

enum CarriedMemory {
    Private(Vec<u8>),
    Common(Arc<Vec<u8>>),
    Frozen(Arc<Frozen>, Range<usize>),
    Lent(Arc<Segment>, Span, SegmentId),
    Shared(Arc<Segment>, Span, SegmentId),
}

/// And what stays at home of it until the call is answered.
pub(crate) enum Kept {
    /// Nothing.
    Nothing,
    /// What its session pays.
    Charge(#[expect(dead_code, reason = "held, never read")] CopyCharge),
    /// Room of its session.
    Room(ResultRoom),
}

impl Kept {
    /// The room, to become a lease.
    pub(crate) fn into_room(self) -> Option<ResultRoom> {
        match self {
            Self::Room(room) => Some(room),
            Self::Nothing | Self::Charge(_) => None,
        }
    }
}

impl Backing {
    /// Bytes of the buffer.
    pub(crate) fn len(&self) -> u64 {
        match &self.memory {
            Memory::Private(bytes, _) => bytes.len() as u64,
            Memory::Common(bytes) => bytes.len() as u64,
            Memory::Frozen(_, range) => range.len() as u64,
            Memory::Room(_, len) => *len,
            Memory::Lent(_, span, _) | Memory::Shared(_, span, _) => span.len(),
            Memory::Shown(memory, _) => memory.len() as u64,
        }
    }

    /// Takes it apart: what stays here, and what goes to the worker that runs the call. No byte is copied.
    ///
    /// # Errors
    /// `Internal` for room outside its segment, which `lend_result` does not give.
    pub(crate) fn carry(self) -> Result<(Kept, CarriedBuffer), Fault> {
        let Self { direction, kind, memory } = self;
        let (kept, memory) = match memory {
            Memory::Private(bytes, charge) => {
                (charge.map_or(Kept::Nothing, Kept::Charge), CarriedMemory::Private(bytes))
            }
            Memory::Common(bytes) => (Kept::Nothing, CarriedMemory::Common(bytes)),
            Memory::Frozen(frozen, range) => (Kept::Nothing, CarriedMemory::Frozen(frozen, range)),
            Memory::Room(room, len) => {
                let span = room.segment().span(room.offset(), len);
                let span =
                    span.map_err(|range| Fault::new(Code::Internal, format!("room of a session: {range}")))?;
                let lent = CarriedMemory::Lent(room.segment().clone(), span, room.segment_id());
                (Kept::Room(room), lent)
            }
            Memory::Lent(segment, span, id) => (Kept::Nothing, CarriedMemory::Lent(segment, span, id)),
            Memory::Shared(segment, span, id) => (Kept::Nothing, CarriedMemory::Shared(segment, span, id)),
            Memory::Shown(..) => {
                return Err(Fault::new(Code::Internal, "a call that runs already is carried away"));
            }
        };
        Ok((kept, CarriedBuffer { direction, kind, memory }))
    }

    /// The same memory once more, for another part of one call; nothing for memory that has one owner.
    pub(crate) fn again(&self) -> Option<Self> {
        let memory = match &self.memory {
            Memory::Common(bytes) => Memory::Common(bytes.clone()),
            Memory::Frozen(frozen, range) => Memory::Frozen(frozen.clone(), range.clone()),
            Memory::Shared(segment, span, id) => Memory::Shared(segment.clone(), *span, *id),
            Memory::Private(..) | Memory::Room(..) | Memory::Lent(..) | Memory::Shown(..) => return None,
        };
        Some(Self { direction: self.direction, kind: self.kind, memory })
    }

    /// Of a call that another worker sent.
    pub(crate) fn carried(buffer: CarriedBuffer) -> Self {
        let CarriedBuffer { direction, kind, memory } = buffer;
        let memory = match memory {
            CarriedMemory::Private(bytes) => Memory::Private(bytes, None),
            CarriedMemory::Common(bytes) => Memory::Common(bytes),
            CarriedMemory::Frozen(frozen, range) => Memory::Frozen(frozen, range),
            CarriedMemory::Lent(segment, span, id) => Memory::Lent(segment, span, id),
            CarriedMemory::Shared(segment, span, id) => Memory::Shared(segment, span, id),
        };
        Self { direction, kind, memory }
    }
}

fn bad(at: usize, what: impl std::fmt::Display) -> Fault {
    Fault::new(Code::BadBuffer, format!("buffer {at}: {what}"))
}

/// Proves the entries of a call and makes their memory.
pub(crate) fn resolve(
    core: &Rc<Core>,
    from: &Rc<Session>,
    entries: &[BufferEntry],
) -> Result<Vec<Backing>, Fault> {
    check_overlaps(entries)?;
    entries.iter().enumerate().map(|(at, entry)| one(core, from, at, entry)).collect()
}

/// No entry that is written in place may overlap another one.
fn check_overlaps(entries: &[BufferEntry]) -> Result<(), Fault> {
    let written = |entry: &BufferEntry| entry.kind == BufferKind::Shared && entry.direction != Direction::In;
    for (at, entry) in entries.iter().enumerate().filter(|(_, entry)| written(entry)) {
        let end = entry.offset.saturating_add(entry.length);
        for (other_at, other) in entries.iter().enumerate() {
            let other_end = other.offset.saturating_add(other.length);
            let meets = other.segment == entry.segment && other.offset < end && entry.offset < other_end;
            if at != other_at && meets {
                return Err(bad(at, format!("it is written in place and overlaps buffer {other_at}")));
            }
        }
    }
    Ok(())
}

fn one(core: &Rc<Core>, from: &Rc<Session>, at: usize, entry: &BufferEntry) -> Result<Backing, Fault> {
    if entry.length > LOAN_BYTES_MAX {
        return Err(Fault::new(
            Code::TooLarge,
            format!("buffer {at} has {} bytes ({LOAN_BYTES_MAX} at most)", entry.length),
        ));
    }
    let memory = match (entry.direction, entry.kind) {
        (Direction::In, BufferKind::Bytes) => input(core, from, at, entry)?,
        (Direction::Out, BufferKind::Bytes) => {
            if entry.segment != SegmentId::NONE || entry.offset != 0 {
                return Err(bad(at, "an `out` buffer of bytes names no segment: its length is the room wanted"));
            }
            Memory::Room(from.lend_result(core, entry.length)?, entry.length)
        }
        (Direction::InOut, BufferKind::Bytes) => {
            let (segment, span) = live(from, at, entry)?;
            let room = from.lend_result(core, entry.length)?;
            room.fill_from(&segment, span);
            add(&core.counters.copied_bytes, entry.length);
            Memory::Room(room, entry.length)
        }
        (Direction::In, BufferKind::Shared) if entry.segment.is_frozen() => input(core, from, at, entry)?,
        (_, BufferKind::Shared) => {
            let (segment, span) = live(from, at, entry)?;
            Memory::Shared(segment, span, entry.segment)
        }
    };
    Ok(Backing { direction: entry.direction, kind: entry.kind, memory })
}

fn input(core: &Rc<Core>, from: &Rc<Session>, at: usize, entry: &BufferEntry) -> Result<Memory, Fault> {
    if entry.segment.is_frozen() {
        let frozen = from.frozen(entry.segment).ok_or_else(|| {
            bad(at, format!("frozen segment {:#x} is not one of this session's", entry.segment.0))
        })?;
        let bytes = frozen.len() as u64;
        let end = entry.offset.checked_add(entry.length).filter(|end| *end <= bytes).ok_or_else(|| {
            bad(at, format!("bytes {} + {} are outside a frozen segment of {bytes}", entry.offset, entry.length))
        })?;
        add(&core.counters.frozen_bytes, entry.length);
        return Ok(Memory::Frozen(frozen, entry.offset as usize..end as usize));
    }
    let (segment, span) = live(from, at, entry)?;
    let charge = from.charge_copy(core, entry.length)?;
    let taken = core.warm.borrow_mut().try_take(entry.length as usize);
    let mut private = taken.ok_or_else(|| {
        Fault::new(Code::NoMemory, format!("no memory to copy the {} bytes of buffer {at}", entry.length))
    })?;
    segment.copy_out_vec(span, &mut private);
    add(&core.counters.copied_bytes, entry.length);
    Ok(Memory::Private(private, Some(charge)))
}

fn live(from: &Rc<Session>, at: usize, entry: &BufferEntry) -> Result<(Arc<Segment>, Span), Fault> {
    let segment = from.client_memory(entry.segment).ok_or_else(|| {
        bad(at, format!("segment {:#x} is not one that this session's client may write", entry.segment.0))
    })?;
    let span = segment.span(entry.offset, entry.length).map_err(|range| bad(at, range))?;
    Ok((segment, span))
}
