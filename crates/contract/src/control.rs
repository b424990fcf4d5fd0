//! Control messages: what passes over a session's socket after the hello. Drawn in docs/formats.md.
//!
//! Lives here: `Control`, `ControlKind`.
//! Holds: one datagram is one message with at most one descriptor; segments change hands here and nowhere else.

use crate::head::{word32, word64};
use crate::hello::cut;
use crate::limits::FAULT_MESSAGE_MAX;
use thiserror::Error;
use windlass_memory::SegmentId;

/// Bytes of a message without its text.
pub const CONTROL_BYTES: usize = 32;
/// Bytes of a whole datagram, at most.
pub const DATAGRAM_BYTES_MAX: usize = 4096;

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum ControlKind {
    /// Client: I want a heap segment of `length` bytes.
    Grow = 1,
    /// Node: here is a segment (one descriptor).
    Segment = 2,
    /// Client: here is a sealed memfd under an id of mine (one descriptor).
    Frozen = 3,
    /// Node: I took it.
    Accepted = 4,
    /// Node: I refuse, and why.
    Refused = 5,
    /// Node: I no longer use this segment.
    Retire = 6,
    /// Either: this session ends, and why.
    Bye = 7,
    /// Node: completions stand in the ring, for a client that watches this socket.
    News = 8,
    /// Node: here is memory that a call's answer shows (one descriptor); it is yours to read until you release it.
    Shown = 9,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// What it says.
    pub kind: ControlKind,
    /// Fault code of a refusal or a bye, else 0.
    pub code: u16,
    /// The segment meant.
    pub segment: SegmentId,
    /// Bytes of the segment.
    pub length: u64,
    /// Echoed in the answer.
    pub request: u64,
    /// Why, for people.
    pub text: String,
}

/// Why a datagram is not a control message.
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum ControlError {
    /// Too short or too long.
    #[error("{0} bytes are not a control message")]
    Length(usize),
    /// The kind names nothing.
    #[error("control kind {0} does not exist (1 grow .. 9 shown)")]
    UnknownKind(u16),
    /// Reserved bytes are not zero.
    #[error("reserved bytes are not zero")]
    ReservedBytes,
    /// Not UTF-8.
    #[error("the text is not UTF-8")]
    Text,
}

impl Control {
    /// A message without code and text.
    pub fn new(kind: ControlKind, segment: SegmentId, length: u64, request: u64) -> Self {
        Self { kind, code: 0, segment, length, request, text: String::new() }
    }

    /// The datagram.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(CONTROL_BYTES + self.text.len());
        bytes.extend_from_slice(&(self.kind as u16).to_le_bytes());
        bytes.extend_from_slice(&self.code.to_le_bytes());
        bytes.extend_from_slice(&self.segment.0.to_le_bytes());
        bytes.extend_from_slice(&self.length.to_le_bytes());
        bytes.extend_from_slice(&self.request.to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(cut(&self.text, FAULT_MESSAGE_MAX).as_bytes());
        bytes
    }

    /// Reads a datagram.
    ///
    /// # Errors
    /// `ControlError` names what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, ControlError> {
        if bytes.len() < CONTROL_BYTES || bytes.len() > CONTROL_BYTES + FAULT_MESSAGE_MAX {
            return Err(ControlError::Length(bytes.len()));
        }
        let kind = match u16::from_le_bytes([bytes[0], bytes[1]]) {
            1 => ControlKind::Grow,
            2 => ControlKind::Segment,
            3 => ControlKind::Frozen,
            4 => ControlKind::Accepted,
            5 => ControlKind::Refused,
            6 => ControlKind::Retire,
            7 => ControlKind::Bye,
            8 => ControlKind::News,
            9 => ControlKind::Shown,
            other => return Err(ControlError::UnknownKind(other)),
        };
        if word64(bytes, 24) != 0 {
            return Err(ControlError::ReservedBytes);
        }
        Ok(Self {
            kind,
            code: u16::from_le_bytes([bytes[2], bytes[3]]),
            segment: SegmentId(word32(bytes, 4)),
            length: word64(bytes, 8),
            request: word64(bytes, 16),
            text: std::str::from_utf8(&bytes[CONTROL_BYTES..]).map_err(|_| ControlError::Text)?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_as_it_was_written() {
        let mut message = Control::new(ControlKind::Refused, SegmentId(0x4000_0000), 100, 8);
        message.code = 16;
        message.text = "not sealed".into();
        assert_eq!(Control::decode(&message.encode()), Ok(message));
    }

    #[test]
    fn an_unknown_kind_is_named() {
        let mut bytes = Control::new(ControlKind::Grow, SegmentId(1), 1, 1).encode();
        bytes[0] = 77;
        assert_eq!(Control::decode(&bytes), Err(ControlError::UnknownKind(77)));
    }
}
