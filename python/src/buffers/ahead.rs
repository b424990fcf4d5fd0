//! Ahead: a thread that maps the pages of a large view while nobody reads them yet.
//!
//! Holds: it holds the view for one piece at a time, so memory returns a piece later at the latest; at most `AHEAD_THREADS_MAX` of a process
//!   run, and none is waited for. Without it pages come when they are read, which is all that it changes.
//! Not here: how pages are mapped (`windlass_memory::map_ahead`).
#![allow(clippy::disallowed_methods, reason = "the interpreter has no driver that starts threads")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use windlass_client::dynamic::Bulk;

use crate::limits::{AHEAD_FROM, AHEAD_PIECE, AHEAD_THREADS_MAX};

/// The process, and how many of its threads map ahead: a forked child has none of its parent's.
static RUNNING: AtomicU64 = AtomicU64::new(0);

/// Starts to map `len` bytes from `from` on, if that is worth a thread and one is free.
pub(super) fn begin(bulk: &Arc<Bulk>, from: usize, len: usize) {
    if len < AHEAD_FROM || !matches!(**bulk, Bulk::View(_)) {
        return;
    }
    let Some(turn) = Turn::take() else { return };
    let view = Arc::downgrade(bulk);
    let named = std::thread::Builder::new().name("windlass-ahead".into());
    let _none_is_slower = named.spawn(move || {
        let _turn = turn;
        run(&view, from, len);
    });
}

fn run(view: &Weak<Bulk>, from: usize, len: usize) {
    for done in (0..len).step_by(AHEAD_PIECE) {
        let Some(bulk) = view.upgrade() else { return };
        let Bulk::View(view) = &*bulk else { return };
        if !view.map_ahead(from + done, AHEAD_PIECE.min(len - done)) {
            return;
        }
    }
}

/// The right to be one of the threads; it ends with this value.
struct Turn;

impl Turn {
    fn take() -> Option<Turn> {
        let next = |state: u64| {
            let running = if state >> 32 == here() { state as u32 } else { 0 };
            (running < AHEAD_THREADS_MAX).then(|| here() << 32 | u64::from(running + 1))
        };
        RUNNING.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok().map(|_| Turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
    }
}

fn here() -> u64 {
    u64::from(std::process::id())
}
