//! The head of argument bytes and of reply bytes: trace, root and buffer entries. Drawn in docs/formats.md.
//!
//! Lives here: `Head` (decoded), `BufferEntry`, `Trace`, `Root`.
//! From: argument bytes already copied into private memory. To: `runtime::transport`, which checks the entries
//! against the segments they name.
//! Holds: entries have a known direction and kind, reserved bytes are zero, their count is bounded.
//! Not here: whether a segment exists or a range lies in it.

use crate::limits::{BUFFERS_MAX, DEPTH_MAX};
use crate::slot::{FLAG_BUFFERS, FLAG_ROOT, FLAG_TRACE};
use thiserror::Error;
use windlass_memory::SegmentId;

/// Bytes of one buffer entry.
pub const ENTRY_BYTES: usize = 24;
/// Bytes of the trace.
pub const TRACE_BYTES: usize = 32;
/// Bytes of the root.
pub const ROOT_BYTES: usize = 16;

/// Which way the bytes of a buffer go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[repr(u8)]
pub enum Direction {
    /// The caller's bytes, read by the method.
    In = 0,
    /// Room that the method fills; moves nothing on the request.
    Out = 1,
    /// Both.
    InOut = 2,
}

/// How the bytes of a buffer arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[repr(u8)]
pub enum BufferKind {
    /// A true slice: copied on arrival, frozen, or room that the node lent.
    Bytes = 0,
    /// The caller's live memory, in place.
    Shared = 1,
}

/// One buffer of a call or of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferEntry {
    /// Where it stands; `SegmentId::NONE` for room wanted.
    pub segment: SegmentId,
    /// Which way.
    pub direction: Direction,
    /// How.
    pub kind: BufferKind,
    /// From the start of the segment.
    pub offset: u64,
    /// Bytes: present, wanted (out), or used (in a reply).
    pub length: u64,
}

impl BufferEntry {
    /// Whether a request that holds it asks the node to lend room: it names no place then, and moves nothing.
    fn is_room(&self) -> bool {
        self.direction == Direction::Out && self.kind == BufferKind::Bytes
    }

    /// Appends the 24 bytes.
    pub fn encode(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.to_bytes());
    }

    /// The 24 bytes.
    pub fn to_bytes(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[0..4].copy_from_slice(&self.segment.0.to_le_bytes());
        bytes[4] = self.direction as u8;
        bytes[5] = self.kind as u8;
        bytes[8..16].copy_from_slice(&self.offset.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.length.to_le_bytes());
        bytes
    }

    /// Reads 24 bytes.
    ///
    /// # Errors
    /// `HeadError` names the field that means nothing.
    pub fn decode(bytes: &[u8; ENTRY_BYTES]) -> Result<Self, HeadError> {
        let direction = match bytes[4] {
            0 => Direction::In,
            1 => Direction::Out,
            2 => Direction::InOut,
            other => return Err(HeadError::UnknownDirection(other)),
        };
        let kind = match bytes[5] {
            0 => BufferKind::Bytes,
            1 => BufferKind::Shared,
            other => return Err(HeadError::UnknownBufferKind(other)),
        };
        if bytes[6] != 0 || bytes[7] != 0 {
            return Err(HeadError::ReservedBytes);
        }
        Ok(Self {
            segment: SegmentId(word32(bytes, 0)),
            direction,
            kind,
            offset: word64(bytes, 8),
            length: word64(bytes, 16),
        })
    }
}

/// Who traces this call: W3C trace context in binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Trace {
    /// Trace id.
    pub trace: [u8; 16],
    /// Parent span.
    pub span: u64,
    /// W3C flags.
    pub flags: u32,
}

/// The outermost call that this one serves, and how far in it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Root {
    /// Node-unique number of the outermost call.
    pub root: u64,
    /// 1 for a call made by the root itself.
    pub depth: u16,
}

/// What heads argument bytes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Head {
    /// Present with `FLAG_TRACE`.
    pub trace: Option<Trace>,
    /// Present with `FLAG_ROOT`.
    pub root: Option<Root>,
    /// Present with `FLAG_BUFFERS`, in the order of the method's buffer parameters.
    pub buffers: Vec<BufferEntry>,
}

/// Why argument bytes have no proper head.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum HeadError {
    /// The bytes end inside the head.
    #[error("the argument head is cut off: {0} bytes are not enough")]
    Truncated(usize),
    /// More buffers than a call may have, or none though the flag is set.
    #[error("{0} buffers (1 to {BUFFERS_MAX} with the buffers flag)")]
    BufferCount(u32),
    /// Deeper than calls may nest.
    #[error("call depth {0} (at most {DEPTH_MAX})")]
    TooDeep(u16),
    /// The direction byte names nothing.
    #[error("buffer direction {0} does not exist (0 in, 1 out, 2 in-out)")]
    UnknownDirection(u8),
    /// The kind byte names nothing.
    #[error("buffer kind {0} does not exist (0 bytes, 1 shared)")]
    UnknownBufferKind(u8),
    /// An `out` buffer of kind bytes names a place, but the node chooses it.
    #[error("an out buffer of bytes names segment {0:#010x}, offset {1} (none and 0: the node lends the room)")]
    RoomHasPlace(u32, u64),
    /// Reserved bytes are not zero.
    #[error("reserved bytes of the head are not zero")]
    ReservedBytes,
}

impl Head {
    /// The slot flags that this head needs.
    pub fn flags(&self) -> u16 {
        let mut flags = 0;
        if self.trace.is_some() {
            flags |= FLAG_TRACE;
        }
        if self.root.is_some() {
            flags |= FLAG_ROOT;
        }
        if !self.buffers.is_empty() {
            flags |= FLAG_BUFFERS;
        }
        flags
    }

    /// Appends the head's bytes; nothing when it is empty.
    pub fn encode(&self, into: &mut Vec<u8>) {
        if let Some(trace) = &self.trace {
            into.extend_from_slice(&trace.trace);
            into.extend_from_slice(&trace.span.to_le_bytes());
            into.extend_from_slice(&trace.flags.to_le_bytes());
            into.extend_from_slice(&[0; 4]);
        }
        if let Some(root) = &self.root {
            into.extend_from_slice(&root.root.to_le_bytes());
            into.extend_from_slice(&root.depth.to_le_bytes());
            into.extend_from_slice(&[0; 6]);
        }
        if !self.buffers.is_empty() {
            into.extend_from_slice(&(self.buffers.len() as u32).to_le_bytes());
            into.extend_from_slice(&[0; 4]);
            for entry in &self.buffers {
                entry.encode(into);
            }
        }
    }

    /// Reads the head that `flags` announce; the second value is the rest, the arguments themselves.
    ///
    /// Cost: no allocation without buffers.
    ///
    /// # Errors
    /// `HeadError` names what is wrong.
    pub fn decode(flags: u16, bytes: &[u8]) -> Result<(Self, &[u8]), HeadError> {
        let mut head = Self::default();
        let mut rest = bytes;
        if flags & FLAG_TRACE != 0 {
            let raw: &[u8; TRACE_BYTES] = take(&mut rest, bytes.len())?;
            if word32(raw, 28) != 0 {
                return Err(HeadError::ReservedBytes);
            }
            let mut trace = [0; 16];
            trace.copy_from_slice(&raw[..16]);
            head.trace = Some(Trace { trace, span: word64(raw, 16), flags: word32(raw, 24) });
        }
        if flags & FLAG_ROOT != 0 {
            let raw: &[u8; ROOT_BYTES] = take(&mut rest, bytes.len())?;
            if raw[10..].iter().any(|&byte| byte != 0) {
                return Err(HeadError::ReservedBytes);
            }
            let depth = u16::from_le_bytes([raw[8], raw[9]]);
            if depth > DEPTH_MAX {
                return Err(HeadError::TooDeep(depth));
            }
            head.root = Some(Root { root: word64(raw, 0), depth });
        }
        if flags & FLAG_BUFFERS != 0 {
            let raw: &[u8; 8] = take(&mut rest, bytes.len())?;
            let count = word32(raw, 0);
            if count == 0 || count as usize > BUFFERS_MAX {
                return Err(HeadError::BufferCount(count));
            }
            if word32(raw, 4) != 0 {
                return Err(HeadError::ReservedBytes);
            }
            head.buffers = Self::decode_entries(count as usize, &mut rest, bytes.len())?;
            for entry in head.buffers.iter().filter(|entry| entry.is_room()) {
                if entry.segment != SegmentId::NONE || entry.offset != 0 {
                    return Err(HeadError::RoomHasPlace(entry.segment.0, entry.offset));
                }
            }
        }
        Ok((head, rest))
    }

    fn decode_entries(count: usize, rest: &mut &[u8], had: usize) -> Result<Vec<BufferEntry>, HeadError> {
        (0..count).map(|_| BufferEntry::decode(take(rest, had)?)).collect()
    }

    /// Reads the `count` entries that head reply bytes; the second value is the rest, the reply's value.
    ///
    /// # Errors
    /// `HeadError` names what is wrong.
    pub fn decode_reply(count: u8, bytes: &[u8]) -> Result<(Vec<BufferEntry>, &[u8]), HeadError> {
        if count as usize > BUFFERS_MAX {
            return Err(HeadError::BufferCount(u32::from(count)));
        }
        let mut rest = bytes;
        let entries = Self::decode_entries(count as usize, &mut rest, bytes.len())?;
        Ok((entries, rest))
    }
}

fn take<'a, const N: usize>(rest: &mut &'a [u8], had: usize) -> Result<&'a [u8; N], HeadError> {
    let (first, after) = rest.split_first_chunk::<N>().ok_or(HeadError::Truncated(had))?;
    *rest = after;
    Ok(first)
}

pub(crate) fn word32(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(four)
}

pub(crate) fn word64(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(eight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Head {
        Head {
            trace: Some(Trace { trace: *b"0123456789abcdef", span: 7, flags: 1 }),
            root: Some(Root { root: 99, depth: 3 }),
            buffers: vec![
                BufferEntry {
                    segment: SegmentId(1),
                    direction: Direction::In,
                    kind: BufferKind::Bytes,
                    offset: 64,
                    length: 1000,
                },
                BufferEntry {
                    segment: SegmentId::NONE,
                    direction: Direction::Out,
                    kind: BufferKind::Bytes,
                    offset: 0,
                    length: 4096,
                },
            ],
        }
    }

    #[test]
    fn a_head_comes_back_as_it_was_written() {
        let mut bytes = Vec::new();
        full().encode(&mut bytes);
        bytes.extend_from_slice(b"arguments");
        let (head, rest) = Head::decode(full().flags(), &bytes).unwrap();
        assert_eq!((head, rest), (full(), &b"arguments"[..]));
    }

    #[test]
    fn every_cut_of_a_head_is_named_as_a_cut() {
        let mut bytes = Vec::new();
        full().encode(&mut bytes);
        for cut in 0..bytes.len() {
            assert_eq!(Head::decode(full().flags(), &bytes[..cut]), Err(HeadError::Truncated(cut)));
        }
    }
}
