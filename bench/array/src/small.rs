//! Small calls from Python: `a + 1` of a thousand elements, and what of it is the call's.
//!
//! Lives here: `measure`, `Small` (one figure). The calls themselves: `contenders/small.py`.
//! Holds: node and interpreter are where the placement says; each round starts both anew, and placements take turns.

use crate::spread::Spread;
use crate::worker::{Contender, Scripts, Worker, WorkerError};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use windlass_bench::figures::median;
use windlass_bench::place::Placement;

/// Elements of a small array.
pub const ELEMENTS: u64 = 1000;

/// Where node and interpreter run: on one core, or on two, where both spin.
pub const PLACEMENTS: [Placement; 3] = Placement::ALL;

/// Latency of one kind of call in one placement.
#[derive(Debug, Clone, PartialEq)]
pub struct Small {
    /// `ours-add`, `ours-sum`, `ours-ping`, `numpy-add`.
    pub name: String,
    /// Where.
    pub placement: Placement,
    /// Of the rounds' medians, microseconds.
    pub p50_us: Spread,
    /// Median of the rounds' 99th percentiles, microseconds.
    pub p99_us: f64,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Latency {
    p50_ns: f64,
    p99_ns: f64,
}

/// Measures in every placement.
///
/// # Errors
/// The worker's; a wrong answer is one.
pub fn measure(scripts: &Scripts, calls: u32, rounds: u32) -> Result<Vec<Small>, WorkerError> {
    let mut found: Vec<BTreeMap<String, Vec<Latency>>> = PLACEMENTS.iter().map(|_| BTreeMap::new()).collect();
    for _ in 0..rounds {
        for (placement, found) in PLACEMENTS.iter().zip(&mut found) {
            let mut worker = Worker::start(scripts, Contender::Ours)?;
            let asked = json!({"do": "small", "n": ELEMENTS, "calls": calls, "placement": placement.to_string()});
            let answer: BTreeMap<String, Latency> = worker.ask(&asked)?;
            for (name, latency) in answer {
                found.entry(name).or_default().push(latency);
            }
        }
    }
    let mut all = Vec::new();
    for (placement, found) in PLACEMENTS.into_iter().zip(found) {
        for (name, latencies) in found {
            let of = |figure: fn(&Latency) -> f64| latencies.iter().map(figure).collect::<Vec<f64>>();
            let (p50s, p99s) = (of(|one| one.p50_ns / 1e3), of(|one| one.p99_ns / 1e3));
            if let (Some(p50_us), Some(p99_us)) = (Spread::of(&p50s), median(&p99s)) {
                all.push(Small { name, placement, p50_us, p99_us });
            }
        }
    }
    Ok(all)
}
