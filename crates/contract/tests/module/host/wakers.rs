//! Wakers on the host's side: the task's own, which counts, and the one a module lends to an operation.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use windlass_contract::abi::{HostWaker, WakerVtable};

/// A task of the host: counts the handles to it and how often it was woken. Shared by address, so it is boxed.
#[repr(C)]
pub struct Task {
    head: HostWaker,
    clones: AtomicUsize,
    drops: AtomicUsize,
    wakes: AtomicUsize,
}

// SAFETY: the head is constant, the rest atomic.
unsafe impl Sync for Task {}

static VTABLE: WakerVtable = WakerVtable { clone, wake_by_ref, drop: give_up };

fn task<'a>(waker: *const HostWaker) -> &'a Task {
    // SAFETY: every `HostWaker` with `VTABLE` is the first field of a `Task` (repr C), which outlives its handles: tests
    //   check that each was given up before they drop it.
    unsafe { &*waker.cast::<Task>() }
}
unsafe extern "C" fn clone(waker: *const HostWaker) -> *const HostWaker {
    task(waker).clones.fetch_add(1, SeqCst);
    waker
}
unsafe extern "C" fn wake_by_ref(waker: *const HostWaker) {
    task(waker).wakes.fetch_add(1, SeqCst);
}
unsafe extern "C" fn give_up(waker: *const HostWaker) {
    task(waker).drops.fetch_add(1, SeqCst);
}

impl Task {
    pub fn new() -> Box<Self> {
        let head = HostWaker { vtable: &VTABLE };
        Box::new(Self {
            head,
            clones: AtomicUsize::new(0),
            drops: AtomicUsize::new(0),
            wakes: AtomicUsize::new(0),
        })
    }
    pub fn as_host(&self) -> *const HostWaker {
        std::ptr::from_ref(self).cast()
    }
    pub fn wakes(&self) -> usize {
        self.wakes.load(SeqCst)
    }
    /// Handles cloned so far.
    pub fn clones(&self) -> usize {
        self.clones.load(SeqCst)
    }
    /// Handles not yet given up.
    pub fn handles(&self) -> usize {
        let (clones, drops) = (self.clones.load(SeqCst), self.drops.load(SeqCst));
        clones.checked_sub(drops).expect("no handle is given up twice")
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.handles(), 0, "a handle outlives its task");
        }
    }
}

/// A waker of the module's side, kept until the operation ends.
pub struct Kept(*const HostWaker);

// SAFETY: the table says that a cloned handle may be called from any thread.
unsafe impl Send for Kept {}

impl Kept {
    /// Clones a lent waker.
    ///
    /// # Safety
    /// `waker` is valid through this call.
    pub unsafe fn clone_of(waker: *const HostWaker) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { ((*(*waker).vtable).clone)(waker) })
    }
    pub fn wake(&self) {
        // SAFETY: a cloned handle is valid until its drop.
        unsafe { ((*(*self.0).vtable).wake_by_ref)(self.0) }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // SAFETY: the only drop of this handle.
        unsafe { ((*(*self.0).vtable).drop)(self.0) }
    }
}
