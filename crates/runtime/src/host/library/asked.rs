//! A question to a container's hooks: its raw record, its own host functions, its answer.
//!
//! Holds: a hook is asked on its container's thread, and never while a method of it runs that may hold `&mut self`; it answers
//! before it returns. Nothing can be begun in it: it has no task that could wait.

use super::super::call::Outcome;
use super::functions::{ask_symbols, logs, read_fault, result_of, write_log};
use super::{Body, Table};
use crate::core::Core;
use crate::host::operation::Finished;
use crate::place::Container;
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use windlass_contract::abi::{
    HostTable, HostWaker, RawBytes, RawCall, RawFault, RawOp, RawOpResult, RawOwned, RawPieces, RawSpawn,
    RawSymbols, TABLE_SHARED, TABLE_STATELESS, TABLE_SYNC, TABLE_VERSION,
};
use windlass_contract::module::Event;
use windlass_contract::{Code, Fault};

impl Table {
    /// Whether the module answers this event by a hook of its own.
    #[inline]
    pub(crate) fn owns(self, event: Event) -> bool {
        self.0.hooks & event.bit() != 0
    }

    /// Whether a container keeps nothing between calls.
    pub(crate) fn is_stateless(self) -> bool {
        self.0.hooks & TABLE_STATELESS != 0
    }

    /// Whether threads may share a container.
    pub(crate) fn is_sync(self) -> bool {
        let both = TABLE_SYNC | TABLE_SHARED;
        self.0.hooks & both == both
    }
}

/// Whether a container's hooks may be asked now: it has its state, and no method of it runs that may hold `&mut self`.
pub(crate) fn may_ask(container: &Container) -> bool {
    let shared = container.module.table.0.hooks & TABLE_SHARED != 0;
    !container.instance.is_empty() && (shared || !container.instance.entered.get())
}

/// Asks a container's hook: an encoded question for an encoded answer.
///
/// # Errors
/// What the hook answers; `Panicked`; `Internal` when the container may not be asked now, which `may_ask` tells before.
pub(crate) fn ask(core: &Core, container: &Container, event: Event, question: &[u8]) -> Result<Vec<u8>, Fault> {
    if !may_ask(container) {
        return Err(Fault::new(Code::Internal, format!("{container:?} was asked while a method of it runs")));
    }
    let state = State { core, container, answer: RefCell::default() };
    let raw = RawCall {
        size: size_of::<RawCall>() as u32,
        method: 0,
        handle: (&raw const state).cast_mut().cast(),
        host: &HOST,
        arguments: RawBytes::of(question),
        buffers: std::ptr::null(),
        buffer_count: 0,
        pool: container.pool.bits(),
        call: 0,
        root: 0,
        depth: 0,
        reserved: 0,
        deadline_ns: u64::MAX,
        home: std::ptr::null_mut(),
    };
    // SAFETY: the table is checked and the instance is live (`may_ask`), this is its one thread, or threads may share it, and no `&mut` of it is held, for
    //   the same reason; `raw`, `state` and the question live through the call, and nothing of them is kept by it.
    unsafe { (container.module.table.0.event)(container.instance.state.get(), event as u32, &raw) }
    match state.answer.into_inner() {
        (Outcome::Value, bytes) => Ok(bytes),
        (Outcome::Fault(fault), _) => Err(fault),
        (Outcome::None, _) => Err(Fault::new(Code::Lost, format!("the hook for {event:?} gave no answer"))),
    }
}

/// What the host functions of a question see.
struct State<'a> {
    core: &'a Core,
    container: &'a Container,
    answer: RefCell<(Outcome, Vec<u8>)>,
}

static HOST: HostTable = HostTable {
    size: size_of::<HostTable>() as u32,
    version: TABLE_VERSION,
    reply,
    fault,
    created,
    now_ns,
    random,
    cancelled: never,
    yield_due: never,
    log,
    log_enabled,
    op_start,
    op_poll,
    op_drop,
    spawn,
    tell,
    symbols,
    together,
};

unsafe extern "C" fn reply(handle: *mut c_void, bytes: RawBytes) {
    // SAFETY: the module's promise (`HostTable`): the handle that `ask` made, whose state lives through the event; the bytes too.
    let (state, bytes) = unsafe { (&*handle.cast::<State<'_>>(), bytes.get()) };
    let mut answer = state.answer.borrow_mut();
    if matches!(answer.0, Outcome::None) {
        *answer = (Outcome::Value, bytes.to_vec());
    }
}

unsafe extern "C" fn fault(handle: *mut c_void, raw: *const RawFault) {
    // SAFETY: as in `reply`.
    let (state, fault) = unsafe { (&*handle.cast::<State<'_>>(), read_fault(&*raw)) };
    let mut answer = state.answer.borrow_mut();
    if matches!(answer.0, Outcome::None) {
        *answer = (Outcome::Fault(fault), Vec::new());
    }
}

unsafe extern "C" fn created(_: *mut c_void, _: *mut c_void) {
    tracing::error!("a hook handed over an instance that nobody asked for; it is leaked");
}

unsafe extern "C" fn now_ns(handle: *mut c_void) -> u64 {
    // SAFETY: as in `reply`.
    unsafe { &*handle.cast::<State<'_>>() }.core.now()
}

unsafe extern "C" fn random(handle: *mut c_void) -> u64 {
    // SAFETY: as in `reply`.
    unsafe { &*handle.cast::<State<'_>>() }.core.random()
}

unsafe extern "C" fn never(_: *mut c_void) -> u32 {
    0
}

unsafe extern "C" fn log(handle: *mut c_void, level: u32, text: RawBytes) {
    // SAFETY: as in `reply`.
    let (state, text) = unsafe { (&*handle.cast::<State<'_>>(), text.get()) };
    write_log(&state.container.module.descriptor.name, &state.container.pool_name, 0, level, text);
}

unsafe extern "C" fn log_enabled(_: *mut c_void, level: u32) -> u32 {
    u32::from(logs(level))
}

unsafe extern "C" fn op_start(_: *mut c_void, _: *mut RawOp) -> u64 {
    1
}

unsafe extern "C" fn op_poll(_: *mut c_void, _: u64, _: *const HostWaker, out: *mut RawOpResult) -> u32 {
    // SAFETY: the module lends room for one result, initialised.
    unsafe { *out = result_of(Finished::refused(begins_nothing(), RawOwned::empty())) };
    1
}

unsafe extern "C" fn op_drop(_: *mut c_void, _: u64) {}

unsafe extern "C" fn spawn(_: *mut c_void, asked: *const RawSpawn, out: *mut RawOpResult) -> u64 {
    // SAFETY: the module lends the record and hands the body over, which is dropped here.
    drop(Body::new(unsafe { &*asked }));
    // SAFETY: the module lends room for one result, initialised.
    unsafe { *out = result_of(Finished::refused(begins_nothing(), RawOwned::empty())) };
    0
}

unsafe extern "C" fn tell(_: *mut c_void, _: u32, _: u64) {}

unsafe extern "C" fn together(_: *mut c_void, pieces: *const RawPieces) -> u32 {
    // SAFETY: the module lends the record and waits.
    unsafe { (*pieces).alone() };
    1
}

unsafe extern "C" fn symbols(handle: *mut c_void, asked: *mut RawSymbols) {
    // SAFETY: as in `reply`; the module lends the record and hands over its memory.
    unsafe {
        let (state, asked) = (&*handle.cast::<State<'_>>(), &mut *asked);
        ask_symbols(&state.core.symbols, crate::symbols::NODE, asked, |_| Ok(false));
    }
}

fn begins_nothing() -> Fault {
    Fault::new(Code::Unsupported, "a hook answers at once: it can wait for nothing and spawn nothing")
}

/// While a method of an instance may hold `&mut self`.
pub(super) struct Entered<'a>(&'a Cell<bool>, bool);

impl<'a> Entered<'a> {
    pub(super) fn new(entered: &'a Cell<bool>) -> Self {
        let before = entered.replace(true);
        Self(entered, before)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.set(self.1);
    }
}
