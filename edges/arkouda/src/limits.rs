//! Limits: what one peer, and all of them together, may ask of the edge.

use std::time::Duration;

/// Connections at once; one more is closed at once, with a line in the log.
pub const CONNECTIONS_MAX: usize = 256;
/// Users with a session of their own; the one that has been away longest goes when another comes.
pub const USERS_MAX: usize = 64;
/// Longest name of a user that is told apart, bytes.
pub const USER_BYTES_MAX: usize = 64;
/// Time a peer has for greeting and handshake.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// Frames of one message: envelope, request and payload are three for every client that is known.
pub const FRAMES_MAX: usize = 8;
/// Bytes of all frames of an envelope.
pub const ENVELOPE_BYTES_MAX: usize = 1024;
/// Bytes of one command of the protocol itself (handshake, ping).
pub const COMMAND_BYTES_MAX: usize = 4096;
/// Bytes of a request's JSON.
pub const REQUEST_BYTES_MAX: u64 = 256 << 20;
/// Bytes of a request's payload. A client splits transfers at 1 GiB unless its user asks otherwise.
pub const PAYLOAD_BYTES_MAX: u64 = 16 << 30;
/// Bytes of a message of a peer that has not shown the token which a server asks for: a client's first one has some hundred.
pub const STRANGER_BYTES_MAX: u64 = 64 << 10;
/// Room that is made for a frame before its bytes have come; more is made as they come, so that a peer is believed only as far
/// as it has sent.
pub const ROOM_AHEAD: usize = 64 << 10;
/// Arguments of one request.
pub const ARGUMENTS_MAX: usize = 4096;
/// Bytes of a command's name.
pub const NAME_BYTES_MAX: usize = 256;
/// Replies up to this size leave in one piece with their head.
pub const JOIN_BYTES_MAX: usize = 16 << 10;
/// Bytes of one list of facts of symbols.
pub const INFO_BYTES_MAX: usize = 4 << 20;
/// Longest `sleep`, seconds.
pub const SLEEP_S_MAX: f64 = 3600.0;
/// Bytes of a request's text that are put into a line of the log or into a refusal.
pub const QUOTE_BYTES_MAX: usize = 200;
/// How long calls may take to end when a client tells the node to shut down, milliseconds.
pub const SHUTDOWN_DRAIN_MS: u64 = 5000;
/// Calls that one user's connections may have out together: more than there are connections, so that none waits for another's.
pub const CALLS_PER_USER: u32 = 512;
const _: () =
    assert!(CALLS_PER_USER as usize > CONNECTIONS_MAX, "each connection has one call out at most, and one ending");
