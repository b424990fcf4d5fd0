//! Books: what is allocated, and who is using it.
//!
//! Lives here: `Books` (of one device), `Held` (an allocation), `Using` (one user of it).
//! From: the methods. To: `space`, and `journal` for what must be durable.
//! Holds: an id is given once, ever; blocks are given back when the last user of a freed allocation has let go, so nobody
//! reads or writes what is another's by then. Blocks that an operation may still write are kept from everybody.

use crate::faults;
use crate::format::Record;
use crate::limits::ALLOCATIONS_MAX;
use crate::space::{Run, Space};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use windlass::{Code, Fault};

/// An allocation.
#[derive(Debug)]
pub struct Held {
    /// Its id.
    pub id: u64,
    /// Bytes asked for.
    pub bytes: u64,
    /// Its blocks.
    pub runs: Vec<Run>,
    /// Bytes from its front that were written, as far as that is known: what is behind reads as zero.
    pub written: Cell<u64>,
    users: Cell<u32>,
    freed: Cell<bool>,
    /// It is being freed: `remove` follows when that is durable.
    freeing: Cell<bool>,
}

/// The books of one device.
#[derive(Debug)]
pub struct Books {
    space: RefCell<Space>,
    held: RefCell<BTreeMap<u64, Rc<Held>>>,
    next: Cell<u64>,
    block_bytes: u64,
    /// Blocks that are kept from everybody, because an operation was dropped that may still write them.
    lost: Cell<u64>,
}

impl Books {
    /// Nothing allocated; ids go on after `given`.
    pub fn new(blocks: u64, block_bytes: u64, given: u64) -> Self {
        let (space, held) = (RefCell::new(Space::new(blocks)), RefCell::default());
        Self { space, held, next: Cell::new(given), block_bytes, lost: Cell::new(0) }
    }
    /// Bytes of a block.
    pub fn block_bytes(&self) -> u64 {
        self.block_bytes
    }
    /// The free blocks, to be looked at.
    pub fn space(&self) -> std::cell::Ref<'_, Space> {
        self.space.borrow()
    }
    /// How many allocations there are.
    pub fn count(&self) -> usize {
        self.held.borrow().len()
    }
    /// Blocks kept from everybody until the device is opened again.
    pub fn lost(&self) -> u64 {
        self.lost.get()
    }
    /// Allocations with ids above `after`, in order.
    pub fn list(&self, after: u64, count: usize) -> Vec<Rc<Held>> {
        let above = (std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded);
        let held = self.held.borrow();
        let shown = held.range(above).filter(|(_, held)| !held.freeing.get());
        shown.take(count).map(|(_, held)| held.clone()).collect()
    }

    /// Takes blocks for `bytes` and an id for them; they are nobody's until `enter`.
    ///
    /// # Errors
    /// `BadArguments` for no bytes, `NoSpace` in words.
    pub fn reserve(&self, bytes: u64) -> Result<Record, Fault> {
        if bytes == 0 {
            return Err(Fault::new(Code::BadArguments, "an allocation has at least one byte"));
        }
        if self.count() >= ALLOCATIONS_MAX {
            return Err(no_space(format!("the device has {ALLOCATIONS_MAX} allocations already")));
        }
        let blocks = bytes.div_ceil(self.block_bytes);
        let mut space = self.space.borrow_mut();
        let Some(runs) = space.take(blocks) else {
            let free = space.free().saturating_mul(self.block_bytes);
            let longest = space.longest().saturating_mul(self.block_bytes);
            return Err(no_space(format!(
                "{bytes} bytes, {free} of {} are free, {longest} of them side by side",
                space.total().saturating_mul(self.block_bytes)
            )));
        };
        let id = self.next.get().checked_add(1).ok_or_else(|| no_space("no id is left".into()))?;
        self.next.set(id);
        Ok(Record::Allocated { id, bytes, runs })
    }

    /// Gives back what `reserve` took, unused.
    pub fn give_up(&self, record: &Record) {
        if let Record::Allocated { runs, .. } = record {
            self.give(runs);
        }
    }

    /// Takes back the blocks of an allocation that a file remembers. `false` when they are not free, or not so many.
    pub fn remember(&self, id: u64, bytes: u64, runs: &[Run]) -> bool {
        let blocks = runs.iter().try_fold(0_u64, |sum, run| sum.checked_add(run.blocks));
        let fits = bytes > 0 && blocks == Some(bytes.div_ceil(self.block_bytes));
        fits && runs.iter().all(|run| self.space.borrow_mut().take_run(*run)) && {
            self.enter(id, bytes, runs.to_vec(), bytes);
            true
        }
    }

    /// Makes reserved blocks an allocation; its first `written` bytes are taken as written.
    pub fn enter(&self, id: u64, bytes: u64, runs: Vec<Run>, written: u64) {
        let written = Cell::new(written);
        let (users, freed, freeing) = (Cell::default(), Cell::default(), Cell::default());
        let held = Held { id, bytes, runs, written, users, freed, freeing };
        self.held.borrow_mut().insert(id, Rc::new(held));
        self.next.set(self.next.get().max(id));
    }

    /// Looks an allocation up.
    ///
    /// # Errors
    /// 1001.
    pub fn find(&self, id: u64) -> Result<Rc<Held>, Fault> {
        let held = self.held.borrow().get(&id).filter(|held| !held.freeing.get()).cloned();
        held.ok_or_else(|| faults::not_allocated(id))
    }

    /// Hides an allocation from everybody but `remove`, which follows when its end is durable.
    ///
    /// # Errors
    /// 1001.
    pub fn begin_free(&self, id: u64) -> Result<(), Fault> {
        self.find(id).map(|held| held.freeing.set(true))
    }

    /// Takes that back: it was not made durable, and will not be.
    pub fn keep(&self, id: u64) {
        if let Some(held) = self.held.borrow().get(&id) {
            held.freeing.set(false);
        }
    }

    /// Takes an allocation out: nobody finds it any more, and its blocks are free when its last user has let go.
    ///
    /// # Errors
    /// 1001.
    pub fn remove(&self, id: u64) -> Result<(), Fault> {
        let held = self.held.borrow_mut().remove(&id).ok_or_else(|| faults::not_allocated(id))?;
        held.freed.set(true);
        if held.users.get() == 0 {
            self.give(&held.runs);
        }
        Ok(())
    }

    /// Uses bytes `at..at + len` of an allocation.
    ///
    /// # Errors
    /// 1001, 1002.
    pub fn using(&self, id: u64, at: u64, len: u64) -> Result<Using<'_>, Fault> {
        let held = self.find(id)?;
        if at.checked_add(len).is_none_or(|end| end > held.bytes) {
            return Err(faults::outside(at, len, held.bytes));
        }
        held.users.set(held.users.get() + 1);
        Ok(Using { books: self, held, in_flight: Cell::new(false) })
    }

    fn give(&self, runs: &[Run]) {
        let mut space = self.space.borrow_mut();
        runs.iter().for_each(|run| space.give(*run));
    }
}

fn no_space(text: String) -> Fault {
    Fault::new(Code::NoSpace, text)
}

/// One user of an allocation.
#[derive(Debug)]
pub struct Using<'b> {
    books: &'b Books,
    held: Rc<Held>,
    in_flight: Cell<bool>,
}

impl Using<'_> {
    /// The allocation.
    pub fn held(&self) -> &Held {
        &self.held
    }
    /// An operation begins that writes or reads the blocks by itself, or has ended.
    pub fn set_in_flight(&self, in_flight: bool) {
        self.in_flight.set(in_flight);
    }
    /// Where bytes `at..at + len` stand on the device: place and length of each piece, in order.
    pub fn pieces(&self, at: u64, len: u64) -> Vec<(u64, u64)> {
        let block = self.books.block_bytes;
        let (mut skip, mut left, mut pieces) = (at, len, Vec::new());
        for run in &self.held.runs {
            let bytes = run.blocks * block;
            if skip >= bytes {
                skip -= bytes;
                continue;
            }
            let here = (bytes - skip).min(left);
            if here > 0 {
                pieces.push((run.at * block + skip, here));
            }
            left -= here;
            skip = 0;
        }
        pieces
    }
}

impl Drop for Using<'_> {
    fn drop(&mut self) {
        if self.in_flight.get() {
            // The task was dropped by force. Its user stays counted, so these blocks never become another's.
            let blocks: u64 = self.held.runs.iter().map(|run| run.blocks).sum();
            return self.books.lost.set(self.books.lost.get() + blocks);
        }
        self.held.users.set(self.held.users.get() - 1);
        if self.held.users.get() == 0 && self.held.freed.get() {
            self.books.give(&self.held.runs);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
    use super::*;

    fn allocate(books: &Books, bytes: u64) -> u64 {
        let Record::Allocated { id, bytes, runs } = books.reserve(bytes).unwrap() else { unreachable!() };
        books.enter(id, bytes, runs, 0);
        id
    }

    #[test]
    fn tasks_K68_freed_blocks_are_given_on_when_their_last_user_has_let_go() {
        let books = Books::new(4, 512, 0);
        let id = allocate(&books, 2048);
        let using = books.using(id, 0, 2048).unwrap();
        books.remove(id).unwrap();
        assert_eq!(books.remove(id).unwrap_err().code, 1001);
        assert_eq!(books.using(id, 0, 1).unwrap_err().code, 1001);
        assert!(books.reserve(1).unwrap_err().is(Code::NoSpace));
        drop(using);
        let next = allocate(&books, 2048);
        assert_ne!(next, id);
        let using = books.using(next, 0, 1).unwrap();
        using.set_in_flight(true);
        drop(using);
        books.remove(next).unwrap();
        assert_eq!((books.lost(), books.space().free()), (4, 0), "an operation may still write them");
    }

    #[test]
    fn bytes_are_found_in_the_runs_they_stand_in() {
        let books = Books::new(8, 512, 0);
        let ids: Vec<u64> = (0..8).map(|_| allocate(&books, 512)).collect();
        ids.iter().step_by(2).for_each(|id| books.remove(*id).unwrap());
        let id = allocate(&books, 1500);
        let using = books.using(id, 0, 1500).unwrap();
        let places: Vec<u64> = using.held().runs.iter().map(|run| run.at * 512).collect();
        assert_eq!(using.pieces(0, 1500), [(places[0], 512), (places[1], 512), (places[2], 476)]);
        assert_eq!(using.pieces(600, 10), [(places[1] + 88, 10)]);
        assert_eq!(using.pieces(1024, 476), [(places[2], 476)]);
        assert!(using.pieces(5, 0).is_empty());
        assert_eq!(books.using(id, 1500, 1).unwrap_err().code, 1002);
        assert_eq!(books.using(id, u64::MAX, 2).unwrap_err().code, 1002);
    }

    #[test]
    fn what_a_file_remembers_is_taken_back_once() {
        let books = Books::new(8, 512, 0);
        assert!(books.remember(9, 700, &[Run { at: 2, blocks: 2 }]));
        assert!(!books.remember(10, 512, &[Run { at: 3, blocks: 1 }]), "taken already");
        assert!(!books.remember(11, 512, &[Run { at: 5, blocks: 2 }]), "other than so many blocks");
        assert!(allocate(&books, 1) > 9);
    }
}
