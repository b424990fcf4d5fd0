//! A node on the stage: the real worker under a simulated driver.
//!
//! Lives here: `NodeActor` (it turns), `Node` (what workloads hold of it).
//! Holds: a node that is crashed leaves its machine's disk, or all that was not synced with it; begun again, it is a new
//! process in the same directory.

use crate::probe::Probe;
use crate::stage::{Actor, Stage, Turned};
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;
use windlass_admin::Admin;
use windlass_driver::Nanos;
use windlass_driver::sim::{Machine, SimDriver, SimWorld};
use windlass_runtime::{ByHand, Held, Next, NodeConfig, PoolSpec};

/// The node's process.
pub(crate) struct NodeActor {
    driver: SimDriver,
    node: Option<ByHand>,
    state: Rc<State>,
}

#[derive(Default)]
struct State {
    /// Whether it listens for TCP connections, and where.
    listens: bool,
    tcp: Cell<Option<SocketAddr>>,
    ready: Cell<bool>,
    stopped: Cell<bool>,
    /// Why it is not there.
    failed: RefCell<Option<String>>,
}

/// A node, as workloads see it.
#[derive(Clone)]
pub(crate) struct Node {
    stage: Stage,
    at: usize,
    machine: Machine,
    directory: PathBuf,
    state: Rc<State>,
}

fn config(directory: PathBuf, listens: bool) -> NodeConfig {
    let mut config = NodeConfig::new("sim", Admin::TABLE);
    config.directory = directory;
    config.modules.push(Probe::TABLE);
    config.pools.push(PoolSpec { name: "probe".into(), module: "probe".into(), parameters: Vec::new() });
    config.tcp = listens.then(|| SocketAddr::from(([127, 0, 0, 1], 0)));
    // Looking on pays on another processor; here there is one.
    config.spin_ns = 0;
    config.session_bytes_max = 16 << 20;
    config.node_bytes_max = 64 << 20;
    config
}

impl NodeActor {
    pub(crate) fn new(stage: &Stage, machine: Machine, listens: bool) -> Result<(Node, NodeActor), String> {
        let directory = stage.directory().join(format!("node-{}", machine.0));
        let state = Rc::new(State { listens, ..State::default() });
        let actor = Self::begin(stage.world(), machine, &directory, state.clone())?;
        Ok((Node { stage: stage.clone(), at: usize::MAX, machine, directory, state }, actor))
    }

    fn begin(world: &SimWorld, machine: Machine, directory: &Path, state: Rc<State>) -> Result<Self, String> {
        let mut driver = SimDriver::stepped(world, machine).map_err(|error| error.to_string())?;
        // A socket address is shared by what is made from a configuration, so each process has its own.
        let config = config(directory.to_owned(), state.listens);
        let node = ByHand::begin(&config, &mut driver).map_err(|fault| fault.to_string())?;
        Ok(Self { driver, node: Some(node), state })
    }

    pub(crate) fn is_awake(&mut self) -> Result<bool, String> {
        self.driver.is_awake().map_err(|error| error.to_string())
    }

    pub(crate) fn wakes_at(&self) -> Option<Nanos> {
        self.driver.sleeps_until()
    }

    pub(crate) fn turn(&mut self) -> Result<Turned, String> {
        let Some(node) = &mut self.node else { return Ok(Turned::Over) };
        let next = node.turn(&mut self.driver).map_err(|fault| fault.to_string())?;
        match node.is_ready() {
            Ok(ready) => {
                self.state.ready.set(ready);
                self.state.tcp.set(node.tcp());
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
        self.with(|node| {
            if let Some(by_hand) = &node.node {
                by_hand.stop(deadline);
                node.driver.ring();
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
        let actor = NodeActor::begin(self.stage.world(), self.machine, &self.directory, self.state.clone())?;
        self.stage.put(self.at, Actor::Node(Box::new(actor)));
        Ok(())
    }
}
