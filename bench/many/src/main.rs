//! `windlass-bench-many`: what many of a thing cost.
//!
//! Lives here: the command line, the node (a process of its own); `connections` (stubs and sessions of which few work), `stream` (values
//! one after another).
//! Holds: every answer is checked; kinds take turns in each round. Exit: 0, or 1 when an answer is wrong or a program cannot be run;
//! figures beyond their target are said, not failed.
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock and runs programs")]

mod connections;
mod stream;

use crate::stream::Flow;
use clap::{Parser, ValueEnum};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::time::Duration;
use windlass_admin::Admin;
use windlass_bench::machine::{self, Load as Busy};
use windlass_bench::row;
use windlass_echo::Echo;
use windlass_runtime::{Node, NodeConfig, PoolSpec};

/// Whatever ends the bench: shown to a person, never matched on.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Which bench.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// Many stubs of one process, many sessions.
    Connections,
    /// Values a second of streams, and what a reader that stands still costs.
    Stream,
}

/// Measures what many stubs and sessions cost, of which few work, and many values.
#[derive(Debug, Clone, Parser)]
#[command(name = "windlass-bench-many", version)]
struct Order {
    /// Which bench.
    #[arg(value_enum, required_unless_present = "serve")]
    what: Option<What>,
    /// Writes the rows to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Stubs of one process.
    #[arg(long, default_value_t = 10_000)]
    stubs: usize,
    /// Sessions.
    #[arg(long, default_value_t = 1000)]
    sessions: usize,
    /// Workers of the node.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
    /// How often each kind's turn comes.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// How long a turn is, milliseconds.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    turn_ms: u64,
    /// The program of rivals, for `stream`.
    #[arg(long, value_name = "PROGRAM")]
    compare: Option<PathBuf>,
    /// Is the node.
    #[arg(long, hide = true)]
    serve: Option<usize>,
}

fn main() -> ExitCode {
    let order = Order::parse();
    let done = match order.serve {
        Some(workers) => serve(workers),
        None => run(&order),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("windlass-bench-many: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(order: &Order) -> Result<(), Failure> {
    // Each session has a handful of descriptors on either side.
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = limit.maximum;
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit)?;
    println!("machine: {}", machine::line());
    if let Some(warning) = Busy::look(Duration::from_millis(200)).and_then(|load| load.warning()) {
        println!("{warning}");
    }
    let server = Server::start(order.workers)?;
    let rows = match order.what {
        Some(What::Stream) => stream::measure(&server, order)?,
        Some(What::Connections) | None => connections::measure(&server, order)?,
    };
    if let Some(path) = &order.json {
        row::write(path, &rows)?;
        println!("rows: {}", path.display());
    }
    Ok(())
}

/// The node: says where it is and goes on until its input ends.
fn serve(workers: usize) -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let mut config = NodeConfig::new("bench", Admin::TABLE);
    config.directory = directory.path().join("bench");
    config.modules.extend([Echo::TABLE, Flow::TABLE]);
    config.pools.push(PoolSpec { containers: workers as u32, ..PoolSpec::new("echo", "echo") });
    config.pools.push(PoolSpec::new("flow", "flow"));
    config.workers = workers;
    let node = Node::start(config)?;
    println!("{}", directory.path().join("bench").display());
    let mut ended = String::new();
    std::io::stdin().read_line(&mut ended)?;
    node.stop(Duration::from_secs(1));
    let _how_it_ended = node.wait();
    Ok(())
}

/// The node's process; it ends with this.
struct Server {
    child: Child,
    input: Option<ChildStdin>,
    address: String,
}

impl Server {
    fn start(workers: u16) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--serve", &workers.to_string()]);
        Self::of(command)
    }

    /// A program that says where it is, and ends when its input does.
    fn of(mut command: Command) -> Result<Self, Failure> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take();
        let mut address = String::new();
        BufReader::new(child.stdout.take().ok_or("the node has no output")?).read_line(&mut address)?;
        Ok(Self { child, input, address: address.trim().to_owned() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.input.take());
        if let Err(error) = self.child.wait() {
            eprintln!("windlass-bench-many: the node: {error}");
        }
    }
}
