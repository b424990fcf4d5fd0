//! The session: one client's side of a connection, shared by all its threads.
//!
//! Lives here: `Session`: publishing slots, cancelling, releasing, and how a session ends.
//! From: `outgoing` publishes calls; views, frozen loans and pending calls publish notes. To: the node's submit ring.
//! Holds: a call is published once and only while the session lives; when it ends, every call that is out is answered
//!   by a Fault; in a forked child nothing here touches shared memory, a lock or the socket.
//! Not here: taking answers (`reap`), connecting (`connect`).

use std::collections::{HashMap, VecDeque};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::task::Waker;
use std::time::Duration;

use windlass_contract::control::{Control, ControlKind};
use windlass_contract::hello::Welcome;
use windlass_contract::slot::{Kind, NO_DEADLINE, Place, Query, Slot};
use windlass_contract::{CallId, Code, Fault, MethodId, Outcome, PoolId};
use windlass_memory::Processors;
use windlass_memory::hooks::{Plant, planted};
use windlass_memory::park::ClientPark;
use windlass_memory::ring::{Producer, SUBMIT};
use windlass_memory::words::{Layout, NodeWords};
use windlass_memory::{Access, Doorbell, ForkGuard, Reaper, Segment, SegmentId};

use crate::background::Background;
use crate::clock;
use crate::counters::Counts;
use crate::hand::{Hand, Patience};
use crate::heap::Heap;
use crate::reap::Taker;
use crate::stages::Stages;
use crate::table::{Answer, Freed, Out, Table, Ticket, Waiter, locked};
use crate::wire::{Asked, News, Wire};

/// One connection. Whoever needs its memory or its socket keeps it: clients, loans, views, pending calls.
pub(crate) struct Session {
    pub(crate) guard: ForkGuard,
    pub(crate) node: String,
    pub(crate) welcome: Welcome,
    pub(crate) timeout: Duration,
    /// What moves the world on where a thread would sleep, if its caller does so.
    pub(crate) hand: Option<Hand>,
    pub(crate) layout: Layout,
    /// The client's small segment: cells are written here.
    pub(crate) own: Arc<Segment>,
    /// The node's small segment: reply cells are read here.
    pub(crate) theirs: Arc<Segment>,
    pub(crate) words: NodeWords,
    pub(crate) park: ClientPark,
    pub(crate) processors: Processors,
    pub(crate) doorbell: Doorbell,
    pub(crate) wire: Wire,
    pub(crate) submit: Mutex<Submit>,
    pub(crate) has_backlog: AtomicBool,
    pub(crate) table: Table,
    pub(crate) reaper: Reaper<Taker>,
    pub(crate) over: OnceLock<Fault>,
    pub(crate) heap: Heap,
    pub(crate) results: Mutex<HashMap<SegmentId, Arc<Segment>>>,
    pub(crate) frozen_next: Mutex<Option<SegmentId>>,
    pub(crate) counts: Counts,
    pub(crate) stages: Option<Stages>,
    pub(crate) background: Background,
}

/// The submit ring's producer, and what waits for room in it.
///
/// Holds: half of the ring is for calls, of which at most `calls` are out, the other half for notes, so that either finds room
/// whatever the other has published.
pub(crate) struct Submit {
    producer: Producer<SUBMIT>,
    /// Cancels and releases. Bounded by what can be cancelled or released: calls, leases and frozen loans.
    backlog: VecDeque<Slot>,
    /// Entries published, counted as the ring counts.
    published: u32,
    /// Where the notes stand that the node has not consumed, as far as was last seen; at most `calls`.
    notes: VecDeque<u32>,
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
    fn not_over(&self) -> Result<(), Fault> {
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
    pub(crate) fn publish_call(&self, slot: &Slot) -> Result<u64, Fault> {
        let mut submit = locked(&self.submit);
        self.not_over()?;
        let mut published = Ok(());
        if !submit.backlog.is_empty() {
            published = submit.flush(self.layout.calls());
            self.has_backlog.store(!submit.backlog.is_empty(), Ordering::Relaxed);
        }
        // Before the node can see the slot: a stamp taken after could lie behind the node's own.
        let at = self.stamp();
        published = published.and_then(|()| submit.publish(slot));
        self.counts.calls.add_alone(u64::from(published.is_ok()));
        drop(submit);
        if let Err(error) = published {
            return Err(self.broken(error).with_outcome(Outcome::NotStarted));
        }
        self.ring_if_asleep();
        Ok(at)
    }

    /// Publishes a cancel or a release, or keeps it until there is room.
    fn publish_note(&self, note: Slot) {
        let mut submit = locked(&self.submit);
        if self.over.get().is_some() {
            return;
        }
        submit.backlog.push_back(note);
        self.flush(submit);
    }

    /// Publishes what did not fit before.
    pub(crate) fn flush_backlog(&self) {
        if !self.has_backlog.load(Ordering::Relaxed) {
            return;
        }
        self.flush(locked(&self.submit));
    }

    fn flush(&self, mut submit: MutexGuard<'_, Submit>) {
        let flushed = submit.flush(self.layout.calls());
        self.has_backlog.store(!submit.backlog.is_empty(), Ordering::Relaxed);
        drop(submit);
        if let Err(text) = flushed {
            self.broken(text);
            return;
        }
        if !planted(Plant::LostWake) {
            self.ring_if_asleep();
        }
    }

    fn ring_if_asleep(&self) {
        if self.park.rang_needed() {
            self.counts.doorbells.add(1);
            if let Err(error) = self.doorbell.ring() {
                self.end(Fault::new(Code::NodeGone, format!("the node's doorbell cannot be rung: {error}")));
            }
        }
    }

    /// Asks the node to end a call early.
    pub(crate) fn cancel(&self, call: CallId) {
        if !self.forked() {
            self.publish_note(note(Kind::Cancel, call, SegmentId::NONE, 0));
        }
    }

    /// Returns a lease.
    pub(crate) fn release(&self, segment: SegmentId, offset: u64) {
        if !self.forked() {
            // A lease is told from a whole segment by its length, and the node knows how long it is.
            let mut slot = note(Kind::Release, CallId::new(0, 0), segment, offset);
            slot.arguments.length = 1;
            self.publish_note(slot);
        }
    }

    /// Gives up a frozen segment.
    pub(crate) fn retire(&self, segment: SegmentId) {
        if !self.forked() {
            self.publish_note(note(Kind::Release, CallId::new(0, 0), segment, 0));
        }
    }

    /// Sends a control request and waits for its answer, a refusal being a Fault.
    pub(crate) fn ask(
        &self,
        kind: ControlKind,
        segment: SegmentId,
        bytes: u64,
        fd: Option<std::os::fd::BorrowedFd<'_>>,
    ) -> Result<(Control, Option<OwnedFd>), Fault> {
        // What was given up makes room for what is asked.
        self.flush_backlog();
        let patience = Patience::new(self.hand.as_ref(), self.timeout);
        let asked = self.wire.ask(kind, segment, bytes, fd, &patience, |news| self.act(news));
        match asked {
            Ok(Asked::Answer(message, _)) if message.kind == ControlKind::Refused => Err(refusal(message)),
            Ok(Asked::Answer(message, fd)) => Ok((message, fd)),
            Ok(Asked::Ended) => Err(self.over_fault().with_outcome(Outcome::NotStarted)),
            Ok(Asked::TimedOut) => {
                Err(Fault::new(Code::Lost, format!("the node did not answer {kind:?} within {:?}", self.timeout)))
            }
            Err(error) => {
                if self.wire.hung_up() {
                    self.end(self.gone());
                    return Err(self.over_fault().with_outcome(Outcome::NotStarted));
                }
                Err(Fault::new(Code::Io, format!("the control socket refused {kind:?}: {error}")))
            }
        }
    }

    /// Acts on a message that answers no request. Whether the session goes on.
    pub(crate) fn act(&self, news: News) -> bool {
        match news {
            News::Nothing => {}
            News::Result { id, bytes, fd } => self.add_result(id, bytes, fd),
            News::Retired(id) => {
                locked(&self.results).remove(&id);
            }
            News::Bye { code, text } => self.end(ended_by(code, &self.node, &text)),
            News::HungUp => self.end(self.gone()),
            News::Broken(text) => {
                self.broken(text);
            }
        }
        self.over.get().is_none()
    }

    fn add_result(&self, id: SegmentId, bytes: u64, fd: OwnedFd) {
        if id == SegmentId::NODE || locked(&self.results).contains_key(&id) {
            self.broken(format!("segment {:#x} was given twice", id.0));
            return;
        }
        let opened = usize::try_from(bytes)
            .map_err(|error| error.to_string())
            .and_then(|bytes| Segment::open(fd.as_fd(), bytes, Access::Read).map_err(|error| error.to_string()));
        match opened {
            Ok(segment) => {
                locked(&self.results).insert(id, Arc::new(segment));
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
        self.wire.close();
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
        self.wire.close();
    }

    /// The last client is gone, and every pending call with it: nobody wants what is out. What such calls hold would keep the
    /// session, and the session keeps them; nothing is lent any more, so the node may go on writing there.
    pub(crate) fn leave(&self) {
        self.flush_backlog();
        self.table.take_all().for_each(drop);
    }

    /// Ends the session: no call is published any more, and each that is out ends with this Fault.
    pub(crate) fn end(&self, fault: Fault) {
        {
            // Under the lock: whoever publishes afterwards sees it, whoever published before is swept below.
            let _submit = locked(&self.submit);
            if self.over.set(fault.clone()).is_err() {
                return;
            }
        }
        for mut out in self.table.take_all() {
            std::mem::take(&mut out.holds).abandon();
            self.finish(out, Err(fault.clone()));
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

impl Submit {
    pub(crate) fn new(producer: Producer<SUBMIT>) -> Submit {
        Submit { producer, backlog: VecDeque::new(), published: 0, notes: VecDeque::new() }
    }

    fn publish(&mut self, slot: &Slot) -> Result<(), String> {
        self.producer.publish(slot.encode()).map_err(|error| error.to_string())?;
        self.published = self.published.wrapping_add(1);
        Ok(())
    }

    /// Publishes notes while fewer than `calls` of them are unconsumed: calls have the other half of the ring.
    fn flush(&mut self, calls: u32) -> Result<(), String> {
        while let Some(note) = self.backlog.front().copied() {
            if self.notes.len() as u32 >= calls {
                let unconsumed = self.producer.unconsumed().map_err(|error| error.to_string())?;
                let consumed = self.published.wrapping_sub(unconsumed);
                while self.notes.front().is_some_and(|at| consumed.wrapping_sub(*at) as i32 > 0) {
                    self.notes.pop_front();
                }
                if self.notes.len() as u32 >= calls {
                    break;
                }
            }
            self.notes.push_back(self.published);
            self.publish(&note)?;
            self.backlog.pop_front();
        }
        Ok(())
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

fn note(kind: Kind, call: CallId, segment: SegmentId, offset: u64) -> Slot {
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

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_memory::Role;
    use windlass_memory::ring::Consumer;
    use windlass_memory::words::ClientWords;

    /// Both sides of a submit ring for so many calls.
    fn ring(calls: u32) -> (Submit, Consumer<SUBMIT>) {
        let layout = Layout::new(calls).expect("a power of two");
        let make = |role| Segment::create("test", layout.bytes(), role).expect("memory");
        let ((client, _), (node, node_fd)) = (make(Role::Client), make(Role::Node));
        let seen = Segment::open(node_fd.as_fd(), layout.bytes(), Access::Read).expect("memory");
        let client = Arc::new(client);
        let node = NodeWords::begin(Arc::new(node), 1, 2).expect("words");
        let seen = NodeWords::open(Arc::new(seen)).expect("words");
        let words = ClientWords::open(Arc::clone(&client)).expect("words");
        let producer = layout.ring(client).expect("a ring").producer(seen.peer_submit_head());
        let ours = layout.ring(Arc::clone(words.segment())).expect("a ring");
        (Submit::new(producer), ours.consumer(node.own_submit_head()))
    }

    fn cancel(call: u32) -> Slot {
        note(Kind::Cancel, CallId::new(0, call), SegmentId::NONE, 0)
    }

    /// A session with one call had one entry of its ring for notes, and only while the call's own entry was consumed: a cancel
    /// sent at once waited for the next quarter second.
    #[test]
    fn a_cancel_finds_room_although_no_call_was_consumed() {
        let (mut submit, mut node) = ring(1);
        submit.publish(&Slot { kind: Kind::Call, ..cancel(1) }).expect("room for a call");
        submit.backlog.push_back(cancel(1));
        submit.flush(1).expect("a sound ring");
        assert!(submit.backlog.is_empty());
        // The next note waits, because the other half is for calls; once one is consumed, it goes.
        submit.backlog.push_back(cancel(2));
        submit.flush(1).expect("a sound ring");
        assert_eq!(submit.backlog.len(), 1);
        assert!(node.take().is_some() && node.take().is_some() && node.take().is_none());
        node.commit();
        submit.flush(1).expect("a sound ring");
        assert!(submit.backlog.is_empty());
        submit.publish(&Slot { kind: Kind::Call, ..cancel(3) }).expect("room for a call beside it");
    }

    #[test]
    fn calls_find_room_whatever_notes_were_published() {
        let calls = 4;
        let (mut submit, mut node) = ring(calls);
        let mut out = 0;
        for step in 0..2_000_u32 {
            match step % 7 {
                0 | 3 | 5 => submit.backlog.push_back(cancel(step)),
                1 | 4 if out < calls => {
                    submit.publish(&Slot { kind: Kind::Call, ..cancel(step) }).expect("room for a call");
                    out += 1;
                }
                2 | 6 if step % 3 == 0 => {
                    while let Some(entry) = node.take() {
                        out -= u32::from(Slot::decode(&entry).expect("a slot").kind == Kind::Call);
                    }
                    node.commit();
                }
                _ => {}
            }
            submit.flush(calls).expect("a sound ring");
            assert!(submit.notes.len() as u32 <= calls);
        }
        assert!(submit.published > 200);
    }
}
