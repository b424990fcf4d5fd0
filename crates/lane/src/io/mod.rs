//! Waiting for operations: the meeting place of tasks and the driver.
//!
//! Lives here: `Io` (one per worker), `Ticket` (an operation that a task waits for), `Done`; above them `file` and
//! `socket`, the types that tasks use, and `wait`, their futures.
//! From: a task starts an operation while the driver is out of reach. To: the worker, between two pieces of work, hands
//! what was started to the driver and takes from it what has completed.
//! Holds: what was started completes once, to whoever has the ticket or, given up, to nobody; a descriptor that completes
//! to nobody is closed; an operation waits here while the driver has as many as it may have, and they begin in order.
//! Not here: lanes; a task is known by its waker alone.

mod file;
mod socket;
mod wait;

pub use file::{File, remove, rename};
pub use socket::{Listener, Reader, Socket, Writer, connect, resolve};
pub use wait::Wait;

use crate::limits::{OPERATIONS_GATHERED, OPERATIONS_PER_TURN, OPERATIONS_WAITING_MAX};
use slotmap::{Key, KeyData, SlotMap};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::rc::Rc;
use std::task::{Poll, Waker};
use windlass_driver::hooks::{Plant, planted};
use windlass_driver::{Completion, Driver, Handle, IoBuffer, IoError, OpId, Operation, Tag, Value};

slotmap::new_key_type! {
    struct Place;
}

/// An operation that somebody waits for; of one `Io`.
#[derive(Debug, PartialEq, Eq, Hash)]
#[must_use = "an operation is polled to its end, or given up"]
pub struct Ticket(u64);

impl Ticket {
    /// As a number, for edges that carry numbers. Never 0.
    pub fn to_bits(&self) -> u64 {
        self.0
    }
    /// Back from that number; any number is some ticket, and a wrong one is `NotRegistered`.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
    fn place(&self) -> Place {
        KeyData::from_ffi(self.0).into()
    }
}

/// What an operation came to, and the buffer it was given.
#[derive(Debug)]
pub struct Done {
    /// What it came to.
    pub result: Result<Value, IoError>,
    /// The buffer, whatever the result; none if it was given none.
    pub buffer: Option<IoBuffer>,
}

enum State {
    /// Not handed to the driver yet.
    Waits(Operation),
    /// The driver has it.
    UnderWay(OpId),
    /// To be taken.
    Done(Done),
}

struct Entry {
    state: State,
    waker: Option<Waker>,
    /// Whether nobody waits any more.
    given_up: bool,
}

#[derive(Default)]
struct Table {
    entries: SlotMap<Place, Entry>,
    waiting: VecDeque<Place>,
    cancels: Vec<OpId>,
    closes: Vec<Handle>,
    reaped: Vec<Completion>,
}

/// Where the tasks of one worker leave operations and find completions. A clone is the same place.
#[derive(Clone, Default)]
pub struct Io(Rc<RefCell<Table>>);

impl Io {
    /// Starts an operation. It reaches the driver when the running piece of work has ended.
    ///
    /// Cost: no system call; one entry of a table.
    ///
    /// # Errors
    /// Gives the operation back when `limits::OPERATIONS_WAITING_MAX` are known here.
    pub fn start(&self, operation: Operation) -> Result<Ticket, Operation> {
        let mut table = self.0.borrow_mut();
        if table.entries.len() >= OPERATIONS_WAITING_MAX {
            return Err(operation);
        }
        let place = table.entries.insert(Entry { state: State::Waits(operation), waker: None, given_up: false });
        table.waiting.push_back(place);
        Ok(Ticket(place.data().as_ffi()))
    }

    /// Whether it is done; keeps the waker if not. After `Ready` the ticket is used up.
    pub fn poll(&self, ticket: &Ticket, waker: &Waker) -> Poll<Done> {
        let mut table = self.0.borrow_mut();
        let Some(entry) = table.entries.get_mut(ticket.place()) else {
            return Poll::Ready(Done { result: Err(IoError::NotRegistered), buffer: None });
        };
        if !matches!(entry.state, State::Done(_)) {
            match &mut entry.waker {
                Some(kept) => kept.clone_from(waker),
                kept => *kept = Some(waker.clone()),
            }
            return Poll::Pending;
        }
        match table.entries.remove(ticket.place()).map(|entry| entry.state) {
            Some(State::Done(done)) => Poll::Ready(done),
            _ => Poll::Ready(Done { result: Err(IoError::NotRegistered), buffer: None }),
        }
    }

    /// Asks an operation to end early; it completes all the same.
    pub fn cancel(&self, ticket: &Ticket) {
        let mut borrowed = self.0.borrow_mut();
        let table = &mut *borrowed;
        let Some(entry) = table.entries.get_mut(ticket.place()) else { return };
        let woken = match &entry.state {
            State::UnderWay(operation) => {
                table.cancels.push(*operation);
                None
            }
            State::Waits(_) => finish(entry, IoError::Cancelled),
            State::Done(_) => None,
        };
        drop(borrowed);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Gives an operation up: it is cancelled, its buffer dropped when it ends, and what it opens is closed.
    pub fn give_up(&self, ticket: Ticket) {
        self.cancel(&ticket);
        let mut table = self.0.borrow_mut();
        let table = &mut *table;
        let Some(entry) = table.entries.get_mut(ticket.place()) else { return };
        entry.given_up = true;
        entry.waker = None;
        if matches!(entry.state, State::Done(_))
            && let Some(Entry { state: State::Done(done), .. }) = table.entries.remove(ticket.place())
        {
            table.closes.extend(opened(&done.result));
        }
    }

    /// Closes a handle: who waits for an operation on it gets `Closed`. A handle that is not registered is ignored.
    pub fn close(&self, handle: Handle) {
        let mut borrowed = self.0.borrow_mut();
        let table = &mut *borrowed;
        table.closes.push(handle);
        let mut woken = Vec::new();
        for place in &table.waiting {
            let Some(entry) = table.entries.get_mut(*place) else { continue };
            let on_it = matches!(&entry.state, State::Waits(operation) if operation.handle() == Some(handle));
            if on_it && planted(Plant::ForgottenWaiter) {
                entry.state = State::UnderWay(OpId(0));
            } else if on_it {
                woken.extend(finish(entry, IoError::Closed));
            }
        }
        drop(borrowed);
        // A waker may run code that comes back here.
        woken.into_iter().for_each(Waker::wake);
    }

    /// Hands to the driver what was started, cancelled and closed, and takes from it what has completed, waking who
    /// waits. The worker calls it between pieces of work and before it sleeps. Answers whether anything completed.
    ///
    /// Cost: nothing but two looks when nothing is to be done.
    ///
    /// # Errors
    /// The driver's.
    pub fn exchange(&self, driver: &mut dyn Driver) -> io::Result<bool> {
        let mut table = self.0.borrow_mut();
        let begun = table.hand_over(driver);
        if begun {
            driver.flush()?;
        }
        if driver.under_way() == 0 && !begun {
            return Ok(false);
        }
        let mut reaped = std::mem::take(&mut table.reaped);
        let looked = driver.reap(&mut reaped);
        let any = !reaped.is_empty();
        let mut wakers = Vec::new();
        for completion in reaped.drain(..) {
            wakers.extend(table.complete(driver, completion));
        }
        table.reaped = reaped;
        drop(table);
        // A waker may run code that comes back here.
        wakers.into_iter().for_each(Waker::wake);
        looked.map(|()| any)
    }

    /// Forgets every operation, of which nobody will hear any more: the worker is gone. Those that the driver has end with it.
    pub fn forget_all(&self) {
        let table = self.0.take();
        // A buffer's owner may run code that comes back here.
        drop(table);
    }

    /// Operations known here: waiting, under way, or done and not taken.
    pub fn count(&self) -> usize {
        self.0.borrow().entries.len()
    }

    /// Whether so many operations wait that the worker should call `exchange` before its next piece of work.
    pub fn is_due(&self) -> bool {
        self.0.borrow().waiting.len() >= OPERATIONS_GATHERED
    }

    /// Whether the worker has something to hand over.
    pub fn has_news(&self) -> bool {
        let table = self.0.borrow();
        !table.waiting.is_empty() || !table.cancels.is_empty() || !table.closes.is_empty()
    }
}

impl Table {
    fn hand_over(&mut self, driver: &mut dyn Driver) -> bool {
        let mut any = !self.cancels.is_empty() || !self.closes.is_empty();
        for operation in self.cancels.drain(..) {
            driver.cancel(operation);
        }
        for handle in self.closes.drain(..) {
            // Closing twice is how a task and its dropped file may meet.
            let _may_be_closed = driver.close(handle);
        }
        for _ in 0..OPERATIONS_PER_TURN {
            let Some(place) = self.waiting.front().copied() else { break };
            let Some(entry) = self.entries.get_mut(place) else {
                self.waiting.pop_front();
                continue;
            };
            let waits = std::mem::replace(&mut entry.state, State::UnderWay(OpId(0)));
            let State::Waits(operation) = waits else {
                // It ended before it began.
                entry.state = waits;
                self.waiting.pop_front();
                if entry.given_up {
                    self.entries.remove(place);
                }
                continue;
            };
            if planted(Plant::UnflushedWrite) && matches!(operation, Operation::Sync { .. }) {
                self.waiting.pop_front();
                let done =
                    Completion { tag: Tag(place.data().as_ffi()), result: Ok(Value::Nothing), buffer: None };
                self.complete(driver, done).into_iter().for_each(Waker::wake);
                continue;
            }
            match driver.start(operation, Tag(place.data().as_ffi())) {
                Ok(operation) => entry.state = State::UnderWay(operation),
                Err(operation) => {
                    entry.state = State::Waits(operation);
                    break;
                }
            }
            self.waiting.pop_front();
            any = true;
        }
        any
    }

    fn complete(&mut self, driver: &mut dyn Driver, completion: Completion) -> Option<Waker> {
        let Completion { tag, result, buffer } = completion;
        let place = KeyData::from_ffi(tag.0).into();
        let Some(entry) = self.entries.get_mut(place).filter(|entry| !entry.given_up) else {
            if let Some(handle) = opened(&result) {
                // It was opened for nobody.
                let _cannot_be_closed_twice = driver.close(handle);
            }
            self.entries.remove(place);
            return None;
        };
        entry.state = State::Done(Done { result, buffer });
        entry.waker.take()
    }
}

/// Ends an operation that the driver never had; answers who waits for it.
fn finish(entry: &mut Entry, error: IoError) -> Option<Waker> {
    let before = std::mem::replace(&mut entry.state, State::UnderWay(OpId(0)));
    entry.state = match before {
        State::Waits(operation) => State::Done(Done { result: Err(error), buffer: operation.into_buffer() }),
        other => other,
    };
    entry.waker.take()
}

fn opened(result: &Result<Value, IoError>) -> Option<Handle> {
    match result {
        Ok(Value::Handle(handle)) => Some(*handle),
        _ => None,
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} operations", self.count())
    }
}
