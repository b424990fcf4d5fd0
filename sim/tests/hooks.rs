//! What only a build with hooks shows: refused memory, lying clients, and that planted bugs are found.
#![cfg(feature = "hooks")]

use windlass_memory::hooks::Plant;
use windlass_sim::allocations::{Part, sweep};
use windlass_sim::limits::{SEEDS_IN_TESTS, SEEDS_PER_PLANT};
use windlass_sim::{run, workloads};

fn holds(name: &str) {
    let workload = workloads::by_name(name).unwrap();
    for seed in 0..SEEDS_IN_TESTS {
        let outcome = run(seed, workload, None).unwrap();
        let failure = outcome.failure.clone();
        assert!(failure.is_none(), "{}\n{}\n{}", outcome.last.join("\n"), failure.unwrap(), outcome.replay(None));
    }
}

#[test]
fn refused_memory_is_told_to_whom_it_concerns_and_nothing_leaks() {
    holds("memory");
}

#[test]
fn a_client_that_lies_is_refused_and_its_neighbours_notice_nothing() {
    holds("lies");
}

/// Every door of a node's beginning, and every seventh of a session's run; `cargo xtask sim --allocations` has them all.
#[test]
fn each_allocation_that_fails_is_told_to_the_one_who_asked_and_nothing_leaks() {
    for (part, least, from, every) in [(Part::Beginning, 1, 0, 1), (Part::Session, 100, 0, 7)] {
        let swept = sweep(part, from, every).unwrap();
        assert!(swept.failures.is_empty(), "{}: {:#?}", part.name(), swept.failures);
        assert!(swept.doors >= least && swept.told > 0, "{swept:?}");
    }
}

#[test]
fn each_planted_bug_is_found() {
    for plant in Plant::ALL {
        let workload = workloads::that_finds(plant).unwrap();
        let found = (0..SEEDS_PER_PLANT).find(|seed| run(*seed, workload, Some(plant)).unwrap().failure.is_some());
        assert!(found.is_some(), "{} is not found", plant.name());
    }
}
