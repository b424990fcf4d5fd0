//! Idle sessions go to the worker that most of their calls go to, and their clients notice nothing.
#![allow(clippy::disallowed_methods, reason = "clients of several threads")]

use crate::ledger::{Ledger, Plain, ledger, plain};
use crate::shard;
use crate::stage::Stage;
use std::time::Duration;
use windlass_client::Client;

fn stage() -> Stage {
    let stage = shard::with(|config| config.modules.extend([Ledger::TABLE, Plain::TABLE]));
    for worker in 0..3 {
        let placed = format!("pinned:{worker}");
        stage.admin().create_spread(&format!("on-{worker}"), "plain", &[], 1, &placed).unwrap();
        stage.admin().create_spread(&format!("book-{worker}"), "ledger", &[], 1, &placed).unwrap();
        stage.admin().create_spread(&format!("shard-{worker}"), "shard", &[], 1, &placed).unwrap();
    }
    stage
}

fn worker_of(stage: &Stage, number: u64) -> u32 {
    stage.admin().sessions().unwrap().iter().find(|one| one.id == number).unwrap().worker
}

/// Calls a worker until the session is there.
fn go(stage: &Stage, client: &Client, to: u32) {
    let there = plain::Blocking::on(client.pool(&format!("on-{to}")).unwrap());
    let number = client.welcome().session;
    for round in 0..2000u64 {
        for one in 0..50 {
            assert_eq!(there.double(round + one).unwrap(), 2 * (round + one));
        }
        if worker_of(stage, number) == to {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("the session stays on worker {}", worker_of(stage, number));
}

#[test]
fn rpc_R13_an_idle_session_goes_to_the_worker_that_its_calls_go_to() {
    let stage = stage();
    let client = stage.client();
    let number = client.welcome().session;
    for to in [1, 2, 0, 2, 1] {
        go(&stage, &client, to);
        // What goes there is no letter any more.
        let carried = || stage.admin().workers().unwrap()[to as usize].carried;
        let there = plain::Blocking::on(client.pool(&format!("on-{to}")).unwrap());
        let before = carried();
        (0..100).for_each(|one| assert_eq!(there.double(one).unwrap(), 2 * one));
        assert_eq!(carried(), before, "it is at home there");
    }
    let all = stage.admin().sessions().unwrap();
    let of: Vec<_> = all.iter().filter(|one| one.id == number).collect();
    assert!(of.len() == 1 && of[0].calls > 500, "it is one session, with what it counted: {of:?}");
    let counts: u32 = stage.admin().workers().unwrap().iter().map(|one| one.sessions).sum();
    assert_eq!(counts as usize, stage.admin().sessions().unwrap().len(), "each is counted where it is");
    let events = stage.admin().events(0, 0).unwrap().1;
    assert!(events.iter().filter(|one| one.kind == "session moved").count() >= 5, "{events:?}");
}

#[test]
fn what_a_session_lent_and_leased_goes_with_it() {
    let stage = stage();
    let client = stage.client();
    let bytes: Vec<u8> = (0..100_000u32).map(|at| at as u8).collect();
    let frozen = client.freeze(&bytes).unwrap();
    let turned = |at: u32| {
        let pool = client.pool(&format!("shard-{at}")).unwrap();
        pool.call(shard::shard::methods::turn())
            .input(&bytes)
            .output(bytes.len())
            .send()
            .wait()
            .unwrap()
            .take_view(0)
            .unwrap()
    };
    let weight: u64 = bytes.iter().map(|byte| u64::from(*byte)).sum();
    let mut held = Vec::new();
    for to in [1, 2, 0, 1] {
        held.push(turned(to));
        go(&stage, &client, to);
        held.push(turned(to));
        let pool = client.pool(&format!("shard-{to}")).unwrap();
        let reply = pool.call(shard::shard::methods::weigh()).input(&frozen).send().wait().unwrap();
        assert_eq!(reply.value::<u64>().unwrap(), weight, "the frozen bytes are there");
    }
    let leases = |stage: &Stage| {
        let all = stage.admin().sessions().unwrap();
        all.into_iter().find(|one| one.id == client.welcome().session).unwrap().leases
    };
    assert_eq!(leases(&stage), 8, "all are held");
    let expected: Vec<u8> = bytes.iter().rev().copied().collect();
    for view in &held {
        assert_eq!(view[..], expected[..], "as it was answered");
    }
    drop(held);
    for _ in 0..2000 {
        client.pool("on-0").map(|pool| plain::Blocking::on(pool).double(1).unwrap()).unwrap();
        if leases(&stage) == 0 {
            break;
        }
    }
    assert_eq!(leases(&stage), 0, "all returned");
    // Its memory returns with the client.
    let number = client.welcome().session;
    drop((frozen, client));
    for _ in 0..2000 {
        if stage.admin().sessions().unwrap().iter().all(|one| one.id != number) {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("the session is still there");
}

#[test]
fn sessions_that_go_from_worker_to_worker_under_load_lose_no_call_and_keep_their_order() {
    let stage = stage();
    let senders: Vec<_> = (0..4u64)
        .map(|who| {
            let client = stage.client();
            let send = move || {
                let mut next = [0u64; 3];
                for round in 0..24u64 {
                    // For a while all goes to one worker, so that the session goes there.
                    let at = ((round + who) % 3) as usize;
                    let pool = client.pool(&format!("book-{at}")).unwrap();
                    for _ in 0..40 {
                        let batch: Vec<_> = (0..8)
                            .map(|_| {
                                let what = next[at];
                                next[at] += 1;
                                pool.call(ledger::methods::put()).argument(&who).argument(&what).send()
                            })
                            .collect();
                        for one in batch {
                            one.wait().unwrap().value::<u64>().unwrap();
                        }
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
                next
            };
            std::thread::Builder::new().spawn(send).unwrap()
        })
        .collect();
    let sent: Vec<[u64; 3]> = senders.into_iter().map(|sender| sender.join().unwrap()).collect();
    for at in 0..3 {
        let book = ledger::Blocking::connect(&stage.address(), &format!("book-{at}")).unwrap();
        for (who, sent) in (0..).zip(&sent) {
            assert_eq!(book.of(who).unwrap(), (sent[at], true), "of {who} at {at}");
        }
    }
    let events = stage.admin().events(0, 0).unwrap().1;
    assert!(events.iter().any(|one| one.kind == "session moved"), "some went: {events:?}");
}

#[test]
fn a_session_whose_calls_go_everywhere_stays() {
    let stage = stage();
    let client = stage.client();
    let number = client.welcome().session;
    let home = worker_of(&stage, number);
    let all: Vec<_> = (0..3).map(|at| plain::Blocking::on(client.pool(&format!("on-{at}")).unwrap())).collect();
    for round in 0..600 {
        for one in &all {
            assert_eq!(one.double(round).unwrap(), 2 * round);
        }
    }
    assert_eq!(worker_of(&stage, number), home);
}
