//! Figures: what a device did and how long it took.

use std::cell::Cell;
use windlass::data;

/// One kind of work, as it is told.
#[data]
#[derive(Copy, Eq, Default)]
pub struct Work {
    /// How often.
    pub count: u64,
    /// Bytes.
    pub bytes: u64,
    /// Microseconds it took, all together.
    pub busy_us: u64,
    /// The longest one, microseconds.
    pub longest_us: u64,
}

/// Counts one kind of work.
#[derive(Debug, Default)]
pub struct Meter {
    count: Cell<u64>,
    bytes: Cell<u64>,
    busy_ns: Cell<u64>,
    longest_ns: Cell<u64>,
}

impl Meter {
    /// One was done.
    pub fn add(&self, bytes: u64, took_ns: u64) {
        self.count.set(self.count.get() + 1);
        self.bytes.set(self.bytes.get().saturating_add(bytes));
        self.busy_ns.set(self.busy_ns.get().saturating_add(took_ns));
        self.longest_ns.set(self.longest_ns.get().max(took_ns));
    }
    /// What was counted.
    pub fn work(&self) -> Work {
        Work {
            count: self.count.get(),
            bytes: self.bytes.get(),
            busy_us: self.busy_ns.get() / 1000,
            longest_us: self.longest_ns.get() / 1000,
        }
    }
}

/// Free runs of one size class.
#[data]
#[derive(Copy, Eq)]
pub struct Class {
    /// Blocks of its shortest run, a power of two; the longest is below twice that.
    pub blocks: u64,
    /// How many are free.
    pub runs: u64,
}

/// A device's space and work.
#[data]
pub struct Stats {
    /// `ram` or `file`.
    pub kind: String,
    /// Whether a file goes around the page cache.
    pub direct: bool,
    /// Bytes of the device.
    pub capacity: u64,
    /// Bytes that are free.
    pub free: u64,
    /// Bytes of the longest free run.
    pub longest: u64,
    /// Bytes kept from everybody until the device is opened again, because a transfer of them was dropped by force.
    pub lost: u64,
    /// Bytes of a block.
    pub block: u64,
    /// Allocations.
    pub allocations: u64,
    /// Bytes of memory that a device in memory takes.
    pub memory: u64,
    /// Free runs by size class.
    pub classes: Vec<Class>,
    /// `allocate`.
    pub allocated: Work,
    /// `free`.
    pub freed: Work,
    /// `read`, `read_live`.
    pub reads: Work,
    /// `write`, `write_live`.
    pub writes: Work,
    /// `flush`.
    pub flushes: Work,
}
