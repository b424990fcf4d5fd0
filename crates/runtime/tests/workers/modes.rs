//! Modes of pools, changed while they run, and containers that move for that.
#![allow(clippy::disallowed_methods, reason = "clients of several threads")]

use crate::ledger::{Ledger, Plain, ledger, plain};
use crate::shard::{self, spread};
use crate::stage::Stage;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use windlass::prelude::*;
use windlass_runtime::{Mode, PoolSpec};

fn stage(workers: usize) -> Stage {
    shard::with(|config| {
        config.workers = workers;
        config.modules.extend([Ledger::TABLE, Plain::TABLE]);
    })
}

fn homes(stage: &Stage, name: &str) -> Vec<u32> {
    stage.admin().pool_modes(name).unwrap().remove(0).workers
}

fn ledgers(stage: &Stage, name: &str, containers: u32) -> ledger::Blocking {
    stage.admin().create_spread(name, "ledger", &[], containers, "round_robin").unwrap();
    ledger::Blocking::connect(&stage.address(), name).unwrap()
}

fn plains(stage: &Stage, name: &str, containers: u32) -> plain::Blocking {
    stage.admin().create_spread(name, "plain", &[], containers, "round_robin").unwrap();
    plain::Blocking::connect(&stage.address(), name).unwrap()
}

#[test]
fn rpc_R13_a_pool_is_dedicated_shared_or_bundled_and_that_changes_while_it_runs() {
    let stage = stage(4);
    let admin = stage.admin();
    let plain = plains(&stage, "plain", 8);
    let own = ledgers(&stage, "own", 2);
    own.toward(Query::Broadcast).count().unwrap();
    (0..2).for_each(|at| assert_eq!(own.toward(Query::Id(at)).put(at, at).unwrap(), 1));
    let kept = homes(&stage, "own");
    // Dedicated: others leave its workers, and none is placed there.
    let set = admin.set_pool_mode("own", "dedicated").unwrap();
    assert_eq!((set.mode.as_str(), set.moved, set.stays.len()), ("dedicated", 4, 0), "{set:?}");
    assert_eq!(homes(&stage, "own"), kept, "it stays where it is");
    assert!(homes(&stage, "plain").iter().all(|worker| !kept.contains(worker)), "{:?}", homes(&stage, "plain"));
    plains(&stage, "later", 6);
    assert!(homes(&stage, "later").iter().all(|worker| !kept.contains(worker)));
    assert_eq!(plain.toward(Query::Broadcast).one().unwrap(), 8, "all are there");
    // Shared: others may come again.
    assert_eq!(admin.set_pool_mode("own", "shared").unwrap().moved, 0);
    plains(&stage, "last", 4);
    assert!(homes(&stage, "last").iter().any(|worker| kept.contains(worker)));
    // Bundled: one worker for all bundled pools.
    admin.set_pool_mode("own", "bundled").unwrap();
    let bundle = homes(&stage, "own")[0];
    admin.set_pool_mode("plain", "bundled").unwrap();
    assert_eq!((homes(&stage, "own"), homes(&stage, "plain")), (vec![bundle; 2], vec![bundle; 8]));
    admin.create_in_mode("third", "plain", &[], 3, "least_loaded", "bundled").unwrap();
    assert_eq!(homes(&stage, "third"), [bundle; 3]);
    // And back, as it was made.
    admin.set_pool_mode("plain", "shared").unwrap();
    let mut counts = [0; 4];
    homes(&stage, "plain").iter().for_each(|worker| counts[*worker as usize] += 1);
    assert_eq!(counts, [2; 4]);
    assert_eq!(own.toward(Query::Broadcast).all().unwrap(), [(0, 0), (1, 1)], "what it knew, it knows");
    let all = admin.pool_modes("").unwrap();
    let modes: Vec<_> = all.iter().map(|one| (one.pool.as_str(), one.mode.as_str())).collect();
    let expected =
        [("last", "shared"), ("later", "shared"), ("own", "bundled"), ("plain", "shared"), ("third", "bundled")];
    assert_eq!(modes, expected);
    let containers: u32 = admin.workers().unwrap().iter().map(|one| one.containers).sum();
    assert_eq!(containers as usize, admin.containers().unwrap().len(), "each is counted where it is");
}

#[test]
fn a_container_that_moves_under_load_loses_no_call_and_keeps_their_order() {
    let stage = stage(3);
    let own = ledgers(&stage, "own", 2);
    // Another that is bundled, elsewhere.
    stage.admin().create_in_mode("there", "plain", &[], 1, "pinned:2", "bundled").unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..4u64)
        .map(|who| {
            let (address, over) = (stage.address(), over.clone());
            let send = move || {
                let client = ledger::Blocking::connect(&address, "own").unwrap();
                let pool = client.pool().toward(Query::Id(who % 2));
                let mut sent = 0u64;
                while !over.load(Ordering::Relaxed) || sent < 100 {
                    // Several under way at once: they may not pass each other.
                    let call = |what: u64| pool.call(ledger::methods::put()).argument(&who).argument(&what).send();
                    let batch: Vec<_> = (sent..sent + 16).map(call).collect();
                    sent += 16;
                    for one in batch {
                        one.wait().unwrap().value::<u64>().unwrap();
                    }
                }
                sent
            };
            std::thread::Builder::new().spawn(send).unwrap()
        })
        .collect();
    let mut moved = 0;
    for turn in 0..30 {
        let mode = if turn % 2 == 0 { "bundled" } else { "shared" };
        let set = stage.admin().set_pool_mode("own", mode).unwrap();
        assert!(set.stays.is_empty(), "{set:?}");
        moved += set.moved;
    }
    over.store(true, Ordering::Relaxed);
    let sent: Vec<u64> = senders.into_iter().map(|sender| sender.join().unwrap()).collect();
    assert!(moved >= 15, "{moved} moved");
    for at in 0..2 {
        for who in [at, at + 2] {
            assert_eq!(own.toward(Query::Id(at)).of(who).unwrap(), (sent[who as usize], true), "of {who}");
        }
    }
    assert!(own.toward(Query::Id(0)).beats().unwrap() < u64::MAX, "its periodic method goes on");
    let moves = stage.admin().events(0, 0).unwrap().1;
    assert!(moves.iter().any(|event| event.kind == "container moved"), "{moves:?}");
}

#[test]
fn what_cannot_move_stays_and_the_answer_says_why() {
    let stage = stage(3);
    let admin = stage.admin();
    let kept = spread(&stage, "kept", 3, "round_robin").unwrap();
    kept.toward(Query::Id(0)).put(5).unwrap();
    let before = homes(&stage, "kept");
    let set = admin.set_pool_mode("kept", "bundled").unwrap();
    assert_eq!((set.mode.as_str(), set.moved, set.stays.len()), ("bundled", 0, 2), "{set:?}");
    for stay in &set.stays {
        assert!(stay.pool == "kept" && stay.why.contains("no hook `export`"), "{stay:?}");
        assert_eq!(stay.worker, before[stay.container as usize]);
    }
    assert_eq!((homes(&stage, "kept"), kept.toward(Query::Id(0)).all().unwrap()), (before, vec![5]));
    // What is placed from now on goes by the mode.
    admin.create_in_mode("with", "plain", &[], 2, "", "bundled").unwrap();
    assert_eq!(homes(&stage, "with")[0], homes(&stage, "with")[1]);
    // One that runs tasks of its own, and one that is pinned.
    let own = ledgers(&stage, "own", 1);
    own.linger().unwrap();
    admin.create_spread("pinned", "plain", &[], 1, &format!("pinned:{}", homes(&stage, "own")[0])).unwrap();
    let set = admin.set_pool_mode("own", "dedicated").unwrap();
    let why = |name: &str| set.stays.iter().find(|stay| stay.pool == name).map(|stay| stay.why.as_str());
    assert!(why("pinned").unwrap().contains("pinned to worker"), "{set:?}");
    admin.set_pool_mode("own", "shared").unwrap();
    let elsewhere = (homes(&stage, "own")[0] + 1) % 3;
    admin.set_pool_mode("with", "shared").unwrap();
    admin.destroy_pool("kept").unwrap();
    admin.create_in_mode("point", "plain", &[], 1, &format!("pinned:{elsewhere}"), "bundled").unwrap();
    let set = admin.set_pool_mode("own", "bundled").unwrap();
    assert!(set.stays[0].why.contains("tasks of its own (1)"), "{set:?}");
}

#[test]
fn a_container_that_is_busy_stays_and_calls_that_waited_go_on() {
    let stage = stage(3);
    let own = ledgers(&stage, "own", 1);
    let home = homes(&stage, "own")[0];
    stage
        .admin()
        .create_in_mode("there", "plain", &[], 1, &format!("pinned:{}", (home + 1) % 3), "bundled")
        .unwrap();
    let long = own.pool().call(ledger::methods::wait()).argument(&3_600_000u64).send();
    own.count().unwrap();
    let (over, address) = (Arc::new(AtomicBool::new(false)), stage.address());
    let until = over.clone();
    let caller = std::thread::Builder::new().spawn(move || {
        let client = ledger::Blocking::connect(&address, "own").unwrap();
        let mut calls = 0u64;
        while !until.load(Ordering::Relaxed) {
            client.put(1, calls).unwrap();
            calls += 1;
        }
        calls
    });
    let set = stage.admin().set_pool_mode("own", "bundled").unwrap();
    assert!(set.moved == 0 && set.stays[0].why.contains("it is busy"), "{set:?}");
    let beats = own.beats().unwrap();
    for _ in 0..1000 {
        if own.beats().unwrap() > beats {
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(own.beats().unwrap() > beats, "its periodic method goes on as well");
    over.store(true, Ordering::Relaxed);
    let calls = caller.unwrap().join().unwrap();
    assert_eq!(own.of(1).unwrap(), (calls, true));
    long.cancel();
    assert!(long.wait().unwrap_err().is(Code::Cancelled));
    // Now it can.
    stage.admin().set_pool_mode("own", "shared").unwrap();
    let set = stage.admin().set_pool_mode("own", "bundled").unwrap();
    assert_eq!((set.moved, set.stays.len()), (1, 0), "{set:?}");
    assert_eq!(own.count().unwrap(), calls);
}

#[test]
fn time_runs_on_for_calls_that_wait_for_a_container_and_one_that_is_cancelled_does_not_begin() {
    let stage = stage(3);
    let own = ledgers(&stage, "own", 1);
    let home = homes(&stage, "own")[0];
    stage
        .admin()
        .create_in_mode("there", "plain", &[], 1, &format!("pinned:{}", (home + 1) % 3), "bundled")
        .unwrap();
    own.slow(400).unwrap();
    let address = stage.address();
    let mover = std::thread::Builder::new().spawn(move || {
        let client = windlass_client::Client::connect(&address).unwrap();
        let admin = windlass_admin::admin::Blocking::on(client.admin());
        admin.set_pool_mode("own", "bundled").unwrap()
    });
    // Until it moves, calls end in no time; the first that waits too long was held back.
    let put = |what: u64, ms: u64| {
        let call = own.pool().call(ledger::methods::put()).argument(&9u64).argument(&what);
        call.deadline(Duration::from_millis(ms)).send()
    };
    let mut calls = 0;
    let late = loop {
        match put(calls, 100).wait() {
            Ok(_) => calls += 1,
            Err(fault) => break fault,
        }
    };
    assert!(late.is(Code::DeadlineExceeded) && late.outcome == Outcome::NotStarted, "{late:?}");
    let set = mover.unwrap().join().unwrap();
    assert_eq!((set.moved, set.stays.len()), (1, 0), "{set:?}");
    assert_eq!(own.count().unwrap(), calls, "what was late did not run");
}

#[test]
fn calls_among_bundled_pools_never_leave_their_worker() {
    let stage = stage(3);
    let admin = stage.admin();
    // Where `admin` is, so that finding the pool does not count.
    admin.create_in_mode("front", "plain", &[], 1, "pinned:0", "bundled").unwrap();
    admin.create_spread("back", "ledger", &[], 1, "pinned:2").unwrap();
    let front = plain::Blocking::connect(&stage.address(), "front").unwrap();
    let carried = || admin.workers().unwrap().iter().map(|one| one.carried).sum::<u64>();
    let of = |calls: &dyn Fn()| {
        let before = carried();
        calls();
        carried() - before
    };
    let none = of(&|| {});
    assert!(of(&|| assert_eq!(front.ask("back", 200).unwrap(), 0)) >= 200, "each crosses");
    let refused = admin.set_pool_mode("back", "bundled").unwrap_err();
    assert!(refused.is(Code::BadArguments) && refused.message.contains("pinned:2"), "{refused:?}");
    admin.destroy_pool("back").unwrap();
    admin.create_spread("back", "ledger", &[], 1, "round_robin").unwrap();
    admin.set_pool_mode("back", "bundled").unwrap();
    assert_eq!(homes(&stage, "back"), [0]);
    let crossed = of(&|| assert_eq!(front.ask("back", 200).unwrap(), 0));
    assert!(crossed <= none + 2, "{crossed} calls left the worker: no more than the question itself may");
}

#[test]
fn a_mode_that_cannot_be_is_refused_and_nothing_moves() {
    let small = stage(1);
    ledgers(&small, "own", 1);
    let fault = small.admin().set_pool_mode("own", "dedicated").unwrap_err();
    assert!(fault.is(Code::BadArguments) && fault.message.contains("none of the node's 1"), "{fault:?}");
    small.admin().set_pool_mode("own", "bundled").unwrap();
    let stage = stage(3);
    let admin = stage.admin();
    ledgers(&stage, "own", 3);
    let before = homes(&stage, "own");
    for (name, mode, code, word) in [
        ("own", "dedicated", Code::BadArguments, "none of the node's 3"),
        ("own", "alone", Code::BadArguments, "shared, dedicated or bundled"),
        ("admin", "bundled", Code::Denied, "admin"),
        ("none", "bundled", Code::UnknownPool, "there is"),
    ] {
        let fault = admin.set_pool_mode(name, mode).unwrap_err();
        assert!(fault.is(code) && fault.message.contains(word), "{name} {mode}: {fault:?}");
    }
    let facts = admin.pool_modes("own").unwrap().remove(0);
    assert_eq!((facts.mode.as_str(), facts.workers), ("shared", before));
    let fault = admin.create_in_mode("alone", "plain", &[], 1, "", "dedicated").unwrap_err();
    assert!(fault.is(Code::BadArguments) && fault.message.contains("no worker is free"), "{fault:?}");
    assert!(admin.pool_modes("none").unwrap_err().is(Code::UnknownPool));
}

#[test]
fn a_pool_that_is_made_in_a_mode_has_it_from_the_start() {
    let stage = shard::with(|config| {
        config.workers = 4;
        config.modules.extend([Ledger::TABLE, Plain::TABLE]);
        // Whatever the order: those that are apart come first.
        config.pools.push(PoolSpec { containers: 8, ..PoolSpec::new("rest", "plain") });
        config.pools.push(PoolSpec {
            mode: Some(Mode::Dedicated),
            containers: 2,
            ..PoolSpec::new("own", "ledger")
        });
        config.pools.push(PoolSpec { mode: Some(Mode::Bundled), containers: 3, ..PoolSpec::new("one", "plain") });
    });
    let own = homes(&stage, "own");
    assert!(!own.contains(&0), "the first has the listener and `admin` to serve: {own:?}");
    assert!(homes(&stage, "rest").iter().chain(&homes(&stage, "one")).all(|worker| !own.contains(worker)));
    let one = homes(&stage, "one");
    assert!(one.iter().all(|worker| *worker == one[0]), "{one:?}");
    // The placement of this name is of the mode of this name, until that is changed.
    let admin = stage.admin();
    assert_eq!(admin.pool_modes("own").unwrap()[0].mode, "dedicated");
}

#[test]
fn pools_are_made_ended_and_moved_from_all_sides_at_once_and_every_call_is_answered() {
    let stage = stage(3);
    let threads: Vec<_> = (0..4u64)
        .map(|who| {
            let (admin, address) = (stage.admin(), stage.address());
            let work = move || {
                for round in 0..12u64 {
                    let name = format!("p{}", (who + round) % 2);
                    let module = if (who + round) % 4 < 2 { "ledger" } else { "plain" };
                    let _may_be_refused = admin.create_spread(&name, module, &[], 2, "round_robin");
                    let mode = ["bundled", "dedicated", "shared"][(round % 3) as usize];
                    let _may_be_refused = admin.set_pool_mode(&name, mode);
                    if let Ok(client) = plain::Blocking::connect(&address, &name) {
                        let _may_have_ended = client.toward(Query::Broadcast).one();
                    }
                    if round % 3 == 2 {
                        let _may_be_refused = admin.destroy_pool(&name);
                    }
                }
            };
            std::thread::Builder::new().spawn(work).unwrap()
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    for name in ["p0", "p1"] {
        let _may_be_gone = stage.admin().destroy_pool(name);
    }
    assert!(stage.admin().containers().unwrap().iter().all(|one| one.pool == "admin"));
    assert_eq!(stage.admin().workers().unwrap().iter().map(|one| one.containers).sum::<u32>(), 1);
}
