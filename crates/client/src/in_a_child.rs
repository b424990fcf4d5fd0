//! What a client is in a forked child: nothing but Faults, and silence towards the node.
//!
//! Here and not in `tests/`, because only from inside can the guard be told that it is in a child. That the guard knows it
//! by itself is shown with a real fork in `crates/memory/tests/forked.rs`.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use windlass_contract::{Code, Outcome};

use crate::client::Client;

#[path = "../tests/peer/mod.rs"]
mod peer;

use peer::{ECHO, FILL, HOLD, POOL, POOL_NAME, Peer};

#[test]
fn in_a_forked_child_everything_is_a_fault_and_nothing_is_sent() {
    let peer = Peer::start();
    let client = Client::connect(&peer.node()).expect("connect");
    let pool = client.pool_of(POOL);
    let loan = client.lend(100).expect("room");
    let frozen = client.freeze(b"cold").expect("freeze");
    let mut reply = pool.call(FILL).argument(&1_u8).output(64).wait().expect("fill");
    let view = reply.take_view(0).expect("a result");
    let (waited, awaited, dropped) = (pool.call(HOLD).send(), pool.call(HOLD).send(), pool.call(HOLD).send());
    peer.wait_held(3);
    let calls = peer.log(|log| log.calls.len());

    client.session().guard.pretend_forked();
    let faults = [
        pool.call(ECHO).wait().map(|_| ()),
        waited.wait().map(|_| ()),
        client.lend(1).map(|_| ()),
        client.freeze(b"x").map(|_| ()),
        client.pool(POOL_NAME).map(|_| ()),
        match pin!(awaited).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => answer.map(|_| ()),
            Poll::Pending => Ok(()),
        },
    ];
    for fault in faults {
        let fault = fault.expect_err("a child has no session");
        assert!(fault.is(Code::Forked) && fault.outcome == Outcome::NotStarted, "{fault:?}");
    }
    assert!(!client.is_alive());
    let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| view.len()));
    assert!(read.is_err(), "session memory is not there to be read");
    dropped.cancel();
    drop((dropped, loan, frozen, view, reply, pool));

    // The peer takes what is left of a session before it welcomes somebody else: it heard nothing of all that.
    drop(client);
    Client::connect(&peer.node()).expect("connect anew");
    peer.log(|log| {
        assert_eq!(log.calls.len(), calls);
        assert!(log.cancelled.is_empty() && log.released.is_empty() && log.retired.is_empty(), "{log:?}");
    });
}
