//! Travel: quick calls to a pool of another worker, before the session goes there and after.
//!
//! Holds: each session is seen to be on the other worker before, and on the pool's after; every answer is checked.

use crate::load::load;
use crate::{Failure, Order, Server, figures};
use std::time::{Duration, Instant};
use windlass_admin::admin;
use windlass_bench::{Row, machine};
use windlass_client::Client;

/// Calls of each session that are measured, before and after: fewer than make it go.
const CALLS: u64 = 50;
/// Sessions, in each round.
const SESSIONS: u32 = 10;

/// Measures sessions of a node with two workers, one after another.
pub fn run(order: &Order) -> Result<Vec<Row>, Failure> {
    let server = Server::start(2)?;
    let first = Client::connect(&server.address)?;
    let admin = admin::Blocking::on(first.admin());
    admin.create_spread("there", "load", &[], 1, "pinned:1")?;
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for _ in 0..order.rounds * SESSIONS {
        let client = Client::connect(&server.address)?;
        let number = client.welcome().session;
        let worker = || -> Result<u32, Failure> {
            let all = admin.sessions()?;
            Ok(all.iter().find(|one| one.id == number).ok_or("the session is not there")?.worker)
        };
        let there = load::Blocking::on(client.pool("there")?);
        let measure = |taken: &mut Vec<f64>| -> Result<(), Failure> {
            for number in 0..CALLS {
                let sent = Instant::now();
                if there.quick(number)? != number + 1 {
                    return Err("a quick call was answered wrongly".into());
                }
                taken.push(sent.elapsed().as_nanos() as f64 / 1000.0);
            }
            Ok(())
        };
        if worker()? == 1 {
            continue;
        }
        measure(&mut before)?;
        let until = Instant::now() + Duration::from_secs(5);
        loop {
            measure(&mut Vec::new())?;
            if worker()? == 1 {
                break;
            }
            if Instant::now() > until {
                return Err("a session did not go to where its calls go".into());
            }
        }
        measure(&mut after)?;
    }
    let mut rows = Vec::new();
    for (what, taken) in [("before", before), ("after", after)] {
        let [p50, p99, _, _] = figures(taken, Duration::from_secs(1))?;
        println!(
            "calls to a pool of the other worker, {what} the session went there: p50 {p50:.1} us, p99 {p99:.1} us"
        );
        rows.push(Row {
            placement: Some("unpinned, 2 workers".into()),
            outstanding: Some(1),
            p50_us: Some(p50),
            p99_us: Some(p99),
            rounds: Some(order.rounds),
            ..Row::of_ours("travel", what, &machine::line())
        });
    }
    Ok(rows)
}
