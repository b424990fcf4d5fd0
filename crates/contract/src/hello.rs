//! Hello and welcome: the two records that begin a session. Drawn in docs/formats.md.
//!
//! Lives here: `Hello` (client), `Welcome` (node), `CONTRACT_HASH`.
//! Holds: a refusal is a welcome with a code and a sentence; the client is never left guessing.

use crate::head::{word32, word64};
use crate::limits::{CALLS_MAX, FAULT_MESSAGE_MAX, NAME_MAX};
use thiserror::Error;

/// First bytes of both records: "WNDL".
pub const MAGIC: u32 = u32::from_le_bytes(*b"WNDL");
/// The one protocol version so far.
pub const VERSION: u16 = 1;
/// Feature: the session's bytes travel in a stream and not in shared memory.
pub const FEATURE_STREAM: u64 = 1 << 0;
/// Bytes of a hello without the name.
pub const HELLO_BYTES: usize = 64;
/// Bytes of a welcome without the text.
pub const WELCOME_BYTES: usize = 128;
/// Hash of the records' layout. Changes when, and only when, docs/formats.md changes a record.
pub const CONTRACT_HASH: u64 = xxhash_rust::const_xxh3::xxh3_64(
    b"windlass contract 1: slot64 completion64 head trace32 root16 entry24 words hello64 welcome128 control32",
);

/// What a client says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Lowest protocol version it speaks.
    pub version_min: u16,
    /// Highest.
    pub version_max: u16,
    /// `FEATURE_*` it wants.
    pub features: u64,
    /// `CONTRACT_HASH` it was built with.
    pub contract: u64,
    /// Calls it wants outstanding, a power of two up to `CALLS_MAX`.
    pub calls: u32,
    /// Its process id, for people; the node trusts the kernel's word only.
    pub pid: u32,
    /// Its name, for people.
    pub name: String,
}

/// Why bytes are not a hello or a welcome.
#[derive(Debug, Error, PartialEq, Eq, Clone)]
pub enum HelloError {
    /// Too short or too long.
    #[error("{0} bytes are not a {1}")]
    Length(usize, &'static str),
    /// Another protocol.
    #[error("the first four bytes are {0:#010x}, not \"WNDL\": this is another protocol")]
    Magic(u32),
    /// Reserved bytes are not zero.
    #[error("reserved bytes are not zero")]
    ReservedBytes,
    /// Not UTF-8.
    #[error("the text is not UTF-8")]
    Text,
    /// Not a power of two in range.
    #[error("{0} calls wanted (a power of two, 1 to {CALLS_MAX})")]
    Calls(u32),
    /// Lowest above highest.
    #[error("version range {0}..={1} is empty")]
    Versions(u16, u16),
}

impl Hello {
    /// The datagram.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HELLO_BYTES + self.name.len());
        bytes.extend_from_slice(&MAGIC.to_le_bytes());
        bytes.extend_from_slice(&self.version_min.to_le_bytes());
        bytes.extend_from_slice(&self.version_max.to_le_bytes());
        bytes.extend_from_slice(&self.features.to_le_bytes());
        bytes.extend_from_slice(&self.contract.to_le_bytes());
        bytes.extend_from_slice(&self.calls.to_le_bytes());
        bytes.extend_from_slice(&self.pid.to_le_bytes());
        bytes.resize(HELLO_BYTES, 0);
        bytes.extend_from_slice(cut(&self.name, NAME_MAX).as_bytes());
        bytes
    }

    /// Reads a datagram from an unknown peer.
    ///
    /// # Errors
    /// `HelloError` names what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, HelloError> {
        if bytes.len() < HELLO_BYTES || bytes.len() > HELLO_BYTES + NAME_MAX {
            return Err(HelloError::Length(bytes.len(), "hello"));
        }
        check_magic(bytes)?;
        if bytes[32..HELLO_BYTES].iter().any(|&byte| byte != 0) {
            return Err(HelloError::ReservedBytes);
        }
        let (version_min, version_max) = (word16(bytes, 4), word16(bytes, 6));
        if version_min > version_max {
            return Err(HelloError::Versions(version_min, version_max));
        }
        let calls = word32(bytes, 24);
        if !calls.is_power_of_two() || calls > CALLS_MAX {
            return Err(HelloError::Calls(calls));
        }
        Ok(Self {
            version_min,
            version_max,
            features: word64(bytes, 8),
            contract: word64(bytes, 16),
            calls,
            pid: word32(bytes, 28),
            name: text(&bytes[HELLO_BYTES..])?,
        })
    }
}

/// What the node answers.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Welcome {
    /// The version both will speak.
    pub version: u16,
    /// 0 = accepted, else the code of the Fault that `text` explains.
    pub code: u16,
    /// Features both have.
    pub features: u64,
    /// Changes each time a node starts.
    pub node_generation: u64,
    /// The session's number within this generation.
    pub session: u64,
    /// Calls granted, a power of two, at most what was wanted.
    pub calls: u32,
    /// The node's id.
    pub node: u16,
    /// Size of the client segment, bytes.
    pub client_segment_bytes: u64,
    /// Size of the node segment, bytes.
    pub node_segment_bytes: u64,
    /// Most argument bytes of one call.
    pub argument_bytes_max: u32,
    /// Most reply bytes of one call.
    pub reply_bytes_max: u32,
    /// Most bytes of one loan or buffer.
    pub loan_bytes_max: u64,
    /// Most bytes of all segments of the session.
    pub session_bytes_max: u64,
    /// Most buffers of one call.
    pub buffers_max: u32,
    /// Most leases held at once.
    pub leases_max: u32,
    /// The node's process id.
    pub pid: u32,
    /// The node's name, or why it refuses.
    pub text: String,
}

impl Welcome {
    /// The datagram.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(WELCOME_BYTES + self.text.len());
        bytes.extend_from_slice(&MAGIC.to_le_bytes());
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes.extend_from_slice(&self.code.to_le_bytes());
        bytes.extend_from_slice(&self.features.to_le_bytes());
        bytes.extend_from_slice(&self.node_generation.to_le_bytes());
        bytes.extend_from_slice(&self.session.to_le_bytes());
        bytes.extend_from_slice(&self.calls.to_le_bytes());
        bytes.extend_from_slice(&self.node.to_le_bytes());
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(&self.client_segment_bytes.to_le_bytes());
        bytes.extend_from_slice(&self.node_segment_bytes.to_le_bytes());
        bytes.extend_from_slice(&self.argument_bytes_max.to_le_bytes());
        bytes.extend_from_slice(&self.reply_bytes_max.to_le_bytes());
        bytes.extend_from_slice(&self.loan_bytes_max.to_le_bytes());
        bytes.extend_from_slice(&self.session_bytes_max.to_le_bytes());
        bytes.extend_from_slice(&self.buffers_max.to_le_bytes());
        bytes.extend_from_slice(&self.leases_max.to_le_bytes());
        bytes.extend_from_slice(&self.pid.to_le_bytes());
        bytes.resize(WELCOME_BYTES, 0);
        bytes.extend_from_slice(cut(&self.text, FAULT_MESSAGE_MAX).as_bytes());
        bytes
    }

    /// Reads the node's datagram.
    ///
    /// # Errors
    /// `HelloError` names what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, HelloError> {
        if bytes.len() < WELCOME_BYTES || bytes.len() > WELCOME_BYTES + FAULT_MESSAGE_MAX {
            return Err(HelloError::Length(bytes.len(), "welcome"));
        }
        check_magic(bytes)?;
        if word16(bytes, 38) != 0 || bytes[92..WELCOME_BYTES].iter().any(|&byte| byte != 0) {
            return Err(HelloError::ReservedBytes);
        }
        Ok(Self {
            version: word16(bytes, 4),
            code: word16(bytes, 6),
            features: word64(bytes, 8),
            node_generation: word64(bytes, 16),
            session: word64(bytes, 24),
            calls: word32(bytes, 32),
            node: word16(bytes, 36),
            client_segment_bytes: word64(bytes, 40),
            node_segment_bytes: word64(bytes, 48),
            argument_bytes_max: word32(bytes, 56),
            reply_bytes_max: word32(bytes, 60),
            loan_bytes_max: word64(bytes, 64),
            session_bytes_max: word64(bytes, 72),
            buffers_max: word32(bytes, 80),
            leases_max: word32(bytes, 84),
            pid: word32(bytes, 88),
            text: text(&bytes[WELCOME_BYTES..])?,
        })
    }
}

fn check_magic(bytes: &[u8]) -> Result<(), HelloError> {
    match word32(bytes, 0) {
        MAGIC => Ok(()),
        other => Err(HelloError::Magic(other)),
    }
}

fn word16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn text(bytes: &[u8]) -> Result<String, HelloError> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| HelloError::Text)
}

/// The longest prefix of `text` that has at most `max` bytes and ends at a character.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hello_and_welcome_come_back_as_they_were_written() {
        let hello = Hello {
            version_min: 1,
            version_max: 2,
            features: 0,
            contract: CONTRACT_HASH,
            calls: 64,
            pid: 10,
            name: "demo".into(),
        };
        assert_eq!(Hello::decode(&hello.encode()), Ok(hello));
        let welcome = Welcome {
            version: 1,
            session: 5,
            calls: 64,
            client_segment_bytes: 1 << 20,
            loan_bytes_max: 1 << 33,
            text: "local".into(),
            ..Welcome::default()
        };
        assert_eq!(Welcome::decode(&welcome.encode()), Ok(welcome));
    }

    #[test]
    fn a_hello_of_another_protocol_is_named_so() {
        let mut bytes = vec![0; HELLO_BYTES];
        bytes[..4].copy_from_slice(b"GET ");
        assert!(matches!(Hello::decode(&bytes), Err(HelloError::Magic(_))));
        assert_eq!(Hello::decode(b"x"), Err(HelloError::Length(1, "hello")));
    }
}
