//! Some seeds of every workload, and what a seed promises. `cargo xtask sim` runs more, and with all hooks.

use windlass_sim::limits::SEEDS_IN_TESTS;
use windlass_sim::{Outcome, run, workloads};

fn play(name: &str, seeds: std::ops::Range<u64>) -> Vec<Outcome> {
    let workload = workloads::by_name(name).unwrap();
    seeds.map(|seed| run(seed, workload, None).unwrap()).collect()
}

fn holds(name: &str) {
    for outcome in play(name, 0..SEEDS_IN_TESTS) {
        let failure = outcome.failure.clone();
        assert!(failure.is_none(), "{}\n{}\n{}", outcome.last.join("\n"), failure.unwrap(), outcome.replay(None));
    }
}

#[test]
fn calls_of_every_kind_are_answered_once_and_everything_returns() {
    holds("calls");
}

#[test]
fn calls_of_a_key_begin_in_order_and_never_overlap() {
    holds("order");
}

#[test]
fn background_calls_begin_although_other_work_never_ends() {
    holds("share");
}

#[test]
fn clients_and_nodes_die_and_nobody_waits_for_ever() {
    holds("death");
}

#[test]
fn calls_of_a_container_that_moves_keep_their_order_and_none_is_lost() {
    holds("moves");
}

#[test]
fn calls_of_one_key_of_a_shared_container_keep_their_order_and_never_meet() {
    holds("sharing");
}

#[test]
fn a_session_that_goes_to_where_its_calls_go_loses_none_and_keeps_their_order() {
    holds("travel");
}

#[test]
fn values_of_streams_come_in_order_and_methods_that_nobody_reads_end() {
    holds("streams");
}

#[test]
fn what_was_made_durable_is_there_after_a_power_cut() {
    holds("files");
}

#[test]
fn bytes_of_a_connection_are_in_order_and_whoever_waits_at_a_closed_one_is_told() {
    holds("sockets");
}

#[test]
fn what_a_block_device_answered_survives_the_death_of_its_node() {
    holds("bdev");
}

#[test]
fn calls_that_wait_for_each_other_are_served_as_they_came_and_none_is_forgotten() {
    holds("waits");
}

#[test]
fn methods_that_the_node_calls_by_itself_keep_their_period_and_end_with_their_pool() {
    holds("periods");
}

#[test]
fn calls_over_connections_that_are_cut_in_mid_chunk_are_each_answered() {
    holds("wire");
}

#[test]
fn a_run_is_a_function_of_its_seed() {
    for workload in workloads::ALL {
        let runs = [play(workload.name, 0..6), play(workload.name, 0..6)];
        assert_eq!(runs[0], runs[1], "{}", workload.name);
        let hashes: std::collections::BTreeSet<u64> = runs[0].iter().map(|outcome| outcome.hash).collect();
        assert_eq!(hashes.len(), 6, "each seed of {} has a history of its own", workload.name);
    }
}

#[test]
fn calls_cross_workers_and_are_answered_once_and_a_broadcast_meets_each_container_once() {
    holds("workers");
}
