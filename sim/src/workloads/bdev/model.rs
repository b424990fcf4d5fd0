//! Model: what a device may hold, seen by those who call it.
//!
//! Lives here: `Model` (allocations, and what may have become of those whose calls had no answer), `Space` (one allocation),
//! `Block` (one sector of it).
//! Holds: what was answered is certain: an allocation is there, a freed one is not, a written sector holds what was written and,
//! flushed, still does without power; what had no answer may or may not have happened, and each sector holds what was written to it, one write or
//! another.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use windlass_bdev::{Allocation, Range};

pub(super) const SECTOR: u64 = 512;
/// Stands for whatever was there: space is not cleared in a file.
const ANYTHING: u64 = u64::MAX;

/// What one sector may hold.
#[derive(Clone, Debug)]
struct Block {
    /// As read now.
    now: BTreeSet<u64>,
    /// As read after a power cut.
    after: BTreeSet<u64>,
    /// Of writes that nobody waits for any more: they may still come.
    loose: BTreeSet<u64>,
}

/// One allocation.
#[derive(Clone, Debug)]
pub(super) struct Space {
    pub(super) bytes: u64,
    ranges: Vec<Range>,
    blocks: Vec<Block>,
    /// Somebody asked for its end; whether it came is not known.
    pub(super) ending: bool,
    /// Somebody may use it whom nobody waits for.
    lingers: bool,
}

impl Space {
    fn new(made: &Allocation) -> Self {
        let anything = || BTreeSet::from([ANYTHING]);
        let block = Block { now: anything(), after: anything(), loose: BTreeSet::new() };
        let blocks = vec![block; made.bytes.div_ceil(SECTOR) as usize];
        Self { bytes: made.bytes, ranges: made.ranges.clone(), blocks, ending: false, lingers: false }
    }
}

/// One device, as its callers know it.
pub(super) struct Model {
    pub(super) capacity: u64,
    pub(super) block: u64,
    /// A sync may fail, and then take what was written before.
    pub(super) syncs_fail: bool,
    spaces: RefCell<BTreeMap<u64, Space>>,
    /// Every id that was ever heard of.
    ever: RefCell<BTreeSet<u64>>,
    /// Bytes of allocations that were asked for without an answer.
    perhaps: RefCell<Vec<u64>>,
    next: Cell<u64>,
    /// Calls under way that sync.
    syncs: Cell<u64>,
    /// Those that failed.
    failed: Cell<u64>,
    /// Bytes of blocks that were let go of, and of those that somebody may be using whom nobody waits for.
    let_go: Cell<u64>,
    lingering: Cell<u64>,
}

/// A call that syncs is under way.
pub(super) struct Syncing {
    before: Vec<(u64, Vec<BTreeSet<u64>>)>,
    newest: u64,
    failed: u64,
}

impl Model {
    pub(super) fn new(capacity: u64, block: u64, syncs_fail: bool) -> Self {
        Self {
            capacity,
            block,
            syncs_fail,
            spaces: RefCell::default(),
            ever: RefCell::default(),
            perhaps: RefCell::default(),
            next: Cell::default(),
            syncs: Cell::default(),
            failed: Cell::default(),
            let_go: Cell::default(),
            lingering: Cell::default(),
        }
    }

    /// Bytes of the blocks that so many bytes take.
    fn whole(&self, bytes: u64) -> u64 {
        bytes.next_multiple_of(self.block)
    }

    /// Ids of allocations that are there for sure.
    pub(super) fn ids(&self) -> Vec<u64> {
        let spaces = self.spaces.borrow();
        spaces.iter().filter(|(_, space)| !space.ending).map(|(id, _)| *id).collect()
    }

    pub(super) fn bytes_of(&self, id: u64) -> Option<u64> {
        self.spaces.borrow().get(&id).map(|space| space.bytes)
    }

    // Allocations.

    /// Somebody asks for space: until it is answered it is perhaps taken.
    ///
    /// Answers what had been let go of by then, for `refused`.
    pub(super) fn ask(&self, bytes: u64) -> u64 {
        self.perhaps.borrow_mut().push(bytes);
        self.let_go.get()
    }

    fn answered(&self, bytes: u64) {
        let mut perhaps = self.perhaps.borrow_mut();
        if let Some(at) = perhaps.iter().position(|one| *one == bytes) {
            perhaps.swap_remove(at);
        }
    }

    /// Space was given.
    pub(super) fn given(&self, asked: u64, made: &Allocation) -> Result<(), String> {
        self.answered(asked);
        self.enter(asked, made)
    }

    fn enter(&self, asked: u64, made: &Allocation) -> Result<(), String> {
        let id = made.id;
        let whole: u64 = made.ranges.iter().map(|range| range.bytes).sum();
        if made.bytes != asked || whole != self.whole(asked) {
            return Err(format!("{asked} bytes were asked for, {} given in {whole}", made.bytes));
        }
        if !self.ever.borrow_mut().insert(id) {
            return Err(format!("id {id:#x} was given twice"));
        }
        let mut spaces = self.spaces.borrow_mut();
        let meets = |one: &Range, other: &Range| one.at < other.at + other.bytes && other.at < one.at + one.bytes;
        let sure = spaces.iter().filter(|(_, space)| !space.ending);
        for (other, space) in sure {
            let taken = space.ranges.iter().any(|one| made.ranges.iter().any(|other| meets(one, other)));
            if taken {
                return Err(format!("{id:#x} has blocks of {other:#x}, which was not freed"));
            }
        }
        if made.ranges.iter().any(|range| range.at + range.bytes > self.capacity) {
            return Err(format!("{id:#x} reaches past the device: {:?}", made.ranges));
        }
        spaces.insert(id, Space::new(made));
        Ok(())
    }

    /// There was no space for so many bytes: that has to be so.
    pub(super) fn refused(&self, bytes: u64, asked: u64) -> Result<(), String> {
        // What others let go of meanwhile was theirs, perhaps, when it was looked for.
        let meanwhile = self.let_go.get() - asked;
        self.not_asked(bytes);
        let taken: u64 = self.spaces.borrow().values().map(|space| self.whole(space.bytes)).sum();
        let perhaps: u64 = self.perhaps.borrow().iter().map(|bytes| self.whole(*bytes)).sum();
        // At most as many runs as a device has blocks here, so that free blocks are never too scattered.
        let perhaps = perhaps + meanwhile + self.lingering.get();
        if taken + perhaps + self.whole(bytes) > self.capacity {
            return Ok(());
        }
        let capacity = self.capacity;
        Err(format!("{bytes} bytes were refused although {taken} of {capacity} are taken and perhaps {perhaps}"))
    }

    /// It did not begin.
    pub(super) fn not_asked(&self, bytes: u64) {
        self.answered(bytes);
        self.let_go.set(self.let_go.get() + self.whole(bytes));
    }

    /// Somebody asks for the end of an allocation; `false` when it is ending already.
    pub(super) fn begin_end(&self, id: u64) -> bool {
        let mut spaces = self.spaces.borrow_mut();
        spaces.get_mut(&id).is_some_and(|space| !std::mem::replace(&mut space.ending, true))
    }

    /// It has ended for sure.
    pub(super) fn ended(&self, id: u64) {
        let Some(space) = self.spaces.borrow_mut().remove(&id) else { return };
        let whole = self.whole(space.bytes);
        self.let_go.set(self.let_go.get() + whole);
        if space.lingers {
            // Its blocks are given on when its last user has let go of them.
            self.lingering.set(self.lingering.get() + whole);
        }
    }

    /// Somebody may use this allocation whom nobody waits for.
    pub(super) fn lingers(&self, id: u64) {
        if let Some(space) = self.spaces.borrow_mut().get_mut(&id) {
            space.lingers = true;
        }
    }

    /// An id that is nobody's for sure: one that was freed, or one that was never given.
    pub(super) fn stale(&self, drawn: u64) -> Option<u64> {
        let (ever, spaces) = (self.ever.borrow(), self.spaces.borrow());
        let freed: Vec<u64> = ever.iter().filter(|id| !spaces.contains_key(*id)).copied().collect();
        match freed.len() as u64 {
            0 => None,
            len => freed.get((drawn % len) as usize).copied(),
        }
    }

    // What is written.

    /// Sectors of `id` from byte `at` on are about to hold what is answered.
    pub(super) fn begin_write(&self, id: u64, at: u64, len: u64) -> u64 {
        let value = self.next.get() + 1;
        self.next.set(value);
        self.each(id, at, len, |block| {
            block.now.insert(value);
            block.after.insert(value);
        });
        value
    }

    fn each(&self, id: u64, at: u64, len: u64, mut change: impl FnMut(&mut Block)) {
        let mut spaces = self.spaces.borrow_mut();
        let Some(space) = spaces.get_mut(&id) else { return };
        let (from, to) = ((at / SECTOR) as usize, (at + len).div_ceil(SECTOR) as usize);
        space.blocks[from..to].iter_mut().for_each(&mut change);
    }

    /// The write was acknowledged; `failed`: syncs that had failed when it began.
    pub(super) fn written(&self, id: u64, at: u64, len: u64, value: u64, failed: u64) {
        if self.failed.get() == failed && self.syncs_are_sound() {
            self.each(id, at, len, |block| {
                block.now = BTreeSet::from([value]);
                let loose = block.loose.clone();
                block.now.extend(loose);
            });
        }
    }

    /// Nobody waits for this write any more: it may still come.
    pub(super) fn left_alone(&self, id: u64, at: u64, len: u64, value: u64) {
        self.each(id, at, len, |block| {
            block.loose.insert(value);
        });
        self.lingers(id);
    }

    pub(super) fn failed(&self) -> u64 {
        self.failed.get()
    }

    fn syncs_are_sound(&self) -> bool {
        !self.syncs_fail || self.syncs.get() == 0
    }

    /// Holds what was read against what may be there; afterwards it is known, if `certain`.
    pub(super) fn read(&self, id: u64, at: u64, bytes: &[u8], certain: bool) -> Result<(), String> {
        let doubt = self.syncs_fail && self.syncs.get() > 0;
        let mut found = Vec::new();
        {
            let spaces = self.spaces.borrow();
            let Some(space) = spaces.get(&id) else { return Ok(()) };
            let first = (at / SECTOR) as usize;
            for (index, sector) in bytes.chunks(SECTOR as usize).enumerate() {
                let block = &space.blocks[first + index];
                let may = |value: u64| block.now.contains(&value) || (doubt && block.after.contains(&value));
                if may(ANYTHING) {
                    found.push(None);
                    continue;
                }
                let values = values_of(sector);
                let strange = values.iter().filter(|value| !may(**value)).count();
                // Through the page cache a write may stop at any byte, and then its process may die: each content is one that may
                // be, but for the word that it stopped in.
                if values.len() > 1 && strange <= 1 {
                    found.push(None);
                    continue;
                }
                let value = values.first().copied().unwrap_or(ANYTHING);
                if strange > 0 {
                    let text = format!(
                        "sector {} of {id:#x} holds {values:?}, it may hold {:?}; after a power cut {:?}",
                        first + index,
                        block.now,
                        block.after
                    );
                    return Err(text);
                }
                found.push(Some(value));
            }
        }
        if certain {
            let mut found = found.into_iter();
            self.each(id, at, bytes.len() as u64, |block| {
                if let Some(Some(value)) = found.next() {
                    (block.now, block.after) = (BTreeSet::from([value]), BTreeSet::from([value]));
                }
            });
        }
        Ok(())
    }

    // What is durable.

    /// Something begins that syncs the file.
    pub(super) fn begin_sync(&self) -> Syncing {
        self.syncs.set(self.syncs.get() + 1);
        let now = |space: &Space| space.blocks.iter().map(|block| block.now.clone()).collect();
        let before = self.spaces.borrow().iter().map(|(id, space)| (*id, now(space))).collect();
        Syncing { before, newest: self.next.get(), failed: self.failed.get() }
    }

    /// It ended well: what was there when it began is durable, what was written meanwhile may be. One that fails beside it may
    /// take what it has promised.
    pub(super) fn synced(&self, syncing: Syncing) {
        self.syncs.set(self.syncs.get() - 1);
        if !self.syncs_are_sound() || self.failed.get() > syncing.failed {
            return;
        }
        let mut spaces = self.spaces.borrow_mut();
        for (id, before) in syncing.before {
            let Some(space) = spaces.get_mut(&id) else { continue };
            for (block, before) in space.blocks.iter_mut().zip(before) {
                let loose = block.loose.clone();
                block
                    .after
                    .retain(|value| before.contains(value) || loose.contains(value) || *value > syncing.newest);
            }
        }
    }

    /// It did not come to that.
    pub(super) fn without_sync(&self) {
        self.syncs.set(self.syncs.get() - 1);
    }

    /// It failed: the system may have forgotten what it did not write.
    pub(super) fn not_synced(&self) {
        self.syncs.set(self.syncs.get() - 1);
        self.failed.set(self.failed.get() + 1);
        self.doubt();
    }

    fn doubt(&self) {
        for block in self.spaces.borrow_mut().values_mut().flat_map(|space| &mut space.blocks) {
            let after = block.after.clone();
            block.now.extend(after);
        }
    }

    // Lives.

    /// The node is gone, and with it whatever was under way.
    pub(super) fn end_life(&self, power: bool) {
        // Those whose callers died are over as well.
        self.syncs.set(0);
        self.lingering.set(0);
        self.spaces.borrow_mut().values_mut().for_each(|space| space.lingers = false);
        for block in self.spaces.borrow_mut().values_mut().flat_map(|space| &mut space.blocks) {
            let loose = std::mem::take(&mut block.loose);
            if power {
                block.now = block.after.clone();
            }
            block.now.extend(loose);
        }
        if self.syncs_fail {
            self.doubt();
        }
    }

    /// A device was opened and says what there is: all that was answered, and of the rest what it says.
    pub(super) fn found(&self, all: &[Allocation]) -> Result<(), String> {
        let there: BTreeSet<u64> = all.iter().map(|one| one.id).collect();
        if let Some(lost) = self.ids().into_iter().find(|id| !there.contains(id)) {
            return Err(format!("allocation {lost:#x} was answered and is not there"));
        }
        for one in all {
            let mut spaces = self.spaces.borrow_mut();
            if let Some(space) = spaces.get_mut(&one.id) {
                if (space.bytes, &space.ranges) != (one.bytes, &one.ranges) {
                    return Err(format!("allocation {:#x} is another than it was", one.id));
                }
                space.ending = false;
                continue;
            }
            drop(spaces);
            if self.ever.borrow().contains(&one.id) {
                return Err(format!("allocation {:#x} was freed and is there", one.id));
            }
            if !self.perhaps.borrow().contains(&one.bytes) {
                return Err(format!("an allocation of {} bytes is there that nobody asked for", one.bytes));
            }
            self.given(one.bytes, one)?;
        }
        self.spaces.borrow_mut().retain(|id, _| there.contains(id));
        self.perhaps.borrow_mut().clear();
        Ok(())
    }

    /// Free bytes of a device on which nothing is under way.
    pub(super) fn free(&self) -> u64 {
        let taken: u64 = self.spaces.borrow().values().map(|space| self.whole(space.bytes)).sum();
        self.capacity - taken
    }
}

/// What the words of a sector say.
fn values_of(sector: &[u8]) -> BTreeSet<u64> {
    sector.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default())).collect()
}

/// Bytes that say everywhere what they hold.
pub(super) fn bytes_of(value: u64, len: u64) -> Vec<u8> {
    value.to_le_bytes().into_iter().cycle().take(len as usize).collect()
}
