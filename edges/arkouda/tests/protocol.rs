//! The protocol, by a client of another hand: every shape of message, and what wrong ones get.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
#![allow(clippy::disallowed_methods, reason = "tests start threads")]

mod common;

use common::{Asker, Harbour, until};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::Duration;
use windlass_edge_arkouda::{Options, Token, VERSION};

#[test]
fn arrays_R12_connect_getconfig_and_the_parameter_classes_are_answered_in_that_order() {
    let harbour = Harbour::open();
    let mut client = harbour.client();
    // As the client sends it: no arguments, and -1 of them.
    let bare = json!({ "user": "u", "token": "", "cmd": "connect", "format": "STRING", "args": "", "size": -1 });
    let reply: Value = serde_json::from_slice(&client.frames(&[bare.to_string().as_bytes()])).expect("JSON");
    assert_eq!((&reply["msgType"], &reply["user"]), (&"NORMAL".into(), &"u".into()));
    assert_eq!(reply.as_object().expect("an object").len(), 5, "{reply}");

    let config: Value = serde_json::from_str(&client.ask("getconfig", &[])).expect("JSON");
    assert_eq!(config["arkoudaVersion"], VERSION);
    assert_eq!(config["ServerPort"], harbour.address.port());
    for key in [
        "regexMaxCaptures",
        "numLocales",
        "numNodes",
        "numPUs",
        "maxTaskPar",
        "physicalMemory",
        "byteorder",
        "serverHostname",
        "pythonVersion",
        "LocaleConfigs",
        "authenticate",
        "logLevel",
        "autoShutdown",
        "distributionType",
        "chplVersion",
        "ZMQVersion",
        "HDF5Version",
        "logChannel",
        "serverInfoNoSplash",
    ] {
        assert!(!config[key].is_null(), "{key} is missing");
    }
    let classes: Value = serde_json::from_str(&client.ask("getRegistrationConfig", &[])).expect("JSON");
    assert_eq!(classes["parameter_classes"]["array"]["nd"], json!([1, 2, 3]));
    let map: Value = serde_json::from_str(&client.ask("getCmdMap", &[])).expect("JSON");
    assert!(map["connect"].is_string() && map["ruok"].is_string(), "{map}");
}

#[test]
fn small_talk_is_answered_in_the_words_that_clients_know() {
    let harbour = Harbour::open();
    let mut client = harbour.client();
    assert_eq!(client.ask("noop", &[]), "noop");
    assert_eq!(client.ask("ruok", &[]), "imok");
    assert_eq!(client.ask("note", &[("message", "testing: TestX")]), "noted");
    assert_eq!(client.ask("wait_for_async_activity", &[]), "completed");
    assert_eq!(client.ask("sleep", &[("seconds", "0.01")]), "slept");
    let log = [("log_msg", "hello\nthere"), ("log_lvl", "info"), ("tag", "t")];
    assert_eq!(client.ask("clientlog", &log), "Log Message Written Successfully.");
    assert!(client.ask("disconnect", &[]).starts_with("disconnected"));
    assert_eq!(client.ask("ruok", &[]), "imok", "a client may go on after it has said good-bye");
    let memory: Value = serde_json::from_str(&client.ask("getmemstatus", &[])).expect("JSON");
    for key in ["total_mem", "avail_mem", "pct_avail_mem", "arkouda_mem_alloc", "mem_used", "locale_id"] {
        assert!(memory[0][key].is_u64(), "{key}: {memory}");
    }
    let all: u64 = client.ask("getmemused", &[("factor", "1"), ("as_percent", "True")]).parse().expect("a number");
    let left: u64 = client.ask("getavailmem", &[("factor", "1"), ("as_percent", "True")]).parse().expect("one");
    assert_eq!(all + left, 100);
}

#[test]
fn arrays_R9_a_missing_argument_and_one_of_another_type_are_named() {
    let harbour = Harbour::open();
    let mut client = harbour.client();
    let said = client.refused("note", &[]);
    assert_eq!(said, "Error executing command note: JSON argument key Not Found: message");
    let said = client.refused("sleep", &[("seconds", "soon")]);
    assert_eq!(said, "Error executing command sleep: Json Argument 'soon' cannot be cast as real");
    let said = client.refused("sleep", &[("seconds", "-1")]);
    assert!(said.contains("0 to"), "{said}");
    let said = client.refused("getmemused", &[("factor", "1"), ("as_percent", "maybe")]);
    assert!(said.contains("cannot be cast as bool"), "{said}");
}

#[test]
fn arrays_R11_an_unknown_command_is_refused_with_the_nearest_name() {
    let harbour = Harbour::open();
    let mut client = harbour.client();
    let said = client.refused("getconfg", &[]);
    assert!(
        said.starts_with("Unrecognized command: getconfg") && said.contains("did you mean getconfig?"),
        "{said}"
    );
}

#[test]
fn a_client_that_waits_for_bytes_is_refused_in_a_frame_that_begins_with_Error() {
    let harbour = Harbour::open();
    let mut client = harbour.client();
    let bytes = client.bytes("tondarray<int64,1>", &[("array", "id_gone_1")]);
    let text = String::from_utf8(bytes).expect("text");
    assert!(text.starts_with("Error: ") && text.contains("id_gone_1"), "{text}");
}

#[test]
fn malformed_requests_get_words_and_the_connection_goes_on() {
    let harbour = Harbour::open();
    let mut client = harbour.client();
    let marked = b"{}BINARY_PAYLOAD";
    let cases: [(&[&[u8]], &str); 9] = [
        (&[b""], "not what it should be"),
        (&[b"{"], "not what it should be"),
        (&[b"\xFF\xFE"], "UTF-8"),
        (&[b"[]"], "not what it should be"),
        (&[br#"{"cmd":"noop","args":"[1]","size":1}"#], "arguments"),
        (&[br#"{"cmd":"noop","args":"[]","size":3}"#], "announces 3"),
        (&[marked], "one frame of JSON, or two"),
        (&[b"{}", b"x"], "one frame of JSON, or two"),
        (&[b"{}", b"x", b"y"], "this one has 3"),
    ];
    for (frames, says) in cases {
        let reply: Value = serde_json::from_slice(&client.frames(frames)).expect("JSON");
        assert_eq!(reply["msgType"], "ERROR");
        assert!(reply["msg"].as_str().expect("text").contains(says), "{frames:?}: {reply}");
    }
    assert_eq!(client.ask("ruok", &[]), "imok");
}

#[test]
fn without_the_token_nothing_is_answered_but_that_one_is_needed() {
    let token = Token::new("s3cret");
    let harbour = Harbour::with(Options { token, ..Options::default() });
    let mut client = harbour.client();
    assert!(client.refused("connect", &[]).contains("requires a token"));
    client.token = "guess".into();
    let said = client.refused("getconfig", &[]);
    assert!(said.contains("does not match") && !said.contains("s3cret"), "{said}");
    client.token = "s3cret".into();
    let config: Value = serde_json::from_str(&client.ask("getconfig", &[])).expect("JSON");
    assert_eq!(config["authenticate"], true);
}

/// A token was looked at when a message was whole: whoever reached the port of a server with a token could have it keep 16 GiB first, on each of
/// 256 connections.
#[test]
fn who_has_not_shown_the_token_cannot_have_a_large_message_kept() {
    let harbour = Harbour::with(Options { token: Token::new("s3cret"), ..Options::default() });
    let greeted = || {
        let mut stream = TcpStream::connect(harbour.address).expect("connected");
        stream.set_read_timeout(Some(common::PATIENCE)).expect("set");
        stream.write_all(&greeting()).expect("sent");
        stream.read_exact(&mut [0; 64 + 30]).expect("greeted");
        stream
    };
    let long = |more: u8, length: u64| [&[more | 2][..], &length.to_be_bytes()].concat();
    // Not for want of patience, which is another error.
    let ended = |stream: &mut TcpStream| match stream.read(&mut [0; 1]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    };
    // A long text, and a payload behind a short one: their lengths alone are enough.
    let mut asker = harbour.client();
    asker.token = "guess".into();
    let text = format!("{}BINARY_PAYLOAD", asker.text("array<int64,1>", &[("shape", "[1]")]));
    let text = [&long(1, text.len() as u64)[..], text.as_bytes()].concat();
    for message in [long(0, 1 << 20), [text.clone(), long(0, 1 << 30)].concat()] {
        let mut stream = greeted();
        stream.write_all(&[&[1, 0][..], &message].concat()).expect("sent");
        assert!(ended(&mut stream), "it is not waited for");
    }
    // Who has shown it sends what it likes, and a first message that is short needs nothing.
    asker.token = "s3cret".into();
    assert!(asker.ask("connect", &[]).starts_with("connected"));
    let values: Vec<u8> = (0..200_000i64).flat_map(i64::to_ne_bytes).collect();
    assert_eq!(asker.send("array<int64,1>", &[("shape", "[200000]")], &values)["msgType"], "NORMAL");
}

#[test]
fn one_clients_command_does_not_delay_anothers() {
    let harbour = Harbour::open();
    let (mut slow, mut quick) = (harbour.client(), harbour.client());
    let sleeper = std::thread::spawn(move || {
        let answer = slow.ask("sleep", &[("seconds", "3600")]);
        panic!("the server ended before that: {answer}");
    });
    for _ in 0..100 {
        assert_eq!(quick.ask("noop", &[]), "noop");
    }
    assert!(!sleeper.is_finished(), "the other is still waiting");
    drop(harbour);
    assert!(sleeper.join().is_err(), "its connection ended with the edge");
}

/// What a peer says first.
fn greeting() -> Vec<u8> {
    let mut raw = vec![0; 64];
    (raw[0], raw[9], raw[10]) = (0xFF, 0x7F, 3);
    raw[12..16].copy_from_slice(b"NULL");
    raw.extend_from_slice(b"\x04\x19\x05READY\x0BSocket-Type\0\0\0\x03REQ");
    raw
}

#[test]
fn a_client_that_is_gone_in_mid_command_leaves_nothing_behind() {
    let harbour = Harbour::open();
    let mut raw = greeting();
    let text = harbour.client().text("sleep", &[("seconds", "3600")]);
    raw.extend_from_slice(&[1, 0, 2]);
    raw.extend_from_slice(&(text.len() as u64).to_be_bytes());
    raw.extend_from_slice(text.as_bytes());
    for _ in 0..windlass_edge_arkouda::limits::CONNECTIONS_MAX {
        let mut stream = TcpStream::connect(harbour.address).expect("connected");
        stream.write_all(&raw).expect("sent");
        stream.set_read_timeout(Some(common::PATIENCE)).expect("set");
        stream.read_exact(&mut [0; 64]).expect("it was greeted");
    }
    // All of them are gone: were one still held by its command, there would be no room for all of these.
    let mut open = Vec::new();
    until("room for as many again", || {
        let mut stream = TcpStream::connect(harbour.address).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(1))).expect("set");
        if stream.read_exact(&mut [0; 64]).is_ok() {
            open.push(stream);
        }
        open.len() == windlass_edge_arkouda::limits::CONNECTIONS_MAX - 1
    });
    assert_eq!(harbour.client().ask("ruok", &[]), "imok");
}

#[test]
fn shutdown_is_answered_first_and_then_the_node_is_told() {
    let harbour = Harbour::open();
    let mut client = harbour.client();
    client.ask("noop", &[]);
    assert_eq!(client.ask("shutdown", &[]), "shutdown server (2 req)");
    until("the order to stop", || harbour.told_to_stop.load(Ordering::SeqCst));
    let harbour = Harbour::with(Options { auto_shutdown: true, ..Options::default() });
    harbour.client().ask("disconnect", &[]);
    until("the order to stop", || harbour.told_to_stop.load(Ordering::SeqCst));
}

#[test]
fn a_peer_that_is_no_client_is_shown_out_and_others_are_served() {
    let harbour = Harbour::open();
    let greeting = |version: u8, mechanism: &[u8]| {
        let mut bytes = vec![0; 64];
        (bytes[0], bytes[9], bytes[10]) = (0xFF, 0x7F, version);
        bytes[12..12 + mechanism.len()].copy_from_slice(mechanism);
        bytes
    };
    let ready = |kind: &[u8]| {
        let mut body = b"\x05READY\x0BSocket-Type\0\0\0".to_vec();
        body.push(kind.len() as u8);
        body.extend_from_slice(kind);
        [&[4, body.len() as u8][..], &body].concat()
    };
    let good = [greeting(3, b"NULL"), ready(b"DEALER")].concat();
    let mut huge = good.clone();
    huge.push(2);
    huge.extend_from_slice(&(1u64 << 60).to_be_bytes());
    let cases: [(&str, Vec<u8>); 6] = [
        ("another protocol", [b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![b' '; 64]].concat()),
        ("an old version", greeting(2, b"NULL")),
        ("a password", greeting(3, b"PLAIN")),
        ("a subscriber", [greeting(3, b"NULL"), ready(b"SUB")].concat()),
        ("a frame as long as the sky", huge),
        ("flags that do not exist", [good.clone(), vec![0xF8, 0]].concat()),
    ];
    for (what, bytes) in cases {
        let mut stream = TcpStream::connect(harbour.address).expect("connected");
        stream.set_read_timeout(Some(common::PATIENCE)).expect("set");
        stream.write_all(&bytes).expect("sent");
        let mut rest = Vec::new();
        // A reset is an end as well; what matters is that it does not hang.
        let ended = stream.read_to_end(&mut rest).map_err(|error| error.kind());
        assert!(!matches!(ended, Err(std::io::ErrorKind::WouldBlock)), "{what}: the connection stays open");
    }
    assert_eq!(harbour.client().ask("ruok", &[]), "imok");
}

#[test]
fn ten_thousand_fuzzed_messages_and_the_server_is_still_ok() {
    let harbour = Harbour::open();
    let mut dice = fastrand::Rng::with_seed(42);
    let mut client = harbour.client();
    let mut seeds: Vec<Vec<u8>> =
        ["noop", "getconfig", "connect", "create<int64,1>", "tondarray<int64,1>", "note"]
            .iter()
            .map(|cmd| client.text(cmd, &[("shape", "(3,)"), ("message", "x")]).into_bytes())
            .collect();
    seeds.push(b"{}BINARY_PAYLOAD".to_vec());
    let mut connections = 0;
    for round in 0..10_000 {
        let mut bytes = dice.choice(&seeds).expect("some").clone();
        for _ in 0..=dice.usize(..4) {
            let at = dice.usize(..bytes.len());
            match dice.u8(..5) {
                0 => bytes[at] ^= 1 << dice.u8(..8),
                1 => bytes.insert(at, *dice.choice(b"\"\\{}[],:\xFF").expect("some")),
                2 => bytes.truncate(at.max(1)),
                3 => drop(bytes.remove(at)),
                _ => bytes[at] = dice.u8(..),
            }
            if bytes.is_empty() {
                bytes.push(b'{');
            }
        }
        // `sleep` and `shutdown` would be obeyed.
        if round % 10 == 9 {
            let mut raw = vec![0; 64];
            (raw[0], raw[9], raw[10]) = (0xFF, 0x7F, 3);
            raw[12..16].copy_from_slice(b"NULL");
            raw.extend_from_slice(b"\x04\x19\x05READY\x0BSocket-Type\0\0\0\x03REQ");
            raw.extend_from_slice(&[1, 0, 0, bytes.len().min(255) as u8]);
            raw.extend_from_slice(&bytes[..bytes.len().min(255)]);
            for _ in 0..dice.usize(1..4) {
                let at = dice.usize(..raw.len());
                raw[at] = dice.u8(..);
            }
            let mut stream = TcpStream::connect(harbour.address).expect("connected");
            // The server may hang up while we still write, which is its right.
            let _may_be_cut = stream.write_all(&raw);
            connections += 1;
        } else {
            let payload: &[u8] = &[7; 16];
            let answer = if dice.bool() { client.frames(&[&bytes]) } else { client.frames(&[&bytes, payload]) };
            assert!(!answer.is_empty());
        }
    }
    assert_eq!(connections, 1000);
    assert_eq!(harbour.client().ask("ruok", &[]), "imok");
    assert_eq!(client.ask("ruok", &[]), "imok");
}

#[test]
fn two_hundred_and_fifty_six_connections_are_served_and_one_more_is_closed() {
    let harbour = Harbour::open();
    let mut open: Vec<TcpStream> = (0..windlass_edge_arkouda::limits::CONNECTIONS_MAX)
        .map(|_| TcpStream::connect(harbour.address).expect("connected"))
        .collect();
    for stream in &mut open {
        stream.set_read_timeout(Some(common::PATIENCE)).expect("set");
        stream.read_exact(&mut [0; 64]).expect("each is greeted");
    }
    let mut late = TcpStream::connect(harbour.address).expect("connected");
    late.set_read_timeout(Some(common::PATIENCE)).expect("set");
    assert_eq!(late.read(&mut [0; 64]).unwrap_or(0), 0, "one more is closed");
    drop(open);
    until("room", || {
        let mut stream = TcpStream::connect(harbour.address).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(1))).expect("set");
        stream.read_exact(&mut [0; 64]).is_ok()
    });
    assert_eq!(Asker::connect(harbour.address, "u").ask("ruok", &[]), "imok");
}
