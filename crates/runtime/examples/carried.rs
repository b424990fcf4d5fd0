//! What a call costs that another worker runs, beside one that the session's own worker runs.
//!
//! `cargo run --release -p windlass-runtime --example carried -- [CALLS] [WORKERS]` prints medians; with one worker, of the near call
//! alone, so that `perf stat -e instructions:u` around it counts the path of a call. For figures in a document use
//! `cargo xtask bench`.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "an example that measures and prints"
)]

use std::time::Instant;
use windlass::Query;
use windlass_client::Client;
use windlass_echo::{Echo, echo};
use windlass_runtime::{Node, NodeConfig, Placement, PoolSpec};

fn main() {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<usize>().unwrap());
    let (calls, workers) = (numbers.next().unwrap_or(20_000), numbers.next().unwrap_or(2));
    let directory = tempfile::tempdir().unwrap();
    let mut config = NodeConfig::new("carried", windlass_admin::Admin::TABLE);
    config.directory = directory.path().join("carried");
    config.workers = workers;
    config.modules.push(Echo::TABLE);
    for worker in 0..workers as u16 {
        let placement = Placement::Pinned(worker);
        config.pools.push(PoolSpec { placement, ..PoolSpec::new(format!("at-{worker}"), "echo") });
    }
    let all = PoolSpec { containers: workers as u32, ..PoolSpec::new("all", "echo") };
    config.pools.push(all);
    let node = Node::start(config).unwrap();
    // The first session is the first worker's.
    let client = Client::connect(&directory.path().join("carried").display().to_string()).unwrap();
    for worker in 0..workers {
        let pool = echo::Blocking::on(client.pool(&format!("at-{worker}")).unwrap());
        let (p50, p99) = measure(calls, || drop(pool.echo("hello").unwrap()));
        println!("worker {worker}: p50 {p50} ns, p99 {p99} ns, {calls} calls, one at a time");
    }
    if workers > 1 {
        let pool = client.pool("at-1").unwrap();
        let began = Instant::now();
        let mut out = std::collections::VecDeque::new();
        for _ in 0..calls {
            out.push_back(pool.call(echo::methods::echo()).argument("hello").send());
            if out.len() >= 64 {
                drop(out.pop_front().unwrap().wait().unwrap());
            }
        }
        out.into_iter().for_each(|one| drop(one.wait().unwrap()));
        let each = began.elapsed().as_nanos() / calls as u128;
        println!("worker 1: {each} ns a call, 64 outstanding");
        let all = echo::Blocking::on(client.pool("all").unwrap().toward(Query::Id(0)));
        let (p50, _) = measure(calls / 10 + 1, || drop(all.echo("hello").unwrap()));
        println!("container 0 of {workers}: p50 {p50} ns");
    }
    drop(node);
}

fn measure(calls: usize, call: impl Fn()) -> (u128, u128) {
    let mut took: Vec<u128> = (0..calls)
        .map(|_| {
            let began = Instant::now();
            call();
            began.elapsed().as_nanos()
        })
        .collect();
    took.sort_unstable();
    (took[calls / 2], took[calls * 99 / 100])
}
