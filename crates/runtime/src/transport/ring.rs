//! Ring: a session's bytes in memory that both processes share.
//!
//! Lives here: `Ring` (the two rings, their words, doorbell and control socket of one session).
//! From: the worker takes entries, `session` answers calls. To: the client's completion ring.
//! Holds: a reply stands inline, in its call's cell, or in a result segment, and is published after it stands there.
//! Not here: what an entry means (`transport::take`), segments (`session::memory`).

use super::Transport;
use crate::core::Core;
use crate::reply::Answer;
use crate::session::{ResultRoom, Session};
use std::cell::{Cell, RefCell};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use windlass_contract::completion::{Completion, FaultHead, INLINE_BYTES, ReplyAt};
use windlass_contract::control::{Control, ControlKind};
use windlass_contract::head::BufferEntry;
use windlass_contract::{CallId, Code, Fault, Outcome};
use windlass_memory::cells::Word as _;
use windlass_memory::hooks::{Plant, planted};
use windlass_memory::park::NodePark;
use windlass_memory::ring::{COMPLETION, Consumer, Entry, Producer, SUBMIT};
use windlass_memory::word::PeerWord;
use windlass_memory::words::{CELL_BYTES, ClientWords, Layout, NodeWords};
use windlass_memory::{Doorbell, Processors, Segment, SegmentId};

/// What `greet` made for a session in shared memory.
pub(crate) struct RingParts {
    pub(crate) layout: Layout,
    pub(crate) client: Arc<Segment>,
    pub(crate) node: Arc<Segment>,
    pub(crate) node_words: NodeWords,
    pub(crate) client_words: ClientWords,
    pub(crate) doorbell: Doorbell,
    pub(crate) process: Option<OwnedFd>,
}

/// The shared memory of one session.
pub(crate) struct Ring {
    layout: Layout,
    client: Arc<Segment>,
    node: Arc<Segment>,
    socket: OwnedFd,
    doorbell: Doorbell,
    process: Option<OwnedFd>,
    submit: RefCell<Consumer<SUBMIT>>,
    complete: RefCell<Producer<COMPLETION>>,
    park: NodePark,
    /// By which the client asks to be told on its socket.
    watched: PeerWord,
    /// What stood there when it was told last.
    told: Cell<u32>,
    processors: Processors,
}

impl Ring {
    pub(crate) fn new(socket: OwnedFd, parts: RingParts) -> Self {
        let RingParts { layout, client, node, node_words, client_words, doorbell, process } = parts;
        let ring = |segment: &Arc<Segment>| match layout.ring(segment.clone()) {
            Ok(ring) => ring,
            Err(error) => unreachable!("both segments were made to this layout: {error}"),
        };
        let submit = ring(&client).consumer(node_words.own_submit_head());
        let complete = ring(&node).producer(client_words.peer_completion_head());
        Self {
            layout,
            socket,
            doorbell,
            process,
            submit: RefCell::new(submit),
            complete: RefCell::new(complete),
            park: NodePark::new(&node_words, &client_words),
            watched: client_words.peer_watched(),
            told: Cell::new(0),
            processors: Processors::node(&node_words, &client_words),
            client,
            node,
        }
    }

    /// The client's own small segment.
    pub(crate) fn client(&self) -> &Arc<Segment> {
        &self.client
    }
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
    pub(crate) fn doorbell(&self) -> BorrowedFd<'_> {
        self.doorbell.as_fd()
    }
    pub(crate) fn process(&self) -> Option<BorrowedFd<'_>> {
        self.process.as_ref().map(AsFd::as_fd)
    }
    /// Whether an entry waits.
    #[inline]
    pub(crate) fn has_entry(&self) -> bool {
        self.submit.borrow().peek_ready()
    }
    /// Tells the client how far its ring has been read.
    #[inline]
    pub(crate) fn commit(&self) {
        self.submit.borrow_mut().commit();
    }
    /// Whether its client runs on another processor than this thread.
    pub(crate) fn runs_apart(&self) -> bool {
        self.processors.apart()
    }
    /// Stops looking at the session, unless something came; `true` if it may be forgotten until it rings.
    pub(crate) fn arm(&self) -> bool {
        self.park.arm(|| self.has_entry())
    }
    /// Looks at the session again.
    pub(crate) fn disarm(&self) {
        self.park.disarm();
    }

    fn value(
        &self,
        session: &Session,
        call: CallId,
        bytes: &[u8],
        buffers: &[BufferEntry],
        room: &mut Option<ResultRoom>,
    ) -> Completion {
        let done = |at, length: usize| Completion {
            call,
            buffers: buffers.len() as u8,
            fault: None,
            length: length as u32,
            at,
        };
        if buffers.is_empty() && bytes.len() <= INLINE_BYTES {
            let mut inline = [0; INLINE_BYTES];
            inline[..bytes.len()].copy_from_slice(bytes);
            return done(ReplyAt::Inline(inline), bytes.len());
        }
        let mut whole = Vec::with_capacity(buffers.len() * 24 + bytes.len());
        for entry in buffers {
            entry.encode(&mut whole);
        }
        whole.extend_from_slice(bytes);
        match self.place_reply(session, call, &whole, room) {
            Ok(at) => done(at, whole.len()),
            Err(fault) => {
                // The rooms that the entries name are leases already; without the reply nobody could release them.
                session.take_back(buffers);
                self.fault(session, call, &fault.with_outcome(Outcome::Ended), room)
            }
        }
    }

    fn fault(&self, session: &Session, call: CallId, fault: &Fault, room: &mut Option<ResultRoom>) -> Completion {
        let mut text = Vec::new();
        fault.encode_text(&mut text);
        let (at, length) = match self.place_reply(session, call, &text, room) {
            Ok(at) => (at, text.len()),
            // Out of memory even for the message: two empty texts say so in two bytes.
            Err(_) => (ReplyAt::Inline([0; INLINE_BYTES]), 2),
        };
        let head = FaultHead { code: fault.code, outcome: fault.outcome, retry: fault.retry };
        Completion { call, buffers: 0, fault: Some(head), length: length as u32, at }
    }

    /// Puts reply bytes where the client will find them: inline, in the slot's cell, or in a result segment.
    fn place_reply(
        &self,
        session: &Session,
        call: CallId,
        bytes: &[u8],
        room: &mut Option<ResultRoom>,
    ) -> Result<ReplyAt, Fault> {
        if bytes.len() <= INLINE_BYTES {
            let mut inline = [0; INLINE_BYTES];
            inline[..bytes.len()].copy_from_slice(bytes);
            return Ok(ReplyAt::Inline(inline));
        }
        if bytes.len() <= CELL_BYTES
            && let Some(offset) = self.layout.cell(call.slot())
            && let Ok(span) = self.node.span(offset, bytes.len() as u64)
        {
            self.node.copy_in(span, bytes);
            return Ok(ReplyAt::Segment { segment: SegmentId::NODE, offset });
        }
        let lent = session.lend_result(&session.core()?, bytes.len() as u64)?;
        lent.write(bytes);
        let at = ReplyAt::Segment { segment: lent.segment_id(), offset: lent.offset() };
        *room = Some(lent);
        Ok(at)
    }
}

impl Transport for Ring {
    fn calls(&self) -> u32 {
        self.layout.calls()
    }
    fn segment_bytes(&self) -> u64 {
        2 * self.layout.bytes() as u64
    }
    #[inline]
    fn next_entry(&self) -> Option<Entry> {
        self.submit.borrow_mut().take()
    }
    #[inline]
    fn has_room(&self, calls: u32) -> Result<bool, Fault> {
        let room = self.complete.borrow_mut().has_room(calls);
        room.map_err(|error| Fault::new(Code::SessionEnded, error.to_string()))
    }
    #[inline]
    fn answer(
        &self,
        session: &Session,
        call: CallId,
        answer: &Answer<'_>,
        room: &mut Option<ResultRoom>,
    ) -> Result<(), Fault> {
        let completion = match answer {
            Answer::Value { bytes, buffers } => self.value(session, call, bytes, buffers, room),
            Answer::Fault(fault) => self.fault(session, call, fault, room),
        };
        if planted(Plant::DoubleCompletion) && matches!(answer, Answer::Fault(fault) if fault.is(Code::Cancelled))
        {
            let _twice = self.complete.borrow_mut().publish(completion.encode());
        }
        let published = self.complete.borrow_mut().publish(completion.encode());
        published.map_err(|error| Fault::new(Code::SessionEnded, format!("completion ring: {error}")))
    }
    fn announce(&self) {
        let tail = self.complete.borrow().published();
        self.park.announce(tail);
        // ORDER: behind the fence of `announce`: either this load sees that the client watches, or its second look sees the entries.
        let watched = self.watched.load();
        if watched != self.told.get() {
            self.told.set(watched);
            if watched != 0 {
                // A socket that is full can be read already; one that is closed is noticed elsewhere.
                let _unheard =
                    super::wire::send(self, &Control::new(ControlKind::News, SegmentId::NONE, 0, 0), None);
            }
        }
    }
    fn end(&self, _core: Option<&Rc<Core>>, why: &Fault) {
        let mut bye = Control::new(ControlKind::Bye, SegmentId::NONE, 0, 0);
        bye.code = why.code;
        bye.text = why.message.clone();
        // The client may be gone, or may not read; the word below reaches it in any case.
        let _unheard = super::wire::send(self, &bye, None);
        self.park.end(u32::from(why.code));
    }
}
