//! Node: from settings to a running node, its ready line, and its end.
//!
//! Lives here: `Program` (what is linked in), `run` (serve until told to stop), `main` (a whole program around it).
//! Holds: signals are taken over before the node is ready, so none that comes after the ready line is lost.

use crate::args::ServeArgs;
use crate::catalog::FileCatalog;
use crate::config::Sources;
use crate::keys::Settings;
use crate::logging::Log;
use crate::signals::{Does, Watch};
use clap::Parser;
use rustix::process::{Pid, Signal};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use windlass_admin::Admin;
use windlass_contract::abi::ModuleTable;
use windlass_contract::{Code, Fault, ModuleDescriptor, node_dir};
use windlass_runtime::limits::WORKERS_MAX;
use windlass_runtime::{Node, NodeConfig, NodeEnd, PoolSpec};

/// What a program that is a node brings.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Linked-in modules, besides `admin`.
    pub modules: &'static [&'static ModuleTable],
    /// Whether a node whose configuration names no pools has one of each module, called like it, with default parameters.
    pub pool_of_each: bool,
}

/// A node of the modules that are linked into this program.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    after_help = "The node is stopped with SIGTERM, Ctrl-C or `windlass stop`. SIGHUP reads the levels of the log again; \
                  SIGUSR1 writes the tasks that live to the log."
)]
struct Flags {
    #[command(flatten)]
    serve: ServeArgs,
    /// Say that the node is ready as one JSON object
    #[arg(long)]
    json: bool,
}

/// The `main` of a program that is a node of its own modules; `windlass::node!` writes the call.
///
/// Shape: takes the flags of `windlass serve` and `--json`; makes a pool of each module, called like it and with its
/// default parameters, unless the configuration names pools. Ends with the exit code of its Fault.
pub fn main(modules: &'static [&'static ModuleTable]) -> ExitCode {
    let flags = Flags::parse();
    let program = Program { modules, pool_of_each: true };
    match run(&flags.serve, flags.json, &program) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            let mut text = format!("error: {fault}\n");
            if let Some(code) = fault.known() {
                text.push_str(&format!("  help: {}\n", code.info().meaning));
            }
            // Nothing else can be done for a closed standard error.
            let _may_be_closed = std::io::stderr().write_all(text.as_bytes());
            ExitCode::from(fault.exit_code())
        }
    }
}

/// A node that has started and has not said so yet: what an edge beside it needs.
#[derive(Clone, Copy, Debug)]
pub struct Started<'a> {
    node: &'a Node,
}

impl Started<'_> {
    /// Its directory, which is where clients connect.
    pub fn directory(&self) -> &Path {
        self.node.directory()
    }

    /// What tells it to stop, letting calls end for so long; from any thread.
    pub fn stopper(&self) -> impl Fn(Duration) + Send + use<> {
        self.node.stopper()
    }
}

/// Serves until the node is told to stop.
///
/// # Errors
/// `BadConfig`; `NodeRunning`; what the node could not have or make; how it failed.
pub fn run(args: &ServeArgs, json: bool, program: &Program) -> Result<(), Fault> {
    run_beside(args, json, program, |_| Ok(()))
}

/// As `run`, with something beside the node: `begin` makes it before the node says that it is ready, and what it gives is
/// dropped when the node has ended.
///
/// # Errors
/// As `run`; what `begin` says, when the node has ended.
pub fn run_beside<T>(
    args: &ServeArgs,
    json: bool,
    program: &Program,
    begin: impl FnOnce(Started<'_>) -> Result<T, Fault>,
) -> Result<(), Fault> {
    let sources = args.sources();
    let mut settings = sources.read()?;
    settings.modules.extend(args.modules.iter().cloned());
    settings.fresh = args.fresh;
    if settings.pools.is_empty() && program.pool_of_each {
        settings.pools = pools_of(program.modules)?;
    }
    let log = Arc::new(Log::begin(&settings)?);
    for text in Sources::stray_variables() {
        tracing::warn!("{text}");
    }
    let signals = Watch::prepare()?;
    if let Some(parent) = args.with_parent {
        end_with(parent)?;
    }
    let mut config = config_of(&settings, program)?;
    config.log = Some(log.clone());
    let socket = config.directory.join(node_dir::SOCKET);
    let file = sources.file.as_ref().map_or_else(|| "none".to_owned(), |path| path.display().to_string());
    tracing::info!(node = %settings.name, config = %file, socket = %socket.display(), "the node starts");
    let node = Node::start(config).map_err(|fault| over_kept(&settings, fault))?;
    let reload = {
        let (log, sources) = (Arc::clone(&log), sources.clone());
        move || match sources.read() {
            Ok(settings) => {
                log.change(settings.levels);
                tracing::info!("levels of the log were read again");
            }
            Err(fault) => tracing::warn!(%fault, "the log keeps its levels"),
        }
    };
    let does = Does {
        stop: Box::new(node.stopper()),
        reload: Box::new(reload),
        dump: Box::new(node.dumper()),
        drain: settings.drain,
        socket: socket.clone(),
    };
    let watch = Watch::begin(signals, does)?;
    let beside = match begin(Started { node: &node }) {
        Ok(beside) => beside,
        Err(fault) => {
            node.stop(Duration::ZERO);
            // Why the node ended is known.
            let _stopped = node.wait();
            return Err(fault);
        }
    };
    say_ready(&settings.name, &socket, node.tcp(), json);
    let end = node.wait();
    drop(beside);
    drop(watch);
    match end {
        NodeEnd::Stopped => {
            tracing::info!(node = %settings.name, "the node has stopped");
            Ok(())
        }
        NodeEnd::Failed(fault) => Err(fault),
    }
}

/// A configured pool that is not the one which is kept: what to do.
fn over_kept(settings: &Settings, fault: Fault) -> Fault {
    let (Some(state), true) = (&settings.state, fault.is(Code::PoolExists)) else { return fault };
    let text = format!(
        "{}; it is kept in {}: configure it as it is, or start with --fresh, which begins without what is kept",
        fault.message,
        state.display()
    );
    Fault::new(Code::BadConfig, text)
}

fn config_of(settings: &Settings, program: &Program) -> Result<NodeConfig, Fault> {
    let directory = settings.directory();
    let absolute = std::path::absolute(&directory)
        .map_err(|error| Fault::new(Code::BadConfig, format!("the directory {}: {error}", directory.display())))?;
    let mut config = NodeConfig::new(&settings.name, Admin::TABLE);
    config.directory = absolute;
    config.modules = program.modules.to_vec();
    config.libraries = settings.modules.clone();
    config.pools = settings.pools.clone();
    config.workers = match settings.workers {
        0 => windlass_driver::threads::processors().saturating_sub(1).clamp(1, WORKERS_MAX),
        workers => workers,
    };
    let helpers = || windlass_driver::threads::processors().saturating_sub(1).min(WORKERS_MAX);
    config.helpers = settings.helpers.unwrap_or_else(helpers);
    config.processors = settings.cpus.clone();
    config.numa = settings.numa.clone();
    config.stall_ms = settings.stall_ms;
    config.tcp = settings.tcp;
    config.session_bytes_max = settings.session_bytes.unwrap_or(config.session_bytes_max);
    config.node_bytes_max = settings.node_bytes.unwrap_or(config.node_bytes_max);
    if settings.state.is_some() {
        config.catalog = Some(Arc::new(FileCatalog::new(&config.directory, settings.fresh)));
    }
    Ok(config)
}

/// One pool of each module that can be made with nothing but defaults.
fn pools_of(modules: &[&'static ModuleTable]) -> Result<Vec<PoolSpec>, Fault> {
    modules
        .iter()
        .map(|table| {
            let bytes = windlass_runtime::Table::linked(table)?.describe();
            let descriptor = ModuleDescriptor::decode(bytes)
                .map_err(|error| Fault::new(Code::ModuleRefused, error.to_string()))?;
            let name = descriptor.name;
            Ok(PoolSpec::new(name.clone(), name))
        })
        .collect()
}

/// Says on standard output that clients may come; whoever started the node waits for this line.
fn say_ready(name: &str, socket: &Path, tcp: Option<SocketAddr>, json: bool) {
    let pid = std::process::id();
    let line = if json {
        let mut said =
            serde_json::json!({ "ready": true, "node": name, "pid": pid, "socket": socket.display().to_string() });
        if let Some(at) = tcp {
            said["tcp"] = at.to_string().into();
        }
        said.to_string()
    } else {
        let tcp = tcp.map_or_else(String::new, |at| format!(" tcp {at}"));
        format!("windlass ready: node {name} pid {pid} socket {}{tcp}", socket.display())
    };
    let mut out = std::io::stdout().lock();
    if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
        tracing::warn!(%error, "nobody reads the ready line");
    }
}

/// Lets this process be told to stop when `parent` ends.
fn end_with(parent: u32) -> Result<(), Fault> {
    let failed =
        |error: rustix::io::Errno| Fault::new(Code::Io, format!("watching the process {parent}: {error}"));
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM)).map_err(failed)?;
    // It may have ended before the kernel knew of our wish.
    let now = rustix::process::getppid().map_or(0, Pid::as_raw_pid);
    if u32::try_from(now) != Ok(parent) {
        let text = format!("the process {parent} is not the one that started this node; it may have ended");
        return Err(Fault::new(Code::BadConfig, text));
    }
    Ok(())
}
