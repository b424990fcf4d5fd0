//! Blocking methods: calls that run on a thread of a small pool.
//!
//! From: `host::run` with a call of a `blocking` method. To: back to the worker, which finishes it.
//! Holds: threads and waiting calls are bounded (`lane::Blocking`); a call lives in `out` until its thread is done with it. One
//! that is cancelled or late does not begin, or is told so (`Context::cancelled`) and its caller hears at once: what the thread
//! still brings is dropped. The caller of one that writes into the caller's own memory hears when the thread is done with it.

use super::call::Call;
use super::call::Outcome;
use super::library::{BlockedAnswer, BlockedCall};
use super::{ended_early, finish, keep_alive};
use crate::core::Core;
use crate::reply::Refused;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use windlass_contract::{Code, Fault, Outcome as Ran};
use windlass_lane::{Bell, BlockingError};

/// A call that a thread has, or is to get.
struct Out {
    call: Rc<Call>,
    /// Tells the method that it is to end.
    stop: Arc<AtomicBool>,
}

/// The pool of one node, and the calls that are on it.
pub(crate) struct Blocking {
    threads: windlass_lane::Blocking<BlockedCall, BlockedAnswer>,
    out: RefCell<HashMap<u64, Out>>,
}

impl Blocking {
    /// No threads yet; `bell` wakes the worker when an answer has come.
    pub(crate) fn new(bell: Option<Bell>) -> Self {
        Self { threads: windlass_lane::Blocking::new(BlockedCall::run, bell), out: RefCell::default() }
    }

    /// Calls that have not come back.
    pub(crate) fn out(&self) -> usize {
        self.out.borrow().len()
    }
}

/// Hands a call to the pool.
pub(crate) fn submit(core: &Rc<Core>, call: Rc<Call>) {
    let pool = &core.blocking;
    let stop = Arc::new(AtomicBool::new(false));
    let Err((_, error)) = pool.threads.submit(BlockedCall::of(&call, stop.clone())) else {
        keep_alive(core, &call);
        pool.out.borrow_mut().insert(call.number, Out { call, stop });
        return;
    };
    let code = match error {
        BlockingError::Full => Code::QueueFull,
        BlockingError::NoThread(_) => Code::NoMemory,
    };
    refuse(&call, Fault::new(code, error.to_string()));
}

/// Finishes a call that got no thread; it counts as run, because it holds what a running call holds.
fn refuse(call: &Rc<Call>, fault: Fault) {
    call.outcome.set(Outcome::Fault(fault));
    finish(call);
}

/// A call of a blocking method is to end: it does not begin, or its method is told and its caller answered.
pub(crate) fn cancel(core: &Rc<Core>, call: &Rc<Call>, code: Code) {
    let pool = &core.blocking;
    if pool.threads.take_back(|waits| waits.number() == call.number).is_some() {
        pool.out.borrow_mut().remove(&call.number);
        return refuse(call, ended_early(code).with_outcome(Ran::NotStarted));
    }
    let Some(stop) = pool.out.borrow().get(&call.number).map(|out| out.stop.clone()) else { return };
    // ORDER: a flag of its own; nothing is handed over by it.
    stop.store(true, Ordering::Relaxed);
    if call.writes_in_place() {
        return;
    }
    let reply = call.reply.borrow_mut().take();
    if let Some(reply) = reply {
        Refused::new(reply, ended_early(code).with_outcome(Ran::Unknown)).answer();
    }
}

/// Finishes the calls that came back; answers whether there were any.
pub(crate) fn collect(core: &Rc<Core>) -> bool {
    let mut any = false;
    while let Some(answer) = core.blocking.threads.collect() {
        any = true;
        let out = core.blocking.out.borrow_mut().remove(&answer.number);
        let Some(Out { call, .. }) = out else { continue };
        let told_before = call.reply.borrow().is_none();
        match call.cancelled.get() {
            Some(code) if told_before => {
                call.outcome.set(Outcome::Fault(ended_early(code).with_outcome(Ran::Unknown)));
            }
            _ => {
                call.outcome.set(answer.outcome);
                *call.value.borrow_mut() = answer.value;
            }
        }
        finish(&call);
    }
    any
}
