//! Shared: calls that compute, all to one container: of a module that one worker runs, and of one that all workers share.
//!
//! Holds: rounds are interleaved, every answer is checked, and the same number of calls is always out.

use crate::load::{load, shared};
use crate::{Failure, Order, Server};
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use windlass_admin::admin;
use windlass_bench::figures::median;
use windlass_bench::{Row, machine};
use windlass_client::{Client, Pending, Pool};
use windlass_contract::MethodRef;

/// How long each call computes, microseconds.
const CALL_US: u64 = 1000;

/// What a node came to.
struct Contender {
    what: &'static str,
    workers: u16,
    pool: Pool,
    method: MethodRef,
    rates: Vec<f64>,
    _server: Server,
}

impl Contender {
    fn start(what: &'static str, workers: u16, module: &str, method: MethodRef) -> Result<Self, Failure> {
        let server = Server::start(workers)?;
        let client = Client::connect(&server.address)?;
        admin::Blocking::on(client.admin()).create_spread("one", module, &[], 1, "round_robin")?;
        let pool = client.pool("one")?;
        Ok(Self { what, workers, pool, method, rates: Vec::new(), _server: server })
    }

    fn turn(&mut self, out: u16, turn: Duration) -> Result<f64, Failure> {
        let send = || self.pool.call(self.method).argument(&CALL_US).send();
        let mut waiting: VecDeque<Pending> = (0..out).map(|_| send()).collect();
        let (began, mut ended) = (Instant::now(), 0u32);
        while let Some(pending) = waiting.pop_front() {
            if pending.wait()?.value::<u64>()? == 0 {
                return Err("a call did nothing".into());
            }
            if began.elapsed() < turn {
                ended += 1;
                waiting.push_back(send());
            }
        }
        Ok(f64::from(ended) / turn.as_secs_f64())
    }
}

/// Measures one container with one worker, with two of which one has it, and with two that share it.
pub fn run(order: &Order) -> Result<Vec<Row>, Failure> {
    let mut all = [
        Contender::start("one-worker", 1, "shared", shared::methods::solid())?,
        Contender::start("one-has-it", 2, "load", load::methods::solid())?,
        Contender::start("both-share-it", 2, "shared", shared::methods::solid())?,
    ];
    let turn = Duration::from_millis(order.turn_ms);
    for one in &mut all {
        one.turn(order.heavy, turn / 4)?;
    }
    for _ in 0..order.rounds {
        for one in &mut all {
            let rate = one.turn(order.heavy, turn)?;
            one.rates.push(rate);
        }
    }
    println!("one container, {} calls of {CALL_US} us always out:", order.heavy);
    let mut rows = Vec::new();
    for one in &all {
        let rate = median(&one.rates).ok_or("no round")?;
        let first = median(&all[0].rates).ok_or("no round")?;
        println!("{:<8} {:<14} {rate:>12.0} calls/s, {:.2} of one worker's", one.workers, one.what, rate / first);
        rows.push(Row {
            placement: Some(format!("unpinned, {} workers", one.workers)),
            outstanding: Some(u32::from(order.heavy)),
            ops_per_s: Some(rate),
            rounds: Some(order.rounds),
            ..Row::of_ours("shared", one.what, &machine::line())
        });
    }
    Ok(rows)
}
