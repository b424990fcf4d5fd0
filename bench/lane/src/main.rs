//! `windlass-bench-lane`: what a task costs, and what lanes promise.
//!
//! Lives here: the command line, the rounds (interleaved: in each round every contender has its turn), the rows.
//! - `bare`: async-task alone over a plain queue, without clock, accounts or containment: the floor;
//! - `ours`: the same tasks on the lanes of an engine over the real driver, with a clock reading and accounts for each poll;
//! - `lanes`: shares by weight, and what a hog does to its neighbour; `memory`: a million tasks that wait;
//! - `instructions`: spawn and switch counted by valgrind, if it is there.
//!
//! Exit: 0, or 1 when an answer is wrong or a program cannot be run; figures beyond their targets are said, not failed.
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock and runs programs")]

mod bare;
mod instructions;
mod lanes;
mod memory;
mod ours;
mod still;

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use windlass_bench::figures::median;
use windlass_bench::machine::{self, Load};
use windlass_bench::{Row, row};

/// Whatever ends the bench: shown to a person, never matched on.
pub type Failure = Box<dyn std::error::Error>;

/// Measures tasks and lanes beside bare async-task, in one run.
#[derive(Debug, Parser)]
#[command(name = "windlass-bench-lane", version)]
struct Command {
    /// Writes the rows to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How often each contender's turn comes.
    #[arg(long, default_value_t = 21, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Three rounds and short runs: an indication, not a figure to publish.
    #[arg(long)]
    quick: bool,
    /// Leaves the instruction counts out.
    #[arg(long)]
    no_instructions: bool,
    /// Does one thing so many times and ends: what valgrind is run on.
    #[arg(long, hide = true, num_args = 2, value_names = ["WHAT", "TIMES"])]
    probe: Option<Vec<String>>,
}

fn main() -> ExitCode {
    match run(&Command::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("windlass-bench-lane: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<(), Failure> {
    if let Some(words) = &command.probe {
        return instructions::probe(&words[0], words[1].parse()?);
    }
    if let Some(warning) = Load::look(Duration::from_millis(200)).and_then(|load| load.warning()) {
        println!("{warning}");
    }
    let rounds = if command.quick { 3 } else { command.rounds };
    let mut rows = spawn_and_switch(rounds)?;
    rows.extend(lanes::shares(if command.quick { 100 } else { 1000 })?);
    rows.extend(lanes::hog(if command.quick { 200 } else { 2000 })?);
    rows.push(memory::idle()?);
    if !command.no_instructions {
        rows.extend(instructions::count()?);
    }
    if let Some(path) = &command.json {
        row::write(path, &rows)?;
        println!("rows: {}", path.display());
    }
    Ok(())
}

/// Tasks of one batch, and how often each switches.
const SPAWNED: u64 = 128;
const BATCHES: u64 = 200;
const SWITCHES: u64 = 200_000;

fn spawn_and_switch(rounds: u32) -> Result<Vec<Row>, Failure> {
    let mut floor = bare::Bare;
    let mut ours = ours::Ours::new()?;
    let cells: [(&str, u64); 4] = [("spawn", SPAWNED), ("switch", 1), ("switch", 64), ("switch", 4096)];
    let mut rows = Vec::new();
    println!("               medians of {rounds} rounds                 fastest rounds");
    println!(
        "{:<8} {:>5} {:>9} {:>9} {:>7} {:>9} {:>9} {:>7}  target",
        "what", "tasks", "bare ns", "ours ns", "ratio", "bare ns", "ours ns", "ratio"
    );
    for (what, tasks) in cells {
        let (mut of_floor, mut of_ours) = (Vec::new(), Vec::new());
        let operations = if what == "spawn" { BATCHES * tasks } else { SWITCHES / tasks * tasks };
        for _ in 0..rounds {
            let floor_ns = timed(|| {
                if what == "spawn" {
                    floor.spawn(BATCHES, tasks);
                } else {
                    floor.switch(tasks, SWITCHES / tasks);
                }
            });
            let ours_ns = timed(|| {
                if what == "spawn" { ours.spawn(BATCHES, tasks) } else { ours.switch(tasks, SWITCHES / tasks) }
            });
            of_floor.push(floor_ns.0 / operations as f64);
            ours_ns.1?;
            of_ours.push(ours_ns.0 / operations as f64);
        }
        let (bare_ns, ours_ns) = (median(&of_floor).ok_or("no round")?, median(&of_ours).ok_or("no round")?);
        let target = if what == "spawn" { 3.0 } else { 2.5 };
        let fastest = |rounds: &[f64]| rounds.iter().copied().fold(f64::INFINITY, f64::min);
        let (bare_best, ours_best) = (fastest(&of_floor), fastest(&of_ours));
        println!(
            "{what:<8} {tasks:>5} {bare_ns:>9.1} {ours_ns:>9.1} {:>6.2}x {bare_best:>9.1} {ours_best:>9.1} {:>6.2}x  <= {target}x",
            ours_ns / bare_ns,
            ours_best / bare_best,
        );
        for (contender, is_ours, ns) in [("bare", false, bare_ns), ("ours", true, ours_ns)] {
            rows.push(Row {
                ours: is_ours,
                n: Some(operations),
                outstanding: u32::try_from(tasks).ok(),
                p50_us: Some(ns / 1000.0),
                ops_per_s: Some(1e9 / ns),
                rounds: Some(rounds),
                ..Row::of_ours("lane", &format!("{what}-{contender}"), &machine::line())
            });
        }
    }
    Ok(rows)
}

fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let began = Instant::now();
    let value = work();
    (began.elapsed().as_nanos() as f64, value)
}
