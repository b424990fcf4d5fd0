//! Death: of clients at any point of what they do, of the node, and the node's orderly end while calls run. What the dead
//! held is back, what the living wait for is answered, and nothing stays behind.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
#![allow(clippy::disallowed_methods, reason = "tests wait by the clock and look at /proc")]

mod hand;
mod raw;

use fastrand::Rng;
use raw::child::{ChildNode, Good, again_as, beside_a_good_client, held, returns_to, wait_for_line};
use raw::rough::{alive, rough};
use raw::{Heard, Raw, bytes_entry};
use std::io::BufReader;
use std::time::Duration;
use windlass_client::Client;
use windlass_contract::head::Direction;
use windlass_contract::{CallId, Code, Outcome};
use windlass_memory::SegmentId;
use windlass_runtime::{Node, NodeEnd};

const ADDRESS: &str = "WINDLASS_CHILD_ADDRESS";
const AT_IT: &str = "the client is at it";

#[test]
#[ignore = "the node of the other tests, in a process of its own"]
fn child_node() {
    raw::child::serve_if_asked();
}

#[test]
#[ignore = "the client that the other tests kill, in a process of its own"]
fn child_client() {
    let Ok(address) = std::env::var(ADDRESS) else { return };
    let client = Client::connect(&address).unwrap();
    let pool = client.pool("rough").unwrap();
    println!("{AT_IT}");
    let data = vec![7u8; 300_000];
    let mut held = Vec::new();
    // Until it is killed; bounded so that a test that forgets to kill it ends too.
    for round in 0..10_000u64 {
        let frozen = client.freeze(&data).unwrap();
        let mut calls = vec![
            pool.call(rough("pause")).argument(&(round * 500)).send(),
            pool.call(rough("nest")).argument("pause").argument(&60_000_000u64).send(),
            pool.call(rough("keyed")).argument("key").argument(&1000u64).send(),
            pool.call(rough("step")).argument("key").send(),
            pool.call(rough("hold")).argument(&2000u64).input(&data).send(),
            pool.call(rough("sum")).input(&frozen).send(),
            pool.call(rough("ping")).argument(&round).detached().send(),
            pool.call(rough("block")).argument(&1u64).send(),
        ];
        if round % 8 == 1 {
            calls.push(pool.call(rough("stubborn")).send());
            calls.push(pool.call(rough("nest")).argument("stubborn").argument(&0u64).send());
        }
        let mut reply = pool.call(rough("copy")).input(&frozen).output(data.len()).wait().unwrap();
        held.push((reply.take_view(0).unwrap(), frozen, client.lend(10_000).unwrap()));
        let mut loan = client.lend(5000).unwrap();
        loan.fill(1);
        pool.call(rough("flip")).inout_shared(loan).wait().unwrap();
        if round % 3 == 0 {
            held.clear();
        }
        for call in calls.into_iter().skip(usize::from(round % 4 == 0) * 4) {
            if round % 2 == 0 {
                drop(call);
            } else {
                held.truncate(20);
                std::mem::forget(call);
                if client.lent_bytes() > 1 << 24 {
                    return;
                }
            }
        }
    }
}

#[test]
fn tasks_K57_a_hundred_clients_killed_at_random_points_leave_nothing_behind() {
    const KILLS: u32 = 100;
    const SEED: u64 = 0xDEAD;
    beside_a_good_client(|node, good| {
        let mut random = Rng::with_seed(SEED);
        let (mut reached, mut most) = (0, 0);
        for kill in 0..KILLS {
            let mut client = again_as("child_client", &[(ADDRESS, node.address())]);
            let mut output = BufReader::new(client.stdout.take().unwrap());
            // One in eight dies on its way to the node; the others while they are at it.
            if kill % 8 != 0 {
                wait_for_line(&mut output, AT_IT);
                reached += 1;
            }
            std::thread::sleep(Duration::from_micros(random.u64(..20_000)));
            most = most.max(good.facts().sessions);
            client.kill().unwrap();
            client.wait().unwrap();
            if kill % 10 == 0 {
                good.check();
            }
        }
        assert!(reached > 80 && most > 1, "the clients were not there: {reached} {most}");
    });
}

#[test]
fn tasks_K57_a_client_that_dies_with_calls_out_gives_back_its_memory_and_its_keys() {
    beside_a_good_client(|node, good| {
        let before = held(node, good);
        let mut raw = Raw::connect(&node.address(), good.client.pool("rough").unwrap().id());
        let (heap, _segment, _fd) = raw.grow(1 << 20);
        for _ in 0..10 {
            let input = bytes_entry(Direction::In, heap, 0, 100_000);
            let room = bytes_entry(Direction::Out, SegmentId::NONE, 0, 100_000);
            let heard = raw.with_buffers(rough("copy"), &[input, room], &[]);
            assert!(matches!(heard, Heard::Value(..)), "{heard:?}");
        }
        let keyed = |key: &str| postcard::to_allocvec(&(key, 60_000_000u64)).unwrap();
        let nested = postcard::to_allocvec(&("stubborn", 0u64)).unwrap();
        let calls = [
            ("keyed", keyed("a")),
            ("keyed", keyed("a")),
            ("keyed", keyed("b")),
            ("stubborn", Vec::new()),
            ("nest", nested),
        ];
        for (at, (name, arguments)) in calls.iter().enumerate() {
            let mut slot = raw.slot(rough(name));
            slot.call = CallId::new(1 + at as u32, 1);
            raw.put(&mut slot, arguments);
            raw.publish(slot.encode());
        }
        let slot = raw.slot(rough("ping"));
        assert_eq!(raw.ask(slot, &[5]).value::<u64>(), 5);
        // Nobody cancels: the connection just breaks.
        drop(raw);
        returns_to(node, good, before);
        let pool = good.client.pool("rough").unwrap();
        pool.call(rough("keyed")).argument("a").argument(&0u64).wait().unwrap();
    });
}

/// The loans of a call that is out hold its session, and the session holds the call: a client that left before such a call had
/// ended kept its session for as long as its process lived. `cargo xtask sim --seed 8 --workload lies` found it.
#[test]
fn a_client_that_leaves_while_a_call_that_it_gave_up_runs_takes_its_session_with_it() {
    beside_a_good_client(|node, good| {
        let before = held(node, good);
        let client = Client::connect(&node.address()).unwrap();
        let pool = client.pool("rough").unwrap();
        let frozen = client.freeze(&[7; 5000]).unwrap();
        drop(pool.call(rough("hold")).argument(&60_000u64).input(&frozen).send());
        drop(pool.call(rough("hold")).argument(&60_000u64).input(&[7; 5000]).send());
        drop((frozen, pool, client));
        returns_to(node, good, before);
    });
}

#[test]
fn rpc_R4_a_killed_node_answers_its_clients_and_leaves_nothing_in_dev_shm() {
    let shm = || -> Vec<String> {
        let names = std::fs::read_dir("/dev/shm").unwrap().map(|entry| entry.unwrap().file_name());
        names
            .map(|name| name.to_string_lossy().into_owned())
            .filter(|name| name.starts_with("windlass-"))
            .collect()
    };
    let mut node = ChildNode::start();
    let good = Good::connect(&node.address());
    let pool = good.client.pool("rough").unwrap();
    let view = pool.call(rough("copy")).input(&[7; 5000]).output(5000).wait().unwrap().take_view(0).unwrap();
    let out: Vec<_> = (0..5).map(|_| pool.call(rough("pause")).argument(&60_000_000u64).send()).collect();
    node.kill();
    for one in out {
        let fault = one.wait().unwrap_err();
        assert!(fault.is(Code::NodeGone), "{fault:?}");
        // The node may have been killed before it had taken the last of them.
        assert!(matches!(fault.outcome, Outcome::Unknown | Outcome::NotStarted), "{fault:?}");
    }
    // What was answered stays readable; what is new is not started.
    assert_eq!(&*view, &[7; 5000]);
    let fault = pool.call(rough("ping")).argument(&1u64).wait().unwrap_err();
    assert_eq!((fault.code, fault.outcome), (Code::NodeGone as u16, Outcome::NotStarted), "{fault:?}");
    assert!(!good.client.is_alive());
    assert!(good.client.freeze(&[1; 100]).is_err());
    let fault = Client::connect(&node.address()).unwrap_err();
    assert!(fault.is(Code::NotConnected), "{fault:?}");
    assert_eq!(shm(), Vec::<String>::new());
}

#[test]
fn a_node_that_is_asked_to_stop_ends_its_process_by_itself() {
    let node = ChildNode::start();
    let good = Good::connect(&node.address());
    node.stop(1000);
    assert!(good.facts_or_fault().is_err_and(|fault| fault.is(Code::NodeGone)));
}

fn node_of_mode(mode: u64) -> (Node, String, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let address = directory.path().join("test");
    let mut config = raw::child::config(address.clone());
    config.pools[2].parameters = vec![("value0".into(), mode.to_string())];
    (Node::start(config).unwrap(), address.display().to_string(), directory)
}

#[test]
fn a_node_that_drains_lets_calls_end_and_takes_no_new_ones() {
    let (node, address, _directory) = node_of_mode(201);
    let client = Client::connect(&address).unwrap();
    let pool = client.pool("rough").unwrap();
    let nested = pool.call(rough("nest")).argument("pause").argument(&300_000u64).send();
    let long = pool.call(rough("pause")).argument(&300_000u64).send();
    let blocked = pool.call(rough("block")).argument(&200u64).send();
    pool.call(rough("ping")).argument(&1u64).wait().unwrap();
    node.stop(Duration::from_secs(10));
    let refused = loop {
        match pool.call(rough("ping")).argument(&1u64).wait() {
            Ok(_) => std::thread::sleep(Duration::from_millis(1)),
            Err(fault) => break fault,
        }
    };
    assert_eq!((refused.code, refused.outcome), (Code::Draining as u16, Outcome::NotStarted), "{refused:?}");
    let fault = Client::connect(&address).unwrap_err();
    assert!(fault.is(Code::Draining) || fault.is(Code::NotConnected), "{fault:?}");
    long.wait().unwrap();
    nested.wait().unwrap();
    blocked.wait().unwrap();
    assert_eq!(node.wait(), NodeEnd::Stopped);
    assert_eq!(alive(201), 0, "the node's containers outlive it");
}

#[test]
fn a_node_whose_time_to_drain_is_over_answers_every_call_that_is_out() {
    let (node, address, _directory) = node_of_mode(202);
    let client = Client::options().calls(1024).connect(&address).unwrap();
    let pool = client.pool("rough").unwrap();
    let mut out = Vec::new();
    for at in 0..1000u32 {
        out.push(match at % 5 {
            0 => pool.call(rough("stubborn")).send(),
            1 => pool.call(rough("keyed")).argument("key").argument(&60_000_000u64).send(),
            2 => pool.call(rough("nest")).argument("pause").argument(&60_000_000u64).send(),
            3 => pool.call(rough("nest")).argument("stubborn").argument(&0u64).send(),
            _ => pool.call(rough("pause")).argument(&60_000_000u64).send(),
        });
    }
    pool.call(rough("ping")).argument(&1u64).wait().unwrap();
    node.stop(Duration::from_millis(20));
    for (at, one) in out.into_iter().enumerate() {
        let fault = one.wait().unwrap_err();
        assert!(fault.is(Code::Draining), "{at}: {fault:?}");
        let began = at % 5 != 1 || at == 1;
        assert_eq!(fault.outcome == Outcome::NotStarted, !began, "{at}: {fault:?}");
    }
    assert_eq!(node.wait(), NodeEnd::Stopped);
    assert_eq!(alive(202), 0, "the node's containers outlive it");
}

#[test]
fn a_node_that_is_dropped_with_calls_out_ends_at_once_and_tells_its_clients() {
    let (node, address, _directory) = node_of_mode(203);
    let client = Client::connect(&address).unwrap();
    let pool = client.pool("rough").unwrap();
    let out: Vec<_> = (0..20).map(|_| pool.call(rough("stubborn")).send()).collect();
    drop(node);
    for one in out {
        let fault = one.wait().unwrap_err();
        assert!(fault.is(Code::Draining) || fault.is(Code::NodeGone), "{fault:?}");
    }
    assert_eq!(alive(203), 0, "the node's containers outlive it");
}
