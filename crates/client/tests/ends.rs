//! How a session ends: the node dies, stops, refuses, or was never there. Every waiter learns of it.
#![allow(non_snake_case, reason = "names of requirement rows stand in names of tests")]
#![allow(clippy::disallowed_methods, reason = "claims about threads need threads")]

mod peer;

use peer::{BYE, DIE, ECHO, END, HOLD, Manners, Order, POOL, Peer};
use windlass_client::Client;
use windlass_contract::{Code, Outcome};

#[test]
fn a_node_that_dies_wakes_every_waiter_with_node_gone() {
    let peer = Peer::start();
    let client = Client::options().calls(8).connect(&peer.node()).expect("connect");
    std::thread::scope(|scope| {
        // More threads than slots: some wait for an answer, some for a slot.
        let waiters: Vec<_> = (0..16).map(|_| scope.spawn(|| client.pool_of(POOL).call(HOLD).wait())).collect();
        peer.wait_held(8);
        peer.order(Order::Die);
        let mut unknown = 0;
        for waiter in waiters {
            let fault = waiter.join().expect("no panic").expect_err("the node is gone");
            assert!(fault.is(Code::NodeGone), "{fault:?}");
            unknown += usize::from(fault.outcome == Outcome::Unknown);
        }
        assert_eq!(unknown, 8, "those that were sent may have run; those that waited for a slot did not");
    });
    let fault = client.pool_of(POOL).call(ECHO).wait().expect_err("the node is gone");
    assert!(fault.is(Code::NodeGone) && fault.outcome == Outcome::NotStarted, "{fault:?}");
    assert!(!client.is_alive());
    assert!(client.lend(10).expect_err("no node").is(Code::NodeGone));
}

#[test]
fn a_node_that_dies_in_a_call_ends_that_call_as_unknown() {
    let peer = Peer::start();
    let client = Client::connect(&peer.node()).expect("connect");
    let fault = client.pool_of(POOL).call(DIE).wait().expect_err("it died");
    assert_eq!((fault.known(), fault.outcome), (Some(Code::NodeGone), Outcome::Unknown));
}

#[test]
fn a_future_ends_with_its_node() {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};
    let peer = Peer::start();
    let client = Client::connect(&peer.node()).expect("connect");
    let mut pending = std::pin::pin!(client.pool_of(POOL).call(HOLD).send());
    let nobody = &mut Context::from_waker(Waker::noop());
    assert!(pending.as_mut().poll(nobody).is_pending());
    peer.wait_held(1);
    peer.order(Order::Die);
    loop {
        if let Poll::Ready(answer) = pending.as_mut().poll(nobody) {
            assert!(answer.expect_err("the node is gone").is(Code::NodeGone));
            return;
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_session_that_the_node_ends_says_why() {
    let peer = Peer::start();
    let client = Client::connect(&peer.node()).expect("connect");
    let fault = client.pool_of(POOL).call(END).wait().expect_err("ended");
    assert_eq!((fault.known(), fault.outcome), (Some(Code::SessionEnded), Outcome::Unknown));
    let node = Peer::start().node();
    assert!(Client::connect(&node).expect_err("that one is gone by now").is(Code::NotConnected));

    let peer = Peer::start();
    let client = Client::connect(&peer.node()).expect("connect");
    let fault = client.pool_of(POOL).call(BYE).wait().expect_err("ended");
    assert!(fault.is(Code::Draining) && fault.message.contains("for the night"), "{fault:?}");
}

#[test]
fn no_node_is_a_fault_that_says_how_to_start_one() {
    let nowhere = tempfile::tempdir().expect("a directory of our own");
    let path = format!("{}/none", nowhere.path().display());
    let fault = Client::connect(&path).expect_err("nobody there");
    assert!(fault.is(Code::NotConnected) && fault.outcome == Outcome::NotStarted);
    let fault = Client::connect("a-node-that-nobody-has-started").expect_err("nobody there");
    assert!(fault.message.contains("windlass serve --name a-node-that-nobody-has-started"), "{fault}");
}

#[test]
fn a_refused_hello_is_the_nodes_fault_in_its_words() {
    let peer = Peer::with(Manners { refuses: true, ..Manners::default() });
    let fault = Client::connect(&peer.node()).expect_err("refused");
    assert!(fault.is(Code::Denied) && fault.message == "this user may not connect", "{fault:?}");
}

#[test]
fn calls_at_once_are_rounded_up_and_bounded() {
    let peer = Peer::start();
    let client = Client::options().calls(5).connect(&peer.node()).expect("connect");
    assert_eq!(client.welcome().calls, 8);
    drop(client);
    for calls in [0, 5000, u32::MAX] {
        assert!(Client::options().calls(calls).connect(&peer.node()).expect_err("refused").is(Code::BadConfig));
    }
}

#[test]
fn a_view_outlives_its_client_and_keeps_its_lease() {
    let peer = Peer::start();
    let client = Client::connect(&peer.node()).expect("connect");
    let mut reply = client.pool_of(POOL).call(peer::FILL).argument(&7_u8).output(64).wait().expect("fill");
    let view = reply.take_view(0).expect("a result");
    drop(reply);
    drop(client);
    assert_eq!(&*view, [7; 64]);
    assert!(peer.log(|log| log.released.is_empty()));
    drop(view);
}
