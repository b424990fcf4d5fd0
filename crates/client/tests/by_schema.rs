//! Calls by schema: a method by its name, arguments as text, the reply as JSON.

mod peer;

use peer::{POOL_NAME, Peer};
use windlass_client::Client;
use windlass_client::dynamic::{DynamicPool, Supply};
use windlass_contract::Code;

fn open(peer: &Peer) -> DynamicPool {
    let client = Client::connect(&peer.node()).expect("connect");
    DynamicPool::open(&client, POOL_NAME).expect("described")
}

fn text(name: &str, text: &str) -> (String, String) {
    (name.into(), text.into())
}

#[test]
fn a_method_is_called_by_name_with_text_and_answers_json() {
    let peer = Peer::start();
    let reply = open(&peer).call("echo", &[text("text", "good day")], &[]).expect("echo");
    assert_eq!(reply.value, serde_json::json!("good day"));
}

#[test]
fn buffers_go_by_parameter_name_and_come_back_the_same_way() {
    let peer = Peer::start();
    let pool = open(&peer);
    let reply = pool.call("sum", &[], &[("data".into(), Supply::Bytes(&[1, 2, 3]))]).expect("sum");
    assert_eq!(reply.value, serde_json::json!(6));
    let frozen = pool.pool().client().freeze(&[10; 10]).expect("freeze");
    let reply = pool.call("sum", &[], &[("data".into(), Supply::Frozen(frozen))]).expect("sum");
    assert_eq!(reply.value, serde_json::json!(100));
    // `byte` has a default, and so has the room.
    let reply = pool.call("fill", &[], &[("out".into(), Supply::Room(10))]).expect("fill");
    assert_eq!((reply.buffers[0].0.as_str(), &*reply.buffers[0].1), ("out", &[5; 10][..]));
    let reply = pool.call("fill", &[text("byte", "7")], &[]).expect("fill");
    assert_eq!(reply.buffers[0].1.first(), Some(&7));
}

#[test]
fn wrong_names_and_supplies_are_refused_before_anything_is_sent_with_what_exists() {
    let peer = Peer::start();
    let pool = open(&peer);
    let sent = peer.log(|log| log.calls.len());
    let bytes = || ("data".to_owned(), Supply::Bytes(b"x"));
    let cases = [
        (pool.call("ecko", &[], &[]), Code::UnknownMethod, "did you mean \"echo\"?"),
        (pool.call("echo", &[], &[]), Code::BadArguments, "\"text\""),
        (pool.call("echo", &[text("txt", "x")], &[]), Code::BadArguments, "did you mean \"text\"?"),
        (pool.call("fill", &[text("byte", "300")], &[]), Code::BadArguments, "byte"),
        (pool.call("sum", &[], &[]), Code::BadBuffer, "data"),
        (pool.call("sum", &[], &[("data".into(), Supply::Room(5))]), Code::BadBuffer, "bytes"),
        (pool.call("sum", &[], &[bytes(), bytes()]), Code::BadBuffer, "twice"),
        (pool.call("fill", &[], &[("out".into(), Supply::Bytes(b"x"))]), Code::BadBuffer, "room"),
    ];
    for (answer, code, words) in cases {
        let fault = answer.expect_err("refused");
        assert!(fault.is(code) && fault.message.contains(words), "{fault:?} should say {words}");
    }
    assert_eq!(peer.log(|log| log.calls.len()), sent);
}
