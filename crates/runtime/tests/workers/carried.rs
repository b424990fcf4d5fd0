//! Calls that another worker runs: answers, order, buffers, cancel, deadline, death, the node's end.

use crate::shard::{Shard, pool, shard, spread, stage, with};
use crate::stage::{Stage, block_on};
use std::time::Duration;
use windlass::prelude::*;
use windlass_runtime::NodeEnd;

/// Waits until something holds, but not for ever.
fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..20_000 {
        if holds() {
            return;
        }
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_micros(500));
    }
    panic!("{what}");
}

/// Clients of one session each, on all workers.
fn clients(stage: &Stage, name: &str) -> Vec<shard::Blocking> {
    (0..3).map(|_| shard::Blocking::connect(&stage.address(), name).unwrap()).collect()
}

#[test]
fn tasks_K35_K36_sessions_are_spread_over_the_workers_and_every_one_reaches_every_container() {
    let stage = stage();
    let _first = pool(&stage, "shards", 3);
    let clients = clients(&stage, "shards");
    let mut homes: Vec<u32> = stage.admin().sessions().unwrap().iter().map(|one| one.worker).collect();
    homes.sort_unstable();
    homes.dedup();
    assert_eq!(homes, [0, 1, 2]);
    for (number, client) in (0u64..).zip(&clients) {
        for at in 0..3 {
            assert_eq!(client.toward(Query::Id(at)).put(number).unwrap(), number + 1);
        }
    }
    let workers = stage.admin().workers().unwrap();
    assert_eq!(workers.len(), 3);
    assert!(workers.iter().all(|worker| worker.containers > 0), "{workers:?}");
    assert!(workers.iter().map(|worker| worker.carried).sum::<u64>() >= 6, "{workers:?}");
    let containers = stage.admin().containers().unwrap();
    let homes: Vec<u32> = containers.iter().filter(|one| one.pool == "shards").map(|one| one.worker).collect();
    assert_eq!(homes, [0, 1, 2]);
}

#[test]
fn calls_of_one_session_to_one_container_start_in_the_order_they_were_sent() {
    let stage = stage();
    let _first = pool(&stage, "shards", 3);
    for client in clients(&stage, "shards") {
        for at in 0..3 {
            let there = client.pool().toward(Query::Id(at));
            let pending: Vec<_> =
                (0..200u64).map(|number| there.call(shard::methods::put()).argument(&number).send()).collect();
            pending.into_iter().for_each(|one| drop(one.wait().unwrap()));
            let there = client.toward(Query::Id(at));
            assert_eq!(there.all().unwrap(), (0..200).collect::<Vec<_>>());
            there.clear().unwrap();
        }
    }
}

#[test]
fn calls_of_one_key_never_overlap_whichever_worker_they_come_from() {
    let stage = stage();
    let _first = pool(&stage, "shards", 2);
    let clients = clients(&stage, "shards");
    let mut pending = Vec::new();
    for number in 0..100u64 {
        for client in &clients {
            let there = client.pool().toward(Query::Id(1));
            pending.push(there.call(shard::methods::note()).argument("k").argument(&number).send());
        }
    }
    pending.into_iter().for_each(|one| drop(one.wait().unwrap()));
    let noted = clients[0].toward(Query::Id(1)).notes("k").unwrap();
    assert_eq!(noted.len(), 300);
    for number in 0..100 {
        assert_eq!(noted.iter().filter(|one| **one == number).count(), 3);
    }
}

#[test]
fn buffers_of_every_kind_reach_a_container_of_another_worker_and_come_back() {
    let stage = stage();
    let _first = pool(&stage, "shards", 3);
    let bytes: Vec<u8> = (0..300_000u32).map(|at| at as u8).collect();
    let weight: u64 = bytes.iter().map(|byte| u64::from(*byte)).sum();
    for client in clients(&stage, "shards") {
        for at in 0..3 {
            let there = client.toward(Query::Id(at));
            for _ in 0..3 {
                assert_eq!(there.weigh(&bytes).unwrap(), weight);
                let (length, out) = there.turn(&bytes, bytes.len()).unwrap();
                assert_eq!(length as usize, out.len());
                assert!(out.iter().rev().eq(bytes.iter()));
                let mut loan = client.pool().client().lend(1000).unwrap();
                loan.fill(7);
                let (loan, used) = there.bump(loan).unwrap();
                assert!(used == 1000 && loan.iter().all(|byte| *byte == 8));
            }
            let frozen = client.pool().client().freeze(&bytes).unwrap();
            assert_eq!(there.weigh(&frozen).unwrap(), weight);
            let long = "x".repeat(60_000);
            assert_eq!(there.echo(&long).unwrap(), long);
        }
    }
    let leases: u32 = stage.admin().sessions().unwrap().iter().map(|one| one.leases).sum();
    assert_eq!(leases, 0, "views were dropped");
}

#[test]
fn a_carried_call_ends_when_it_is_cancelled_is_late_or_panics() {
    let stage = stage();
    let _first = pool(&stage, "shards", 3);
    for client in clients(&stage, "shards") {
        for at in 0..3 {
            let there = client.pool().toward(Query::Id(at));
            let pending = there.call(shard::methods::wait()).argument(&3_600_000u64).send();
            pending.cancel();
            assert!(pending.wait().unwrap_err().is(Code::Cancelled));
            let late = there.call(shard::methods::wait()).argument(&3_600_000u64);
            let late = late.deadline(Duration::from_millis(20)).wait().unwrap_err();
            assert!(late.is(Code::DeadlineExceeded), "{late:?}");
            let there = client.toward(Query::Id(at));
            assert!(there.panic().unwrap_err().is(Code::Panicked));
            assert_eq!(there.block(4).unwrap(), 5);
        }
    }
    until("nothing lives", || stage.admin().workers().unwrap().iter().map(|one| one.tasks).sum::<u64>() == 1);
}

#[test]
fn nested_calls_cross_workers_and_are_cancelled_with_their_root() {
    let stage = stage();
    let _first = pool(&stage, "shards", 3);
    for client in clients(&stage, "shards") {
        client.toward(Query::Broadcast).clear().unwrap();
        for at in 0..3 {
            client.toward(Query::Id(at)).put(at).unwrap();
        }
        assert_eq!(client.count_of("shards").unwrap(), 3);
        for (from, to) in [(0, 1), (1, 2), (2, 0), (1, 1)] {
            assert_eq!(client.toward(Query::Id(from)).wait_there("shards", to, 1).unwrap(), 1);
            let there = client.pool().toward(Query::Id(from));
            let call = there.call(shard::methods::wait_there());
            let pending = call.argument("shards").argument(&to).argument(&3_600_000u64).send();
            pending.cancel();
            assert!(pending.wait().unwrap_err().is(Code::Cancelled));
        }
    }
    until("nothing lives", || stage.admin().workers().unwrap().iter().map(|one| one.tasks).sum::<u64>() == 1);
}

#[test]
fn tasks_K52_what_a_client_that_goes_had_at_other_workers_ends_and_returns() {
    let stage = stage();
    let first = pool(&stage, "shards", 3);
    let before = stage.admin().node().unwrap().segment_bytes;
    for _ in 0..6 {
        let client = shard::Blocking::connect(&stage.address(), "shards").unwrap();
        let mut pending = Vec::new();
        for at in 0..3 {
            let there = client.pool().toward(Query::Id(at));
            pending.push(there.call(shard::methods::wait()).argument(&3_600_000u64).send());
            pending.push(there.call(shard::methods::weigh()).input(&[1u8; 4096]).send());
        }
        client.toward(Query::Id(2)).count().unwrap();
        client.pool().client().vanish();
        drop(pending);
    }
    until("sessions end", || stage.admin().node().unwrap().sessions <= 2);
    until("calls end", || stage.admin().workers().unwrap().iter().map(|one| one.tasks).sum::<u64>() == 1);
    until("memory returns", || stage.admin().node().unwrap().segment_bytes <= before + (1 << 20));
    assert_eq!(first.toward(Query::Id(1)).block(1).unwrap(), 2);
}

#[test]
fn tasks_K19_detached_calls_are_accepted_and_run_on_the_worker_of_their_container() {
    let stage = stage();
    let _first = pool(&stage, "shards", 3);
    for (number, client) in (0..).zip(clients(&stage, "shards")) {
        for at in 0..3 {
            client.toward(Query::Id(at)).drop_off(number).unwrap();
        }
    }
    stage.admin().flush().unwrap();
    assert_eq!(pool(&stage, "shards", 3).toward(Query::Broadcast).count().unwrap(), 9);
}

#[test]
fn tasks_K45_a_flush_waits_for_calls_of_every_worker() {
    let stage = stage();
    let _first = pool(&stage, "shards", 3);
    let clients = clients(&stage, "shards");
    let mut pending = Vec::new();
    for client in &clients {
        for at in 0..3 {
            let there = client.pool().toward(Query::Id(at));
            pending.push(there.call(shard::methods::wait()).argument(&30u64).send());
        }
        // What was sent before is on its way when this is answered.
        client.toward(Query::Id(0)).count().unwrap();
    }
    stage.admin().flush().unwrap();
    let live: u64 =
        stage.admin().containers().unwrap().iter().filter(|one| one.pool == "shards").map(|one| one.live).sum();
    assert_eq!(live, 0, "what was accepted before has ended");
    pending.into_iter().for_each(|one| drop(one.wait().unwrap()));
}

#[test]
fn a_node_that_stops_lets_carried_calls_end_and_answers_those_that_do_not() {
    for (wait_ms, drain_ms) in [(50, 10_000), (3_600_000, 20)] {
        let stage = stage();
        let _first = pool(&stage, "shards", 3);
        let clients = clients(&stage, "shards");
        let mut pending = Vec::new();
        for client in &clients {
            for at in 0..3 {
                let there = client.pool().toward(Query::Id(at));
                pending.push(there.call(shard::methods::wait()).argument(&wait_ms).send());
            }
            client.toward(Query::Id(1)).count().unwrap();
        }
        stage.admin().stop(drain_ms).unwrap();
        for one in pending {
            match one.wait() {
                Ok(_) => assert_eq!(wait_ms, 50),
                Err(fault) => assert!(wait_ms > 50 && fault.is(Code::Draining), "{fault:?}"),
            }
        }
        drop(clients);
        assert_eq!(stage.ended(), NodeEnd::Stopped);
    }
}

#[test]
fn a_worker_that_is_held_keeps_nobody_else_and_is_named_and_avoided() {
    let stage = with(|config| config.stall_ms = 5);
    let first = spread(&stage, "shards", 3, "round_robin").unwrap();
    let clients = clients(&stage, "shards");
    let sessions = stage.admin().sessions().unwrap();
    let home = |client: &shard::Blocking| {
        let number = client.pool().client().welcome().session;
        sessions.iter().find(|one| one.id == number).unwrap().worker
    };
    let near = clients.iter().find(|client| home(client) == 0).unwrap();
    let admin = windlass_admin::admin::Blocking::on(near.pool().client().admin());
    let hog = first.pool().toward(Query::Id(2)).call(shard::methods::hog()).argument(&2_000u64).send();
    until("the watchdog names it", || admin.workers().unwrap()[2].stalled);
    for _ in 0..20 {
        near.toward(Query::Dynamic).put(1).unwrap();
    }
    // A session that begins now gets another worker, and so does a container.
    let late = shard::Blocking::connect(&stage.address(), "shards").unwrap();
    late.toward(Query::Id(1)).put(1).unwrap();
    admin.create_spread("more", "shard", &[], 4, "round_robin").unwrap();
    let still = admin.workers().unwrap()[2].stalled;
    drop(hog.wait().unwrap());
    assert!(still, "all that was done while it was held");
    assert_eq!(first.toward(Query::Id(2)).count().unwrap(), 0, "nothing was placed on the worker that was held");
    assert!(admin.containers().unwrap().iter().all(|one| one.pool != "more" || one.worker != 2));
    assert!(admin.node().unwrap().stalls > 0);
}

#[test]
fn tasks_K36_connections_that_wait_for_a_worker_which_is_held_are_given_to_others() {
    // So long that they are given to it before the watchdog has named it.
    let stage = with(|config| config.stall_ms = 250);
    let first = spread(&stage, "shards", 3, "round_robin").unwrap();
    let clients = clients(&stage, "shards");
    let sessions = stage.admin().sessions().unwrap();
    let near = clients.iter().find(|client| {
        let number = client.pool().client().welcome().session;
        sessions.iter().any(|one| one.id == number && one.worker == 0)
    });
    let admin = windlass_admin::admin::Blocking::on(near.unwrap().pool().client().admin());
    let hog = first.pool().toward(Query::Id(2)).call(shard::methods::hog()).argument(&3_000u64).send();
    until("it begins", || admin.containers().unwrap().iter().filter(|one| one.pool == "shards").count() < 3);
    // One for each worker at least.
    let late: Vec<_> = (0..4).map(|_| shard::Blocking::connect(&stage.address(), "shards").unwrap()).collect();
    let held = admin.workers().unwrap()[2].stalled;
    assert!(held, "all of them were let in while it was held");
    for client in &late {
        client.toward(Query::Id(1)).put(1).unwrap();
    }
    let homes = admin.sessions().unwrap();
    let known = |client: &&shard::Blocking| {
        let number = client.pool().client().welcome().session;
        homes.iter().any(|one| one.id == number && one.worker != 2)
    };
    assert_eq!(late.iter().filter(known).count(), 4, "by workers that are not: {homes:?}");
    assert!(admin.workers().unwrap()[2].stalled);
    hog.wait().unwrap();
    let counted: u32 = admin.workers().unwrap().iter().map(|one| one.sessions).sum();
    assert_eq!(counted as usize, admin.sessions().unwrap().len(), "each is counted where it is");
}

#[test]
fn futures_of_carried_calls_wake_their_tasks() {
    let stage = stage();
    let _first = pool(&stage, "shards", 3);
    let client = block_on(shard::Client::connect(&stage.address(), "shards")).unwrap();
    for round in 0..50 {
        assert_eq!(block_on(client.toward(Query::Id(round % 3)).block(round)).unwrap(), round + 1);
    }
    let _table = Shard::TABLE;
}
