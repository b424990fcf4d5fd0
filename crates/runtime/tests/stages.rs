//! Stamps between the rooms: which calls are counted, and that both sides count the same.

mod hand;

use hand::{TestNode, ask, echo};
use windlass_client::{Client, ClientStages};
use windlass_contract::Code;
use windlass_contract::admin::{Request, Response, StageFacts};

fn node_stages(client: &Client) -> Vec<StageFacts> {
    match ask(client, &Request::Stages).unwrap() {
        Response::Stages(all) => all,
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_sides_count_the_calls_that_were_answered_with_a_value_and_begin_anew_when_asked() {
    let node = TestNode::with(|config| config.stages = true);
    let client = Client::options().stages().connect(&node.address()).unwrap();
    let pool = client.pool("echo").unwrap();
    node_stages(&client);
    client.stages().unwrap();
    for value in 0..100u64 {
        pool.call(echo("ping")).argument(&value).wait().unwrap();
    }
    pool.call(echo("panic")).argument(&"no value").wait().unwrap_err();
    drop(pool.call(echo("ping")));
    let ours = client.stages().unwrap();
    let all = node_stages(&client);
    let theirs = all.iter().find(|facts| facts.method == "ping").unwrap();
    assert_eq!((ours.calls, theirs.calls), (100, 100));
    assert!(all.iter().all(|facts| facts.method != "panic"), "{all:?}");

    // Sums wrap, so it is their differences that have an order; the node's clock is the client's.
    let ClientStages { begun, published, ended, .. } = ours;
    let StageFacts { taken, arrived, admitted, placed, answered, replied, .. } = *theirs;
    let way = [begun, published, taken, arrived, admitted, placed, answered, replied];
    for (at, pair) in way.windows(2).enumerate() {
        assert!(pair[1].wrapping_sub(pair[0]).cast_signed() >= 0, "stage {at} of {way:?}");
    }
    assert!(ended.wrapping_sub(published).cast_signed() > 0);
    assert!(node_stages(&client).iter().all(|facts| facts.method != "ping"), "the sums began anew");
}

#[test]
fn calls_of_calls_are_not_counted_and_calls_that_wait_are() {
    let node = TestNode::with(|config| config.stages = true);
    let client = Client::options().stages().connect(&node.address()).unwrap();
    let pool = client.pool("echo").unwrap();
    node_stages(&client);
    client.stages().unwrap();
    pool.call(echo("relay")).argument(&"other").argument(&3u32).wait().unwrap();
    pool.call(echo("pause")).argument(&2000u64).wait().unwrap();
    assert_eq!(client.stages().unwrap().calls, 2);
    let all = node_stages(&client);
    let calls =
        |method: &str| all.iter().filter(|facts| facts.method == method).map(|facts| facts.calls).sum::<u64>();
    assert_eq!((calls("relay"), calls("pause")), (1, 1), "{all:?}");
}

#[test]
fn without_being_asked_to_nobody_takes_stamps_and_the_node_says_so() {
    let node = TestNode::start();
    let client = node.connect();
    assert_eq!(client.stages(), None);
    let fault = ask(&client, &Request::Stages).unwrap_err();
    assert!(fault.is(Code::Unsupported), "{fault:?}");
}
