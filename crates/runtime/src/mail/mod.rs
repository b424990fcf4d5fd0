//! Mail: what workers say to each other.
//!
//! Lives here, in the order a carried call meets them: `Letter`, `Mail` (one worker's outgoing letters and what it waits for),
//! `mailbox` (letters to one worker), `away` (a call that another worker runs: its side at home), `guest` (its side there),
//! `orders` (what one worker has another do: make a container, report, flush).
//! From: `path`, for a container of another worker; `worker`, for a connection that another is to greet; `admin`.
//! To: the other worker's turn.
//! Holds: letters of one pair of workers arrive in the order they were written. What is in a mailbox is bounded at its source:
//! a worker has at most `AWAY_MAX` calls and `ORDERS_MAX` orders at each other one, and each is a few letters. What belongs
//! to a session (credits, leases, rooms, cells) stays with the session's worker.

mod away;
mod guest;
mod mailbox;
pub(crate) mod orders;

pub(crate) use away::{AwayKey, Aways, accepted, answered, carry, give_up, went};
pub(crate) use guest::{Guest, Guests, arrive, given_up};
pub(crate) use mailbox::Mailbox;

use crate::core::Core;
use crate::session::Parcel;
use crate::shared::{Shared, WorkerId};
use crate::transport::buffers::CarriedBuffer;
use orders::{Order, OrderKey, Orders, Told};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use windlass_contract::array::Memory;
use windlass_contract::head::BufferEntry;
use windlass_contract::slot::Slot;
use windlass_contract::{Code, Fault};
use windlass_driver::Nanos;
use windlass_driver::socket::Peer;

/// What one worker says to another.
pub(crate) enum Letter {
    /// A call for a container of yours.
    Call(Box<Carried>),
    /// Whoever asked for this call of mine does not want it any more.
    GiveUp { from: WorkerId, away: u64, code: Code },
    /// This detached call of yours is accepted.
    Accepted(u64),
    /// Your call is answered.
    Answer(u64, Answered),
    /// A connection for you to greet, under this number; its hello waits.
    Connection(OwnedFd, Peer, u64),
    /// A session of mine that is yours from now on.
    Session(Box<Parcel>),
    /// This call of mine that was with another worker is with this one now.
    Went(u64, WorkerId),
    /// This worker is held by a piece of work: what waits for it is for others.
    Stalled(WorkerId),
    /// Do this.
    Order(WorkerId, OrderKey, Order),
    /// What your order came to.
    Told(OrderKey, Result<Told, Fault>),
    /// The node drains.
    Drain,
    /// I have nothing to do while the node drains.
    Quiet,
    /// The node ends now: let your calls end.
    End,
    /// My calls have ended.
    Ended,
    /// All calls have ended: end your sessions and go.
    Over,
    /// A worker has failed: the node cannot go on.
    Failed(WorkerId),
}

impl Letter {
    /// For a message about a letter that came to the wrong reader.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Call(_) => "a call",
            Self::GiveUp { .. } => "a wish that a call ends",
            Self::Accepted(_) => "an acceptance",
            Self::Answer(..) => "an answer",
            Self::Connection(..) => "a connection",
            Self::Session(_) => "a session",
            Self::Went(..) => "a call that went on",
            Self::Stalled(_) => "a stall",
            Self::Order(..) => "an order",
            Self::Told(..) => "what an order came to",
            Self::Drain => "drain",
            Self::Quiet => "quiet",
            Self::End => "end",
            Self::Ended => "ended",
            Self::Over => "over",
            Self::Failed(_) => "a failure",
        }
    }
}

/// A call on its way to another worker.
pub(crate) struct Carried {
    pub(crate) from: WorkerId,
    pub(crate) away: u64,
    /// Its place among the pool's containers.
    pub(crate) container: u32,
    /// Its number at home.
    pub(crate) number: u64,
    pub(crate) slot: Slot,
    pub(crate) deadline: Nanos,
    pub(crate) arguments: Vec<u8>,
    pub(crate) skip: usize,
    pub(crate) buffers: Vec<CarriedBuffer>,
    pub(crate) root: Option<(u64, u16)>,
    /// The session that it serves.
    pub(crate) owner: u64,
}

/// What a carried call was answered with.
pub(crate) struct Answered {
    pub(crate) answer: Result<(Vec<u8>, Vec<BufferEntry>), Fault>,
    /// Private memory of its `in` buffers, which goes back to where it is kept warm.
    pub(crate) warm: Vec<Vec<u8>>,
    /// Memory of symbols that entries of the answer show.
    pub(crate) shown: Vec<(usize, Memory)>,
}

/// One worker's outgoing letters, and what it waits for from others.
pub(crate) struct Mail {
    shared: Arc<Shared>,
    here: WorkerId,
    out: RefCell<Vec<Vec<Letter>>>,
    /// Whether a letter waits to be posted.
    written: Cell<bool>,
    /// Taken from the mailbox and not read.
    unread: RefCell<VecDeque<Letter>>,
    pub(crate) aways: RefCell<Aways>,
    pub(crate) guests: RefCell<Guests>,
    pub(crate) orders: RefCell<Orders>,
}

impl Mail {
    pub(crate) fn new(shared: &Arc<Shared>, here: WorkerId) -> Self {
        Self {
            shared: shared.clone(),
            here,
            out: RefCell::new(shared.workers().map(|_| Vec::new()).collect()),
            written: Cell::new(false),
            unread: RefCell::default(),
            aways: RefCell::new(Aways::new(shared.workers().count())),
            guests: RefCell::default(),
            orders: RefCell::default(),
        }
    }

    /// Writes a letter, to another worker, or to itself about a call that came home; it is posted with all others of this part of the turn.
    pub(crate) fn write(&self, to: WorkerId, letter: Letter) {
        self.out.borrow_mut()[to.index()].push(letter);
        self.written.set(true);
    }

    /// Writes a letter to every other worker.
    pub(crate) fn write_all(&self, letter: impl Fn() -> Letter) {
        self.shared.workers().filter(|to| *to != self.here).for_each(|to| self.write(to, letter()));
    }

    /// Posts what was written: each worker that sleeps is woken once.
    #[inline]
    pub(crate) fn post(&self) {
        if self.written.get() {
            self.post_all();
        }
    }

    #[cold]
    fn post_all(&self) {
        self.written.set(false);
        for (to, letters) in self.out.borrow_mut().iter_mut().enumerate().filter(|(_, one)| !one.is_empty()) {
            self.shared.desks[to].mailbox.post(letters);
        }
    }

    /// Whether a letter waits to be read.
    #[inline]
    pub(crate) fn has_letters(&self) -> bool {
        self.shared.desk(self.here).mailbox.has_letters() || !self.unread.borrow().is_empty()
    }

    /// What was read so far is done.
    pub(crate) fn have_read(&self) {
        self.shared.desk(self.here).mailbox.in_hand(self.unread.borrow().len());
    }

    /// The next letter.
    pub(crate) fn read(&self) -> Option<Letter> {
        let mut unread = self.unread.borrow_mut();
        if unread.is_empty() && self.shared.desk(self.here).mailbox.has_letters() {
            *unread = self.shared.desk(self.here).mailbox.take();
        }
        unread.pop_front()
    }

    /// Whether the worker may sleep: no letter waits, and one that comes will wake it.
    pub(crate) fn about_to_sleep(&self) -> bool {
        self.shared.is_alone()
            || (self.unread.borrow().is_empty() && self.shared.desk(self.here).mailbox.about_to_sleep())
    }

    /// The worker is up.
    pub(crate) fn woke(&self) {
        if !self.shared.is_alone() {
            self.shared.desk(self.here).mailbox.woke();
        }
    }

    /// Takes all calls that are away out, to be dropped: nobody will answer them.
    pub(crate) fn take_aways(&self) -> Aways {
        self.aways.replace(Aways::new(self.shared.desks.len()))
    }

    /// Calls that other workers run for this one.
    pub(crate) fn away(&self) -> usize {
        self.aways.borrow().len()
    }
}

/// Reads a letter about calls and orders; gives others back.
pub(crate) fn read(core: &Rc<Core>, letter: Letter) -> Option<Letter> {
    match letter {
        Letter::Call(carried) => crate::path::carried(core, *carried),
        Letter::GiveUp { from, away, code } => given_up(core, from, away, code),
        Letter::Went(away, to) => went(core, away, to),
        Letter::Accepted(away) => accepted(core, away),
        Letter::Answer(away, answer) => answered(core, away, answer),
        Letter::Order(from, key, order) => orders::take(core, from, key, order),
        Letter::Told(key, told) => orders::told(core, key, told),
        other => return Some(other),
    }
    None
}
