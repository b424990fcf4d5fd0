//! The completion: 64 bytes that answer a call. Drawn in docs/formats.md.
//!
//! Lives here: `Completion`, `Answer`, `ReplyAt`.
//! From: `runtime::reply` writes it. To: `client` reads it. One encoding for both.
//! Holds: a completion is a value or a Fault's code, and its bytes stand inline or at one place.

use crate::fault::{Outcome, Retry};
use crate::ids::CallId;
use thiserror::Error;
use windlass_memory::SegmentId;
use windlass_memory::ring::Entry;

/// Index of the publish word: the 8 bytes at offset 8.
pub const PUBLISH_WORD: usize = 1;
/// Bytes that fit in the completion itself.
pub const INLINE_BYTES: usize = 40;
/// `kind` of a reply.
pub const KIND_REPLY: u8 = 8;
const FLAG_INLINE: u16 = 1;
const FLAG_PHASE: u16 = 1 << 15;

/// Where the reply bytes stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyAt {
    /// In the completion; only the first `length` bytes count.
    Inline([u8; INLINE_BYTES]),
    /// In a segment that the node writes.
    Segment {
        /// The segment.
        segment: SegmentId,
        /// From its start.
        offset: u64,
    },
}

/// The fixed part of a Fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultHead {
    /// The Fault's code, never 0.
    pub code: u16,
    /// Whether the call ran.
    pub outcome: Outcome,
    /// Whether sending it again can help.
    pub retry: Retry,
}

/// An answered call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The call it answers.
    pub call: CallId,
    /// Buffer entries that head the reply bytes.
    pub buffers: u8,
    /// `None`: the reply bytes are a value. `Some`: they are a Fault's message and details.
    pub fault: Option<FaultHead>,
    /// Bytes of the reply.
    pub length: u32,
    /// Where they stand.
    pub at: ReplyAt,
}

/// Why 64 bytes are not a completion.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum CompletionError {
    /// Not a reply.
    #[error("kind {0} is not a reply")]
    UnknownKind(u8),
    /// A reserved flag is set.
    #[error("reserved flag bits {0:#06x} are set")]
    ReservedFlags(u16),
    /// Bytes that mean nothing here are not zero: a Fault's head beside a value, a delay beside another advice, or the
    /// reserved tail.
    #[error("reserved bytes of the completion are not zero")]
    ReservedBytes,
    /// The outcome or retry byte names nothing.
    #[error("outcome {0} or retry {1} does not exist")]
    UnknownFaultHead(u8, u8),
    /// An inline reply longer than its room.
    #[error("an inline reply of {0} bytes cannot be ({INLINE_BYTES} at most)")]
    InlineTooLong(u32),
}

impl Completion {
    /// The entry to publish; the ring adds the phase.
    pub fn encode(&self) -> Entry {
        let (flags, tail) = match self.at {
            ReplyAt::Inline(bytes) => {
                let mut words = [0u64; 5];
                for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
                    let mut eight = [0; 8];
                    eight.copy_from_slice(chunk);
                    *word = u64::from_le_bytes(eight);
                }
                (FLAG_INLINE, words)
            }
            ReplyAt::Segment { segment, offset } => (0, [u64::from(segment.0), offset, 0, 0, 0]),
        };
        let (code, outcome, retry, after_ms) = match self.fault {
            None => (0, 0, 0, 0),
            Some(head) => {
                let (retry, after_ms) = head.retry.to_bits();
                (head.code, head.outcome as u8, retry, after_ms)
            }
        };
        [
            self.call.bits(),
            u64::from(KIND_REPLY)
                | u64::from(self.buffers) << 8
                | u64::from(flags) << 16
                | u64::from(code) << 32
                | u64::from(outcome) << 48
                | u64::from(retry) << 56,
            u64::from(after_ms) | u64::from(self.length) << 32,
            tail[0],
            tail[1],
            tail[2],
            tail[3],
            tail[4],
        ]
    }

    /// Reads an entry taken from the completion ring.
    ///
    /// # Errors
    /// `CompletionError` names the first field that means nothing.
    pub fn decode(entry: &Entry) -> Result<Self, CompletionError> {
        let publish = entry[PUBLISH_WORD];
        if publish as u8 != KIND_REPLY {
            return Err(CompletionError::UnknownKind(publish as u8));
        }
        let flags = (publish >> 16) as u16 & !FLAG_PHASE;
        if flags & !FLAG_INLINE != 0 {
            return Err(CompletionError::ReservedFlags(flags & !FLAG_INLINE));
        }
        let code = (publish >> 32) as u16;
        let (outcome, retry) = ((publish >> 48) as u8, (publish >> 56) as u8);
        let after_ms = entry[2] as u32;
        let length = (entry[2] >> 32) as u32;
        let fault = if code == 0 {
            if outcome != 0 || retry != 0 || after_ms != 0 {
                return Err(CompletionError::ReservedBytes);
            }
            None
        } else {
            match (Outcome::from_bits(outcome), Retry::from_bits(retry, after_ms)) {
                (Some(_), Some(retry)) if retry.to_bits().1 != after_ms => {
                    return Err(CompletionError::ReservedBytes);
                }
                (Some(outcome), Some(retry)) => Some(FaultHead { code, outcome, retry }),
                _ => return Err(CompletionError::UnknownFaultHead(outcome, retry)),
            }
        };
        let at = if flags & FLAG_INLINE != 0 {
            if length as usize > INLINE_BYTES {
                return Err(CompletionError::InlineTooLong(length));
            }
            let mut bytes = [0; INLINE_BYTES];
            for (chunk, word) in bytes.chunks_exact_mut(8).zip(&entry[3..]) {
                chunk.copy_from_slice(&word.to_le_bytes());
            }
            ReplyAt::Inline(bytes)
        } else {
            if entry[3] >> 32 != 0 || entry[5..] != [0; 3] {
                return Err(CompletionError::ReservedBytes);
            }
            ReplyAt::Segment { segment: SegmentId(entry[3] as u32), offset: entry[4] }
        };
        Ok(Self { call: CallId::from_bits(entry[0]), buffers: (publish >> 8) as u8, fault, length, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_faults_come_back_as_they_were_written() {
        let mut inline = [0; INLINE_BYTES];
        inline[..3].copy_from_slice(b"abc");
        let cases = [
            Completion {
                call: CallId::new(1, 2),
                buffers: 0,
                fault: None,
                length: 3,
                at: ReplyAt::Inline(inline),
            },
            Completion {
                call: CallId::new(7, 1),
                buffers: 2,
                fault: Some(FaultHead { code: 1001, outcome: Outcome::Ended, retry: Retry::After(250) }),
                length: 700,
                at: ReplyAt::Segment { segment: SegmentId(0x8000_0001), offset: 4096 },
            },
        ];
        for case in cases {
            assert_eq!(Completion::decode(&case.encode()), Ok(case));
        }
    }

    #[test]
    fn an_inline_length_past_its_room_is_refused() {
        let case = Completion {
            call: CallId::new(0, 0),
            buffers: 0,
            fault: None,
            length: 41,
            at: ReplyAt::Inline([0; 40]),
        };
        assert_eq!(Completion::decode(&case.encode()), Err(CompletionError::InlineTooLong(41)));
    }
}
