//! By hand: a node whose workers are turned by its caller, under any driver.
//!
//! Lives here: `ByHand`, `Held` (what a node still has, for a look at the end).
//! From: a simulation, or a program that has a loop of its own. To: the same workers that `node` gives threads.
//! Holds: it differs from a running node in who calls `turn` and in nothing else; it can also vanish, as a process does
//! that is killed: then nothing of it speaks to a client any more.
//! Not here: time, chance and disks, which are the driver's.

use crate::core::Core;
use crate::limits::WORKERS_MAX;
use crate::node::{Making, NodeConfig, Seat, io, make_worker, tables, take_lock};
use crate::shared::Shared;
use crate::topology::Topology;
use crate::worker::{Next, Worker};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;
use windlass_contract::{Code, Fault};
use windlass_driver::Driver;
use windlass_driver::lock::NameLock;

/// A node that is turned by its caller. Dropping it ends it as a failed one ends: its clients are told.
pub struct ByHand {
    /// With their cores, the first worker first; `None` once it has ended.
    workers: Vec<Option<(Worker, Rc<Core>)>>,
    shared: Arc<Shared>,
    making: Option<Making>,
    /// Its other end is with the first worker, which would take its loss for an order.
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
    /// Calls that one worker runs for another.
    pub away: usize,
    /// Workers with letters that they have not read.
    pub letters: usize,
    /// Bytes of segments.
    pub segment_bytes: u64,
    /// Bytes of private copies of buffers.
    pub private_bytes: u64,
}

impl ByHand {
    /// A node that listens and begins to make its pools: turn its workers until it is ready. It has as many workers as there
    /// are drivers, whatever is configured; each is turned with its own.
    ///
    /// # Errors
    /// As `Node::start`, but for the pools; `BadConfig` without a driver.
    pub fn begin(config: &NodeConfig, drivers: &mut [&mut dyn Driver]) -> Result<Self, Fault> {
        if drivers.is_empty() || drivers.len() > WORKERS_MAX {
            let text = format!("{} drivers: a node has 1 to {WORKERS_MAX} workers", drivers.len());
            return Err(Fault::new(Code::BadConfig, text));
        }
        let lock = take_lock(config)?;
        let shared = Shared::new(&config.name, Topology::by_hand(config, drivers.len()), config.helpers, false);
        let (tables, (commands, received)) = (Arc::new(tables(config)?), channel());
        let (mut workers, mut received) = (Vec::new(), Some(received));
        for (worker, driver) in shared.workers().zip(drivers) {
            let seat = Seat { worker, shared: shared.clone(), tables: tables.clone() };
            workers.push(Some(make_worker(&seat, config, received.take(), *driver, None)?));
        }
        let first = workers.first().and_then(Option::as_ref);
        let making = first.map(|(_, core)| Making::begin(core, config)).transpose()?;
        Ok(Self { workers, shared, making, _commands: commands, _lock: lock })
    }

    /// How many workers it has.
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// One turn of its only worker, or of the first of several.
    ///
    /// # Errors
    /// The driver's; the node cannot go on.
    pub fn turn(&mut self, driver: &mut dyn Driver) -> Result<Next, Fault> {
        self.turn_worker(0, driver)
    }

    /// One turn of a worker, with its own driver. `Stopped` when the last one has ended; one that has ended before it does
    /// nothing.
    ///
    /// # Errors
    /// The driver's; the node cannot go on.
    pub fn turn_worker(&mut self, worker: usize, driver: &mut dyn Driver) -> Result<Next, Fault> {
        if let Some((turned, _)) = self.workers.get_mut(worker).and_then(Option::as_mut)
            && turned.turn(driver).map_err(io("the worker"))? == Next::Stopped
        {
            self.workers[worker] = None;
        }
        Ok(if self.workers.iter().all(Option::is_none) { Next::Stopped } else { Next::Again })
    }

    /// Whether a worker has letters of others to read: it is to be turned, although its driver may sleep.
    pub fn has_letters(&self, worker: usize) -> bool {
        let there = self.workers.get(worker).and_then(Option::as_ref);
        there.is_some_and(|(_, core)| core.mail.has_letters())
    }

    fn cores(&self) -> impl Iterator<Item = &Rc<Core>> {
        self.workers.iter().flatten().map(|(_, core)| core)
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
        self.shared.tcp.get().copied()
    }

    /// Asks it to stop, letting calls end for so long; a turn that answers `Stopped` was the last. The caller wakes the first
    /// worker's driver.
    pub fn stop(&self, deadline: Duration) {
        let ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        self.cores().take(1).for_each(|core| core.stop_asked.set(Some(ms)));
    }

    /// Ends as a killed process does: no client is told, nothing shared is written; what the system closes is closed.
    pub fn vanish(mut self) {
        for core in self.cores() {
            for session in core.sessions.borrow().all.values() {
                session.fall_silent();
            }
        }
        for (worker, _) in self.workers.iter_mut().flatten() {
            worker.abandon();
        }
    }

    /// What it has now.
    pub fn held(&self) -> Held {
        let mut held = Held {
            segment_bytes: self.shared.segment_bytes.load(Ordering::Relaxed),
            private_bytes: self.shared.private_bytes.load(Ordering::Relaxed),
            ..Held::default()
        };
        for core in self.cores() {
            let sessions = core.sessions.borrow();
            for facts in sessions.all.values().map(|session| session.facts()) {
                held.in_flight += u64::from(facts.in_flight);
                held.leases += u64::from(facts.leases);
            }
            held.sessions += sessions.all.len();
            held.live_calls += core.live.borrow().len();
            held.queued += core.lanes.lanes().iter().map(|lane| lane.queued).sum::<usize>();
            held.tasks += core.lanes.alive();
            held.timers += core.timers.borrow().count();
            held.operations += core.io.count();
            held.blocking += core.blocking.out();
            held.away += core.mail.away();
            held.letters += usize::from(core.mail.has_letters());
        }
        held
    }
}

impl std::fmt::Debug for ByHand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "by hand: {} workers", self.workers.len())
    }
}
