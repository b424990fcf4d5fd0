//! Counters: what a client did, for its user and for tests that claim zero copies.
//!
//! Holds: counts only grow; reading them stops nobody.

use std::sync::atomic::{AtomicU64, Ordering};

/// What one client did since it connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Calls sent.
    pub calls: u64,
    /// Of them, answered by a Fault.
    pub faults: u64,
    /// Bulk bytes that this client copied into loans, for buffers given as slices.
    pub bytes_copied: u64,
    /// Bytes written into frozen memory, once per freeze and never per call.
    pub bytes_frozen: u64,
    /// How often the node's worker slept and had to be woken.
    pub doorbells: u64,
    /// How often a waiting thread slept.
    pub parks: u64,
    /// How often a reply came while a thread still spun, or let the node pass.
    pub spins_won: u64,
}

/// The same, while it counts.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) calls: Count,
    pub(crate) faults: Count,
    pub(crate) bytes_copied: Count,
    pub(crate) bytes_frozen: Count,
    pub(crate) doorbells: Count,
    pub(crate) parks: Count,
    pub(crate) spins_won: Count,
}

/// One number.
#[derive(Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    #[inline]
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// As `add`, where at most one thread at a time adds to this count: it holds a lock, or reaps.
    #[inline]
    pub(crate) fn add_alone(&self, more: u64) {
        self.0.store(self.get().wrapping_add(more), Ordering::Relaxed);
    }

    #[inline]
    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counts {
    pub(crate) fn read(&self) -> Counters {
        Counters {
            calls: self.calls.get(),
            faults: self.faults.get(),
            bytes_copied: self.bytes_copied.get(),
            bytes_frozen: self.bytes_frozen.get(),
            doorbells: self.doorbells.get(),
            parks: self.parks.get(),
            spins_won: self.spins_won.get(),
        }
    }
}
