//! Shared: what the workers of one node have in common. All of it is counted or locked; nothing else is.
//!
//! Lives here: `Shared`, `Desk` (what a worker shows to the others: its mailbox, its sessions, its load), `WorkerId`.
//! From: `node` and `by_hand`, which make one for all workers. To: every `Core`.
//! Holds: workers meet here and in mailboxes and nowhere else; a figure here is a hint to whoever places something, but for
//! the bytes of memory, which are a limit.

use crate::events::Events;
use crate::limits::WORKERS_MAX;
use crate::mail::{Letter, Mailbox};
use crate::symbols::SymbolTable;
use crate::team::Team;
use crate::topology::Topology;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use windlass_lane::Pulse;

/// A worker of a node, by its place: 0 has the listener, `admin` and the catalog of pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WorkerId(pub(crate) u16);

impl WorkerId {
    /// The worker that has the listener, `admin` and the catalog of pools.
    pub(crate) const FIRST: Self = Self(0);

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a worker shows to the others.
#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) mailbox: Mailbox,
    /// Sessions that it has, or that are on their way to it.
    pub(crate) sessions: AtomicU32,
    /// Containers whose home it is.
    pub(crate) containers: AtomicU32,
    /// Calls that wait or live there, as it last said.
    pub(crate) load: AtomicU32,
    /// What they are expected to cost, nanoseconds, as it last said.
    pub(crate) due_ns: AtomicU64,
    /// Somebody outside wants its tasks in the log.
    pub(crate) dump_asked: AtomicBool,
    /// What a watchdog sees of it, if there is one.
    pub(crate) pulse: Option<Arc<Pulse>>,
}

impl Desk {
    /// Whether one piece of work holds it for too long: what can be placed elsewhere should be.
    pub(crate) fn is_stalled(&self) -> bool {
        self.pulse.as_ref().is_some_and(|pulse| pulse.is_stalled())
    }
}

/// What the workers of one node have in common.
pub(crate) struct Shared {
    pub(crate) desks: Box<[Desk]>,
    /// Where they are.
    pub(crate) topology: Topology,
    /// Told to each client, which knows a node that came back by it.
    generation: OnceLock<u64>,
    /// Named values that live between calls; made with the first worker.
    symbols: OnceLock<Arc<SymbolTable>>,
    /// Threads that help with large pieces of work.
    pub(crate) team: Team,
    /// Where the node listens for TCP connections, once it does.
    pub(crate) tcp: OnceLock<SocketAddr>,
    /// What has happened.
    pub(crate) events: Events,
    /// Bytes of segments of all sessions.
    pub(crate) segment_bytes: AtomicU64,
    /// Bytes of private copies of buffers of all sessions.
    pub(crate) private_bytes: AtomicU64,
}

impl Shared {
    /// Of these workers, at least one and at most `WORKERS_MAX`; with pulses if a watchdog is to look at them.
    pub(crate) fn new(name: &str, topology: Topology, helpers: usize, watched: bool) -> Arc<Self> {
        let desk = |at: usize| {
            let pulse = watched.then(|| Arc::new(Pulse::new(format!("{name}-{at}"))));
            Desk { pulse, ..Desk::default() }
        };
        let shared = Arc::new(Self {
            desks: (0..topology.workers().clamp(1, WORKERS_MAX)).map(desk).collect(),
            topology,
            generation: OnceLock::new(),
            symbols: OnceLock::new(),
            team: Team::new(helpers),
            tcp: OnceLock::new(),
            events: Events::default(),
            segment_bytes: AtomicU64::new(0),
            private_bytes: AtomicU64::new(0),
        });
        // The first worker gives to others what waits for one that is held; nobody gives what waits for the first.
        for (at, desk) in shared.desks.iter().enumerate().skip(1) {
            let (worker, weak) = (WorkerId(at as u16), Arc::downgrade(&shared));
            if let Some(pulse) = &desk.pulse {
                pulse.when_stalled(move || {
                    if let Some(shared) = weak.upgrade() {
                        shared.desk(WorkerId::FIRST).mailbox.post(&mut vec![Letter::Stalled(worker)]);
                    }
                });
            }
        }
        shared
    }

    pub(crate) fn desk(&self, worker: WorkerId) -> &Desk {
        &self.desks[worker.index()]
    }

    /// All workers.
    pub(crate) fn workers(&self) -> impl Iterator<Item = WorkerId> + use<> {
        (0..self.desks.len() as u16).map(WorkerId)
    }

    /// Whether there is no other worker.
    pub(crate) fn is_alone(&self) -> bool {
        self.desks.len() == 1
    }

    /// The node's generation; the first number that a worker brings is it.
    pub(crate) fn generation(&self, drawn: u64) -> u64 {
        *self.generation.get_or_init(|| drawn)
    }

    /// The node's symbols; whichever worker comes first makes them.
    pub(crate) fn symbols(&self, make: impl FnOnce() -> Arc<SymbolTable>) -> Arc<SymbolTable> {
        self.symbols.get_or_init(make).clone()
    }

    /// The worker that should get a new session: that with the fewest, of those that are not stalled if there are any.
    pub(crate) fn for_session(&self) -> WorkerId {
        let fewest = self.workers().min_by_key(|worker| {
            let desk = self.desk(*worker);
            (desk.is_stalled(), desk.sessions.load(Ordering::Relaxed))
        });
        fewest.unwrap_or(WorkerId::FIRST)
    }

    /// Sessions of all workers.
    pub(crate) fn sessions(&self) -> usize {
        self.desks.iter().map(|desk| desk.sessions.load(Ordering::Relaxed) as usize).sum()
    }

    /// Tells every worker but `from` that this one has failed: the node cannot go on.
    pub(crate) fn fail(&self, from: WorkerId) {
        for worker in self.workers().filter(|worker| *worker != from) {
            self.desk(worker).mailbox.post(&mut vec![Letter::Failed(from)]);
        }
    }

    /// Takes bytes of memory off the node's limit; `false` when they would pass it, and nothing is taken.
    pub(crate) fn take_bytes(&self, of: &AtomicU64, bytes: u64, max: u64) -> bool {
        // Counted before it is compared, so that two workers cannot both have the last bytes.
        of.fetch_add(bytes, Ordering::Relaxed);
        let fits = self.bytes_taken() <= max;
        if !fits {
            of.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    }

    /// Bytes of memory that count for the node's limit.
    pub(crate) fn bytes_taken(&self) -> u64 {
        let (segments, private) = (&self.segment_bytes, &self.private_bytes);
        segments.load(Ordering::Relaxed).saturating_add(private.load(Ordering::Relaxed))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} workers", self.desks.len())
    }
}
