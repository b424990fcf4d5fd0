//! Session: one client's connection.
//!
//! Lives here: `Session` (its rings, call slots, identity), `memory` (its segments, rooms and leases), `admit`
//! (who may call; the only maker of `Admitted`), `Sessions` (the table).
//! From: `transport::greet`. To: `transport` reads through it, `reply` completes through it.
//! Holds: a completion has room before its call is accepted; what a dead client held returns when its last task ends.

mod admit;
mod memory;

pub(crate) use admit::{Admitted, admit, admit_nested};
pub(crate) use memory::{CopyCharge, ResultRoom};

use crate::core::Core;
use crate::host::call::LiveKey;
use crate::limits::{DETACHED_MAX, SESSIONS_MAX};
use crate::reply::{Answer, Refused, ReplySlot};
use crate::stats::add;
use memory::Memories;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use windlass_contract::admin::SessionFacts;
use windlass_contract::completion::{Completion, FaultHead, INLINE_BYTES, ReplyAt};
use windlass_contract::control::{Control, ControlKind};
use windlass_contract::head::BufferEntry;
use windlass_contract::{CallId, Code, Fault};
use windlass_driver::socket::Peer;
use windlass_memory::hooks::{Plant, planted};
use windlass_memory::park::NodePark;
use windlass_memory::ring::{COMPLETION, Consumer, Entry, Producer, SUBMIT};
use windlass_memory::words::{CELL_BYTES, ClientWords, Layout, NodeWords};
use windlass_memory::{Doorbell, Processors, Segment, SegmentId};

/// What `greet` made for a new session.
pub(crate) struct SessionParts {
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) peer: Peer,
    pub(crate) layout: Layout,
    pub(crate) client: Arc<Segment>,
    pub(crate) node: Arc<Segment>,
    pub(crate) node_words: NodeWords,
    pub(crate) client_words: ClientWords,
    pub(crate) doorbell: Doorbell,
    pub(crate) process: Option<OwnedFd>,
}

/// One use of a call slot.
#[derive(Default)]
struct CallSlot {
    call: Option<CallId>,
    /// The generation of the last call, so that none comes twice.
    last: Option<u32>,
    live: Option<LiveKey>,
    /// Its client asked it to end before it began.
    given_up: bool,
    reply: Option<ResultRoom>,
}

/// One client's connection.
pub(crate) struct Session {
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) peer: Peer,
    layout: Layout,
    client: Arc<Segment>,
    node: Arc<Segment>,
    socket: OwnedFd,
    doorbell: Doorbell,
    process: Option<OwnedFd>,
    submit: RefCell<Consumer<SUBMIT>>,
    complete: RefCell<Producer<COMPLETION>>,
    park: NodePark,
    processors: Processors,
    slots: RefCell<Vec<CallSlot>>,
    in_flight: Cell<u32>,
    /// Detached calls that have not ended.
    detached: Rc<Cell<u32>>,
    memories: Memories,
    answered: Cell<u64>,
    /// On the worker's list of sessions to look at.
    pub(crate) active: Cell<bool>,
    touched: Cell<bool>,
    ended: RefCell<Option<Fault>>,
    /// It was its client that ended it.
    leaves: Cell<bool>,
    core: Weak<Core>,
    this: Weak<Session>,
}

impl Session {
    pub(crate) fn new(core: &Rc<Core>, socket: OwnedFd, parts: SessionParts) -> Rc<Self> {
        let SessionParts { number, name, peer, layout, client, node, node_words, client_words, doorbell, process } =
            parts;
        let ring = |segment: &Arc<Segment>| match layout.ring(segment.clone()) {
            Ok(ring) => ring,
            Err(error) => unreachable!("both segments were made to this layout: {error}"),
        };
        let submit = ring(&client).consumer(node_words.own_submit_head());
        let complete = ring(&node).producer(client_words.peer_completion_head());
        let park = NodePark::new(&node_words, &client_words);
        let processors = Processors::node(&node_words, &client_words);
        add(&core.counters.segment_bytes, 2 * layout.bytes() as u64);
        core.symbols.begin(number);
        let slots = (0..layout.calls()).map(|_| CallSlot::default()).collect();
        Rc::new_cyclic(|this| Self {
            number,
            name,
            peer,
            layout,
            client,
            node,
            socket,
            doorbell,
            process,
            submit: RefCell::new(submit),
            complete: RefCell::new(complete),
            park,
            processors,
            slots: RefCell::new(slots),
            in_flight: Cell::new(0),
            detached: Rc::default(),
            memories: Memories::default(),
            answered: Cell::new(0),
            active: Cell::new(false),
            touched: Cell::new(false),
            ended: RefCell::new(None),
            leaves: Cell::new(false),
            core: Rc::downgrade(core),
            this: this.clone(),
        })
    }

    /// The next entry of the submit ring, copied.
    #[inline]
    pub(crate) fn next_entry(&self) -> Option<Entry> {
        self.submit.borrow_mut().take()
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

    /// Takes a call: its slot must be free, its generation new, and its completion must have room.
    ///
    /// # Errors
    /// A Fault that ends the session: a correct client cannot meet it.
    pub(crate) fn accept(&self, call: CallId) -> Result<ReplySlot, Fault> {
        let broken = |text: String| Fault::new(Code::SessionEnded, text);
        let mut slots = self.slots.borrow_mut();
        let calls = self.layout.calls();
        let slot = slots
            .get_mut(call.slot() as usize)
            .ok_or_else(|| broken(format!("call slot {} of {calls}", call.slot())))?;
        if slot.call.is_some() {
            return Err(broken(format!("call slot {} is in use", call.slot())));
        }
        if slot.last.is_some_and(|last| !follows(call.generation(), last)) {
            return Err(broken(format!("{call:?} was there before: generations of a call slot count up")));
        }
        let wanted = self.in_flight.get() + 1;
        if !self.complete.borrow_mut().has_room(wanted).map_err(|error| broken(error.to_string()))? {
            return Err(broken("completions are not taken".into()));
        }
        slot.call = Some(call);
        slot.given_up = false;
        slot.last = Some(call.generation());
        slot.reply = None;
        self.in_flight.set(self.in_flight.get() + 1);
        let this = self.this.upgrade();
        Ok(this.map_or_else(ReplySlot::nobody, |this| ReplySlot::session(this, call)))
    }

    /// Nobody waits for this call: its reply goes nowhere, and its slot is answered at once.
    pub(crate) fn detach(&self, reply: ReplySlot) -> Result<ReplySlot, Refused> {
        if self.detached.get() >= DETACHED_MAX {
            let text = format!("{DETACHED_MAX} detached calls of this session have not ended");
            return Err(Refused::new(reply, Fault::new(Code::QueueFull, text)));
        }
        reply.answer(&Answer::Value { bytes: &[], buffers: &[] });
        Ok(ReplySlot::counted(self.detached.clone()))
    }

    /// Remembers that a call which has not begun is not to begin.
    pub(crate) fn give_up(&self, call: CallId) {
        if let Some(slot) = self.slots.borrow_mut().get_mut(call.slot() as usize)
            && slot.call == Some(call)
        {
            slot.given_up = true;
        }
    }
    /// Whether a call need not begin: its client gave it up, or is gone.
    pub(crate) fn given_up(&self, call: CallId) -> bool {
        let slots = self.slots.borrow();
        let slot = slots.get(call.slot() as usize).filter(|slot| slot.call == Some(call));
        self.has_ended() || slot.is_none_or(|slot| slot.given_up)
    }

    /// Remembers which task serves a call, for its cancel.
    pub(crate) fn set_live(&self, call: CallId, live: LiveKey) {
        if let Some(slot) = self.slots.borrow_mut().get_mut(call.slot() as usize)
            && slot.call == Some(call)
        {
            slot.live = Some(live);
        }
    }
    /// The task that serves a call.
    pub(crate) fn live(&self, call: CallId) -> Option<LiveKey> {
        let slots = self.slots.borrow();
        let slot = slots.get(call.slot() as usize)?;
        if slot.call == Some(call) { slot.live } else { None }
    }
    /// The tasks of all calls.
    pub(crate) fn all_live(&self) -> Vec<LiveKey> {
        self.slots.borrow().iter().filter_map(|slot| slot.live).collect()
    }

    /// Publishes the answer of a call; the client is told at the end of the turn.
    pub(crate) fn complete(&self, call: CallId, answer: &Answer<'_>) {
        let mut slots = self.slots.borrow_mut();
        let Some(slot) = slots.get_mut(call.slot() as usize).filter(|slot| slot.call == Some(call)) else {
            return;
        };
        slot.call = None;
        slot.live = None;
        if !(planted(Plant::UnreturnedCredit) && matches!(answer, Answer::Fault(_))) {
            self.in_flight.set(self.in_flight.get() - 1);
        }
        add(&self.answered, 1);
        if self.ended.borrow().is_some() {
            return;
        }
        let completion = match answer {
            Answer::Value { bytes, buffers } => self.value(call, bytes, buffers, slot),
            Answer::Fault(fault) => self.fault(call, fault, slot),
        };
        drop(slots);
        if planted(Plant::DoubleCompletion) && matches!(answer, Answer::Fault(fault) if fault.is(Code::Cancelled))
        {
            let _twice = self.complete.borrow_mut().publish(completion.encode());
        }
        if let Err(error) = self.complete.borrow_mut().publish(completion.encode()) {
            return self.end(&Fault::new(Code::SessionEnded, format!("completion ring: {error}")));
        }
        self.touch();
    }

    fn value(&self, call: CallId, bytes: &[u8], buffers: &[BufferEntry], slot: &mut CallSlot) -> Completion {
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
        match self.place_reply(call, &whole, slot) {
            Ok(at) => done(at, whole.len()),
            Err(fault) => {
                // The rooms that the entries name are leases already; without the reply nobody could release them.
                for entry in buffers.iter().filter(|entry| entry.segment.is_node_written()) {
                    self.forget_lease(entry.segment, entry.offset);
                }
                self.fault(call, &fault.with_outcome(windlass_contract::Outcome::Ended), slot)
            }
        }
    }

    fn fault(&self, call: CallId, fault: &Fault, slot: &mut CallSlot) -> Completion {
        let mut text = Vec::new();
        fault.encode_text(&mut text);
        let (at, length) = match self.place_reply(call, &text, slot) {
            Ok(at) => (at, text.len()),
            // Out of memory even for the message: two empty texts say so in two bytes.
            Err(_) => (ReplyAt::Inline([0; INLINE_BYTES]), 2),
        };
        let head = FaultHead { code: fault.code, outcome: fault.outcome, retry: fault.retry };
        Completion { call, buffers: 0, fault: Some(head), length: length as u32, at }
    }

    /// Puts reply bytes where the client will find them: inline, in the slot's cell, or in a result segment.
    fn place_reply(&self, call: CallId, bytes: &[u8], slot: &mut CallSlot) -> Result<ReplyAt, Fault> {
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
        let core = self.core.upgrade().ok_or_else(|| Fault::new(Code::Draining, "the node is gone"))?;
        let this = self.this.upgrade().ok_or_else(|| Fault::new(Code::SessionEnded, "the session is gone"))?;
        let room = this.lend_result(&core, bytes.len() as u64)?;
        room.write(bytes);
        let at = ReplyAt::Segment { segment: room.segment_id(), offset: room.offset() };
        slot.reply = Some(room);
        Ok(at)
    }

    fn touch(&self) {
        if !self.touched.replace(true)
            && let (Some(core), Some(this)) = (self.core.upgrade(), self.this.upgrade())
        {
            core.sessions.borrow_mut().touched.push(this);
        }
    }

    /// Tells the client what was published since; once a turn.
    pub(crate) fn announce(&self) {
        self.touched.set(false);
        let tail = self.complete.borrow().published();
        self.park.announce(tail);
    }

    /// Ends the session: the client learns why, its calls are cancelled by the worker, nothing more is read.
    pub(crate) fn end(&self, why: &Fault) {
        if self.ended.borrow().is_some() {
            return;
        }
        let (session, client, pid) = (self.number, &self.name, self.peer.pid);
        // A client that leaves when all its calls are answered is the daily round.
        if self.leaves.get() && self.in_flight.get() == 0 {
            tracing::debug!(session, %client, pid, why = %why.message, "session ends");
        } else {
            tracing::info!(session, %client, pid, why = %why, calls = self.in_flight.get(), "session ends");
        }
        *self.ended.borrow_mut() = Some(why.clone());
        let mut bye = Control::new(ControlKind::Bye, SegmentId::NONE, 0, 0);
        bye.code = why.code;
        bye.text = why.message.clone();
        // The client may be gone, or may not read; the word below reaches it in any case.
        let _unheard = crate::transport::wire::send(self, &bye, None);
        self.park.end(u32::from(why.code));
        if let (Some(core), Some(this)) = (self.core.upgrade(), self.this.upgrade()) {
            core.sessions.borrow_mut().ended.push(this);
        }
    }
    /// Ends the session because its client left: it said so, closed its socket, or its process is over.
    pub(crate) fn leave(&self, why: &Fault) {
        self.leaves.set(true);
        self.end(why);
    }
    /// Ends without a word: its process is as good as dead.
    pub(crate) fn fall_silent(&self) {
        self.ended.borrow_mut().get_or_insert_with(|| Fault::new(Code::NodeGone, "the node is gone"));
    }
    /// Whether it has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
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

    /// What `admin` says of it.
    pub(crate) fn facts(&self) -> SessionFacts {
        SessionFacts {
            id: self.number,
            name: self.name.clone(),
            pid: self.peer.pid,
            uid: self.peer.uid,
            calls_max: self.layout.calls(),
            in_flight: self.in_flight.get(),
            calls: self.answered.get(),
            segment_bytes: self.memories.bytes() + 2 * self.layout.bytes() as u64,
            leases: self.memories.leases(),
        }
    }
}

/// Whether a generation is a later one, by at most half of all there are: they wrap.
fn follows(generation: u32, last: u32) -> bool {
    matches!(generation.wrapping_sub(last), 1..=0x7FFF_FFFF)
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(core) = self.core.upgrade() {
            let bytes = 2 * self.layout.bytes() as u64 + self.memories.bytes();
            core.counters.segment_bytes.set(core.counters.segment_bytes.get().saturating_sub(bytes));
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {} of {} (pid {})", self.number, self.name, self.peer.pid)
    }
}

/// The sessions of one worker.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    pub(crate) all: BTreeMap<u64, Rc<Session>>,
    /// With completions that were not announced yet.
    pub(crate) touched: Vec<Rc<Session>>,
    /// Over, to be taken apart by the worker.
    pub(crate) ended: Vec<Rc<Session>>,
    numbers: u64,
}

impl Sessions {
    /// Whether no more fit.
    pub(crate) fn is_full(&self) -> bool {
        self.all.len() >= SESSIONS_MAX
    }
    /// The next session's number.
    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}
