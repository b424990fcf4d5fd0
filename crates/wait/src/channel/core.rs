//! Core: the state of a channel, and every move of it. Nothing here wakes, drops a value or waits.
//!
//! Lives here: `Core`, `Wish` (a receiver that waits), `Offer` (a sender that waits, with its value), `Claim` (their part in a
//! select), `Shared` (the cell they stand in).
//! Holds: `values` are all that were sent and not taken; `promised` of them belong to receivers that were told so, and the rest
//! is `available`. While a receiver waits, nothing is available and no sender waits; while a sender waits, `available` is the
//! capacity at least. So nobody waits for what is there. (A select may wait at both ends; it is never its own other side.)
//! Not here: who polls (`sending`, `receiving`, `select`).

use super::TrySendError;
use crate::WaitError;
use crate::list::List;
use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::task::Waker;

/// What became of who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing: it waits, or it lost a select.
    None,
    /// A value is promised, or was taken.
    Done,
    /// The other end is gone.
    Closed,
}

/// The part that one operation has in a select: who is served first takes it all.
#[derive(Clone, Debug)]
pub struct Claim {
    winner: Rc<Cell<Option<usize>>>,
    index: usize,
}

/// A receiver that waits.
pub(super) struct Wish {
    pub claim: Option<Claim>,
    pub answer: Answer,
}

/// A sender that waits.
pub(super) struct Offer<T> {
    pub value: Option<T>,
    pub claim: Option<Claim>,
    pub answer: Answer,
}

impl Claim {
    /// Of the operation `index`, in a select whose winner is noted there.
    pub fn new(winner: Rc<Cell<Option<usize>>>, index: usize) -> Self {
        Self { winner, index }
    }

    /// Whether some operation of the select has won.
    pub fn is_over(&self) -> bool {
        self.winner.get().is_some()
    }

    /// This one has won.
    pub fn win(&self) {
        self.winner.set(Some(self.index));
    }
}

/// What both kinds of waiters have.
pub trait Waiter {
    fn claim(&self) -> Option<&Claim>;
    fn answer(&mut self) -> &mut Answer;
}

impl Waiter for Wish {
    fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }
    fn answer(&mut self) -> &mut Answer {
        &mut self.answer
    }
}

impl<T> Waiter for Offer<T> {
    fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }
    fn answer(&mut self) -> &mut Answer {
        &mut self.answer
    }
}

impl<W: Waiter> List<W> {
    /// Whether somebody waits, besides those whose select was won elsewhere: these leave the queue here, each once.
    fn has_front(&mut self) -> bool {
        while let Some((_, waiter)) = self.front() {
            if waiter.claim().is_none_or(|claim| !claim.is_over()) {
                return true;
            }
            self.retire();
        }
        false
    }

    /// Answers the front; it must be there.
    fn answer_front(&mut self, answer: Answer) -> Option<Waker> {
        let waiter = self.front_mut()?;
        *waiter.answer() = answer;
        if let Some(claim) = waiter.claim() {
            claim.win();
        }
        self.pass()
    }
}

/// The state of a channel.
pub(super) struct Core<T> {
    pub capacity: usize,
    pub values: VecDeque<T>,
    pub promised: usize,
    pub senders: usize,
    pub receivers: usize,
    pub offers: List<Offer<T>>,
    pub wishes: List<Wish>,
}

impl<T> Core<T> {
    /// Empty, with one end of each kind; `values` has the room.
    pub fn new(capacity: usize, values: VecDeque<T>) -> Self {
        Self { capacity, values, promised: 0, senders: 1, receivers: 1, offers: List::new(), wishes: List::new() }
    }

    /// Values that the next receiver may take.
    fn available(&self) -> usize {
        self.values.len() - self.promised
    }

    /// Whether nothing will ever come.
    pub fn is_drained(&self) -> bool {
        self.senders == 0 && self.values.is_empty()
    }

    /// Puts a value in if somebody waits for it or there is room; answers who is to be woken.
    pub fn offer(&mut self, value: T) -> Result<Option<Waker>, TrySendError<T>> {
        if self.receivers == 0 {
            return Err(TrySendError::Closed(value));
        }
        let wished = self.wishes.has_front();
        if !wished && self.available() >= self.capacity {
            return Err(TrySendError::Full(value));
        }
        // Promised values stand beyond the capacity, so the room that was reserved may be used up.
        if self.values.try_reserve(1).is_err() {
            return Err(TrySendError::NoMemory(value));
        }
        self.values.push_back(value);
        if !wished {
            return Ok(None);
        }
        self.promised += 1;
        Ok(self.wishes.answer_front(Answer::Done))
    }

    /// Takes the next value that is not promised, and lets the sender in that waits for its room.
    pub fn take(&mut self) -> Option<(T, Option<Waker>)> {
        if self.available() > 0 {
            let value = self.values.pop_front()?;
            return Some((value, self.refill()));
        }
        let (newest, waker) = self.take_offer()?;
        // The oldest leaves first, also when it was promised: who holds the promise gets the next.
        match self.values.pop_front() {
            Some(oldest) => {
                self.values.push_back(newest);
                Some((oldest, waker))
            }
            None => Some((newest, waker)),
        }
    }

    /// Promises a value to the caller, if there is one; `fulfil` or `renounce` ends it.
    ///
    /// # Errors
    /// `NoMemory` if a sender that waits could not be let in.
    pub fn promise(&mut self) -> Result<Option<Promise>, WaitError> {
        let from_offer = self.available() == 0;
        if from_offer && !self.offers.has_front() {
            return Ok(None);
        }
        self.values.try_reserve(1).map_err(|_| WaitError::NoMemory)?;
        self.promised += 1;
        if !from_offer {
            return Ok(Some(Promise(self.refill())));
        }
        let waker = self.take_offer().and_then(|(value, waker)| {
            self.values.push_back(value);
            waker
        });
        Ok(Some(Promise(waker)))
    }

    /// The value of a promise.
    pub fn fulfil(&mut self) -> Option<T> {
        self.promised -= 1;
        self.values.pop_front()
    }

    /// Gives a promise up: it goes to the next who waits.
    pub fn renounce(&mut self) -> Option<Waker> {
        if self.wishes.has_front() {
            return self.wishes.answer_front(Answer::Done);
        }
        self.promised -= 1;
        None
    }

    /// Lets one sender in that waits, if there is room now. Its room in memory is that of the value which just left or was
    /// reserved.
    fn refill(&mut self) -> Option<Waker> {
        if self.available() >= self.capacity {
            return None;
        }
        let (value, waker) = self.take_offer()?;
        self.values.push_back(value);
        waker
    }

    /// The value of the sender that has waited longest.
    fn take_offer(&mut self) -> Option<(T, Option<Waker>)> {
        if !self.offers.has_front() {
            return None;
        }
        let value = self.offers.front_mut()?.value.take()?;
        Some((value, self.offers.answer_front(Answer::Done)))
    }

    /// One receiver less; answers the values that nobody will take.
    pub fn lose_receiver(&mut self) -> VecDeque<T> {
        self.receivers -= 1;
        if self.receivers > 0 {
            return VecDeque::new();
        }
        self.promised = 0;
        std::mem::take(&mut self.values)
    }

    /// Tells one who waits for nothing, because the other end is gone.
    fn tell_closed(&mut self) -> Option<Waker> {
        if self.is_drained() && self.wishes.has_front() {
            return self.wishes.answer_front(Answer::Closed);
        }
        if self.receivers == 0 && self.offers.has_front() {
            return self.offers.answer_front(Answer::Closed);
        }
        None
    }
}

/// A value is promised; with it comes who is to be woken.
pub(super) struct Promise(pub Option<Waker>);

/// A core that both ends share.
pub(super) struct Shared<T>(RefCell<Core<T>>);

impl<T> Shared<T> {
    /// Around a core.
    pub fn new(core: Core<T>) -> Self {
        Self(RefCell::new(core))
    }

    /// The core, for one move.
    pub fn borrow(&self) -> RefMut<'_, Core<T>> {
        self.0.borrow_mut()
    }

    /// After an end or the last value has gone: tells those who wait for nothing.
    pub fn settle(&self) {
        loop {
            // Nobody begins to wait at a closed end, so this ends.
            let told = self.borrow().tell_closed();
            match told {
                Some(waker) => waker.wake(),
                None => return,
            }
        }
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = self.borrow();
        write!(f, "a channel with {} of {} values", core.values.len(), core.capacity)?;
        write!(f, ", {} sending, {} receiving", core.offers.waiting(), core.wishes.waiting())
    }
}

/// Wakes, when nothing is borrowed.
pub(super) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
