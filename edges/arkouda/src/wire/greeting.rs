//! Greeting: 64 bytes each way, then READY each way.
//!
//! Holds: only peers that a ROUTER may have (REQ, DEALER, ROUTER) and only mechanism NULL come through.

use super::WireError;
use super::frames::{self, Frame};
use tokio::io::{AsyncBufRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Length of a greeting.
pub(crate) const BYTES: usize = 64;
/// Types of socket that may speak to us.
const PEERS: [&[u8]; 3] = [b"REQ", b"DEALER", b"ROUTER"];

/// What we say first: signature, version 3.0, mechanism NULL, not as a server of a mechanism.
pub(crate) fn ours() -> [u8; BYTES] {
    let mut greeting = [0; BYTES];
    greeting[0] = 0xFF;
    greeting[9] = 0x7F;
    greeting[10] = 3;
    greeting[12..16].copy_from_slice(b"NULL");
    greeting
}

/// Checks what the peer said.
pub(crate) fn check(greeting: &[u8; BYTES]) -> Result<(), WireError> {
    if greeting[0] != 0xFF || greeting[9] & 1 == 0 {
        return Err(WireError::Protocol("not a ZeroMQ greeting"));
    }
    if greeting[10] < 3 {
        return Err(WireError::Protocol("a ZeroMQ protocol before 3.0"));
    }
    if &greeting[12..32] != b"NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" {
        return Err(WireError::Protocol("a security mechanism other than NULL"));
    }
    Ok(())
}

/// Our READY: a ROUTER, for we keep peers apart as one does.
pub(crate) fn ready() -> Vec<u8> {
    let mut body = b"\x05READY\x0BSocket-Type\0\0\0\x06ROUTER".to_vec();
    // Its length fits the short form of a frame.
    body.splice(0..0, [frames::COMMAND, body.len() as u8]);
    body
}

/// Reads the properties of a READY and checks the type of the peer's socket.
pub(crate) fn check_ready(body: &[u8]) -> Result<(), WireError> {
    let short = || WireError::Protocol("a READY that ends too early");
    let mut rest = body.strip_prefix(b"\x05READY").ok_or(WireError::Protocol("a command before READY"))?;
    while let Some((&len, after)) = rest.split_first() {
        let (name, after) = after.split_at_checked(usize::from(len)).ok_or_else(short)?;
        let (len, after) = after.split_first_chunk::<4>().ok_or_else(short)?;
        let len = usize::try_from(u32::from_be_bytes(*len)).map_err(|_| short())?;
        let (value, after) = after.split_at_checked(len).ok_or_else(short)?;
        if name.eq_ignore_ascii_case(b"Socket-Type") {
            return match PEERS.contains(&value) {
                true => Ok(()),
                false => Err(WireError::Protocol("a socket that is neither REQ nor DEALER")),
            };
        }
        rest = after;
    }
    Err(WireError::Protocol("a READY without the type of its socket"))
}

/// The whole handshake.
pub(crate) async fn exchange(
    reader: &mut (impl AsyncBufRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
) -> Result<(), WireError> {
    writer.write_all(&ours()).await?;
    let mut theirs = [0; BYTES];
    reader.read_exact(&mut theirs).await?;
    check(&theirs)?;
    writer.write_all(&ready()).await?;
    match frames::next(reader, 0).await? {
        Frame::Command(body) => check_ready(&body),
        Frame::Part { .. } => Err(WireError::Protocol("a message before READY")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_null_peers_of_version_three_pass() {
        assert!(check(&ours()).is_ok());
        for (at, byte) in [(0, 0), (9, 0), (10, 2), (12, b'P'), (16, b'X')] {
            let mut wrong = ours();
            wrong[at] = byte;
            assert!(check(&wrong).is_err(), "byte {at}");
        }
    }

    #[test]
    fn ready_is_read_whatever_properties_stand_before_the_type() {
        assert!(check_ready(b"\x05READY\x08Identity\0\0\0\x01x\x0BSocket-Type\0\0\0\x03REQ").is_ok());
        assert!(check_ready(b"\x05READY\x0Bsocket-type\0\0\0\x06DEALER").is_ok());
        for wrong in [
            &b""[..],
            b"\x05READY",
            b"\x04PING\0\0",
            b"\x05READY\x0BSocket-Type\0\0\0\x03SUB",
            b"\x05READY\x0BSocket-Type\0\0\0\xFFREQ",
            b"\x05READY\x0BSocket-Type\xFF\xFF\xFF\xFFREQ",
            b"\x05READY\xFFSocket",
        ] {
            assert!(check_ready(wrong).is_err(), "{wrong:?}");
        }
    }
}
