//! The C edge on the node's side: tables that are checked before they are trusted, and calls through them.
//!
//! Lives here: `Table` (a checked module table), `State` (a container's), `Instance` (that, on one worker), `Body` (a spawned task that is to begin),
//! `start` and `Hosted` (a call in progress); `open` (libraries), `functions` (what a module may ask), `asked` (what its hooks
//! are asked), `lend` (memory of operations). One of the homes of `unsafe`.
//! Holds: nothing of a module runs before its table has been checked; an instance outlives its futures, because each
//! future holds the call, and the call its container.
#![allow(unsafe_code, reason = "one of the four homes: calls through a C table, and its host side")]

mod asked;
mod blocked;
mod functions;
pub(crate) mod lend;
mod open;

pub(crate) use asked::{ask, may_ask};
pub(crate) use blocked::{BlockedAnswer, BlockedCall};

use super::call::Call;
use crate::place::Method;
use crate::transport::buffers::{Backing, Memory};
use functions::HOST;
use std::cell::{Cell, OnceCell};
use std::ffi::c_void;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::task::{Context, Poll};
use windlass_contract::abi::{
    LentWaker, ModuleTable, RawBuffer, RawBytes, RawCall, RawFuture, RawSpawn, TABLE_VERSION, target_bits,
};
use windlass_contract::hello::CONTRACT_HASH;
use windlass_contract::module::Event;
use windlass_contract::{Code, Fault, MethodId};
use windlass_memory::hooks::{Plant, planted};

/// A module's table, checked.
#[derive(Clone, Copy, Debug)]
pub struct Table(&'static ModuleTable);

impl Table {
    /// Takes the table of a linked-in module.
    ///
    /// # Errors
    /// `ModuleRefused` names what does not fit.
    pub fn linked(table: &'static ModuleTable) -> Result<Self, Fault> {
        check(table)?;
        Ok(Self(table))
    }

    /// The descriptor in postcard: `ModuleDescriptor::decode` reads it.
    pub fn describe(self) -> &'static [u8] {
        // SAFETY: the table is checked; its descriptor is valid for ever.
        unsafe { (self.0.describe)().get() }
    }

    /// The key's hash for these arguments, if they decode.
    pub(crate) fn key(self, method: windlass_contract::MethodId, arguments: &[u8]) -> Option<u64> {
        let mut hash = 0;
        // SAFETY: the arguments live through the call, and `hash` has room for one u64.
        let known = unsafe { (self.0.key)(method.0, RawBytes::of(arguments), &mut hash) };
        (known != 0).then_some(hash)
    }
}

/// Checks a table of this or another build before anything of its module runs.
fn check(table: &ModuleTable) -> Result<(), Fault> {
    let refused = |what: String| Err(Fault::new(Code::ModuleRefused, what));
    if table.version != TABLE_VERSION || (table.size as usize) < size_of::<ModuleTable>() {
        return refused(format!(
            "its table is version {} of {} bytes, this node wants version {TABLE_VERSION} of {} or more",
            table.version,
            table.size,
            size_of::<ModuleTable>()
        ));
    }
    if table.contract != CONTRACT_HASH {
        return refused(format!(
            "it was built against contract {:#018x}, this node has {CONTRACT_HASH:#018x}: build it against this version",
            table.contract
        ));
    }
    let (theirs, ours) = (table.target, machine_bits());
    if theirs >> 32 != ours >> 32 {
        return refused("it was built for another architecture".into());
    }
    if theirs as u32 & !(ours as u32) != 0 {
        return refused("it needs processor instructions that this machine does not have".into());
    }
    if table.unwinds != 1 {
        return refused("it was built with panic=abort, so a panic in it would end the node".into());
    }
    Ok(())
}

/// What this machine has, beside what this build needs.
fn machine_bits() -> u64 {
    let mut bits = target_bits();
    #[cfg(target_arch = "x86_64")]
    {
        bits |= u64::from(std::arch::is_x86_feature_detected!("avx2"));
        bits |= u64::from(std::arch::is_x86_feature_detected!("avx512f")) << 1;
    }
    bits
}

/// A container's state, on the module's side; empty until its `create` has answered. Workers share it only if the table says
/// that threads may (`Table::is_sync`).
pub(crate) struct State {
    table: Table,
    at: AtomicPtr<c_void>,
}

impl State {
    /// Room for the state that `create` will make.
    pub(crate) fn empty(table: Table) -> Arc<Self> {
        Arc::new(Self { table, at: AtomicPtr::default() })
    }
    fn get(&self) -> *mut c_void {
        // ORDER: pairs with the exchange in `fill`, on the worker where `create` ran.
        self.at.load(Ordering::Acquire)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let state = self.get();
        if !state.is_null() {
            // SAFETY: the state came from `created` of this table, once; no future of it lives, because futures hold a
            //   container, and containers hold this. Where workers share it, it may end on any of them: the table says so.
            unsafe { (self.table.0.drop_instance)(state) }
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.get().is_null() { "no state" } else { "a state" })
    }
}

/// A container's state, as one worker has it.
pub(crate) struct Instance {
    state: Arc<State>,
    /// A method of it is being started here, which may hold `&mut self`.
    entered: Cell<bool>,
}

impl Instance {
    /// This state.
    pub(crate) fn of(state: Arc<State>) -> Self {
        Self { state, entered: Cell::new(false) }
    }
    /// Whether `create` has handed over no state.
    pub(crate) fn is_empty(&self) -> bool {
        self.state.get().is_null()
    }
    /// Takes the state; `false` when there is one.
    fn fill(&self, state: *mut c_void) -> bool {
        let (none, at) = (std::ptr::null_mut(), &self.state.at);
        at.compare_exchange(none, state, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// The raw records of a call; filled when the call starts.
#[derive(Default)]
pub(crate) struct RawCell(OnceCell<RawCall>);

/// Describes buffers to the module. The pointers go into memory that the call's backings own until it ends.
pub(crate) fn raw_buffers(backing: &mut [Backing]) -> Vec<RawBuffer> {
    backing
        .iter_mut()
        .map(|one| {
            let (direction, kind, len) = (one.direction, one.kind, one.len());
            let ptr = match &mut one.memory {
                Memory::Private(bytes, _) => bytes.as_mut_ptr(),
                // Read only, as frozen bytes are.
                Memory::Common(bytes) => bytes.as_ptr().cast_mut(),
                // Read only: the direction is `In`, which the raw buffer never writes.
                Memory::Frozen(frozen, range) => frozen[range.clone()].as_ptr().cast_mut(),
                Memory::Room(room, _) => room.segment().as_ptr().wrapping_add(room.offset() as usize),
                Memory::Lent(segment, span, _) | Memory::Shared(segment, span, _) => {
                    segment.as_ptr().wrapping_add(span.offset() as usize)
                }
                Memory::Shown(..) => unreachable!("a call that has not begun shows nothing"),
            };
            // SAFETY: the ranges were proved in `transport`; the backings live in the call until it ends and a vector's
            //   bytes stay where they are when the vector moves. Private bytes and rooms are this call's alone; frozen
            //   bytes are sealed; common bytes are `in` buffers (`place::fan` refuses others), which nobody writes; shared
            //   memory is described as such.
            unsafe { RawBuffer::new(ptr, len, direction, kind) }
        })
        .collect()
}

fn raw_call(call: &Rc<Call>, handle: *mut c_void) -> *const RawCall {
    call.raw.0.get_or_init(|| RawCall {
        size: size_of::<RawCall>() as u32,
        method: call.method.id.0,
        handle,
        host: &HOST,
        arguments: RawBytes::of(call.arguments()),
        buffers: call.buffers.as_ptr(),
        buffer_count: call.buffers.len(),
        pool: call.container.pool.bits(),
        call: call.number,
        root: call.root,
        depth: u32::from(call.depth),
        reserved: 0,
        deadline_ns: call.deadline,
        home: Rc::as_ptr(&call.container.home).cast_mut().cast(),
    })
}

/// A spawned task's body: begun once, or dropped.
pub(crate) struct Body {
    data: *mut c_void,
    begin: unsafe extern "C" fn(*mut c_void, *const RawCall) -> RawFuture,
    drop: unsafe extern "C" fn(*mut c_void),
}

impl Body {
    /// Takes the body over.
    fn new(asked: &RawSpawn) -> Self {
        Self { data: asked.data, begin: asked.begin, drop: asked.drop }
    }
    /// # Safety
    /// `raw` lives until the future is dropped.
    unsafe fn begin(self, raw: *const RawCall) -> RawFuture {
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: the body is live, and consumed here: its drop does not run.
        unsafe { (this.begin)(this.data, raw) }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        // SAFETY: the body was not begun, and is dropped once.
        unsafe { (self.drop)(self.data) }
    }
}

/// Begins a call. `None`: it has ended and is finished.
pub(crate) fn start(call: &Rc<Call>) -> Option<Hosted> {
    let container = &call.container;
    let handle = Rc::as_ptr(call).cast_mut().cast();
    let raw = raw_call(call, handle);
    let table = container.module.table.0;
    let entered = asked::Entered::new(&container.instance.entered);
    // SAFETY: the table is checked; the instance is live (`place` gives out containers whose `create` has answered), this is
    //   its one thread, and no other call of it is inside the module now, unless its table says that threads may share it; `raw` lives in `call`, which `Hosted` keeps.
    let future = unsafe {
        match (call.body.take(), call.method.id) {
            (Some(body), _) => body.begin(raw),
            (None, MethodId::CREATE) => (table.create)(raw),
            (None, Method::FOLD) => {
                // It answers before it returns, as every event does.
                (table.event)(container.instance.state.get(), Event::ReplicaAggregate as u32, raw);
                drop(entered);
                super::finish(call);
                return None;
            }
            (None, _) => (table.start)(container.instance.state.get(), raw),
        }
    };
    drop(entered);
    if future.data.is_null() {
        super::finish(call);
        return None;
    }
    Some(Hosted { future: Some(future), call: call.clone() })
}

/// A call in progress: the module's future and the call it serves.
pub(crate) struct Hosted {
    future: Option<RawFuture>,
    call: Rc<Call>,
}

impl Hosted {
    fn end(&mut self) {
        if let Some(future) = self.future.take() {
            // SAFETY: the future is dropped once, on its thread, while its call and instance live.
            unsafe { (future.drop)(future.data) }
            super::finish(&self.call);
        }
    }
}

impl Future for Hosted {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(future) = &self.future else { return Poll::Ready(()) };
        let waker = LentWaker::new(cx.waker().clone());
        // SAFETY: the future is live, on its thread; the waker lives through the call.
        let ready = unsafe { (future.poll)(future.data, waker.as_host()) };
        if ready == 0 {
            return Poll::Pending;
        }
        self.end();
        Poll::Ready(())
    }
}

impl Drop for Hosted {
    fn drop(&mut self) {
        if planted(Plant::KeptFuture) && self.future.take().is_some() {
            return super::finish(&self.call);
        }
        self.end();
    }
}
