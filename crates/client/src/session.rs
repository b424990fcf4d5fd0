//! The session: one client's side of a connection, shared by all its threads.
//!
//! Lives here: `Session`: publishing slots, cancelling, releasing, and how a session ends.
//! From: `outgoing` publishes calls; views, frozen loans and pending calls publish notes. To: the node's submit ring.
//! Holds: a call is published once and only while the session lives; when it ends, every call that is out is answered
//!   by a Fault, which knows of what the node never took that it did not start; in a forked child nothing here touches shared memory, a lock or the socket.
//! Not here: taking answers (`reap`), connecting (`connect`).

use std::collections::HashSet;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::task::Waker;
use std::time::Duration;

use windlass_contract::control::{Control, ControlKind};
use windlass_contract::hello::Welcome;
use windlass_contract::slot::{Kind, NO_DEADLINE, Place, Query, Slot};
use windlass_contract::{CallId, Code, Fault, MethodId, Outcome, PoolId};
use windlass_memory::hooks::{Plant, planted};
use windlass_memory::{Access, ForkGuard, Reaper, Segment, SegmentId};

use crate::attending::{Attending, watch};
use crate::background::Background;
use crate::clock;
use crate::counters::Counts;
use crate::hand::{Hand, Patience};
use crate::heap::Heap;
use crate::link::{Link, Readable, Ring, Submit};
use crate::reap::Taker;
use crate::stages::Stages;
use crate::table::{Answer, Freed, Out, Table, Ticket, Waiter, locked};
use crate::wire::{Asked, News};

/// One connection. Whoever needs its memory or its socket keeps it: clients, loans, views, pending calls.
pub(crate) struct Session {
    pub(crate) guard: ForkGuard,
    pub(crate) node: String,
    pub(crate) welcome: Welcome,
    pub(crate) timeout: Duration,
    /// What moves the world on where a thread would sleep, if its caller does so.
    pub(crate) hand: Option<Hand>,
    /// Whether a loop of the caller's takes answers when its descriptor is readable (`attending`).
    pub(crate) attended: bool,
    /// The way of its bytes.
    pub(crate) link: Link,
    pub(crate) table: Table,
    pub(crate) reaper: Reaper<Taker>,
    pub(crate) over: OnceLock<Fault>,
    pub(crate) heap: Heap,
    pub(crate) frozen_next: Mutex<Option<SegmentId>>,
    pub(crate) counts: Counts,
    pub(crate) stages: Option<Stages>,
    pub(crate) background: Background,
    /// The node has said that completions wait, and nobody has taken them since.
    pub(crate) answers_wait: AtomicBool,
    /// Calls with streams that are under way.
    pub(crate) streaming: AtomicU32,
}

impl Session {
    pub(crate) fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    pub(crate) fn heap(&self) -> &Heap {
        &self.heap
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Whether its bytes travel over a socket.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.link, Link::Stream(_))
    }

    /// The time, if calls are stamped; else 0, at the cost of a branch.
    #[inline]
    pub(crate) fn stamp(&self) -> u64 {
        if self.stages.is_some() { clock::stamp() } else { 0 }
    }

    /// Whether this process is a fork of the one that connected.
    #[inline]
    pub(crate) fn forked(&self) -> bool {
        self.guard.forked()
    }

    /// Stops a borrow of session memory in a forked child, where it would be a fault of the processor.
    #[inline]
    pub(crate) fn assert_here(&self) {
        assert!(!self.forked(), "session memory is not inherited over fork: connect anew in the child");
    }

    /// Whether something new may be asked of this session.
    ///
    /// # Errors
    /// `Forked`; what ended the session, with outcome `NotStarted`.
    #[inline]
    pub(crate) fn usable(&self) -> Result<(), Fault> {
        if self.forked() {
            return Err(forked());
        }
        self.not_over()
    }

    #[inline]
    pub(crate) fn not_over(&self) -> Result<(), Fault> {
        match self.over.get() {
            None => Ok(()),
            Some(over) => Err(over.clone().with_outcome(Outcome::NotStarted)),
        }
    }

    /// Publishes a call; its `Out` stands behind its slot already. Answers its stamp.
    ///
    /// Holds: room is certain: at most `calls` calls are out, and notes leave half of the ring to them.
    ///
    /// # Errors
    /// What ended the session: the call was not published.
    pub(crate) fn publish_call(&self, ring: &Ring, slot: &Slot, announce: bool) -> Result<u64, Fault> {
        let mut submit = locked(&ring.submit);
        self.not_over()?;
        let mut published = Ok(());
        if !submit.backlog.is_empty() {
            published = submit.flush(ring.layout.calls());
            ring.has_backlog.store(!submit.backlog.is_empty(), Ordering::Relaxed);
        }
        // Before the node can see the slot: a stamp taken after could lie behind the node's own.
        let at = self.stamp();
        published = published.and_then(|()| submit.publish(slot));
        self.counts.calls.add_alone(u64::from(published.is_ok()));
        drop(submit);
        if let Err(error) = published {
            return Err(self.broken(error).with_outcome(Outcome::NotStarted));
        }
        if announce {
            self.ring_if_asleep(ring);
        }
        Ok(at)
    }

    /// Lets the node know of calls that were published without a word.
    pub(crate) fn announce(&self) {
        if self.forked() || self.over.get().is_some() {
            return;
        }
        match &self.link {
            Link::Ring(ring) => self.ring_if_asleep(ring),
            Link::Stream(stream) => self.push_rest(stream),
        }
    }

    /// Publishes a cancel or a release, or keeps it until there is room.
    fn publish_note(&self, note: Slot) {
        let Link::Ring(ring) = &self.link else { return };
        let mut submit = locked(&ring.submit);
        if self.over.get().is_some() {
            return;
        }
        submit.backlog.push_back(note);
        self.flush(ring, submit);
    }

    /// Publishes what did not fit before.
    pub(crate) fn flush_backlog(&self) {
        let Link::Ring(ring) = &self.link else { return };
        if !ring.has_backlog.load(Ordering::Relaxed) {
            return;
        }
        self.flush(ring, locked(&ring.submit));
    }

    fn flush(&self, ring: &Ring, mut submit: MutexGuard<'_, Submit>) {
        let flushed = submit.flush(ring.layout.calls());
        ring.has_backlog.store(!submit.backlog.is_empty(), Ordering::Relaxed);
        drop(submit);
        if let Err(text) = flushed {
            self.broken(text);
            return;
        }
        if !planted(Plant::LostWake) {
            self.ring_if_asleep(ring);
        }
    }

    fn ring_if_asleep(&self, ring: &Ring) {
        if ring.park.rang_needed() {
            self.counts.doorbells.add(1);
            if let Err(error) = ring.doorbell.ring() {
                self.end(Fault::new(Code::NodeGone, format!("the node's doorbell cannot be rung: {error}")));
            }
        }
    }

    /// Asks the node to end a call early.
    pub(crate) fn cancel(&self, call: CallId) {
        if self.forked() {
            return;
        }
        match &self.link {
            Link::Ring(_) => self.publish_note(note(Kind::Cancel, call, SegmentId::NONE, 0)),
            Link::Stream(stream) => self.cancel_framed(stream, call),
        }
    }

    /// Returns a lease.
    pub(crate) fn release(&self, segment: SegmentId, offset: u64) {
        if !self.forked() && !self.is_stream() {
            // A lease is told from a whole segment by its length, and the node knows how long it is.
            if let Link::Ring(ring) = &self.link {
                let mut results = locked(&ring.results);
                if results.get(&segment).is_some_and(|one| one.shown) {
                    // One lease is all that there is of it. Unmapped when the view is gone, which is dropping just now.
                    results.remove(&segment);
                }
            }
            let mut slot = note(Kind::Release, CallId::new(0, 0), segment, offset);
            slot.arguments.length = 1;
            self.publish_note(slot);
        }
    }

    /// Gives up a frozen segment.
    pub(crate) fn retire(&self, segment: SegmentId) {
        if !self.forked() && !self.is_stream() {
            self.publish_note(note(Kind::Release, CallId::new(0, 0), segment, 0));
        }
    }

    /// Sends a control request and waits for its answer, a refusal being a Fault.
    pub(crate) fn ask(
        self: &Arc<Self>,
        kind: ControlKind,
        segment: SegmentId,
        bytes: u64,
        fd: Option<std::os::fd::BorrowedFd<'_>>,
    ) -> Result<(Control, Option<OwnedFd>), Fault> {
        let Link::Ring(ring) = &self.link else {
            return Err(Fault::new(Code::Unsupported, format!("{kind:?}: a stream has no shared memory")));
        };
        // What was given up makes room for what is asked.
        self.flush_backlog();
        let patience = Patience::new(self.hand.as_ref(), self.timeout);
        let asked = ring.wire.ask(kind, segment, bytes, fd, &patience, |news| self.act(news));
        if self.answers_wait.load(Ordering::Acquire) {
            // What was to wake a loop was read here, so what it would have done is done here.
            Attending::of(self).attend();
        }
        match asked {
            Ok(Asked::Answer(message, _)) if message.kind == ControlKind::Refused => Err(refusal(message)),
            Ok(Asked::Answer(message, fd)) => Ok((message, fd)),
            Ok(Asked::Ended) => Err(self.over_fault().with_outcome(Outcome::NotStarted)),
            Ok(Asked::TimedOut) => {
                Err(Fault::new(Code::Lost, format!("the node did not answer {kind:?} within {:?}", self.timeout)))
            }
            Err(error) => {
                if ring.wire.hung_up() {
                    self.ended_there(self.gone());
                    return Err(self.over_fault().with_outcome(Outcome::NotStarted));
                }
                Err(Fault::new(Code::Io, format!("the control socket refused {kind:?}: {error}")))
            }
        }
    }

    /// Acts on a message that answers no request. Whether the session goes on.
    pub(crate) fn act(&self, news: News) -> bool {
        let Link::Ring(ring) = &self.link else { return self.over.get().is_none() };
        match news {
            News::Nothing => {}
            // Whoever reads this may be looking for something else, so the loop that it was for would sleep on.
            News::Answers => {
                watch(ring);
                self.answers_wait.store(true, Ordering::Release);
            }
            News::Result { id, bytes, fd, shown } => self.add_result(ring, id, bytes, fd, shown),
            News::Retired(id) => {
                locked(&ring.results).remove(&id);
            }
            News::Bye { code, text } => self.ended_there(ended_by(code, &self.node, &text)),
            News::HungUp => self.ended_there(self.gone()),
            News::Broken(text) => {
                self.broken(text);
            }
        }
        self.over.get().is_none()
    }

    fn add_result(&self, ring: &Ring, id: SegmentId, bytes: u64, fd: OwnedFd, shown: bool) {
        if id == SegmentId::NODE || locked(&ring.results).contains_key(&id) {
            self.broken(format!("segment {:#x} was given twice", id.0));
            return;
        }
        let opened = usize::try_from(bytes)
            .map_err(|error| error.to_string())
            .and_then(|bytes| Segment::open(fd.as_fd(), bytes, Access::Read).map_err(|error| error.to_string()));
        match opened {
            Ok(segment) => {
                locked(&ring.results).insert(id, Readable { segment: Arc::new(segment), shown });
            }
            Err(error) => {
                self.broken(format!("result segment {:#x} does not open: {error}", id.0));
            }
        }
    }

    /// The next id for a frozen segment.
    pub(crate) fn next_frozen(&self) -> Result<SegmentId, Fault> {
        let mut next = locked(&self.frozen_next);
        let id = next.ok_or_else(|| Fault::new(Code::NoMemory, "this session has used up its frozen segments"))?;
        *next = id.next();
        Ok(id)
    }

    /// Ends the session because the node broke the protocol; answers the Fault.
    pub(crate) fn broken(&self, text: impl std::fmt::Display) -> Fault {
        self.end(Fault::new(Code::Lost, format!("the node {} broke the protocol: {text}", self.node)));
        // For the node it is over as well: it keeps nothing for a session that nobody uses.
        self.hang_up();
        self.over_fault()
    }

    /// The Fault for calls that are out when the node is gone.
    pub(crate) fn gone(&self) -> Fault {
        let pid = self.welcome.pid;
        Fault::new(Code::NodeGone, format!("the node {} (process {pid}) is gone; connect again", self.node))
    }

    fn over_fault(&self) -> Fault {
        self.over.get().cloned().unwrap_or_else(|| self.gone())
    }

    /// Ends the session as the death of this process does: the node is told by the system alone.
    pub(crate) fn vanish(&self) {
        self.end(self.gone());
        self.hang_up();
    }

    /// Closes what leads to the node.
    fn hang_up(&self) {
        match &self.link {
            Link::Ring(ring) => ring.wire.close(),
            Link::Stream(stream) => stream.close(),
        }
    }

    /// The last client is gone, and every pending call with it: nobody wants what is out. What such calls hold would keep the
    /// session, and the session keeps them; nothing is lent any more, so the node may go on writing there.
    pub(crate) fn leave(&self) {
        self.flush_backlog();
        self.table.take_all().for_each(drop);
    }

    /// Ends the session: no call is published any more, and each that is out ends with this Fault.
    pub(crate) fn end(&self, fault: Fault) {
        self.end_where(fault, false);
    }

    /// As `end`, because the node has ended it or is gone: it takes nothing from the ring any more, so that what it had not
    /// taken did not start.
    pub(crate) fn ended_there(&self, fault: Fault) {
        self.end_where(fault, true);
    }

    fn end_where(&self, fault: Fault, there: bool) {
        let mut not_taken = HashSet::new();
        {
            // Under the lock: whoever publishes afterwards sees it, whoever published before is swept below.
            let set = match &self.link {
                Link::Ring(ring) => {
                    let mut submit = locked(&ring.submit);
                    if there {
                        not_taken = submit.not_taken();
                    }
                    self.over.set(fault.clone())
                }
                Link::Stream(stream) => stream.while_nothing_is_sent(|| self.over.set(fault.clone())),
            };
            if set.is_err() {
                return;
            }
        }
        for mut out in self.table.take_all() {
            std::mem::take(&mut out.holds).abandon();
            let told = match not_taken.contains(&out.call) {
                true => fault.clone().with_outcome(Outcome::NotStarted),
                false => fault.clone(),
            };
            self.finish(out, Err(told));
        }
        for seat in self.table.waiting_seats() {
            self.reaper.call_up(seat);
        }
        self.table.waiting_tasks().into_iter().for_each(Waker::wake);
    }

    /// Leaves an answer on its ticket and wakes whoever waits for it.
    pub(crate) fn finish(&self, out: Out, answer: Answer) {
        let Out { call, ticket, holds } = out;
        drop(holds);
        if answer.is_err() {
            self.counts.faults.add(1);
        }
        let told = ticket.answer(answer);
        if told.in_background {
            self.background.one_less();
        }
        match told.waiter {
            Waiter::Thread => {
                if let Some(seat) = ticket.seat() {
                    self.reaper.call_up(seat);
                }
            }
            Waiter::Task(waker) => waker.wake(),
            Waiter::Gone => self.table.keep(ticket),
        }
        self.free_slot(call.slot());
        // Last: what a reply gives back publishes releases.
        drop(told.unwanted);
    }

    /// Frees the slot of a call whose answer was taken and keeps its ticket.
    pub(crate) fn free_slot_and_keep(&self, slot: u32, ticket: Arc<Ticket>) {
        self.tell(self.table.free_slot_and_keep(slot, ticket));
    }

    /// Frees a call slot and calls up a thread, and every task, that waits for one.
    pub(crate) fn free_slot(&self, slot: u32) {
        self.tell(self.table.free_slot(slot));
    }

    fn tell(&self, freed: Freed) {
        if let Some(seat) = freed.seat {
            self.reaper.call_up(seat);
        }
        freed.tasks.into_iter().for_each(Waker::wake);
    }
}

/// The Fault of every use in a forked child.
pub(crate) fn forked() -> Fault {
    Fault::new(Code::Forked, "this process is a fork of the one that connected; connect anew here")
}

/// The Fault of a session that the node ended, in its words.
pub(crate) fn ended_by(code: u16, node: &str, text: &str) -> Fault {
    let known = Code::from_number(code).unwrap_or(Code::SessionEnded);
    let why = if text.is_empty() { known.info().meaning } else { text };
    Fault::new(known, format!("the node {node} ended this session: {why}")).with_outcome(Outcome::Unknown)
}

fn refusal(message: Control) -> Fault {
    let known = Code::from_number(message.code).unwrap_or(Code::Denied);
    let text = if message.text.is_empty() { known.info().meaning.to_owned() } else { message.text };
    Fault::new(known, text)
}

pub(crate) fn note(kind: Kind, call: CallId, segment: SegmentId, offset: u64) -> Slot {
    Slot {
        call,
        pool: PoolId::ADMIN,
        method: MethodId(0),
        kind,
        query: Query::Local,
        flags: 0,
        schema: 0,
        time_left_ns: NO_DEADLINE,
        arguments: Place { segment, length: 0, offset },
    }
}
