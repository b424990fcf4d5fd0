//! Frames: the records of a session whose bytes travel in a stream (a Unix socket, TCP). Drawn in docs/formats.md.
//!
//! Lives here: `Frame` (one message), `Chunk` (some bytes of a buffer), `take` (the next frame of what has arrived).
//! From: bytes of an unknown peer, already in private memory. To: `runtime::transport::stream` and `client::stream`.
//! Holds: a frame's length is bounded before its bytes are waited for; a `Frame` has no reserved bit set, and the length its slot
//! or completion names is that of the bytes behind it; no segment is named.
//! Not here: who may send which frame, credits, order: those are the session's.

use crate::completion::{Completion, CompletionError, INLINE_BYTES, ReplyAt};
use crate::head::{ENTRY_BYTES, word32, word64};
use crate::hello::{HELLO_BYTES, Hello, HelloError, WELCOME_BYTES, Welcome, cut};
use crate::ids::CallId;
use crate::limits::{
    ARGUMENT_BYTES_MAX, BUFFERS_MAX, CHUNK_BYTES_MAX, FAULT_DETAILS_MAX, FAULT_MESSAGE_MAX, NAME_MAX,
    REPLY_BYTES_MAX,
};
use crate::slot::{self, Slot, SlotError};
use thiserror::Error;
use windlass_memory::SegmentId;
use windlass_memory::ring::Entry;

/// Bytes of a frame's head: kind, zeroes, length of what follows.
pub const HEAD_BYTES: usize = 8;
/// Bytes of a chunk before its own.
pub const CHUNK_HEAD_BYTES: usize = 24;
/// Bytes of a token.
pub const TOKEN_BYTES: usize = 32;
/// Bytes of a bye before its text.
const BYE_BYTES: usize = 8;
/// Bytes behind a completion, at most: a Fault's texts, or a value with the entries of its buffers.
const REPLY_MAX: usize =
    REPLY_BYTES_MAX as usize + BUFFERS_MAX * ENTRY_BYTES + FAULT_MESSAGE_MAX + FAULT_DETAILS_MAX;

/// A secret that says that its bearer may connect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token(pub [u8; TOKEN_BYTES]);

impl Token {
    /// No token: what a connection that needs none sends.
    pub const NONE: Token = Token([0; TOKEN_BYTES]);

    /// Whether both are the same, in a time that does not depend on where they differ.
    pub fn is(&self, other: &Token) -> bool {
        let differing = self.0.iter().zip(&other.0).fold(0, |all, (one, two)| all | (one ^ two));
        std::hint::black_box(differing) == 0
    }

    /// As a token file has it: 64 hexadecimal digits.
    pub fn to_text(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Back from that text; spaces around it do not count. `None` when it is no token.
    pub fn from_text(text: &str) -> Option<Token> {
        let text = text.trim().as_bytes();
        if text.len() != 2 * TOKEN_BYTES {
            return None;
        }
        let mut token = [0; TOKEN_BYTES];
        for (byte, pair) in token.iter_mut().zip(text.chunks_exact(2)) {
            let digit = |at: usize| (pair[at] as char).to_digit(16);
            *byte = (digit(0)? << 4 | digit(1)?) as u8;
        }
        Some(Token(token))
    }
}

impl std::fmt::Debug for Token {
    /// A secret is not for logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Some bytes of one buffer of a call, in the order of their offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// The call it belongs to.
    pub call: CallId,
    /// Which of its buffers, counted from 0 among all of the call.
    pub buffer: u32,
    /// Where in that buffer.
    pub offset: u64,
    /// 1 to `limits::CHUNK_BYTES_MAX` bytes.
    pub bytes: &'a [u8],
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A call, a cancel or a release, and its argument bytes.
    Slot(Slot, &'a [u8]),
    /// Bytes of a buffer.
    Chunk(Chunk<'a>),
    /// So many bytes more of chunks may come.
    Credit(u64),
    /// An answer, and its reply bytes if they do not stand in it.
    Completion(Completion, &'a [u8]),
    /// What a client says first.
    Hello(Token, Hello),
    /// What the node answers.
    Welcome(Welcome),
    /// The session ends, and why.
    Bye {
        /// The Fault's code, 0 when a client leaves.
        code: u16,
        /// In words.
        text: String,
    },
}

/// Which message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Slot = 1,
    Chunk = 4,
    Credit = 5,
    Completion = 8,
    Hello = 9,
    Welcome = 10,
    Bye = 11,
}

impl Kind {
    fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            1 => Self::Slot,
            4 => Self::Chunk,
            5 => Self::Credit,
            8 => Self::Completion,
            9 => Self::Hello,
            10 => Self::Welcome,
            11 => Self::Bye,
            _ => return None,
        })
    }

    /// Least and most bytes behind the head.
    fn bounds(self) -> (usize, usize) {
        match self {
            Self::Slot => (slot::BYTES, slot::BYTES + ARGUMENT_BYTES_MAX as usize),
            Self::Chunk => (CHUNK_HEAD_BYTES + 1, CHUNK_HEAD_BYTES + CHUNK_BYTES_MAX),
            Self::Credit => (8, 8),
            Self::Completion => (slot::BYTES, slot::BYTES + REPLY_MAX),
            Self::Hello => (TOKEN_BYTES + HELLO_BYTES, TOKEN_BYTES + HELLO_BYTES + NAME_MAX),
            Self::Welcome => (WELCOME_BYTES, WELCOME_BYTES + FAULT_MESSAGE_MAX),
            Self::Bye => (BYE_BYTES, BYE_BYTES + FAULT_MESSAGE_MAX),
        }
    }
}

/// Why bytes are not a frame.
#[derive(Debug, Error, PartialEq, Eq, Clone)]
pub enum FrameError {
    /// The kind byte names nothing.
    #[error("frames of kind {0} do not exist: this is another protocol, or the stream lost its step")]
    UnknownKind(u8),
    /// Too short or too long for its kind.
    #[error("{bytes} bytes cannot be a frame of kind {kind} ({least} to {most})")]
    Length {
        /// Its kind.
        kind: u8,
        /// As its head says.
        bytes: u32,
        /// At least.
        least: usize,
        /// At most.
        most: usize,
    },
    /// Reserved bytes are not zero.
    #[error("reserved bytes of a frame are not zero")]
    ReservedBytes,
    /// Argument or reply bytes are not as many as their record says, or it says that they stand in a segment.
    #[error("the record names {named} bytes in segment {segment:#x}, {behind} are behind it")]
    Place {
        /// As the record says.
        named: u32,
        /// As the record says.
        segment: u32,
        /// What is there.
        behind: usize,
    },
    /// A buffer that no call has.
    #[error("a chunk of buffer {0} ({BUFFERS_MAX} at most)")]
    Buffer(u32),
    /// Not UTF-8.
    #[error("the text is not UTF-8")]
    Text,
    /// The slot in it.
    #[error(transparent)]
    Slot(#[from] SlotError),
    /// The completion in it.
    #[error(transparent)]
    Completion(#[from] CompletionError),
    /// The hello or welcome in it.
    #[error(transparent)]
    Hello(#[from] HelloError),
}

/// The next frame of what has arrived, and how many bytes it takes; `None` while more has to arrive.
///
/// Cost: nothing is copied but records of fixed size.
///
/// # Errors
/// `FrameError` names what is wrong, from the head alone where it can be told: then no more of it need be waited for.
pub fn take(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, FrameError> {
    let Some(head) = bytes.first_chunk::<HEAD_BYTES>() else {
        // The first byte tells another protocol at once.
        return match bytes.first() {
            Some(&kind) if Kind::from_bits(kind).is_none() => Err(FrameError::UnknownKind(kind)),
            _ => Ok(None),
        };
    };
    let kind = Kind::from_bits(head[0]).ok_or(FrameError::UnknownKind(head[0]))?;
    if head[1..4] != [0; 3] {
        return Err(FrameError::ReservedBytes);
    }
    let length = word32(head, 4);
    let (least, most) = kind.bounds();
    if !(least..=most).contains(&(length as usize)) {
        return Err(FrameError::Length { kind: head[0], bytes: length, least, most });
    }
    let end = HEAD_BYTES + length as usize;
    match bytes.get(HEAD_BYTES..end) {
        Some(body) => Ok(Some((Frame::decode(kind, body)?, end))),
        None => Ok(None),
    }
}

impl<'a> Frame<'a> {
    /// Holds: `body` is as long as its kind may be.
    fn decode(kind: Kind, body: &'a [u8]) -> Result<Frame<'a>, FrameError> {
        Ok(match kind {
            Kind::Slot => {
                let (record, arguments) = body.split_at(slot::BYTES);
                let words = entry(record);
                // A ring's phase means nothing here.
                if words[slot::PUBLISH_WORD] >> 63 != 0 {
                    return Err(FrameError::ReservedBytes);
                }
                let slot = Slot::decode(&words)?;
                let place = slot.arguments;
                // A release names the lease it returns; on a stream there are none to name, so its place is empty too.
                if place.length as usize != arguments.len()
                    || place.segment != SegmentId::NONE
                    || place.offset != 0
                {
                    return Err(misplaced(place.length, place.segment, arguments.len()));
                }
                Frame::Slot(slot, arguments)
            }
            Kind::Chunk => {
                let (head, bytes) = body.split_at(CHUNK_HEAD_BYTES);
                let buffer = word32(head, 8);
                if buffer as usize >= BUFFERS_MAX {
                    return Err(FrameError::Buffer(buffer));
                }
                if word32(head, 12) != 0 {
                    return Err(FrameError::ReservedBytes);
                }
                Frame::Chunk(Chunk {
                    call: CallId::from_bits(word64(head, 0)),
                    buffer,
                    offset: word64(head, 16),
                    bytes,
                })
            }
            Kind::Credit => Frame::Credit(word64(body, 0)),
            Kind::Completion => {
                let (record, reply) = body.split_at(slot::BYTES);
                let words = entry(record);
                if words[crate::completion::PUBLISH_WORD] >> 31 & 1 != 0 {
                    return Err(FrameError::ReservedBytes);
                }
                let completion = Completion::decode(&words)?;
                match completion.at {
                    ReplyAt::Inline(inline) => {
                        let used = completion.length as usize;
                        if !reply.is_empty() {
                            return Err(misplaced(completion.length, SegmentId::NONE, reply.len()));
                        }
                        if inline[used.min(INLINE_BYTES)..].iter().any(|byte| *byte != 0) {
                            return Err(FrameError::ReservedBytes);
                        }
                    }
                    ReplyAt::Segment { segment, offset } => {
                        if segment != SegmentId::NONE || offset != 0 || completion.length as usize != reply.len() {
                            return Err(misplaced(completion.length, segment, reply.len()));
                        }
                    }
                }
                Frame::Completion(completion, reply)
            }
            Kind::Hello => {
                let (token, hello) = body.split_at(TOKEN_BYTES);
                let mut secret = [0; TOKEN_BYTES];
                secret.copy_from_slice(token);
                Frame::Hello(Token(secret), Hello::decode(hello)?)
            }
            Kind::Welcome => Frame::Welcome(Welcome::decode(body)?),
            Kind::Bye => {
                let (head, text) = body.split_at(BYE_BYTES);
                if head[2..] != [0; BYE_BYTES - 2] {
                    return Err(FrameError::ReservedBytes);
                }
                let text = std::str::from_utf8(text).map_err(|_| FrameError::Text)?.to_owned();
                Frame::Bye { code: u16::from_le_bytes([head[0], head[1]]), text }
            }
        })
    }

    /// Writes the frame behind what is there. Texts are cut to their limits.
    pub fn encode(&self, into: &mut Vec<u8>) {
        let begin = into.len();
        let kind = match self {
            Frame::Slot(..) => Kind::Slot,
            Frame::Chunk(_) => Kind::Chunk,
            Frame::Credit(_) => Kind::Credit,
            Frame::Completion(..) => Kind::Completion,
            Frame::Hello(..) => Kind::Hello,
            Frame::Welcome(_) => Kind::Welcome,
            Frame::Bye { .. } => Kind::Bye,
        };
        into.extend_from_slice(&[kind as u8, 0, 0, 0, 0, 0, 0, 0]);
        match self {
            Frame::Slot(slot, arguments) => {
                into.extend_from_slice(&slot.to_bytes());
                into.extend_from_slice(arguments);
            }
            Frame::Chunk(chunk) => {
                put_chunk_head(into, chunk.call, chunk.buffer, chunk.offset);
                into.extend_from_slice(chunk.bytes);
            }
            Frame::Credit(bytes) => into.extend_from_slice(&bytes.to_le_bytes()),
            Frame::Completion(completion, reply) => {
                for word in completion.encode() {
                    into.extend_from_slice(&word.to_le_bytes());
                }
                into.extend_from_slice(reply);
            }
            Frame::Hello(token, hello) => {
                into.extend_from_slice(&token.0);
                into.extend_from_slice(&hello.encode());
            }
            Frame::Welcome(welcome) => into.extend_from_slice(&welcome.encode()),
            Frame::Bye { code, text } => {
                into.extend_from_slice(&code.to_le_bytes());
                into.extend_from_slice(&[0; BYE_BYTES - 2]);
                into.extend_from_slice(cut(text, FAULT_MESSAGE_MAX).as_bytes());
            }
        }
        let length = (into.len() - begin - HEAD_BYTES) as u32;
        into[begin + 4..begin + HEAD_BYTES].copy_from_slice(&length.to_le_bytes());
    }
}

/// Writes the frame of a chunk of `len` bytes behind what is there, its bytes zero, and answers where they stand in `into`:
/// for senders that copy from memory that cannot be borrowed.
///
/// Units: `len` is 1 to `limits::CHUNK_BYTES_MAX`.
pub fn chunk_room(
    into: &mut Vec<u8>,
    call: CallId,
    buffer: u32,
    offset: u64,
    len: usize,
) -> std::ops::Range<usize> {
    let length = (CHUNK_HEAD_BYTES + len) as u32;
    into.extend_from_slice(&[Kind::Chunk as u8, 0, 0, 0]);
    into.extend_from_slice(&length.to_le_bytes());
    put_chunk_head(into, call, buffer, offset);
    let from = into.len();
    into.resize(from + len, 0);
    from..from + len
}

fn put_chunk_head(into: &mut Vec<u8>, call: CallId, buffer: u32, offset: u64) {
    into.extend_from_slice(&call.bits().to_le_bytes());
    into.extend_from_slice(&buffer.to_le_bytes());
    into.extend_from_slice(&[0; 4]);
    into.extend_from_slice(&offset.to_le_bytes());
}

fn misplaced(named: u32, segment: SegmentId, behind: usize) -> FrameError {
    FrameError::Place { named, segment: segment.0, behind }
}

fn entry(record: &[u8]) -> Entry {
    let mut entry = [0; 8];
    for (at, word) in entry.iter_mut().enumerate() {
        *word = word64(record, 8 * at);
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_frame_is_waited_for_and_two_frames_are_taken_one_after_the_other() {
        let mut bytes = Vec::new();
        let chunk = Chunk { call: CallId::new(1, 2), buffer: 3, offset: 4, bytes: b"five" };
        Frame::Chunk(chunk).encode(&mut bytes);
        let first = bytes.len();
        Frame::Credit(77).encode(&mut bytes);
        for cut in 0..first {
            assert_eq!(take(&bytes[..cut]), Ok(None), "cut at {cut}");
        }
        assert_eq!(take(&bytes), Ok(Some((Frame::Chunk(chunk), first))));
        assert_eq!(take(&bytes[first..]), Ok(Some((Frame::Credit(77), bytes.len() - first))));
        let mut again = Vec::new();
        let room = chunk_room(&mut again, chunk.call, 3, 4, 4);
        again[room].copy_from_slice(b"five");
        assert_eq!(again, bytes[..first]);
    }

    #[test]
    fn a_frame_too_long_for_its_kind_is_refused_by_its_head_alone() {
        assert_eq!(take(b"GET / HTTP/1.1"), Err(FrameError::UnknownKind(b'G')));
        assert_eq!(take(b"G"), Err(FrameError::UnknownKind(b'G')));
        let head = [4, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x7F];
        assert!(matches!(take(&head), Err(FrameError::Length { kind: 4, .. })));
        assert_eq!(take(&[5, 0, 1, 0, 8, 0, 0, 0]), Err(FrameError::ReservedBytes));
    }

    #[test]
    fn tokens_are_compared_whole_and_read_back_from_their_text() {
        let token = Token(std::array::from_fn(|at| at as u8 * 7));
        assert_eq!(Token::from_text(&format!(" {}\n", token.to_text())), Some(token));
        assert!(token.is(&token) && !token.is(&Token::NONE));
        assert_eq!(Token::from_text("abc"), None);
        assert_eq!(Token::from_text(&"zz".repeat(TOKEN_BYTES)), None);
        assert_eq!(format!("{token:?}"), "Token(..)");
    }
}
