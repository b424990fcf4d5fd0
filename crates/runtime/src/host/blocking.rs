//! Blocking methods: calls that run on a thread of a small pool.
//!
//! From: `host::run` with a call of a `blocking` method. To: back to the worker, which finishes it.
//! Holds: threads and waiting calls are bounded (`lane::Blocking`); a call lives in `waiting` until its thread is done with it.

use super::call::Call;
use super::call::Outcome;
use super::finish;
use super::library::{BlockedAnswer, BlockedCall};
use crate::core::Core;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use windlass_contract::{Code, Fault};
use windlass_lane::{Bell, BlockingError};

/// The pool of one node, and the calls that are on it.
pub(crate) struct Blocking {
    threads: windlass_lane::Blocking<BlockedCall, BlockedAnswer>,
    waiting: RefCell<HashMap<u64, Rc<Call>>>,
}

impl Blocking {
    /// No threads yet; `bell` wakes the worker when an answer has come.
    pub(crate) fn new(bell: Option<Bell>) -> Self {
        Self { threads: windlass_lane::Blocking::new(BlockedCall::run, bell), waiting: RefCell::default() }
    }

    /// Calls that have not come back.
    pub(crate) fn out(&self) -> usize {
        self.waiting.borrow().len()
    }
}

/// Hands a call to the pool.
pub(crate) fn submit(core: &Rc<Core>, call: Rc<Call>) {
    let pool = &core.blocking;
    let Err((_, error)) = pool.threads.submit(BlockedCall::of(&call)) else {
        pool.waiting.borrow_mut().insert(call.number, call);
        return;
    };
    let code = match error {
        BlockingError::Full => Code::QueueFull,
        BlockingError::NoThread(_) => Code::NoMemory,
    };
    // It counts as run, because it holds what a running call holds.
    call.outcome.set(Outcome::Fault(Fault::new(code, error.to_string())));
    finish(&call);
}

/// Finishes the calls that came back; answers whether there were any.
pub(crate) fn collect(core: &Rc<Core>) -> bool {
    let mut any = false;
    while let Some(answer) = core.blocking.threads.collect() {
        any = true;
        let call = core.blocking.waiting.borrow_mut().remove(&answer.number);
        let Some(call) = call else { continue };
        call.outcome.set(answer.outcome);
        *call.value.borrow_mut() = answer.value;
        finish(&call);
    }
    any
}
