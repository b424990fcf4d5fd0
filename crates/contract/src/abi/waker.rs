//! Wakers that cross the edge: a C handle that begins with its functions, and `Waker`s on either side of it.
//!
//! Holds: a cloned handle is callable from any thread and given up once; a lent one ends with its poll.

use std::task::{RawWaker, RawWakerVTable, Waker};

/// A waker that crosses the edge: begins with its functions. Callable from any thread.
#[repr(C)]
pub struct HostWaker {
    /// Its functions.
    pub vtable: *const WakerVtable,
}

/// The functions of a `HostWaker`.
#[repr(C)]
pub struct WakerVtable {
    /// Another handle to the same task.
    pub clone: unsafe extern "C" fn(*const HostWaker) -> *const HostWaker,
    /// Wakes and keeps the handle.
    pub wake_by_ref: unsafe extern "C" fn(*const HostWaker),
    /// Gives a cloned handle up.
    pub drop: unsafe extern "C" fn(*const HostWaker),
}

/// A `HostWaker` around a `Waker`: lent on the stack for one poll, boxed when cloned.
#[repr(C)]
pub struct LentWaker {
    head: HostWaker,
    waker: Waker,
}

static LENT_VTABLE: WakerVtable = WakerVtable { clone: lent_clone, wake_by_ref: lent_wake, drop: lent_drop };

unsafe extern "C" fn lent_clone(this: *const HostWaker) -> *const HostWaker {
    // SAFETY: every `HostWaker` with `LENT_VTABLE` is the first field of a live `LentWaker` (repr C).
    let waker = unsafe { &*this.cast::<LentWaker>() }.waker.clone();
    Box::into_raw(Box::new(LentWaker::new(waker))).cast::<HostWaker>()
}
unsafe extern "C" fn lent_wake(this: *const HostWaker) {
    // SAFETY: as in `lent_clone`.
    unsafe { &*this.cast::<LentWaker>() }.waker.wake_by_ref();
}
unsafe extern "C" fn lent_drop(this: *const HostWaker) {
    // SAFETY: only handles made by `lent_clone` are dropped through the table, each once.
    drop(unsafe { Box::from_raw(this.cast_mut().cast::<LentWaker>()) });
}

impl LentWaker {
    /// Wraps a waker.
    pub fn new(waker: Waker) -> Self {
        Self { head: HostWaker { vtable: &LENT_VTABLE }, waker }
    }
    /// What crosses the edge; valid while `self` is.
    pub fn as_host(&self) -> *const HostWaker {
        (self as *const Self).cast()
    }
}

static BORROWED: RawWakerVTable = RawWakerVTable::new(host_clone, host_wake_lent, host_wake_lent, |_| ());
static OWNED: RawWakerVTable = RawWakerVTable::new(host_clone, host_wake_owned, host_wake_lent, host_drop);

unsafe fn host_clone(data: *const ()) -> RawWaker {
    let this = data.cast::<HostWaker>();
    // SAFETY: `data` is a live `HostWaker`: lent for this poll, or owned by the waker being cloned.
    RawWaker::new(unsafe { ((*(*this).vtable).clone)(this) }.cast(), &OWNED)
}
unsafe fn host_wake_lent(data: *const ()) {
    let this = data.cast::<HostWaker>();
    // SAFETY: as in `host_clone`.
    unsafe { ((*(*this).vtable).wake_by_ref)(this) }
}
unsafe fn host_wake_owned(data: *const ()) {
    // SAFETY: as in `host_clone`; waking by value ends the handle.
    unsafe {
        host_wake_lent(data);
        host_drop(data);
    }
}
unsafe fn host_drop(data: *const ()) {
    let this = data.cast::<HostWaker>();
    // SAFETY: `OWNED` wakers hold a handle from `clone`, given up once.
    unsafe { ((*(*this).vtable).drop)(this) }
}

/// A `Waker` over a waker of the other side, for the length of one poll.
///
/// # Safety
/// `waker` must stay valid while the result is used; clones of the result are free of that.
pub unsafe fn borrow_waker(waker: *const HostWaker) -> std::mem::ManuallyDrop<Waker> {
    // SAFETY: the functions of `BORROWED` keep `RawWaker`'s contract given the promise above.
    std::mem::ManuallyDrop::new(unsafe { Waker::from_raw(RawWaker::new(waker.cast(), &BORROWED)) })
}
