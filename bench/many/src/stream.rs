//! Stream: values a second, one after another, from a method and to one, and what a node keeps for a reader that stands still.
//!
//! Lives here: `Flow` (the module), `measure`.
//! - 8 B: numbers; what a value costs;
//! - 64 KiB: text, which is copied as it is, and bytes as a `Vec<u8>`, which serde hands on one by one;
//! - a rival: tonic's streams over a Unix socket, numbers and bytes of the same lengths (`bench/compare/src/streaming.rs`);
//! - a stall: a reader of 64 KiB values reads one and no more, several times at once: bytes in the node for each of them.
//!
//! Holds: each value is looked at, and as many come as were sent. Clients are what a user writes: iterators, a thread for each stream.

use crate::connections::resident;
use crate::{Failure, Order, Server};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use windlass::prelude::*;
use windlass_bench::Row;
use windlass_bench::figures::median;
use windlass_bench::machine;
use windlass_client::{Client, Connect};

/// Bytes of a large value.
const LARGE: usize = 64 << 10;
/// Streams whose readers stand still.
const STALLED: usize = 8;
/// How a client comes.
const WAYS: [&str; 2] = ["shared memory", "a Unix socket"];

/// Values of each kind, both ways.
pub struct Flow;

#[module(export = false)]
impl Flow {
    #[create]
    fn create() -> Self {
        Self
    }
    /// Sends numbers until nobody reads them.
    #[method]
    async fn numbers(&self, mut out: Sink<f64>) -> Result<(), Fault> {
        let mut next = 0.0;
        loop {
            out.send(next).await?;
            next += 1.0;
        }
    }
    /// Takes numbers; answers how many there were.
    #[method]
    async fn take_numbers(&self, mut given: Stream<f64>) -> Result<u64, Fault> {
        let mut count = 0;
        while let Some(value) = given.next().await? {
            fits(value == count as f64)?;
            count += 1;
        }
        Ok(count)
    }
    /// Sends texts until nobody reads them.
    #[method]
    async fn texts(&self, mut out: Sink<String>) -> Result<(), Fault> {
        loop {
            out.send("x".repeat(LARGE)).await?;
        }
    }
    /// Takes texts; answers how many there were.
    #[method]
    async fn take_texts(&self, mut given: Stream<String>) -> Result<u64, Fault> {
        let mut count = 0;
        while let Some(value) = given.next().await? {
            fits(is_text(&value))?;
            count += 1;
        }
        Ok(count)
    }
    /// Sends bytes until nobody reads them.
    #[method]
    async fn blobs(&self, mut out: Sink<Vec<u8>>) -> Result<(), Fault> {
        loop {
            out.send(vec![b'x'; LARGE]).await?;
        }
    }
    /// Takes bytes; answers how many there were.
    #[method]
    async fn take_blobs(&self, mut given: Stream<Vec<u8>>) -> Result<u64, Fault> {
        let mut count = 0;
        while let Some(value) = given.next().await? {
            fits(is_blob(&value))?;
            count += 1;
        }
        Ok(count)
    }
}

fn fits(value: bool) -> Result<(), Fault> {
    if value { Ok(()) } else { Err(Fault::module(1, "a value is not the one that was sent")) }
}

fn is_text(value: &str) -> bool {
    is_blob(value.as_bytes())
}

/// Its ends say whose it is; looking at all would be measured as well.
fn is_blob(value: &[u8]) -> bool {
    value.len() == LARGE && value.first() == Some(&b'x') && value.last() == Some(&b'x')
}

/// What is measured: values of one kind, one way.
const CELLS: [(&str, u64, Turn); 6] = [
    ("numbers, node to client", 8, |flow, time| read(time, flow.numbers()?, |value, at| *value == at as f64)),
    ("numbers, client to node", 8, |flow, time| give(time, |values| flow.take_numbers(values), |at| at as f64)),
    ("text, node to client", LARGE as u64, |flow, time| read(time, flow.texts()?, |value, _| is_text(value))),
    ("text, client to node", LARGE as u64, |flow, time| {
        give(time, |values| flow.take_texts(values), |_| "x".repeat(LARGE))
    }),
    ("bytes, node to client", LARGE as u64, |flow, time| read(time, flow.blobs()?, |value, _| is_blob(value))),
    ("bytes, client to node", LARGE as u64, |flow, time| {
        give(time, |values| flow.take_blobs(values), |_| vec![b'x'; LARGE])
    }),
];

/// The same of the rival: what, its word for it, bytes.
const RIVAL_CELLS: [(&str, &str, u64); 4] = [
    ("numbers, node to client", "read", 8),
    ("numbers, client to node", "give", 8),
    ("bytes, node to client", "read", LARGE as u64),
    ("bytes, client to node", "give", LARGE as u64),
];

/// The rival's server, and the program that its clients are of.
struct Rival<'a> {
    program: &'a Path,
    server: Server,
}

impl<'a> Rival<'a> {
    fn start(program: &'a Path) -> Result<Self, Failure> {
        let mut command = Command::new(program);
        command.args(["stream", "serve"]);
        Ok(Self { program, server: Server::of(command)? })
    }

    /// Values a second.
    fn turn(&self, verb: &str, bytes: u64, ms: u64) -> Result<f64, Failure> {
        let (bytes, ms) = (bytes.to_string(), ms.to_string());
        let words = ["stream", verb, &bytes, &self.server.address, &ms];
        let said = Command::new(self.program).args(words).stderr(Stdio::inherit()).output()?;
        Ok(String::from_utf8(said.stdout)?.trim().parse().map_err(|_| "the rival says no rate")?)
    }
}

fn connect(server: &Server, way: &str) -> Result<Client, Failure> {
    let connect = match way {
        "shared memory" => Connect::to(&server.address),
        _ => Connect::unix_stream(&server.address),
    };
    // Of each eight call slots one may be a stream's.
    Ok(connect.calls(8 * STALLED as u32).open()?)
}

/// Values a second over so long.
type Turn = fn(&flow::Blocking, Duration) -> Result<f64, Failure>;

pub fn measure(server: &Server, order: &Order) -> Result<Vec<Row>, Failure> {
    let [ring, socket] = WAYS;
    let ways = [(ring, connect(server, ring)?), (socket, connect(server, socket)?)];
    let time = Duration::from_millis(order.turn_ms);
    let mut rates = vec![Vec::new(); CELLS.len() * ways.len()];
    let rival = order.compare.as_deref().map(Rival::start).transpose()?;
    let mut rival_rates = vec![Vec::new(); RIVAL_CELLS.len()];
    for _ in 0..order.rounds {
        for (at, (_, client)) in ways.iter().enumerate() {
            let flow = flow::Blocking::on(client.pool("flow")?);
            for (cell, (.., turn)) in CELLS.iter().enumerate() {
                rates[cell * ways.len() + at].push(turn(&flow, time)?);
            }
        }
        for ((_, verb, bytes), rates) in RIVAL_CELLS.iter().zip(&mut rival_rates) {
            if let Some(rival) = &rival {
                rates.push(rival.turn(verb, *bytes, order.turn_ms)?);
            }
        }
    }
    let mut rows = Vec::new();
    let mut row = |contender: &str, what: &str, way: &str, bytes: u64, rates: &[f64]| -> Result<(), Failure> {
        let rate = median(rates).ok_or("no round")?;
        let gb_per_s = rate * bytes as f64 / 1e9;
        println!("{contender:<8} {what:<26} {way:<14} {bytes:>8} {rate:>12.0} {gb_per_s:>8.3}");
        rows.push(Row {
            ours: contender == "ours",
            placement: Some("unpinned".into()),
            bytes: Some(bytes),
            ops_per_s: Some(rate),
            gb_per_s: Some(gb_per_s),
            rounds: Some(order.rounds),
            ..Row::of_ours("stream", &format!("{contender}: {what}, {way}"), &machine::line())
        });
        Ok(())
    };
    println!("{:<8} {:<26} {:<14} {:>8} {:>12} {:>8}", "who", "values", "over", "bytes", "values/s", "GB/s");
    for (cell, (what, bytes, _)) in CELLS.iter().enumerate() {
        for (at, (way, _)) in ways.iter().enumerate() {
            row("ours", what, way, *bytes, &rates[cell * ways.len() + at])?;
        }
    }
    for ((what, _, bytes), rates) in RIVAL_CELLS.iter().zip(&rival_rates).filter(|_| rival.is_some()) {
        row("tonic", what, socket, *bytes, rates)?;
    }
    for (way, _) in &ways {
        let [bytes, later] = stalled(order, way)?;
        println!(
            "a reader of {LARGE} B values that stands still, {way}: {bytes:.0} bytes in the node after a second, {later:.0} after three"
        );
        rows.push(Row {
            n: Some(bytes as u64),
            bytes: Some(LARGE as u64),
            ..Row::of_ours("stream", &format!("bytes of a stall, {way}"), &machine::line())
        });
    }
    Ok(rows)
}

/// Reads values for so long; values a second. The stream's first value and its end are not counted.
fn read<T>(
    time: Duration,
    mut values: impl Iterator<Item = Result<T, Fault>>,
    is_right: impl Fn(&T, u64) -> bool,
) -> Result<f64, Failure> {
    let mut count = 0;
    let mut next = || -> Result<(), Failure> {
        let value = values.next().ok_or("the stream has ended")??;
        if !is_right(&value, count) {
            return Err("a value is not the one that was sent".into());
        }
        count += 1;
        Ok(())
    };
    next()?;
    let began = Instant::now();
    loop {
        // The clock costs as much as a small value.
        for _ in 0..16 {
            next()?;
        }
        if began.elapsed() >= time {
            return Ok((count - 1) as f64 / began.elapsed().as_secs_f64());
        }
    }
}

/// Gives values for so long; values a second, until the method has answered for all.
fn give<T: 'static>(
    time: Duration,
    call: impl FnOnce(Box<dyn Iterator<Item = T> + Send>) -> Result<u64, Fault>,
    value: fn(u64) -> T,
) -> Result<f64, Failure> {
    let began = Instant::now();
    let values = (0..).map_while(move |at: u64| match at.is_multiple_of(16) && began.elapsed() >= time {
        true => None,
        false => Some(value(at)),
    });
    let count = call(Box::new(values))?;
    Ok(count as f64 / began.elapsed().as_secs_f64())
}

/// Bytes that a node of its own, whose allocator has nothing left over, has for each of several streams of which one value was read and
/// no more is: after a second, and after three.
fn stalled(order: &Order, way: &str) -> Result<[f64; 2], Failure> {
    let server = Server::start(order.workers)?;
    let node = server.child.id();
    let client = connect(&server, way)?;
    let flow = flow::Blocking::on(client.pool("flow")?);
    let before = resident(node)?;
    let mut streams = (0..STALLED).map(|_| flow.texts()).collect::<Result<Vec<_>, _>>()?;
    for one in &mut streams {
        one.next().ok_or("the stream has ended")??;
    }
    let mut bytes = [0.0; 2];
    for (seconds, bytes) in [1, 2].into_iter().zip(&mut bytes) {
        std::thread::sleep(Duration::from_secs(seconds));
        *bytes = (resident(node)? - before) / STALLED as f64;
    }
    // It goes on as if nothing had been.
    for mut one in streams {
        let ends = one.by_ref().take(100).try_for_each(|value| match value {
            Ok(text) if is_text(&text) => ControlFlow::Continue(()),
            Ok(_) => ControlFlow::Break("a value is not the one that was sent".to_owned()),
            Err(fault) => ControlFlow::Break(fault.to_string()),
        });
        if let ControlFlow::Break(why) = ends {
            return Err(why.into());
        }
    }
    Ok(bytes)
}
