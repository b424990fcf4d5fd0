//! Stream: a session's bytes over a socket (Unix or TCP), as frames.
//!
//! Lives here: `Stream` (what one session has to send and to take); `gather` (calls whose buffers are on their way), `inbound`
//! (frames become calls), `serve` (the two tasks of a session), `tcp` (who may connect from where).
//! From: frames of an unknown peer, already in private memory. To: `path`; `session` answers calls into it.
//! Holds: nothing here blocks, and nothing grows without a limit: answers are as many as calls may be out, chunks are under
//! credits both ways, and the bytes of buffers are paid for by the session before they come. No segment is named by a peer.
//! Not here: the records (`contract::frame`), sockets (`lane::io`).

mod gather;
mod inbound;
pub(crate) mod serve;
pub(crate) mod tcp;

use super::Transport;
use crate::core::Core;
use crate::limits::STREAM_WRITE_BYTES;
use crate::reply::Answer;
use crate::session::{ResultRoom, Session};
use gather::Gathering;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use windlass_contract::completion::{Completion, FaultHead, INLINE_BYTES, ReplyAt};
use windlass_contract::frame::{Frame, chunk_room};
use windlass_contract::head::BufferEntry;
use windlass_contract::limits::{BUFFERS_MAX, CHUNK_BYTES_MAX, REPLY_BYTES_MAX, WINDOW_BYTES};
use windlass_contract::{CallId, Code, Fault, Outcome};
use windlass_memory::SegmentId;
use windlass_memory::ring::Entry;

/// What the streams of one worker share.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    /// The node ends: nothing is read any more, nobody is accepted.
    stopping: Cell<bool>,
    listener: RefCell<Option<Waker>>,
    /// Connections that have not said hello.
    greeting: Cell<usize>,
}

/// Lets every task that waits for a peer end; what is to be sent is sent still.
pub(crate) fn stop_reading(core: &Core) {
    core.streams.stopping.set(true);
    wake(&core.streams.listener);
    for session in core.sessions.borrow().all.values() {
        if let Some(stream) = session.stream() {
            wake(&stream.reader);
        }
    }
}

fn wake(waker: &RefCell<Option<Waker>>) {
    let waker = waker.borrow_mut().take();
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// The stream of one session.
pub(crate) struct Stream {
    calls: u32,
    out: RefCell<Outbound>,
    /// Calls whose buffers are on their way, by call slot.
    gathering: RefCell<BTreeMap<u32, Gathering>>,
    /// Bytes of chunks that the client may send now.
    window: Cell<u64>,
    /// Bytes of chunks taken and not yet given back as credit.
    taken: Cell<u64>,
    reader: RefCell<Option<Waker>>,
    writer: RefCell<Option<Waker>>,
    over: Cell<bool>,
}

/// What is to be sent.
struct Outbound {
    /// Frames, whole ones.
    bytes: Vec<u8>,
    /// Answers with buffers: their chunks go first, one of each in turn.
    deliveries: VecDeque<Delivery>,
    /// Bytes of chunks that may be sent now.
    credit: u64,
    /// Answers that no socket has taken yet.
    unsent: u32,
    /// Those of them that stand in `bytes`.
    in_bytes: u32,
}

struct Delivery {
    call: CallId,
    parts: VecDeque<Part>,
    /// The frame of the completion.
    answer: Vec<u8>,
}

/// One buffer of an answer.
struct Part {
    /// Among the entries of the reply.
    buffer: u32,
    room: ResultRoom,
    at: u64,
    len: u64,
}

impl Stream {
    /// A stream of a session that may have so many calls out.
    pub(crate) fn new(calls: u32) -> Self {
        let out = Outbound {
            bytes: Vec::new(),
            deliveries: VecDeque::new(),
            credit: WINDOW_BYTES,
            unsent: 0,
            in_bytes: 0,
        };
        Self {
            calls,
            out: RefCell::new(out),
            gathering: RefCell::default(),
            window: Cell::new(WINDOW_BYTES),
            taken: Cell::new(0),
            reader: RefCell::default(),
            writer: RefCell::default(),
            over: Cell::new(false),
        }
    }

    /// The client can take so many bytes of chunks more.
    ///
    /// # Errors
    /// `SessionEnded`: more than it can have taken.
    fn credit(&self, bytes: u64) -> Result<(), Fault> {
        let mut out = self.out.borrow_mut();
        let credit = out.credit.checked_add(bytes).filter(|credit| *credit <= WINDOW_BYTES);
        out.credit = credit.ok_or_else(|| {
            Fault::new(Code::SessionEnded, format!("a credit of {bytes} bytes, which were never sent"))
        })?;
        drop(out);
        wake(&self.writer);
        Ok(())
    }

    /// A chunk of so many bytes came: whether it might.
    ///
    /// # Errors
    /// `SessionEnded`: the client overdrew its credit.
    fn took(&self, bytes: u64) -> Result<(), Fault> {
        let Some(left) = self.window.get().checked_sub(bytes) else {
            let text = format!("a chunk of {bytes} bytes, {} were left of its credit", self.window.get());
            return Err(Fault::new(Code::SessionEnded, text));
        };
        let taken = self.taken.get() + bytes;
        if taken < WINDOW_BYTES / 4 {
            self.window.set(left);
            self.taken.set(taken);
            return Ok(());
        }
        self.window.set(left + taken);
        self.taken.set(0);
        self.push(&Frame::Credit(taken));
        Ok(())
    }

    fn push(&self, frame: &Frame<'_>) {
        frame.encode(&mut self.out.borrow_mut().bytes);
        wake(&self.writer);
    }

    /// Gives up what was to be sent and what was on its way; called when the session has ended.
    pub(crate) fn give_up(&self) {
        let deliveries = std::mem::take(&mut self.out.borrow_mut().deliveries);
        let gathering = self.gathering.take();
        // Dropped with nothing borrowed: a call that goes answers.
        drop((deliveries, gathering));
    }

    /// Fills `into` with what is to be sent next and answers how many answers are in it; `None` when nothing will come any more.
    fn fill(&self, into: &mut Vec<u8>, context: &Context<'_>) -> Poll<Option<u32>> {
        let mut out = self.out.borrow_mut();
        let out = &mut *out;
        std::mem::swap(into, &mut out.bytes);
        let mut answers = std::mem::take(&mut out.in_bytes);
        while into.len() < STREAM_WRITE_BYTES
            && out.credit > 0
            && let Some(mut delivery) = out.deliveries.pop_front()
        {
            if let Some(part) = delivery.parts.front_mut() {
                let len = (part.len - part.at).min(CHUNK_BYTES_MAX as u64).min(out.credit);
                let room = chunk_room(into, delivery.call, part.buffer, part.at, len as usize);
                part.room.read_at(part.at, &mut into[room]);
                part.at += len;
                out.credit -= len;
                if part.at == part.len {
                    delivery.parts.pop_front();
                }
            }
            if delivery.parts.is_empty() {
                into.extend_from_slice(&delivery.answer);
                answers += 1;
            } else {
                // The next delivery is next: a long one does not hold up a short one.
                out.deliveries.push_back(delivery);
            }
        }
        if !into.is_empty() {
            return Poll::Ready(Some(answers));
        }
        if self.over.get() {
            return Poll::Ready(None);
        }
        *self.writer.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    }

    /// So many answers were taken by the socket.
    fn sent(&self, answers: u32) {
        let mut out = self.out.borrow_mut();
        out.unsent = out.unsent.saturating_sub(answers);
    }

    fn value(
        &self,
        session: &Session,
        call: CallId,
        bytes: &[u8],
        buffers: &[BufferEntry],
    ) -> (Completion, Vec<u8>, VecDeque<Part>) {
        let mut parts = VecDeque::new();
        let mut reply = Vec::with_capacity(buffers.len() * 24 + bytes.len());
        for (at, entry) in buffers.iter().enumerate() {
            // What stands there is sent; where it stands is nobody else's business.
            if let Some(room) = session.take_lease(entry.segment, entry.offset)
                && entry.length > 0
            {
                parts.push_back(Part { buffer: at as u32, room, at: 0, len: entry.length });
            }
            BufferEntry { segment: SegmentId::NONE, offset: 0, ..*entry }.encode(&mut reply);
        }
        reply.extend_from_slice(bytes);
        if bytes.len() > REPLY_BYTES_MAX as usize || buffers.len() > BUFFERS_MAX {
            let text = format!("a reply of {} bytes and {} buffers cannot be", bytes.len(), buffers.len());
            let (completion, text) = fault(call, &Fault::new(Code::TooLarge, text).with_outcome(Outcome::Ended));
            return (completion, text, VecDeque::new());
        }
        let (at, length) = place(&mut reply);
        (Completion { call, buffers: buffers.len() as u8, fault: None, length, at }, reply, parts)
    }
}

fn fault(call: CallId, fault: &Fault) -> (Completion, Vec<u8>) {
    let mut text = Vec::new();
    fault.encode_text(&mut text);
    let (at, length) = place(&mut text);
    let head = FaultHead { code: fault.code, outcome: fault.outcome, retry: fault.retry };
    (Completion { call, buffers: 0, fault: Some(head), length, at }, text)
}

/// Where reply bytes stand: in the completion if they fit, and then not behind it.
fn place(reply: &mut Vec<u8>) -> (ReplyAt, u32) {
    let length = reply.len() as u32;
    if reply.len() > INLINE_BYTES {
        return (ReplyAt::Segment { segment: SegmentId::NONE, offset: 0 }, length);
    }
    let mut inline = [0; INLINE_BYTES];
    inline[..reply.len()].copy_from_slice(reply);
    reply.clear();
    (ReplyAt::Inline(inline), length)
}

impl Transport for Stream {
    fn calls(&self) -> u32 {
        self.calls
    }
    fn segment_bytes(&self) -> u64 {
        0
    }
    fn next_entry(&self) -> Option<Entry> {
        None
    }
    fn has_room(&self, calls: u32) -> Result<bool, Fault> {
        Ok(self.out.borrow().unsent + calls <= 2 * self.calls)
    }
    fn answer(
        &self,
        session: &Session,
        call: CallId,
        answer: &Answer<'_>,
        _room: &mut Option<ResultRoom>,
    ) -> Result<(), Fault> {
        let (completion, reply, parts) = match answer {
            Answer::Value { bytes, buffers } => self.value(session, call, bytes, buffers),
            Answer::Fault(why) => {
                let (completion, text) = fault(call, why);
                (completion, text, VecDeque::new())
            }
        };
        let mut out = self.out.borrow_mut();
        out.unsent += 1;
        let frame = Frame::Completion(completion, &reply);
        if parts.is_empty() {
            frame.encode(&mut out.bytes);
            out.in_bytes += 1;
        } else {
            let mut answer = Vec::new();
            frame.encode(&mut answer);
            out.deliveries.push_back(Delivery { call, parts, answer });
        }
        drop(out);
        // Now and not at the turn's end: the writing task stands behind what else can run, so one send takes what all of that
        // answers, and it is handed to the system together with the next receive.
        wake(&self.writer);
        Ok(())
    }
    fn announce(&self) {}
    fn end(&self, _core: Option<&Rc<Core>>, why: &Fault) {
        self.push(&Frame::Bye { code: why.code, text: why.message.clone() });
        self.over.set(true);
        wake(&self.reader);
        wake(&self.writer);
    }
}
