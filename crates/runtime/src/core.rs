//! Core: what the rooms of one worker share.
//!
//! Lives here: `Core` (queues, timers, tables, counters), `Alarm` (what a timer is for), `Warm` (private buffers kept
//! between calls). Holds: one thread; every cell is borrowed for one statement and never across a call into a module.

use crate::events::Kind;
use crate::host::call::{Call, LiveCalls};
use crate::mail::Mail;
use crate::place::Places;
use crate::place::fan::Fans;
use crate::session::Sessions;
use crate::shared::{Shared, WorkerId};
use crate::stages::{Stage, Stages};
use crate::stats::Counters;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use windlass_contract::Fault;
use windlass_driver::Nanos;
use windlass_lane::{LaneId, Lanes, Timers};

/// What the rooms of one worker share.
pub(crate) struct Core {
    pub(crate) name: String,
    /// Which worker of the node this is.
    pub(crate) worker: WorkerId,
    pub(crate) shared: Arc<Shared>,
    /// Letters to other workers, and what is awaited from them.
    pub(crate) mail: Mail,
    /// Calls to several containers.
    pub(crate) fans: RefCell<Fans>,
    /// A number for the node's generation, if the node has none yet.
    pub(crate) drawn: u64,
    pub(crate) limits: NodeLimits,
    /// The driver's clock.
    pub(crate) clock: Rc<dyn Fn() -> Nanos>,
    /// What does the driver's operations, and why not something better.
    pub(crate) operations_by: (&'static str, String),
    /// When the node was made.
    pub(crate) started: Nanos,
    /// The clock as it was read when a call last ended: one reading serves that end and the next beginning. 0 = none.
    pub(crate) read_at: Cell<Nanos>,
    pub(crate) lanes: Lanes<Rc<Call>>,
    /// The lane of calls that are expected to hold the worker for long.
    pub(crate) heavy: LaneId,
    /// What its calls that wait or live are expected to cost, nanoseconds.
    pub(crate) due_ns: Cell<u64>,
    /// Calls that have ended and that their modules were not told of.
    pub(crate) untold: crate::host::asked::Untold,
    pub(crate) timers: RefCell<Timers<Alarm>>,
    /// Operations that tasks wait for.
    pub(crate) io: windlass_lane::io::Io,
    pub(crate) sessions: RefCell<Sessions>,
    /// What passes between calls and their callers while they run.
    pub(crate) call_streams: crate::host::streams::Streams,
    /// What sessions over sockets share.
    pub(crate) streams: crate::transport::stream::Streams,
    pub(crate) places: RefCell<Places>,
    pub(crate) live: RefCell<LiveCalls>,
    pub(crate) warm: RefCell<Warm>,
    /// What outlives the node; nothing where nothing is to.
    pub(crate) catalog: Option<crate::catalog::Keeper>,
    /// What the log writes.
    pub(crate) log: Option<Arc<dyn crate::node::LogLevels>>,
    pub(crate) symbols: Arc<crate::symbols::SymbolTable>,
    pub(crate) counters: Counters,
    pub(crate) stages: Stages,
    /// Calls that this worker took.
    pub(crate) arrivals: Cell<u64>,
    pub(crate) chance: Cell<u64>,
    /// The configured pools stand: clients may come.
    pub(crate) ready: Cell<bool>,
    pub(crate) draining: Cell<bool>,
    /// Whether it was said that tasks wait for nothing that the node has begun.
    pub(crate) stall_told: Cell<bool>,
    pub(crate) stop_asked: Cell<Option<u64>>,
    /// The node ends now: nothing begins any more.
    pub(crate) over: Cell<bool>,
    /// Calls that were handed a key and have not begun.
    pub(crate) handed: RefCell<VecDeque<Rc<Call>>>,
    /// Whether a frame below takes from `handed`.
    pub(crate) handing: Cell<bool>,
    pub(crate) blocking: crate::host::blocking::Blocking,
    /// Calls of which an operation had memory and let go, once for each; the worker takes them.
    pub(crate) late: RefCell<Vec<Rc<Call>>>,
    /// Lanes whose container has ended; each goes when its last task has.
    pub(crate) idle_lanes: RefCell<Vec<LaneId>>,
    /// The worker is gone and takes nothing any more.
    pub(crate) gone: Cell<bool>,
    /// Tasks that wait for calls to end (`flush`).
    pub(crate) flushers: RefCell<Vec<Waker>>,
}

/// What is configured.
#[derive(Clone, Debug)]
pub(crate) struct NodeLimits {
    pub(crate) spin_ns: u64,
    pub(crate) session_bytes_max: u64,
    pub(crate) node_bytes_max: u64,
}

/// What a timer is for.
#[derive(Debug)]
pub(crate) enum Alarm {
    /// Wake a task.
    Wake(Waker),
    /// A call's time is up.
    Deadline(crate::host::call::LiveKey),
    /// A cancelled call has had its grace.
    Grace(crate::host::call::LiveKey),
    /// A method that the node calls by itself is due.
    Period(crate::host::periodic::Beat),
    /// A connection did not say hello.
    Greeting(u64),
    /// Connections may be accepted again.
    Listen,
}

impl Core {
    /// Something has happened that is worth to be seen from outside.
    pub(crate) fn tell(&self, kind: Kind, subject: impl std::fmt::Display, why: Option<&Fault>) {
        self.shared.events.add(self.now().saturating_sub(self.started), kind, subject, why);
    }

    /// One more call; answers its place among those that this worker took.
    pub(crate) fn arrived(&self) -> u64 {
        self.arrivals.set(self.arrivals.get() + 1);
        self.arrivals.get()
    }

    /// One more call: a number that no other of this node has, and its place among those that this worker took.
    pub(crate) fn number(&self) -> (u64, u64) {
        let arrived = self.arrived();
        (arrived * self.shared.desks.len() as u64 + u64::from(self.worker.0), arrived)
    }

    /// A call has come that is expected to cost so much. One that is heavy is shown to the others at once: it may hold this worker
    /// before it says anything again.
    #[inline]
    pub(crate) fn take_due(&self, ns: u64) {
        self.due_ns.set(self.due_ns.get().saturating_add(ns));
        if ns > crate::limits::HEAVY_NS {
            self.show_due();
        }
    }

    /// It has gone.
    #[inline]
    pub(crate) fn give_due(&self, ns: u64) {
        self.due_ns.set(self.due_ns.get().saturating_sub(ns));
        if ns > crate::limits::HEAVY_NS {
            self.show_due();
        }
    }

    /// Shows the other workers what there is to do here.
    pub(crate) fn show_due(&self) {
        self.shared.desk(self.worker).due_ns.store(self.due_ns.get(), Ordering::Relaxed);
    }

    /// What a client knows this node by when it comes back.
    pub(crate) fn generation(&self) -> u64 {
        self.shared.generation(self.drawn)
    }

    /// Monotonic nanoseconds.
    pub(crate) fn now(&self) -> Nanos {
        (self.clock)()
    }

    /// The call in hand passes this boundary; when the node takes no stamps, nothing.
    #[inline]
    pub(crate) fn stamp(&self, stage: Stage) {
        if self.stages.on() {
            self.stages.mark(stage, self.now());
        }
    }

    /// 64 random bits, from a seed of the driver's.
    pub(crate) fn random(&self) -> u64 {
        let mut state = self.chance.get();
        let number = windlass_driver::splitmix(&mut state);
        self.chance.set(state);
        number
    }

    /// Wakes whoever waits for calls to end.
    pub(crate) fn wake_flushers(&self) {
        if self.flushers.borrow().is_empty() {
            return;
        }
        for waker in self.flushers.borrow_mut().drain(..) {
            waker.wake();
        }
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}", self.name)
    }
}

/// Private buffers kept between calls: fresh memory costs a page fault for every 4 KiB, warm memory none.
#[derive(Debug, Default)]
pub(crate) struct Warm {
    /// Each with room for `SMALL` bytes, for arguments.
    small: Vec<Vec<u8>>,
    large: Vec<Vec<u8>>,
    large_bytes: usize,
}

const SMALL: usize = 512;
const SMALL_MAX: usize = 1024;
const LARGE_MAX: usize = 64;

impl Warm {
    /// A buffer with room for `bytes`, empty; for lengths that have a small limit.
    pub(crate) fn take(&mut self, bytes: usize) -> Vec<u8> {
        if bytes <= SMALL {
            return self.small.pop().unwrap_or_else(|| Vec::with_capacity(SMALL));
        }
        self.try_take(bytes).unwrap_or_else(|| Vec::with_capacity(bytes))
    }

    /// A buffer with room for as many `bytes` as a peer chose, empty. `None` when there is no memory.
    pub(crate) fn try_take(&mut self, bytes: usize) -> Option<Vec<u8>> {
        if windlass_memory::hooks::fails() {
            return None;
        }
        if bytes <= SMALL
            && let Some(buffer) = self.small.pop()
        {
            return Some(buffer);
        }
        let fits = self.large.iter().enumerate().filter(|(_, buffer)| buffer.capacity() >= bytes);
        match fits.min_by_key(|(_, buffer)| buffer.capacity()).map(|(at, _)| at) {
            Some(at) => {
                let buffer = self.large.swap_remove(at);
                self.large_bytes -= buffer.capacity();
                Some(buffer)
            }
            None => {
                let mut fresh = Vec::new();
                fresh.try_reserve_exact(bytes.max(SMALL)).ok()?;
                Some(fresh)
            }
        }
    }

    /// Keeps a buffer, unless enough are kept.
    pub(crate) fn keep(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        match buffer.capacity() {
            0..SMALL => {}
            SMALL => {
                if self.small.len() < SMALL_MAX {
                    self.small.push(buffer);
                }
            }
            bytes => {
                if self.large.len() < LARGE_MAX && self.large_bytes + bytes <= crate::limits::WARM_BYTES_MAX {
                    self.large_bytes += bytes;
                    self.large.push(buffer);
                }
            }
        }
    }
}

/// Shared immutable descriptor bytes.
pub(crate) type Descriptor = Arc<[u8]>;
