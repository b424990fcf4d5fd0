//! Ids of pools, and queries over more containers than one hand can count.

use crate::shard::{self, pool, shard as shards, spread, stage};
use windlass::prelude::*;

#[test]
fn tasks_K25_a_pools_id_is_the_nodes_to_give_and_is_never_given_again() {
    let stage = stage();
    let mut seen = vec![0];
    for turn in 0..20 {
        let made = stage.admin().create_spread("shards", "shard", &[], 2, "round_robin").unwrap();
        assert!(!seen.contains(&made.id), "{} in turn {turn}", made.id);
        seen.push(made.id);
        let client = shards::Blocking::connect(&stage.address(), "shards").unwrap();
        assert_eq!(client.toward(Query::Id(1)).put(5).unwrap(), 1, "nothing of the pool before it");
        stage.admin().destroy_pool("shards").unwrap();
        stage.admin().create_spread("shards", "shard", &[], 2, "round_robin").unwrap();
        let stale = client.toward(Query::Id(1)).count().unwrap_err();
        assert!(stale.is(Code::UnknownPool), "the name lives on, the id does not: {stale:?}");
        stage.admin().destroy_pool("shards").unwrap();
    }
    assert!(stage.admin().destroy_pool("admin").unwrap_err().is(Code::Denied));
}

#[test]
fn tasks_K31_K32_a_query_of_hundreds_of_containers_reaches_each_once_and_never_leaves_the_node() {
    let stage = stage();
    let many = pool(&stage, "many", 300);
    let of = |query| many.toward(query);
    for at in 0..300 {
        of(Query::Id(at)).put(at).unwrap();
    }
    let calls = || -> Vec<u64> {
        let all = stage.admin().containers().unwrap();
        all.iter().filter(|one| one.pool == "many").map(|one| one.calls).collect()
    };
    let before = calls();
    let copied = stage.admin().node().unwrap().copied_bytes;
    assert_eq!(of(Query::Broadcast).all().unwrap(), (0..300).collect::<Vec<_>>());
    assert_eq!(of(Query::Range { first: 33, count: 200 }).all().unwrap(), (33..233).collect::<Vec<_>>());
    assert_eq!(of(Query::Range { first: 299, count: 1 }).all().unwrap(), [299]);
    assert_eq!(stage.admin().node().unwrap().copied_bytes, copied, "no buffer went anywhere");
    for (at, (before, after)) in before.iter().zip(calls()).enumerate() {
        let ranges = u64::from((33..233).contains(&at)) + u64::from(at == 299);
        assert_eq!(after - before, 1 + ranges, "container {at}: the broadcast, and the ranges it is in");
    }
}

#[test]
fn tasks_K37_each_pool_names_its_policy_and_one_that_there_is_not_is_told_which_there_are() {
    let stage = shard::with(|config| config.workers = 4);
    let homes = |name: &str| -> Vec<u32> {
        let all = stage.admin().containers().unwrap();
        all.iter().filter(|one| one.pool == name).map(|one| one.worker).collect()
    };
    let mut even = [0; 4];
    spread(&stage, "even", 8, "round_robin").unwrap();
    homes("even").iter().for_each(|worker| even[*worker as usize] += 1);
    assert_eq!(even, [2; 4]);
    spread(&stage, "pinned", 5, "pinned:2").unwrap();
    assert_eq!(homes("pinned"), [2; 5]);
    spread(&stage, "least", 3, "least_loaded").unwrap();
    assert!(!homes("least").contains(&2), "there is most already: {:?}", homes("least"));
    let fault = spread(&stage, "other", 1, "round_robbin").unwrap_err();
    assert!(fault.is(Code::BadArguments), "{fault:?}");
    for policy in ["round_robin", "least_loaded", "dedicated", "pinned:"] {
        assert!(fault.message.contains(policy), "{fault:?}");
    }
}

#[test]
fn tasks_K23_calls_of_one_group_meet_one_container_and_its_worker_whoever_sends_them() {
    let stage = shard::with(|config| config.workers = 3);
    let many = pool(&stage, "many", 7);
    let home = |at: usize| {
        let all = stage.admin().containers().unwrap();
        all.iter().filter(|one| one.pool == "many").nth(at).unwrap().worker
    };
    let homes: Vec<u32> = (0..7).map(home).collect();
    for group in 0..20_u64 {
        many.toward(Query::Broadcast).clear().unwrap();
        for _ in 0..5 {
            // A session of its own each time, so that every worker sends some.
            let other = shards::Blocking::connect(&stage.address(), "many").unwrap();
            other.toward(Query::Hash(group)).put(group).unwrap();
        }
        let with: Vec<usize> =
            (0..7).filter(|at| many.toward(Query::Id(*at as u64)).count().unwrap() > 0).collect();
        assert_eq!(with, [(group % 7) as usize], "group {group}");
        assert_eq!(many.toward(Query::Id(with[0] as u64)).count().unwrap(), 5);
    }
    assert_eq!((0..7).map(home).collect::<Vec<_>>(), homes, "and it stays there");
}

#[test]
fn tasks_K29_a_query_has_a_scope_and_a_selection_and_one_or_every_container_of_them() {
    let stage = stage();
    let shards = pool(&stage, "shards", 6);
    // Whom a query meets is emptied.
    let met = |query: Query| -> Vec<u64> {
        (0..6).for_each(|at| assert!(shards.toward(Query::Id(at)).put(1).unwrap() > 0));
        shards.toward(query).clear().unwrap();
        (0..6).filter(|at| shards.toward(Query::Id(*at)).count().unwrap() == 0).collect()
    };
    // Local: this node, or this node by its number; one container, the nearest.
    assert_eq!(met(Query::Local).len(), 1);
    assert_eq!(met(Query::Node(0)), met(Query::Local));
    // Direct: by id, by hash, by range of one.
    assert_eq!(
        (met(Query::Id(4)), met(Query::Hash(13)), met(Query::Range { first: 5, count: 1 })),
        (vec![4], vec![1], vec![5])
    );
    // All of a range, all of the pool: each once.
    assert_eq!((met(Query::Range { first: 2, count: 3 }), met(Query::Broadcast).len()), (vec![2, 3, 4], 6));
    // Dynamic: one, chosen by load, or by the module's own word (conformance of the hooks).
    assert_eq!(met(Query::Dynamic).len(), 1);
    // Another node's containers are not here.
    let fault = shards.toward(Query::Node(1)).count().unwrap_err();
    assert!(fault.is(Code::UnknownContainer) && fault.outcome == Outcome::NotStarted, "{fault:?}");
}
