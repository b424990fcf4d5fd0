//! Board: what must never happen, as seen from inside a method, and counts that methods and checkers share.
//!
//! Holds: one board a thread, so that runs beside each other have each their own; it is cleaned before a run.

use std::cell::{Cell, RefCell};

thread_local! {
    static SEEN: RefCell<Option<String>> = const { RefCell::new(None) };
    static CHURNED: Cell<u64> = const { Cell::new(0) };
    static BEATS: Cell<u64> = const { Cell::new(0) };
}

/// Begins anew.
pub(crate) fn clean() {
    SEEN.set(None);
    CHURNED.set(0);
    BEATS.set(0);
}

/// Something happened that must not; the first is kept.
pub(crate) fn tell(what: impl FnOnce() -> String) {
    SEEN.with_borrow_mut(|seen| {
        seen.get_or_insert_with(what);
    });
}

/// What happened that must not.
pub(crate) fn seen() -> Option<String> {
    SEEN.with_borrow(Clone::clone)
}

/// One more poll of a task that keeps a worker busy.
pub(crate) fn churn() {
    CHURNED.set(CHURNED.get() + 1);
}

/// Polls of such tasks so far.
pub(crate) fn churned() -> u64 {
    CHURNED.get()
}

/// A node called a method by itself.
pub(crate) fn beat() {
    BEATS.set(BEATS.get() + 1);
}

/// How often that was, in all nodes of this run.
pub(crate) fn beats() -> u64 {
    BEATS.get()
}
