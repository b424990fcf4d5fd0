//! The background thread: takes completions for futures, which have no thread of their own to wait with.
//!
//! Lives here: `Background`, and the one thread that a client starts, at its first future.
//! Holds: it reaps while any future waits and sleeps otherwise; it ends when the last `Client` is gone.
//! Not here: whom it wakes (`session::finish`).

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use windlass_contract::{Code, Fault};

use crate::session::Session;
use crate::table::locked;

/// The thread's state, in its session.
#[derive(Default)]
pub(crate) struct Background {
    started: Mutex<bool>,
    bell: Condvar,
    /// Calls that a future waits for, or waited for before it was dropped.
    waiting: AtomicUsize,
    closing: AtomicBool,
}

impl Background {
    /// One call more to reap for; starts the thread if there is none.
    ///
    /// # Errors
    /// `Io` when the system gives no thread.
    pub(crate) fn one_more(session: &Arc<Session>) -> Result<(), Fault> {
        let this = &session.background;
        if this.waiting.fetch_add(1, Ordering::AcqRel) > 0 || session.hand.is_some() || session.attended {
            return Ok(());
        }
        let mut started = locked(&this.started);
        if !*started {
            let held = Arc::clone(session);
            #[allow(clippy::disallowed_methods, reason = "the client's one thread; a client has no driver to ask")]
            let spawned = std::thread::Builder::new().name("windlass-replies".into()).spawn(move || run(&held));
            // Its handle is let go: it ends by itself when the last client is gone.
            spawned.map_err(|error| {
                Fault::new(Code::Io, format!("no thread for futures could be started: {error}"))
            })?;
            *started = true;
        }
        drop(started);
        this.bell.notify_one();
        Ok(())
    }

    /// One of them was answered.
    pub(crate) fn one_less(&self) {
        self.waiting.fetch_sub(1, Ordering::AcqRel);
    }

    fn idle(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0 || self.closing()
    }

    fn closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Lets the thread end: no future can wait any more.
    pub(crate) fn close(session: &Session) {
        let this = &session.background;
        this.closing.store(true, Ordering::Release);
        if *locked(&this.started) {
            this.bell.notify_one();
            session.reaper.call_up(session.table.background_seat());
        }
    }
}

fn run(session: &Arc<Session>) {
    let this = &session.background;
    loop {
        let mut started = locked(&this.started);
        while this.idle() && !this.closing() {
            started = this.bell.wait(started).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        drop(started);
        if this.closing() {
            return;
        }
        session.reaper.wait_until(
            session.table.background_seat(),
            || this.idle(),
            || None,
            |taker, time| session.reap(taker, time, None),
        );
    }
}
