//! The heap: segments that the client fills, and the loans it gives out of them.
//!
//! Lives here: `Heap`, `Loan`.
//! From: `Client::lend` and buffers given as slices. To: a call, which keeps the loan until its completion.
//! Holds: a loan has one owner; it returns to its segment when its owner drops it, and not before its call has ended.
//!   All bookkeeping is private: the node reads none of it.
//! Not here: frozen memory (`frozen`), results (`reply`).

use std::ops::{Deref, DerefMut};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};

use windlass_contract::control::ControlKind;
use windlass_contract::{Code, Fault};
use windlass_memory::{Access, Lender, Lent, Role, Segment, SegmentId};

use crate::limits::{HEAP_BYTES_MIN, HEAP_BYTES_STEP_MAX};
use crate::session::Session;
use crate::table::locked;

/// All heap segments of a session.
#[derive(Default)]
pub(crate) struct Heap {
    segments: Mutex<Vec<Lending>>,
    /// Held while one more segment is asked for, so that many threads without room ask once.
    growing: Mutex<()>,
}

struct Lending {
    id: SegmentId,
    segment: Arc<Segment>,
    lender: Lender,
}

/// Room in shared memory that this process fills and then sends: it dereferences to its bytes.
///
/// Shape: one contiguous run, 64-byte aligned; contents are what the last holder left. Returned when dropped.
///
/// # Panics
/// Reading or writing it in a forked child panics: the memory is not there.
pub struct Loan {
    /// `None` only while it is being dropped.
    lent: Option<Lent>,
    id: SegmentId,
    session: Arc<Session>,
}

impl Lending {
    fn lend(&mut self, bytes: u64) -> Option<(SegmentId, Lent)> {
        let room = self.lender.lend(bytes.max(1)).ok()?;
        match Lent::new(Arc::clone(&self.segment), room, bytes) {
            Ok(lent) => Some((self.id, lent)),
            Err(room) => {
                self.lender.give_back(room);
                None
            }
        }
    }
}

impl Loan {
    /// Lends `bytes` from the session's heap, which grows if it must.
    ///
    /// # Errors
    /// `TooLarge` above the node's limit; `NoMemory` when the session's limit is reached; `Forked`; what ended the session.
    pub(crate) fn lend(session: &Arc<Session>, bytes: usize) -> Result<Loan, Fault> {
        session.usable()?;
        let welcome = session.welcome();
        if bytes as u64 > welcome.loan_bytes_max {
            let text = format!("a loan of {bytes} bytes (at most {} here)", welcome.loan_bytes_max);
            return Err(Fault::new(Code::TooLarge, text));
        }
        let heap = session.heap();
        let (id, lent) = match heap.try_lend(bytes as u64) {
            Some(found) => found,
            None => heap.lend_grown(session, bytes as u64)?,
        };
        Ok(Loan { lent: Some(lent), id, session: Arc::clone(session) })
    }

    /// The segment it stands in, and its first byte there.
    pub(crate) fn place(&self) -> (SegmentId, u64) {
        (self.id, self.lent().span().offset())
    }

    /// Its length, without touching its memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.lent().span().len()
    }

    /// Whether it belongs to this session.
    pub(crate) fn is_of(&self, session: &Arc<Session>) -> bool {
        Arc::ptr_eq(&self.session, session)
    }

    /// Ends the loan without giving its room back: the node may still be writing there.
    pub(crate) fn abandon(mut self) {
        drop(self.lent.take());
    }

    fn lent(&self) -> &Lent {
        match &self.lent {
            Some(lent) => lent,
            None => unreachable!("a loan has its room until it is dropped"),
        }
    }
}

impl Deref for Loan {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.session.assert_here();
        self.lent()
    }
}

impl DerefMut for Loan {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.session.assert_here();
        match &mut self.lent {
            Some(lent) => lent,
            None => unreachable!("a loan has its room until it is dropped"),
        }
    }
}

impl std::fmt::Debug for Loan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (segment, offset) = self.place();
        write!(f, "Loan({} bytes at {:#x}:{offset})", self.lent().span().len(), segment.0)
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        // In a forked child the heap's lock may be held by a thread that does not exist there.
        if let (false, Some(lent)) = (self.session.forked(), self.lent.take()) {
            self.session.heap().give_back(self.id, lent);
        }
    }
}

impl Heap {
    /// Bytes lent now, over all segments.
    pub(crate) fn lent_bytes(&self) -> u64 {
        locked(&self.segments).iter().map(|one| one.lender.lent_bytes()).sum()
    }

    /// Lends from the segments there are, the newest and longest first.
    fn try_lend(&self, bytes: u64) -> Option<(SegmentId, Lent)> {
        locked(&self.segments).iter_mut().rev().find_map(|one| one.lend(bytes))
    }

    fn give_back(&self, id: SegmentId, lent: Lent) {
        let mut segments = locked(&self.segments);
        let lending = segments.iter_mut().find(|one| one.id == id);
        debug_assert!(lending.is_some(), "heap segments live as long as their session");
        if let Some(lending) = lending {
            lending.lender.give_back(lent.into_room());
        }
    }

    fn lend_grown(&self, session: &Arc<Session>, bytes: u64) -> Result<(SegmentId, Lent), Fault> {
        let _growing = locked(&self.growing);
        // Completions not yet looked at may hold loans of calls that nobody waits for.
        session.reap_what_is_there();
        if let Some(found) = self.try_lend(bytes) {
            return Ok(found);
        }
        let (held, longest) = {
            let segments = locked(&self.segments);
            let lengths = || segments.iter().map(|one| one.segment.bytes() as u64);
            (lengths().sum::<u64>(), lengths().max().unwrap_or(HEAP_BYTES_MIN / 2))
        };
        let need = Lender::bytes_for(bytes.max(1));
        let left = session.welcome().session_bytes_max.saturating_sub(held);
        let step = (2 * longest).min(HEAP_BYTES_STEP_MAX).min(left).max(need);
        match self.grow(session, step, bytes) {
            // The node may have less to give than the next doubling.
            Err(fault) if step > need && fault.is(Code::NoMemory) => self.grow(session, need, bytes),
            grown => grown,
        }
    }

    /// Asks the node for one more heap segment, and lends from it before anybody else can.
    fn grow(&self, session: &Arc<Session>, bytes: u64, loan_bytes: u64) -> Result<(SegmentId, Lent), Fault> {
        if session.is_stream() {
            return self.grow_alone(bytes, loan_bytes);
        }
        let (message, fd) = session.ask(ControlKind::Grow, SegmentId::NONE, bytes, None)?;
        let id = message.segment;
        let known = locked(&self.segments).iter().any(|one| one.id == id);
        let (Some(fd), true, false) = (fd, id.is_heap(), known) else {
            return Err(session.broken(format!("segment {:#x} was given for the heap", id.0)));
        };
        let Some(bytes) = usize::try_from(message.length).ok().filter(|got| *got as u64 >= bytes) else {
            return Err(session.broken(format!("{} bytes were given for {bytes}", message.length)));
        };
        let segment = Segment::open(fd.as_fd(), bytes, Access::ReadWrite)
            .map_err(|error| session.broken(format!("the new heap segment does not open: {error}")))?;
        // Failure is a loss of speed only: pages come one by one as they are touched.
        let _warm_or_slow = segment.warm();
        self.add(id, segment, loan_bytes)
    }

    /// Makes one more segment, of this process alone: what is lent there is sent over a socket.
    fn grow_alone(&self, bytes: u64, loan_bytes: u64) -> Result<(SegmentId, Lent), Fault> {
        let id = SegmentId(locked(&self.segments).len() as u32 + 1);
        let made = usize::try_from(bytes).map_err(|error| error.to_string()).and_then(|bytes| {
            Segment::create("windlass-heap", bytes, Role::Heap).map_err(|error| error.to_string())
        });
        let (segment, _nobody_else_maps_it) = made.map_err(|text| Fault::new(Code::NoMemory, text))?;
        self.add(id, segment, loan_bytes)
    }

    fn add(&self, id: SegmentId, segment: Segment, loan_bytes: u64) -> Result<(SegmentId, Lent), Fault> {
        let bytes = segment.bytes();
        let lender = Lender::new(bytes as u64);
        let mut lending = Lending { id, segment: Arc::new(segment), lender };
        let lent = lending.lend(loan_bytes);
        locked(&self.segments).push(lending);
        lent.ok_or_else(|| {
            Fault::new(Code::NoMemory, format!("{loan_bytes} bytes do not fit a new segment of {bytes} bytes"))
        })
    }
}
