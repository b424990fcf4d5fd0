//! The blocking pool: a few threads for methods that block.
//!
//! From: `host::run` with a call of a `blocking` method. To: back to the worker, which finishes it.
//! Holds: threads and waiting calls are bounded; a call lives in `out` until its thread is done with it. One that is cancelled or
//! late does not begin, or is told so (`Context::cancelled`) and its caller hears at once: what the thread still brings is
//! dropped. The caller of one that writes into the caller's own memory hears when the thread is done with that memory.

use super::call::Call;
use super::call::Outcome;
use super::library::{BlockedAnswer, BlockedCall};
use super::{ended_early, finish, keep_alive};
use crate::core::Core;
use crate::limits::{BLOCKING_THREADS_MAX, BLOCKING_WAITING_MAX};
use crate::reply::Refused;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use windlass_contract::{Code, Fault, Outcome as Ran};
use windlass_driver::real::Remote;
use windlass_driver::threads;

#[derive(Default)]
struct Queue {
    waiting: Mutex<(VecDeque<BlockedCall>, bool)>,
    changed: Condvar,
}

/// A call that a thread has, or is to get.
struct Out {
    call: Rc<Call>,
    /// Tells the method that it is to end.
    stop: Arc<AtomicBool>,
}

/// The pool of one node.
pub(crate) struct Blocking {
    queue: Arc<Queue>,
    threads: Cell<usize>,
    out: RefCell<HashMap<u64, Out>>,
    answers: Receiver<BlockedAnswer>,
    sender: Sender<BlockedAnswer>,
    remote: Option<Remote>,
}

impl Blocking {
    /// No threads yet; `remote` wakes the worker when an answer has come.
    pub(crate) fn new(remote: Option<Remote>) -> Self {
        let (sender, answers) = channel();
        Self { queue: Arc::default(), threads: Cell::new(0), out: RefCell::default(), answers, sender, remote }
    }

    /// Calls that have not come back.
    pub(crate) fn out(&self) -> usize {
        self.out.borrow().len()
    }

    /// Takes a call off the queue; `false` when a thread has it.
    fn take_back(&self, number: u64) -> bool {
        let mut waiting = self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let before = waiting.0.len();
        waiting.0.retain(|call| call.number() != number);
        waiting.0.len() < before
    }

    fn ensure_thread(&self) -> std::io::Result<()> {
        let most = threads::machine_processors().clamp(2, BLOCKING_THREADS_MAX);
        if self.threads.get() >= most || self.out() < self.threads.get() {
            return Ok(());
        }
        let (queue, sender, remote) = (self.queue.clone(), self.sender.clone(), self.remote.clone());
        threads::start("windlass-blocking", move || serve(&queue, &sender, remote.as_ref()))?;
        self.threads.set(self.threads.get() + 1);
        Ok(())
    }
}

impl Drop for Blocking {
    fn drop(&mut self) {
        self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.queue.changed.notify_all();
    }
}

fn serve(queue: &Queue, sender: &Sender<BlockedAnswer>, remote: Option<&Remote>) {
    loop {
        let mut waiting = queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let call = loop {
            match (waiting.0.pop_front(), waiting.1) {
                (Some(call), _) => break call,
                (None, true) => return,
                (None, false) => waiting = queue.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(waiting);
        if sender.send(call.run()).is_err() {
            return;
        }
        if let Some(remote) = remote {
            remote.ring();
        }
    }
}

/// Hands a call to the pool.
pub(crate) fn submit(core: &Rc<Core>, call: Rc<Call>) {
    let pool = &core.blocking;
    if pool.out() >= BLOCKING_WAITING_MAX {
        let text = "as many calls wait for a blocking thread as may";
        return refuse(&call, Fault::new(Code::QueueFull, text));
    }
    if let Err(error) = pool.ensure_thread()
        && pool.threads.get() == 0
    {
        return refuse(&call, Fault::new(Code::NoMemory, format!("no thread for a blocking method: {error}")));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let blocked = BlockedCall::of(&call, stop.clone());
    keep_alive(core, &call, None);
    pool.out.borrow_mut().insert(call.number, Out { call, stop });
    pool.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner).0.push_back(blocked);
    pool.queue.changed.notify_one();
}

/// Finishes a call that got no thread; it counts as run, because it holds what a running call holds.
fn refuse(call: &Rc<Call>, fault: Fault) {
    call.outcome.set(Outcome::Fault(fault));
    finish(call);
}

/// A call of a blocking method is to end: it does not begin, or its method is told and its caller answered.
pub(crate) fn cancel(core: &Rc<Core>, call: &Rc<Call>, code: Code) {
    let pool = &core.blocking;
    if pool.take_back(call.number) {
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
    while let Ok(answer) = core.blocking.answers.try_recv() {
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
