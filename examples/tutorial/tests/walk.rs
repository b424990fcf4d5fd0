//! The tutorial, walked: each chapter's claims, against a node in this process that clients reach as they reach any other.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]

use std::future::Future;
use std::io::Read;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use windlass::dynamic::{DynamicPool, Supply};
use windlass::{Client, Code, Fault, MethodId, MethodRef, Outcome};
use windlass_contract::module::Module;
use windlass_example_tutorial::{Compressor, Diary, Shelf, Totals, compressor, diary, shelf};
use windlass_runtime::{Node, NodeConfig, PoolSpec};

/// A node with both modules linked in and a pool of each, as `windlass::node!` makes it.
struct Walk {
    node: Node,
    _directory: tempfile::TempDir,
}

impl Walk {
    fn begin() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = NodeConfig::new("tutorial", windlass_admin::Admin::TABLE);
        config.directory = directory.path().join("tutorial");
        config.modules = vec![Compressor::TABLE, Shelf::TABLE, Diary::TABLE];
        let pool = |name: &str| PoolSpec::new(name, name);
        config.pools = vec![pool("compressor"), pool("shelf")];
        Self { node: Node::start(config).unwrap(), _directory: directory }
    }
    fn address(&self) -> String {
        self.node.directory().display().to_string()
    }
    fn client(&self) -> Client {
        Client::connect(&self.address()).unwrap()
    }
}

/// Runs a future on this thread: what any executor does for the async client.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

fn growing_numbers() -> Vec<u8> {
    (0..40_000u32).flat_map(u32::to_le_bytes).collect()
}

#[test]
fn tasks_K6_K7_ids_schemas_and_dispatch_follow_the_annotated_functions() {
    let descriptor = Compressor::descriptor();
    let own: Vec<(u32, &str)> =
        descriptor.methods.iter().map(|method| (method.id.0, method.name.as_str())).collect();
    let declared =
        [(0, "create"), (10, "compress"), (11, "decompress"), (12, "difference"), (13, "bound"), (14, "totals")];
    assert_eq!(own, declared);
    assert_eq!((descriptor.name.as_str(), descriptor.version.as_str()), ("compressor", "0.1.0"));
    let shelf: Vec<u32> = Shelf::descriptor().methods.iter().map(|method| method.id.0).collect();
    assert_eq!(shelf, [0, 10, 11, 12, 13, 14], "numbers that are not written are given in order, from 10");

    let walk = Walk::begin();
    let pool = walk.client().pool("compressor").unwrap();
    let unknown = MethodRef { id: MethodId(15), schema: 0, name: "compact", idempotent: false };
    let fault = pool.call(unknown).wait().unwrap_err();
    assert!(fault.is(Code::UnknownMethod), "{fault:?}");
    assert!(fault.message.contains("10 compress"), "it names what exists: {}", fault.message);
}

#[test]
fn tasks_K9_create_parameters_have_defaults_and_are_refused_by_name() {
    let walk = Walk::begin();
    let client = walk.client();
    let small = compressor::Blocking::create(&client, "small", 1).unwrap();
    let again = compressor::Blocking::create(&client, "small", 1).unwrap();
    assert_eq!(small.pool().id(), again.pool().id(), "the same name, module and parameters are the same pool");
    let fault = compressor::Blocking::create(&client, "small", 0).unwrap_err();
    assert!(fault.is(Code::PoolExists), "{fault:?}");
    let fault = compressor::Blocking::create(&client, "odd", 7).unwrap_err();
    assert!(fault.message.contains("compress_id 7: 0 is lz4, 1 is zstd"), "{fault:?}");
    assert!(client.pool("odd").unwrap_err().is(Code::UnknownPool), "a pool that cannot be made is not there");
}

#[test]
fn tasks_K8_state_stays_in_the_container_and_both_clients_only_call() {
    let walk = Walk::begin();
    let data = growing_numbers();
    let compressor = compressor::Blocking::connect(&walk.address(), "compressor").unwrap();
    let room = compressor.bound(data.len() as u64, 1).unwrap() as usize;
    let packed = compressor.compress(&data, room).unwrap();
    assert!(packed.len() <= room);
    let whole = compressor.decompress(&packed[..], data.len()).unwrap();
    assert_eq!(&whole[..], &data[..]);

    let totals = block_on(async {
        let compressor = compressor::Client::connect(&walk.address(), "compressor").await?;
        compressor.totals().await
    });
    let expected = Totals { packed: 1, bytes_in: data.len() as u64, bytes_out: packed.len() as u64 };
    assert_eq!(totals.unwrap(), expected, "another session sees what the first one did");
}

#[test]
fn tasks_K11_K14_the_direction_of_a_buffer_is_a_type_and_its_length_is_always_told() {
    let walk = Walk::begin();
    let compressor = compressor::Blocking::connect(&walk.address(), "compressor").unwrap();
    let data = growing_numbers();
    let steps = compressor.difference(&data).unwrap();
    assert_eq!(steps.len(), data.len());
    assert_eq!(&steps[..8], &[0, 0, 0, 0, 1, 255, 0, 0]);
    let fault = compressor.compress(&data, 10).unwrap_err();
    assert_eq!((fault.code, fault.outcome), (1002, Outcome::Ended), "{fault:?}");
    // The same call with its buffers the wrong way round never reaches the method.
    let pool = compressor.pool();
    let fault = pool.call(compressor::methods::compress()).output(10).input(&data).wait().unwrap_err();
    assert!(fault.is(Code::BadBuffer) && fault.outcome == Outcome::NotStarted, "{fault:?}");
}

#[test]
fn what_is_frozen_is_sent_twice_and_copied_never() {
    let walk = Walk::begin();
    let client = walk.client();
    let compressor = compressor::Blocking::on(client.pool("compressor").unwrap());
    let data = growing_numbers();
    let room = compressor.bound(data.len() as u64, 1).unwrap() as usize;
    let frozen = client.freeze(&data).unwrap();
    let copied = client.counters().bytes_copied;
    let first = compressor.compress(&frozen, room).unwrap();
    let second = compressor.compress(&frozen, room).unwrap();
    assert_eq!(first[..], second[..]);
    assert_eq!(client.counters().bytes_copied, copied);
}

#[test]
fn a_client_that_was_built_before_a_parameter_was_added_is_served() {
    let walk = Walk::begin();
    let pool = walk.client().pool("compressor").unwrap();
    let described = pool.describe().unwrap();
    let bound = described.method("bound").unwrap();
    let [older, newer] = bound.hashes[..] else { panic!("{:?}", bound.hashes) };
    let method = |schema| MethodRef { id: bound.id, schema, name: "bound", idempotent: true };
    let old: u64 = pool.call(method(older)).argument(&1000u64).wait().unwrap().value().unwrap();
    let new: u64 = pool.call(method(newer)).argument(&1000u64).argument(&1u64).wait().unwrap().value().unwrap();
    assert_eq!(old, new);
    let fault = pool.call(method(older ^ 1)).argument(&1000u64).wait().unwrap_err();
    assert!(fault.is(Code::SchemaMismatch), "{fault:?}");
}

#[test]
fn who_has_no_generated_client_calls_by_name() {
    let walk = Walk::begin();
    let pool = DynamicPool::open(&walk.client(), "compressor").unwrap();
    let data = growing_numbers();
    let reply = pool.call("compress", &[], &[("data".into(), Supply::Bytes(&data))]).unwrap();
    let (name, packed) = &reply.buffers[0];
    assert_eq!(name, "out");
    assert!(!packed.is_empty());
    let fault = pool.call("compres", &[], &[]).map(|_| ()).unwrap_err();
    assert!(fault.message.contains("compress"), "{fault:?}");
}

#[test]
fn tasks_K12_calls_of_one_key_run_one_after_another() {
    let walk = Walk::begin();
    let pool = walk.client().pool("shelf").unwrap();
    let put = |name: &str, settle_us: u64| {
        pool.call(shelf::methods::put()).argument(name).argument(&settle_us).input(name.as_bytes()).send()
    };
    // Each reads the version, waits, and writes the next one: two at once would write the same.
    let all = [put("cats", 3000), put("cats", 0), put("dogs", 0), put("cats", 0)];
    let versions: Vec<u64> = all.map(|one| one.wait().unwrap().value().unwrap()).into();
    assert_eq!(versions, [1, 2, 1, 3]);
}

#[test]
fn tasks_K20_a_method_that_waits_lets_others_run() {
    let walk = Walk::begin();
    let client = walk.client();
    let shelf = shelf::Blocking::on(client.pool("shelf").unwrap());
    let slow = shelf.pool().call(shelf::methods::put()).argument("slow").argument(&u64::MAX).input(b"x").send();
    assert_eq!(shelf.put("quick", 0, b"here already").unwrap(), 1);
    let (version, bytes) = shelf.get("quick", 100).unwrap();
    assert_eq!((version, &bytes[..]), (1, &b"here already"[..]));
    slow.cancel();
    let fault = slow.wait().unwrap_err();
    assert!(fault.is(Code::Cancelled), "{fault:?}");
}

#[test]
fn a_method_calls_another_pool_with_types() {
    let walk = Walk::begin();
    let client = walk.client();
    let shelf = shelf::Blocking::on(client.pool("shelf").unwrap());
    shelf.put("cats", 0, &growing_numbers()).unwrap();
    let compressor = compressor::Blocking::on(client.pool("compressor").unwrap());
    let asked = compressor.bound(growing_numbers().len() as u64, 1).unwrap();
    assert_eq!(shelf.room("cats", "compressor").unwrap(), asked);
    let fault = shelf.room("cats", "presser").unwrap_err();
    assert!(fault.is(Code::UnknownPool), "{fault:?}");
}

#[test]
fn a_blocking_method_and_a_detached_one_are_called_like_any_other() {
    let walk = Walk::begin();
    let shelf = shelf::Blocking::connect(&walk.address(), "shelf").unwrap();
    assert_eq!(shelf.sum(&[1u8, 2, 250]).unwrap(), 253);
    shelf.put("empty", 0, b"").unwrap();
    shelf.tidy().unwrap();
}

#[test]
fn a_hook_keeps_a_pool_that_is_in_use() {
    let walk = Walk::begin();
    let client = walk.client();
    let shelf = shelf::Blocking::on(client.pool("shelf").unwrap());
    shelf.put("cats", 0, b"purr").unwrap();
    let fault = destroy(&client, "shelf").unwrap_err();
    assert!(fault.message.contains("1 names are still kept"), "{fault:?}");
    shelf.put("cats", 0, b"").unwrap();
    shelf.tidy().unwrap();
    flush(&client);
    destroy(&client, "shelf").unwrap();
    assert!(client.pool("shelf").unwrap_err().is(Code::UnknownPool));
}

#[test]
fn a_hook_tells_whoever_asks_how_a_container_stands() {
    let walk = Walk::begin();
    let client = walk.client();
    let shelf = shelf::Blocking::on(client.pool("shelf").unwrap());
    shelf.put("cats", 0, b"purr").unwrap();
    let monitor = windlass_contract::admin::monitor();
    let answer: String = shelf.pool().call(monitor).argument("").wait().unwrap().value().unwrap();
    assert_eq!(answer, "{\"names\":1}");
    let fault = shelf.pool().call(monitor).argument("mood").wait().unwrap_err();
    assert!(fault.is(Code::Unsupported), "{fault:?}");
}

fn destroy(client: &Client, pool: &str) -> Result<(), Fault> {
    let admin = DynamicPool::open(client, "admin")?;
    admin.call("destroy_pool", &[("name".into(), pool.into())], &[]).map(|_| ())
}

fn flush(client: &Client) {
    DynamicPool::open(client, "admin").unwrap().call("flush", &[], &[]).unwrap();
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test looks at the file that a module wrote")]
fn a_diary_is_kept_on_disk_and_told_over_a_socket() {
    let walk = Walk::begin();
    let (client, directory) = (walk.client(), tempfile::tempdir().unwrap());
    let path = directory.path().join("diary").display().to_string();
    let diary = diary::Blocking::create(&client, "diary", &path).unwrap();
    assert_eq!(diary.add("a calm day").unwrap(), 0);
    assert_eq!(diary.add("wind from the west").unwrap(), 11);
    let (page, used) = diary.read(2, client.lend(100).unwrap()).unwrap();
    assert_eq!(&page[..used], b"calm day\nwind from the west\n");

    let fault = diary::Blocking::create(&client, "second", &path).unwrap_err();
    assert!(fault.is(Code::InUse) && fault.message.contains("diary"), "{fault:?}");

    let port = diary.tell().unwrap();
    let mut told = String::new();
    std::net::TcpStream::connect(("127.0.0.1", port)).unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(told, "a calm day\nwind from the west\n");
    assert_eq!(diary.hush().unwrap(), 1);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), told);
}
