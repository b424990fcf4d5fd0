//! Sync: the atomics, locks and fences of this crate, exchanged for loom's when it checks the algorithms.
//!
//! Lives here: one import list with two sources, and `ExclusiveCell`, a cell whose holder was proven elsewhere.
//! Holds: no file of this crate takes `fence` or a process-private atomic from anywhere else.
//! Not here: words inside a mapping. Those are the processor's own atomics always (`word.rs`), and the
//!   algorithms over them are generic (`cells.rs`), so that loom runs the same code on its own memory.

#[cfg(loom)]
pub(crate) use loom::sync::{
    Condvar, Mutex,
    atomic::{AtomicU32, AtomicU64, Ordering, fence},
};
#[cfg(not(loom))]
pub(crate) use std::sync::{
    Condvar, Mutex,
    atomic::{AtomicU32, AtomicU64, Ordering, fence},
};

/// A value that one thread at a time may touch; who that is, is decided by a word beside it.
pub(crate) struct ExclusiveCell<T> {
    #[cfg(not(loom))]
    inside: std::cell::UnsafeCell<T>,
    #[cfg(loom)]
    inside: loom::cell::UnsafeCell<T>,
}

impl<T> ExclusiveCell<T> {
    /// Puts `value` inside.
    pub(crate) fn new(value: T) -> ExclusiveCell<T> {
        #[cfg(not(loom))]
        let inside = std::cell::UnsafeCell::new(value);
        #[cfg(loom)]
        let inside = loom::cell::UnsafeCell::new(value);
        ExclusiveCell { inside }
    }

    /// Runs `with` on the value; under loom an overlap of two holders fails the model.
    ///
    /// # Safety
    /// The caller holds the word that guards this cell, took it with Acquire, and keeps it until this returns.
    pub(crate) unsafe fn with<R>(&self, with: impl FnOnce(&mut T) -> R) -> R {
        #[cfg(not(loom))]
        {
            // SAFETY: the caller is the only holder, so this is the only reference to the value.
            //   Breaks if: two threads could both win the guarding word.
            with(unsafe { &mut *self.inside.get() })
        }
        #[cfg(loom)]
        {
            // SAFETY: as above; loom tracks the access and fails the model on an overlap.
            self.inside.with_mut(|inside| with(unsafe { &mut *inside }))
        }
    }
}

// SAFETY: the cell hands out its value to one thread at a time (contract of `with`), so sharing the cell moves the
//   value between threads and needs `T: Send` only. Breaks if: `with` is called without holding the word.
unsafe impl<T: Send> Sync for ExclusiveCell<T> {}
