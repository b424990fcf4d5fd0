//! Containers of a worker that a call holds are made on another one, if they keep nothing and nobody uses them.
#![allow(clippy::disallowed_methods, reason = "a test waits for the watchdog")]

use crate::ledger::{Ledger, Plain, SEEN, plain};
use crate::shard;
use crate::stage::Stage;
use std::time::Duration;
use windlass::prelude::*;
use windlass_admin::admin;
use windlass_client::Pending;

/// A node of three workers, of which a hog holds the last once it is asked.
struct Held {
    stage: Stage,
    /// Of a session that the first worker has.
    near: plain::Blocking,
    admin: admin::Blocking,
}

fn held(stall_ms: u64) -> Held {
    let stage = shard::with(|config| {
        config.stall_ms = stall_ms;
        config.modules.extend([Ledger::TABLE, Plain::TABLE]);
    });
    stage.admin().create_spread("plain", "plain", &[], 3, "round_robin").unwrap();
    stage.admin().create_spread("hogs", "plain", &[], 2, "pinned:2").unwrap();
    let clients: Vec<_> = (0..6).map(|_| plain::Blocking::connect(&stage.address(), "plain").unwrap()).collect();
    let sessions = stage.admin().sessions().unwrap();
    let is_near = |client: &plain::Blocking| {
        let number = client.pool().client().welcome().session;
        sessions.iter().any(|one| one.id == number && one.worker == 0)
    };
    let near = clients.into_iter().find(is_near).unwrap();
    let admin = admin::Blocking::on(near.pool().client().admin());
    Held { stage, near, admin }
}

impl Held {
    /// Holds the last worker for so long, from now on.
    fn hog(&self, ms: u64) -> Pending {
        let hogs = plain::Blocking::on(self.near.pool().client().pool("hogs").unwrap());
        let hog = hogs.toward(Query::Id(0)).pool().call(plain::methods::hog()).argument(&ms).send();
        for _ in 0..5000 {
            // It has begun when its worker answers nothing.
            if self.admin.workers().unwrap()[2].stalled {
                return hog;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("the worker is not held");
    }
    fn is_held(&self) -> bool {
        self.admin.workers().unwrap()[2].stalled
    }
    fn home(&self, pool: &str, at: usize) -> u32 {
        self.admin.pool_modes(pool).unwrap()[0].workers[at]
    }
    /// The container of `plain` that the last worker has.
    fn last(&self) -> u64 {
        (0..3).find(|at| self.home("plain", *at) == 2).unwrap() as u64
    }
}

#[test]
fn a_container_that_keeps_nothing_is_made_anew_when_its_worker_is_held() {
    let held = held(5);
    let at = held.last();
    let hog = held.hog(3_000);
    let answers = held.near.toward(Query::Id(at)).double(21).unwrap();
    let (home, still) = (held.home("plain", at as usize), held.is_held());
    assert!(still, "the call was answered while its worker was held");
    assert_eq!((answers, home == 2), (42, false), "it is on worker {home}");
    assert_eq!(held.near.toward(Query::Broadcast).one().unwrap(), 3);
    assert_eq!(held.home("hogs", 0), 2, "one that is in use stays");
    assert_eq!(held.home("hogs", 1), 2, "one that is pinned stays");
    let moves = held.admin.events(0, 0).unwrap().1;
    assert!(moves.iter().any(|one| one.kind == "container moved" && one.subject.contains("is held")), "{moves:?}");
    hog.wait().unwrap();
    // From every worker, that one as well.
    for _ in 0..6 {
        let client = plain::Blocking::connect(&held.stage.address(), "plain").unwrap();
        assert_eq!(client.toward(Query::Id(at)).double(4).unwrap(), 8);
        assert_eq!(client.toward(Query::Broadcast).one().unwrap(), 3);
    }
    let containers: u32 = held.admin.workers().unwrap().iter().map(|one| one.containers).sum();
    assert_eq!(containers as usize, held.admin.containers().unwrap().len(), "each is counted where it is");
}

#[test]
fn calls_that_wait_unread_go_to_the_new_container_in_their_order() {
    // So late that many calls wait when the watchdog names it.
    let held = held(150);
    let at = held.last();
    let hogs = plain::Blocking::on(held.near.pool().client().pool("hogs").unwrap());
    let hog = hogs.toward(Query::Id(0)).pool().call(plain::methods::hog()).argument(&3_000u64).send();
    std::thread::sleep(Duration::from_millis(20));
    let others: Vec<_> =
        (0..5).map(|_| plain::Blocking::connect(&held.stage.address(), "plain").unwrap()).collect();
    let sessions = held.admin.sessions().unwrap();
    let is_free = |client: &&plain::Blocking| {
        let number = client.pool().client().welcome().session;
        sessions.iter().any(|one| one.id == number && one.worker != 2)
    };
    let free: Vec<_> = others.iter().chain([&held.near]).filter(is_free).collect();
    assert!(!free.is_empty());
    SEEN.lock().unwrap().clear();
    let (mut sent, mut calls) = (0u64, Vec::new());
    // Before and after it is relieved.
    for _ in 0..300 {
        for (who, client) in free.iter().enumerate() {
            let to = client.pool().toward(Query::Id(at));
            calls.push(to.call(plain::methods::witness()).argument(&(who as u64)).argument(&sent).send());
        }
        sent += 1;
        std::thread::sleep(Duration::from_millis(1));
    }
    calls.into_iter().for_each(|call| drop(call.wait().unwrap()));
    assert!(held.is_held(), "all of them were answered while their worker was held");
    let seen = SEEN.lock().unwrap().clone();
    for who in 0..free.len() as u64 {
        let of: Vec<u64> = seen.iter().filter(|one| one.0 == who).map(|one| one.1).collect();
        assert_eq!(of, (0..sent).collect::<Vec<_>>(), "of {who}");
    }
    hog.wait().unwrap();
}

#[test]
fn a_call_that_went_to_the_new_container_can_be_cancelled() {
    let held = held(150);
    let at = held.last();
    let hogs = plain::Blocking::on(held.near.pool().client().pool("hogs").unwrap());
    let hog = hogs.toward(Query::Id(0)).pool().call(plain::methods::hog()).argument(&3_000u64).send();
    std::thread::sleep(Duration::from_millis(20));
    let to = held.near.pool().toward(Query::Id(at));
    let nap = to.call(plain::methods::nap()).argument(&3_600_000u64).send();
    for _ in 0..2000 {
        if held.home("plain", at as usize) != 2 {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    held.near.toward(Query::Id(at)).double(1).unwrap();
    nap.cancel();
    let fault = nap.wait().unwrap_err();
    assert!(fault.is(Code::Cancelled), "{fault:?}");
    assert!(held.is_held(), "while its worker was held");
    hog.wait().unwrap();
}

#[test]
fn a_container_that_is_in_use_keeps_its_place_and_goes_on_when_its_worker_does() {
    let held = held(5);
    let at = held.last();
    let nap = held.near.pool().toward(Query::Id(at)).call(plain::methods::nap()).argument(&600u64).send();
    held.near.toward(Query::Id(at)).double(1).unwrap();
    let hog = held.hog(400);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(held.home("plain", at as usize), 2, "a call of it lives");
    hog.wait().unwrap();
    nap.wait().unwrap();
    assert_eq!(held.near.toward(Query::Id(at)).double(21).unwrap(), 42);
}

#[test]
fn a_worker_that_is_held_again_and_again_loses_no_call() {
    let held = held(2);
    let hogs = plain::Blocking::on(held.near.pool().client().pool("hogs").unwrap());
    for round in 0..20u64 {
        let hog = hogs.toward(Query::Id(0)).pool().call(plain::methods::hog()).argument(&30u64).send();
        let calls: Vec<_> = (0..60u64)
            .map(|number| {
                let to = held.near.pool().toward(Query::Id(number % 3));
                to.call(plain::methods::double()).argument(&(number + round)).send()
            })
            .collect();
        for (number, call) in (0..).zip(calls) {
            assert_eq!(call.wait().unwrap().value::<u64>().unwrap(), (number + round) * 2);
        }
        // Back to where it is held.
        let _may_be_there = held.admin.set_pool_mode("plain", if round % 2 == 0 { "bundled" } else { "shared" });
        hog.wait().unwrap();
    }
    assert_eq!(held.near.toward(Query::Broadcast).one().unwrap(), 3);
}
