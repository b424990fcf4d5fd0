//! Containers that workers share: their calls run on several at once, those of one key on one.
#![allow(clippy::disallowed_methods, reason = "clients of several threads, and waits for the watchdog")]

use crate::common::{Common, ENDED, common};
use crate::ledger::{Plain, plain};
use crate::shard;
use crate::stage::Stage;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use windlass::prelude::*;

/// A node of so many workers with a pool `common` of so many containers.
fn stage(workers: usize, containers: u32) -> (Stage, common::Blocking) {
    stalling(workers, containers, 0)
}

/// The same, with a watchdog unless `stall_ms` is 0.
fn stalling(workers: usize, containers: u32, stall_ms: u64) -> (Stage, common::Blocking) {
    let stage = shard::with(|config| {
        config.workers = workers;
        config.stall_ms = if stall_ms > 0 { stall_ms } else { config.stall_ms };
        config.modules.extend([Common::TABLE, Plain::TABLE]);
    });
    stage.admin().create_spread("common", "common", &[], containers, "round_robin").unwrap();
    let client = common::Blocking::connect(&stage.address(), "common").unwrap();
    (stage, client)
}

fn another(stage: &Stage) -> common::Blocking {
    common::Blocking::connect(&stage.address(), "common").unwrap()
}

/// The workers of a pool's shares, of its first container.
fn workers(stage: &Stage, pool: &str) -> Vec<u32> {
    let all = stage.admin().containers().unwrap();
    all.iter().filter(|one| one.pool == pool && one.id == 0).map(|one| one.worker).collect()
}

#[test]
fn calls_of_one_container_run_on_all_workers_at_once() {
    let (stage, client) = stage(3, 1);
    let meet = |count: u64| client.pool().call(common::methods::meet()).argument(&count).send();
    let all_inside = |round: u64| {
        let calls: Vec<_> = (0..3).map(|_| meet(3 * round)).collect();
        let met: Vec<u64> = calls.into_iter().map(|call| call.wait().unwrap().value().unwrap()).collect();
        met.iter().all(|met| *met == 3 * round)
    };
    // A worker that gets no processor for long is taken for one that is held, and passed over: then once more.
    assert!((1..=5).any(all_inside), "each saw all of them inside");
    assert_eq!(workers(&stage, "common"), [0, 1, 2]);
    let pools = stage.admin().pools().unwrap();
    assert_eq!(pools.iter().find(|one| one.name == "common").unwrap().containers, 1, "it is one container");
}

#[test]
fn calls_of_one_key_run_on_one_worker_and_keep_their_order_and_all_are_counted() {
    let (stage, client) = stage(3, 1);
    let at: Arc<Mutex<BTreeMap<u64, BTreeSet<String>>>> = Arc::default();
    let senders: Vec<_> = (0..4u64)
        .map(|who| {
            let (client, at) = (another(&stage), at.clone());
            let send = move || {
                let (mut model, mut random) = (BTreeMap::<u64, u64>::new(), fastrand::Rng::with_seed(who));
                for _ in 0..40 {
                    let batch: Vec<_> = (0..16)
                        .map(|_| {
                            let name = random.u64(0..9);
                            let what = model.entry(name).or_default();
                            // A key is one key, whichever method says it.
                            let method =
                                if name < 5 { common::methods::put() } else { common::methods::put_data() };
                            let call = client.pool().call(method).argument(&name).argument(&who).argument(&*what);
                            *what += 1;
                            (name, call.send())
                        })
                        .collect();
                    for (name, call) in batch {
                        let worker: String = call.wait().unwrap().value().unwrap();
                        at.lock().unwrap().entry(name).or_default().insert(worker);
                    }
                }
                model
            };
            std::thread::Builder::new().spawn(send).unwrap()
        })
        .collect();
    let models: Vec<BTreeMap<u64, u64>> = senders.into_iter().map(|sender| sender.join().unwrap()).collect();
    for name in 0..9 {
        let lines = client.lines(name).unwrap();
        for (who, model) in (0..).zip(&models) {
            let of: Vec<u64> = lines.iter().filter(|line| line.0 == who).map(|line| line.1).collect();
            assert_eq!(of, (0..model.get(&name).copied().unwrap_or(0)).collect::<Vec<_>>(), "{name} of {who}");
        }
    }
    let at = at.lock().unwrap();
    assert!(at.values().all(|workers| workers.len() == 1), "a key has one worker: {at:?}");
    assert!(at.values().flatten().collect::<BTreeSet<_>>().len() > 1, "keys are on several: {at:?}");
    assert_eq!(client.calls().unwrap(), 4 * 40 * 16);
    let methods = stage.admin().methods().unwrap();
    let count: u64 = methods.iter().filter(|one| one.method.starts_with("put")).map(|one| one.calls).sum();
    assert_eq!(count, 4 * 40 * 16, "the counters of all workers together");
}

#[test]
fn a_key_is_one_key_for_all_methods() {
    let (_stage, client) = stage(3, 1);
    for name in 0..20 {
        let at: BTreeSet<String> = [
            client.put(name, 0, 0).unwrap(),
            client.put_data(name, 0, 1).unwrap(),
            client.inner(name).unwrap(),
            client.hog_of(name, 1).unwrap(),
        ]
        .into();
        assert_eq!(at.len(), 1, "{name}: {at:?}");
    }
}

#[test]
fn heavy_calls_go_where_there_is_least_to_do_and_quick_ones_stay() {
    let (_stage, client) = stage(2, 1);
    let hog = |us: u64| client.pool().call(common::methods::hog()).argument(&us).send();
    let ended = |call: windlass_client::Pending| call.wait().unwrap().value::<String>().unwrap();
    (0..20).for_each(|_| drop(ended(hog(5_000))));
    let at: Vec<String> = (0..20).map(|_| hog(5_000)).collect::<Vec<_>>().into_iter().map(ended).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    at.iter().for_each(|worker| *counts.entry(worker).or_default() += 1);
    assert!(counts.len() == 2 && counts.values().all(|count| *count >= 5), "{counts:?}");
    (0..40).for_each(|_| assert_eq!(client.calls().unwrap(), 0));
    let carried = |stage: &Stage| stage.admin().workers().unwrap().iter().map(|one| one.carried).sum::<u64>();
    let before = carried(&_stage);
    (0..100).for_each(|_| assert_eq!(client.calls().unwrap(), 0));
    assert!(carried(&_stage) - before < 50, "quick calls do not cross");
}

#[test]
fn a_nested_call_finds_the_key_of_its_root_on_whichever_worker_it_is() {
    let (stage, _) = stage(3, 1);
    for _ in 0..3 {
        let client = another(&stage);
        for name in 0..6 {
            let at = client.again("common", name, true).unwrap();
            assert_eq!(client.round("common", name).unwrap(), at, "the same worker, by way of another");
            let fault = client.again("common", name, false).unwrap_err();
            assert!(fault.is(Code::WouldDeadlock), "{fault:?}");
            client.put(name, 0, 0).unwrap();
        }
    }
}

#[test]
fn tasks_K34_lanes_of_a_group_are_dealt_over_the_workers() {
    let (stage, client) = stage(3, 1);
    let lanes = stage.admin().lanes().unwrap();
    let of = |group: &str| -> Vec<u32> {
        let name = format!("common/0 {group}");
        let mut all: Vec<_> = lanes
            .iter()
            .filter(|lane| lane.lane.starts_with(&name))
            .map(|lane| (lane.lane.clone(), lane.worker))
            .collect();
        all.sort();
        all.into_iter().map(|one| one.1).collect()
    };
    let (single, data) = (of("single"), of("data"));
    assert_eq!(single.len(), 1, "one lane is one lane");
    assert_eq!(data.len(), 6);
    assert_eq!(data[..3].iter().collect::<BTreeSet<_>>().len(), 3, "{data:?}");
    assert_eq!(data[..3], data[3..]);
    // So what waits in a single lane begins in the order it came, wherever it came from.
    let others: Vec<_> = (0..3).map(|_| another(&stage)).collect();
    for what in 0..50u64 {
        let calls: Vec<_> = (0..)
            .zip(&others)
            .map(|(who, client): (u64, _)| {
                client.pool().call(common::methods::single()).argument(&who).argument(&what).send()
            })
            .collect();
        let at: BTreeSet<String> =
            calls.into_iter().map(|call| call.wait().unwrap().value::<String>().unwrap()).collect();
        assert_eq!(at.len(), 1, "{at:?}");
    }
    let lines = client.lines(u64::MAX).unwrap();
    for who in 0..3 {
        let of: Vec<u64> = lines.iter().filter(|line| line.0 == who).map(|line| line.1).collect();
        assert_eq!(of, (0..50).collect::<Vec<_>>());
    }
    let at: BTreeSet<String> = (0..30).map(|_| client.spread().unwrap()).collect();
    assert!(!at.is_empty());
}

#[test]
fn the_state_ends_once_when_the_pool_does_and_not_before_its_home_agrees() {
    let (stage, client) = stage(3, 2);
    (0..2).for_each(|at| client.toward(Query::Id(at)).refuse_end(true).unwrap());
    let fault = stage.admin().destroy_pool("common").unwrap_err();
    assert_eq!(fault.code, 1008, "{fault:?}");
    (0..2).for_each(|at| client.toward(Query::Id(at)).refuse_end(false).unwrap());
    let before = ENDED.load(Ordering::Relaxed);
    // Calls of several workers live in it.
    let naps: Vec<_> =
        (0..6).map(|_| client.pool().call(common::methods::nap()).argument(&50u64).send()).collect();
    stage.admin().destroy_pool("common").unwrap();
    naps.into_iter().for_each(|nap| drop(nap.wait().unwrap()));
    for _ in 0..2000 {
        if ENDED.load(Ordering::Relaxed) == before + 2 {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(ENDED.load(Ordering::Relaxed), before + 2);
    assert!(client.calls().unwrap_err().is(Code::UnknownPool));
    assert_eq!(stage.admin().workers().unwrap().iter().map(|one| one.containers).sum::<u32>(), 1, "`admin`'s");
}

#[test]
fn a_broadcast_meets_each_container_once_and_its_periodic_method_runs_at_its_home_alone() {
    let (stage, client) = stage(3, 2);
    (0..2).for_each(|at| {
        (0..4).for_each(|name| drop(client.toward(Query::Id(at)).put(name, 0, 1).unwrap()));
    });
    for _ in 0..12 {
        assert_eq!(another(&stage).toward(Query::Broadcast).calls().unwrap(), 8);
    }
    std::thread::sleep(Duration::from_millis(60));
    let methods = stage.admin().methods().unwrap();
    let beats = methods.iter().find(|one| one.pool == "common" && one.method == "beat").unwrap().calls;
    let up_ms = (stage.admin().node().unwrap().up_s * 1000.0) as u64;
    assert!(beats >= 2 && beats <= 2 * (up_ms + 1), "{beats} in {up_ms} ms");
}

#[test]
fn modes_say_which_workers_share_a_container_and_what_it_knows_stays() {
    let (stage, client) = stage(4, 1);
    let admin = stage.admin();
    client.put(1, 1, 1).unwrap();
    assert_eq!(workers(&stage, "common"), [0, 1, 2, 3]);
    admin.set_pool_mode("common", "bundled").unwrap();
    assert_eq!(workers(&stage, "common").len(), 1);
    let set = admin.set_pool_mode("common", "shared").unwrap();
    assert_eq!((set.moved, set.stays.len()), (1, 0), "{set:?}");
    assert_eq!(workers(&stage, "common"), [0, 1, 2, 3]);
    // Another pool has a worker to itself: no share is there.
    admin.create_spread("own", "plain", &[], 1, "pinned:2").unwrap();
    admin.set_pool_mode("own", "dedicated").unwrap();
    assert_eq!(workers(&stage, "common"), [0, 1, 3]);
    admin.set_pool_mode("own", "shared").unwrap();
    assert_eq!(workers(&stage, "common"), [0, 1, 2, 3]);
    admin.create_spread("alone", "plain", &[], 1, "dedicated").unwrap();
    let has = || workers(&stage, "common").len();
    wait_for("shares leave a worker of a new dedicated pool", || has() == 3);
    admin.destroy_pool("alone").unwrap();
    wait_for("they come back when it has ended", || has() == 4);
    // Dedicated itself, it keeps to its containers' workers.
    let set = admin.set_pool_mode("common", "dedicated").unwrap();
    assert!(set.stays.is_empty(), "{set:?}");
    assert_eq!(has(), 1);
    assert_eq!(client.lines(1).unwrap(), [(1, 1)], "nothing was exported, and all is there");
    let containers: u32 = admin.workers().unwrap().iter().map(|one| one.containers).sum();
    assert_eq!(containers as usize, admin.containers().unwrap().len(), "each share is counted where it is");
    admin.create_spread("pinned", "common", &[], 1, "pinned:1").unwrap();
    assert_eq!(workers(&stage, "pinned"), [1]);
    let dealt = admin.events(0, 0).unwrap().1;
    assert!(dealt.iter().any(|one| one.kind == "shares dealt" && one.subject.contains("common 0")), "{dealt:?}");
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..5000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("{what}");
}

#[test]
fn shares_that_are_dealt_anew_under_load_lose_no_call_and_keep_the_order_of_keys() {
    let (stage, client) = stage(3, 2);
    let over = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..4u64)
        .map(|who| {
            let (client, over) = (another(&stage), over.clone());
            let send = move || {
                let pool = client.pool().toward(Query::Id(who % 2));
                let mut sent = 0u64;
                while !over.load(Ordering::Relaxed) || sent < 160 {
                    let call = |what: u64| {
                        let name = what % 5;
                        pool.call(common::methods::put()).argument(&name).argument(&who).argument(&what).send()
                    };
                    let batch: Vec<_> = (sent..sent + 16).map(call).collect();
                    sent += 16;
                    for one in batch {
                        one.wait().unwrap().value::<String>().unwrap();
                    }
                }
                sent
            };
            std::thread::Builder::new().spawn(send).unwrap()
        })
        .collect();
    let mut moved = 0;
    for turn in 0..30 {
        let mode = ["bundled", "shared", "dedicated", "shared"][turn % 4];
        match stage.admin().set_pool_mode("common", mode) {
            Ok(set) => moved += set.moved,
            Err(fault) => assert!(fault.is(Code::BadArguments), "{fault:?}"),
        }
    }
    over.store(true, Ordering::Relaxed);
    let sent: Vec<u64> = senders.into_iter().map(|sender| sender.join().unwrap()).collect();
    assert!(moved >= 20, "{moved} moved");
    for (who, sent) in (0..).zip(&sent) {
        for name in 0..5 {
            let lines = client.toward(Query::Id(who % 2)).lines(name).unwrap();
            let of: Vec<u64> = lines.iter().filter(|line| line.0 == who).map(|line| line.1).collect();
            let expected: Vec<u64> = (0..*sent).filter(|what| what % 5 == name).collect();
            assert_eq!(of, expected, "of {who} under {name}");
        }
    }
}

#[test]
fn a_share_whose_worker_runs_a_task_of_the_container_stays() {
    let (stage, client) = stage(2, 1);
    // Tasks on both workers.
    (0..8).for_each(|name| client.linger(name).unwrap());
    let set = stage.admin().set_pool_mode("common", "bundled").unwrap();
    assert_eq!(set.stays.len(), 1, "{set:?}");
    assert!(set.stays[0].why.contains("tasks of its own"), "{set:?}");
    assert_eq!(workers(&stage, "common"), [0, 1]);
    client.put(1, 1, 1).unwrap();
}

/// A key of each worker, by its name's last part.
fn key_on(client: &common::Blocking, worker: u32) -> u64 {
    let ends = format!("-{worker}");
    (0..200).find(|name| client.inner(*name).unwrap().ends_with(&ends)).unwrap()
}

/// A session of another worker than the last.
fn near(stage: &Stage) -> common::Blocking {
    let clients: Vec<_> = (0..6).map(|_| another(stage)).collect();
    let sessions = stage.admin().sessions().unwrap();
    let is_near = |client: &common::Blocking| {
        let number = client.pool().client().welcome().session;
        sessions.iter().any(|one| one.id == number && one.worker == 0)
    };
    clients.into_iter().find(is_near).unwrap()
}

#[test]
fn tasks_K36_the_shares_of_a_worker_that_is_held_go_to_others_and_come_back() {
    let (stage, _) = stalling(3, 1, 5);
    let client = near(&stage);
    let admin = windlass_admin::admin::Blocking::on(client.pool().client().admin());
    let name = key_on(&client, 2);
    admin.create_spread("hogs", "plain", &[], 1, "pinned:2").unwrap();
    let hogs = plain::Blocking::on(client.pool().client().pool("hogs").unwrap());
    let hog = hogs.pool().call(plain::methods::hog()).argument(&1_500u64).send();
    wait_for("the worker is held", || admin.workers().unwrap()[2].stalled);
    // Those of its keys, and those that have none.
    for what in 0..20 {
        let at = client.put(name, 7, what).unwrap();
        assert!(!at.ends_with("-2"), "{at}");
        client.calls().unwrap();
    }
    assert!(admin.workers().unwrap()[2].stalled, "all were answered while it was held");
    let events = admin.events(0, 0).unwrap().1;
    assert!(events.iter().any(|one| one.kind == "shares dealt" && one.subject.contains("is held")), "{events:?}");
    hog.wait().unwrap();
    wait_for("it has shares again", || workers(&stage, "common") == [0, 1, 2]);
    wait_for("and calls of that key", || client.inner(name).unwrap().ends_with("-2"));
    let of: Vec<u64> = client.lines(name).unwrap().iter().filter(|line| line.0 == 7).map(|line| line.1).collect();
    assert_eq!(of, (0..20).collect::<Vec<_>>());
}

#[test]
fn calls_of_a_key_whose_worker_the_container_itself_holds_wait_and_others_do_not() {
    let (stage, _) = stalling(3, 1, 5);
    let client = near(&stage);
    let name = key_on(&client, 2);
    let hog = client.pool().call(common::methods::hog_of()).argument(&name).argument(&1_000_000u64).send();
    let admin = windlass_admin::admin::Blocking::on(client.pool().client().admin());
    wait_for("the worker is held", || admin.workers().unwrap()[2].stalled);
    let waits = client.pool().call(common::methods::put()).argument(&name).argument(&1u64).argument(&1u64).send();
    for _ in 0..40 {
        client.calls().unwrap();
        let at = client.hog(10).unwrap();
        assert!(!at.ends_with("-2"), "{at}");
    }
    assert!(admin.workers().unwrap()[2].stalled, "they were answered while it was held");
    assert!(hog.wait().unwrap().value::<String>().unwrap().ends_with("-2"));
    assert!(waits.wait().unwrap().value::<String>().unwrap().ends_with("-2"), "behind the one that came first");
}

#[test]
fn calls_without_a_key_that_wait_unread_for_a_held_worker_go_to_others() {
    // So late that they wait when the watchdog names it.
    let (stage, _) = stalling(2, 1, 200);
    let client = near(&stage);
    let name = key_on(&client, 1);
    let hog = client.pool().call(common::methods::hog_of()).argument(&name).argument(&2_000_000u64).send();
    std::thread::sleep(Duration::from_millis(20));
    // Nobody knows yet what these cost, so every other one goes there.
    let calls: Vec<_> =
        (0..6).map(|_| client.pool().call(common::methods::hog()).argument(&1u64).send()).collect();
    let at: Vec<String> = calls.into_iter().map(|call| call.wait().unwrap().value::<String>().unwrap()).collect();
    assert!(at.iter().all(|worker| worker.ends_with("-0")), "{at:?}");
    let admin = windlass_admin::admin::Blocking::on(client.pool().client().admin());
    assert!(admin.workers().unwrap()[1].stalled, "all were answered while it was held");
    hog.wait().unwrap();
}

#[test]
fn a_worker_that_is_held_again_and_again_loses_no_call_of_a_shared_container() {
    let (stage, _) = stalling(3, 1, 2);
    let client = near(&stage);
    stage.admin().create_spread("hogs", "plain", &[], 1, "pinned:2").unwrap();
    let hogs = plain::Blocking::on(client.pool().client().pool("hogs").unwrap());
    let mut sent = [0u64; 9];
    for _ in 0..20u64 {
        let hog = hogs.pool().call(plain::methods::hog()).argument(&30u64).send();
        let calls: Vec<_> = (0..90u64)
            .map(|number| {
                let (name, what) = (number % 9, &mut sent[number as usize % 9]);
                *what += 1;
                let put = client.pool().call(common::methods::put());
                put.argument(&name).argument(&0u64).argument(&(*what - 1)).send()
            })
            .collect();
        calls.into_iter().for_each(|call| drop(call.wait().unwrap().value::<String>().unwrap()));
        hog.wait().unwrap();
    }
    for (name, sent) in (0..).zip(sent) {
        let of: Vec<u64> = client.lines(name).unwrap().iter().map(|line| line.1).collect();
        assert_eq!(of, (0..sent).collect::<Vec<_>>(), "{name}");
    }
}
