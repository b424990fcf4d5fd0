//! The book: what callers may count on, held against what they got.
//!
//! Holds: a total lies between what was surely added and what perhaps was too; of one session and key, calls that began did so
//! in the order in which they were sent.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::{Poll, Waker};
use windlass_contract::{Code, Fault, Outcome};

/// What may go wrong in a run without being wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rough {
    /// Nothing.
    No,
    /// Node and clients may die.
    Death,
    /// Memory may be refused, once.
    #[cfg_attr(not(feature = "hooks"), expect(dead_code, reason = "allocations fail with the feature only"))]
    Memory,
}

/// As how manieth a call was sent, and as how manieth of its key it began.
type Began = (u64, u64);

/// One run's book.
pub(crate) struct Book {
    pub(crate) rough: Rough,
    /// By name: surely added, perhaps added.
    totals: RefCell<BTreeMap<u64, (u64, u64)>>,
    /// By session and key.
    began: RefCell<BTreeMap<(u64, u64), Vec<Began>>>,
    sent: Cell<u64>,
    /// Calls made, answered with a value, with a Fault, dropped unanswered.
    pub(crate) counts: Cell<[u64; 4]>,
    /// The node lost its state.
    pub(crate) anew: Cell<bool>,
    gathered: Cell<usize>,
    open: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl Book {
    pub(crate) fn new(rough: Rough) -> Rc<Self> {
        Rc::new(Self {
            rough,
            totals: RefCell::default(),
            began: RefCell::default(),
            sent: Cell::new(0),
            counts: Cell::default(),
            anew: Cell::new(false),
            gathered: Cell::new(0),
            open: Cell::new(false),
            waiting: RefCell::default(),
        })
    }

    pub(crate) fn count(&self, what: usize) {
        let mut counts = self.counts.get();
        counts[what] += 1;
        self.counts.set(counts);
    }

    /// Whether a Fault needs no further word in this run.
    pub(crate) fn allows(&self, fault: &Fault) -> bool {
        let codes: &[Code] = match self.rough {
            Rough::No => &[],
            Rough::Death => &[
                Code::NodeGone,
                Code::NotConnected,
                Code::Draining,
                Code::SessionEnded,
                Code::Lost,
                Code::Cancelled,
            ],
            // A session whose own memory was refused may end; what it had out is lost then.
            Rough::Memory => &[Code::NoMemory, Code::QueueFull, Code::SessionEnded, Code::Io, Code::Lost],
        };
        codes.iter().any(|code| fault.is(*code))
    }

    /// A Fault that is right only if the run is rough.
    pub(crate) fn forgive(&self, what: &str, fault: &Fault) -> Result<(), String> {
        if self.allows(fault) { Ok(()) } else { Err(format!("{what}: {:?} {fault}", fault.code)) }
    }

    /// A call that adds ended like this.
    pub(crate) fn added(&self, name: u64, by: u64, ended: Result<u64, &Fault>) {
        let mut totals = self.totals.borrow_mut();
        let (surely, perhaps) = totals.entry(name).or_default();
        match ended {
            Ok(_) => *surely += by,
            Err(fault) if fault.outcome == Outcome::NotStarted => {}
            Err(_) => *perhaps += by,
        }
    }

    /// A dropped call may add.
    pub(crate) fn perhaps_added(&self, name: u64, by: u64) {
        self.totals.borrow_mut().entry(name).or_default().1 += by;
    }

    /// Holds a total against what was added.
    pub(crate) fn total(&self, name: u64, total: u64) -> Result<(), String> {
        let (surely, perhaps) = self.totals.borrow().get(&name).copied().unwrap_or_default();
        if self.anew.get() || (surely..=surely + perhaps).contains(&total) {
            return Ok(());
        }
        Err(format!("total {name} is {total}; {surely} were surely added, {perhaps} perhaps"))
    }

    /// A keyed call is sent now.
    pub(crate) fn send(&self) -> u64 {
        self.sent.set(self.sent.get() + 1);
        self.sent.get()
    }

    /// A keyed call that was sent then began as that one of its key.
    pub(crate) fn began(&self, session: u64, key: u64, sent: u64, began: u64) -> Result<(), String> {
        let mut all = self.began.borrow_mut();
        let seen = all.entry((session, key)).or_default();
        let wrong = seen.iter().find(|(other_sent, other_began)| (*other_sent < sent) != (*other_began < began));
        if let Some((other_sent, other_began)) = wrong.filter(|_| !self.anew.get()) {
            return Err(format!(
                "key {key} of session {session}: the call sent as {sent} began as {began}, that sent as {other_sent} as {other_began}"
            ));
        }
        seen.push((sent, began));
        Ok(())
    }

    /// Somebody has done what they came for and waits until all may leave.
    pub(crate) async fn gather(&self) {
        self.gathered.set(self.gathered.get() + 1);
        std::future::poll_fn(|cx| {
            if self.open.get() {
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// How many have.
    pub(crate) fn gathered(&self) -> usize {
        self.gathered.get()
    }

    /// Lets them leave.
    pub(crate) fn open(&self) {
        self.open.set(true);
        self.waiting.take().into_iter().for_each(Waker::wake);
    }
}
