//! The whole path with hand-written tables: client, ring, transport, session, place, host, reply.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]

mod hand;

use hand::{TestNode, echo};
use windlass_contract::Code;

#[test]
fn a_value_goes_through_and_comes_back() {
    let node = TestNode::start();
    let client = node.connect();
    let pool = client.pool("echo").unwrap();
    for value in [0u64, 1, u64::MAX] {
        let reply = pool.call(echo("ping")).argument(&value).wait().unwrap();
        assert_eq!(reply.value::<u64>().unwrap(), value);
    }
    let text = "x".repeat(30_000);
    let reply = pool.call(echo("echo")).argument(&text).wait().unwrap();
    assert_eq!(reply.value::<String>().unwrap(), text);
}

#[test]
fn buffers_of_every_kind_carry_their_bytes() {
    let node = TestNode::start();
    let client = node.connect();
    let pool = client.pool("echo").unwrap();
    let data: Vec<u8> = (0..3_000_000u32).map(|at| (at * 7) as u8).collect();
    let sum = xxhash_rust::xxh3::xxh3_64(&data);
    let frozen = client.freeze(&data).unwrap();
    assert_eq!(pool.call(echo("checksum")).input(&data[..]).wait().unwrap().value::<u64>().unwrap(), sum);
    assert_eq!(pool.call(echo("checksum")).input(&frozen).wait().unwrap().value::<u64>().unwrap(), sum);
    let mut reply = pool.call(echo("copy")).input(&frozen).output(data.len()).wait().unwrap();
    assert_eq!(&*reply.take_view(0).unwrap(), &data[..]);
    let mut reply = pool.call(echo("reverse")).inout(&data[..]).wait().unwrap();
    let mut back = reply.take_view(0).unwrap().to_vec();
    back.reverse();
    assert_eq!(back, data);
    let loan = client.lend(5000).unwrap();
    let mut reply = pool.call(echo("fill")).argument(&9u8).output_shared(loan).wait().unwrap();
    let (loan, used) = reply.take_loan(0).unwrap();
    assert_eq!((used, &loan[..]), (5000, &[9u8; 5000][..]));
}

#[test]
fn tasks_K22_a_panic_is_a_fault_of_that_call_and_nothing_else_notices() {
    let node = TestNode::start();
    let client = node.connect();
    let pool = client.pool("echo").unwrap();
    let fault = pool.call(echo("panic")).argument(&"boom").wait().unwrap_err();
    assert!(fault.is(Code::Panicked), "{fault:?}");
    assert_eq!(pool.call(echo("ping")).argument(&5u64).wait().unwrap().value::<u64>().unwrap(), 5);
}

#[test]
fn tasks_K20_waiting_tasks_overlap_and_resume() {
    let node = TestNode::start();
    let client = node.connect();
    let pool = client.pool("echo").unwrap();
    let pending: Vec<_> = (0..32).map(|_| pool.call(echo("pause")).argument(&2000u64).send()).collect();
    for one in pending {
        one.wait().unwrap();
    }
}

#[test]
fn tasks_K21_nested_calls_carry_their_depth_and_stop_at_the_limit() {
    let node = TestNode::start();
    let client = node.connect();
    let pool = client.pool("echo").unwrap();
    let relay = |left: u32| pool.call(echo("relay")).argument(&"other").argument(&left).wait();
    assert_eq!(relay(0).unwrap().value::<u32>().unwrap(), 0);
    assert_eq!(relay(7).unwrap().value::<u32>().unwrap(), 7);
    let fault = relay(40).unwrap_err();
    assert!(fault.is(Code::TooDeep), "{fault:?}");
}

#[test]
fn calls_of_one_key_run_one_after_another_and_other_keys_pass() {
    let node = TestNode::start();
    let client = node.connect();
    let pool = client.pool("echo").unwrap();
    let call = |key: &str, us: u64, mark: &str| {
        pool.call(echo("keyed")).argument(&key).argument(&us).argument(&mark).send()
    };
    let all = [call("a", 20_000, "a1"), call("a", 0, "a2"), call("b", 0, "b1")];
    for one in all {
        one.wait().unwrap();
    }
    let seen: Vec<String> = pool.call(echo("seen")).wait().unwrap().value().unwrap();
    let at = |what: &str| seen.iter().position(|line| line == what).unwrap();
    assert!(at("a1 ends") < at("a2 begins"), "{seen:?}");
    assert!(at("b1 ends") < at("a1 ends"), "{seen:?}");
}

#[test]
fn a_blocking_method_runs_beside_the_worker() {
    let node = TestNode::start();
    let client = node.connect();
    let pool = client.pool("echo").unwrap();
    let blocked = pool.call(echo("block")).argument(&30u64).input(&b"12345"[..]).send();
    assert_eq!(pool.call(echo("ping")).argument(&5u64).wait().unwrap().value::<u64>().unwrap(), 5);
    assert_eq!(blocked.wait().unwrap().value::<u64>().unwrap(), 5);
}
