//! By hand: a node whose worker is turned by its caller, under any driver.
//!
//! Lives here: `ByHand`, `Held` (what a node still has, for a look at the end).
//! From: a simulation, or a program that has a loop of its own. To: the same worker that `node` gives a thread.
//! Holds: it differs from a running node in who calls `turn` and in nothing else; it can also vanish, as a process does
//! that is killed: then nothing of it speaks to a client any more.
//! Not here: time, chance and disks, which are the driver's.

use crate::core::Core;
use crate::node::{Making, NodeConfig, io, make_worker, take_lock};
use crate::worker::{Next, Worker};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use windlass_contract::Fault;
use windlass_driver::Driver;
use windlass_driver::lock::NameLock;

/// A node that is turned by its caller. Dropping it ends it as a failed one ends: its clients are told.
pub struct ByHand {
    worker: Worker,
    core: Rc<Core>,
    tcp: Arc<OnceLock<SocketAddr>>,
    making: Option<Making>,
    /// Its other end is with the worker, which would take its loss for an order.
    _commands: Sender<Duration>,
    _lock: NameLock,
}

/// What a node has at one moment. After the last call and the last session, all but the bytes of warm memory is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Sessions.
    pub sessions: usize,
    /// Calls of sessions that were taken and not answered.
    pub in_flight: u64,
    /// Leases that sessions hold.
    pub leases: u64,
    /// Calls that live: they wait for a key, or are tasks.
    pub live_calls: usize,
    /// What stands in the queues of lanes: calls that have not begun, and tasks that can go on.
    pub queued: usize,
    /// Tasks.
    pub tasks: usize,
    /// Timers.
    pub timers: usize,
    /// Operations that tasks wait for.
    pub operations: usize,
    /// Calls on threads of the blocking pool.
    pub blocking: usize,
    /// Bytes of segments.
    pub segment_bytes: u64,
    /// Bytes of private copies of buffers.
    pub private_bytes: u64,
}

impl ByHand {
    /// A node that listens and begins to make its pools: turn it until it is ready.
    ///
    /// # Errors
    /// As `Node::start`, but for the pools.
    pub fn begin(config: &NodeConfig, driver: &mut dyn Driver) -> Result<Self, Fault> {
        let lock = take_lock(config)?;
        let (commands, received) = channel();
        let (worker, core) = make_worker(config, received, driver, None)?;
        let making = Some(Making::begin(&core, config)?);
        let tcp = config.shared.tcp.clone();
        Ok(Self { worker, core, tcp, making, _commands: commands, _lock: lock })
    }

    /// One turn.
    ///
    /// # Errors
    /// The driver's; the node cannot go on.
    pub fn turn(&mut self, driver: &mut dyn Driver) -> Result<Next, Fault> {
        self.worker.turn(driver).map_err(io("the worker"))
    }

    /// Whether its pools stand; `false` until then, and an error for ever if one cannot be made.
    ///
    /// # Errors
    /// Why a pool cannot be made, told once.
    pub fn is_ready(&mut self) -> Result<bool, Fault> {
        match self.making.as_ref().map(Making::made) {
            None => Ok(true),
            Some(None) => Ok(false),
            Some(Some(made)) => {
                self.making = None;
                made.map(|()| true)
            }
        }
    }

    /// Where it listens for TCP connections, once it does.
    pub fn tcp(&self) -> Option<SocketAddr> {
        self.tcp.get().copied()
    }

    /// Asks it to stop, letting calls end for so long; a turn that answers `Stopped` was the last. The caller wakes the driver.
    pub fn stop(&self, deadline: Duration) {
        let ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        self.core.stop_asked.set(Some(ms));
    }

    /// Ends as a killed process does: no client is told, nothing shared is written; what the system closes is closed.
    pub fn vanish(self) {
        for session in self.core.sessions.borrow().all.values() {
            session.fall_silent();
        }
        self.worker.abandon();
    }

    /// What it has now.
    pub fn held(&self) -> Held {
        let core = &self.core;
        let sessions = core.sessions.borrow();
        let facts = sessions.all.values().map(|session| session.facts());
        let (in_flight, leases) = facts.fold((0, 0), |(in_flight, leases), facts| {
            (in_flight + u64::from(facts.in_flight), leases + u64::from(facts.leases))
        });
        Held {
            sessions: sessions.all.len(),
            in_flight,
            leases,
            live_calls: core.live.borrow().len(),
            queued: core.lanes.lanes().iter().map(|lane| lane.queued).sum(),
            tasks: core.lanes.alive(),
            timers: core.timers.borrow().count(),
            operations: core.io.count(),
            blocking: core.blocking.out(),
            segment_bytes: core.counters.segment_bytes.get(),
            private_bytes: core.private_bytes.get(),
        }
    }
}

impl std::fmt::Debug for ByHand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "by hand: {:?}", self.worker)
    }
}
