//! Pieces of one piece of work as they cross: several threads of the host run them, while their maker waits.
//!
//! Holds: the record and what it points to live until the host's `together` has returned, and that has every piece ended; a panic
//! stays on the module's side, and goes on there when all have ended.

use super::Incoming;
use std::any::Any;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, PoisonError};

/// Work in pieces, each of which may run on any thread.
#[derive(Debug)]
#[repr(C)]
pub struct RawPieces {
    /// Bytes of this record, for growth.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// How many pieces.
    pub count: usize,
    /// What `run` is called with.
    pub data: *const c_void,
    /// Runs the piece of this number, below `count`; each is run once. May be called from several threads at a time.
    pub run: unsafe extern "C" fn(*const c_void, usize),
}

impl RawPieces {
    /// Runs them one after another on this thread: what a host does that has no others.
    ///
    /// # Safety
    /// The record is its maker's, who waits for this.
    pub unsafe fn alone(&self) {
        for piece in 0..self.count {
            // SAFETY: the caller's promise; numbers are below `count`, each once.
            unsafe { (self.run)(self.data, piece) }
        }
    }
}

struct Work<'a> {
    run: &'a (dyn Fn(usize) + Sync),
    /// What the first panic brought.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

unsafe extern "C" fn run(data: *const c_void, piece: usize) {
    // SAFETY: `data` is the `Work` of `together` below, which waits until all pieces have ended; it is `Sync`.
    let work = unsafe { &*data.cast::<Work<'_>>() };
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| (work.run)(piece))) {
        work.panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(payload);
    }
}

impl Incoming<'_> {
    /// Runs `piece` for every number below `count`; a panic of one goes on here when all have ended. Gives the number of threads
    /// that may take part.
    pub(crate) fn together(&self, count: usize, piece: &(dyn Fn(usize) + Sync)) -> usize {
        let work = Work { run: piece, panic: Mutex::new(None) };
        let data: *const Work<'_> = &work;
        let raw = RawPieces { size: size_of::<RawPieces>() as u32, reserved: 0, count, data: data.cast(), run };
        // SAFETY: the handle is the host's own, valid for this call; record and work live until the function returns, when no piece
        //   runs any more.
        let threads = unsafe { (self.host().together)(self.raw().handle, &raw) };
        if let Some(payload) = work.panic.into_inner().unwrap_or_else(PoisonError::into_inner) {
            resume_unwind(payload);
        }
        threads as usize
    }
}
