//! Wire: ZeroMQ's own protocol (ZMTP 3.0, mechanism NULL), the serving half, as far as REQ and DEALER peers need it.
//!
//! Lives here, in the order data moves: `greeting` (64 bytes and READY), `frames` (what follows).
//! From: a TCP stream. To: `peer`, which sees whole messages.
//! Holds: no byte of a peer reserves memory or ends anything but its own connection; every length is held against a limit
//!   before it is believed.
//! Not here: what a message means (`request`).
//! Why ours: decisions/0016-zmtp-with-limits.md.

pub(crate) mod frames;
pub(crate) mod greeting;

use std::io;

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    /// The stream ended or failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The peer's bytes are not the protocol.
    #[error("{0}")]
    Protocol(&'static str),
    /// A frame is longer than its limit.
    #[error("a frame of {len} bytes, at most {max} are taken")]
    TooLong {
        /// What the peer announced.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// A message has more frames than any client sends.
    #[error("a message of more than {0} frames")]
    TooMany(usize),
}

impl WireError {
    /// Whether the peer simply hung up.
    pub(crate) fn is_end(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        matches!(self, Self::Io(error) if matches!(error.kind(), UnexpectedEof | ConnectionReset | BrokenPipe | ConnectionAborted))
    }
}
