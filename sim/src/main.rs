//! The simulator's command line: `cargo xtask sim`.
#![allow(clippy::disallowed_methods, reason = "a tool measures its own time and starts its own threads")]

use clap::Parser;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;
use windlass_memory::hooks::Plant;
use windlass_sim::limits::SEEDS_PER_PLANT;
use windlass_sim::workloads::{self, Workload};
use windlass_sim::{Outcome, run};

#[derive(Parser)]
#[command(name = "cargo xtask sim", about = "One seed drives the real runtime", after_help = EXAMPLES)]
struct Cli {
    /// How many seeds, each in all workloads chosen.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// Runs this seed alone; without it, seeds begin at `--from`.
    #[arg(long)]
    seed: Option<u64>,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Runs this workload alone.
    #[arg(long)]
    workload: Option<String>,
    /// Plants this bug.
    #[arg(long)]
    plant: Option<String>,
    /// Plants each bug in turn and says which seed finds it.
    #[arg(long)]
    plants: bool,
    /// Lets each allocation of one fixed session fail in turn.
    #[arg(long)]
    allocations: bool,
    /// Threads; each runs seeds of its own.
    #[arg(long, default_value_t = 2)]
    threads: u64,
    /// How many of the last events of a failed run are shown.
    #[arg(long, default_value_t = 40)]
    lines: usize,
    /// Lists the workloads.
    #[arg(long)]
    list: bool,
}

const EXAMPLES: &str = "Examples:
  cargo xtask sim                                   a thousand seeds
  cargo xtask sim --seed 7 --workload calls         one run again, with its last events if it fails
  cargo xtask sim --plants                          each planted bug, and the seed that finds it
  cargo xtask sim --allocations                     each allocation of a fixed session fails in turn";

fn main() -> ExitCode {
    // Panics of methods are part of the runs; those of ours come back as failures.
    std::panic::set_hook(Box::new(|_| {}));
    match command(&Cli::parse()) {
        Ok(code) => code,
        Err(text) => {
            eprintln!("sim: {text}");
            ExitCode::from(2)
        }
    }
}

fn command(cli: &Cli) -> Result<ExitCode, String> {
    if cli.list {
        workloads::ALL.iter().for_each(|workload| println!("{:<8} {}", workload.name, workload.about));
        return Ok(ExitCode::SUCCESS);
    }
    if (cli.plants || cli.plant.is_some() || cli.allocations) && !cfg!(feature = "hooks") {
        return Err("this build plants nothing: use `cargo xtask sim`, or the feature `hooks`".into());
    }
    #[cfg(feature = "hooks")]
    if cli.allocations {
        return allocations();
    }
    if cli.plants {
        return plants(cli);
    }
    let plant = cli.plant.as_deref().map(plant_of).transpose()?;
    let chosen = match (&cli.workload, plant) {
        (Some(name), _) => vec![workloads::by_name(name).ok_or_else(|| format!("no workload {name:?}: --list"))?],
        (None, Some(plant)) => workloads::that_finds(plant).into_iter().collect(),
        (None, None) => workloads::ALL.iter().collect(),
    };
    let range = match cli.seed {
        Some(seed) => seed..seed + 1,
        None => cli.from..cli.from.saturating_add(cli.seeds),
    };
    let begun = Instant::now();
    let (runs, failed) = search(&chosen, range, plant, cli.threads, true)?;
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{runs} runs in {seconds:.1} s, {:.0} a minute, {} threads",
        runs as f64 * 60.0 / seconds,
        cli.threads
    );
    match failed {
        Some(outcome) => {
            tell(&outcome, plant, cli.lines);
            Ok(ExitCode::FAILURE)
        }
        None => Ok(ExitCode::SUCCESS),
    }
}

fn plant_of(name: &str) -> Result<Plant, String> {
    let names = || Plant::ALL.map(Plant::name).join(", ");
    Plant::ALL
        .into_iter()
        .find(|plant| plant.name() == name)
        .ok_or_else(|| format!("no bug {name:?} of {}", names()))
}

fn tell(outcome: &Outcome, plant: Option<Plant>, lines: usize) {
    outcome.last.iter().skip(outcome.last.len().saturating_sub(lines)).for_each(|line| println!("  {line}"));
    let us = outcome.virtual_ns / 1000;
    println!("seed {} of {} after {} steps, {us} virtual us:", outcome.seed, outcome.workload, outcome.steps);
    println!("  {}", outcome.failure.as_deref().unwrap_or("nothing"));
    println!("replay: {}", outcome.replay(plant));
}

/// Runs seeds on some threads until one fails; how many ran, and the failure of the lowest seed that was met.
fn search(
    chosen: &[&Workload],
    seeds: std::ops::Range<u64>,
    plant: Option<Plant>,
    threads: u64,
    progress: bool,
) -> Result<(u64, Option<Outcome>), String> {
    let (next, runs, found) = (AtomicU64::new(seeds.start), AtomicU64::new(0), AtomicBool::new(false));
    let begun = Instant::now();
    let one = || -> std::io::Result<Option<Outcome>> {
        while !found.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            for workload in chosen {
                let outcome = run(seed, workload, plant)?;
                let count = runs.fetch_add(1, Ordering::Relaxed) + 1;
                if progress && count.is_multiple_of(1000) {
                    let minute = count as f64 * 60.0 / begun.elapsed().as_secs_f64();
                    println!("{count} runs, seed {seed}, {minute:.0} a minute");
                }
                if outcome.failure.is_some() {
                    found.store(true, Ordering::Relaxed);
                    return Ok(Some(outcome));
                }
            }
        }
        Ok(None)
    };
    let ended: Vec<std::io::Result<Option<Outcome>>> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(one)).collect();
        started
            .into_iter()
            .map(|thread| {
                thread.join().unwrap_or_else(|_| Err(std::io::Error::other("a thread of the simulator panicked")))
            })
            .collect()
    });
    let mut failures = Vec::new();
    for outcome in ended {
        failures.extend(outcome.map_err(|error| error.to_string())?);
    }
    failures.sort_by_key(|outcome| outcome.seed);
    Ok((runs.load(Ordering::Relaxed), failures.into_iter().next()))
}

#[cfg(feature = "hooks")]
fn allocations() -> Result<ExitCode, String> {
    use windlass_sim::allocations::{Part, sweep};
    let mut wrong = 0;
    for part in Part::ALL {
        let swept = sweep(part, 0, 1).map_err(|error| error.to_string())?;
        println!("{}: {} doors, each refused once; {} of them were told", part.name(), swept.doors, swept.told);
        for (place, text) in &swept.failures {
            println!("  door {place}: {text}");
        }
        wrong += swept.failures.len();
    }
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn plants(cli: &Cli) -> Result<ExitCode, String> {
    let mut missed = 0;
    for plant in Plant::ALL {
        let workload =
            workloads::that_finds(plant).ok_or_else(|| format!("no workload is to find {}", plant.name()))?;
        let most = cli.from.saturating_add(SEEDS_PER_PLANT);
        match search(&[workload], cli.from..most, Some(plant), cli.threads, false)?.1 {
            Some(outcome) => {
                let said = outcome.failure.as_deref().unwrap_or_default();
                println!("{:<20} {:<8} seed {:<4} {said}", plant.name(), workload.name, outcome.seed);
            }
            None => {
                missed += 1;
                println!("{:<20} {:<8} not found in {SEEDS_PER_PLANT} seeds", plant.name(), workload.name);
            }
        }
    }
    Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
