//! What calls are expected to cost, and what follows from it.

use crate::shard::{shard, spread, with};
use windlass::prelude::*;

#[test]
fn tasks_K40_dynamic_calls_and_new_containers_avoid_a_worker_that_has_heavy_calls() {
    let stage = with(|config| config.workers = 2);
    let shards = spread(&stage, "shards", 2, "round_robin").unwrap();
    let homes: Vec<u32> = {
        let all = stage.admin().containers().unwrap();
        all.iter().filter(|one| one.pool == "shards").map(|one| one.worker).collect()
    };
    assert_ne!(homes[0], homes[1], "one on each worker");
    for busy in [0, 1] {
        let there = shards.toward(Query::Id(busy));
        for _ in 0..8 {
            there.chew(0).unwrap();
        }
        shards.toward(Query::Broadcast).clear().unwrap();
        // It waits, and is expected to hold its worker for half a millisecond as often as it comes back.
        let pending = there.pool().call(shard::methods::chew()).argument(&3_600_000u64).send();
        there.count().unwrap();
        for number in 0..20 {
            shards.toward(Query::Dynamic).put(number).unwrap();
        }
        assert_eq!(shards.toward(Query::Id(1 - busy)).count().unwrap(), 20, "none went where the heavy call is");
        let name = format!("least-{busy}");
        spread(&stage, &name, 1, "least_loaded").unwrap();
        let made = stage.admin().containers().unwrap().into_iter().find(|one| one.pool == name).unwrap();
        assert_eq!(made.worker, homes[1 - busy as usize]);
        stage.admin().destroy_pool(&name).unwrap();
        pending.cancel();
        assert!(pending.wait().unwrap_err().is(Code::Cancelled));
    }
}

#[test]
fn tasks_K40_what_is_learnt_is_how_long_calls_hold_their_worker_and_not_how_long_they_wait() {
    let stage = with(|config| config.workers = 1);
    let shards = spread(&stage, "shards", 1, "round_robin").unwrap();
    for _ in 0..16 {
        shards.wait(3).unwrap();
    }
    let samples = stage.admin().samples("shards", "wait").unwrap();
    assert_eq!(samples.len(), 16);
    assert!(samples.iter().all(|one| one.held_us > 0.0 && one.ran_us - one.held_us >= 2900.0), "{samples:?}");
    let heavy = stage.admin().lanes().unwrap().into_iter().find(|lane| lane.lane == "heavy").unwrap();
    assert_eq!((heavy.class.as_str(), heavy.share), ("background", 250));
}
