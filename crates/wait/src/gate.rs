//! Gate: a number of turns, taken and given back in the order they were asked for. A lock is a gate of one turn.
//!
//! Lives here: `Gate`, `Turn` (turns that are held, given back by dropping), `Taking` (the wait for them).
//! To: `qlock` (one turn), `rwlock` (a reader takes one, a writer all), `semaphore` (as many as are asked for).
//! Holds: while somebody waits, what is free does not suffice for the front; nobody is let past it. A turn that was
//! handed to a future which is then dropped goes on to the next.
//! Not here: what the turns protect.

use crate::WaitError;
use crate::list::{Key, List};
use std::cell::RefCell;
use std::task::{Poll, Waker};

/// Turns of which some are free.
pub(crate) struct Gate(RefCell<State>);

struct State {
    free: usize,
    /// Each with the turns it waits for; they are its own once it is passed.
    waiting: List<usize>,
}

impl Gate {
    /// All of `turns` are free.
    pub const fn new(turns: usize) -> Self {
        Self(RefCell::new(State { free: turns, waiting: List::new() }))
    }

    /// Turns that are free.
    pub fn free(&self) -> usize {
        self.0.borrow().free
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.0.borrow().waiting.waiting()
    }

    /// Takes turns if they are free and nobody waits.
    pub fn try_take(&self, turns: usize) -> bool {
        self.0.borrow_mut().try_take(turns)
    }

    /// Takes turns, or a place in the queue; asked again with the same `place` until it is ready.
    pub fn poll_take(&self, turns: usize, place: &mut Option<Key>, waker: &Waker) -> Poll<Result<(), WaitError>> {
        let mut state = self.0.borrow_mut();
        let Some(key) = place else {
            if state.try_take(turns) {
                return Poll::Ready(Ok(()));
            }
            return match state.waiting.push(waker, turns) {
                Ok(key) => {
                    *place = Some(key);
                    Poll::Pending
                }
                Err((_, why)) => Poll::Ready(Err(why)),
            };
        };
        if state.waiting.collect(key).is_some() {
            *place = None;
            return Poll::Ready(Ok(()));
        }
        let stale = state.waiting.refresh(key, waker);
        drop(state);
        drop(stale);
        Poll::Pending
    }

    /// Stops waiting. Turns that were handed over already go on to the next.
    pub fn leave(&self, place: Option<Key>) {
        let Some(key) = place else { return };
        let left = self.0.borrow_mut().waiting.leave(key);
        self.give(if left.passed { left.payload } else { 0 });
    }

    /// Gives turns back and lets in whoever they suffice for.
    pub fn give(&self, turns: usize) {
        self.0.borrow_mut().free += turns;
        // One at a time: a waker may run code that comes back here.
        loop {
            let next = self.0.borrow_mut().admit();
            match next {
                Some(waker) => waker.wake(),
                None => return,
            }
        }
    }
}

impl State {
    fn try_take(&mut self, turns: usize) -> bool {
        let may = self.waiting.is_empty() && turns <= self.free;
        if may {
            self.free -= turns;
        }
        may
    }

    fn admit(&mut self) -> Option<Waker> {
        let (_, &turns) = self.waiting.front()?;
        if turns > self.free {
            return None;
        }
        self.free -= turns;
        self.waiting.pass()
    }
}

/// Turns that are held.
pub(crate) struct Turn<'a> {
    gate: &'a Gate,
    turns: usize,
}

impl<'a> Turn<'a> {
    /// For turns that were taken from `gate`.
    pub fn taken(gate: &'a Gate, turns: usize) -> Self {
        Self { gate, turns }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.gate.give(self.turns);
    }
}

/// The wait for turns; dropped, it leaves the queue.
pub(crate) struct Taking<'a> {
    gate: &'a Gate,
    turns: usize,
    place: Option<Key>,
}

impl<'a> Taking<'a> {
    /// Waits for nothing until it is polled.
    pub fn new(gate: &'a Gate, turns: usize) -> Self {
        Self { gate, turns, place: None }
    }

    /// The turns, once they are this one's.
    pub fn poll(&mut self, waker: &Waker) -> Poll<Result<Turn<'a>, WaitError>> {
        let (gate, turns) = (self.gate, self.turns);
        gate.poll_take(turns, &mut self.place, waker).map_ok(|()| Turn::taken(gate, turns))
    }
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        self.gate.leave(self.place.take());
    }
}
