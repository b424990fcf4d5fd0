//! Connections: ten thousand stubs of one process of which one works, and a thousand sessions that say nothing.
//!
//! - a stub: bytes of memory and descriptors that it costs its process; what a call of one of them takes beside the others, against
//!   the same call with no others (the kinds take turns);
//! - a session: bytes of memory and descriptors that it costs the node; what the node's processor does while all are silent.

use crate::{Failure, Order, Server};
use std::time::{Duration, Instant};
use windlass_bench::Row;
use windlass_bench::figures::median;
use windlass_bench::machine;
use windlass_client::Client;
use windlass_echo::echo;

/// What the design wants of a stub and of a session.
const STUB_BYTES: f64 = 4096.0;
const STUB_SLOWER: f64 = 1.05;
const SESSION_BYTES: f64 = 64.0 * 1024.0;
const SESSION_DESCRIPTORS: f64 = 3.0;
const IDLE_SHARE: f64 = 0.01;

/// How long silent sessions are looked at.
const SILENCE: Duration = Duration::from_secs(5);

pub fn measure(server: &Server, order: &Order) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    let mut row = |what: &str, n: u64, figure: Row| {
        rows.push(Row { n: Some(n), ..figure });
        println!("  {what}");
    };
    let line = machine::line();
    println!("{} stubs of one process, one of which works:", order.stubs);
    let [bytes, descriptors, alone, beside] = stubs(server, order)?;
    row(
        &format!(
            "a stub: {bytes:.0} bytes (wanted below {STUB_BYTES}: {}), {descriptors:.3} descriptors",
            met(bytes < STUB_BYTES)
        ),
        bytes as u64,
        Row::of_ours("connections", "bytes of a stub", &line),
    );
    row(
        &format!(
            "its call: half within {beside:.2} us beside the others, {alone:.2} us without: {:.3}x (wanted <= {STUB_SLOWER}: {})",
            beside / alone,
            met(beside <= alone * STUB_SLOWER)
        ),
        order.stubs as u64,
        Row {
            p50_us: Some(beside),
            rounds: Some(order.rounds),
            ..Row::of_ours("connections", "a call beside stubs", &line)
        },
    );
    println!("{} sessions that say nothing:", order.sessions);
    let [bytes, descriptors, share] = sessions(server, order)?;
    row(
        &format!(
            "a session costs the node {bytes:.0} bytes (wanted <= {SESSION_BYTES}: {}) and {descriptors:.2} descriptors (wanted <= \
             {SESSION_DESCRIPTORS}: {})",
            met(bytes <= SESSION_BYTES),
            met(descriptors <= SESSION_DESCRIPTORS)
        ),
        bytes as u64,
        Row::of_ours("connections", "bytes of a session", &line),
    );
    row(
        &format!("the node's processor: {:.3} % (wanted below 1 %: {})", share * 100.0, met(share < IDLE_SHARE)),
        order.sessions as u64,
        Row {
            cpu_us_per_op: Some(share * 1e6),
            ..Row::of_ours("connections", "processor of silent sessions", &line)
        },
    );
    Ok(rows)
}

fn met(yes: bool) -> &'static str {
    if yes { "met" } else { "NOT met" }
}

/// Bytes and descriptors of a stub, and the median of a call alone and beside the others, microseconds.
fn stubs(server: &Server, order: &Order) -> Result<[f64; 4], Failure> {
    let client = Client::connect(&server.address)?;
    let made = || -> Result<Vec<echo::Blocking>, Failure> {
        (0..order.stubs).map(|_| Ok(echo::Blocking::on(client.pool("echo")?))).collect()
    };
    let works = echo::Blocking::on(client.pool("echo")?);
    call_for(&works, Duration::from_millis(order.turn_ms))?;
    // The first time: later the allocator has what was given back.
    let before = (resident(std::process::id())?, open(std::process::id())?);
    let first = made()?;
    let bytes = (resident(std::process::id())? - before.0) / order.stubs as f64;
    let descriptors = (open(std::process::id())? - before.1) / order.stubs as f64;
    drop(first);
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..order.rounds {
        alone.push(call_for(&works, Duration::from_millis(order.turn_ms))?);
        let stubs = made()?;
        beside.push(call_for(&stubs[order.stubs / 2], Duration::from_millis(order.turn_ms))?);
    }
    let middle = |values: &[f64]| median(values).ok_or("no round");
    Ok([bytes.max(0.0), descriptors, middle(&alone)?, middle(&beside)?])
}

/// The median of calls, one after another, microseconds.
fn call_for(echo: &echo::Blocking, time: Duration) -> Result<f64, Failure> {
    let (began, mut taken) = (Instant::now(), Vec::new());
    while began.elapsed() < time {
        let (sent, value) = (Instant::now(), taken.len() as u64);
        if echo.ping(value)? != value {
            return Err("a call was answered wrongly".into());
        }
        taken.push(sent.elapsed().as_nanos() as f64 / 1000.0);
    }
    median(&taken).ok_or_else(|| "no call ended in a turn".into())
}

/// Bytes and descriptors of a session in the node, and the share of a processor that it takes while all are silent.
fn sessions(server: &Server, order: &Order) -> Result<[f64; 3], Failure> {
    let node = server.child.id();
    let connect = || -> Result<Vec<Client>, Failure> {
        (0..order.sessions).map(|_| Ok(Client::connect(&server.address)?)).collect()
    };
    // One call each, as whoever connects makes some.
    let all = connect()?;
    drop(all);
    std::thread::sleep(Duration::from_millis(300));
    let before = (resident(node)?, open(node)?);
    let all = connect()?;
    for client in &all {
        echo::Blocking::on(client.pool("echo")?).ping(1)?;
    }
    let each = |now: f64, then: f64| (now - then).max(0.0) / order.sessions as f64;
    let (bytes, descriptors) = (each(resident(node)?, before.0), each(open(node)?, before.1));
    std::thread::sleep(Duration::from_millis(500));
    let began = (processor(node)?, Instant::now());
    std::thread::sleep(SILENCE);
    let share = (processor(node)? - began.0) / began.1.elapsed().as_secs_f64();
    for (at, client) in all.iter().enumerate().step_by(97) {
        let value = at as u64;
        if echo::Blocking::on(client.pool("echo")?).ping(value)? != value {
            return Err("a session that was silent is answered wrongly".into());
        }
    }
    Ok([bytes, descriptors, share])
}

/// Bytes that a process has in memory: its own, and its part of what it shares.
pub fn resident(pid: u32) -> Result<f64, Failure> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line =
        text.lines().find(|line| line.starts_with("Pss:")).ok_or("the system does not say how much memory")?;
    let kib: f64 = line.split_whitespace().nth(1).ok_or("no figure")?.parse()?;
    Ok(kib * 1024.0)
}

/// Descriptors that a process has open.
fn open(pid: u32) -> Result<f64, Failure> {
    Ok(std::fs::read_dir(format!("/proc/{pid}/fd"))?.count() as f64)
}

/// Seconds that a process has computed.
fn processor(pid: u32) -> Result<f64, Failure> {
    // Of all its threads.
    let mut ns = 0.0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        ns += text.split_whitespace().next().ok_or("no figure")?.parse::<f64>()?;
    }
    Ok(ns / 1e9)
}
