//! Rate: calls a second from threads with sessions of their own, each with so many calls out.
//!
//! Rivals in the same cell (32 B, 128 out, one client) stand in `bench call`; here is how it grows with windows and threads.

use crate::{Failure, Order, Server};
use std::collections::VecDeque;
use std::sync::Barrier;
use std::time::{Duration, Instant};
use windlass_bench::Row;
use windlass_bench::figures::median;
use windlass_bench::machine;
use windlass_client::{Client, Pending};
use windlass_echo::echo;

pub fn measure(server: &Server, order: &Order) -> Result<Vec<Row>, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut rows = Vec::new();
    println!("{:>8} {:>8} {:>14}", "threads", "window", "calls/s");
    for window in &order.windows {
        let mut of_threads: Vec<Vec<f64>> = vec![Vec::new(); cores];
        for _ in 0..order.rounds {
            for threads in 1..=cores {
                of_threads[threads - 1].push(turn(
                    server,
                    threads,
                    *window,
                    Duration::from_millis(order.turn_ms),
                )?);
            }
        }
        for (at, rates) in of_threads.iter().enumerate() {
            let rate = median(rates).ok_or("no round")?;
            println!("{:>8} {window:>8} {rate:>14.0}", at + 1);
            rows.push(Row {
                placement: Some(format!("unpinned, {} threads, {} workers", at + 1, order.workers)),
                bytes: Some(8),
                outstanding: Some(*window),
                ops_per_s: Some(rate),
                rounds: Some(order.rounds),
                ..Row::of_ours("rate", "ours", &machine::line())
            });
        }
    }
    Ok(rows)
}

/// Calls a second of all threads together.
fn turn(server: &Server, threads: usize, window: u32, time: Duration) -> Result<f64, Failure> {
    let clients: Vec<Client> = (0..threads)
        .map(|_| Client::options().calls(window.next_power_of_two()).connect(&server.address))
        .collect::<Result<_, _>>()?;
    let begin = Barrier::new(threads);
    let rates: Vec<Result<f64, Failure>> = std::thread::scope(|scope| {
        let works = |client| {
            let begin = &begin;
            scope.spawn(move || pipeline(client, window as usize, time, begin))
        };
        let threads: Vec<_> = clients.iter().map(works).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err("a client panicked".into())))
            .collect()
    });
    rates.into_iter().sum()
}

/// Keeps so many calls out for so long; calls a second.
fn pipeline(client: &Client, window: usize, time: Duration, begin: &Barrier) -> Result<f64, Failure> {
    let pool = client.pool("echo")?;
    begin.wait();
    let (began, mut sent, mut ended) = (Instant::now(), 0_u64, 0_u64);
    let mut out: VecDeque<Pending> = VecDeque::with_capacity(window);
    let mut send = |out: &mut VecDeque<Pending>| {
        out.push_back(pool.call(echo::methods::ping()).argument(&sent).send());
        sent += 1;
    };
    (0..window).for_each(|_| send(&mut out));
    while let Some(pending) = out.pop_front() {
        if pending.wait()?.value::<u64>()? != ended {
            return Err("a call was answered wrongly".into());
        }
        ended += 1;
        if began.elapsed() < time {
            send(&mut out);
        }
    }
    Ok(ended as f64 / began.elapsed().as_secs_f64())
}
