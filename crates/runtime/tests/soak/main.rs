//! Soak: clients and nodes that are killed under load, by every way, and many calls in a row. What is held to: no wrong answer,
//! no call without one, nothing left.
//!
//! The tests run a short form. `WINDLASS_SOAK_CLIENTS=1000`, `WINDLASS_SOAK_NODES=100` and `WINDLASS_SOAK_CALLS=10000000` make it
//! the long one; `WINDLASS_SOAK_SEED` draws other moments.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
#![allow(clippy::disallowed_methods, reason = "tests wait by the clock, start threads and look at /proc")]

#[path = "../hand/mod.rs"]
mod hand;
#[path = "../raw/mod.rs"]
mod raw;

mod load;

use fastrand::Rng;
use load::{Load, Way};
use raw::child::{ChildNode, Good, again_as, held, resident, returns_to, wait_for_line};
use raw::rough::rough;
use std::io::BufReader;
use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use windlass_client::Client;

const WAY: &str = "WINDLASS_SOAK_WAY";
const ADDRESS: &str = "WINDLASS_SOAK_ADDRESS";
const TOKEN: &str = "WINDLASS_SOAK_TOKEN";
const AT_IT: &str = "the client is at it";
/// Bytes by which memory may differ between two looks at it: what an allocator keeps.
const SLACK: u64 = 4 << 20;

/// How often, from the environment or as the short form has it.
fn times(name: &str, short: u64) -> u64 {
    std::env::var(name).ok().map_or(short, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

fn random() -> Rng {
    Rng::with_seed(times("WINDLASS_SOAK_SEED", 0x50AC))
}

/// One test at a time looks at this process's descriptors.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
#[ignore = "the node of the other tests, in a process of its own"]
fn child_node() {
    raw::child::serve_if_asked();
}

#[test]
#[ignore = "a client that the other tests kill, in a process of its own"]
fn child_client() {
    let (Ok(way), Ok(address)) = (std::env::var(WAY), std::env::var(ADDRESS)) else { return };
    let token = std::env::var(TOKEN).ok().and_then(|text| windlass_client::Token::from_text(&text));
    let client = Way::of(&way).connect(&address, token.as_ref()).unwrap();
    let load = Load::on(&client).unwrap();
    println!("{AT_IT}");
    // Until it is killed; bounded so that a test that forgets to kill it ends too.
    for round in 0..1_000_000 {
        load.round(round).unwrap();
    }
}

fn killable(node: &ChildNode, way: Way) -> Child {
    let (address, token) = match way {
        Way::Tcp => {
            let (address, token) = node.tcp();
            (address, Some(token.to_text()))
        }
        Way::Ring | Way::Unix => (node.address(), None),
    };
    let mut variables = vec![(WAY, way.name().to_string()), (ADDRESS, address)];
    variables.extend(token.map(|token| (TOKEN, token)));
    again_as("child_client", &variables)
}

#[test]
fn rpc_R5_clients_of_every_way_killed_under_load_leave_nothing_and_no_answer_is_wrong() {
    let _alone = alone();
    let kills = times("WINDLASS_SOAK_CLIENTS", 48);
    let mut random = random();
    let node = ChildNode::listening();
    let good = Good::connect(&node.address());
    let before = held(&node, &good);
    let memory = node.resident();
    let mut killed = 0;
    while killed < kills {
        // A few at once, so that one dies while others are in the middle of something.
        let many = 1 + random.u64(0..4).min(kills - killed - 1);
        let mut clients: Vec<Child> = (0..many).map(|_| killable(&node, Way::drawn(&mut random))).collect();
        for client in &mut clients {
            let mut output = BufReader::new(client.stdout.take().unwrap());
            // One in eight dies on its way to the node.
            if random.u8(0..8) > 0 {
                wait_for_line(&mut output, AT_IT);
                std::thread::sleep(Duration::from_micros(random.u64(..20_000)));
            } else {
                std::thread::sleep(Duration::from_micros(random.u64(..8_000)));
            }
            client.kill().unwrap();
            let status = client.wait().unwrap();
            assert_eq!(
                status.signal(),
                Some(9),
                "a client ended by itself, by a wrong answer or a Fault: {status}"
            );
            killed += 1;
        }
        good.check();
    }
    returns_to(&node, &good, before);
    let grown = node.resident().saturating_sub(memory);
    println!("{kills} clients killed; the node's memory grew by {grown} bytes");
    assert!(grown < SLACK, "the node's memory grew by {grown} bytes");
}

/// Descriptors of this process, and memory files of ours that it maps.
fn own() -> (usize, usize) {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mapped = maps.lines().filter(|line| line.contains("memfd:windlass")).count();
    (std::fs::read_dir("/proc/self/fd").unwrap().count(), mapped)
}

#[test]
fn rpc_R6_nodes_killed_under_load_answer_every_call_say_whether_it_ran_and_leave_nothing() {
    let _alone = alone();
    let kills = times("WINDLASS_SOAK_NODES", 6);
    let mut random = random();
    let mut node = ChildNode::listening();
    // What a process makes once, at its first client, is there before the first look.
    drop(Good::connect(&node.address()));
    let before = own();
    let (mut answered, mut unknown, mut unstarted) = (0, 0, 0);
    let mut longest = Duration::ZERO;
    for _ in 0..kills {
        let dead = AtomicBool::new(false);
        let told: Vec<load::Told> = std::thread::scope(|threads| {
            let begun: Vec<_> = [Way::Ring, Way::Unix, Way::Tcp, Way::Ring]
                .into_iter()
                .map(|way| {
                    let client = match way {
                        Way::Tcp => {
                            let (address, token) = node.tcp();
                            way.connect(&address, Some(&token))
                        }
                        Way::Ring | Way::Unix => way.connect(&node.address(), None),
                    };
                    let client = client.unwrap();
                    let dead = &dead;
                    threads.spawn(move || load::until_the_node_dies(&client, dead))
                })
                .collect();
            std::thread::sleep(Duration::from_micros(2_000 + random.u64(..60_000)));
            dead.store(true, Ordering::SeqCst);
            let at = Instant::now();
            node.kill();
            let told = begun.into_iter().map(|one| one.join().unwrap()).collect();
            longest = longest.max(at.elapsed());
            told
        });
        for one in told {
            answered += one.answered;
            unknown += one.unknown;
            unstarted += one.unstarted;
        }
        node = node.killed_and_begun_again();
        assert_eq!(own(), before, "descriptors and maps of this process, now and before");
    }
    println!(
        "{kills} nodes killed: {answered} calls answered, {unknown} of which it is not known whether they ran, {unstarted} not \
         started; the last was told {} ms after the kill at the latest",
        longest.as_millis()
    );
    assert!(answered > 0 && unknown + unstarted > 0, "no call was out when a node died");
    Good::connect(&node.address()).check();
}

#[test]
fn rpc_R24_many_calls_leave_memory_as_it_was() {
    let _alone = alone();
    let calls = times("WINDLASS_SOAK_CALLS", 100_000);
    let node = ChildNode::listening();
    let client = Client::connect(&node.address()).unwrap();
    let pool = client.pool("rough").unwrap();
    let ping = |from: u64, to: u64| {
        let mut at = from;
        while at < to {
            let some: Vec<_> =
                (at..to.min(at + 8)).map(|value| pool.call(rough("ping")).argument(&value).send()).collect();
            for one in some {
                assert_eq!(one.wait().unwrap().value::<u64>().unwrap(), at);
                at += 1;
            }
        }
    };
    // A tenth of them first: buffers and tables have the size that they keep.
    ping(0, calls / 10);
    let before = (node.resident(), resident("self"), node.descriptors());
    ping(calls / 10, calls);
    let after = (node.resident(), resident("self"), node.descriptors());
    println!("{calls} calls: node, this process and descriptors were {before:?} after a tenth and are {after:?}");
    assert_eq!(after.2, before.2);
    assert!(after.0 < before.0 + SLACK && after.1 < before.1 + SLACK, "{before:?} {after:?}");
}
