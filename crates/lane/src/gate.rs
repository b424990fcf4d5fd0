//! Gate: where wakers put tasks that can run, from any thread.
//!
//! Lives here: `Gate` (one per `Lanes`; every task's waker leads to it), `Bell`, `Header` (what a runnable says of itself).
//! From: wakers. To: the lane's queue, at once on the worker's own thread and without a lock; from elsewhere through a
//! list that the worker looks at before each piece.
//! Holds: a task stands in at most one queue and at most once; a wake from elsewhere is seen before the worker sleeps, or the
//! bell is rung; after the worker's end nothing is queued, and a task that is woken then is left as it is.

use crate::cells::{Table, TaskId};
use crate::stride::Stride;
use async_task::Runnable;
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use windlass_driver::home::{Away, Home};

/// Ends the sleep of a worker, from any thread.
pub type Bell = Arc<dyn Fn() + Send + Sync>;

/// What a runnable says of itself.
pub(crate) struct Header {
    /// Where it is put when it is woken.
    pub(crate) gate: Away<Own, Gate>,
    /// Its cell, as long as it lives.
    pub(crate) id: TaskId,
    /// Its lane.
    pub(crate) lane: u16,
}

/// A task that stands in a queue.
pub(crate) type Ready = Runnable<Header>;

/// What is the worker's own.
pub(crate) struct Own {
    pub(crate) stride: RefCell<Stride>,
    pub(crate) table: Table,
}

/// A worker's own and its gate, on its thread.
pub(crate) type Here = Home<Own, Gate>;

#[derive(Default)]
struct Outside {
    woken: Vec<Ready>,
    closed: bool,
}

pub(crate) struct Gate {
    outside: Mutex<Outside>,
    count: AtomicUsize,
    parked: AtomicBool,
    bell: Option<Bell>,
}

/// Puts a task where it will run. A plain function: one that captured its gate would cost a count up and down at each wake.
#[inline]
pub(crate) fn put(ready: Ready) {
    let Header { gate, lane, .. } = ready.metadata();
    let lane = *lane;
    if let Some(own) = gate.home()
        && !own.table.closed.get()
        && let Ok(mut stride) = own.stride.try_borrow_mut()
    {
        let given_back = stride.queue(lane, Some(ready));
        debug_assert!(given_back.is_none(), "a lane outlives its tasks");
        return;
    }
    put_outside(ready);
}

#[cold]
fn put_outside(ready: Ready) {
    // Kept while the list has the task, which may be run and freed before this returns.
    let gate = ready.metadata().gate.clone();
    if let Some(ready) = gate.shared().put_outside(ready) {
        // On the worker's own thread its future may be dropped; anywhere else it may not be touched.
        if gate.is_home() {
            drop(ready);
        } else {
            std::mem::forget(ready);
        }
    }
}

impl Gate {
    pub(crate) fn new(bell: Option<Bell>) -> Self {
        Self { outside: Mutex::default(), count: AtomicUsize::new(0), parked: AtomicBool::new(false), bell }
    }

    /// Leaves a task for the worker to collect; gives it back when the worker has ended.
    fn put_outside(&self, ready: Ready) -> Option<Ready> {
        let mut outside = self.outside.lock().unwrap_or_else(PoisonError::into_inner);
        if outside.closed {
            return Some(ready);
        }
        outside.woken.push(ready);
        // ORDER: SeqCst on both sides with `about_to_park`: either the worker sees the count, or we see it parked. Counted
        //   under the lock, so that it is what stands in the list.
        self.count.fetch_add(1, Ordering::SeqCst);
        drop(outside);
        if self.parked.load(Ordering::SeqCst)
            && let Some(bell) = &self.bell
        {
            bell();
        }
        None
    }

    /// Brings what came from elsewhere into the lanes.
    #[inline]
    pub(crate) fn collect(&self, stride: &mut Stride) {
        if self.count.load(Ordering::Relaxed) > 0 {
            self.collect_all(stride);
        }
    }

    #[cold]
    fn collect_all(&self, stride: &mut Stride) {
        let mut outside = self.outside.lock().unwrap_or_else(PoisonError::into_inner);
        self.count.fetch_sub(outside.woken.len(), Ordering::SeqCst);
        for ready in outside.woken.drain(..) {
            let lane = ready.metadata().lane;
            let given_back = stride.queue(lane, Some(ready));
            debug_assert!(given_back.is_none(), "a lane outlives its tasks");
        }
    }

    pub(crate) fn has_outside(&self) -> bool {
        self.count.load(Ordering::SeqCst) > 0
    }

    /// Says that the worker is about to sleep, then looks once more: `true` if it may.
    pub(crate) fn about_to_park(&self, own: &Own) -> bool {
        self.parked.store(true, Ordering::SeqCst);
        let idle = own.stride.borrow().is_empty() && !self.has_outside();
        if !idle {
            self.unparked();
        }
        idle
    }

    pub(crate) fn unparked(&self) {
        self.parked.store(false, Ordering::Relaxed);
    }

    /// What came from elsewhere and was not collected.
    pub(crate) fn take(&self) -> Vec<Ready> {
        let mut outside = self.outside.lock().unwrap_or_else(PoisonError::into_inner);
        self.count.fetch_sub(outside.woken.len(), Ordering::SeqCst);
        std::mem::take(&mut outside.woken)
    }

    /// Nothing is taken any more; answers what came until now.
    pub(crate) fn close(&self) -> Vec<Ready> {
        self.outside.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.take()
    }
}

/// A task that can run.
pub struct Piece(pub(crate) Ready);

impl Piece {
    /// Runs it until it waits, yields or ends. A panic of its own ends it and nothing else.
    #[inline]
    pub fn run(self) {
        self.0.run();
    }
}

impl std::fmt::Debug for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a task that can run")
    }
}
