//! `windlass-bench-bdev`: what a block device in memory gives a client of another process.
//!
//! Lives here: the command line, the node (a process of its own), the roads that bytes take, the rounds (interleaved: in each
//! round every road has its turn), the rows.
//! - `memcpy`: the floor: the same bytes copied once, between two warm buffers of one process;
//! - `ours`: allocate, write, free, the bytes standing in a loan: one copy, made by the device;
//! - `ours-frozen`: as `ours`, from frozen memory;
//! - `ours-owned`: as `ours`, from a slice that the client copies into a loan first;
//! - `ours-space`: allocate and free alone; `ours-read`: read into a loan.
//!
//! Holds: in each round the last bytes that were written are read back and compared.
//! Exit: 0, or 1 when an answer is wrong or a program cannot be run; figures beyond their target are said, not failed.
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock and runs programs")]

use clap::Parser;
use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use windlass_admin::Admin;
use windlass_bdev::{Bdev, bdev};
use windlass_bench::figures::median;
use windlass_bench::machine::{self, Load};
use windlass_bench::place::{Placement, Side};
use windlass_bench::{Row, row};
use windlass_client::{Client, FrozenLoan, Loan};
use windlass_runtime::{Node, NodeConfig};

/// Whatever ends the bench: shown to a person, never matched on.
type Failure = Box<dyn std::error::Error>;

/// What the ancestor's own benchmark reached on this kind of machine with 1 MiB, 10^9 bytes a second.
const ANCESTOR_GB_PER_S: f64 = 2.2;
/// How many times that is wanted.
const TIMES: f64 = 3.0;
const ROADS: [&str; 6] = ["memcpy", "ours", "ours-frozen", "ours-owned", "ours-space", "ours-read"];

/// Measures allocate, write and free of a block device in memory, beside a copy of the same bytes.
#[derive(Debug, Parser)]
#[command(name = "windlass-bench-bdev", version)]
struct Order {
    /// Writes the rows to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Bytes of one write.
    #[arg(long, default_value_t = 1 << 20, value_parser = clap::value_parser!(u64).range(1..=1 << 28))]
    bytes: u64,
    /// How often each road's turn comes.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Where node and client run: one (core), two (cores), unpinned.
    #[arg(long, value_delimiter = ',', default_values_t = [Placement::OneCore, Placement::TwoCores])]
    placements: Vec<Placement>,
    /// Three rounds: an indication, not a figure to publish.
    #[arg(long)]
    quick: bool,
    /// Is the node.
    #[arg(long, hide = true)]
    serve: bool,
}

fn main() -> ExitCode {
    let order = Order::parse();
    match if order.serve { serve() } else { run(&order) } {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("windlass-bench-bdev: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The node: says where it is and goes on until its input ends.
fn serve() -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let mut config = NodeConfig::new("bench", Admin::TABLE);
    config.directory = directory.path().join("bench");
    config.modules.push(Bdev::TABLE);
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
    fn start(placement: Placement) -> Result<Self, Failure> {
        let program = std::env::current_exe()?;
        let mut command = Command::new(program);
        command.arg("--serve").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = placement.inherit(Side::Server, || command.spawn())??;
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
            eprintln!("windlass-bench-bdev: the node: {error}");
        }
    }
}

fn run(order: &Order) -> Result<(), Failure> {
    println!("machine: {}", machine::line());
    if let Some(warning) = Load::look(Duration::from_millis(200)).and_then(|load| load.warning()) {
        println!("{warning}");
    }
    let rounds = if order.quick { 3 } else { order.rounds };
    let mut rows = Vec::new();
    println!("{:<10} {:<12} {:>10} {:>10} {:>8}", "placement", "road", "us", "p99 us", "GB/s");
    for placement in &order.placements {
        let server = Server::start(*placement)?;
        let measured = placement.inherit(Side::Client, || measure(&server.address, order.bytes, rounds))??;
        for (road, [p50, p99]) in ROADS.iter().zip(measured) {
            let gb_per_s = order.bytes as f64 / p50 / 1000.0;
            println!("{:<10} {road:<12} {p50:>10.1} {p99:>10.1} {gb_per_s:>8.2}", placement.to_string());
            rows.push(Row {
                ours: *road != "memcpy",
                placement: Some(placement.to_string()),
                bytes: Some(order.bytes),
                outstanding: Some(1),
                p50_us: Some(p50),
                p99_us: Some(p99),
                ops_per_s: Some(1e6 / p50),
                gb_per_s: (*road != "ours-space").then_some(gb_per_s),
                rounds: Some(rounds),
                ..Row::of_ours("bdev", road, &machine::line())
            });
        }
    }
    let best =
        rows.iter().filter(|row| row.contender == "ours").filter_map(|row| row.gb_per_s).fold(0.0, f64::max);
    let met = if best >= TIMES * ANCESTOR_GB_PER_S { "met" } else { "NOT met" };
    println!(
        "allocate + write + free: {best:.2} GB/s; wanted {TIMES} x the ancestor's {ANCESTOR_GB_PER_S} GB/s at 1 MiB: {met}"
    );
    if let Some(path) = &order.json {
        row::write(path, &rows)?;
        println!("rows: {}", path.display());
    }
    Ok(())
}

/// One client of the node and what it writes.
struct Hand {
    client: Client,
    device: bdev::Blocking,
    data: Vec<u8>,
    into: Vec<u8>,
    loan: Option<Loan>,
    frozen: FrozenLoan,
    kept: u64,
}

impl Hand {
    fn connect(address: &str, bytes: u64) -> Result<Self, Failure> {
        let client = Client::connect(address)?;
        let capacity = (bytes * 4).max(64 << 20).to_string();
        let device = bdev::Blocking::create(&client, "bench", "ram", "", &capacity, "", true)?;
        let data: Vec<u8> = (0..bytes).map(|at| (at * 31 + at / 4096) as u8).collect();
        let mut loan = client.lend(data.len())?;
        loan.copy_from_slice(&data);
        let (frozen, into) = (client.freeze(&data)?, vec![0; data.len()]);
        let kept = device.allocate(bytes)?.id;
        device.write(kept, 0, &data)?;
        Ok(Self { client, device, data, into, loan: Some(loan), frozen, kept })
    }

    fn once(&mut self, road: &str) -> Result<(), Failure> {
        if road == "memcpy" {
            black_box(&mut self.into).copy_from_slice(black_box(&self.data));
            return Ok(());
        }
        if road == "ours-read" {
            let loan = self.loan.take().ok_or("the loan is out")?;
            self.loan = Some(self.device.read_live(self.kept, 0, loan)?.0);
            return Ok(());
        }
        let made = self.device.allocate(self.data.len() as u64)?;
        match road {
            "ours" => {
                let loan = self.loan.take().ok_or("the loan is out")?;
                self.loan = Some(self.device.write_live(made.id, 0, loan)?.0);
            }
            "ours-frozen" => self.device.write(made.id, 0, &self.frozen)?,
            "ours-owned" => self.device.write(made.id, 0, &self.data)?,
            _ => {}
        }
        Ok(self.device.free(made.id)?)
    }

    /// What this road writes is what is read.
    fn check(&mut self, road: &str) -> Result<(), Failure> {
        let made = self.device.allocate(self.data.len() as u64)?;
        match road {
            "ours-frozen" => self.device.write(made.id, 0, &self.frozen)?,
            "ours-owned" => self.device.write(made.id, 0, &self.data)?,
            _ => {
                let loan = self.loan.take().ok_or("the loan is out")?;
                self.loan = Some(self.device.write_live(made.id, 0, loan)?.0);
            }
        }
        let back = self.device.read(made.id, 0, self.data.len())?;
        if back[..] != self.data[..] {
            return Err(format!("{road}: other bytes came back than were written").into());
        }
        Ok(self.device.free(made.id)?)
    }
}

/// Median and 99th percentile of each road, microseconds.
fn measure(address: &str, bytes: u64, rounds: u32) -> Result<Vec<[f64; 2]>, Failure> {
    let mut hand = Hand::connect(address, bytes)?;
    // So many that a round of a road takes about a tenth of a second.
    let times = ((1 << 30) / bytes.max(1 << 14)).clamp(8, 20_000) as usize;
    let mut of_rounds = vec![(Vec::new(), Vec::new()); ROADS.len()];
    for _ in 0..rounds {
        for (road, (p50, p99)) in ROADS.iter().zip(&mut of_rounds) {
            hand.once(road)?;
            let mut taken = Vec::with_capacity(times);
            for _ in 0..times {
                let began = Instant::now();
                hand.once(road)?;
                taken.push(began.elapsed().as_nanos() as f64 / 1000.0);
            }
            taken.sort_by(f64::total_cmp);
            p50.push(taken[times / 2]);
            p99.push(taken[times * 99 / 100]);
            if road.starts_with("ours") {
                hand.check(road)?;
            }
        }
    }
    let _ends_here = &hand.client;
    let middle = |values: &[f64]| median(values).ok_or("no round");
    of_rounds.iter().map(|(p50, p99)| Ok([middle(p50)?, middle(p99)?])).collect()
}
