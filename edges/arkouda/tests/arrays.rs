//! Arrays in and out, by a client of another hand: bytes, text, facts, and what wrong ones get.
#![allow(clippy::disallowed_methods, reason = "tests start threads")]

mod common;

use common::{Asker, Harbour};
use serde_json::Value;

fn name_of(created: &str) -> String {
    created.split(' ').nth(1).expect("a name").to_owned()
}

fn bytes_of(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_ne_bytes()).collect()
}

fn sent(client: &mut Asker, values: &[i64], shape: &str, rank: u32) -> String {
    let reply = client.send(&format!("array<int64,{rank}>"), &[("shape", shape)], &bytes_of(values));
    assert_eq!(reply["msgType"], "NORMAL", "{reply}");
    reply["msg"].as_str().expect("text").to_owned()
}

#[test]
fn what_is_sent_comes_back_byte_for_byte_at_every_rank() {
    let harbour = Harbour::open();
    let mut client = harbour.client();
    for (values, shape, rank) in [
        (vec![], "[\"0\"]", 1),
        (vec![1, -2, 3, 4, 5, 6], "[\"6\"]", 1),
        (vec![1, -2, 3, 4, 5, 6], "[\"2\", \"3\"]", 2),
    ] {
        let created = sent(&mut client, &values, shape, rank);
        let words: Vec<&str> = created.split(' ').collect();
        assert_eq!(
            (words[0], words[2], words[3]),
            ("created", "int64", values.len().to_string().as_str()),
            "{created}"
        );
        assert_eq!((words[4], words[6]), (rank.to_string().as_str(), "8"), "{created}");
        let name = name_of(&created);
        assert_eq!(client.bytes(&format!("tondarray<int64,{rank}>"), &[("array", &name)]), bytes_of(&values));
    }
    let large: Vec<i64> = (0..400_000).collect();
    let name = name_of(&sent(&mut client, &large, "400000", 1));
    assert_eq!(client.bytes("tondarray<int64,1>", &[("array", &name)]), bytes_of(&large));
}

#[test]
fn strings_come_and_go_with_zeros_between_them() {
    let harbour = Harbour::open();
    let mut client = harbour.client();
    let reply = client.send("arraySegString<uint8>", &[("size", "9")], "eins\0\0zw\u{f6}lf\0".as_bytes());
    let created = reply["msg"].as_str().expect("text").to_owned();
    assert!(created.contains(" str 3 1 [3] 1+created bytes.size "), "{created}");
    let name = name_of(&created);
    let values = client.bytes("segStr-tondarray", &[("obj", &name), ("comp", "values")]);
    assert_eq!(values, "eins\0\0zw\u{f6}lf\0".as_bytes());
    let offsets = client.bytes("segStr-tondarray", &[("obj", &name), ("comp", "offsets")]);
    assert_eq!(offsets, bytes_of(&[0, 5, 6]));
    for wrong in [&b"no end"[..], b"\xFF\0"] {
        assert_eq!(client.send("arraySegString<uint8>", &[], wrong)["msgType"], "ERROR");
    }
}

#[test]
fn arrays_are_shown_and_listed_as_the_client_expects() {
    let harbour = Harbour::open();
    let mut client = harbour.client();
    let name = name_of(&sent(&mut client, &(0..10).collect::<Vec<_>>(), "10", 1));
    assert_eq!(client.ask("str", &[("array", &name), ("printThresh", "100")]), "[0 1 2 3 4 5 6 7 8 9]");
    assert_eq!(client.ask("repr", &[("array", &name), ("printThresh", "5")]), "array([0 1 2 ... 7 8 9])");
    let all: Value = serde_json::from_str(&client.ask("info", &[("names", "__AllSymbols__")])).expect("JSON");
    assert_eq!(
        (&all[0]["name"], &all[0]["dtype"], &all[0]["size"]),
        (&name.as_str().into(), &"int64".into(), &10.into())
    );
    let used: u64 =
        client.ask("getmemused", &[("factor", "1"), ("as_percent", "False")]).parse().expect("a number");
    assert!(used >= 80, "{used}");
    client.ask("clear", &[]);
    assert!(client.refused("str", &[("array", &name), ("printThresh", "5")]).contains(&name));
}

#[test]
fn bytes_that_do_not_fit_their_shape_make_nothing() {
    let harbour = Harbour::open();
    let mut client = harbour.client();
    for (cmd, shape, bytes) in [
        ("array<int64,1>", "3", 8),
        ("array<int64,1>", "18446744073709551615", 8),
        ("array<bigint,1>", "1", 8),
        ("array<nothing,1>", "1", 8),
        ("array<int64,1>", "x", 8),
    ] {
        let reply = client.send(cmd, &[("shape", shape)], &vec![1; bytes]);
        assert_eq!(reply["msgType"], "ERROR", "{cmd} {shape}: {reply}");
    }
    let reply = client.send("array<bool,1>", &[("shape", "2")], &[1, 2]);
    assert!(reply["msg"].as_str().expect("text").contains("neither 0 nor 1"), "{reply}");
    assert!(client.refused("array<int64,1>", &[("shape", "1")]).contains("do not follow"), "no payload at all");
    assert_eq!(client.ask("info", &[("names", "__AllSymbols__")]), "[]");
}

#[test]
fn clients_of_one_user_share_symbols_and_those_of_another_do_not() {
    let harbour = Harbour::open();
    let mut first = Asker::connect(harbour.address, "ana");
    let name = name_of(&sent(&mut first, &[1, 2], "2", 1));
    drop(first);
    let mut again = Asker::connect(harbour.address, "ana");
    assert_eq!(again.bytes("tondarray<int64,1>", &[("array", &name)]), bytes_of(&[1, 2]));
    let mut other = Asker::connect(harbour.address, "ben");
    let said = other.bytes("tondarray<int64,1>", &[("array", &name)]);
    assert!(said.starts_with(b"Error:"), "another user's symbols are not seen");
}

/// Ids of pools are never given twice. The edge kept those that it had read when it began, so that no command of a pool which had been made again,
/// and no array, came through until some other command had been misspelt.
#[test]
fn a_pool_that_is_made_again_is_called_by_its_new_id() {
    let harbour = Harbour::open();
    let mut client = harbour.client();
    let name = name_of(&sent(&mut client, &[1, 2, 3], "3", 1));
    harbour.remake("array_sort");
    let said = client.ask("argsort<int64,1>", &[("name", &name), ("algoName", ""), ("axis", "0")]);
    assert!(said.starts_with("created "), "{said}");
}

#[test]
fn arrays_come_and_go_by_a_module_that_is_made_again() {
    let harbour = Harbour::open();
    let mut client = harbour.client();
    harbour.remake("transfer");
    let name = name_of(&sent(&mut client, &[1, 2, 3], "3", 1));
    assert_eq!(client.bytes("tondarray<int64,1>", &[("array", &name)]), bytes_of(&[1, 2, 3]));
}
