//! Frames: how messages are cut, and put together again.
//!
//! Lives here: `next` (one frame), `Message` and `read` (a whole message, pings answered on the way), `send`.
//! Holds: a frame's bytes are taken as they come, whatever length was announced; a message has an envelope up to its first
//!   empty frame, one frame of text and at most one of payload.

use super::WireError;
use crate::limits::{
    COMMAND_BYTES_MAX, ENVELOPE_BYTES_MAX, FRAMES_MAX, JOIN_BYTES_MAX, PAYLOAD_BYTES_MAX, REQUEST_BYTES_MAX,
    ROOM_AHEAD, STRANGER_BYTES_MAX,
};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Flags of a frame: more follow, its length has eight bytes, it is a command.
const MORE: u8 = 1;
const LONG: u8 = 2;
pub(crate) const COMMAND: u8 = 4;

/// One frame.
#[derive(Debug)]
pub(crate) enum Frame {
    /// A command of the protocol.
    Command(Vec<u8>),
    /// A part of a message.
    Part {
        /// Its bytes.
        bytes: Vec<u8>,
        /// Whether another part follows.
        more: bool,
    },
}

/// A message, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// The frames before and with the empty one, which go before the reply.
    pub(crate) envelope: Vec<Vec<u8>>,
    /// What was asked.
    pub(crate) parts: Vec<Vec<u8>>,
}

/// How many bytes a peer may have kept for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    text: u64,
    payload: u64,
}

impl Most {
    /// Of one that may do what clients do.
    pub(crate) const KNOWN: Self = Self { text: REQUEST_BYTES_MAX, payload: PAYLOAD_BYTES_MAX };
    /// Of one that has not shown the token yet.
    pub(crate) const STRANGER: Self = Self { text: STRANGER_BYTES_MAX, payload: STRANGER_BYTES_MAX };
}

/// Reads one frame; a part may have `part_max` bytes.
pub(crate) async fn next(reader: &mut (impl AsyncBufRead + Unpin), part_max: u64) -> Result<Frame, WireError> {
    let flags = reader.read_u8().await?;
    if flags & !(MORE | LONG | COMMAND) != 0 {
        return Err(WireError::Protocol("a frame with unknown flags"));
    }
    let len = if flags & LONG == 0 { u64::from(reader.read_u8().await?) } else { reader.read_u64().await? };
    let command = flags & COMMAND != 0;
    let max = if command { COMMAND_BYTES_MAX as u64 } else { part_max };
    if len > max {
        return Err(WireError::TooLong { len, max });
    }
    let bytes = take(reader, len).await?;
    Ok(if command { Frame::Command(bytes) } else { Frame::Part { bytes, more: flags & MORE != 0 } })
}

/// Takes `len` bytes; room grows with what has come.
async fn take(reader: &mut (impl AsyncRead + Unpin), len: u64) -> Result<Vec<u8>, WireError> {
    let whole = usize::try_from(len).map_err(|_| WireError::Protocol("a frame longer than memory"))?;
    let mut bytes = Vec::with_capacity(whole.min(ROOM_AHEAD));
    while bytes.len() < whole {
        // Doubling keeps the copies in proportion to what came.
        let room = (whole - bytes.len()).min(bytes.len().max(ROOM_AHEAD));
        if bytes.try_reserve(room).is_err() {
            return Err(WireError::TooLong { len, max: bytes.len() as u64 });
        }
        let mut part = (&mut *reader).take(room as u64);
        if part.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
        }
    }
    Ok(bytes)
}

/// Reads a whole message. Commands in between are answered (PING) or ignored, as the protocol has it.
pub(crate) async fn read(
    reader: &mut (impl AsyncBufRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
    most: Most,
) -> Result<Message, WireError> {
    let mut message = Message::default();
    let (mut count, mut envelope_bytes) = (0, 0);
    loop {
        let open = message.envelope.last().is_none_or(|last| !last.is_empty());
        let max = match (open, message.parts.len()) {
            // It may be an envelope's end or, without any, text: all frames together.
            (true, _) => most.text.saturating_sub(envelope_bytes as u64),
            (false, 0) => most.text,
            (false, _) => most.payload,
        };
        match next(reader, max).await? {
            Frame::Command(body) => {
                if let Some(rest) = body.strip_prefix(b"\x04PING") {
                    let context = rest.get(2..).unwrap_or_default();
                    writer.write_all(&pong(&context[..context.len().min(16)])).await?;
                } else if body.starts_with(b"\x05ERROR") {
                    return Err(WireError::Protocol("the peer reported an error"));
                }
            }
            Frame::Part { bytes, more } => {
                count += 1;
                if count > FRAMES_MAX {
                    return Err(WireError::TooMany(FRAMES_MAX));
                }
                if open {
                    envelope_bytes += bytes.len();
                    message.envelope.push(bytes);
                } else {
                    message.parts.push(bytes);
                }
                if !more {
                    return settle(message, envelope_bytes);
                }
            }
        }
    }
}

/// A message without an empty frame has no envelope; one with too large a one is not answered but ended.
fn settle(mut message: Message, envelope_bytes: usize) -> Result<Message, WireError> {
    if message.envelope.last().is_none_or(|last| !last.is_empty()) {
        message.parts = std::mem::take(&mut message.envelope);
    } else if envelope_bytes > ENVELOPE_BYTES_MAX {
        return Err(WireError::Protocol("an envelope larger than any client's"));
    }
    Ok(message)
}

/// A PONG.
fn pong(context: &[u8]) -> Vec<u8> {
    let mut bytes = vec![COMMAND, 5 + context.len() as u8];
    bytes.extend_from_slice(b"\x04PONG");
    bytes.extend_from_slice(context);
    bytes
}

/// Puts the head of a frame before its bytes.
fn head(bytes: usize, more: bool, to: &mut Vec<u8>) {
    let more = if more { MORE } else { 0 };
    match u8::try_from(bytes) {
        Ok(short) => to.extend_from_slice(&[more, short]),
        Err(_) => {
            to.push(more | LONG);
            to.extend_from_slice(&(bytes as u64).to_be_bytes());
        }
    }
}

/// Sends a reply of one frame behind its envelope.
///
/// Cost: a large reply is written from where it stands.
pub(crate) async fn send(
    writer: &mut (impl AsyncWrite + Unpin),
    envelope: &[Vec<u8>],
    reply: &[u8],
) -> Result<(), WireError> {
    let mut bytes = Vec::with_capacity(JOIN_BYTES_MAX.min(reply.len()) + 64);
    for part in envelope {
        head(part.len(), true, &mut bytes);
        bytes.extend_from_slice(part);
    }
    head(reply.len(), false, &mut bytes);
    if reply.len() <= JOIN_BYTES_MAX {
        bytes.extend_from_slice(reply);
        writer.write_all(&bytes).await?;
    } else {
        writer.write_all(&bytes).await?;
        writer.write_all(reply).await?;
    }
    Ok(writer.flush().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
    }

    fn frame(bytes: &[u8], more: bool) -> Vec<u8> {
        let mut out = Vec::new();
        head(bytes.len(), more, &mut out);
        out.extend_from_slice(bytes);
        out
    }

    fn taken(bytes: &[u8]) -> (Result<Message, WireError>, Vec<u8>) {
        let mut answers = Vec::new();
        let message = run(read(&mut &bytes[..], &mut answers, Most::KNOWN));
        (message, answers)
    }

    #[test]
    fn a_message_is_cut_at_its_first_empty_frame() {
        let long = vec![7; 300];
        let bytes = [frame(b"", true), frame(b"{}", true), frame(&long, false)].concat();
        let (message, _) = taken(&bytes);
        let message = message.expect("whole");
        assert_eq!((message.envelope, message.parts), (vec![vec![]], vec![b"{}".to_vec(), long]));

        let routed = [frame(b"id", true), frame(b"", true), frame(b"{}", true), frame(b"", false)].concat();
        let message = taken(&routed).0.expect("whole");
        assert_eq!((message.envelope.len(), message.parts.len()), (2, 2), "an empty payload is a payload");

        let bare = taken(&frame(b"{}", false)).0.expect("whole");
        assert_eq!((bare.envelope.len(), bare.parts), (0, vec![b"{}".to_vec()]));
    }

    #[test]
    fn a_ping_between_frames_is_answered() {
        let ping = [&[COMMAND, 9][..], b"\x04PING\0\x01ab"].concat();
        let bytes = [frame(b"", true), ping, frame(b"x", false)].concat();
        let (message, answers) = taken(&bytes);
        assert_eq!(message.expect("whole").parts, [b"x"]);
        assert_eq!(answers, [&[COMMAND, 7][..], b"\x04PONGab"].concat());
    }

    #[test]
    fn an_announced_length_reserves_nothing_and_one_beyond_the_limit_is_refused() {
        let mut lie = vec![MORE | LONG];
        lie.extend_from_slice(&(1u64 << 60).to_be_bytes());
        assert!(matches!(taken(&lie).0, Err(WireError::TooLong { .. })));
        let mut cut = [frame(b"", true), vec![LONG]].concat();
        cut.extend_from_slice(&(REQUEST_BYTES_MAX).to_be_bytes());
        cut.extend_from_slice(b"only this");
        assert!(taken(&cut).0.expect_err("cut").is_end());
    }

    #[test]
    fn frames_of_which_none_is_empty_have_the_room_of_one_text_together() {
        let half = vec![b'a'; STRANGER_BYTES_MAX as usize / 2 + 1];
        let bytes = [frame(&half, true), frame(&half, false)].concat();
        let read = |most| run(read(&mut &bytes[..], &mut Vec::new(), most));
        assert!(matches!(read(Most::STRANGER), Err(WireError::TooLong { .. })));
        assert_eq!(read(Most::KNOWN).expect("whole").parts.len(), 2);
    }

    #[test]
    fn more_frames_than_a_client_sends_are_refused() {
        let many: Vec<u8> = (0..=FRAMES_MAX).flat_map(|_| frame(b"a", true)).collect();
        assert!(matches!(taken(&many).0, Err(WireError::TooMany(_))));
    }

    #[test]
    fn what_is_sent_is_read_back() {
        for size in [0, 1, 255, 256, JOIN_BYTES_MAX, JOIN_BYTES_MAX + 1] {
            let mut bytes = Vec::new();
            let body = vec![b'x'; size];
            run(send(&mut bytes, &[vec![]], &body)).expect("written");
            let message = taken(&bytes).0.expect("whole");
            assert_eq!((message.envelope, message.parts), (vec![vec![]], vec![body]), "{size}");
        }
    }
}
