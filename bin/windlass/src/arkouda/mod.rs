//! Arkouda: a node that Arkouda's own client talks to, as `serve --arkouda` and under the name `arkouda_server`.
//!
//! Lives here: `serve`, `server` (`flags`: those of the ancestor's server; `files`: token, connection info, configuration; `modules`: which groups of commands there are).
//! From: the command line. To: `windlass_serve` for the node, `windlass_edge_arkouda` beside it.
//! Holds: the edge listens before the node says that it is ready, and ends before its process does.

mod files;
mod flags;
mod modules;

use crate::PROGRAM;
use crate::trouble::Trouble;
use flags::{Asked, Flags};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::thread::JoinHandle;
use std::time::Duration;
use windlass_client::Client;
use windlass_contract::{Code, Fault};
use windlass_driver::threads;
use windlass_edge_arkouda::limits::SHUTDOWN_DRAIN_MS;
use windlass_edge_arkouda::{Edge, EdgeError, Options, Stopper, VERSION};
use windlass_serve::{ServeArgs, Started};

/// The name under which this program is Arkouda's server.
const NAME: &str = "arkouda_server";

/// The module of checkpoints, and its pool.
const CHECKPOINTS: &str = "checkpoints";

/// Whether this process was started under that name.
pub fn is_called_so() -> bool {
    let called = std::env::args_os().next().unwrap_or_default();
    Path::new(&called).file_name().is_some_and(|name| name == NAME)
}

/// `windlass serve --arkouda`.
pub fn serve(args: &ServeArgs, json: bool, listen: &str, token: Option<&Path>) -> Result<(), Trouble> {
    let token = token.map(files::token).transpose()?;
    let options = Options { listen: listen.to_owned(), token, ..machine_options() };
    Ok(windlass_serve::run_beside(args, json, &PROGRAM, |started| Beside::begin(started, options))?)
}

/// `arkouda_server`.
pub fn server() -> ExitCode {
    let asked = match Flags::read(std::env::args().skip(1), &|name| std::env::var(name).ok()) {
        Ok(Asked::Serve(flags)) => run(&flags),
        Ok(Asked::Text(text)) => say(&text).map_err(|error| Trouble::io("standard output", &error)),
        Err(words) => Err(Trouble::usage(words)),
    };
    match asked {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => trouble.report(false),
    }
}

fn run(flags: &Flags) -> Result<(), Trouble> {
    let token = if flags.authenticate { Some(files::ancestors_token()?) } else { None };
    let registration = flags.registration.as_deref().map(files::registration).transpose()?;
    let mut program = PROGRAM;
    if let Some(path) = &flags.modules {
        let chosen = modules::Chosen::of(&files::modules(path)?, PROGRAM.modules);
        for note in chosen.notes {
            eprintln!("{NAME}: {note}");
        }
        // Served until the process ends.
        program.modules = Vec::leak(chosen.tables);
    }
    let ranks = match (&flags.rank_max, &registration) {
        (Some(max), _) => (1..=*max).collect(),
        (None, Some(given)) => files::ranks(given)?,
        (None, None) => Options::default().ranks,
    };
    let options = Options {
        listen: format!("tcp://{}:{}", flags.host, flags.port),
        token: token.clone(),
        auto_shutdown: flags.auto_shutdown,
        ranks,
        registration,
        memory_max: flags.memory_max.unwrap_or(machine_options().memory_max),
        log_level: flags.log_level.clone(),
        log_channel: if flags.log_to_file { "FILE".into() } else { "CONSOLE".into() },
        no_splash: flags.no_splash,
        ..machine_options()
    };
    let args = ServeArgs {
        name: Some(format!("arkouda-{}", flags.port)),
        log: Some(flags.level().to_owned()),
        log_file: flags.log_to_file.then(|| files::FOLDER.join("arkouda.log")),
        ..ServeArgs::default()
    };
    if flags.log_to_file {
        files::make_folder()?;
    }
    Ok(windlass_serve::run_beside(&args, false, &program, |started| {
        if !flags.checkpoints.is_empty() {
            // Before the edge begins, which makes one that is told nothing.
            let client = Client::connect(&started.directory().display().to_string())?;
            crate::pool::create(&client, CHECKPOINTS, CHECKPOINTS, &flags.checkpoints, None)?;
        }
        let beside = Beside::begin(started, options)?;
        let info = flags.connection_info.as_deref().map(|path| files::ConnectionInfo::write(path, beside.port));
        let info = info.transpose()?;
        if !flags.no_splash {
            let line = format!("{NAME} (Windlass, {VERSION}) listens on tcp://{}:{}\n", flags.host, beside.port);
            say(&line).map_err(|error| Fault::new(Code::Io, format!("standard output: {error}")))?;
        }
        Ok((beside, info))
    })?)
}

/// What is true of this machine.
fn machine_options() -> Options {
    Options {
        memory_max: threads::memory_bytes() / 10 * 7,
        processors: threads::processors(),
        ..Options::default()
    }
}

fn say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// An edge that runs; it ends when this is dropped.
struct Beside {
    port: u16,
    stopper: Stopper,
    thread: Option<JoinHandle<Result<(), EdgeError>>>,
}

impl Beside {
    fn begin(started: Started<'_>, options: Options) -> Result<Self, Fault> {
        let directory = started.directory().display().to_string();
        let edge = Edge::bind(&directory, options).map_err(|error| match error {
            EdgeError::Node(fault) => fault,
            EdgeError::Listen { .. } => Fault::new(Code::InUse, error.to_string()),
            other => Fault::new(Code::BadConfig, other.to_string()),
        })?;
        let (address, stopper) = (edge.address(), edge.stopper());
        let stop = started.stopper();
        let stop_node = move || stop(Duration::from_millis(SHUTDOWN_DRAIN_MS));
        let failed = |error| Fault::new(Code::Io, format!("a thread for the edge: {error}"));
        let thread = threads::start("arkouda", move || edge.run(stop_node)).map_err(failed)?;
        Ok(Self { port: address.port(), stopper, thread: Some(thread) })
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.stopper.stop();
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Err(error))) => eprintln!("{NAME}: {error}"),
            Some(Err(_)) => eprintln!("{NAME}: the edge's thread panicked"),
            Some(Ok(Ok(()))) | None => {}
        }
    }
}
