//! Session: one client's connection.
//!
//! Lives here: `Session` (its call slots, credits, identity; the way of its bytes is `transport`'s), `memory` (its segments, rooms and leases), `admit`
//! (who may call; the only maker of `Admitted`), `Sessions` (the table).
//! From: `transport::greet`. To: `transport` reads through it, `reply` completes through it.
//! Holds: a completion has room before its call is accepted; what a dead client held returns when its last task ends.

mod admit;
mod memory;
mod travel;

pub(crate) use admit::{Admitted, admit, admit_guest, admit_nested};
pub(crate) use memory::{CopyCharge, ResultRoom};
pub(crate) use travel::Parcel;

use crate::core::Core;
use crate::events::Kind;
use crate::limits::DETACHED_MAX;
use crate::reply::{Answer, Refused, ReplySlot, Serving};
use crate::stats::add;
use crate::transport::ring::Ring;
use crate::transport::stream::Stream;
use crate::transport::{Transport, Via};
use memory::Memories;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::BorrowedFd;
use std::rc::{Rc, Weak};
use std::sync::atomic::Ordering;
use windlass_contract::admin::SessionFacts;
use windlass_contract::{CallId, Code, Fault};
use windlass_driver::socket::Peer;
use windlass_memory::hooks::{Plant, planted};
use windlass_memory::ring::Entry;

/// Who a new session's client is.
pub(crate) struct Who {
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) peer: Peer,
    /// It comes by a way that leaves this machine's own processes: pool 0 is closed to it.
    pub(crate) far: bool,
}

/// One use of a call slot.
#[derive(Default)]
struct CallSlot {
    call: Option<CallId>,
    /// The generation of the last call, so that none comes twice.
    last: Option<u32>,
    live: Option<Serving>,
    /// Its client asked it to end before it began.
    given_up: bool,
    reply: Option<ResultRoom>,
}

/// One client's connection.
pub(crate) struct Session {
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) peer: Peer,
    /// Pool 0 is closed to it, but for what describes the others.
    pub(crate) far: bool,
    via: Via,
    slots: RefCell<Vec<CallSlot>>,
    in_flight: Cell<u32>,
    /// Detached calls that have not ended.
    detached: Rc<Cell<u32>>,
    memories: Memories,
    answered: Cell<u64>,
    drift: travel::Drift,
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
    pub(crate) fn new(core: &Rc<Core>, who: Who, via: Via) -> Rc<Self> {
        core.shared.segment_bytes.fetch_add(via.segment_bytes(), Ordering::Relaxed);
        core.symbols.begin(who.number);
        let slots = (0..via.calls()).map(|_| CallSlot::default()).collect();
        Self::assemble(core, who, via, slots, Memories::default())
    }

    fn assemble(core: &Rc<Core>, who: Who, via: Via, slots: Vec<CallSlot>, memories: Memories) -> Rc<Self> {
        let Who { number, name, peer, far } = who;
        Rc::new_cyclic(|this| Self {
            number,
            name,
            peer,
            far,
            via,
            slots: RefCell::new(slots),
            in_flight: Cell::new(0),
            detached: Rc::default(),
            memories,
            answered: Cell::new(0),
            drift: travel::Drift::new(core.now()),
            active: Cell::new(false),
            touched: Cell::new(false),
            ended: RefCell::new(None),
            leaves: Cell::new(false),
            core: Rc::downgrade(core),
            this: this.clone(),
        })
    }

    /// Its shared memory, if that is how its bytes travel.
    #[inline]
    pub(crate) fn ring(&self) -> Option<&Ring> {
        match &self.via {
            Via::Ring(ring) => Some(ring),
            Via::Stream(_) | Via::Gone => None,
        }
    }
    /// Its stream, if that is how its bytes travel.
    pub(crate) fn stream(&self) -> Option<&Stream> {
        match &self.via {
            Via::Stream(stream) => Some(stream),
            Via::Ring(_) | Via::Gone => None,
        }
    }
    /// The core that it belongs to.
    ///
    /// # Errors
    /// `Draining` when that is gone.
    pub(crate) fn core(&self) -> Result<Rc<Core>, Fault> {
        self.core.upgrade().ok_or_else(|| Fault::new(Code::Draining, "the node is gone"))
    }

    /// The next entry of the submit ring, copied; what comes in a stream is brought by its task.
    #[inline]
    pub(crate) fn next_entry(&self) -> Option<Entry> {
        self.via.next_entry()
    }
    /// Whether an entry waits.
    #[inline]
    pub(crate) fn has_entry(&self) -> bool {
        self.ring().is_some_and(Ring::has_entry)
    }
    /// Tells the client how far its ring has been read.
    #[inline]
    pub(crate) fn commit(&self) {
        if let Some(ring) = self.ring() {
            ring.commit();
        }
    }
    /// Whether its client runs on another processor than this thread.
    pub(crate) fn runs_apart(&self) -> bool {
        self.ring().is_some_and(Ring::runs_apart)
    }
    /// Stops looking at the session, unless something came; `true` if it may be forgotten until it rings.
    pub(crate) fn arm(&self) -> bool {
        self.ring().is_none_or(Ring::arm)
    }
    /// Looks at the session again.
    pub(crate) fn disarm(&self) {
        if let Some(ring) = self.ring() {
            ring.disarm();
        }
    }

    /// Takes a call: its slot must be free, its generation new, and its completion must have room.
    ///
    /// # Errors
    /// A Fault that ends the session: a correct client cannot meet it.
    pub(crate) fn accept(&self, call: CallId) -> Result<ReplySlot, Fault> {
        let broken = |text: String| Fault::new(Code::SessionEnded, text);
        let mut slots = self.slots.borrow_mut();
        let calls = self.via.calls();
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
        if !self.via.has_room(wanted)? {
            return Err(broken("completions are not taken".into()));
        }
        slot.call = Some(call);
        slot.given_up = false;
        slot.last = Some(call.generation());
        slot.reply = None;
        self.in_flight.set(self.in_flight.get() + 1);
        self.drift.came();
        let this = self.this.upgrade();
        Ok(this.map_or_else(ReplySlot::nobody, |this| ReplySlot::session(this, call)))
    }

    /// Nobody waits for this call: its reply goes nowhere, and its slot is answered at once.
    pub(crate) fn detach(&self, reply: ReplySlot) -> Result<ReplySlot, Refused> {
        match self.count_detached() {
            Ok(counted) => {
                reply.answer(&Answer::Value { bytes: &[], buffers: &[] });
                Ok(counted)
            }
            Err(fault) => Err(Refused::new(reply, fault)),
        }
    }
    /// One more detached call that has not ended.
    ///
    /// # Errors
    /// `QueueFull`.
    pub(crate) fn count_detached(&self) -> Result<ReplySlot, Fault> {
        if self.detached.get() >= DETACHED_MAX {
            let text = format!("{DETACHED_MAX} detached calls of this session have not ended");
            return Err(Fault::new(Code::QueueFull, text));
        }
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
    pub(crate) fn set_live(&self, call: CallId, live: Serving) {
        if let Some(slot) = self.slots.borrow_mut().get_mut(call.slot() as usize)
            && slot.call == Some(call)
        {
            slot.live = Some(live);
        }
    }
    /// The task that serves a call.
    pub(crate) fn live(&self, call: CallId) -> Option<Serving> {
        let slots = self.slots.borrow();
        let slot = slots.get(call.slot() as usize)?;
        if slot.call == Some(call) { slot.live } else { None }
    }
    /// The tasks of all calls.
    pub(crate) fn all_live(&self) -> Vec<Serving> {
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
        let published = self.via.answer(self, call, answer, &mut slot.reply);
        drop(slots);
        match published {
            Ok(()) => self.touch(),
            Err(fault) => self.end(&fault),
        }
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
        self.via.announce();
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
        let core = self.core.upgrade();
        if let Some(core) = &core {
            core.tell(Kind::SessionEnded, format_args!("{session} of {client} (process {pid})"), Some(why));
        }
        self.via.end(core.as_ref(), why);
        if let (Some(core), Some(this)) = (core, self.this.upgrade()) {
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

    /// All that the worker watches of it.
    pub(crate) fn watched(&self) -> Vec<BorrowedFd<'_>> {
        let Some(ring) = self.ring() else { return Vec::new() };
        [Some(ring.doorbell()), Some(ring.socket()), ring.process()].into_iter().flatten().collect()
    }

    /// What `admin` says of it.
    pub(crate) fn facts(&self) -> SessionFacts {
        SessionFacts {
            id: self.number,
            name: self.name.clone(),
            pid: self.peer.pid,
            uid: self.peer.uid,
            calls_max: self.via.calls(),
            in_flight: self.in_flight.get(),
            calls: self.answered.get(),
            segment_bytes: self.memories.bytes() + self.via.segment_bytes(),
            leases: self.memories.leases(),
            worker: self.core.upgrade().map_or(0, |core| u32::from(core.worker.0)),
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
            let bytes = self.via.segment_bytes() + self.memories.bytes();
            core.shared.segment_bytes.fetch_sub(bytes, Ordering::Relaxed);
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
    /// The next session's number.
    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}
