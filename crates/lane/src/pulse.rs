//! Pulse: a watchdog's view of a worker.
//!
//! Lives here: `Pulse` (what a worker shows of itself), `Watchdog` (the thread that looks at pulses).
//! From: `Lanes`, when a piece begins and when none follows. To: the log, and whoever asks `is_stalled` before it places
//! something on that worker.
//! Holds: a worker without a watchdog pays nothing; a piece that holds its worker for `stall_ms` is named while it does,
//! counted once, and its worker is avoided until it turns again; a worker that sleeps is not stalled.

use crate::Name;
use crate::cells::TaskId;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use windlass_driver::threads;

/// What a worker shows of itself.
#[derive(Default)]
pub struct Pulse {
    worker: String,
    /// Pieces begun and rests; it stands still while one piece runs, and while the worker sleeps.
    beats: AtomicU64,
    runs: AtomicBool,
    stalled: AtomicBool,
    stalls: AtomicU64,
    running: Mutex<Running>,
    /// Who is told of each stall, on the watchdog's thread.
    told: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl std::fmt::Debug for Pulse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "pulse of {}, stalled: {}", self.worker, self.is_stalled())
    }
}

#[derive(Debug, Default)]
struct Running {
    name: String,
    task: Option<TaskId>,
}

impl Pulse {
    /// Of the worker that is called so in the log.
    pub fn new(worker: impl Into<String>) -> Self {
        Self { worker: worker.into(), ..Self::default() }
    }

    /// Says who is to be told of each stall: something short, because the watchdog waits for it. The first one counts.
    pub fn when_stalled(&self, tell: impl Fn() + Send + Sync + 'static) {
        let _first_counts = self.told.set(Box::new(tell));
    }

    pub(crate) fn begins(&self, name: &Name, task: Option<TaskId>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.name.clear();
        running.name.push_str(name);
        running.task = task;
        drop(running);
        self.beats.fetch_add(1, Ordering::Relaxed);
        self.runs.store(true, Ordering::Relaxed);
        self.stalled.store(false, Ordering::Relaxed);
    }

    pub(crate) fn rests(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
        self.runs.store(false, Ordering::Relaxed);
        self.stalled.store(false, Ordering::Relaxed);
    }

    /// Whether one piece has held the worker for too long and still does: what can be placed elsewhere should be.
    pub fn is_stalled(&self) -> bool {
        self.stalled.load(Ordering::Relaxed)
    }

    /// How often that was so.
    pub fn stalls(&self) -> u64 {
        self.stalls.load(Ordering::Relaxed)
    }

    /// Looks; `before` is what the last look saw. Answers what to compare with next time.
    fn look(&self, before: Option<u64>, stall_ms: u64) -> Option<u64> {
        let beats = self.beats.load(Ordering::Relaxed);
        if !self.runs.load(Ordering::Relaxed) {
            return None;
        }
        if before == Some(beats) && !self.stalled.swap(true, Ordering::Relaxed) {
            self.stalls.fetch_add(1, Ordering::Relaxed);
            let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            let task = running.task.map(|task| task.to_string()).unwrap_or_default();
            tracing::warn!(
                worker = %self.worker, name = %running.name, task, stall_ms,
                "a piece of work does not give its worker back; nothing else of that worker runs"
            );
            drop(running);
            if let Some(tell) = self.told.get() {
                tell();
            }
        }
        Some(beats)
    }
}

/// The thread that looks at pulses, until it is dropped.
#[derive(Debug)]
pub struct Watchdog {
    over: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Looks at these workers every `stall_ms` milliseconds (at least 1): a piece that is seen twice has run that long.
    ///
    /// # Errors
    /// The system's, when no thread can be had.
    pub fn start(stall_ms: u64, pulses: Vec<Arc<Pulse>>) -> io::Result<Self> {
        let (over, ended) = channel::<()>();
        let period = Duration::from_millis(stall_ms.max(1));
        let thread = threads::start("windlass-watchdog", move || {
            let mut seen = vec![None; pulses.len()];
            while ended.recv_timeout(period) == Err(RecvTimeoutError::Timeout) {
                for (before, pulse) in seen.iter_mut().zip(&pulses) {
                    *before = pulse.look(*before, stall_ms);
                }
            }
        })?;
        Ok(Self { over: Some(over), thread: Some(thread) })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.over = None;
        if let Some(thread) = self.thread.take() {
            // It only looks; a panic of it changes nothing.
            let _looked = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_that_is_seen_twice_is_a_stall_once_and_a_sleeping_worker_is_none() {
        let pulse = Pulse::new("w");
        let told = Arc::new(AtomicU64::new(0));
        let count = told.clone();
        pulse.when_stalled(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let mut seen = pulse.look(None, 1);
        assert_eq!((seen, pulse.is_stalled()), (None, false), "it sleeps");
        pulse.begins(&"hog".into(), None);
        for _ in 0..3 {
            seen = pulse.look(seen, 1);
        }
        assert!(pulse.is_stalled());
        assert_eq!(pulse.stalls(), 1);
        pulse.begins(&"next".into(), None);
        assert!(!pulse.is_stalled());
        seen = pulse.look(seen, 1);
        pulse.rests();
        assert_eq!(pulse.look(seen, 1), None);
        assert_eq!((pulse.stalls(), told.load(Ordering::Relaxed)), (1, 1), "told once");
    }
}
