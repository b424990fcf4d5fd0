//! The slot: 64 bytes that ask for a call, a cancel or a release. Drawn in docs/formats.md.
//!
//! Lives here: `Slot` (checked), `Kind`, `Query`, flag bits.
//! From: an `Entry` that `memory::ring` copied out of a peer's memory. To: `runtime::transport`.
//! Holds: a `Slot` has a known kind, a known query and no reserved bit set.

use crate::ids::{CallId, MethodId, PoolId};
use thiserror::Error;
use windlass_memory::SegmentId;
use windlass_memory::ring::Entry;

/// Bytes of a slot.
pub const BYTES: usize = 64;
/// Index of the publish word: the 8 bytes at offset 16, which hold method, kind, query kind and flags.
pub const PUBLISH_WORD: usize = 2;
/// No deadline.
pub const NO_DEADLINE: u64 = u64::MAX;

/// Argument bytes begin with a trace.
pub const FLAG_TRACE: u16 = 1 << 0;
/// Argument bytes hold a root (after the trace).
pub const FLAG_ROOT: u16 = 1 << 1;
/// Argument bytes hold buffer entries (after the root).
pub const FLAG_BUFFERS: u16 = 1 << 2;
/// Nobody waits for the reply: it is dropped, and the credit returns when the call is accepted.
pub const FLAG_DETACHED: u16 = 1 << 3;
/// Toggles each lap of the ring; cleared in a copy.
pub const FLAG_PHASE: u16 = 1 << 15;
const FLAGS_KNOWN: u16 = FLAG_TRACE | FLAG_ROOT | FLAG_BUFFERS | FLAG_DETACHED;

/// What an entry asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Run a method.
    Call = 1,
    /// Ask a call to end early.
    Cancel = 2,
    /// Return a lease, or retire a segment.
    Release = 3,
    /// Reserved: bytes of a loan on a socket.
    Chunk = 4,
    /// Reserved: room for more chunks.
    Credit = 5,
    /// Reserved: a call to a pool that a client serves.
    Invoke = 6,
    /// Reserved: its answer.
    InvokeReply = 7,
}

impl Kind {
    fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            1 => Self::Call,
            2 => Self::Cancel,
            3 => Self::Release,
            4 => Self::Chunk,
            5 => Self::Credit,
            6 => Self::Invoke,
            7 => Self::InvokeReply,
            _ => return None,
        })
    }
}

/// Which containers of the pool a call goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Query {
    /// A container of this node.
    #[default]
    Local,
    /// The container of this id.
    Id(u64),
    /// The container that this hash falls on.
    Hash(u64),
    /// `count` containers from `first` on.
    Range {
        /// Index of the first container.
        first: u32,
        /// How many containers.
        count: u32,
    },
    /// Every container.
    Broadcast,
    /// The containers of this node id.
    Node(u64),
    /// Ask the module where to.
    Dynamic,
}

impl Query {
    fn to_bits(self) -> (u8, u64) {
        match self {
            Self::Local => (0, 0),
            Self::Id(id) => (1, id),
            Self::Hash(hash) => (2, hash),
            Self::Range { first, count } => (3, u64::from(first) | u64::from(count) << 32),
            Self::Broadcast => (4, 0),
            Self::Node(node) => (5, node),
            Self::Dynamic => (6, 0),
        }
    }
    fn from_bits(kind: u8, value: u64) -> Option<Self> {
        Some(match kind {
            0 => Self::Local,
            1 => Self::Id(value),
            2 => Self::Hash(value),
            3 => Self::Range { first: value as u32, count: (value >> 32) as u32 },
            4 => Self::Broadcast,
            5 => Self::Node(value),
            6 => Self::Dynamic,
            _ => return None,
        })
    }
}

/// Where argument bytes stand: a segment of the session and a run in it, not yet checked against the segment's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Segment of the session.
    pub segment: SegmentId,
    /// Bytes.
    pub length: u32,
    /// From the start of the segment.
    pub offset: u64,
}

/// A request, decoded and self-consistent. Whether its ids exist is for `runtime` to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The call it makes or is about.
    pub call: CallId,
    /// The pool called.
    pub pool: PoolId,
    /// The method called.
    pub method: MethodId,
    /// What is asked for.
    pub kind: Kind,
    /// Which containers.
    pub query: Query,
    /// `FLAG_*` without the phase.
    pub flags: u16,
    /// Hash of the method the client was built against.
    pub schema: u64,
    /// Nanoseconds left from arrival on; `NO_DEADLINE` for none.
    pub time_left_ns: u64,
    /// The argument bytes.
    pub arguments: Place,
}

/// Why 64 bytes are not a slot.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum SlotError {
    /// The kind byte names nothing.
    #[error("kind {0} does not exist (1 call, 2 cancel, 3 release)")]
    UnknownKind(u8),
    /// The query byte names nothing.
    #[error("query kind {0} does not exist (0 local .. 6 dynamic)")]
    UnknownQuery(u8),
    /// The query takes no value, but one is there.
    #[error("query kind {0} takes no value, but {1} is there")]
    QueryValue(u8, u64),
    /// A reserved flag is set.
    #[error("reserved flag bits {0:#06x} are set")]
    ReservedFlags(u16),
}

impl Slot {
    /// The entry to publish; the ring adds the phase.
    pub fn encode(&self) -> Entry {
        let (query_kind, query_value) = self.query.to_bits();
        [
            self.call.bits(),
            self.pool.bits(),
            u64::from(self.method.0)
                | (self.kind as u64) << 32
                | u64::from(query_kind) << 40
                | u64::from(self.flags & !FLAG_PHASE) << 48,
            self.schema,
            query_value,
            self.time_left_ns,
            u64::from(self.arguments.segment.0) | u64::from(self.arguments.length) << 32,
            self.arguments.offset,
        ]
    }

    /// Reads an entry that has been copied into private memory.
    ///
    /// # Errors
    /// `SlotError` names the first field that means nothing.
    pub fn decode(entry: &Entry) -> Result<Self, SlotError> {
        let publish = entry[PUBLISH_WORD];
        let kind_bits = (publish >> 32) as u8;
        let kind = Kind::from_bits(kind_bits).ok_or(SlotError::UnknownKind(kind_bits))?;
        let query_bits = (publish >> 40) as u8;
        let query = Query::from_bits(query_bits, entry[4]).ok_or(SlotError::UnknownQuery(query_bits))?;
        if query.to_bits().1 != entry[4] {
            return Err(SlotError::QueryValue(query_bits, entry[4]));
        }
        let flags = (publish >> 48) as u16 & !FLAG_PHASE;
        if flags & !FLAGS_KNOWN != 0 {
            return Err(SlotError::ReservedFlags(flags & !FLAGS_KNOWN));
        }
        Ok(Self {
            call: CallId::from_bits(entry[0]),
            pool: PoolId::from_bits(entry[1]),
            method: MethodId(publish as u32),
            kind,
            query,
            flags,
            schema: entry[3],
            time_left_ns: entry[5],
            arguments: Place {
                segment: SegmentId(entry[6] as u32),
                length: (entry[6] >> 32) as u32,
                offset: entry[7],
            },
        })
    }

    /// The 64 bytes on a socket or in a golden file.
    pub fn to_bytes(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(self.encode()) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Slot {
        Slot {
            call: CallId::new(3, 9),
            pool: PoolId::new(1, 42),
            method: MethodId(10),
            kind: Kind::Call,
            query: Query::Range { first: 2, count: 5 },
            flags: FLAG_BUFFERS,
            schema: 0x1122_3344_5566_7788,
            time_left_ns: NO_DEADLINE,
            arguments: Place { segment: SegmentId(0), length: 24, offset: 8192 },
        }
    }

    #[test]
    fn a_slot_comes_back_as_it_was_sent() {
        assert_eq!(Slot::decode(&example().encode()), Ok(example()));
    }

    #[test]
    fn an_unknown_kind_query_or_flag_is_named() {
        let mut entry = example().encode();
        entry[2] = entry[2] & !(0xFF << 32) | 99 << 32;
        assert_eq!(Slot::decode(&entry), Err(SlotError::UnknownKind(99)));
        let mut entry = example().encode();
        entry[2] = entry[2] & !(0xFF << 40) | 7 << 40;
        assert_eq!(Slot::decode(&entry), Err(SlotError::UnknownQuery(7)));
        let mut entry = example().encode();
        entry[2] |= 1 << (48 + 9);
        assert_eq!(Slot::decode(&entry), Err(SlotError::ReservedFlags(1 << 9)));
    }
}
