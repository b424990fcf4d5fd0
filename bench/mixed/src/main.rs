//! `windlass-bench-mixed`: what a quick call takes beside heavy ones on the same cores.
//!
//! Lives here: the command line, the node (a process of its own; its module is `load`), the clients, the rounds (interleaved: in
//! each round every kind of load has its turn), the rows.
//! - `quick-alone`: quick calls, one after another, with nothing beside them: the floor;
//! - `quick-beside`: the same, while so many heavy calls are always out; they yield when they are due to, as a module should;
//! - `heavy-beside`: those, in the same time: what is left for them.
//!
//! With `--shared`, in place of these, calls to one container: with one worker, with two, and with two that share it (`shared`).
//!
//! One client asks the quick calls and another the heavy ones, by dynamic queries; both methods are of one pool with a
//! container on each worker. Holds: every answer is checked; quick calls are counted from when they are sent, whatever held them up.
//! Exit: 0, or 1 when an answer is wrong or a program cannot be run; figures beyond their target are said, not failed.
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock and runs programs")]

mod load;
mod shared;

use clap::Parser;
use load::{Load, Shared, load as calls};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use windlass::Query;
use windlass_admin::{Admin, admin};
use windlass_bench::figures::median;
use windlass_bench::machine::{self, Load as Busy};
use windlass_bench::{Row, row};
use windlass_client::{Client, Pending};
use windlass_runtime::{Node, NodeConfig};

/// Whatever ends the bench: shown to a person, never matched on.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What the 99th percentile of quick calls is to stay below, microseconds.
const WANTED_US: f64 = 1000.0;

/// Measures quick calls alone, and beside heavy ones.
#[derive(Debug, Clone, Parser)]
#[command(name = "windlass-bench-mixed", version)]
struct Order {
    /// Writes the rows to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Workers of the node, one measurement after another.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2], value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: Vec<u16>,
    /// Heavy calls that are always out.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1024))]
    heavy: u16,
    /// How long each of them computes, microseconds.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    heavy_us: u64,
    /// The heavy calls never yield: what nobody should write, and what a worker cannot take away from them.
    #[arg(long)]
    solid: bool,
    /// Measures one container that workers share, and nothing else.
    #[arg(long)]
    shared: bool,
    /// How often each load's turn comes.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// How long a turn is, milliseconds.
    #[arg(long, default_value_t = 1500, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    turn_ms: u64,
    /// Two short rounds: an indication, not a figure to publish.
    #[arg(long)]
    quick: bool,
    /// Is the node, with so many workers.
    #[arg(long, hide = true)]
    serve: Option<usize>,
}

fn main() -> ExitCode {
    let mut order = Order::parse();
    if order.quick {
        (order.rounds, order.turn_ms) = (2, 300);
    }
    let done = match order.serve {
        Some(workers) => serve(workers),
        None => run(&order),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("windlass-bench-mixed: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The node: says where it is and goes on until its input ends.
fn serve(workers: usize) -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let mut config = NodeConfig::new("bench", Admin::TABLE);
    config.directory = directory.path().join("bench");
    config.modules.extend([Load::TABLE, Shared::TABLE]);
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
        command.args(["--serve", &workers.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
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
            eprintln!("windlass-bench-mixed: the node: {error}");
        }
    }
}

fn run(order: &Order) -> Result<(), Failure> {
    println!("machine: {}", machine::line());
    if let Some(warning) = Busy::look(Duration::from_millis(200)).and_then(|load| load.warning()) {
        println!("{warning}");
    }
    if order.shared {
        let rows = shared::run(order)?;
        if let Some(path) = &order.json {
            row::write(path, &rows)?;
        }
        return Ok(());
    }
    let how = if order.solid { "that never yield" } else { "that yield when they are due to" };
    println!("heavy: {} calls of {} us {how}, always out", order.heavy, order.heavy_us);
    println!(
        "{:<8} {:<14} {:>10} {:>10} {:>10} {:>12}",
        "workers", "what", "p50 us", "p99 us", "max us", "calls/s"
    );
    let mut rows = Vec::new();
    for workers in &order.workers {
        let server = Server::start(*workers)?;
        for (what, figures) in measure(&server.address, *workers, order)? {
            let [p50, p99, most, rate] = figures;
            println!("{workers:<8} {what:<14} {p50:>10.1} {p99:>10.1} {most:>10.1} {rate:>12.0}");
            rows.push(Row {
                placement: Some(format!("unpinned, {workers} workers")),
                outstanding: Some(if what == "heavy-beside" { u32::from(order.heavy) } else { 1 }),
                p50_us: Some(p50),
                p99_us: Some(p99),
                ops_per_s: Some(rate),
                rounds: Some(order.rounds),
                ..Row::of_ours("mixed", what, &machine::line())
            });
        }
    }
    let beside = rows.iter().filter(|row| row.contender == "quick-beside").filter_map(|row| row.p99_us);
    let worst = beside.fold(0.0, f64::max);
    let met = if worst < WANTED_US { "met" } else { "NOT met" };
    println!("p99 of quick calls beside heavy ones: {worst:.0} us at most; wanted below {WANTED_US:.0} us: {met}");
    if let Some(path) = &order.json {
        row::write(path, &rows)?;
        println!("rows: {}", path.display());
    }
    Ok(())
}

/// Median, 99th percentile and greatest of a turn, microseconds, and its rate.
type Turn = [f64; 4];

/// What each load came to: the median of its rounds; the greatest is that of all rounds.
fn measure(address: &str, workers: u16, order: &Order) -> Result<Vec<(&'static str, Turn)>, Failure> {
    let client = Client::connect(address)?;
    let admin = admin::Blocking::on(client.admin());
    admin.create_spread("load", "load", &[], u32::from(workers), "round_robin")?;
    let quick = calls::Blocking::connect(address, "load")?.toward(Query::Dynamic);
    let turn = Duration::from_millis(order.turn_ms);
    // The node learns what both cost.
    let heavies = Heavies::start(address, order)?;
    quick_turn(&quick, turn / 4)?;
    heavies.end()?;
    let mut of_rounds: Vec<(&'static str, Vec<Turn>)> =
        ["quick-alone", "quick-beside", "heavy-beside"].map(|what| (what, Vec::new())).into();
    for _ in 0..order.rounds {
        of_rounds[0].1.push(quick_turn(&quick, turn)?);
        let heavies = Heavies::start(address, order)?;
        of_rounds[1].1.push(quick_turn(&quick, turn)?);
        of_rounds[2].1.push(heavies.end()?);
    }
    let together = |turns: &[Turn]| -> Result<Turn, Failure> {
        let of = |at: usize| turns.iter().map(|turn| turn[at]).collect::<Vec<f64>>();
        let middle = |at: usize| median(&of(at)).ok_or("no round");
        Ok([middle(0)?, middle(1)?, of(2).into_iter().fold(0.0, f64::max), middle(3)?])
    };
    of_rounds.iter().map(|(what, turns)| Ok((*what, together(turns)?))).collect()
}

/// Quick calls, one after another.
fn quick_turn(quick: &calls::Blocking, turn: Duration) -> Result<Turn, Failure> {
    let (began, mut taken) = (Instant::now(), Vec::new());
    while began.elapsed() < turn {
        let sent = Instant::now();
        let number = taken.len() as u64;
        if quick.quick(number)? != number + 1 {
            return Err("a quick call was answered wrongly".into());
        }
        taken.push(sent.elapsed().as_nanos() as f64 / 1000.0);
    }
    figures(taken, began.elapsed())
}

fn figures(mut taken: Vec<f64>, time: Duration) -> Result<Turn, Failure> {
    taken.sort_by(f64::total_cmp);
    let most = *taken.last().ok_or("no call ended in a turn")?;
    Ok([taken[taken.len() / 2], taken[taken.len() * 99 / 100], most, taken.len() as f64 / time.as_secs_f64()])
}

/// A client that keeps heavy calls out.
struct Heavies {
    over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Result<Turn, Failure>>,
}

impl Heavies {
    /// Begins, and returns when the first of them has ended.
    fn start(address: &str, order: &Order) -> Result<Self, Failure> {
        let heavy = calls::Blocking::connect(address, "load")?.toward(Query::Dynamic);
        let over = Arc::new(AtomicBool::new(false));
        let (began, begun) = std::sync::mpsc::channel();
        let (ends, order) = (over.clone(), order.clone());
        let work = move || {
            let method = if order.solid { calls::methods::solid() } else { calls::methods::heavy() };
            let send = || (Instant::now(), heavy.pool().call(method).argument(&order.heavy_us).send());
            let mut out: std::collections::VecDeque<(Instant, Pending)> =
                (0..order.heavy).map(|_| send()).collect();
            let (from, mut taken) = (Instant::now(), Vec::new());
            while let Some((sent, pending)) = out.pop_front() {
                if pending.wait()?.value::<u64>()? == 0 {
                    return Err("a heavy call did nothing".into());
                }
                taken.push(sent.elapsed().as_nanos() as f64 / 1000.0);
                let _nobody_waits_any_more = began.send(());
                if !ends.load(Ordering::Relaxed) {
                    out.push_back(send());
                }
            }
            figures(taken, from.elapsed())
        };
        let thread = std::thread::Builder::new().name("heavy".into()).spawn(work)?;
        begun.recv().map_err(|_| "the heavy calls ended at once")?;
        Ok(Self { over, thread })
    }

    fn end(self) -> Result<Turn, Failure> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| "the heavy client panicked")?
    }
}
