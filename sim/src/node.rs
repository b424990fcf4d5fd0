//! A node on the stage: the real workers, each under a simulated driver of its own.
//!
//! Lives here: `NodeActor` (it turns), `Node` (what workloads hold of it), `Made` (what it is made with).
//! Holds: which of a node's workers turns is drawn among those that are awake, and one may be held up for a while. A node
//! that is crashed leaves its machine's disk, or all that was not synced with it; begun again, it is a new
//! process in the same directory.

use crate::limits::{HELD_STEPS_MAX, HOLD_ONE_IN};
use crate::probe::Probe;
use crate::stage::{Actor, Stage, Turned};
use crate::tally::Table;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use windlass_admin::Admin;
use windlass_contract::abi::ModuleTable;
use windlass_driver::sim::{Dice, Machine, SimDriver};
use windlass_driver::{Driver, Nanos};
use windlass_runtime::{ByHand, Catalog, Held, Next, NodeConfig, Placement, PoolSpec};

/// What a node is made with.
#[derive(Clone, Copy)]
pub(crate) struct Made {
    pub(crate) workers: usize,
    /// Modules that it has beside `admin` and `probe`.
    pub(crate) modules: &'static [&'static ModuleTable],
    /// It listens for TCP connections.
    pub(crate) listens: bool,
    /// It keeps its pools and their states, and comes back with them.
    pub(crate) keeps: bool,
}

impl Default for Made {
    fn default() -> Self {
        Self { workers: 1, modules: &[], listens: false, keeps: false }
    }
}

/// The node's process.
pub(crate) struct NodeActor {
    /// One of each worker.
    drivers: Vec<SimDriver>,
    node: Option<ByHand>,
    state: Rc<State>,
    dice: Dice,
    /// A worker that does not turn for so many steps, as if a piece of work held it.
    held: Option<(usize, u64)>,
}

#[derive(Default)]
struct State {
    /// Where it listens for TCP connections.
    tcp: Cell<Option<SocketAddr>>,
    ready: Cell<bool>,
    stopped: Cell<bool>,
    /// It was asked to.
    asked: Cell<bool>,
    /// Why it is not there.
    failed: RefCell<Option<String>>,
}

/// A node, as workloads see it.
#[derive(Clone)]
pub(crate) struct Node {
    stage: Stage,
    at: usize,
    machine: Machine,
    made: Made,
    directory: PathBuf,
    catalog: Option<Arc<Table>>,
    state: Rc<State>,
}

/// Containers of the pool `shards`, which a node of several workers has.
pub(crate) const SHARDS: u32 = 5;

fn config(directory: PathBuf, made: Made) -> NodeConfig {
    let mut config = NodeConfig::new("sim", Admin::TABLE);
    config.directory = directory;
    config.modules.push(Probe::TABLE);
    config.modules.extend(made.modules);
    // Its home is none of the clients' when there are several workers: the last.
    let placement = Placement::Pinned(made.workers as u16 - 1);
    config.pools.push(PoolSpec { placement, ..PoolSpec::new("probe", "probe") });
    if made.workers > 1 {
        config.pools.push(PoolSpec { containers: SHARDS, ..PoolSpec::new("shards", "probe") });
    }
    config.tcp = made.listens.then(|| SocketAddr::from(([127, 0, 0, 1], 0)));
    // Looking on pays on another processor; here there is one.
    config.spin_ns = 0;
    config.session_bytes_max = 16 << 20;
    config.node_bytes_max = 64 << 20;
    config
}

impl NodeActor {
    pub(crate) fn new(stage: &Stage, machine: Machine, made: Made) -> Result<(Node, NodeActor), String> {
        let directory = stage.directory().join(format!("node-{}", machine.0));
        let state = Rc::new(State::default());
        let catalog = made.keeps.then(Arc::default);
        let node = Node { stage: stage.clone(), at: usize::MAX, machine, made, directory, catalog, state };
        let actor = node.begin()?;
        Ok((node, actor))
    }

    /// The workers that are awake. A letter wakes a worker, as the bell of a thread does.
    fn awake(&mut self) -> Result<Vec<usize>, String> {
        let mut awake = Vec::new();
        for (at, driver) in self.drivers.iter_mut().enumerate() {
            if self.node.as_ref().is_some_and(|node| node.has_letters(at)) {
                driver.ring();
            }
            if driver.is_awake().map_err(|error| error.to_string())? {
                awake.push(at);
            }
        }
        Ok(awake)
    }

    pub(crate) fn is_awake(&mut self) -> Result<bool, String> {
        Ok(!self.awake()?.is_empty())
    }

    pub(crate) fn wakes_at(&self) -> Option<Nanos> {
        self.drivers.iter().filter_map(SimDriver::sleeps_until).min()
    }

    /// The worker that turns; nobody while the one that was drawn is held up.
    fn choose(&mut self) -> Result<Option<usize>, String> {
        let awake = self.awake()?;
        if awake.is_empty() || self.drivers.len() == 1 {
            return Ok(awake.first().copied());
        }
        let chosen = awake[self.dice.place(awake.len())];
        if self.held.is_none() && self.dice.below(HOLD_ONE_IN) == 0 {
            self.held = Some((chosen, self.dice.below(HELD_STEPS_MAX)));
        }
        match self.held {
            Some((held, steps)) if held == chosen => {
                self.held = steps.checked_sub(1).map(|steps| (held, steps));
                Ok(None)
            }
            _ => Ok(Some(chosen)),
        }
    }

    pub(crate) fn turn(&mut self) -> Result<Turned, String> {
        let chosen = self.choose()?;
        let Some(node) = &mut self.node else { return Ok(Turned::Over) };
        let Some(chosen) = chosen else { return Ok(Turned::Goes) };
        let next = node.turn_worker(chosen, &mut self.drivers[chosen]).map_err(|fault| fault.to_string())?;
        match node.is_ready() {
            Ok(ready) => {
                self.state.ready.set(ready);
                self.state.tcp.set(node.tcp());
            }
            // Its pools were being made when it was asked to stop: they are not, and it ends.
            Err(_) if self.state.asked.get() => {
                self.state.stopped.set(true);
                return Ok(Turned::Over);
            }
            Err(fault) => {
                *self.state.failed.borrow_mut() = Some(fault.to_string());
                return Ok(Turned::Over);
            }
        }
        if next == Next::Stopped {
            self.state.stopped.set(true);
            return Ok(Turned::Over);
        }
        Ok(Turned::Goes)
    }
}

impl Node {
    /// Its process begins.
    fn begin(&self) -> Result<NodeActor, String> {
        let world = self.stage.world();
        let driver = |_| SimDriver::stepped(world, self.machine).map_err(|error| error.to_string());
        let mut drivers = (0..self.made.workers).map(driver).collect::<Result<Vec<_>, String>>()?;
        let mut lent: Vec<&mut dyn Driver> = drivers.iter_mut().map(|driver| driver as &mut dyn Driver).collect();
        let mut config = config(self.directory.clone(), self.made);
        config.catalog = self.catalog.clone().map(|catalog| catalog as Arc<dyn Catalog>);
        let node = ByHand::begin(&config, &mut lent).map_err(|fault| fault.to_string())?;
        let dice = self.stage.dice("workers of a node");
        Ok(NodeActor { drivers, node: Some(node), state: self.state.clone(), dice, held: None })
    }

    pub(crate) fn at(self, at: usize) -> Self {
        Self { at, ..self }
    }

    pub(crate) fn directory(&self) -> String {
        self.directory.display().to_string()
    }

    /// Where it listens.
    pub(crate) fn tcp(&self) -> Option<SocketAddr> {
        self.state.tcp.get()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.state.ready.get()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.state.stopped.get()
    }

    /// Why it could not begin.
    pub(crate) fn failed(&self) -> Option<String> {
        self.state.failed.borrow().clone()
    }

    fn with<R>(&self, look: impl FnOnce(&mut NodeActor) -> R) -> Option<R> {
        let mut actor = self.stage.take(self.at)?;
        let seen = match &mut actor {
            Actor::Node(node) => Some(look(node)),
            Actor::Person(_) | Actor::Tasks(_) => None,
        };
        self.stage.put(self.at, actor);
        seen
    }

    /// What it has now; `None` if it is not there.
    pub(crate) fn held(&self) -> Option<Held> {
        self.with(|node| node.node.as_ref().map(ByHand::held)).flatten()
    }

    /// Asks it to stop, letting calls end for so long.
    pub(crate) fn stop(&self, deadline: Duration) {
        self.state.asked.set(true);
        self.with(|node| {
            if let Some(by_hand) = &node.node {
                by_hand.stop(deadline);
                node.drivers.iter().take(1).for_each(SimDriver::ring);
            }
        });
    }

    /// Its process is killed, or its machine's power is cut; `false` if it is not there.
    pub(crate) fn crash(&self, power: bool) -> bool {
        let Some(Actor::Node(mut actor)) = self.stage.take(self.at) else { return false };
        self.stage.world().note("crash", self.at as u64, power.into());
        self.state.ready.set(false);
        if power {
            self.stage.world().power_cut(self.machine);
        }
        if let Some(node) = actor.node.take() {
            node.vanish();
        }
        true
    }

    /// Begins it again after it is gone.
    pub(crate) fn restart(&self) -> Result<(), String> {
        self.state.stopped.set(false);
        self.state.asked.set(false);
        let actor = self.begin()?;
        self.stage.put(self.at, Actor::Node(Box::new(actor)));
        Ok(())
    }
}
