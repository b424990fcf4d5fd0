//! The shims: a safe `Module` becomes a `ModuleTable`.
//!
//! Lives here: `table`, `Started` (what a call became), `Access` (the state rule as types).
//! Holds: a panic of the module ends in `Incoming::panicked`, never in the host's stack.

use super::waker::HostWaker;
use super::{
    Incoming, ModuleTable, RawBytes, RawCall, RawFuture, TABLE_SHARED, TABLE_STATELESS, TABLE_SYNC, TABLE_VERSION,
    borrow_waker, target_bits,
};
use crate::module::Module;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

/// What a module's `start` gives: a future in progress, or nothing more to do.
pub struct Started<'a> {
    raw: RawFuture,
    life: PhantomData<&'a ()>,
}

unsafe extern "C" fn ended_poll(_: *mut c_void, _: *const HostWaker) -> u32 {
    1
}
unsafe extern "C" fn ended_drop(_: *mut c_void) {}

struct Running<'a, F> {
    call: Incoming<'a>,
    future: F,
}

unsafe extern "C" fn running_poll<F: Future<Output = ()>>(data: *mut c_void, waker: *const HostWaker) -> u32 {
    // SAFETY: `data` is the box that `Started::future` leaked; the host polls it from one thread and drops it after.
    let running = unsafe { &mut *data.cast::<Running<'_, F>>() };
    // SAFETY: the host lends `waker` for the length of this call.
    let waker = unsafe { borrow_waker(waker) };
    // SAFETY: the box never moves until `running_drop`.
    let future = unsafe { Pin::new_unchecked(&mut running.future) };
    match catch_unwind(AssertUnwindSafe(|| future.poll(&mut TaskContext::from_waker(&waker)))) {
        Ok(Poll::Pending) => 0,
        Ok(Poll::Ready(())) => 1,
        Err(payload) => {
            running.call.panicked(payload);
            1
        }
    }
}
unsafe extern "C" fn running_drop<F>(data: *mut c_void) {
    // SAFETY: the box that `Started::future` leaked, dropped once by the host.
    let running = unsafe { Box::from_raw(data.cast::<Running<'_, F>>()) };
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(running))) {
        forget_panic(payload);
    }
}

/// Drops a panic's payload; a payload whose own drop panics is leaked.
pub(super) fn forget_panic(payload: Box<dyn std::any::Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
}

impl<'a> Started<'a> {
    /// The call is answered.
    pub fn ended() -> Self {
        let raw = RawFuture { data: std::ptr::null_mut(), poll: ended_poll, drop: ended_drop };
        Self { raw, life: PhantomData }
    }

    /// The call goes on in `future`, which answers it.
    pub fn future<F: Future<Output = ()> + 'a>(call: Incoming<'a>, future: F) -> Self {
        let data = Box::into_raw(Box::new(Running { call, future })).cast();
        let raw = RawFuture { data, poll: running_poll::<F>, drop: running_drop::<F> };
        Self { raw, life: PhantomData }
    }
}

/// The table of `M`, linked in or exported.
pub const fn table<M: Module>() -> ModuleTable {
    ModuleTable {
        size: size_of::<ModuleTable>() as u32,
        version: TABLE_VERSION,
        contract: crate::hello::CONTRACT_HASH,
        target: target_bits(),
        unwinds: cfg!(panic = "unwind") as u32,
        hooks: (M::OWN & !(TABLE_SHARED | TABLE_STATELESS | TABLE_SYNC))
            | (M::Access::SHARED as u32 * TABLE_SHARED)
            // Only where no method may have the state to itself.
            | ((M::Access::SHARED && M::SYNC.is_some()) as u32 * TABLE_SYNC)
            | (M::STATELESS as u32 * TABLE_STATELESS),
        describe: describe::<M>,
        create: create::<M>,
        drop_instance: drop_instance::<M>,
        start: start::<M>,
        block: block::<M>,
        key: key::<M>,
        event: event::<M>,
    }
}

unsafe extern "C" fn describe<M: Module>() -> RawBytes {
    match catch_unwind(M::descriptor_bytes) {
        Ok(bytes) => RawBytes::of(bytes),
        Err(payload) => {
            forget_panic(payload);
            RawBytes::of(&[])
        }
    }
}

/// Runs the synchronous part of a call; a panic answers the call.
pub(super) fn guarded<'a>(call: &Incoming<'a>, run: impl FnOnce() -> Started<'a>) -> RawFuture {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(started) => started.raw,
        Err(payload) => {
            call.panicked(payload);
            Started::ended().raw
        }
    }
}

unsafe extern "C" fn create<M: Module>(call: *const RawCall) -> RawFuture {
    // SAFETY: the host keeps `call` valid until the future it gets is dropped.
    let call = unsafe { Incoming::new(call) };
    guarded(&call, || M::create(call))
}

unsafe extern "C" fn drop_instance<M: Module>(instance: *mut c_void) {
    // SAFETY: the host hands back, once, what `created` gave it, when no future of it lives; on another thread than
    //   the one it was made on only if its table says `TABLE_SYNC`: then it is `Send`.
    let instance = unsafe { Box::from_raw(instance.cast::<M>()) };
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(instance))) {
        forget_panic(payload);
    }
}

unsafe extern "C" fn start<M: Module>(instance: *mut c_void, call: *const RawCall) -> RawFuture {
    // SAFETY: as in `create`.
    let call = unsafe { Incoming::new(call) };
    guarded(&call, || {
        // SAFETY: the instance outlives its futures, and the host starts calls of one instance on one thread, one at
        //   a time, unless its table says `TABLE_SYNC`: then it is `Sync` (`Sharing`) and reached shared. `Access` gives `&mut` only where no future can outlive `start`.
        let this = unsafe { <M::Access as Access>::reach::<M>(instance.cast()) };
        <M::Access as Access>::started(M::start(this, call))
    })
}

unsafe extern "C" fn block<M: Module>(call: *const RawCall) {
    // SAFETY: the host keeps `call` valid until this returns.
    let call = unsafe { Incoming::new(call) };
    guarded(&call, || {
        M::block(call);
        Started::ended()
    });
}

unsafe extern "C" fn key<M: Module>(method: u32, arguments: RawBytes, out: *mut u64) -> u32 {
    // SAFETY: the host lends `arguments` for this call.
    let arguments = unsafe { arguments.get() };
    match catch_unwind(|| M::key(method, arguments)) {
        Ok(Some(hash)) => {
            // SAFETY: the host lends room for one u64.
            unsafe { out.write(hash) };
            1
        }
        Ok(None) => 0,
        Err(payload) => {
            forget_panic(payload);
            0
        }
    }
}

unsafe extern "C" fn event<M: Module>(instance: *mut c_void, event: u32, call: *const RawCall) {
    // SAFETY: the host keeps `call` valid until this returns.
    let call = unsafe { Incoming::new(call) };
    guarded(&call, || {
        // SAFETY: as in `start`; hooks take `&self` and end before they return.
        let this = unsafe { &*instance.cast::<M>() };
        crate::serve::event(this, event, call);
        Started::ended()
    });
}

/// How methods reach their container's state.
pub trait Access: sealed::Sealed {
    /// Whether the module may be asked while one of its methods runs.
    const SHARED: bool;
    /// `&'a M` or `&'a mut M`.
    type This<'a, M: 'a>;
    /// What `start` gives.
    type Started<'a>;

    /// Makes the reference.
    ///
    /// # Safety
    /// `instance` is live for `'a`; for `Exclusive`, no other reference to it is.
    unsafe fn reach<'a, M: 'a>(instance: *mut M) -> Self::This<'a, M>;
    /// As the table wants it.
    fn started(started: Self::Started<'_>) -> Started<'_>;
}

/// Every method is a plain `fn`: it runs to its end, so it may hold `&mut self`.
pub enum Exclusive {}
/// Some method is an `async fn`: all take `&self`.
pub enum Shared {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Exclusive {}
    impl Sealed for super::Shared {}
}

impl Access for Exclusive {
    const SHARED: bool = false;
    type This<'a, M: 'a> = &'a mut M;
    type Started<'a> = ();
    unsafe fn reach<'a, M: 'a>(instance: *mut M) -> &'a mut M {
        // SAFETY: the caller's promise: live and unaliased for 'a.
        unsafe { &mut *instance }
    }
    fn started((): Self::Started<'_>) -> Started<'_> {
        Started::ended()
    }
}
impl Access for Shared {
    const SHARED: bool = true;
    type This<'a, M: 'a> = &'a M;
    type Started<'a> = Started<'a>;
    unsafe fn reach<'a, M: 'a>(instance: *mut M) -> &'a M {
        // SAFETY: the caller's promise: live for 'a; only shared references are ever made.
        unsafe { &*instance }
    }
    fn started(started: Self::Started<'_>) -> Started<'_> {
        started
    }
}
