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
