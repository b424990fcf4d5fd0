//! Helpers: a bounded handful of threads for calls that block.
//!
//! Lives here: `Helpers` (one queue and its threads).
//! From: `RealDriver` hands a call over. To: a helper runs it; the answer waits here, and the `Remote` is rung.
//! Holds: threads start when there is work for them and end after a while without; memory that a call works on is not
//! given back before the call has ended, also when the driver is dropped.
//! Not here: what the calls do (`calls.rs`).

use super::calls::{Call, Made};
use super::sleep::Remote;
use crate::limits::HELPER_IDLE_MS;
use crate::operation::{IoError, OpId};
use std::collections::VecDeque;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(super) type Answer = (OpId, Result<Made, IoError>);

#[derive(Default)]
struct State {
    calls: VecDeque<(OpId, Call)>,
    answers: Vec<Answer>,
    threads: usize,
    idle: usize,
    /// Calls that run on memory of the driver's.
    in_memory: usize,
    over: bool,
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    quiet: Condvar,
    answered: AtomicBool,
    remote: Remote,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A queue of calls and the threads that run them.
pub(super) struct Helpers {
    name: &'static str,
    threads_max: usize,
    shared: Arc<Shared>,
}

impl Helpers {
    pub fn new(name: &'static str, threads_max: usize, remote: Remote) -> Self {
        let shared = Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            quiet: Condvar::new(),
            answered: AtomicBool::new(false),
            remote,
        };
        Self { name, threads_max, shared: Arc::new(shared) }
    }

    /// Hands a call over. The queue is as long as the driver's table allows.
    pub fn push(&self, id: OpId, call: Call) {
        let mut state = self.shared.lock();
        state.calls.push_back((id, call));
        if state.idle >= state.calls.len() || state.threads >= self.threads_max {
            drop(state);
            self.shared.work.notify_one();
            return;
        }
        let shared = self.shared.clone();
        match crate::threads::start(self.name, move || serve(&shared)) {
            Ok(_ends_by_itself) => state.threads += 1,
            Err(_) if state.threads > 0 => {}
            Err(error) => {
                // Nobody is there to run it.
                let refused = |error: &io::Error| IoError::System(io::Error::from(error.kind()));
                let calls = std::mem::take(&mut state.calls);
                state.answers.extend(calls.into_iter().map(|(id, _)| (id, Err(refused(&error)))));
                // ORDER: the lock orders the answers; the flag only spares a look.
                self.shared.answered.store(true, Ordering::Release);
            }
        }
    }

    /// Whether answers wait. Cost: one load.
    pub fn has_answers(&self) -> bool {
        self.shared.answered.load(Ordering::Acquire)
    }

    /// Takes the answers.
    pub fn take(&self, answers: &mut Vec<Answer>) {
        if self.has_answers() {
            let mut state = self.shared.lock();
            self.shared.answered.store(false, Ordering::Release);
            answers.append(&mut state.answers);
        }
    }

    /// Takes a call back that no thread has begun.
    pub fn withdraw(&self, id: OpId) -> bool {
        let mut state = self.shared.lock();
        let before = state.calls.len();
        state.calls.retain(|(other, _)| *other != id);
        state.calls.len() < before
    }
}

impl Drop for Helpers {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.over = true;
        state.calls.clear();
        self.shared.work.notify_all();
        // The buffers go when this returns. What a name server keeps waiting has none, and ends by itself.
        while state.in_memory > 0 {
            state = self.shared.quiet.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A helper's life.
fn serve(shared: &Shared) {
    let mut state = shared.lock();
    loop {
        if let Some((id, call)) = state.calls.pop_front() {
            let in_memory = usize::from(call.has_memory());
            state.in_memory += in_memory;
            drop(state);
            let result = std::panic::catch_unwind(AssertUnwindSafe(|| call.run()))
                .unwrap_or_else(|_| Err(IoError::System(io::Error::other("the call panicked"))));
            state = shared.lock();
            state.in_memory -= in_memory;
            if state.over {
                shared.quiet.notify_all();
                continue;
            }
            state.answers.push((id, result));
            let first = !shared.answered.swap(true, Ordering::AcqRel);
            if first {
                shared.remote.ring();
            }
            continue;
        }
        if state.over {
            break;
        }
        state.idle += 1;
        let waited = shared.work.wait_timeout(state, Duration::from_millis(HELPER_IDLE_MS));
        let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        state = woken;
        state.idle -= 1;
        if timeout.timed_out() && state.calls.is_empty() {
            break;
        }
    }
    state.threads -= 1;
}
