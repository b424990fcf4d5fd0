//! The table of calls: which call slots are free, and who waits behind those that are not.
//!
//! Lives here: `Table`, `Out` (a call that is out), `Ticket` (where its answer is left), `Waiter`.
//! From: `outgoing` takes a slot and leaves a ticket behind it. To: `reap` takes the ticket back with the answer, and leaves the
//!   answer on it, unless it is the reaping thread's own (`reap::Own`).
//! Holds: a slot has one call at a time and each call its own generation; what an answer finds behind its slot is taken
//!   once; slots are freed by whoever reaps, so a reaper that itself waits for one sees it. A ticket has a seat of its
//!   own, where one thread at a time sleeps: its owner, for a slot and then for the answer. A kept ticket is as new but for
//!   the mark that an answer was there.
//! Not here: rings (`session`), what an answer is (`reply`).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use windlass_contract::{CallId, Fault};

use crate::limits::SPARE_SEATS;
use crate::outgoing::Holds;
use crate::reply::Reply;

/// What a call ends with.
pub(crate) type Answer = Result<Reply, Fault>;

/// A lock that a panic elsewhere does not poison: every critical section of this crate leaves its data whole.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All calls of one session.
pub(crate) struct Table {
    calls: Box<[Mutex<Option<Out>>]>,
    free: Mutex<Free>,
    /// `free.slots.len()`, to be looked at without the lock.
    free_slots: AtomicU32,
}

struct Free {
    /// Last in, first out: a slot used a moment ago is warm.
    slots: Vec<u32>,
    generations: Box<[u32]>,
    tickets: Vec<Arc<Ticket>>,
    /// Seats given to tickets so far.
    seated: u32,
    /// Seats of threads that wait for a slot.
    waiting: VecDeque<u32>,
    /// Tasks that wait for one; each is woken by the next that is freed, and comes back if another was faster.
    tasks: Vec<Waker>,
}

/// Who is told that a slot is free.
pub(crate) struct Freed {
    /// The thread to call up.
    pub(crate) seat: Option<u32>,
    /// The tasks to wake, when no lock is held.
    pub(crate) tasks: Vec<Waker>,
}

/// A call that is out.
pub(crate) struct Out {
    pub(crate) call: CallId,
    pub(crate) ticket: Arc<Ticket>,
    /// What the node may still be reading or writing.
    pub(crate) holds: Holds,
}

/// Where the answer to one call is left for whoever waits.
pub(crate) struct Ticket {
    /// Where its owner sleeps; `None` when more tickets are in use than there are seats.
    seat: Option<u32>,
    done: AtomicBool,
    inside: Mutex<Inside>,
}

struct Inside {
    waiter: Waiter,
    answer: Option<Answer>,
    /// Counted among the calls that the background thread reaps for.
    in_background: bool,
}

/// Who is told of an answer.
pub(crate) enum Waiter {
    /// A thread on the ticket's seat, now or later; calling up an empty seat is harmless.
    Thread,
    /// A future.
    Task(Waker),
    /// Nobody any more: the answer is dropped.
    Gone,
}

/// What is left to do after an answer was put on its ticket.
pub(crate) struct Told {
    /// Whom to wake.
    pub(crate) waiter: Waiter,
    /// The background thread has one call less to reap for.
    pub(crate) in_background: bool,
    /// The answer, if nobody wants it.
    pub(crate) unwanted: Option<Answer>,
}

impl Ticket {
    fn new(seat: Option<u32>) -> Arc<Ticket> {
        let inside = Inside { waiter: Waiter::Thread, answer: None, in_background: false };
        Arc::new(Ticket { seat, done: AtomicBool::new(false), inside: Mutex::new(inside) })
    }

    /// Where its owner sleeps.
    pub(crate) fn seat(&self) -> Option<u32> {
        self.seat
    }

    /// Makes a kept ticket ready for another call: taking an answer leaves nothing but the mark that it was there.
    fn reset(&self) {
        debug_assert!(
            matches!(*locked(&self.inside), Inside { waiter: Waiter::Thread, answer: None, in_background: false }),
            "a ticket is kept when its answer was taken"
        );
        self.done.store(false, Ordering::Relaxed);
    }

    /// Whether the answer is there.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        // ORDER: pairs with the Release in `answer`.
        self.done.load(Ordering::Acquire)
    }

    /// Leaves the answer; once per call, because `Table::take` gives the ticket out once. Nothing touches the ticket
    /// afterwards on this side, so its owner may use it again.
    pub(crate) fn answer(&self, answer: Answer) -> Told {
        let mut inside = locked(&self.inside);
        let waiter = std::mem::replace(&mut inside.waiter, Waiter::Thread);
        let in_background = std::mem::replace(&mut inside.in_background, false);
        let unwanted = match waiter {
            Waiter::Gone => Some(answer),
            _ => {
                inside.answer = Some(answer);
                None
            }
        };
        // ORDER: pairs with the Acquire in `is_done`; the lock orders it for everybody else.
        self.done.store(true, Ordering::Release);
        Told { waiter, in_background, unwanted }
    }

    /// Takes the answer if it is there; else says who waits from now on. The second value says that the call was not
    /// yet counted for the background thread and is now.
    pub(crate) fn take_or(&self, waiter: Waiter) -> (Option<Answer>, bool) {
        let mut inside = locked(&self.inside);
        if let Some(answer) = inside.answer.take() {
            return (Some(answer), false);
        }
        let newly = matches!(waiter, Waiter::Task(_)) && !inside.in_background;
        inside.in_background |= newly;
        inside.waiter = waiter;
        (None, newly)
    }
}

impl Table {
    /// A table of `calls` free slots.
    pub(crate) fn new(calls: u32) -> Table {
        Table {
            calls: (0..calls).map(|_| Mutex::new(None)).collect(),
            free: Mutex::new(Free {
                slots: (0..calls).rev().collect(),
                generations: vec![0; calls as usize].into_boxed_slice(),
                tickets: Vec::new(),
                seated: 0,
                waiting: VecDeque::new(),
                tasks: Vec::new(),
            }),
            free_slots: AtomicU32::new(calls),
        }
    }

    /// Seats that a reaper needs for the tickets of this table and one background thread.
    pub(crate) fn seats(calls: u32) -> u32 {
        calls + SPARE_SEATS + 1
    }

    /// The background thread's seat.
    pub(crate) fn background_seat(&self) -> u32 {
        self.ticket_seats()
    }

    fn ticket_seats(&self) -> u32 {
        self.calls.len() as u32 + SPARE_SEATS
    }

    /// Takes a ticket, and a free slot with its next generation if there is one.
    pub(crate) fn take(&self) -> (Arc<Ticket>, Option<CallId>) {
        let mut free = locked(&self.free);
        let call = self.pop_slot(&mut free);
        let kept = free.tickets.pop();
        let seat = (kept.is_none() && free.seated < self.ticket_seats()).then_some(free.seated);
        free.seated += u32::from(seat.is_some());
        drop(free);
        let ticket = match kept {
            Some(ticket) => {
                ticket.reset();
                ticket
            }
            None => Ticket::new(seat),
        };
        (ticket, call)
    }

    /// Puts a seat on the list of those that wait for a slot.
    pub(crate) fn begin_waiting(&self, seat: u32) {
        locked(&self.free).waiting.push_back(seat);
    }

    /// Takes a seat off that list, and a slot if one is free.
    pub(crate) fn end_waiting(&self, seat: u32) -> Option<CallId> {
        let mut free = locked(&self.free);
        free.waiting.retain(|other| *other != seat);
        self.pop_slot(&mut free)
    }

    /// Takes a slot if one is free.
    pub(crate) fn take_slot(&self) -> Option<CallId> {
        self.pop_slot(&mut locked(&self.free))
    }

    fn pop_slot(&self, free: &mut Free) -> Option<CallId> {
        let slot = free.slots.pop()?;
        self.free_slots.store(free.slots.len() as u32, Ordering::Relaxed);
        let generation = free.generations[slot as usize].wrapping_add(1);
        free.generations[slot as usize] = generation;
        Some(CallId::new(slot, generation))
    }

    /// Whether a slot is free, without the lock.
    #[inline]
    pub(crate) fn has_free_slot(&self) -> bool {
        self.free_slots.load(Ordering::Acquire) > 0
    }

    /// Frees a slot; answers whom to tell.
    ///
    /// Holds: threads that wait for a slot stay listed until they have tried to take one, and successive frees call
    /// different ones, so as many try as slots were freed.
    pub(crate) fn free_slot(&self, slot: u32) -> Freed {
        self.put_back(&mut locked(&self.free), slot)
    }

    /// Frees the slot of a call and keeps its ticket, as `free_slot` and `keep` do.
    pub(crate) fn free_slot_and_keep(&self, slot: u32, ticket: Arc<Ticket>) -> Freed {
        let mut free = locked(&self.free);
        if ticket.seat.is_some() {
            free.tickets.push(ticket);
        }
        self.put_back(&mut free, slot)
    }

    fn put_back(&self, free: &mut Free, slot: u32) -> Freed {
        debug_assert!(!free.slots.contains(&slot), "a slot is freed once");
        free.slots.push(slot);
        self.free_slots.store(free.slots.len() as u32, Ordering::Release);
        let next = free.waiting.pop_front();
        free.waiting.extend(next);
        Freed { seat: next, tasks: std::mem::take(&mut free.tasks) }
    }

    /// Puts a task on the list of those that wait for a slot; it looks for one once more afterwards.
    pub(crate) fn begin_task_waiting(&self, waker: &Waker) {
        let mut free = locked(&self.free);
        if !free.tasks.iter().any(|other| other.will_wake(waker)) {
            free.tasks.push(waker.clone());
        }
    }

    /// Every task that waits for a slot: all are woken when the session ends.
    pub(crate) fn waiting_tasks(&self) -> Vec<Waker> {
        std::mem::take(&mut locked(&self.free).tasks)
    }

    /// Keeps a ticket for another call.
    pub(crate) fn keep(&self, ticket: Arc<Ticket>) {
        // Without a seat it is one too many; with one it must come back, or the seat is lost.
        if ticket.seat.is_some() {
            locked(&self.free).tickets.push(ticket);
        }
    }

    /// Every seat that waits for a slot: all are called when the session ends.
    pub(crate) fn waiting_seats(&self) -> Vec<u32> {
        locked(&self.free).waiting.iter().copied().collect()
    }

    /// Puts a call behind its slot, before it is published.
    pub(crate) fn put(&self, out: Out) {
        let slot = out.call.slot() as usize;
        let before = locked(&self.calls[slot]).replace(out);
        debug_assert!(before.is_none(), "a slot has one call at a time");
    }

    /// Takes the call of this id from behind its slot; `None` when there is no such call out.
    pub(crate) fn take_out(&self, call: CallId) -> Option<Out> {
        let mut behind = locked(self.calls.get(call.slot() as usize)?);
        if behind.as_ref().is_some_and(|out| out.call == call) { behind.take() } else { None }
    }

    /// Looks at a call while it is out; `None` when it is not.
    pub(crate) fn with<R>(&self, call: CallId, look: impl FnOnce(&mut Out) -> R) -> Option<R> {
        let mut behind = locked(self.calls.get(call.slot() as usize)?);
        behind.as_mut().filter(|out| out.call == call).map(look)
    }

    /// Drops what a call keeps for the node although it is out: a bug to be planted.
    pub(crate) fn let_go(&self, call: CallId) {
        let held = self.calls.get(call.slot() as usize).and_then(|behind| {
            locked(behind).as_mut().filter(|out| out.call == call).map(|out| std::mem::take(&mut out.holds))
        });
        drop(held);
    }

    /// Takes every call that is out, one after another.
    pub(crate) fn take_all(&self) -> impl Iterator<Item = Out> {
        self.calls.iter().filter_map(|behind| locked(behind).take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_taken_once_and_comes_back_warm_with_another_generation() {
        let table = Table::new(2);
        let (ticket, first) = table.take();
        let (first, second) = (first.expect("a slot"), table.take().1.expect("a slot"));
        assert_ne!(first.slot(), second.slot());
        assert!(table.take().1.is_none());
        assert!(!table.has_free_slot());
        table.put(Out { call: first, ticket, holds: Holds::default() });
        assert!(table.take_out(CallId::new(first.slot(), first.generation() + 1)).is_none());
        assert!(table.take_out(CallId::new(99, 1)).is_none());
        assert!(table.take_out(first).is_some());
        assert!(table.take_out(first).is_none());
        table.free_slot(first.slot());
        let again = table.take().1.expect("a slot");
        assert_eq!(again.slot(), first.slot());
        assert_eq!(again.generation(), first.generation() + 1);
    }

    #[test]
    fn frees_call_up_different_waiters_and_those_stay_listed_until_they_have_tried() {
        let table = Table::new(2);
        let taken = [table.take().1.expect("a slot"), table.take().1.expect("a slot")];
        let seats = [table.take(), table.take()].map(|(ticket, _)| ticket.seat().expect("a seat"));
        assert_ne!(seats[0], seats[1]);
        seats.iter().for_each(|seat| table.begin_waiting(*seat));
        assert_eq!(table.free_slot(taken[0].slot()).seat, Some(seats[0]));
        assert_eq!(table.free_slot(taken[1].slot()).seat, Some(seats[1]));
        assert_eq!(table.waiting_seats().len(), 2);
        assert!(table.end_waiting(seats[0]).is_some());
        assert_eq!(table.waiting_seats(), [seats[1]]);
    }

    #[test]
    fn seats_are_given_to_as_many_tickets_as_there_are_and_come_back_with_them() {
        let table = Table::new(1);
        let tickets: Vec<_> = (0..Table::seats(1) + 10).map(|_| table.take().0).collect();
        let seats: std::collections::HashSet<_> = tickets.iter().filter_map(|ticket| ticket.seat()).collect();
        assert_eq!(seats.len() as u32, Table::seats(1) - 1);
        assert!(!seats.contains(&table.background_seat()));
        assert!(table.take().0.seat().is_none());
        tickets.into_iter().for_each(|ticket| table.keep(ticket));
        assert!(table.take().0.seat().is_some());
    }
}
