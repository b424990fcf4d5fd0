//! Pools of several containers: how they come and go, where calls go, how answers become one.
#![allow(clippy::disallowed_methods, reason = "clients of several threads")]

use crate::shard::{pool, shard, spread, stage, with};
use std::sync::mpsc::channel;
use windlass::prelude::*;
use windlass_runtime::PoolSpec;

#[test]
fn tasks_K28_a_pool_has_as_many_containers_as_it_was_made_with_each_with_a_state_of_its_own() {
    let stage = stage();
    let shards = pool(&stage, "shards", 5);
    for at in 0..5 {
        assert_eq!(shards.toward(Query::Id(at)).put(at).unwrap(), 1);
    }
    for at in 0..5 {
        assert_eq!(shards.toward(Query::Id(at)).all().unwrap(), [at]);
    }
    let fault = shards.toward(Query::Id(5)).count().unwrap_err();
    assert!(fault.is(Code::UnknownContainer) && fault.message.contains("5 containers of shards"), "{fault:?}");
    assert_eq!(stage.admin().find_pool("shards").unwrap().containers, 5);
}

#[test]
fn tasks_K30_queries_meet_the_containers_that_they_name() {
    let stage = stage();
    let shards = pool(&stage, "shards", 4);
    for hash in 0..40 {
        shards.toward(Query::Hash(hash)).put(hash).unwrap();
    }
    for at in 0..4 {
        let expected: Vec<u64> = (0..10).map(|turn| turn * 4 + at).collect();
        assert_eq!(shards.toward(Query::Id(at)).all().unwrap(), expected);
    }
    assert_eq!(shards.toward(Query::Range { first: 1, count: 2 }).count().unwrap(), 20);
    assert_eq!(shards.toward(Query::Range { first: 3, count: 1 }).count().unwrap(), 10);
    assert_eq!(shards.toward(Query::Broadcast).count().unwrap(), 40);
    for query in [Query::Range { first: 3, count: 2 }, Query::Range { first: 0, count: 0 }, Query::Node(3)] {
        assert!(shards.toward(query).count().unwrap_err().is(Code::UnknownContainer), "{query:?}");
    }
    // Without a query a call stays with its session's worker, where this pool has a container.
    let local: Vec<u64> = (0..4).map(|_| shards.count().unwrap()).collect();
    assert!(local.iter().all(|count| *count == 10), "{local:?}");
    // Dynamic calls go where there is least to do; of equals, to one after another.
    shards.toward(Query::Broadcast).clear().unwrap();
    for _ in 0..40 {
        shards.toward(Query::Dynamic).put(1).unwrap();
    }
    assert_eq!(shards.toward(Query::Broadcast).count().unwrap(), 40);
}

#[test]
fn tasks_K33_a_broadcast_runs_once_per_container_and_its_answers_are_folded_in_their_order() {
    let stage = stage();
    let shards = pool(&stage, "shards", 6);
    let all = shards.toward(Query::Broadcast);
    for at in 0..6 {
        shards.toward(Query::Id(at)).put(100 + at).unwrap();
    }
    assert_eq!(all.all().unwrap(), [100, 101, 102, 103, 104, 105]);
    assert_eq!(all.count().unwrap(), 6);
    assert_eq!(all.greatest().unwrap(), Some(105));
    shards.toward(Query::Id(4)).put(1).unwrap();
    assert_eq!(all.echo("ab").unwrap(), "ababab", "by a function of the module's own");
    all.clear().unwrap();
    assert_eq!(all.count().unwrap(), 0);
    let fault = all.single().unwrap_err();
    assert!(fault.is(Code::Unsupported) && fault.message.contains("aggregate"), "{fault:?}");
    assert_eq!(fault.outcome, Outcome::NotStarted);
}

#[test]
fn tasks_K33_the_first_fault_of_a_broadcast_names_its_container_and_the_others_have_run() {
    let stage = stage();
    let shards = pool(&stage, "shards", 4);
    shards.toward(Query::Id(2)).put(1).unwrap();
    let fault = shards.toward(Query::Broadcast).picky().unwrap_err();
    assert!(fault.message.starts_with("container 2: it has numbers"), "{fault:?}");
    assert_eq!(shards.toward(Query::Range { first: 0, count: 2 }).picky().unwrap(), 2);
    let workers = stage.admin().containers().unwrap();
    assert!(workers.iter().filter(|one| one.pool == "shards").all(|one| one.calls > 0 && one.live == 0));
}

#[test]
fn a_broadcast_that_is_cancelled_or_late_ends_everywhere() {
    let stage = stage();
    let shards = pool(&stage, "shards", 5);
    let all = shards.pool().toward(Query::Broadcast);
    assert_eq!(shards.toward(Query::Broadcast).wait_all(3).unwrap(), 3);
    let pending = all.call(shard::methods::wait_all()).argument(&3_600_000u64).send();
    shards.count().unwrap();
    pending.cancel();
    let fault = pending.wait().unwrap_err();
    assert!(fault.is(Code::Cancelled), "{fault:?}");
    let late = all.call(shard::methods::wait_all()).argument(&3_600_000u64);
    let late = late.deadline(std::time::Duration::from_millis(20)).wait().unwrap_err();
    assert!(late.is(Code::DeadlineExceeded), "{late:?}");
    let live: u64 = stage.admin().containers().unwrap().iter().map(|one| one.live).sum();
    assert_eq!(live, 1, "the question itself");
}

#[test]
fn one_frozen_loan_goes_to_all_containers_of_a_broadcast_with_no_copy() {
    let stage = stage();
    let shards = pool(&stage, "shards", 6);
    let bytes = vec![1u8; 1 << 20];
    let frozen = shards.pool().client().freeze(&bytes).unwrap();
    let before = stage.admin().node().unwrap();
    assert_eq!(shards.toward(Query::Broadcast).weigh(&frozen).unwrap(), 6 << 20);
    let after = stage.admin().node().unwrap();
    assert_eq!(after.copied_bytes, before.copied_bytes);
    // Bytes that are sent as they are, are copied once for all of them.
    assert_eq!(shards.toward(Query::Broadcast).weigh(&bytes).unwrap(), 6 << 20);
    assert_eq!(stage.admin().node().unwrap().copied_bytes - after.copied_bytes, 1 << 20);
    let client = shards.pool().client();
    let mut loan = client.lend(10).unwrap();
    loan.fill(1);
    let written = shards.toward(Query::Broadcast).bump(loan).unwrap_err();
    assert!(written.is(Code::BadBuffer) || written.is(Code::Unsupported), "{written:?}");
}

#[test]
fn tasks_K26_a_pool_is_made_whole_or_not_at_all() {
    let stage = stage();
    let parameters = [2u8];
    let fault = stage.admin().create_spread("half", "shard", &parameters, 4, "round_robin").unwrap_err();
    assert!(fault.message.starts_with("half: container"), "{fault:?}");
    assert!(stage.admin().find_pool("half").unwrap_err().is(Code::UnknownPool));
    assert!(stage.admin().containers().unwrap().iter().all(|one| one.pool == "admin"));
    assert!(stage.admin().workers().unwrap().iter().map(|one| one.containers).sum::<u32>() <= 1);
    // The name is free.
    stage.admin().create_spread("half", "shard", &[], 4, "round_robin").unwrap();
    assert_eq!(stage.admin().find_pool("half").unwrap().containers, 4);
}

#[test]
fn tasks_K27_the_same_name_with_other_containers_is_a_fault_and_with_the_same_is_the_same_pool() {
    let stage = stage();
    let made = stage.admin().create_spread("shards", "shard", &[], 3, "round_robin").unwrap();
    assert_eq!(stage.admin().create_spread("shards", "shard", &[], 3, "round_robin").unwrap().id, made.id);
    assert_eq!(stage.admin().create_pool("shards", "shard", &[]).unwrap().id, made.id);
    for (containers, placement) in [(2, "round_robin"), (3, "pinned:1")] {
        let fault = stage.admin().create_spread("shards", "shard", &[], containers, placement).unwrap_err();
        assert!(fault.is(Code::PoolExists) && fault.message.contains("3 containers (round_robin)"), "{fault:?}");
    }
    for (containers, placement) in [(0, ""), (1025, ""), (1, "pinned:3"), (1, "somewhere"), (4, "dedicated")] {
        let fault = stage.admin().create_spread("other", "shard", &[], containers, placement).unwrap_err();
        assert!(fault.is(Code::BadArguments), "{fault:?}");
    }
}

#[test]
fn tasks_K36_placements_put_containers_where_they_say() {
    let stage = with(|config| {
        config.workers = 4;
        config
            .pools
            .push(PoolSpec { placement: windlass_runtime::Placement::Dedicated, ..PoolSpec::new("own", "shard") });
    });
    let homes = |name: &str| -> Vec<u32> {
        let all = stage.admin().containers().unwrap();
        all.iter().filter(|one| one.pool == name).map(|one| one.worker).collect()
    };
    assert_eq!(homes("own"), [3]);
    spread(&stage, "pinned", 3, "pinned:1").unwrap();
    assert_eq!(homes("pinned"), [1, 1, 1]);
    spread(&stage, "round", 6, "round_robin").unwrap();
    let round = homes("round");
    assert!(!round.contains(&3), "a dedicated worker is left alone: {round:?}");
    for worker in 0..3 {
        assert_eq!(round.iter().filter(|one| **one == worker).count(), 2, "{round:?}");
    }
    spread(&stage, "least", 2, "least_loaded").unwrap();
    assert!(homes("least").iter().all(|worker| *worker == 0 || *worker == 2), "{:?}", homes("least"));
}

#[test]
fn tasks_K43_a_pool_ends_on_every_worker_when_all_of_its_containers_agree() {
    let stage = stage();
    let shards = pool(&stage, "shards", 3);
    shards.toward(Query::Id(2)).refuse_end(true).unwrap();
    let fault = stage.admin().destroy_pool("shards").unwrap_err();
    assert_eq!(fault.message, "it stays");
    assert_eq!(shards.toward(Query::Broadcast).count().unwrap(), 0);
    shards.toward(Query::Id(2)).refuse_end(false).unwrap();
    stage.admin().destroy_pool("shards").unwrap();
    for at in 0..3 {
        assert!(shards.toward(Query::Id(at)).count().unwrap_err().is(Code::UnknownPool));
    }
    assert!(stage.admin().containers().unwrap().iter().all(|one| one.pool == "admin"));
}

#[test]
fn pools_may_be_made_and_ended_from_all_sides_at_once() {
    let stage = stage();
    let (done, ended) = channel();
    let threads: Vec<_> = (0..4)
        .map(|who: u32| {
            let (admin, address, done) = (stage.admin(), stage.address(), done.clone());
            std::thread::Builder::new()
                .spawn(move || {
                    for round in 0..10 {
                        let name = format!("p{}", (who + round) % 3);
                        // Another may be making it, or ending it, at this moment.
                        let _may_be_refused = admin.create_spread(&name, "shard", &[], 1 + who % 3, "round_robin");
                        if let Ok(client) = shard::Blocking::connect(&address, &name) {
                            let _may_have_ended = client.toward(Query::Broadcast).count();
                        }
                        let _may_be_refused = admin.destroy_pool(&name);
                    }
                    done.send(()).unwrap();
                })
                .unwrap()
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(ended.try_iter().count(), 4);
    for name in ["p0", "p1", "p2"] {
        let _may_be_gone = stage.admin().destroy_pool(name);
    }
    assert!(stage.admin().containers().unwrap().iter().all(|one| one.pool == "admin"));
    assert_eq!(stage.admin().workers().unwrap().iter().map(|one| one.containers).sum::<u32>(), 1);
}
