//! Streams on a node that refuses their batches: what a call says itself is told, whoever reads or gives.

mod peer;

use std::pin::Pin;
use std::task::{Context, Poll};

use peer::{COMPLAIN, HOLD, Manners, POOL, Peer, block_on};
use windlass_client::{Client, Query, Stream, Streaming};
use windlass_contract::{Code, Fault, MethodRef, Outcome};

/// Numbers, all at once.
struct Numbers(std::ops::Range<u64>);

impl Stream for Numbers {
    type Item = u64;
    fn poll_next(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Option<u64>> {
        Poll::Ready(self.0.next())
    }
}

/// What each way to read or to give ends with, by a call of this method.
fn all_ends(method: MethodRef) -> Vec<(&'static str, Fault)> {
    let refusing = Peer::start();
    let keeping = Peer::with(Manners { keeps_takers: true, ..Manners::default() });
    let clients = [&refusing, &keeping].map(|peer| Client::connect(&peer.node()).expect("connect"));
    let streaming = |at: usize| -> Streaming {
        let pool = clients[at].pool_of(POOL).toward(Query::Id(0));
        pool.streaming(method).expect("there are slots")
    };
    let mut ends = Vec::new();
    for (name, at, gives) in [("items", 0, false), ("items_of", 1, true)] {
        let streaming = streaming(at);
        let call = streaming.call();
        let mut items = match gives {
            false => streaming.items::<u64, ()>(call),
            true => streaming.items_of(call, 0..10u64),
        };
        ends.push((name, items.next().expect("an end").expect_err("no value comes")));
        assert!(items.next().is_none(), "{name}: a Fault comes once");
        ends.push((name, items.end().expect_err("it failed")));
    }
    for (name, at, gives) in [("items_async", 0, false), ("items_of_async", 1, true)] {
        let streaming = streaming(at);
        let call = streaming.call();
        let mut items = match gives {
            false => streaming.items_async::<u64, ()>(call),
            true => streaming.items_of_async(call, Numbers(0..10)),
        };
        ends.push((name, block_on(items.next()).expect("an end").expect_err("no value comes")));
        assert!(block_on(items.next()).is_none(), "{name}: a Fault comes once");
        ends.push((name, block_on(items.end()).expect_err("it failed")));
    }
    let given = streaming(0);
    let call = given.call();
    ends.push(("give", given.give(call, 0..10u64).expect_err("it failed")));
    let given = streaming(0);
    let call = given.call();
    ends.push(("give_async", block_on(given.give_async(call, Numbers(0..10))).expect_err("it failed")));
    ends
}

#[test]
fn a_call_whose_batch_is_refused_tells_what_it_says_itself() {
    for (name, fault) in all_ends(COMPLAIN) {
        assert_eq!(fault.code, Fault::module(1043, "").code, "{name}: {fault:?}");
        assert_eq!(fault.outcome, Outcome::Ended, "{name}: {fault:?}");
    }
}

#[test]
fn a_call_that_says_no_more_than_that_it_was_cancelled_tells_why_its_batch_was_refused() {
    for (name, fault) in all_ends(HOLD) {
        assert!(fault.is(Code::NoMemory), "{name}: {fault:?}");
        assert_eq!(
            fault.outcome,
            Outcome::Unknown,
            "{name}: whether the call ran is not what its batch says: {fault:?}"
        );
    }
}
