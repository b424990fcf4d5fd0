//! The nasty client: every violation at once, from several threads and by every way, beside a client that behaves. Its answers stay
//! right, none of its calls fails, and what the offenders held returns. What else they do, one by one, stands in `hostile.rs`,
//! `hostile_memory.rs`, `hostile_noise.rs` and `transports/frames.rs`.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests wait by the clock, look at /proc, and have threads and processes"
)]

mod hand;
mod raw;

use fastrand::Rng;
use raw::child::{ChildNode, Good, again_as, beside_a_good_client, held, raw as connected, returns_to};
use raw::rough::rough;
use raw::{Heard, Raw, dial, hello, say_hello};
use rustix::io::{FdFlags, fcntl_setfd, ioctl_fionbio};
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use windlass_contract::frame::{Frame, Token};
use windlass_contract::hello::FEATURE_STREAM;
use windlass_contract::{CallId, Code};

const ADDRESS: &str = "WINDLASS_NASTY_ADDRESS";
const FORKED: &str = "the child has its descriptors: ";

#[test]
#[ignore = "the node of the other tests, in a process of its own"]
fn child_node() {
    raw::child::serve_if_asked();
}

/// What is done to a doorbell.
type Treat = fn(BorrowedFd<'_>);

/// Drains a doorbell, so that the node may not hear it.
fn steal(bell: BorrowedFd<'_>) {
    let mut count = [0; 8];
    let _nothing_to_steal = rustix::io::read(bell, &mut count);
}

/// Fills its counter: whoever rings would have to wait, if the doorbell may block.
fn saturate(bell: BorrowedFd<'_>) {
    let _full_already = rustix::io::write(bell, &(u64::MAX - 1).to_ne_bytes());
}

#[test]
fn rpc_R4_a_doorbell_that_is_stolen_saturated_or_set_blocking_hurts_its_owner_alone() {
    beside_a_good_client(|node, good| {
        let cases: [(&str, Treat); 4] = [
            ("stolen", steal),
            ("saturated", saturate),
            ("set blocking and stolen", |bell| {
                ioctl_fionbio(bell, false).unwrap();
                // A read of a silent one would wait for ever: only what is there is taken.
                rustix::io::write(bell, &1u64.to_ne_bytes()).unwrap();
                steal(bell);
            }),
            ("set blocking and saturated", |bell| {
                saturate(bell);
                ioctl_fionbio(bell, false).unwrap();
            }),
        ];
        for (what, treat) in cases {
            let mut raw = connected(node, good);
            for round in 0..50u32 {
                // So that this process does not wait in `treat` either.
                ioctl_fionbio(raw.bell(), true).unwrap();
                treat(raw.bell());
                let mut slot = raw.slot(rough("ping"));
                slot.call = CallId::new(round % 16, 1000 + round / 16);
                raw.put(&mut slot, &[5]);
                // Whether the node hears of it is the offender's own affair; its ring is full if not.
                let _heard_or_full = raw.submit.publish(slot.encode());
                ioctl_fionbio(raw.bell(), true).unwrap();
                treat(raw.bell());
                if round % 10 == 0 {
                    good.check();
                }
            }
            println!("{what}: the good client was answered");
            drop(raw);
        }
    });
}

#[test]
fn rpc_R11_completions_that_are_never_read_cost_nobody_else_anything() {
    beside_a_good_client(|node, good| {
        let mut offenders: Vec<Raw> = (0..8).map(|_| connected(node, good)).collect();
        for raw in &mut offenders {
            for at in 0..16 {
                let mut slot = raw.slot(rough("ping"));
                slot.call = CallId::new(at, 7);
                raw.put(&mut slot, &[5]);
                raw.publish(slot.encode());
            }
        }
        good.check();
        // One call more than it has credits for: its slot is in use as far as the node can know.
        for raw in &mut offenders {
            let mut slot = raw.slot(rough("pause"));
            slot.call = CallId::new(0, 8);
            raw.put(&mut slot, &postcard::to_allocvec(&60_000_000u64).unwrap());
            raw.publish(slot.encode());
            slot.call = CallId::new(0, 9);
            raw.publish(slot.encode());
            let text = raw.hear_end().ended(Code::SessionEnded);
            assert!(text.contains("in use"), "{text}");
        }
        good.check();
    });
}

/// Where a client dies on its way to a session.
const STEPS: usize = 6;

fn dies_at(step: usize, node: &ChildNode, good: &Good) {
    let address = node.address();
    match step {
        0 => drop(dial(&address)),
        1 => {
            let socket = dial(&address);
            windlass_memory::passing::send_with_fds(socket.as_fd(), &hello(16).encode(), &[]).unwrap();
        }
        2 => {
            let (socket, welcomed) = say_hello(&address, &hello(16).encode(), &[]);
            drop(socket);
            assert_eq!(welcomed.unwrap().0.code, 0);
        }
        3 => drop(connected(node, good)),
        4 => {
            let mut raw = connected(node, good);
            let mut slot = raw.slot(rough("stubborn"));
            raw.put(&mut slot, &[]);
            // Published and not rung.
            raw.submit.publish(slot.encode()).unwrap();
        }
        _ => {
            let mut raw = connected(node, good);
            raw.say(&[7; 11], &[]);
            let slot = raw.slot(rough("ping"));
            raw.put(&mut slot.clone(), &[5]);
            raw.publish(slot.encode());
        }
    }
}

fn stream_dies_at(step: usize, address: &str, token: Token) {
    let mut socket = TcpStream::connect(address).unwrap();
    let mut bytes = Vec::new();
    Frame::Hello(token, windlass_contract::hello::Hello { features: FEATURE_STREAM, ..hello(16) })
        .encode(&mut bytes);
    let end = [0, 1, bytes.len() / 2, bytes.len(), bytes.len(), bytes.len()][step];
    // The node may have hung up on it.
    let _sent = socket.write_all(&bytes[..end]);
    if step >= 4 {
        let mut welcome = [0; 16];
        socket.read_exact(&mut welcome).unwrap();
    }
    if step == 5 {
        let _a_frame_of_a_hundred_bytes_cut_short = socket.write_all(&[100, 0, 0, 0, 1, 2]);
    }
}

#[test]
fn rpc_R7_a_client_that_dies_at_any_step_of_the_handshake_leaves_nothing() {
    let node = ChildNode::listening();
    let good = Good::connect(&node.address());
    let before = held(&node, &good);
    let (address, token) = node.tcp();
    for _ in 0..10 {
        for step in 0..STEPS {
            dies_at(step, &node, &good);
            stream_dies_at(step, &address, token);
        }
    }
    returns_to(&node, &good, before);
}

#[test]
#[ignore = "a client whose child outlives it, in a process of its own"]
fn child_client() {
    let Ok(address) = std::env::var(ADDRESS) else { return };
    let good = Good::connect(&address);
    let mut raw = Raw::connect(&address, good.client.pool("rough").unwrap().id());
    let (_heap, _segment, heap_fd) = raw.grow(1 << 20);
    for fd in [raw.socket.as_fd(), raw.bell(), raw.client_fd.as_fd(), heap_fd.as_fd()] {
        fcntl_setfd(fd, FdFlags::empty()).unwrap();
    }
    let mut child = Command::new("sleep").arg("600").stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    println!("\n{FORKED}{}", child.id());
    child.wait().unwrap();
}

/// The socket does not close, since another process has it; the node sees the death of the one that connected.
#[test]
fn tasks_K52_a_client_whose_child_keeps_its_descriptors_is_gone_when_it_dies() {
    beside_a_good_client(|node, good| {
        let before = held(node, good);
        let mut client = again_as("child_client", &[(ADDRESS, node.address())]);
        let mut output = BufReader::new(client.stdout.take().unwrap());
        let mut line = String::new();
        let child: u32 = loop {
            line.clear();
            assert!(std::io::BufRead::read_line(&mut output, &mut line).unwrap() > 0, "the client ended");
            if let Some(number) = line.trim().strip_prefix(FORKED) {
                break number.parse().unwrap();
            }
        };
        assert!(held(node, good) != before, "the client is there");
        client.kill().unwrap();
        client.wait().unwrap();
        returns_to(node, good, before);
        assert!(std::path::Path::new(&format!("/proc/{child}")).exists(), "the child outlived it");
        let killed = rustix::process::Pid::from_raw(child as i32)
            .map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL));
        assert!(matches!(killed, Some(Ok(()))), "{killed:?}");
    });
}

/// One violation, drawn.
fn violate(random: &mut Rng, node: &ChildNode, good: &Good, tcp: &(String, Token)) {
    match random.usize(..9) {
        0 => dies_at(random.usize(..STEPS), node, good),
        1 => stream_dies_at(random.usize(..6), &tcp.0, tcp.1),
        2 => {
            // Garbage over the whole segment, in words that the node reads.
            let mut raw = connected(node, good);
            for _ in 0..64 {
                let at = random.u64(..raw.client.bytes() as u64 - 64);
                let bytes: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(64).collect();
                raw.write(at, &bytes);
            }
            raw.ring();
            let slot = raw.slot(rough("ping"));
            let _answered_or_ended = raw.submit.publish(slot.encode());
            raw.ring();
        }
        3 => {
            let mut raw = connected(node, good);
            for _ in 0..16 {
                let entry = std::array::from_fn(|_| random.u64(..));
                if raw.submit.publish(entry).is_err() {
                    break;
                }
            }
            raw.ring();
            if random.bool() {
                // Ended, or answered with Faults; heard or not.
                let _heard: (Option<CallId>, Heard) = raw.hear();
            }
        }
        4 => {
            let raw = connected(node, good);
            saturate(raw.bell());
            for _ in 0..50 {
                steal(raw.bell());
                raw.ring();
            }
        }
        5 => {
            let (_socket, answer) = say_hello(&node.address(), &[random.u8(..); 64], &[]);
            assert!(answer.is_none_or(|(welcome, _)| welcome.code != 0), "garbage is no hello");
        }
        6 => {
            // Another protocol, and a wrong token.
            let mut socket = TcpStream::connect(&tcp.0).unwrap();
            let mut bytes = b"GET / HTTP/1.1\r\nHost: windlass\r\n\r\n".to_vec();
            if random.bool() {
                bytes.clear();
                Frame::Hello(
                    Token([random.u8(..); 32]),
                    windlass_contract::hello::Hello { features: FEATURE_STREAM, ..hello(16) },
                )
                .encode(&mut bytes);
            }
            let _may_be_closed = socket.write_all(&bytes);
        }
        7 => {
            // Bytes that change after they were published, and lies about where they are.
            let mut raw = connected(node, good);
            let mut slot = raw.slot(rough("length"));
            raw.put(&mut slot, &postcard::to_allocvec("a text of some length").unwrap());
            slot.arguments.length = random.u32(..).max(1);
            raw.submit.publish(slot.encode()).unwrap();
            raw.ring();
            for _ in 0..100 {
                raw.write(slot.arguments.offset, &[random.u8(..); 8]);
            }
        }
        _ => {
            let mut raw = connected(node, good);
            let (_heap, _segment, fd) = raw.grow(64 << 10);
            let punch = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
            rustix::fs::fallocate(&fd, punch, 0, 64 << 10).unwrap();
            rustix::fs::fallocate(&raw.client_fd, punch, 0, raw.client.bytes() as u64).unwrap();
            raw.ring();
        }
    }
}

#[test]
fn rpc_R4_every_violation_at_once_moves_none_of_the_good_clients_answers() {
    let node = ChildNode::listening();
    let good = Good::connect(&node.address());
    let before = held(&node, &good);
    let tcp = node.tcp();
    let over = AtomicBool::new(false);
    let quiet: Vec<Duration> = (0..300).map(|_| timed(&good)).collect();
    let loud = std::thread::scope(|threads| {
        for seed in 0..3 {
            let (node, good, tcp, over) = (&node, &good, &tcp, &over);
            threads.spawn(move || {
                let mut random = Rng::with_seed(seed);
                for _ in 0..150 {
                    violate(&mut random, node, good, tcp);
                }
                over.store(true, Ordering::Relaxed);
            });
        }
        let mut loud = Vec::new();
        while !over.load(Ordering::Relaxed) {
            loud.push(timed(&good));
        }
        loud
    });
    assert!(!loud.is_empty(), "the good client was not asked anything");
    for (what, mut times) in [("alone", quiet), ("beside three nasty clients", loud)] {
        times.sort_unstable();
        let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
        println!(
            "five calls of the good client {what}: p50 {:?}, p99 {:?}, {} times",
            at(50),
            at(99),
            times.len()
        );
    }
    returns_to(&node, &good, before);
}

fn timed(good: &Good) -> Duration {
    let at = Instant::now();
    good.check();
    at.elapsed()
}
