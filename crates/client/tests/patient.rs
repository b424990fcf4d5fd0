//! Waits that look up: for an answer, and for room to send a call, no longer than told.

mod peer;

use std::time::Duration;

use peer::{ECHO, HOLD, Order, POOL, Peer};
use windlass_client::Client;
use windlass_contract::Code;

/// Short, and long enough to be slept through.
const SLICE: Duration = Duration::from_millis(5);

#[test]
fn a_wait_that_looks_up_loses_no_answer() {
    let peer = Peer::start();
    let client = Client::connect(&peer.node()).expect("connect");
    let pool = client.pool_of(POOL);
    let mut held = pool.call(HOLD).send();
    peer.wait_held(1);
    assert!(!held.wait_within(Duration::ZERO));
    assert!(!held.wait_within(SLICE) && !held.is_answered());
    // Answers of other calls are taken meanwhile.
    let mut echo = pool.call(ECHO).argument(&7_u64).send();
    while !echo.wait_within(SLICE) {}
    assert!(!held.is_answered());
    peer.order(Order::GoOn);
    while !held.wait_within(SLICE) {}
    assert!(held.wait_within(Duration::ZERO));
    held.wait().expect("it was told to go on");
    assert_eq!(echo.wait().expect("echo").value::<u64>(), Ok(7));
}

#[test]
fn a_wait_that_looks_up_ends_with_the_node() {
    let peer = Peer::start();
    let client = Client::connect(&peer.node()).expect("connect");
    let mut held = client.pool_of(POOL).call(HOLD).send();
    peer.wait_held(1);
    peer.order(Order::Die);
    while !held.wait_within(SLICE) {}
    assert!(held.wait().expect_err("the node is gone").is(Code::NodeGone));
    assert!(client.call_slot(SLICE).expect_err("so is its session").is(Code::NodeGone));
}

#[test]
fn room_for_a_call_is_reserved_and_waited_for_no_longer_than_told() {
    let peer = Peer::start();
    let client = Client::options().calls(2).connect(&peer.node()).expect("connect");
    let pool = client.pool_of(POOL);
    let first = client.call_slot(Duration::ZERO).expect("alive").expect("two are free");
    let second = client.call_slot(SLICE).expect("alive").expect("one is free");
    assert!(client.call_slot(Duration::ZERO).expect("alive").is_none());
    assert!(client.call_slot(SLICE).expect("alive").is_none());
    // One that is not used is free again; one that is used is not, until its call is answered.
    drop(second);
    let held = pool.call(HOLD).slot(first).send();
    peer.wait_held(1);
    let again = client.call_slot(SLICE).expect("alive").expect("it came back");
    let echo = pool.call(ECHO).argument(&7_u64).slot(again).wait().expect("echo");
    assert_eq!(echo.value::<u64>(), Ok(7));
    let other = pool.call(HOLD).send();
    assert!(client.call_slot(SLICE).expect("alive").is_none());
    peer.wait_held(2);
    peer.order(Order::GoOn);
    let mut slot = None;
    while slot.is_none() {
        slot = client.call_slot(SLICE).expect("alive");
    }
    held.wait().expect("it was told to go on");
    other.wait().expect("so was this");
}

#[test]
fn a_slot_of_another_session_sends_nothing_there() {
    let (peer, elsewhere) = (Peer::start(), Peer::start());
    let client = Client::options().calls(1).connect(&peer.node()).expect("connect");
    let other = Client::options().calls(1).connect(&elsewhere.node()).expect("connect");
    let slot = other.call_slot(Duration::ZERO).expect("alive").expect("it is free");
    // The call takes one of its own session, and the foreign one is free again.
    let reply = client.pool_of(POOL).call(ECHO).argument(&1_u8).slot(slot).wait().expect("echo");
    assert_eq!(reply.value::<u8>(), Ok(1));
    assert!(other.call_slot(Duration::ZERO).expect("alive").is_some());
}
