//! The simulator: one seed drives the real runtime.
//!
//! Lives here: `run` (one seed of one workload), `Outcome`; `stage` (whose turn it is), `node`, `person` and `tasks` (who turns),
//! `allocations` (each allocation of one session fails in turn), `probe`, `waits`, `pulse`, `tally` and `line` (the modules that are called), `board` (what must never happen, seen from inside), `workloads`, `limits`.
//! From: `main` and the tests. To: the same worker, client, lanes and `Io` that a real node and its clients run.
//! Holds: a run is a function of seed, workload and planted bug: one thread, a driver with virtual time, disk and network, and an
//! order that is drawn.
//! Not here: the simulated driver (`crates/driver/src/sim`), what the model checker looks at (`crates/memory/tests/loom.rs`).

#[cfg(feature = "hooks")]
pub mod allocations;
pub mod limits;
pub mod workloads;

mod board;
mod choir;
mod conduit;
mod line;
#[cfg(test)]
mod narrow;
mod node;
mod person;
mod pipes;
mod probe;
mod pulse;
mod stage;
mod tally;
mod tasks;
mod waits;

use stage::Stage;
use std::panic::AssertUnwindSafe;
use windlass_memory::hooks::Plant;
use workloads::Workload;

/// What became of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The workload's name.
    pub workload: &'static str,
    /// What went wrong, if something did.
    pub failure: Option<String>,
    /// One number of all that happened.
    pub hash: u64,
    /// How many things happened.
    pub steps: u64,
    /// Virtual time that passed, nanoseconds.
    pub virtual_ns: u64,
    /// What happened last, if something went wrong.
    pub last: Vec<String>,
}

impl Outcome {
    /// The line that runs this again.
    pub fn replay(&self, plant: Option<Plant>) -> String {
        let plant = plant.map(|plant| format!(" --plant {}", plant.name())).unwrap_or_default();
        format!("cargo xtask sim --seed {} --workload {}{plant}", self.seed, self.workload)
    }
}

/// Runs one seed of a workload, with or without a planted bug.
///
/// # Errors
/// What the machine refuses: a directory, descriptors. What the run finds is in the outcome.
pub fn run(seed: u64, workload: &Workload, plant: Option<Plant>) -> std::io::Result<Outcome> {
    let stage = Stage::new(seed)?;
    board::clean();
    set_hooks(plant);
    let played = std::panic::catch_unwind(AssertUnwindSafe(|| stage.play(workload)));
    set_hooks(None);
    let failure = match played {
        Ok(Ok(())) => None,
        Ok(Err(text)) => Some(text),
        Err(payload) => Some(format!("a panic: {}", words(&*payload))),
    };
    let world = stage.world();
    let outcome = Outcome {
        seed,
        workload: workload.name,
        last: if failure.is_some() { world.trace_lines() } else { Vec::new() },
        failure,
        hash: world.trace_hash(),
        steps: world.steps(),
        virtual_ns: world.now(),
    };
    // Those of a run that failed may be in any state: what they say while they go is not looked at.
    let _left_behind = std::panic::catch_unwind(AssertUnwindSafe(|| stage.clear()));
    Ok(outcome)
}

#[cfg(feature = "hooks")]
fn set_hooks(plant: Option<Plant>) {
    windlass_memory::hooks::plant(plant);
    windlass_memory::hooks::fail_at(None);
}

#[cfg(not(feature = "hooks"))]
fn set_hooks(_: Option<Plant>) {}

fn words(payload: &(dyn std::any::Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("without words")
}
