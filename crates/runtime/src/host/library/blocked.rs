//! A blocking method's call on a thread of the pool: its raw record, its own host functions, its answer.
//!
//! Holds: the call's arguments and buffers stay where they are, untouched by the worker, until the answer has come back
//! (`host::blocking` keeps the call until then).

use super::super::call::{Call, Outcome};
use super::Body;
use super::Table;
use super::functions::{ask_symbols, logs, read_fault, result_of, write_log};
use crate::host::operation::Finished;
use crate::symbols::SymbolTable;
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use windlass_contract::abi::{
    HostTable, HostWaker, RawBuffer, RawBytes, RawCall, RawFault, RawOp, RawOpResult, RawOwned, RawPieces,
    RawSpawn, RawSymbols, TABLE_VERSION,
};
use windlass_contract::{Code, Fault, Outcome as Ran};
use windlass_driver::{Nanos, splitmix, threads};

/// A call that may go to another thread.
pub(crate) struct BlockedCall {
    table: Table,
    number: u64,
    root: u64,
    method: u32,
    pool: u64,
    arguments: RawBytes,
    buffers: *const RawBuffer,
    buffer_count: usize,
    module: String,
    pool_name: String,
    depth: u16,
    deadline: Nanos,
    seed: u64,
    stop: Arc<AtomicBool>,
    owner: u64,
    symbols: Arc<SymbolTable>,
}

// SAFETY: the pointers go into a call that `host::blocking` keeps, and that nobody else reads or writes until the answer has
//   come back over its channel. The buffers' cells are touched by the one thread that runs the call.
unsafe impl Send for BlockedCall {}

/// What a blocking method answered.
pub(crate) struct BlockedAnswer {
    /// The call's number.
    pub(crate) number: u64,
    /// Value or Fault.
    pub(crate) outcome: Outcome,
    /// The value's bytes.
    pub(crate) value: Vec<u8>,
}

/// What the host functions of such a call see.
struct State {
    answer: RefCell<(Outcome, Vec<u8>)>,
    number: u64,
    module: String,
    pool_name: String,
    deadline: Nanos,
    chance: Cell<u64>,
    stop: Arc<AtomicBool>,
    owner: u64,
    symbols: Arc<SymbolTable>,
}

impl BlockedCall {
    /// Takes what the thread needs of a call; the caller keeps the call.
    /// `stop` tells the method that it is to end.
    pub(crate) fn of(call: &Rc<Call>, stop: Arc<AtomicBool>) -> Self {
        Self {
            table: call.container.module.table,
            number: call.number,
            root: call.root,
            method: call.method.id.0,
            pool: call.container.pool.bits(),
            arguments: RawBytes::of(call.arguments()),
            buffers: call.buffers.as_ptr(),
            buffer_count: call.buffers.len(),
            module: call.container.module.descriptor.name.clone(),
            pool_name: call.container.pool_name.clone(),
            depth: call.depth,
            deadline: call.deadline,
            seed: call.core.random(),
            stop,
            owner: call.owner,
            symbols: call.core.symbols.clone(),
        }
    }

    /// The call's number.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Runs the method on this thread, unless its time is over.
    pub(crate) fn run(self) -> BlockedAnswer {
        if threads::now() >= self.deadline {
            let late = Fault::new(Code::DeadlineExceeded, "its time was over before a thread was free");
            let outcome = Outcome::Fault(late.with_outcome(Ran::NotStarted));
            return BlockedAnswer { number: self.number, outcome, value: Vec::new() };
        }
        let state = State {
            answer: RefCell::default(),
            number: self.number,
            module: self.module,
            pool_name: self.pool_name,
            deadline: self.deadline,
            chance: Cell::new(self.seed),
            stop: self.stop,
            owner: self.owner,
            symbols: self.symbols,
        };
        let raw = RawCall {
            size: size_of::<RawCall>() as u32,
            method: self.method,
            handle: (&raw const state).cast_mut().cast(),
            host: &HOST,
            arguments: self.arguments,
            buffers: self.buffers,
            buffer_count: self.buffer_count,
            pool: self.pool,
            call: self.number,
            root: self.root,
            depth: u32::from(self.depth),
            reserved: 0,
            deadline_ns: self.deadline,
            home: std::ptr::null_mut(),
        };
        // SAFETY: the table is checked; `raw`, `state`, arguments and buffers live through the call (see `Send` above).
        unsafe { (self.table.0.block)(&raw) }
        let (outcome, value) = state.answer.into_inner();
        BlockedAnswer { number: self.number, outcome, value }
    }
}

static HOST: HostTable = HostTable {
    size: size_of::<HostTable>() as u32,
    version: TABLE_VERSION,
    reply,
    fault,
    created,
    now_ns,
    random,
    cancelled,
    yield_due,
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
    // SAFETY: the handle is the `State` on this thread's stack, alive through `block`; the bytes live through the call.
    let (state, bytes) = unsafe { (&*handle.cast::<State>(), bytes.get()) };
    let mut answer = state.answer.borrow_mut();
    if matches!(answer.0, Outcome::None) {
        *answer = (Outcome::Value, bytes.to_vec());
    }
}
unsafe extern "C" fn fault(handle: *mut c_void, raw: *const RawFault) {
    // SAFETY: as in `reply`; `raw` lives through the call.
    let (state, fault) = unsafe { (&*handle.cast::<State>(), read_fault(&*raw)) };
    let mut answer = state.answer.borrow_mut();
    if matches!(answer.0, Outcome::None) {
        answer.0 = Outcome::Fault(fault);
    }
}
unsafe extern "C" fn log(handle: *mut c_void, level: u32, text: RawBytes) {
    // SAFETY: as in `reply`.
    let (state, text) = unsafe { (&*handle.cast::<State>(), text.get()) };
    write_log(&state.module, &state.pool_name, state.number, level, text);
}
unsafe extern "C" fn log_enabled(_: *mut c_void, level: u32) -> u32 {
    u32::from(logs(level))
}
unsafe extern "C" fn created(_: *mut c_void, _: *mut c_void) {
    tracing::error!("a blocking method handed over an instance; it is leaked");
}
unsafe extern "C" fn now_ns(_: *mut c_void) -> u64 {
    threads::now()
}
unsafe extern "C" fn random(handle: *mut c_void) -> u64 {
    // SAFETY: as in `reply`.
    let state = unsafe { &*handle.cast::<State>() };
    let mut chance = state.chance.get();
    let number = splitmix(&mut chance);
    state.chance.set(chance);
    number
}
unsafe extern "C" fn cancelled(handle: *mut c_void) -> u32 {
    // SAFETY: as in `reply`.
    let state = unsafe { &*handle.cast::<State>() };
    u32::from(state.stop.load(Ordering::Relaxed) || threads::now() >= state.deadline)
}
// A plain function cannot wait, so operations are out of its reach; whoever polls one by hand is told.
unsafe extern "C" fn yield_due(_: *mut c_void) -> u32 {
    0
}
unsafe extern "C" fn op_start(_: *mut c_void, _: *mut RawOp) -> u64 {
    1
}
unsafe extern "C" fn op_poll(_: *mut c_void, _: u64, _: *const HostWaker, out: *mut RawOpResult) -> u32 {
    let result = result_of(Finished::refused(waits_alone(), RawOwned::empty()));
    // SAFETY: the module lends room for one result, initialised.
    unsafe { *out = result };
    1
}
unsafe extern "C" fn op_drop(_: *mut c_void, _: u64) {}
unsafe extern "C" fn spawn(_: *mut c_void, asked: *const RawSpawn, out: *mut RawOpResult) -> u64 {
    // SAFETY: the module lends the record and hands the body over, which is dropped here.
    drop(Body::new(unsafe { &*asked }));
    // SAFETY: the module lends room for one result, initialised.
    unsafe { *out = result_of(Finished::refused(waits_alone(), RawOwned::empty())) };
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
        let (state, asked) = (&*handle.cast::<State>(), &mut *asked);
        // The call is the worker's; its method copies.
        ask_symbols(&state.symbols, state.owner, asked, |_| Ok(false));
    }
}

fn waits_alone() -> Fault {
    Fault::new(Code::Unsupported, "a blocking method waits on its own")
}
