//! List: who waits, first come first; the one structure under every primitive.
//!
//! Lives here: `List` (places in the order they were taken), `Key` (the right to one place), `Left` (what a place held).
//! From: a future that has to wait takes a place. To: whoever lets it go on passes the front and wakes it.
//! Holds: a place belongs to one future until that future collects or leaves it, whatever became of it meanwhile, so
//! a key never meets a stranger's place. Tickets grow with the order of arrival and are never used twice.
//! Wakers and payloads leave by value: they are woken and dropped by the caller, after its borrow of the list has ended,
//! because either may run code that comes back here.
//! Not here: what being passed means. That is the payload's matter.

use crate::WaitError;
use crate::limits::{PLACES_KEPT, WAITERS_MAX};
use std::task::Waker;

/// No place.
const NONE: u32 = u32::MAX;

/// The right to one place of a list; given up by `collect` or `leave`.
#[derive(Debug)]
pub(crate) struct Key {
    index: u32,
    ticket: u64,
}

/// What a place held when its future left it.
pub(crate) struct Left<P> {
    /// Whether it had been passed.
    pub passed: bool,
    /// What it carried.
    pub payload: P,
    /// Its waker, if nobody had called it. To be dropped when no borrow is held.
    pub _waker: Option<Waker>,
}

/// Waiters in the order they came.
pub(crate) struct List<P> {
    places: Vec<Place<P>>,
    /// The first free place; the others follow by `next`.
    free: u32,
    front: u32,
    back: u32,
    /// In the queue.
    waiting: usize,
    /// Taken: in the queue, or passed and not yet collected.
    taken: usize,
    tickets: u64,
}

struct Place<P> {
    ticket: u64,
    previous: u32,
    next: u32,
    /// `None`: free.
    held: Option<Held<P>>,
}

struct Held<P> {
    waker: Option<Waker>,
    payload: P,
    passed: bool,
}

impl<P> List<P> {
    /// Nobody waits.
    pub const fn new() -> Self {
        Self { places: Vec::new(), free: NONE, front: NONE, back: NONE, waiting: 0, taken: 0, tickets: 0 }
    }

    /// How many are in the queue.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether nobody is in the queue.
    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// The ticket that the next one will get: all who are in the queue now have smaller ones.
    pub fn next_ticket(&self) -> u64 {
        self.tickets
    }

    /// Takes a place at the back.
    ///
    /// Cost: constant time, amortised.
    ///
    /// # Errors
    /// Gives the payload back with the reason.
    pub fn push(&mut self, waker: &Waker, payload: P) -> Result<Key, (P, WaitError)> {
        if self.taken >= WAITERS_MAX {
            return Err((payload, WaitError::Crowded));
        }
        if self.free == NONE {
            if self.places.try_reserve(1).is_err() {
                return Err((payload, WaitError::NoMemory));
            }
            self.free = self.places.len() as u32;
            self.places.push(Place { ticket: 0, previous: NONE, next: NONE, held: None });
        }
        let index = self.free;
        let ticket = self.tickets;
        self.tickets += 1;
        self.taken += 1;
        let place = &mut self.places[index as usize];
        debug_assert!(place.held.is_none(), "a free place holds nobody");
        self.free = place.next;
        place.ticket = ticket;
        place.held = Some(Held { waker: Some(waker.clone()), payload, passed: false });
        self.link(index, self.back, NONE);
        Ok(Key { index, ticket })
    }

    /// The front's ticket and payload.
    pub fn front(&self) -> Option<(u64, &P)> {
        let place = self.places.get(self.front as usize)?;
        place.held.as_ref().map(|held| (place.ticket, &held.payload))
    }

    /// The front's payload, to be changed.
    pub fn front_mut(&mut self) -> Option<&mut P> {
        self.places.get_mut(self.front as usize)?.held.as_mut().map(|held| &mut held.payload)
    }

    /// Lets the front go on: it leaves the queue and keeps its place until its future comes for it. The waker is the
    /// caller's to call.
    pub fn pass(&mut self) -> Option<Waker> {
        let held = self.take_front()?;
        held.waker.take()
    }

    /// Lets the front go on if it came before this ticket, after a change to what it carries.
    pub fn pass_before(&mut self, ticket: u64, change: impl FnOnce(&mut P)) -> Option<Waker> {
        self.front().filter(|(of_front, _)| *of_front < ticket)?;
        change(self.front_mut()?);
        self.pass()
    }

    /// Takes the front out of the queue without letting it go on: somebody else will tell it.
    pub fn retire(&mut self) {
        self.take_front();
    }

    fn take_front(&mut self) -> Option<&mut Held<P>> {
        if self.front == NONE {
            return None;
        }
        let index = self.front;
        self.unlink(index);
        let held = self.places[index as usize].held.as_mut()?;
        held.passed = true;
        Some(held)
    }

    /// What a passed place carries, and its place is free; `None` while it waits.
    pub fn collect(&mut self, key: &Key) -> Option<P> {
        if !self.held(key).passed {
            return None;
        }
        self.release(key).map(|held| held.payload)
    }

    /// What a passed place carries, and it keeps the place; `None` while it waits.
    pub fn passed_mut(&mut self, key: &Key) -> Option<&mut P> {
        let held = self.held(key);
        held.passed.then_some(&mut held.payload)
    }

    /// What a place carries.
    pub fn payload(&mut self, key: &Key) -> &P {
        &self.held(key).payload
    }

    /// Puts a passed place back into the queue, before all others.
    pub fn resume(&mut self, key: &Key, waker: &Waker) {
        let held = self.held(key);
        debug_assert!(held.passed && held.waker.is_none(), "only who was passed and woken comes back");
        held.passed = false;
        held.waker = Some(waker.clone());
        self.link(key.index, NONE, self.front);
    }

    /// Notes who is to be woken now; answers the waker it replaces.
    pub fn refresh(&mut self, key: &Key, waker: &Waker) -> Option<Waker> {
        let held = self.held(key);
        if held.passed || held.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            return None;
        }
        held.waker.replace(waker.clone())
    }

    /// Gives a place up, wherever it stands.
    ///
    /// Cost: constant time.
    pub fn leave(&mut self, key: Key) -> Left<P> {
        if !self.held(&key).passed {
            self.unlink(key.index);
        }
        match self.release(&key) {
            Some(held) => Left { passed: held.passed, payload: held.payload, _waker: held.waker },
            None => unreachable!("`held` has found it"),
        }
    }

    /// The place of a key. A key that fits no place is a mistake of this crate, never of a caller.
    fn held(&mut self, key: &Key) -> &mut Held<P> {
        let place = &mut self.places[key.index as usize];
        assert_eq!(place.ticket, key.ticket, "a place belongs to its key until the key is given up");
        match &mut place.held {
            Some(held) => held,
            None => unreachable!("a place is free only after its key was given up"),
        }
    }

    /// Frees a place that stands in no queue.
    fn release(&mut self, key: &Key) -> Option<Held<P>> {
        let place = &mut self.places[key.index as usize];
        let held = place.held.take();
        place.next = self.free;
        self.free = key.index;
        self.taken -= 1;
        if self.taken == 0 && self.places.len() > PLACES_KEPT {
            self.places = Vec::new();
            self.free = NONE;
        }
        held
    }

    fn link(&mut self, index: u32, previous: u32, next: u32) {
        let place = &mut self.places[index as usize];
        (place.previous, place.next) = (previous, next);
        match self.places.get_mut(previous as usize) {
            Some(before) => before.next = index,
            None => self.front = index,
        }
        match self.places.get_mut(next as usize) {
            Some(behind) => behind.previous = index,
            None => self.back = index,
        }
        self.waiting += 1;
    }

    fn unlink(&mut self, index: u32) {
        let place = &self.places[index as usize];
        let (previous, next) = (place.previous, place.next);
        match self.places.get_mut(previous as usize) {
            Some(before) => before.next = next,
            None => self.front = next,
        }
        match self.places.get_mut(next as usize) {
            Some(behind) => behind.previous = previous,
            None => self.back = previous,
        }
        self.waiting -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(list: &mut List<u32>, payload: u32) -> Key {
        list.push(Waker::noop(), payload).expect("there is room")
    }

    #[test]
    fn who_came_first_is_passed_first_whoever_leaves_between() {
        let mut list = List::new();
        let [a, b, c, d] = [0, 1, 2, 3].map(|payload| push(&mut list, payload));
        assert!(!list.leave(b).passed);
        assert_eq!(list.front(), Some((0, &0)));
        assert!(list.pass().is_some());
        assert_eq!(list.front(), Some((2, &2)));
        assert_eq!((list.collect(&a), list.collect(&c)), (Some(0), None));
        list.leave(d);
        assert!(list.pass().is_some() && list.pass().is_none());
        let left = list.leave(c);
        assert!(left.passed && left.payload == 2);
        assert!(list.is_empty() && list.taken == 0);
    }

    #[test]
    fn who_is_put_back_stands_before_the_others() {
        let mut list = List::new();
        let [a, b] = [0, 1].map(|payload| push(&mut list, payload));
        list.pass();
        list.resume(&a, Waker::noop());
        assert_eq!((list.front(), list.waiting()), (Some((0, &0)), 2));
        list.pass();
        assert_eq!((list.collect(&a), list.front()), (Some(0), Some((1, &1))));
        list.leave(b);
        assert!(list.front().is_none() && list.pass().is_none());
    }

    #[test]
    fn a_list_gives_its_memory_back_and_never_the_same_ticket_twice() {
        let mut list = List::new();
        let keys: Vec<Key> = (0..2 * PLACES_KEPT as u32).map(|payload| push(&mut list, payload)).collect();
        for key in keys {
            list.leave(key);
        }
        assert_eq!(list.places.capacity(), 0);
        let again = push(&mut list, 7);
        assert_eq!((again.index, again.ticket), (0, 2 * PLACES_KEPT as u64));
        assert_eq!(list.leave(again).payload, 7);
    }

    #[test]
    fn a_full_list_refuses_one_more_and_gives_the_payload_back() {
        let mut list = List::new();
        let keys: Vec<Key> = (0..WAITERS_MAX as u32).map(|payload| push(&mut list, payload)).collect();
        assert!(matches!(list.push(Waker::noop(), 7), Err((7, WaitError::Crowded))));
        list.pass();
        assert!(
            matches!(list.push(Waker::noop(), 7), Err((7, WaitError::Crowded))),
            "a passed place is taken still"
        );
        let mut keys = keys.into_iter();
        list.leave(keys.next().expect("the first"));
        assert!(list.push(Waker::noop(), 7).is_ok());
        drop(keys);
    }
}
