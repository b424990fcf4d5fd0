//! Signals: how a node is told to stop, to read its levels again, or to show its tasks, from outside.
//!
//! Lives here: `Watch`, a thread that waits for signals while the node runs.
//! From: the kernel. To: the node's stop command, the log's levels, the node's list of tasks.
//! Holds: the first SIGTERM or SIGINT drains, the second stops at once; a method that does not give its worker back cannot
//! keep the process alive after that.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::{Handle, Signals};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use windlass_contract::{Code, Fault};
use windlass_driver::threads;

/// How long a node that was told to stop at once may take before its process ends anyway.
const PATIENCE: Duration = Duration::from_secs(1);
/// Exit code of a process that ended with its node still busy.
const BUSY_EXIT: i32 = 1;

/// What signals do.
pub(crate) struct Does {
    /// Stops the node, letting calls end for so long.
    pub(crate) stop: Box<dyn Fn(Duration) + Send>,
    /// Reads the levels of the log again.
    pub(crate) reload: Box<dyn Fn() + Send>,
    /// Has the tasks that live written to the log.
    pub(crate) dump: Box<dyn Fn() + Send>,
    /// How long calls may take to end after the first signal.
    pub(crate) drain: Duration,
    /// The node's socket, removed if the process has to end before the node.
    pub(crate) socket: PathBuf,
}

/// Watches for signals until it is dropped.
pub(crate) struct Watch {
    handle: Handle,
    over: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Takes the signals over from the system's defaults. Those that come before `begin` are kept.
    pub(crate) fn prepare() -> Result<Signals, Fault> {
        Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1])
            .map_err(|error| Fault::new(Code::Io, format!("signals: {error}")))
    }

    pub(crate) fn begin(signals: Signals, does: Does) -> Result<Self, Fault> {
        let handle = signals.handle();
        let (over, ended) = channel();
        let thread = threads::start("signals", move || run(signals, &does, &ended))
            .map_err(|error| Fault::new(Code::Io, format!("a thread for signals: {error}")))?;
        Ok(Self { handle, over: Some(over), thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.handle.close();
        self.over = None;
        if let Some(thread) = self.thread.take() {
            // It only watches; a panic of it changes nothing for a node that has ended.
            let _watched = thread.join();
        }
    }
}

fn run(mut signals: Signals, does: &Does, ended: &Receiver<()>) {
    let mut asked = false;
    for signal in signals.forever() {
        match (signal, asked) {
            (SIGHUP, _) => (does.reload)(),
            (SIGUSR1, _) => (does.dump)(),
            (_, false) => {
                asked = true;
                tracing::info!(signal, drain_ms = does.drain.as_millis() as u64, "told to stop");
                (does.stop)(does.drain);
            }
            (_, true) => {
                tracing::warn!(signal, "told again: stops at once");
                (does.stop)(Duration::ZERO);
                if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                    tracing::error!("a method does not give its worker back; the process ends without it");
                    let _may_be_gone = std::fs::remove_file(&does.socket);
                    std::process::exit(BUSY_EXIT);
                }
                return;
            }
        }
    }
}
