//! A node: its name, its lock, its socket, its worker's thread.
//!
//! Lives here: `NodeConfig`, `Node` (a running one), `PoolSpec`.
//! Holds: a name has one node; a node that is ready has all its configured pools; a stopped one leaves no file behind but its
//! lock's.

use crate::admin;
use crate::core::{Core, NodeLimits, Warm};
use crate::host::library::Table;
use crate::limits::{SESSION_BYTES_MAX, SPIN_NS};
use crate::place::{Module, Places};
use crate::session::Sessions;
use crate::worker::{Next, Worker};
use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use windlass_contract::abi::ModuleTable;
use windlass_contract::{Code, Fault, node_dir};
use windlass_driver::lock::{LockError, NameLock};
use windlass_driver::real::{RealDriver, Remote};
use windlass_driver::socket::Listener;
use windlass_driver::{Driver, threads};
use windlass_lane::{Bell, Lanes, Pulse, TaskOptions, Timers, Watchdog};

/// A pool to be made before the node is ready.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolSpec {
    /// Its name.
    pub name: String,
    /// Its module.
    pub module: String,
    /// Its create parameters, by name, as text (`contract::schema::parse_text`).
    pub parameters: Vec<(String, String)>,
}

/// What a node is to be.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Its name.
    pub name: String,
    /// Its directory: socket and lock. See `contract::node_dir::of`.
    pub directory: PathBuf,
    /// The module that becomes pool 0.
    pub admin: &'static ModuleTable,
    /// Linked-in modules.
    pub modules: Vec<&'static ModuleTable>,
    /// Module libraries to open.
    pub libraries: Vec<PathBuf>,
    /// Pools to make.
    pub pools: Vec<PoolSpec>,
    /// Processors for the worker; empty = any.
    pub processors: Vec<usize>,
    /// How long the worker looks on before it sleeps, nanoseconds, while looking pays; 0 = never.
    pub spin_ns: u64,
    /// Bytes of shared memory per session.
    pub session_bytes_max: u64,
    /// Bytes of shared memory of all sessions.
    pub node_bytes_max: u64,
    /// Bytes of symbols per session; of all sessions they count against `node_bytes_max`.
    pub symbol_bytes_max: u64,
    /// How long one piece of work may hold the worker before a watchdog names it in the log, milliseconds; 0 = no watchdog.
    pub stall_ms: u64,
    /// Take stamps when calls pass from room to room (`admin.stages`). Costs about a clock reading at each of six boundaries.
    pub stages: bool,
    /// What the node's owner and its worker share, made new by `Node::start`.
    pub(crate) shared: Shared,
}

/// What a node's owner and its worker share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared {
    /// The owner wants the tasks in the log.
    pub(crate) dump_asked: Arc<AtomicBool>,
    /// What a watchdog sees of the worker, if there is one.
    pub(crate) pulse: Option<Arc<Pulse>>,
}

impl NodeConfig {
    /// A node of this name, in its usual place, with this `admin` and nothing else.
    pub fn new(name: &str, admin: &'static ModuleTable) -> Self {
        Self {
            name: name.to_owned(),
            directory: node_dir::of(name, windlass_driver::socket::user()),
            admin,
            modules: Vec::new(),
            libraries: Vec::new(),
            pools: Vec::new(),
            processors: Vec::new(),
            spin_ns: SPIN_NS,
            session_bytes_max: SESSION_BYTES_MAX,
            node_bytes_max: threads::memory_bytes() / 10 * 7,
            symbol_bytes_max: threads::memory_bytes() / 10 * 7,
            stall_ms: 0,
            stages: false,
            shared: Shared::default(),
        }
    }
}

/// How a node ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeEnd {
    /// It was asked to stop and did.
    Stopped,
    /// It could not go on.
    Failed(Fault),
}

/// A running node. Dropping it stops it at once.
#[derive(Debug)]
pub struct Node {
    directory: PathBuf,
    commands: Sender<Duration>,
    remote: Remote,
    thread: Option<JoinHandle<NodeEnd>>,
    dump_asked: Arc<AtomicBool>,
    _watchdog: Option<Watchdog>,
}

impl Node {
    /// Starts a node and waits until it is ready: it listens and has its pools.
    ///
    /// # Errors
    /// `NodeRunning` names the process that has the name; otherwise what could not be had or made.
    pub fn start(mut config: NodeConfig) -> Result<Self, Fault> {
        if !node_dir::is_name(&config.name) {
            let text = format!("{:?} cannot name a node: 1 to 64 of letters, digits, _, - and .", config.name);
            return Err(Fault::new(Code::BadConfig, text));
        }
        config.shared = Shared::default();
        let mut watchdog = None;
        if config.stall_ms > 0 {
            let pulse = Arc::new(Pulse::new(format!("{}-0", config.name)));
            config.shared.pulse = Some(pulse.clone());
            watchdog =
                Some(Watchdog::start(config.stall_ms, vec![pulse]).map_err(io("a thread for the watchdog"))?);
        }
        let dump_asked = config.shared.dump_asked.clone();
        let directory = config.directory.clone();
        let (commands, received) = channel();
        let (ready_in, ready_out) = channel();
        let thread =
            threads::start("windlass-0", move || serve(config, received, &ready_in)).map_err(io("a thread"))?;
        match ready_out.recv() {
            Ok(Ok(remote)) => {
                let thread = Some(thread);
                Ok(Self { directory, commands, remote, thread, dump_asked, _watchdog: watchdog })
            }
            Ok(Err(fault)) => Err(fault),
            Err(_) => Err(Fault::new(Code::Internal, "the node's thread ended before it was ready")),
        }
    }

    /// The node's directory; a client connects to it or to the node's name.
    pub fn directory(&self) -> &std::path::Path {
        &self.directory
    }

    /// Asks the node to stop, letting calls end for so long. Returns at once; `wait` tells when it has.
    pub fn stop(&self, deadline: Duration) {
        // A node that has ended has nobody to tell.
        let _may_have_ended = self.commands.send(deadline);
        self.remote.ring();
    }

    /// A handle that can stop the node from a signal handler's thread.
    pub fn stopper(&self) -> impl Fn(Duration) + Send + use<> {
        let (commands, remote) = (self.commands.clone(), self.remote.clone());
        move |deadline| {
            let _may_have_ended = commands.send(deadline);
            remote.ring();
        }
    }

    /// A handle that has the tasks that live written to the log, for a signal handler's thread.
    pub fn dumper(&self) -> impl Fn() + Send + use<> {
        let (asked, remote) = (self.dump_asked.clone(), self.remote.clone());
        move || {
            asked.store(true, Ordering::Relaxed);
            remote.ring();
        }
    }

    /// Waits until the node has ended.
    pub fn wait(mut self) -> NodeEnd {
        self.join()
    }

    fn join(&mut self) -> NodeEnd {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(end)) => end,
            Some(Err(_)) => NodeEnd::Failed(Fault::new(Code::Internal, "the node's thread panicked")),
            None => NodeEnd::Stopped,
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.stop(Duration::ZERO);
            self.join();
        }
    }
}

pub(crate) fn io(what: &'static str) -> impl Fn(std::io::Error) -> Fault {
    move |error| Fault::new(Code::Io, format!("{what}: {error}"))
}

type Told = Sender<Result<Remote, Fault>>;

fn serve(config: NodeConfig, commands: Receiver<Duration>, ready: &Told) -> NodeEnd {
    match begin(config, commands) {
        Ok((mut worker, mut driver, _lock)) => {
            // Whoever waited for this may have given up; the node is told to stop then.
            let _nobody_waits = ready.send(Ok(driver.remote()));
            loop {
                match worker.turn(&mut driver) {
                    Ok(Next::Again) => {}
                    Ok(Next::Stopped) => return NodeEnd::Stopped,
                    Err(error) => {
                        tracing::error!(%error, "the worker cannot go on");
                        return NodeEnd::Failed(io("the worker")(error));
                    }
                }
            }
        }
        Err(fault) => {
            let _nobody_waits = ready.send(Err(fault.clone()));
            NodeEnd::Failed(fault)
        }
    }
}

fn begin(config: NodeConfig, commands: Receiver<Duration>) -> Result<(Worker, RealDriver, NameLock), Fault> {
    if !config.processors.is_empty() {
        threads::pin(&config.processors).map_err(io("binding the worker to its processors"))?;
    }
    let lock = take_lock(&config)?;
    let mut driver = RealDriver::new().map_err(io("the worker's driver"))?;
    tracing::info!("operations by {}", driver.backend().name());
    let remote = driver.remote();
    let (mut worker, core) = make_worker(&config, commands, &mut driver, Some(remote))?;
    let making = Making::begin(&core, &config)?;
    loop {
        if let Some(made) = making.made() {
            return made.map(|()| (worker, driver, lock));
        }
        if worker.turn(&mut driver).map_err(io("the worker"))? == Next::Stopped {
            return Err(Fault::new(Code::Draining, "the node was stopped before it was ready"));
        }
    }
}

/// The right to the node's name.
pub(crate) fn take_lock(config: &NodeConfig) -> Result<NameLock, Fault> {
    NameLock::take(&config.directory).map_err(|error| match error {
        LockError::Held { pid } => {
            let text =
                format!("node {} runs already as process {pid}; stop it, or choose another --name", config.name);
            Fault::new(Code::NodeRunning, text)
        }
        LockError::Io(error) => io("the node's directory")(error),
    })
}

/// A worker that listens in the configured directory, without pools.
pub(crate) fn make_worker(
    config: &NodeConfig,
    commands: Receiver<Duration>,
    driver: &mut dyn Driver,
    remote: Option<Remote>,
) -> Result<(Worker, Rc<Core>), Fault> {
    let core = make_core(config, driver, remote)?;
    let socket = config.directory.join(node_dir::SOCKET);
    let listener = Listener::bind(&socket)
        .map_err(|error| Fault::new(Code::Io, format!("the socket {}: {error}", socket.display())))?;
    let worker = Worker::new(core.clone(), listener, commands, driver).map_err(io("the worker"))?;
    Ok((worker, core))
}

fn make_core(config: &NodeConfig, driver: &mut dyn Driver, remote: Option<Remote>) -> Result<Rc<Core>, Fault> {
    let mut places = Places::default();
    for table in std::iter::once(&config.admin).chain(&config.modules) {
        places.add_module(Module::new(Table::linked(table)?, "linked".into())?)?;
    }
    for path in &config.libraries {
        places.add_module(Module::new(Table::open(path)?, path.display().to_string())?)?;
    }
    let bell = remote.map(|remote| -> Bell { Arc::new(move || remote.ring()) });
    Ok(Rc::new(Core {
        name: config.name.clone(),
        generation: driver.chance(),
        limits: NodeLimits {
            spin_ns: config.spin_ns,
            session_bytes_max: config.session_bytes_max,
            node_bytes_max: config.node_bytes_max,
        },
        clock: driver.clock(),
        started: driver.now(),
        read_at: Cell::new(0),
        lanes: Lanes::new(bell.clone()).watched_by(config.shared.pulse.clone()),
        timers: RefCell::new(Timers::default()),
        io: windlass_lane::io::Io::default(),
        sessions: RefCell::new(Sessions::default()),
        places: RefCell::new(places),
        live: RefCell::default(),
        warm: RefCell::new(Warm::default()),
        symbols: crate::symbols::SymbolTable::new(driver.chance(), config.symbol_bytes_max, config.node_bytes_max),
        counters: crate::stats::Counters::default(),
        stages: crate::stages::Stages::new(config.stages),
        next_call: Cell::new(0),
        chance: Cell::new(driver.chance()),
        draining: Cell::new(false),
        dump_asked: config.shared.dump_asked.clone(),
        stall_told: Cell::new(false),
        stop_asked: Cell::new(None),
        over: Cell::new(false),
        private_bytes: Rc::default(),
        handed: RefCell::default(),
        handing: Cell::new(false),
        blocking: crate::host::blocking::Blocking::new(bell),
        late: RefCell::default(),
        idle_lanes: RefCell::default(),
        gone: Cell::new(false),
        flushers: RefCell::default(),
    }))
}

/// The pools of a node that begins: they stand, or why not, after some turns of its worker.
pub(crate) struct Making(Rc<RefCell<Option<Result<(), Fault>>>>);

impl Making {
    /// Begins to make `admin` and the configured pools.
    pub(crate) fn begin(core: &Rc<Core>, config: &NodeConfig) -> Result<Self, Fault> {
        let admin_name = windlass_contract::admin::MODULE.to_owned();
        let admin = PoolSpec { name: admin_name.clone(), module: admin_name, parameters: Vec::new() };
        let specs: Vec<PoolSpec> = std::iter::once(admin).chain(config.pools.iter().cloned()).collect();
        let result = Rc::new(RefCell::new(None));
        let (told, inner) = (result.clone(), core.clone());
        let future = async move {
            let made = make_all(&inner, &specs).await;
            *told.borrow_mut() = Some(made);
        };
        core.lanes
            .spawn(TaskOptions::new("making the pools"), future)
            .map_err(|error| Fault::new(Code::NoMemory, format!("no task for the pools: {error}")))?
            .detach();
        Ok(Self(result))
    }

    /// How it went, once it is over; told once.
    pub(crate) fn made(&self) -> Option<Result<(), Fault>> {
        self.0.borrow_mut().take()
    }
}

async fn make_all(core: &Rc<Core>, specs: &[PoolSpec]) -> Result<(), Fault> {
    for spec in specs {
        let encoded = encode_parameters(core, spec)?;
        admin::create_pool(core, &spec.name, &spec.module, encoded).await?;
    }
    Ok(())
}

fn encode_parameters(core: &Rc<Core>, spec: &PoolSpec) -> Result<Vec<u8>, Fault> {
    let places = core.places.borrow();
    let Some(module) = places.module(&spec.module) else {
        // `create_pool` says it better: it names the modules that exist.
        return Ok(Vec::new());
    };
    match module.descriptor.methods.iter().find(|method| method.id == windlass_contract::MethodId::CREATE) {
        Some(create) => create
            .encode_text(&spec.parameters)
            .map_err(|error| Fault::new(Code::BadConfig, format!("pool {}: {error}", spec.name))),
        None => Ok(Vec::new()),
    }
}
