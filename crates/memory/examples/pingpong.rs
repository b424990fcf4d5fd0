//! Ping-pong: what one entry there and one back costs over rings and parking, on one core and on two.
//!
//! Run by: `cargo run --release -p windlass-memory --example pingpong`. It prints and asserts nothing about time:
//! a floor for the reader's own machine. Two threads stand for two processes; the memory is mapped twice.
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock itself")]

use std::error::Error;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use windlass_memory::park::{ClientPark, NodePark};
use windlass_memory::words::{ClientWords, Layout, NodeWords};
use windlass_memory::{Access, Doorbell, Role, Segment};

const CALLS: u64 = 100_000;

/// How a side waits: it looks this often, then sleeps.
#[derive(Clone, Copy)]
struct Spins(u32);

fn main() -> Result<(), Box<dyn Error>> {
    let allowed = sched_getaffinity(None)?;
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
    let first = cores[0];
    let second = cores.get(1).copied();
    println!("{:<32} {:>10} {:>10} {:>10}", "placement, waiting", "p50 ns", "p99 ns", "mean ns");
    run("one core, both park", (first, first), Spins(0))?;
    if let Some(second) = second {
        run("two cores, both park", (first, second), Spins(0))?;
        run("two cores, both spin", (first, second), Spins(u32::MAX))?;
        run("two cores, spin 2000 then park", (first, second), Spins(2000))?;
    }
    Ok(())
}

fn pin(core: usize) -> Result<(), rustix::io::Errno> {
    let mut only = CpuSet::new();
    only.set(core);
    sched_setaffinity(None, &only)
}

/// Times `CALLS` round trips of one 64-byte entry each way and prints their distribution.
fn run(name: &str, (client_core, node_core): (usize, usize), spins: Spins) -> Result<(), Box<dyn Error>> {
    let layout = Layout::new(8).ok_or("eight calls")?;
    let (client_segment, client_fd) = Segment::create("pingpong client", layout.bytes(), Role::Client)?;
    let (node_segment, node_fd) = Segment::create("pingpong node", layout.bytes(), Role::Node)?;
    let (client_segment, node_segment) = (Arc::new(client_segment), Arc::new(node_segment));
    let seen_client = Arc::new(Segment::open(client_fd.as_fd(), layout.bytes(), Access::ReadWrite)?);
    let seen_node = Arc::new(Segment::open(node_fd.as_fd(), layout.bytes(), Access::Read)?);
    let bell = Doorbell::new()?;
    let rope = Doorbell::from_fd(bell.as_fd().try_clone_to_owned()?);

    let words = NodeWords::begin(Arc::clone(&node_segment), 1, 1)?;
    let client_words = ClientWords::open(Arc::clone(&client_segment))?;
    let mut slots = layout.ring(client_segment)?.consumer::<2>(words.own_submit_head());
    let mut completions = layout.ring(node_segment)?.producer::<1>(client_words.peer_completion_head());
    let park = NodePark::new(&words, &client_words);
    let node = move || -> Result<(), Box<dyn Error + Send + Sync>> {
        pin(node_core)?;
        let mut answered = 0;
        while answered < CALLS {
            let mut looks = 0;
            let entry = loop {
                if let Some(entry) = slots.take() {
                    break entry;
                }
                looks += 1;
                if looks <= spins.0 {
                    std::hint::spin_loop();
                } else if park.arm(|| slots.peek_ready()) {
                    poll(&mut [PollFd::new(&bell, PollFlags::IN)], None)?;
                    bell.drain()?;
                    park.disarm();
                }
            };
            slots.commit();
            completions.publish(entry)?;
            park.announce(completions.published());
            answered += 1;
        }
        Ok(())
    };

    let words = NodeWords::open(Arc::clone(&seen_node))?;
    let client_words = ClientWords::open(Arc::clone(&seen_client))?;
    let mut slots = layout.ring(seen_client)?.producer::<2>(words.peer_submit_head());
    let mut completions = layout.ring(seen_node)?.consumer::<1>(client_words.own_completion_head());
    let park = ClientPark::new(&words, &client_words);
    let client = move || -> Result<Vec<u64>, Box<dyn Error + Send + Sync>> {
        pin(client_core)?;
        let mut times = Vec::with_capacity(CALLS as usize);
        for call in 0..CALLS {
            let begun = Instant::now();
            slots.publish([call; 8])?;
            if park.rang_needed() {
                rope.ring()?;
            }
            let mut looks = 0;
            loop {
                let seen = park.seen();
                if completions.take().is_some() {
                    break;
                }
                looks += 1;
                if looks <= spins.0 {
                    std::hint::spin_loop();
                } else {
                    park.wait(seen, None, || completions.peek_ready());
                }
            }
            completions.commit();
            times.push(begun.elapsed().as_nanos() as u64);
        }
        Ok(times)
    };

    let (node, times) = std::thread::scope(|threads| {
        let node = threads.spawn(node);
        let client = threads.spawn(client);
        (node.join(), client.join())
    });
    node.map_err(|_| "the node's thread panicked")?.map_err(|error| error.to_string())?;
    let mut times = times.map_err(|_| "the client's thread panicked")?.map_err(|error| error.to_string())?;
    times.sort_unstable();
    let mean = times.iter().sum::<u64>() / CALLS;
    println!("{name:<32} {:>10} {:>10} {mean:>10}", times[times.len() / 2], times[times.len() * 99 / 100]);
    Ok(())
}
