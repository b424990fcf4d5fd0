//! Stock: the counts of a pool, and who gets the next buffer.
//!
//! Lives here: `Stock` (counts, idle buffers, queues), `Store` (the stock with its maker: what the waits and `Pool` call), `Room`
//! (gives the right to make one back, if the maker panics).
//! Holds: idle + issued == owned + rooms, and owned + rooms <= high. While somebody waits, something is issued: when the last
//! buffer or room goes back, the front gets a room, and tries the maker for itself. So a maker runs only in the task that
//! needs the buffer, and its panic is that task's.
//! Not here: sleeping (`getting`).

use super::{MakeError, Marks, TryGetError};
use crate::list::List;
use std::cell::{RefCell, RefMut};
use std::collections::TryReserveError;
use std::task::Waker;

/// Which part of a pool a buffer is asked of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// All but what is held back.
    Common = 0,
    /// All.
    Reserve = 1,
}

/// What became of who waits for a buffer.
pub(super) enum Grant<T> {
    /// Nothing yet.
    Nothing,
    /// This buffer.
    Buffer(T),
    /// The right to make one.
    Room,
    /// The pool was closed.
    Closed,
}

/// Counts of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PoolStats {
    /// Buffers that are out.
    pub issued: usize,
    /// Buffers there are, out or not.
    pub owned: usize,
    /// Tasks that wait for one.
    pub waiting: usize,
    /// Buffers that were made, so far.
    pub makes: u64,
    /// Buffers that were freed, so far.
    pub frees: u64,
    /// Gets that had to wait, so far.
    pub waits: u64,
    /// Times that the maker had none, so far.
    pub failures: u64,
}

/// Counts, idle buffers and queues.
pub(super) struct Stock<T> {
    marks: Marks,
    idle: Vec<T>,
    owned: usize,
    /// Buffers and rooms that are out, by share.
    issued: [usize; 2],
    /// Of these, rights to make a buffer.
    rooms: [usize; 2],
    /// Who waits, by share.
    pub waiting: [List<Grant<T>>; 2],
    /// Who waits for the end.
    pub closing: List<()>,
    closed: bool,
    makes: u64,
    frees: u64,
    pub waits: u64,
    failures: u64,
}

impl<T> Stock<T> {
    /// Without a buffer.
    pub fn new(marks: Marks) -> Result<Self, TryReserveError> {
        let mut idle = Vec::new();
        idle.try_reserve_exact(marks.high)?;
        Ok(Self {
            marks,
            idle,
            owned: 0,
            issued: [0; 2],
            rooms: [0; 2],
            waiting: [List::new(), List::new()],
            closing: List::new(),
            closed: false,
            makes: 0,
            frees: 0,
            waits: 0,
            failures: 0,
        })
    }

    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Buffers and rooms that are out.
    pub fn issued(&self) -> usize {
        self.issued[0] + self.issued[1]
    }

    /// Rights to make a buffer that are out.
    fn rooms(&self) -> usize {
        self.rooms[0] + self.rooms[1]
    }

    /// Of the reserve, what is not out as a buffer: others leave so many alone. A room is no buffer yet, and may never be one.
    fn held_back(&self) -> usize {
        let reserve = Share::Reserve as usize;
        self.marks.reserve.saturating_sub(self.issued[reserve] - self.rooms[reserve])
    }

    /// A room is a buffer now, or is gone.
    fn end_room(&mut self, share: Share) {
        self.rooms[share as usize] -= 1;
    }

    /// Whether one more may be issued, buffers that could be made included.
    fn may_issue(&self, share: Share) -> bool {
        let left = self.marks.high - self.issued();
        match share {
            Share::Common => self.waiting[Share::Reserve as usize].is_empty() && left > self.held_back(),
            Share::Reserve => left > 0,
        }
    }

    /// An idle buffer that this share may have.
    fn take_idle(&mut self, share: Share) -> Option<T> {
        let kept = if share == Share::Common { self.held_back() } else { 0 };
        if self.idle.len() > kept { self.idle.pop() } else { None }
    }

    /// Issues a buffer, or a room if none is idle. Ask `may_issue` before.
    fn issue(&mut self, share: Share) -> Grant<T> {
        let buffer = self.take_idle(share);
        self.issued[share as usize] += 1;
        let Some(buffer) = buffer else {
            self.rooms[share as usize] += 1;
            debug_assert!(self.owned + self.rooms() <= self.marks.high, "the high mark is kept");
            return Grant::Room;
        };
        Grant::Buffer(buffer)
    }

    /// Issues to who has just come, if nobody of its share waits.
    pub fn issue_now(&mut self, share: Share) -> Grant<T> {
        if self.closed {
            return Grant::Closed;
        }
        if !self.waiting[share as usize].is_empty() || !self.may_issue(share) {
            return Grant::Nothing;
        }
        self.issue(share)
    }

    /// A buffer comes back. What is to be freed is answered, to be dropped when nothing is borrowed.
    fn put(&mut self, share: Share, buffer: T) -> (Option<Waker>, Option<T>) {
        self.issued[share as usize] -= 1;
        if self.closed {
            self.owned -= 1;
            self.frees += 1;
            return (None, Some(buffer));
        }
        self.idle.push(buffer);
        if let Some(waker) = self.next() {
            return (Some(waker), None);
        }
        // Nobody waits for it. It stays if the low mark, the reserve or who makes one just now can use it.
        let spare = self.owned > self.marks.low && self.rooms() == 0 && self.idle.len() > self.held_back();
        let freed = if spare { self.idle.pop() } else { None };
        if freed.is_some() {
            self.owned -= 1;
            self.frees += 1;
        }
        (None, freed)
    }

    /// Serves the next who waits, if one can be served; the waker is the caller's to call.
    fn next(&mut self) -> Option<Waker> {
        let [common, reserve] = &mut self.waiting;
        if self.closed {
            for list in [reserve, common] {
                if let Some(grant) = list.front_mut() {
                    *grant = Grant::Closed;
                    return list.pass();
                }
            }
            return if self.issued() == 0 { self.closing.pass() } else { None };
        }
        let share = if reserve.is_empty() { Share::Common } else { Share::Reserve };
        if self.waiting[share as usize].is_empty() || !self.may_issue(share) {
            return None;
        }
        let issued = self.issue(share);
        let list = &mut self.waiting[share as usize];
        *list.front_mut()? = issued;
        list.pass()
    }

    /// Closes; answers the idle buffers, to be dropped when nothing is borrowed.
    pub fn close(&mut self) -> Vec<T> {
        self.closed = true;
        self.owned -= self.idle.len();
        self.frees += self.idle.len() as u64;
        std::mem::take(&mut self.idle)
    }

    pub fn stats(&self) -> PoolStats {
        PoolStats {
            issued: self.issued() - self.rooms(),
            owned: self.owned,
            waiting: self.waiting.iter().map(List::waiting).sum(),
            makes: self.makes,
            frees: self.frees,
            waits: self.waits,
            failures: self.failures,
        }
    }
}

/// What makes a buffer.
type Maker<T> = Box<dyn FnMut() -> Result<T, MakeError>>;

/// The stock with its maker.
pub(super) struct Store<T> {
    stock: RefCell<Stock<T>>,
    /// Borrowed while it runs.
    maker: RefCell<Maker<T>>,
}

impl<T> Store<T> {
    pub fn new(stock: Stock<T>, maker: Maker<T>) -> Self {
        Self { stock: RefCell::new(stock), maker: RefCell::new(maker) }
    }

    /// The stock, for one move.
    pub fn stock(&self) -> RefMut<'_, Stock<T>> {
        self.stock.borrow_mut()
    }

    /// Makes buffers up to the low mark.
    pub fn prefill(&self) -> Result<(), MakeError> {
        let low = self.stock().marks.low;
        while self.stock().owned < low {
            let buffer = self.make()?;
            let mut stock = self.stock();
            stock.owned += 1;
            stock.idle.push(buffer);
        }
        Ok(())
    }

    /// Asks the maker.
    fn make(&self) -> Result<T, MakeError> {
        let made = match self.maker.try_borrow_mut() {
            Ok(mut maker) => maker(),
            Err(_) => Err(MakeError::new("the maker of a pool asks that pool for a buffer")),
        };
        let mut stock = self.stock();
        match &made {
            Ok(_) => stock.makes += 1,
            Err(_) => stock.failures += 1,
        }
        made
    }

    /// Makes a buffer for a room. If the maker has none, an idle one does that came back meanwhile; else the room is given back,
    /// and who else waits is told nothing yet.
    pub fn fill(&self, share: Share) -> Result<T, MakeError> {
        let room = Room { store: self, share };
        let made = self.make();
        std::mem::forget(room);
        let mut stock = self.stock();
        stock.end_room(share);
        let filled = match made {
            Ok(buffer) => {
                stock.owned += 1;
                Ok(buffer)
            }
            Err(why) => stock.take_idle(share).ok_or_else(|| {
                stock.issued[share as usize] -= 1;
                why
            }),
        };
        drop(stock);
        if filled.is_ok() {
            // What was held back while the reserve had but a room may be somebody else's now.
            self.serve();
        }
        filled
    }

    /// Issues a buffer to who does not wait.
    pub fn try_get(&self, share: Share) -> Result<T, TryGetError> {
        let issued = self.stock().issue_now(share);
        match issued {
            Grant::Buffer(buffer) => Ok(buffer),
            Grant::Room => self.fill(share).map_err(|why| {
                self.serve_if_nothing_is_out();
                TryGetError::Maker(why)
            }),
            Grant::Nothing => Err(TryGetError::Empty),
            Grant::Closed => Err(TryGetError::Closed),
        }
    }

    /// A buffer comes back.
    pub fn put(&self, share: Share, buffer: T) {
        let (waker, freed) = self.stock().put(share, buffer);
        drop(freed);
        if let Some(waker) = waker {
            waker.wake();
        }
        self.serve();
    }

    /// A room comes back unused, from who will not try again.
    pub fn give_up(&self, share: Share) {
        let mut stock = self.stock();
        stock.end_room(share);
        stock.issued[share as usize] -= 1;
        drop(stock);
        self.serve();
    }

    /// Serves all who can be served now.
    pub fn serve(&self) {
        loop {
            // One at a time: a waker may run code that comes back here.
            let next = self.stock().next();
            match next {
                Some(waker) => waker.wake(),
                None => return,
            }
        }
    }

    /// After a maker had none: who waits for what is out goes on waiting, unless nothing is.
    pub fn serve_if_nothing_is_out(&self) {
        if self.stock().issued() == 0 {
            self.serve();
        }
    }
}

/// Stands by while the maker runs: if that panics, the room is given up and others are served.
struct Room<'a, T> {
    store: &'a Store<T>,
    share: Share,
}

impl<T> Drop for Room<'_, T> {
    fn drop(&mut self) {
        self.store.give_up(self.share);
    }
}
