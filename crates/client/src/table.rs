//! The table of calls: which call slots are free, and who waits behind those that are not.
//!
//! Lives here: `Table`, `Out` (a call that is out), `Ticket` (where its answer is left), `Waiter`.
//! From: `outgoing` takes a slot and leaves a ticket behind it. To: `reap` takes the ticket back with the answer.
//! Holds: a slot has one call at a time and each call its own generation; what an answer finds behind its slot is taken
//!   once; a slot whose owner sleeps on it (its seat) is freed by that owner, after it has left the seat.
//! Not here: rings (`session`), what an answer is (`reply`).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use windlass_contract::{CallId, Fault};

use crate::limits::SLOT_WAITERS_MAX;
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
    /// Seats of threads that wait for a slot, and seats for such threads.
    waiting: VecDeque<u32>,
    seats: Vec<u32>,
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
    /// Nobody yet: it was sent and is looked for later.
    Nobody,
    /// A thread on the seat of the call's slot; it frees the slot.
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
    fn new() -> Arc<Ticket> {
        let inside = Inside { waiter: Waiter::Nobody, answer: None, in_background: false };
        Arc::new(Ticket { done: AtomicBool::new(false), inside: Mutex::new(inside) })
    }

    fn reset(&self) {
        *locked(&self.inside) = Inside { waiter: Waiter::Nobody, answer: None, in_background: false };
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
        let waiter = std::mem::replace(&mut inside.waiter, Waiter::Nobody);
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
    /// A table of `calls` free slots. Seats `0..calls` belong to them, the next `SLOT_WAITERS_MAX` to threads that wait
    /// for one.
    pub(crate) fn new(calls: u32) -> Table {
        Table {
            calls: (0..calls).map(|_| Mutex::new(None)).collect(),
            free: Mutex::new(Free {
                slots: (0..calls).rev().collect(),
                generations: vec![0; calls as usize].into_boxed_slice(),
                tickets: Vec::new(),
                waiting: VecDeque::new(),
                seats: (calls..calls + SLOT_WAITERS_MAX).collect(),
            }),
            free_slots: AtomicU32::new(calls),
        }
    }

    /// Seats that a reaper needs for this table and one background thread.
    pub(crate) fn seats(calls: u32) -> u32 {
        calls + SLOT_WAITERS_MAX + 1
    }

    /// The background thread's seat.
    pub(crate) fn background_seat(&self) -> u32 {
        self.calls.len() as u32 + SLOT_WAITERS_MAX
    }

    /// Takes a free slot, its next generation, and a ticket. `waited` is a seat to give back at once.
    pub(crate) fn take_slot(&self, waited: Option<u32>) -> Option<(CallId, Arc<Ticket>)> {
        let mut free = locked(&self.free);
        if let Some(seat) = waited {
            free.waiting.retain(|other| *other != seat);
            free.seats.push(seat);
        }
        let slot = free.slots.pop()?;
        self.free_slots.store(free.slots.len() as u32, Ordering::Relaxed);
        let generation = free.generations[slot as usize].wrapping_add(1);
        free.generations[slot as usize] = generation;
        let ticket = free.tickets.pop();
        drop(free);
        let ticket = match ticket {
            Some(ticket) => {
                ticket.reset();
                ticket
            }
            None => Ticket::new(),
        };
        Some((CallId::new(slot, generation), ticket))
    }

    /// A seat for a thread that waits for a slot; `None` when too many do.
    pub(crate) fn wait_seat(&self) -> Option<u32> {
        let mut free = locked(&self.free);
        let seat = free.seats.pop()?;
        free.waiting.push_back(seat);
        Some(seat)
    }

    /// Whether a slot is free, without the lock.
    #[inline]
    pub(crate) fn has_free_slot(&self) -> bool {
        self.free_slots.load(Ordering::Acquire) > 0
    }

    /// Frees a slot; answers the seat of a thread to call up.
    ///
    /// Holds: threads that wait for a slot stay listed until they have tried to take one, and successive frees call
    /// different ones, so as many try as slots were freed.
    pub(crate) fn free_slot(&self, slot: u32) -> Option<u32> {
        let mut free = locked(&self.free);
        debug_assert!(!free.slots.contains(&slot), "a slot is freed once");
        free.slots.push(slot);
        self.free_slots.store(free.slots.len() as u32, Ordering::Release);
        let next = free.waiting.pop_front();
        free.waiting.extend(next);
        next
    }

    /// Keeps a ticket for another call.
    pub(crate) fn keep(&self, ticket: Arc<Ticket>) {
        let mut free = locked(&self.free);
        if free.tickets.len() < self.calls.len() {
            free.tickets.push(ticket);
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
    pub(crate) fn take(&self, call: CallId) -> Option<Out> {
        let mut behind = locked(self.calls.get(call.slot() as usize)?);
        if behind.as_ref().is_some_and(|out| out.call == call) { behind.take() } else { None }
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
        let (first, ticket) = table.take_slot(None).expect("a slot");
        let (second, _) = table.take_slot(None).expect("a slot");
        assert_ne!(first.slot(), second.slot());
        assert!(table.take_slot(None).is_none());
        assert!(!table.has_free_slot());
        table.put(Out { call: first, ticket, holds: Holds::default() });
        assert!(table.take(CallId::new(first.slot(), first.generation() + 1)).is_none());
        assert!(table.take(CallId::new(99, 1)).is_none());
        assert!(table.take(first).is_some());
        assert!(table.take(first).is_none());
        table.free_slot(first.slot());
        let (again, _) = table.take_slot(None).expect("a slot");
        assert_eq!(again.slot(), first.slot());
        assert_eq!(again.generation(), first.generation() + 1);
    }

    #[test]
    fn frees_call_up_different_waiters_and_those_stay_listed() {
        let table = Table::new(1);
        let seats = [table.wait_seat().expect("seat"), table.wait_seat().expect("seat")];
        assert_eq!(table.free_slot_for_test(), Some(seats[0]));
        assert_eq!(table.free_slot_for_test(), Some(seats[1]));
        assert_eq!(table.waiting_seats().len(), 2);
        assert!(table.take_slot(Some(seats[0])).is_some());
        assert_eq!(table.waiting_seats(), [seats[1]]);
    }

    impl Table {
        fn free_slot_for_test(&self) -> Option<u32> {
            let (call, _) = self.take_slot(None)?;
            self.free_slot(call.slot())
        }
    }
}
