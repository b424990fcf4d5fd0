//! Inbound: what arrives in a stream, and the answers in it.
//!
//! Lives here: `Inbound` (bytes of frames, and results that have not arrived whole), `Parts` (what came of one answer's buffers).
//! From: the socket, read by whoever reaps. To: tickets, as answers like those of a ring.
//! Holds: nothing the node sends is believed: a chunk goes to a buffer that was asked for, in order, and no further than was asked
//! for; what cannot be ends the session. Results stand in memory of this process alone.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;

use windlass_contract::completion::{Completion, ReplyAt};
use windlass_contract::frame::{self, Chunk, Frame};
use windlass_contract::head::{BufferEntry, BufferKind, Direction, Head};
use windlass_contract::limits::WINDOW_BYTES;
use windlass_contract::{CallId, Fault};
use windlass_memory::SegmentId;

use crate::limits::{RESULT_BYTES_AHEAD, STREAM_READ_BYTES};
use crate::outgoing::{Hold, Holds};
use crate::reap::{Own, lost};
use crate::reply::{Reply, ReplyBytes, ResultView};
use crate::session::{Session, ended_by};
use crate::stream::Stream;
use crate::table::{Answer, Out};

/// The receiving side of a session over a socket.
pub(crate) struct Inbound {
    /// What arrived stands at `begin..end`.
    bytes: Vec<u8>,
    begin: usize,
    end: usize,
    /// Results of calls that are out, as far as they came.
    parts: HashMap<CallId, Parts>,
    /// Bytes of chunks taken and not yet given back as credit.
    taken: u64,
}

/// What came of the buffers of one answer, by their place in it.
#[derive(Default)]
pub(crate) struct Parts(BTreeMap<u32, Came>);

enum Came {
    /// A result.
    Bytes(Vec<u8>),
    /// So many bytes were written into the caller's loan.
    Loan(u64),
}

impl Parts {
    /// The result in place `at` of an answer.
    pub(crate) fn view(&mut self, at: usize, entry: &BufferEntry) -> Result<ResultView, Fault> {
        if entry.segment != SegmentId::NONE {
            return Err(lost(format!(
                "its result stands in segment {:#x}, which a stream has not",
                entry.segment.0
            )));
        }
        match self.0.remove(&(at as u32)) {
            None if entry.length == 0 => Ok(ResultView::empty()),
            Some(Came::Bytes(bytes)) if bytes.len() as u64 == entry.length => Ok(ResultView::private(bytes)),
            came => {
                let came = match came {
                    Some(Came::Bytes(bytes)) => bytes.len() as u64,
                    Some(Came::Loan(bytes)) => bytes,
                    None => 0,
                };
                Err(lost(format!("{came} bytes came of a result of {}", entry.length)))
            }
        }
    }

    /// Whether as much of a shared buffer came as the answer says.
    pub(crate) fn filled(&self, at: usize, entry: &BufferEntry) -> bool {
        match self.0.get(&(at as u32)) {
            None => entry.length == 0,
            Some(Came::Loan(bytes)) => *bytes == entry.length,
            Some(Came::Bytes(_)) => false,
        }
    }
}

impl Inbound {
    /// Begins with what has arrived already.
    pub(crate) fn new(rest: &[u8]) -> Inbound {
        let mut bytes = vec![0; STREAM_READ_BYTES.max(rest.len())];
        bytes[..rest.len()].copy_from_slice(rest);
        Inbound { bytes, begin: 0, end: rest.len(), parts: HashMap::new(), taken: 0 }
    }

    /// Reads once; answers whether more may be there. `Ok(None)`: the peer has ended.
    fn read(&mut self, stream: &Stream) -> io::Result<Option<bool>> {
        if self.begin > 0 {
            self.bytes.copy_within(self.begin..self.end, 0);
            (self.begin, self.end) = (0, self.end - self.begin);
        }
        let room = &mut self.bytes[self.end..];
        let wanted = room.len();
        match stream.way.receive(room) {
            Ok(0) => Ok(None),
            Ok(count) => {
                self.end += count;
                Ok(Some(count == wanted))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Some(true)),
            Err(error) => Err(error),
        }
    }
}

impl Session {
    /// Takes what has arrived, without waiting. Answers how many calls were answered.
    pub(crate) fn take_framed(
        self: &Arc<Self>,
        stream: &Stream,
        inbound: &mut Inbound,
        own: Option<&Own<'_>>,
    ) -> u32 {
        let mut taken = 0;
        while self.over.get().is_none() {
            let more = match inbound.read(stream) {
                Ok(Some(more)) => more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Ok(None) | Err(_) => {
                    self.end(self.gone());
                    break;
                }
            };
            match self.frames(stream, inbound, own) {
                Ok(answered) => taken += answered,
                Err(error) => {
                    self.broken(error);
                    break;
                }
            }
            // With its own answer at hand a caller does not read on for others.
            if !more || own.is_some_and(|own| own.answer.get().is_some()) {
                break;
            }
        }
        taken
    }

    fn frames(
        self: &Arc<Self>,
        stream: &Stream,
        inbound: &mut Inbound,
        own: Option<&Own<'_>>,
    ) -> Result<u32, String> {
        let mut answered = 0;
        let Inbound { bytes, begin, end, parts, taken } = inbound;
        while self.over.get().is_none() {
            let next = frame::take(&bytes[*begin..*end]).map_err(|error| error.to_string())?;
            let Some((frame, used)) = next else { break };
            *begin += used;
            match frame {
                Frame::Completion(completion, reply) => {
                    let came = parts.remove(&completion.call).unwrap_or_default();
                    self.completed_framed(&completion, reply, came, own);
                    answered += 1;
                }
                Frame::Chunk(chunk) => {
                    *taken += chunk.bytes.len() as u64;
                    let one = parts.entry(chunk.call).or_default();
                    let fits = self.table.with(chunk.call, |out| place(one, out, &chunk));
                    fits.unwrap_or_else(|| Err(format!("a chunk of {:?}, which is not out", chunk.call)))?;
                }
                Frame::Credit(bytes) => self.take_credit(stream, bytes),
                Frame::Bye { code, text } => self.end(ended_by(code, &self.node, &text)),
                Frame::Slot(..) | Frame::Hello(..) | Frame::Welcome(_) => {
                    return Err("a frame that nodes do not send".into());
                }
            }
        }
        if *taken >= WINDOW_BYTES / 4 {
            self.give_credit(stream, std::mem::take(taken));
        }
        Ok(answered)
    }

    fn completed_framed(
        self: &Arc<Self>,
        completion: &Completion,
        reply: &[u8],
        parts: Parts,
        own: Option<&Own<'_>>,
    ) {
        match self.table.take_out(completion.call) {
            Some(Out { call, ticket, holds }) => {
                let answer = self.answer_framed(completion, reply, parts, holds);
                self.hand_over(Out { call, ticket, holds: Holds::default() }, answer, own);
            }
            None => {
                self.broken(format!("it answered {:?}, which is not out", completion.call));
            }
        }
    }

    /// From completion to answer.
    fn answer_framed(
        self: &Arc<Self>,
        completion: &Completion,
        reply: &[u8],
        parts: Parts,
        holds: Holds,
    ) -> Answer {
        let mut bytes = ReplyBytes::new();
        match completion.at {
            ReplyAt::Inline(inline) => bytes.extend(&inline[..(completion.length as usize).min(inline.len())]),
            ReplyAt::Segment { .. } => bytes.extend(reply),
        }
        let (entries, value) = Head::decode_reply(completion.buffers, bytes.as_slice())
            .map_err(|error| lost(format!("its reply head is wrong: {error}")))?;
        let from = bytes.as_slice().len() - value.len();
        let given = self.given(&entries, holds, completion.fault.is_none(), Some(parts));
        if let Some(head) = completion.fault {
            return Err(Fault::decode(head.code, head.outcome, head.retry, value));
        }
        let (given, inputs) = given?;
        Ok(Reply::new(bytes, from, given, inputs))
    }
}

/// Puts a chunk where it belongs.
fn place(parts: &mut Parts, out: &mut Out, chunk: &Chunk<'_>) -> Result<(), String> {
    let wrong = |what: &str| {
        let at = (chunk.buffer, chunk.offset, chunk.bytes.len());
        format!("a chunk (buffer, offset, bytes {at:?}) {what}")
    };
    let mut asked = out.holds.buffers.iter_mut().filter(|asked| asked.entry.direction != Direction::In);
    let asked = asked.nth(chunk.buffer as usize).ok_or_else(|| wrong("of a buffer that was not asked for"))?;
    let len = chunk.bytes.len() as u64;
    if chunk.offset.checked_add(len).is_none_or(|end| end > asked.entry.length) {
        return Err(wrong("past the end of its buffer"));
    }
    let fresh = || match asked.entry.kind {
        BufferKind::Bytes => {
            let mut bytes = Vec::new();
            // Without this memory it grows as it comes.
            let _may_grow_later = bytes.try_reserve_exact(asked.entry.length.min(RESULT_BYTES_AHEAD) as usize);
            Came::Bytes(bytes)
        }
        BufferKind::Shared => Came::Loan(0),
    };
    match (parts.0.entry(chunk.buffer).or_insert_with(fresh), &mut asked.hold) {
        (Came::Bytes(bytes), _) if bytes.len() as u64 == chunk.offset => {
            bytes.try_reserve(chunk.bytes.len()).map_err(|_| wrong("for which there is no memory"))?;
            bytes.extend_from_slice(chunk.bytes);
            Ok(())
        }
        (Came::Loan(came), Hold::Loan(loan)) if *came == chunk.offset => {
            let from = chunk.offset as usize;
            let room =
                loan.get_mut(from..from + chunk.bytes.len()).ok_or_else(|| wrong("past the end of its loan"))?;
            room.copy_from_slice(chunk.bytes);
            *came += len;
            Ok(())
        }
        _ => Err(wrong("that does not follow the one before")),
    }
}
