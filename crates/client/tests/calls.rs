//! What a call gives: values and Faults, in every place a reply can stand; buffers of every kind; cancel and drop.
#![allow(non_snake_case, reason = "names of requirement rows stand in names of tests")]
#![allow(clippy::disallowed_methods, reason = "claims about threads need threads")]

mod peer;

use std::time::Duration;

use peer::{ECHO, FAIL, FILL, FILL_SHARED, HOLD, Manners, NEVER, Order, POOL, POOL_NAME, Peer, REVERSE, SUM};
use windlass_client::{Client, Pool};
use windlass_contract::{Code, Outcome};

fn pool(peer: &Peer) -> Pool {
    Client::connect(&peer.node()).expect("connect").pool_of(POOL)
}

#[test]
fn a_value_comes_back_whether_it_stands_inline_in_its_cell_or_in_a_result_segment() {
    let peer = Peer::start();
    let pool = pool(&peer);
    // Lengths on both sides of every boundary: inline 40, cell 256 (postcard adds its length), limits of the records.
    for length in [0, 1, 38, 39, 40, 41, 250, 253, 254, 255, 256, 257, 300, 5000, 60_000] {
        let text: String = "windlass".chars().cycle().take(length).collect();
        let reply = pool.call(ECHO).argument(&text).wait().expect("echo");
        assert_eq!(reply.value::<String>().expect("a text"), text);
    }
}

#[test]
fn arguments_arrive_in_order_as_one_tuple() {
    let peer = Peer::start();
    let reply =
        pool(&peer).call(ECHO).argument(&7_u32).argument("seven").argument(&Some(7.0)).wait().expect("echo");
    assert_eq!(reply.value::<(u32, String, Option<f64>)>().expect("a tuple"), (7, "seven".into(), Some(7.0)));
}

#[test]
fn a_fault_comes_back_with_code_outcome_message_and_details() {
    let peer = Peer::start();
    let pool = pool(&peer);
    let fault = pool.call(FAIL).wait().expect_err("it fails");
    assert_eq!((fault.code, fault.outcome), (1042, Outcome::Ended));
    assert_eq!((fault.message.as_str(), fault.details.as_str()), ("no such luck", "luck=none"));
    assert_eq!(pool.client().counters().faults, 1);
}

#[test]
fn a_pool_is_found_by_name_and_an_unknown_one_is_a_fault_that_names_those_that_exist() {
    let peer = Peer::start();
    let client = Client::connect(&peer.node()).expect("connect");
    let pool = client.pool(POOL_NAME).expect("it exists");
    assert_eq!((pool.id(), pool.name()), (POOL, POOL_NAME));
    let fault = client.pool("pears").expect_err("it does not");
    assert!(fault.is(Code::UnknownPool) && fault.message.contains(POOL_NAME), "{fault:?}");
}

#[test]
fn a_reply_of_another_type_is_a_bad_reply() {
    let peer = Peer::start();
    let reply = pool(&peer).call(ECHO).argument(&1_u8).wait().expect("echo");
    assert!(reply.value::<String>().expect_err("one byte is no text").is(Code::BadReply));
}

#[test]
fn bytes_loans_and_frozen_loans_arrive_as_they_were() {
    let peer = Peer::start();
    let pool = pool(&peer);
    let client = pool.client();
    let bytes: Vec<u8> = (0..100_000_u32).map(|at| at as u8).collect();
    let sum: u64 = bytes.iter().map(|byte| u64::from(*byte)).sum();
    let mut loan = client.lend(bytes.len()).expect("room");
    assert_eq!(loan.as_ptr() as usize % 64, 0, "loans are aligned to cache lines");
    loan.copy_from_slice(&bytes);
    let frozen = client.freeze(&bytes).expect("freeze");
    let payloads: [windlass_client::Payload<'_>; 3] = [(&bytes).into(), loan.into(), (&frozen).into()];
    for payload in payloads {
        let reply = pool.call(SUM).input(payload).wait().expect("sum");
        assert_eq!(reply.value::<u64>().expect("a number"), sum);
    }
    let empty: &[u8] = &[];
    assert_eq!(pool.call(SUM).input(empty).wait().expect("sum").value::<u64>().expect("a number"), 0);
}

#[test]
fn rpc_R21_a_frozen_loan_is_copied_by_nobody_and_a_slice_once() {
    let peer = Peer::start();
    let pool = pool(&peer);
    let client = pool.client();
    let frozen = client.freeze_with(1 << 20, |room| room.fill(1)).expect("freeze");
    for _ in 0..3 {
        let reply = pool.call(SUM).input(&frozen).wait().expect("sum");
        assert_eq!(reply.value::<u64>().expect("a number"), 1 << 20);
    }
    assert_eq!(client.counters().bytes_copied, 0);
    assert_eq!(client.counters().bytes_frozen, 1 << 20);
    pool.call(SUM).input(&[1; 1000]).wait().expect("sum");
    assert_eq!(client.counters().bytes_copied, 1000);
}

#[test]
fn a_frozen_loan_is_retired_when_its_last_clone_is_gone_and_no_call_uses_it() {
    let peer = Peer::start();
    let pool = pool(&peer);
    let frozen = pool.client().freeze(b"cold").expect("freeze");
    let pending = pool.call(HOLD).input(&frozen).send();
    peer.wait_held(1);
    drop(frozen.clone());
    drop(frozen);
    // The call still has it: an echo that went through proves that no release was before it.
    pool.call(ECHO).argument(&1_u8).wait().expect("echo");
    assert!(peer.log(|log| log.retired.is_empty()));
    peer.order(Order::GoOn);
    pending.wait().expect("held, then answered");
    peer.wait_log(|log| log.retired == [0x4000_0000]);
}

#[test]
fn a_refused_frozen_loan_is_a_fault_in_the_nodes_words() {
    let peer = Peer::with(Manners { refuses_frozen: true, ..Manners::default() });
    let client = Client::connect(&peer.node()).expect("connect");
    let fault = client.freeze(b"x").expect_err("refused");
    assert!(fault.is(Code::BadFrozen) && fault.message == "too cold", "{fault:?}");
    assert!(client.freeze(b"").expect_err("nothing to freeze").is(Code::BadFrozen));
}

#[test]
fn results_are_views_until_dropped_and_shared_loans_come_back_with_what_was_used() {
    let peer = Peer::start();
    let pool = pool(&peer);
    let mut reply = pool.call(FILL).argument(&9_u8).output(5000).wait().expect("fill");
    let view = reply.take_view(0).expect("a result");
    assert_eq!((view.len(), view.iter().all(|byte| *byte == 9)), (5000, true));
    assert!(reply.take_view(0).expect_err("taken").message.contains("taken before"));
    assert!(reply.take_view(1).is_err());

    let mut reply = pool.call(REVERSE).inout(b"desserts").wait().expect("reverse");
    assert_eq!(&*reply.take_view(0).expect("a result"), b"stressed");
    let frozen = pool.client().freeze(b"drawer").expect("freeze");
    let mut reply = pool.call(REVERSE).inout(&frozen).wait().expect("reverse");
    assert_eq!(&*reply.take_view(0).expect("a result"), b"reward");
    assert_eq!(&*frozen, b"drawer");

    let mut loan = pool.client().lend(100).expect("room");
    loan.fill(1);
    let mut reply = pool.call(FILL_SHARED).argument(&8_u8).output_shared(loan).wait().expect("fill");
    assert!(reply.take_view(0).expect_err("it is a loan").message.contains("loan"));
    let (loan, used) = reply.take_loan(0).expect("the same loan");
    assert_eq!((used, &loan[..50], &loan[50..]), (50, &[8; 50][..], &[1; 50][..]));
    assert_eq!(view[0], 9, "other calls do not touch a leased result");
}

#[test]
fn rpc_R9_a_view_dropped_on_any_thread_is_released_exactly_once() {
    let peer = Peer::start();
    let pool = pool(&peer);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let pool = &pool;
            scope.spawn(move || {
                for _ in 0..20 {
                    let mut reply = pool.call(FILL).argument(&3_u8).output(64).wait().expect("fill");
                    let view = reply.take_view(0).expect("a result");
                    let clone = view.clone();
                    // One clone goes to a thread of its own, one dies here; which is last, the scheduler decides.
                    scope.spawn(move || assert_eq!(clone[63], 3));
                    drop(view);
                }
            });
        }
    });
    // A reply dropped with its view untaken releases as well.
    drop(pool.call(FILL).argument(&3_u8).output(64).wait().expect("fill"));
    peer.wait_log(|log| log.released.len() >= 161);
    pool.call(ECHO).argument(&1_u8).wait().expect("echo");
    let (mut leased, mut released) = peer.log(|log| (log.leased.clone(), log.released.clone()));
    leased.sort_unstable();
    released.sort_unstable();
    assert_eq!(leased, released);
}

#[test]
fn a_cancelled_call_is_answered_as_cancelled_and_asks_once() {
    let peer = Peer::start();
    let pool = pool(&peer);
    let pending = pool.call(HOLD).send();
    peer.wait_held(1);
    pending.cancel();
    pending.cancel();
    assert!(pending.wait().expect_err("cancelled").is(Code::Cancelled));
    pool.call(ECHO).argument(&1_u8).wait().expect("echo");
    assert_eq!(peer.log(|log| log.cancelled.len()), 1);
}

#[test]
fn a_pending_call_that_is_dropped_is_cancelled_and_keeps_its_loan_until_the_completion() {
    let peer = Peer::start();
    let pool = pool(&peer);
    let client = pool.client();
    let loan = client.lend(4096).expect("room");
    let stuck = pool.call(NEVER).input(loan).send();
    assert_eq!(client.lent_bytes(), 4096);
    drop(stuck);
    peer.wait_log(|log| log.cancelled.len() == 1);
    // The node has not answered, so the room must not be lent to anybody.
    pool.call(ECHO).argument(&1_u8).wait().expect("echo");
    assert_eq!(client.lent_bytes(), 4096);

    let loan = client.lend(4096).expect("room");
    let dropped = pool.call(HOLD).input(loan).send();
    peer.wait_held(1);
    drop(dropped);
    peer.wait_log(|log| log.cancelled.len() == 2);
    // Its answer stands in the ring before this one.
    pool.call(ECHO).argument(&1_u8).wait().expect("echo");
    assert_eq!(client.lent_bytes(), 4096);
}

#[test]
fn a_deadline_travels_as_time_left_and_a_call_without_one_says_so() {
    let peer = Peer::start();
    let pool = pool(&peer);
    pool.call(ECHO).deadline(Duration::from_micros(1500)).wait().expect("echo");
    pool.call(ECHO).deadline(Duration::MAX).wait().expect("echo");
    pool.call(ECHO).wait().expect("echo");
    let left: Vec<u64> = peer.log(|log| log.calls.iter().map(|(_, left)| *left).collect());
    assert_eq!(left, [1_500_000, u64::MAX - 1, u64::MAX]);
}

#[test]
fn mistakes_made_while_putting_a_call_together_come_out_when_it_is_sent() {
    let peer = Peer::start();
    let (pool, other) = (pool(&peer), Peer::start());
    let foreign = Client::connect(&other.node()).expect("connect").lend(10).expect("room");
    let cases = [
        (pool.call(SUM).input(foreign), Code::BadBuffer),
        (pool.call(ECHO).encoded(&[0; 70_000]), Code::TooLarge),
        (pool.call(FILL).output(1 << 40), Code::TooLarge),
        (pool.call(FILL).output(64).detached(), Code::BadBuffer),
        ((0..17).fold(pool.call(FILL), |call, _| call.output(1)), Code::TooLarge),
    ];
    for (call, code) in cases {
        let fault = call.wait().expect_err("it cannot be sent");
        assert!(fault.is(code) && fault.outcome == Outcome::NotStarted, "{fault:?}");
    }
    assert!(peer.log(|log| log.calls.is_empty()), "nothing of it was sent");
}

#[test]
fn the_heap_grows_by_doubling_and_says_so_when_the_session_has_no_more() {
    let peer = Peer::with(Manners { heap_bytes_max: 8 << 20, ..Manners::default() });
    let client = Client::connect(&peer.node()).expect("connect");
    let loans: Vec<_> = (0..3).map(|_| client.lend(1 << 20).expect("room")).collect();
    assert_eq!(peer.log(|log| log.grown.clone()), [1 << 20, 2 << 20]);
    let fault = client.lend(16 << 20).expect_err("more than the session may have");
    assert!(fault.is(Code::NoMemory) && fault.message == "the session's memory is used up", "{fault:?}");
    drop(loans);
    assert_eq!(client.lent_bytes(), 0);
    let _again = client.lend(2 << 20).expect("what was returned is lent again");
    assert_eq!(peer.log(|log| log.grown.len()), 2);
}
