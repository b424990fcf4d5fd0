//! Many at once: threads on one session, windows larger than the slots, futures.
#![allow(non_snake_case, reason = "names of requirement rows stand in names of tests")]
#![allow(clippy::disallowed_methods, reason = "claims about threads need threads")]

mod peer;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use peer::{ECHO, FILL, HOLD, Manners, Order, POOL, POOL_NAME, Peer, block_on};
use windlass_client::{Client, Pending};
use windlass_contract::Code;

/// 64 threads, a hundred calls each, through `calls` slots: replies of all three places, each thread's own.
fn each_thread_gets_its_own_replies(calls: u32) {
    let peer = Peer::start();
    let client = Client::options().calls(calls).name("threads").connect(&peer.node()).expect("connect");
    assert_eq!(client.welcome().calls, calls);
    std::thread::scope(|scope| {
        for thread in 0..64_u64 {
            let pool = client.pool_of(POOL);
            scope.spawn(move || {
                for round in 0..100_u64 {
                    let filler = vec![thread as u8; (round as usize % 10) * 35];
                    let reply =
                        pool.call(ECHO).argument(&thread).argument(&round).argument(&filler).wait().expect("echo");
                    assert_eq!(reply.value::<(u64, u64, Vec<u8>)>().expect("a tuple"), (thread, round, filler));
                }
            });
        }
    });
    assert_eq!(client.counters().calls, 6400);
    assert_eq!(client.lent_bytes(), 0, "long arguments were lent and are back");
}

#[test]
fn tasks_K20_sixty_four_threads_share_one_session_and_each_gets_its_own_replies() {
    each_thread_gets_its_own_replies(256);
}

#[test]
fn tasks_K20_threads_that_outnumber_the_slots_wait_for_one_another() {
    each_thread_gets_its_own_replies(4);
}

#[test]
fn tasks_K55_each_answer_meets_its_call_by_slot_and_generation_in_whatever_order_they_come() {
    // The peer answers held calls the latest first, and says which call each answer is for.
    let peer = Peer::with(Manners { answers_at: 8, ..Manners::default() });
    let pool = Client::options().calls(8).connect(&peer.node()).expect("connect").pool_of(POOL);
    let mut seen = std::collections::HashSet::new();
    for _ in 0..50 {
        let window: Vec<Pending> = (0..8).map(|_| pool.call(HOLD).send()).collect();
        for pending in window {
            let said = format!("{pending:?}");
            let bits = pending.wait().expect("held, then answered").value::<u64>().expect("a number");
            assert_eq!(said, format!("Pending({:?})", windlass_contract::CallId::from_bits(bits)));
            assert!(seen.insert(bits), "no id is used twice");
        }
    }
    assert!(seen.iter().all(|bits| *bits as u32 <= 7), "eight slots were used over and over");
}

#[test]
fn a_window_larger_than_the_slots_waits_for_a_slot_and_loses_nothing() {
    let peer = Peer::start();
    let pool = Client::options().calls(8).connect(&peer.node()).expect("connect").pool_of(POOL);
    let window: VecDeque<(u32, Pending)> =
        (0..1000_u32).map(|number| (number, pool.call(ECHO).argument(&number).send())).collect();
    for (number, pending) in window {
        assert_eq!(pending.wait().expect("echo").value::<u32>().expect("a number"), number);
    }
}

#[test]
fn a_call_that_waits_for_a_slot_gets_it_when_another_thread_is_answered() {
    let peer = Peer::start();
    let pool = Client::options().calls(1).connect(&peer.node()).expect("connect").pool_of(POOL);
    let holder = pool.call(HOLD).send();
    peer.wait_held(1);
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..4).map(|_| scope.spawn(|| pool.call(ECHO).argument(&5_u8).wait())).collect();
        peer.order(Order::GoOn);
        holder.wait().expect("held, then answered");
        for thread in waiting {
            assert_eq!(thread.join().expect("no panic").expect("echo").value::<u8>().expect("a byte"), 5);
        }
    });
}

/// `send` waited for a slot inside the only thread that could have ended the call which had it.
#[test]
fn a_task_that_waits_for_a_slot_does_not_block_its_thread() {
    let peer = Peer::start();
    let client = Client::options().calls(1).connect(&peer.node()).expect("connect");
    let pool = client.pool_of(POOL);
    let holder = pool.call(HOLD).send();
    peer.wait_held(1);
    let nobody = &mut Context::from_waker(Waker::noop());
    let mut given_up = Box::pin(pool.call(ECHO).argument(&1_u8).answered());
    let mut waits = Box::pin(pool.call(ECHO).argument(&7_u8).answered());
    assert!(given_up.as_mut().poll(nobody).is_pending());
    assert!(waits.as_mut().poll(nobody).is_pending());
    drop(given_up);
    // Nobody waits for this one any more; its end, which the background thread hears, frees the slot.
    drop(holder);
    let reply = block_on(waits).expect("echo");
    assert_eq!(reply.value::<u8>().expect("a byte"), 7);
    // A session that ends tells those who wait for a slot.
    let _held = pool.call(HOLD).send();
    peer.wait_held(1);
    let mut waits = Box::pin(pool.call(ECHO).argument(&9_u8).answered());
    assert!(waits.as_mut().poll(nobody).is_pending());
    peer.order(Order::Die);
    let fault = block_on(waits).expect_err("the node is gone");
    assert!(fault.is(Code::NodeGone), "{fault:?}");
}

#[test]
fn futures_and_threads_share_one_session() {
    let peer = Peer::start();
    let client = Client::connect(&peer.node()).expect("connect");
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let client = client.clone();
            scope.spawn(move || {
                for round in 0..200_u32 {
                    let call = client.pool_of(POOL).call(ECHO).argument(&(thread, round));
                    let reply = if thread % 2 == 0 { call.wait() } else { block_on(call.send()) };
                    assert_eq!(reply.expect("echo").value::<(u32, u32)>().expect("a pair"), (thread, round));
                }
            });
        }
    });
    let found = block_on(client.pool_async(POOL_NAME)).expect("it exists");
    assert_eq!(found.id(), POOL);
}

#[test]
fn a_future_that_is_moved_to_another_task_wakes_the_last_one() {
    let peer = Peer::start();
    let pool = Client::connect(&peer.node()).expect("connect").pool_of(POOL);
    let mut pending = pool.call(HOLD).send();
    let nobody = &mut Context::from_waker(Waker::noop());
    assert!(pin!(&mut pending).as_mut().poll(nobody).is_pending());
    peer.wait_held(1);
    peer.order(Order::GoOn);
    assert!(block_on(pending).is_ok());
}

#[test]
fn a_future_that_was_polled_can_still_be_waited_for_or_dropped() {
    let peer = Peer::start();
    let pool = Client::connect(&peer.node()).expect("connect").pool_of(POOL);
    let nobody = &mut Context::from_waker(Waker::noop());
    let mut waited = pool.call(HOLD).send();
    let mut dropped = pool.call(HOLD).output(64).send();
    assert!(pin!(&mut waited).as_mut().poll(nobody).is_pending());
    assert!(pin!(&mut dropped).as_mut().poll(nobody).is_pending());
    peer.wait_held(2);
    drop(dropped);
    peer.wait_log(|log| log.cancelled.len() == 1);
    peer.order(Order::GoOn);
    assert!(waited.wait().is_ok());
}

#[test]
fn an_abandoned_result_is_released_when_it_comes() {
    let peer = Peer::start();
    let pool = Client::connect(&peer.node()).expect("connect").pool_of(POOL);
    for _ in 0..10 {
        drop(pool.call(FILL).argument(&1_u8).output(64).send());
    }
    pool.call(ECHO).argument(&1_u8).wait().expect("echo");
    peer.wait_log(|log| log.leased.len() == 10 && log.released.len() == 10);
}

#[test]
fn more_releases_than_the_ring_holds_are_kept_and_sent_later() {
    let peer = Peer::start();
    let client = Client::options().calls(1).connect(&peer.node()).expect("connect");
    let pool = client.pool_of(POOL);
    let views: Vec<_> = (0..200)
        .map(|_| pool.call(FILL).argument(&1_u8).output(64).wait().expect("fill").take_view(0).expect("a result"))
        .collect();
    drop(views);
    while peer.log(|log| log.released.len()) < 200 {
        pool.call(ECHO).argument(&1_u8).wait().expect("echo");
    }
    assert!(pool.call(ECHO).encoded(&[1]).wait().is_ok());
}

#[test]
fn a_polled_call_that_was_answered_says_so_once() {
    let peer = Peer::start();
    let pool = Client::connect(&peer.node()).expect("connect").pool_of(POOL);
    let mut pending = pool.call(ECHO).argument(&1_u8).send();
    assert!(block_on(&mut pending).is_ok());
    assert!(block_on(&mut pending).expect_err("given out").is(Code::Internal));
}

fn batch_of(client: &Client, count: u64) -> Vec<Pending> {
    let mut batch = client.batch();
    for value in 0..count {
        batch.add(client.pool_of(POOL).call(ECHO).argument(&value)).expect("room");
    }
    assert_eq!((batch.len() as u64, batch.is_empty()), (count, count == 0));
    batch.send()
}

fn answers(pending: Vec<Pending>) -> Vec<u64> {
    pending.into_iter().map(|one| one.wait().expect("an echo").value().expect("a number")).collect()
}

#[test]
fn tasks_K24_a_batch_is_published_in_order_and_wakes_the_node_once() {
    let peer = Peer::start();
    let client = Client::options().calls(64).connect(&peer.node()).expect("connect");
    for round in 0..20 {
        // The node sleeps by now, or soon; a single call would wake it each time.
        std::thread::sleep(std::time::Duration::from_millis(5));
        let before = client.counters().doorbells;
        assert_eq!(answers(batch_of(&client, 50)), (0..50).collect::<Vec<_>>());
        let rung = client.counters().doorbells - before;
        assert!(rung <= 1, "round {round}: {rung} wakes for 50 calls");
    }
    assert!(answers(batch_of(&client, 0)).is_empty());
}

#[test]
fn tasks_K24_a_batch_larger_than_the_slots_goes_out_as_they_come_back() {
    for calls in [4, 64] {
        let peer = Peer::start();
        let client = Client::options().calls(calls).connect(&peer.node()).expect("connect");
        assert_eq!(answers(batch_of(&client, 1000)), (0..1000).collect::<Vec<_>>());
    }
}

#[test]
fn tasks_K24_a_call_of_a_batch_that_cannot_be_sent_fails_alone() {
    let peer = Peer::start();
    let client = Client::connect(&peer.node()).expect("connect");
    let another = Peer::start();
    let other = Client::connect(&another.node()).expect("connect");
    let mut batch = client.batch();
    assert!(
        batch.add(other.pool_of(POOL).call(ECHO).argument(&1u64)).expect_err("another's").is(Code::BadArguments)
    );
    batch.add(client.pool_of(POOL).call(ECHO).argument(&1u64)).expect("room");
    batch.add(client.pool_of(POOL).call(ECHO).encoded(&vec![0; 1 << 20])).expect("told when it is sent");
    batch.add(client.pool_of(POOL).call(ECHO).argument(&3u64)).expect("room");
    let mut pending = batch.send().into_iter();
    let mut next = || pending.next().expect("three").wait();
    assert_eq!(next().expect("sent").value::<u64>(), Ok(1));
    assert!(next().expect_err("too long").is(Code::TooLarge));
    assert_eq!(next().expect("sent").value::<u64>(), Ok(3));
    peer.order(Order::Die);
    while client.is_alive() {
        std::thread::yield_now();
    }
    let gone = batch_of(&client, 2).pop().expect("two").wait().expect_err("no node");
    assert!(gone.is(Code::NodeGone), "{gone:?}");
}

#[test]
fn a_call_that_is_put_together_can_be_looked_at_before_it_is_sent() {
    let peer = Peer::start();
    let client = Client::connect(&peer.node()).expect("connect");
    let call = client.pool_of(POOL).call(ECHO).argument(&7u64).input(b"rope").output(100);
    let call = call.deadline(std::time::Duration::from_secs(1));
    let seen = call.prepared();
    assert_eq!((seen.pool, seen.method, seen.detached), (POOL, ECHO, false));
    assert_eq!((seen.arguments.as_slice(), seen.deadline), (&[7u8][..], Some(std::time::Duration::from_secs(1))));
    let lengths: Vec<u64> = seen.buffers.iter().map(|(.., bytes)| *bytes).collect();
    assert_eq!((lengths, &seen.fault), (vec![4, 100], &None));
    assert!(format!("{call:?}").contains("deadline"));
    drop(call);
    assert_eq!((client.lent_bytes(), client.counters().calls), (0, 0), "nothing went out, and the loan is back");
}
