//! What sessions, stubs and threads cost: in a client's process and in the node's, however many there are.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
#![allow(clippy::disallowed_methods, reason = "tests count threads and descriptors in /proc")]

mod hand;
mod raw;
mod stage;

use raw::child::{ChildNode, again_as};
use stage::{Stage, block_on, pool};
use std::io::Read;
use std::time::{Duration, Instant};
use windlass_client::{Client, Connect};
use windlass_echo::{Echo, echo};

/// The node that a child is to call.
const ADDRESS: &str = "WINDLASS_ECONOMY_NODE";
/// What the child does there.
const PART: &str = "WINDLASS_ECONOMY_PART";

fn node() -> Stage {
    Stage::with(|config| {
        config.modules.push(Echo::TABLE);
        config.pools.push(pool("echo", "echo", &[]));
    })
}

fn entries(what: &str) -> usize {
    std::fs::read_dir(format!("/proc/self/{what}")).expect("our own process").count()
}

/// Kibibytes of memory that are this process's own.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").expect("our own process");
    let of =
        |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_suffix(" kB")?.parse().ok());
    of("Private_Dirty:").unwrap_or(0)
}

#[test]
#[ignore = "the node of another test, in a process of its own"]
fn child_node() {
    raw::child::serve_if_asked();
}

#[test]
#[ignore = "a client of the node of another test, in a process of its own"]
fn child_client() {
    let (Ok(address), Ok(part)) = (std::env::var(ADDRESS), std::env::var(PART)) else { return };
    match part.as_str() {
        "stubs" => many_stubs(&address),
        "cycles" => many_cycles(&address),
        other => panic!("{other:?} is no part"),
    }
}

/// Ten thousand stubs of one session: futures of some, blocking calls of others.
fn many_stubs(address: &str) {
    let client = Client::connect(address).unwrap();
    let first = echo::Blocking::on(client.pool("echo").unwrap());
    first.ping(1).unwrap();
    // A future that has to wait: the thread for all of them is there from now on.
    block_on(echo::Client::on(client.pool("echo").unwrap()).pause(20_000)).unwrap();
    let (threads, descriptors, memory) = (entries("task"), entries("fd"), resident());
    let stubs: Vec<_> = (0..10_000).map(|_| echo::Client::on(client.pool_of(first.pool().id()))).collect();
    for (at, stub) in stubs.iter().enumerate().step_by(97) {
        assert_eq!(block_on(stub.ping(at as u64)).unwrap(), at as u64);
    }
    assert_eq!(entries("fd"), descriptors, "a stub has no descriptor");
    assert_eq!(entries("task"), threads, "a stub has no thread");
    let more = resident() - memory;
    assert!(more < 10_000 * 4, "{more} KiB for 10,000 stubs");
    // The runner has two threads here; one more takes the answers of all futures.
    assert!(threads <= 3, "{threads} threads");
    println!("{more} KiB");
}

/// Sessions that come and go, of both ways.
fn many_cycles(address: &str) {
    let once = |client: Client| drop(client.pool("echo").unwrap());
    let each = |turn: u32| {
        once(Client::connect(address).unwrap());
        if turn.is_multiple_of(4) {
            once(Connect::unix_stream(address).open().unwrap());
        }
    };
    each(0);
    let before = (entries("fd"), entries("task"));
    (0..1000).for_each(each);
    assert_eq!((entries("fd"), entries("task")), before);
}

fn child(address: String, part: &str) -> String {
    let mut child = again_as("child_client", &[(ADDRESS, address), (PART, part.into())]);
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success(), "{text}");
    text
}

#[test]
fn rpc_R2_R32_ten_thousand_stubs_of_a_process_have_one_session_one_thread_and_little_memory() {
    let node = node();
    let said = child(node.address(), "stubs");
    assert!(said.contains("KiB"), "{said}");
}

#[test]
fn rpc_R1_sessions_that_come_and_go_leave_no_descriptor_and_no_thread_in_client_or_node() {
    let node = ChildNode::start();
    let good = Client::connect(&node.address()).unwrap();
    good.pool("echo").unwrap();
    // One of each way first: what the node keeps for the first of a kind, it keeps once.
    drop(Connect::unix_stream(&node.address()).open().unwrap().pool("echo").unwrap());
    drop(Client::connect(&node.address()).unwrap().pool("echo").unwrap());
    std::thread::sleep(Duration::from_millis(100));
    let before = node.descriptors();
    child(node.address(), "cycles");
    // The last of them may still be on its way out.
    let late = Instant::now() + Duration::from_secs(10);
    while node.descriptors() > before {
        assert!(Instant::now() < late, "{before} descriptors became {}", node.descriptors());
        std::thread::sleep(Duration::from_millis(5));
    }
    good.pool("echo").unwrap();
    node.stop(1000);
}

#[test]
fn rpc_R8_threads_of_many_sessions_call_one_node_at_once_and_each_gets_its_own_answers() {
    let node = node();
    let mine: Vec<Client> = (0..4).map(|_| node.client()).collect();
    std::thread::scope(|scope| {
        for thread in 0..16u64 {
            let client = &mine[thread as usize % mine.len()];
            scope.spawn(move || {
                let echo = echo::Blocking::on(client.pool("echo").unwrap());
                for turn in 0..200u64 {
                    assert_eq!(echo.ping(thread << 32 | turn).unwrap(), thread << 32 | turn);
                    if turn % 50 == 0 {
                        let text = format!("{thread} {turn}").repeat(500);
                        assert_eq!(echo.echo(&text).unwrap(), text);
                    }
                }
            });
        }
    });
}

#[test]
fn rpc_R10_a_connection_that_is_given_up_leaves_no_session_behind() {
    use std::task::{Context, Waker};
    let node = node();
    let admin = node.admin();
    for _ in 0..50 {
        let mut connecting = std::pin::pin!(Client::connect_async(&node.address()));
        let _pending_or_there = connecting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
    let late = Instant::now() + Duration::from_secs(10);
    loop {
        // One more, after those before it: the node has seen them all when it is welcomed.
        let last = block_on(Client::connect_async(&node.address())).unwrap();
        drop(last);
        if admin.sessions().unwrap().len() == 1 {
            return;
        }
        assert!(Instant::now() < late, "{:?}", admin.sessions().unwrap());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn rpc_R31_a_frozen_loan_is_copied_by_whoever_wants_to_change_it_and_stays_as_it_was() {
    let node = node();
    let client = node.client();
    let echo = echo::Blocking::on(client.pool("echo").unwrap());
    let bytes: Vec<u8> = (0..100_000u32).map(|at| (at % 251) as u8).collect();
    let frozen = client.freeze(&bytes).unwrap();
    let sum = echo.checksum(&frozen).unwrap();
    // The same memory, still shared with the node, copied and changed.
    let mut own = frozen.to_vec();
    own.reverse();
    let mut loan = client.lend(own.len()).unwrap();
    loan.copy_from_slice(&frozen);
    let turned = echo.reverse(loan).unwrap();
    assert!(turned[..] == own[..]);
    assert!(frozen[..] == bytes[..] && echo.checksum(&frozen).unwrap() == sum);
    // A result belongs to the node until it is dropped; its copy to whoever made it.
    let view = echo.copy(&frozen, bytes.len()).unwrap().1;
    let mut copy = view.to_vec();
    copy[0] ^= 1;
    assert!(view[..] == bytes[..] && copy[..] != bytes[..]);
}
