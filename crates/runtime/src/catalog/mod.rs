//! Catalog: what of a node outlives it.
//!
//! Lives here: `Catalog` (where pools and their states are kept), the records, `Keeper` (a worker's way to it).
//! From: `admin`, when a pool is made or ends, at a flush, at a start and an orderly stop. To: whoever implements it: a file
//! (`serve`), a table of a simulation.
//! Holds: what an operation wrote is there after any death of the process, or none of it is. No worker waits for a disk: an
//! operation that may be slow has a thread of its own for as long as it takes.
//! Not here: what a state is (the module's `export`), when it is taken (`admin::restart`).

use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use windlass_contract::{Code, Fault};
use windlass_driver::threads;

/// Where a node keeps what is to outlive it. Every operation is atomic and durable when it returns.
pub trait Catalog: fmt::Debug + Send + Sync {
    /// Whether a worker may call it without a thread: it touches no disk. Simulations say so.
    fn is_quick(&self) -> bool {
        false
    }
    /// All pools, in order of their ids.
    ///
    /// # Errors
    /// `Io`, and what a damaged catalog says.
    fn pools(&self) -> Result<Vec<KeptPool>, Fault>;
    /// A pool was made: keeps it in place of one of this name, whose states go.
    ///
    /// # Errors
    /// `Io`.
    fn keep(&self, pool: &KeptPool) -> Result<(), Fault>;
    /// A pool that is kept is spread otherwise by now: keeps it in place of what was kept of it. Its states stay.
    ///
    /// # Errors
    /// `Io`.
    fn change(&self, pool: &KeptPool) -> Result<(), Fault>;
    /// A pool has ended: it goes, with its states. Nothing happens if there is none of this name.
    ///
    /// # Errors
    /// `Io`.
    fn forget(&self, name: &str) -> Result<(), Fault>;
    /// Keeps states in place of those before them, all or none. Those of pools that are not kept are left out.
    ///
    /// # Errors
    /// `Io`.
    fn keep_states(&self, states: &[KeptState]) -> Result<(), Fault>;
    /// The states of a pool's containers.
    ///
    /// # Errors
    /// `Io`.
    fn states(&self, pool: &str) -> Result<Option<KeptState>, Fault>;
    /// The node serves calls from now on: states of an orderly stop are older than what it will have done.
    ///
    /// # Errors
    /// `Io`.
    fn begin(&self) -> Result<(), Fault>;
}

/// A pool, as it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPool {
    /// Its id's bits: it comes back with the same.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its module.
    pub module: String,
    /// The file that its module was loaded from; empty for one that is linked in.
    pub library: String,
    /// Encoded create parameters, defaults included.
    pub parameters: Vec<u8>,
    /// How many containers it has.
    pub containers: u32,
    /// How they get their workers, as text; behind a space the pool's mode, if it is not the usual one.
    pub placement: String,
}

/// What the containers of a pool exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptState {
    /// The pool's name.
    pub pool: String,
    /// The module's version then.
    pub version: String,
    /// Whether it was taken at an orderly stop, and nothing ran after it; else at a flush, and what came later is not in it.
    pub at_stop: bool,
    /// One for each container, in order of their ids.
    pub containers: Vec<Vec<u8>>,
}

/// A worker's way to the catalog.
pub(crate) struct Keeper {
    catalog: Arc<dyn Catalog>,
    /// Operations on threads.
    out: Cell<usize>,
}

/// Between an operation's thread and the task that waits for it.
struct Between<T> {
    outcome: Option<Result<T, Fault>>,
    waker: Option<Waker>,
}

impl Keeper {
    pub(crate) fn new(catalog: Arc<dyn Catalog>) -> Self {
        Self { catalog, out: Cell::new(0) }
    }

    /// Operations that are under way.
    pub(crate) fn out(&self) -> usize {
        self.out.get()
    }

    /// Has the catalog do something, without holding the worker.
    ///
    /// # Errors
    /// What it says; `NoMemory` when there is no thread.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Catalog) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        if self.catalog.is_quick() {
            return work(&*self.catalog);
        }
        let between = Arc::new(Mutex::new(Between { outcome: None, waker: None }));
        let (theirs, catalog) = (between.clone(), self.catalog.clone());
        threads::start("windlass-catalog", move || {
            let outcome = work(&*catalog);
            let mut held = theirs.lock().unwrap_or_else(PoisonError::into_inner);
            held.outcome = Some(outcome);
            let waker = held.waker.take();
            drop(held);
            if let Some(waker) = waker {
                waker.wake();
            }
        })
        .map_err(|error| Fault::new(Code::NoMemory, format!("no thread for the catalog: {error}")))?;
        let _out = Out::new(&self.out);
        std::future::poll_fn(|cx| {
            let mut held = between.lock().unwrap_or_else(PoisonError::into_inner);
            match held.outcome.take() {
                Some(outcome) => Poll::Ready(outcome),
                None => {
                    held.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

/// One operation more, until it is dropped.
struct Out<'a>(&'a Cell<usize>);

impl<'a> Out<'a> {
    fn new(out: &'a Cell<usize>) -> Self {
        out.set(out.get() + 1);
        Self(out)
    }
}

impl Drop for Out<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
