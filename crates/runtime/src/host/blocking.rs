//! The blocking pool: a few threads for methods that block.
//!
//! From: `host::run` with a call of a `blocking` method. To: back to the worker, which finishes it.
//! Holds: threads and waiting calls are bounded; a call lives in `waiting` until its thread is done with it.

use super::call::Call;
use super::call::Outcome;
use super::finish;
use super::library::{BlockedAnswer, BlockedCall};
use crate::core::Core;
use crate::limits::{BLOCKING_THREADS_MAX, BLOCKING_WAITING_MAX};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use windlass_contract::{Code, Fault};
use windlass_driver::real::Remote;
use windlass_driver::threads;

#[derive(Default)]
struct Queue {
    waiting: Mutex<(VecDeque<BlockedCall>, bool)>,
    changed: Condvar,
}

/// The pool of one node.
pub(crate) struct Blocking {
    queue: Arc<Queue>,
    threads: Cell<usize>,
    waiting: RefCell<HashMap<u64, Rc<Call>>>,
    answers: Receiver<BlockedAnswer>,
    sender: Sender<BlockedAnswer>,
    remote: Option<Remote>,
}

impl Blocking {
    /// No threads yet; `remote` wakes the worker when an answer has come.
    pub(crate) fn new(remote: Option<Remote>) -> Self {
        let (sender, answers) = channel();
        Self { queue: Arc::default(), threads: Cell::new(0), waiting: RefCell::default(), answers, sender, remote }
    }

    /// Calls that have not come back.
    pub(crate) fn out(&self) -> usize {
        self.waiting.borrow().len()
    }

    fn ensure_thread(&self) -> std::io::Result<()> {
        let most = threads::machine_processors().clamp(2, BLOCKING_THREADS_MAX);
        if self.threads.get() >= most || self.waiting.borrow().len() < self.threads.get() {
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
    let blocked = BlockedCall::of(&call);
    pool.waiting.borrow_mut().insert(call.number, call);
    pool.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner).0.push_back(blocked);
    pool.queue.changed.notify_one();
}

/// Finishes a call that got no thread; it counts as run, because it holds what a running call holds.
fn refuse(call: &Rc<Call>, fault: Fault) {
    call.outcome.set(Outcome::Fault(fault));
    finish(call);
}

/// Finishes the calls that came back; answers whether there were any.
pub(crate) fn collect(core: &Rc<Core>) -> bool {
    let mut any = false;
    while let Ok(answer) = core.blocking.answers.try_recv() {
        any = true;
        let call = core.blocking.waiting.borrow_mut().remove(&answer.number);
        let Some(call) = call else { continue };
        call.outcome.set(answer.outcome);
        *call.value.borrow_mut() = answer.value;
        finish(&call);
    }
    any
}
