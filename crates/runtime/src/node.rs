//! A node: its name, its lock, its socket, its workers' threads.
//!
//! Lives here: `NodeConfig`, `Node` (a running one). Not here: what a configured pool is (`spec`).
//! Holds: a name has one node; a node that is ready has all its configured pools; a stopped one leaves no file behind but its
//! lock's.

use crate::admin::{self, Wanted};
use crate::catalog::{Catalog, Keeper};
use crate::core::{Core, NodeLimits, Warm};
use crate::host::library::Table;
use crate::limits::{HEAVY_SHARE, SESSION_BYTES_MAX, SPIN_NS, WORKERS_MAX};
use crate::mail::Mail;
use crate::place::policy::Placement;
use crate::place::{LINKED, Module, Places};
use crate::session::Sessions;
use crate::shared::{Shared, WorkerId};
use crate::spec::PoolSpec;
use crate::symbols::SymbolTable;
use crate::topology::Topology;
use crate::transport::stream;
use crate::worker::{Next, Worker};
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use windlass_contract::abi::ModuleTable;
use windlass_contract::frame::Token;
use windlass_contract::{Code, Fault, node_dir};
use windlass_driver::lock::{LockError, NameLock};
use windlass_driver::real::{RealDriver, Remote};
use windlass_driver::socket::Listener;
use windlass_driver::{Driver, threads};
use windlass_lane::{Bell, Class, LaneOptions, Lanes, TaskOptions, Timers, Watchdog};

/// The levels of a program's log, which a node lets its operators see and change.
pub trait LogLevels: std::fmt::Debug + Send + Sync {
    /// What is written: a level for all, then `name=level` of crates and modules, between commas.
    fn text(&self) -> String;
    /// Changes what `changes` names, written in the same way; what it does not name stays.
    ///
    /// # Errors
    /// `BadArguments` names the part that is no level.
    fn change(&self, changes: &str) -> Result<(), Fault>;
}

/// What a node is to be.
#[derive(Clone, Debug)]
#[non_exhaustive]
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
    /// Workers: threads that run calls; 1 to `limits::WORKERS_MAX`.
    pub workers: usize,
    /// Threads that help workers with large pieces of work (`Context::together`); they sleep otherwise.
    pub helpers: usize,
    /// Processors for the workers, worker by worker in turn; empty = any.
    pub processors: Vec<usize>,
    /// NUMA nodes whose processors the workers keep to, one node each in turn; empty = any. Not together with `processors`.
    pub numa: Vec<u16>,
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
    /// Where to listen for TCP connections besides the node's own socket: a loopback address, port 0 for any. `None` = nowhere.
    /// Whoever connects shows the token of the file `token` in the directory, which is made if it is missing.
    pub tcp: Option<SocketAddr>,
    /// Where pools and their states are kept, so that a later node comes back with them. `None` = nowhere.
    pub catalog: Option<Arc<dyn Catalog>>,
    /// What the log writes, to be asked and changed by `admin.log`. `None` = the program's own affair.
    pub log: Option<Arc<dyn LogLevels>>,
    /// Take stamps when calls pass from room to room (`admin.stages`). Costs about a clock reading at each of six boundaries.
    pub stages: bool,
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
            workers: 1,
            helpers: 0,
            processors: Vec::new(),
            numa: Vec::new(),
            spin_ns: SPIN_NS,
            session_bytes_max: SESSION_BYTES_MAX,
            node_bytes_max: threads::memory_bytes() / 10 * 7,
            symbol_bytes_max: threads::memory_bytes() / 10 * 7,
            stall_ms: 0,
            tcp: None,
            catalog: None,
            log: None,
            stages: false,
        }
    }
}

/// How the words end with which a worker goes because another one failed.
const HAS_FAILED: &str = "has failed";

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
    remotes: Vec<Remote>,
    threads: Vec<JoinHandle<NodeEnd>>,
    shared: Arc<Shared>,
    _watchdog: Option<Watchdog>,
}

impl Node {
    /// Starts a node and waits until it is ready: it listens and has its pools.
    ///
    /// # Errors
    /// `NodeRunning` names the process that has the name; otherwise what could not be had or made.
    pub fn start(config: NodeConfig) -> Result<Self, Fault> {
        if !node_dir::is_name(&config.name) {
            let text = format!("{:?} cannot name a node: 1 to 64 of letters, digits, _, - and .", config.name);
            return Err(Fault::new(Code::BadConfig, text));
        }
        if let Some(at) = config.tcp {
            stream::tcp::check(at)?;
        }
        if config.workers == 0 || config.workers > WORKERS_MAX {
            let text = format!("{} workers: a node has 1 to {WORKERS_MAX}", config.workers);
            return Err(Fault::new(Code::BadConfig, text));
        }
        let lock = take_lock(&config)?;
        let tables = Arc::new(tables(&config)?);
        let topology = Topology::of_threads(&config)?;
        let shared = Shared::new(&config.name, topology, config.helpers, config.stall_ms > 0);
        let mut watchdog = None;
        if config.stall_ms > 0 {
            let pulses = shared.desks.iter().filter_map(|desk| desk.pulse.clone()).collect();
            let started = Watchdog::start(config.stall_ms, pulses);
            watchdog = Some(started.map_err(io("a thread for the watchdog"))?);
        }
        let directory = config.directory.clone();
        let (commands, received) = channel();
        let mut node =
            Self { directory, commands, remotes: Vec::new(), threads: Vec::new(), shared, _watchdog: watchdog };
        let mut first = Some((received, lock));
        // The first one last: when it makes the pools, the others are there.
        for worker in node.shared.workers().collect::<Vec<_>>().into_iter().rev() {
            let seat = Seat { worker, shared: node.shared.clone(), tables: tables.clone() };
            let first = if worker == WorkerId::FIRST { first.take() } else { None };
            node.begin_worker(seat, config.clone(), first)?;
        }
        node.remotes.reverse();
        Ok(node)
    }

    /// Starts one worker's thread and waits until it is there; if it is not, those that are end with the node.
    fn begin_worker(
        &mut self,
        seat: Seat,
        config: NodeConfig,
        first: Option<(Receiver<Duration>, NameLock)>,
    ) -> Result<(), Fault> {
        let (ready_in, ready_out) = channel();
        let (worker, shared) = (seat.worker, seat.shared.clone());
        let thread =
            threads::start(&format!("windlass-{worker}"), move || serve(&seat, &config, first, &ready_in));
        let begun = match thread {
            Ok(thread) => {
                self.threads.push(thread);
                let none = || Fault::new(Code::Internal, "the node's thread ended before it was ready");
                ready_out.recv().unwrap_or_else(|_| Err(none()))
            }
            Err(error) => Err(io("a thread")(error)),
        };
        match begun {
            Ok(remote) => {
                self.remotes.push(remote);
                Ok(())
            }
            Err(fault) => {
                shared.fail(worker);
                self.join();
                Err(fault)
            }
        }
    }

    /// The node's directory; a client connects to it or to the node's name.
    pub fn directory(&self) -> &std::path::Path {
        &self.directory
    }

    /// Where it listens for TCP connections, if it does.
    pub fn tcp(&self) -> Option<SocketAddr> {
        self.shared.tcp.get().copied()
    }

    /// Asks the node to stop, letting calls end for so long. Returns at once; `wait` tells when it has.
    pub fn stop(&self, deadline: Duration) {
        // A node that has ended has nobody to tell.
        let _may_have_ended = self.commands.send(deadline);
        self.remotes.iter().take(1).for_each(Remote::ring);
    }

    /// A handle that can stop the node from a signal handler's thread.
    pub fn stopper(&self) -> impl Fn(Duration) + Send + use<> {
        let (commands, first) = (self.commands.clone(), self.remotes.first().cloned());
        move |deadline| {
            let _may_have_ended = commands.send(deadline);
            first.iter().for_each(Remote::ring);
        }
    }

    /// A handle that has the tasks that live written to the log, for a signal handler's thread.
    pub fn dumper(&self) -> impl Fn() + Send + use<> {
        let (shared, remotes) = (self.shared.clone(), self.remotes.clone());
        move || {
            for (desk, remote) in shared.desks.iter().zip(&remotes) {
                desk.dump_asked.store(true, Ordering::Relaxed);
                remote.ring();
            }
        }
    }

    /// Waits until the node has ended.
    pub fn wait(mut self) -> NodeEnd {
        self.join()
    }

    /// How it ended: as the worker did that failed, if one did. The one that failed first says why; others follow it.
    fn join(&mut self) -> NodeEnd {
        let mut end = NodeEnd::Stopped;
        for thread in self.threads.drain(..).rev() {
            let one = match thread.join() {
                Ok(one) => one,
                Err(_) => NodeEnd::Failed(Fault::new(Code::Internal, "the node's thread panicked")),
            };
            let follows =
                |end: &NodeEnd| matches!(end, NodeEnd::Failed(fault) if fault.message.ends_with(HAS_FAILED));
            if one != NodeEnd::Stopped && (end == NodeEnd::Stopped || follows(&end)) {
                end = one;
            }
        }
        end
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if !self.threads.is_empty() {
            self.stop(Duration::ZERO);
            self.join();
        }
    }
}

pub(crate) fn io(what: &'static str) -> impl Fn(std::io::Error) -> Fault {
    move |error| Fault::new(Code::Io, format!("{what}: {error}"))
}

type Told = Sender<Result<Remote, Fault>>;

/// A worker's place in its node.
pub(crate) struct Seat {
    pub(crate) worker: WorkerId,
    pub(crate) shared: Arc<Shared>,
    pub(crate) tables: Arc<Vec<(Table, String)>>,
}

fn serve(
    seat: &Seat,
    config: &NodeConfig,
    first: Option<(Receiver<Duration>, NameLock)>,
    ready: &Told,
) -> NodeEnd {
    match begin(seat, config, first) {
        Ok((mut worker, mut driver, _lock)) => {
            // Whoever waited for this may have given up; the node is told to stop then.
            let _nobody_waits = ready.send(Ok(driver.remote()));
            loop {
                match worker.turn(&mut driver) {
                    Ok(Next::Again) => {}
                    Ok(Next::Stopped) => return NodeEnd::Stopped,
                    Err(error) => {
                        tracing::error!(%error, worker = %seat.worker, "the worker cannot go on");
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

fn begin(
    seat: &Seat,
    config: &NodeConfig,
    first: Option<(Receiver<Duration>, NameLock)>,
) -> Result<(Worker, RealDriver, Option<NameLock>), Fault> {
    let own = seat.shared.topology.processors(seat.worker);
    if !own.is_empty() {
        threads::pin(own).map_err(io("binding the worker to its processors"))?;
    }
    let mut driver = RealDriver::new().map_err(io("the worker's driver"))?;
    if seat.worker == WorkerId::FIRST {
        let (backend, why) = driver.operations_by();
        tracing::info!(workers = config.workers, why, "operations by {backend}");
    }
    let remote = driver.remote();
    let bell: Bell = Arc::new(move || remote.ring());
    let Some((commands, lock)) = first else {
        let (worker, _core) = make_worker(seat, config, None, &mut driver, Some(bell))?;
        return Ok((worker, driver, None));
    };
    let (mut worker, core) = make_worker(seat, config, Some(commands), &mut driver, Some(bell))?;
    let making = Making::begin(&core, config)?;
    loop {
        if let Some(made) = making.made() {
            return made.map(|()| (worker, driver, Some(lock)));
        }
        if worker.turn(&mut driver).map_err(io("the worker"))? == Next::Stopped {
            return Err(Fault::new(Code::Draining, "the node was stopped before it was ready"));
        }
    }
}

/// The tables of all modules that the node has from the start, `admin`'s first.
pub(crate) fn tables(config: &NodeConfig) -> Result<Vec<(Table, String)>, Fault> {
    let linked = std::iter::once(&config.admin).chain(&config.modules);
    let mut tables =
        linked.map(|table| Ok((Table::linked(table)?, LINKED.to_owned()))).collect::<Result<Vec<_>, Fault>>()?;
    for path in &config.libraries {
        tables.push((Table::open(path)?, path.display().to_string()));
    }
    Ok(tables)
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

/// A worker without pools; the first of a node, which has its owner's commands, listens in the configured directory.
pub(crate) fn make_worker(
    seat: &Seat,
    config: &NodeConfig,
    commands: Option<Receiver<Duration>>,
    driver: &mut dyn Driver,
    bell: Option<Bell>,
) -> Result<(Worker, Rc<Core>), Fault> {
    let core = make_core(seat, config, driver, bell)?;
    let listener = match &commands {
        Some(_) => {
            let socket = config.directory.join(node_dir::SOCKET);
            let listener = Listener::bind(&socket)
                .map_err(|error| Fault::new(Code::Io, format!("the socket {}: {error}", socket.display())))?;
            Some(listener)
        }
        None => None,
    };
    let worker = Worker::new(core.clone(), listener, commands);
    Ok((worker, core))
}

fn make_core(
    seat: &Seat,
    config: &NodeConfig,
    driver: &mut dyn Driver,
    bell: Option<Bell>,
) -> Result<Rc<Core>, Fault> {
    let (worker, shared) = (seat.worker, seat.shared.clone());
    let desk = shared.desk(worker);
    if let Some(bell) = &bell {
        desk.mailbox.rings(bell.clone());
    }
    let mut places = Places::default();
    for (table, origin) in seat.tables.iter() {
        places.add_module(Module::new(*table, origin.clone())?)?;
    }
    let drawn = driver.chance();
    if worker == WorkerId::FIRST {
        shared.generation(drawn);
    }
    let (pulse, mail) = (desk.pulse.clone(), Mail::new(&shared, worker));
    let (drawn_for_names, bytes_max) = (driver.chance(), config.node_bytes_max);
    let symbols = shared.symbols(|| SymbolTable::new(drawn_for_names, config.symbol_bytes_max, bytes_max));
    let lanes = Lanes::new(bell.clone()).watched_by(pulse);
    let heavy = LaneOptions { class: Class::Background, share: HEAVY_SHARE, ..LaneOptions::new("heavy") };
    let heavy = lanes.add_lane(heavy).map_err(|error| Fault::new(Code::Internal, error.to_string()))?;
    Ok(Rc::new(Core {
        name: config.name.clone(),
        worker,
        shared,
        mail,
        fans: RefCell::default(),
        drawn,
        limits: NodeLimits {
            spin_ns: config.spin_ns,
            session_bytes_max: config.session_bytes_max,
            node_bytes_max: config.node_bytes_max,
        },
        clock: driver.clock(),
        operations_by: (driver.operations_by().0, driver.operations_by().1.to_owned()),
        started: driver.now(),
        read_at: Cell::new(0),
        lanes,
        heavy,
        due_ns: Cell::default(),
        untold: crate::host::asked::Untold::default(),
        timers: RefCell::new(Timers::default()),
        io: windlass_lane::io::Io::default(),
        sessions: RefCell::new(Sessions::default()),
        call_streams: crate::host::streams::Streams::default(),
        streams: crate::transport::stream::Streams::default(),
        places: RefCell::new(places),
        live: RefCell::default(),
        warm: RefCell::new(Warm::default()),
        catalog: config.catalog.clone().map(Keeper::new),
        log: config.log.clone(),
        symbols,
        counters: crate::stats::Counters::default(),
        stages: crate::stages::Stages::new(config.stages),
        arrivals: Cell::new(0),
        chance: Cell::new(driver.chance()),
        ready: Cell::new(false),
        draining: Cell::new(false),
        stall_told: Cell::new(false),
        stop_asked: Cell::new(None),
        over: Cell::new(false),
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
        let admin = PoolSpec { placement: Placement::Pinned(0), ..PoolSpec::new(admin_name.clone(), admin_name) };
        // Those that have workers to themselves first, so that others are not there before them.
        let (apart, others): (Vec<_>, Vec<_>) = config.pools.iter().cloned().partition(PoolSpec::is_apart);
        let specs: Vec<PoolSpec> = std::iter::once(admin).chain(apart).chain(others).collect();
        let result = Rc::new(RefCell::new(None));
        let (told, inner) = (result.clone(), core.clone());
        let tcp = config.tcp.map(|at| token(&config.directory).map(|token| (at, token))).transpose()?;
        let future = async move {
            let made = make_all(&inner, &specs).await;
            // Last: whoever connects finds the pools.
            let made = match (made, tcp) {
                (Ok(()), Some((at, token))) => stream::tcp::listen(&inner, at, token).await.map(|bound| {
                    inner.shared.tcp.get_or_init(|| bound);
                }),
                (made, _) => made,
            };
            inner.ready.set(made.is_ok());
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

/// The token of connections over TCP.
fn token(directory: &Path) -> Result<Token, Fault> {
    let path = directory.join(node_dir::TOKEN);
    let failed = |why: String| Fault::new(Code::BadConfig, format!("the token {}: {why}", path.display()));
    let text = windlass_driver::token::read_or_make(&path).map_err(|error| failed(error.to_string()))?;
    Token::from_text(&text)
        .ok_or_else(|| failed("it is not 64 hexadecimal digits; remove it, and it is made anew".into()))
}

async fn make_all(core: &Rc<Core>, specs: &[PoolSpec]) -> Result<(), Fault> {
    let mut back = false;
    for spec in specs {
        // `admin` first, which is no one's to keep; then what was kept, so that the configured pools find it there.
        if !std::mem::replace(&mut back, true) {
            make_one(core, spec).await?;
            admin::restart::come_back(core).await?;
            continue;
        }
        if let Some(fault) = core.places.borrow().refused(&spec.name) {
            tracing::warn!(pool = %spec.name, %fault, "the configured pool is not made over one that did not come back");
            continue;
        }
        make_one(core, spec).await?;
    }
    Ok(())
}

async fn make_one(core: &Rc<Core>, spec: &PoolSpec) -> Result<(), Fault> {
    let wanted = Wanted {
        name: spec.name.clone(),
        module: spec.module.clone(),
        parameters: encode_parameters(core, spec)?,
        spread: Some((spec.containers, spec.spread())),
        back: None,
        provided: None,
    };
    admin::create_pool(core, wanted).await.map(drop)
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
