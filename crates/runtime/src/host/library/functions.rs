//! The host functions: what a module may ask of the node during a call on a worker.
//!
//! Holds: each takes the call's own handle, on the call's thread; nothing here panics across the edge.

use super::super::call::{Call, Outcome};
use super::super::home::Home;
use super::super::operation::{self, Finished};
use super::Body;
use crate::limits::HEAVY_QUANTUM_NS;
use crate::symbols::{Show, SymbolTable};
use std::ffi::c_void;
use std::rc::Rc;
use windlass_contract::abi::{
    HostTable, HostWaker, RawBytes, RawFault, RawOp, RawOpResult, RawOwned, RawPieces, RawSpawn, RawSymbols,
    TABLE_VERSION, Tell, borrow_waker,
};
use windlass_contract::{Fault, MethodId, Outcome as Ran, Retry};
use windlass_lane::limits::QUANTUM_NS;

/// The one table of host functions for calls on a worker.
pub(super) static HOST: HostTable = HostTable {
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

/// The call behind a handle.
///
/// # Safety
/// `handle` is the one that `start` put into the call's raw record, and the call lives: its future or its start holds it.
unsafe fn call_of(handle: *mut c_void) -> Rc<Call> {
    let call: *const Call = handle.cast_const().cast();
    // SAFETY: the pointer came from `Rc::as_ptr` of a live `Rc`; one more count is taken for the value made here.
    unsafe {
        Rc::increment_strong_count(call);
        Rc::from_raw(call)
    }
}

unsafe extern "C" fn reply(handle: *mut c_void, bytes: RawBytes) {
    // SAFETY: the module's promise (`HostTable`): its own handle; the bytes live through the call.
    let (call, bytes) = unsafe { (call_of(handle), bytes.get()) };
    let before = call.outcome.take();
    if matches!(before, Outcome::None) {
        let mut value = call.core.warm.borrow_mut().take(bytes.len());
        value.extend_from_slice(bytes);
        *call.value.borrow_mut() = value;
        call.outcome.set(Outcome::Value);
    } else {
        call.outcome.set(before);
    }
}

/// A Fault out of its raw form.
///
/// # Safety
/// The texts live through the call.
pub(super) unsafe fn read_fault(raw: &RawFault) -> Fault {
    // SAFETY: the caller's promise.
    let (message, details) = unsafe { (raw.message.get(), raw.details.get()) };
    Fault {
        code: raw.code.max(1),
        outcome: Ran::from_bits(raw.outcome).unwrap_or(Ran::Ended),
        retry: Retry::from_bits(raw.retry, raw.after_ms).unwrap_or(Retry::Never),
        message: String::from_utf8_lossy(message).into_owned(),
        details: String::from_utf8_lossy(details).into_owned(),
    }
}

unsafe extern "C" fn fault(handle: *mut c_void, raw: *const RawFault) {
    // SAFETY: as in `reply`; `raw` lives through the call.
    let (call, fault) = unsafe { (call_of(handle), read_fault(&*raw)) };
    let before = call.outcome.take();
    call.outcome.set(if matches!(before, Outcome::None) { Outcome::Fault(fault) } else { before });
}

unsafe extern "C" fn created(handle: *mut c_void, state: *mut c_void) {
    // SAFETY: as in `reply`; the module hands the instance over.
    let call = unsafe { call_of(handle) };
    if call.method.id == MethodId::CREATE && call.container.instance.fill(state) {
        call.outcome.set(Outcome::Value);
    } else {
        tracing::error!(
            call = call.number,
            "a method handed over an instance that nobody asked for; it is leaked"
        );
    }
}

unsafe extern "C" fn now_ns(handle: *mut c_void) -> u64 {
    // SAFETY: as in `reply`.
    unsafe { call_of(handle) }.core.now()
}

unsafe extern "C" fn random(handle: *mut c_void) -> u64 {
    // SAFETY: as in `reply`.
    unsafe { call_of(handle) }.core.random()
}

unsafe extern "C" fn cancelled(handle: *mut c_void) -> u32 {
    // SAFETY: as in `reply`.
    let call = unsafe { call_of(handle) };
    u32::from(call.cancelled.get().is_some() || call.core.now() >= call.deadline)
}

unsafe extern "C" fn yield_due(handle: *mut c_void) -> u32 {
    // SAFETY: as in `reply`.
    let call = unsafe { call_of(handle) };
    let core = &call.core;
    // A heavy call lets quick ones in sooner.
    let quantum = if call.lane == core.heavy { HEAVY_QUANTUM_NS } else { QUANTUM_NS };
    u32::from(core.now().saturating_sub(core.lanes.began()) > quantum)
}

/// Writes a module's line to the node's log.
pub(super) fn write_log(module: &str, pool: &str, call: u64, level: u32, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    match level {
        1 => tracing::error!(target: "module", module, pool, call, "{text}"),
        2 => tracing::warn!(target: "module", module, pool, call, "{text}"),
        3 => tracing::info!(target: "module", module, pool, call, "{text}"),
        4 => tracing::debug!(target: "module", module, pool, call, "{text}"),
        _ => tracing::trace!(target: "module", module, pool, call, "{text}"),
    }
}

/// Whether the node's log takes lines of this level from modules.
pub(super) fn logs(level: u32) -> bool {
    match level {
        1 => tracing::enabled!(target: "module", tracing::Level::ERROR),
        2 => tracing::enabled!(target: "module", tracing::Level::WARN),
        3 => tracing::enabled!(target: "module", tracing::Level::INFO),
        4 => tracing::enabled!(target: "module", tracing::Level::DEBUG),
        _ => tracing::enabled!(target: "module", tracing::Level::TRACE),
    }
}

unsafe extern "C" fn log(handle: *mut c_void, level: u32, text: RawBytes) {
    // SAFETY: as in `reply`.
    let (call, text) = unsafe { (call_of(handle), text.get()) };
    let container = &call.container;
    write_log(&container.module.descriptor.name, &container.pool_name, call.number, level, text);
}

unsafe extern "C" fn log_enabled(_: *mut c_void, level: u32) -> u32 {
    u32::from(logs(level))
}

unsafe extern "C" fn op_start(handle: *mut c_void, asked: *mut RawOp) -> u64 {
    // SAFETY: as in `reply`; the module lends the record and hands over its bytes and its buffer, which are taken out of it.
    let (call, asked) = unsafe { (call_of(handle), take_asked(&mut *asked)) };
    operation::start(&call, asked)
}

/// The record, with what it owns taken out of the lent one.
fn take_asked(lent: &mut RawOp) -> RawOp {
    let take = |owned: &mut RawOwned| std::mem::replace(owned, RawOwned::empty());
    RawOp {
        kind: lent.kind,
        flags: lent.flags,
        a: lent.a,
        b: lent.b,
        bytes: take(&mut lent.bytes),
        buffer: take(&mut lent.buffer),
        place: lent.place,
        reserved: 0,
        from: lent.from,
        to: lent.to,
    }
}

unsafe extern "C" fn op_poll(
    handle: *mut c_void,
    token: u64,
    waker: *const HostWaker,
    out: *mut RawOpResult,
) -> u32 {
    // SAFETY: as in `reply`; the module lends its waker for this call.
    let (call, waker) = unsafe { (call_of(handle), borrow_waker(waker)) };
    let Some(done) = operation::poll(&call, token, &waker) else { return 0 };
    let result = result_of(done);
    // SAFETY: the module lends room for one result, initialised.
    unsafe { *out = result };
    1
}

/// What came of an operation, as it crosses.
pub(super) fn result_of(done: Finished) -> RawOpResult {
    let Finished { result, buffer, given_back } = done;
    let (code, fault_head, value, bytes) = match result {
        Ok((value, bytes)) => (0, 0, value, bytes),
        Err(fault) => {
            let mut text = Vec::new();
            fault.encode_text(&mut text);
            let (retry, after_ms) = fault.retry.to_bits();
            let head = fault.outcome as u32 | u32::from(retry) << 8;
            (u32::from(fault.code), head, u64::from(after_ms), text)
        }
    };
    let (bytes, given_back) = (RawOwned::new(bytes), u32::from(given_back));
    RawOpResult { code, fault_head, value, bytes, buffer, given_back, reserved: 0 }
}

unsafe extern "C" fn op_drop(handle: *mut c_void, token: u64) {
    // SAFETY: as in `reply`.
    operation::drop_one(&unsafe { call_of(handle) }, token);
}

unsafe extern "C" fn spawn(handle: *mut c_void, asked: *const RawSpawn, out: *mut RawOpResult) -> u64 {
    // SAFETY: as in `reply`; the module lends the record and hands the body over.
    let (call, asked) = unsafe { (call_of(handle), &*asked) };
    let body = Body::new(asked);
    // SAFETY: the name is read before this returns.
    let name = String::from_utf8_lossy(unsafe { asked.name.get() }).into_owned();
    let how = super::super::Spawn { name, background: asked.class == 1, weight: asked.weight };
    match super::super::spawn(&call, how, body) {
        Ok(number) => number,
        Err(fault) => {
            // SAFETY: the module lends room for one result, initialised.
            unsafe { *out = result_of(Finished::refused(fault, RawOwned::empty())) };
            0
        }
    }
}

unsafe extern "C" fn tell(home: *mut c_void, what: u32, number: u64) {
    let home: *const Home = home.cast_const().cast();
    let is = |one: Tell| what == one as u32;
    if is(Tell::Keep) {
        // SAFETY: the pointer is that of a call's `home`, or of a reference that is counted already: the home lives.
        return unsafe { Rc::increment_strong_count(home) };
    }
    if is(Tell::Release) {
        // SAFETY: the module gives up a reference that it counted with `Keep`.
        return unsafe { Rc::decrement_strong_count(home) };
    }
    // SAFETY: the module holds a counted reference through this call, on the container's thread.
    let home = unsafe {
        Rc::increment_strong_count(home);
        Rc::from_raw(home)
    };
    match what {
        _ if is(Tell::Close) => home.close(number),
        _ if is(Tell::CancelTask) => home.cancel(number),
        _ if is(Tell::ForgetTask) => home.forget(number),
        other => tracing::error!(other, "a module told its home something that this node does not know"),
    }
}

unsafe extern "C" fn symbols(handle: *mut c_void, asked: *mut RawSymbols) {
    // SAFETY: as in `reply`; the module lends the record and hands over its memory.
    let (call, asked) = unsafe { (call_of(handle), &mut *asked) };
    let core = &call.core;
    core.symbols.others(core.shared.bytes_taken());
    // SAFETY: the record came from the module's `RawSymbols::new`, with its memory to take.
    unsafe { ask_symbols(&core.symbols, call.owner, asked, |shown| call.show(shown)) }
}

unsafe extern "C" fn together(handle: *mut c_void, pieces: *const RawPieces) -> u32 {
    /// A module's record, on several threads.
    struct Lent<'a>(&'a RawPieces);
    // SAFETY: the module's promise (`RawPieces`): its pieces may be run from several threads at a time.
    unsafe impl Sync for Lent<'_> {}
    impl Lent<'_> {
        fn run(&self, piece: usize) {
            // SAFETY: the module lends the record and waits until `together` returns, which the team does after the last piece; the
            //   team gives each number once.
            unsafe { (self.0.run)(self.0.data, piece) }
        }
    }
    // SAFETY: as in `reply`; the record is lent.
    let (call, lent) = unsafe { (call_of(handle), Lent(&*pieces)) };
    call.core.shared.team.run(lent.0.count, &|piece| lent.run(piece));
    call.core.shared.team.threads() as u32
}

/// Answers a question in its record.
///
/// # Safety
/// The record is lent for this call, and what it holds is this side's to take.
pub(super) unsafe fn ask_symbols(
    table: &SymbolTable,
    owner: u64,
    asked: &mut RawSymbols,
    show: impl FnOnce(Show) -> Result<bool, Fault>,
) {
    // SAFETY: the caller's promise; the question is read before this returns.
    let (question, parts) = unsafe { (asked.question.get(), asked.take()) };
    let answer = crate::symbols::ask(table, owner, question, parts, show);
    let result = answer.map(|(bytes, parts)| {
        asked.give(parts);
        (0, bytes)
    });
    asked.answer = result_of(Finished { result, buffer: RawOwned::empty(), given_back: false });
}
