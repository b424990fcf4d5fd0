//! Views: an array's memory in a client's process, from the answer until the lease returns, through the public doors.
#![allow(missing_docs, reason = "the names are claims")]
#![allow(clippy::disallowed_methods, reason = "a test waits for the node by the machine's clock")]

use std::ops::Deref;
use std::time::{Duration, Instant};
use windlass_client::dynamic::commands::Commands;
use windlass_client::dynamic::{Bulk, DynamicPool, DynamicReply, Supply};
use windlass_client::{Client, Connect};
use windlass_contract::commands::CommandMap;
use windlass_contract::{Code, Fault};
use windlass_runtime::{Node, NodeConfig, PoolSpec};

const BYTES: usize = 8 << 20;

struct Stage {
    node: Node,
    _directory: tempfile::TempDir,
}

/// A session: its client, the pool `transfer`, and commands.
struct Session {
    client: Client,
    transfer: DynamicPool,
    commands: Commands,
}

impl Stage {
    fn with(workers: usize) -> Self {
        Self::limited(workers, u64::MAX)
    }
    /// A node whose sessions may have so many bytes of symbols.
    fn limited(workers: usize, symbol_bytes_max: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = NodeConfig::new("views", windlass_admin::Admin::TABLE);
        config.directory = directory.path().join("views");
        config.workers = workers;
        config.symbol_bytes_max = symbol_bytes_max.min(config.symbol_bytes_max);
        config.modules.push(windlass_transfer::Transfer::TABLE);
        config.pools.push(PoolSpec::new("transfer", "transfer"));
        for (table, name) in windlass_array::TABLES.iter().copied().zip(GROUPS) {
            config.modules.push(table);
            config.pools.push(PoolSpec::new(*name, *name));
        }
        Self { node: Node::start(config).unwrap(), _directory: directory }
    }
    fn directory(&self) -> String {
        self.node.directory().display().to_string()
    }
    fn session(&self) -> Session {
        Session::of(Client::connect(&self.directory()).unwrap())
    }
}

/// The modules of `windlass_array::TABLES` that come first, in that order.
const GROUPS: &[&str] = &["symbols", "array_create", "array_operators", "array_elementwise", "array_index"];

impl Session {
    fn of(client: Client) -> Self {
        let transfer = DynamicPool::open(&client, "transfer").unwrap();
        let commands = Commands::open(&client, CommandMap::new(1)).unwrap();
        Self { client, transfer, commands }
    }
    fn ask(&self, method: &str, given: &[(&str, &str)], out: (&str, Supply<'_>)) -> Result<DynamicReply, Fault> {
        let given: Vec<_> = given.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
        self.transfer.call(method, &given, &[(out.0.to_owned(), out.1)])
    }
    fn upload(&self, bytes: &[u8]) -> String {
        let shape = format!("[{}]", bytes.len());
        let reply =
            self.ask("array_from_bytes", &[("dtype", "uint8"), ("shape", &shape)], ("data", Supply::Bytes(bytes)));
        reply.unwrap().value["name"].as_str().unwrap().to_owned()
    }
    /// How the array lies, and the result; whether its elements are there.
    fn view(&self, name: &str) -> Result<(bool, Bulk), Fault> {
        let mut reply = self.ask("view", &[("name", name)], ("out", Supply::Room(1024)))?;
        Ok((reply.value["here"].as_bool().unwrap(), reply.buffers.remove(0).1))
    }
    fn seen(&self, name: &str) -> Bulk {
        let (here, bulk) = self.view(name).unwrap();
        assert!(here && bulk.len() >= BYTES, "{} bytes", bulk.len());
        bulk
    }
    fn set(&self, name: &str, value: &str) {
        self.commands.call("set<uint8,1>", &[("array", name), ("val", value)]).unwrap();
    }
    /// Sets the first element: in place, unless somebody else holds the array.
    fn set_first(&self, name: &str, value: &str) -> Result<(), Fault> {
        let given = [("array", name), ("idx", "[0]"), ("value", value), ("max_bits", "-1")];
        self.commands.call("[int]=val<uint8,1>", &given).map(drop)
    }
    fn used(&self) -> u64 {
        let symbols = DynamicPool::open(&self.client, "symbols").unwrap();
        symbols.call("usage", &[], &[]).unwrap().value["used"].as_u64().unwrap()
    }
    /// Waits until symbols use so many bytes: names and leases return with later turns.
    fn until_used(&self, bytes: u64) {
        let begun = Instant::now();
        while self.used() != bytes {
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "{} bytes are used, {bytes} were expected",
                self.used()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn all(bytes: &impl Deref<Target = [u8]>, value: u8) -> bool {
    bytes.iter().all(|byte| *byte == value)
}

#[test]
fn a_view_keeps_its_bytes_whatever_is_written_to_its_array_or_becomes_of_it() {
    let stage = Stage::with(1);
    let session = stage.session();
    let name = session.upload(&vec![3; BYTES]);
    let copied = session.client.counters().bytes_copied;
    let view = session.seen(&name);
    assert!(all(&view, 3));
    assert_eq!(session.client.counters().bytes_copied, copied, "nothing was copied on this side");
    session.set(&name, "7");
    assert!(all(&view, 3), "a write while a view lives makes a new array");
    let second = session.seen(&name);
    assert!(all(&second, 7) && all(&view, 3));
    assert_eq!(session.used(), 2 * BYTES as u64, "both versions are held");
    drop(view);
    session.until_used(BYTES as u64);
    drop(second);
    session.set(&name, "9");
    session.until_used(BYTES as u64);
    let third = session.seen(&name);
    session.commands.call("delete", &[("name", &name)]).unwrap();
    assert!(all(&third, 9) && session.used() == BYTES as u64, "a view outlives its array");
    drop(third);
    session.until_used(0);
}

#[test]
fn a_write_is_in_place_before_a_view_and_after_it_and_a_copy_meanwhile() {
    // There is memory for the array, and none for a copy of it.
    let stage = Stage::limited(1, BYTES as u64 * 3 / 2);
    let session = stage.session();
    let name = session.upload(&vec![3; BYTES]);
    session.set_first(&name, "4").unwrap();
    let view = session.seen(&name);
    assert_eq!(view[..2], [4, 3]);
    let fault = session.set_first(&name, "5").unwrap_err();
    assert!(fault.is(Code::NoMemory), "{fault}");
    assert_eq!(view[..2], [4, 3]);
    drop(view);
    session.set_first(&name, "6").unwrap();
    assert_eq!(session.seen(&name)[..2], [6, 3]);
}

#[test]
fn a_view_outlives_its_client_and_the_node() {
    let stage = Stage::with(1);
    let (reader, owner) = (stage.session(), stage.session());
    let name = owner.upload(&vec![5; BYTES]);
    let view = owner.seen(&name);
    owner.client.vanish();
    assert!(all(&view, 5), "its session is over");
    reader.until_used(0);
    let other = reader.upload(&vec![6; BYTES]);
    assert!(all(&view, 5), "what was shown is not made another array of");
    let last = reader.seen(&other);
    stage.node.stop(Duration::from_secs(5));
    assert!(all(&view, 5) && all(&last, 6), "the node is gone");
}

#[test]
fn a_client_that_goes_without_a_word_may_read_on_what_its_owner_writes_to() {
    let stage = Stage::with(1);
    let (owner, reader) = (stage.session(), stage.session());
    let name = owner.upload(&vec![5; BYTES]);
    let given = [("name".to_owned(), name.clone()), ("registered".to_owned(), "shared".to_owned())];
    DynamicPool::open(&owner.client, "symbols").unwrap().call("register", &given, &[]).unwrap();
    let view = reader.seen("shared");
    // What the reader has goes with its session, which says when the node has heard of the end: before that the view's hold is
    // what keeps the bytes.
    reader.upload(&vec![0; BYTES]);
    owner.until_used(2 * BYTES as u64);
    reader.client.vanish();
    owner.until_used(BYTES as u64);
    owner.set_first(&name, "6").unwrap();
    assert!(all(&view, 5), "it was written in place, although a process still reads it");
    assert_eq!(owner.seen(&name)[..2], [6, 5]);
}

#[test]
fn calls_that_another_worker_runs_show_memory_too() {
    let stage = Stage::with(3);
    // Sessions are spread, the pool stays where it is.
    let sessions: Vec<Session> = (0..4).map(|_| stage.session()).collect();
    for (at, session) in (0_u8..).zip(&sessions) {
        let name = session.upload(&vec![at; BYTES]);
        let view = session.seen(&name);
        assert!(all(&view, at));
        session.commands.call("delete", &[("name", &name)]).unwrap();
        drop(view);
        session.until_used(0);
    }
}

#[test]
fn what_cannot_be_shown_is_copied_or_asked_for_and_a_lease_has_a_limit() {
    let stage = Stage::with(1);
    let session = stage.session();
    let small = session.upload(&[1; 100]);
    let (here, bulk) = session.view(&small).unwrap();
    assert!(here && bulk.len() == 100 && all(&bulk, 1), "it fits into the room");
    let short = session.upload(&vec![2; 100_000]);
    let (here, bulk) = session.view(&short).unwrap();
    assert!(!here && bulk.is_empty(), "too short for a file, too long for the room");
    let stream = Session::of(Connect::unix_stream(&stage.directory()).open().unwrap());
    let name = stream.upload(&vec![4; BYTES]);
    assert!(!stream.view(&name).unwrap().0, "a stream shares no memory");
    let reply = stream.ask("to_bytes", &[("name", &name), ("part", "")], ("out", Supply::Room(BYTES))).unwrap();
    assert!(all(&reply.buffers[0].1, 4));
    let name = session.upload(&vec![8; BYTES]);
    let mut views = Vec::new();
    let fault = loop {
        match session.view(&name) {
            Ok((_, view)) => views.push(view),
            Err(fault) => break fault,
        }
        assert!(views.len() <= 1 << 13, "leases have a limit");
    };
    assert!(fault.is(Code::LeaseLimit), "{fault}");
    views.clear();
    assert!(all(&session.seen(&name), 8));
}

/// The socket takes some hundred descriptors that the client has not read. One more ended the session, as if it read nothing at all.
#[test]
fn more_views_at_once_than_the_socket_takes_are_refused_and_the_session_goes_on() {
    let stage = Stage::with(1);
    let session = Session::of(Client::options().calls(1024).connect(&stage.directory()).unwrap());
    let name = session.upload(&vec![3; BYTES]);
    let given = [("name".to_owned(), name.clone())];
    let room = [("out".to_owned(), Supply::Room(0))];
    let method = session.transfer.method("view").unwrap();
    // A result that needs a segment of its own, announced by the same socket behind as many views as it takes.
    let bytes = session.transfer.method("to_bytes").unwrap();
    let part = [("name".to_owned(), name.clone()), ("part".to_owned(), String::new())];
    let long = [("out".to_owned(), Supply::Room(BYTES))];
    let sent: Vec<_> =
        (0..1000).map(|_| session.transfer.outgoing(method, &given, &room).unwrap().send()).collect();
    let last = session.transfer.outgoing(bytes, &part, &long).unwrap().send();
    // The node runs them all before one answer is taken.
    std::thread::sleep(Duration::from_millis(300));
    let mut seen = 0;
    for pending in sent {
        match pending.wait() {
            Ok(mut reply) => {
                assert_eq!(reply.take_view(0).unwrap().len(), BYTES);
                seen += 1;
            }
            Err(fault) => assert!(fault.is(Code::QueueFull), "{fault}"),
        }
    }
    assert!(seen > 0);
    assert!(all(&last.wait().unwrap().take_view(0).unwrap(), 3));
    assert!(all(&session.seen(&name), 3));
    session.set(&name, "4");
    session.until_used(BYTES as u64);
}

#[test]
fn a_part_of_another_sessions_memory_is_not_shown_and_a_part_of_ones_own_is() {
    let stage = Stage::with(1);
    let (owner, reader) = (stage.session(), stage.session());
    let name = owner.upload(&(0..BYTES * 2).map(|at| (at % 251) as u8).collect::<Vec<u8>>());
    let part = owner
        .commands
        .call(
            "[slice]<uint8,1>",
            &[
                ("array", &name),
                ("starts", "[1]"),
                ("stops", &format!("[{}]", BYTES + 1)),
                ("strides", "[1]"),
                ("max_bits", "-1"),
            ],
        )
        .unwrap();
    let windlass_contract::commands::Answered::Array(part) = part else { panic!("{part:?} is no array") };
    let (here, bulk) = owner.view(&part.name).unwrap();
    assert!(here && bulk.len() >= 2 * BYTES, "the whole memory, with where the part begins");
    let given = [("name".to_owned(), part.name.clone()), ("registered".to_owned(), "part".to_owned())];
    DynamicPool::open(&owner.client, "symbols").unwrap().call("register", &given, &[]).unwrap();
    assert!(!reader.view("part").unwrap().0, "the rest is not the reader's to read");
    let given = [("name".to_owned(), name), ("registered".to_owned(), "whole".to_owned())];
    DynamicPool::open(&owner.client, "symbols").unwrap().call("register", &given, &[]).unwrap();
    assert!(reader.seen("whole").len() >= 2 * BYTES);
}
