//! Streams: values pass one by one beside their call, on every way, in order, in bounded memory, and end with it.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
#![allow(clippy::disallowed_methods, reason = "tests start threads and sleep")]

#[path = "../stage/mod.rs"]
mod stage;

mod ends;
mod moving;
mod pipes;
mod raw;
mod values;

use pipes::{Pipes, UNDER_WAY, pipes as stubs};
use stage::Stage;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use windlass::prelude::*;
use windlass_client::Connect;

/// A node with the pool `pipes`, and a client that comes by some way.
struct Set {
    stage: Stage,
    client: Client,
    pipes: stubs::Blocking,
}

impl Set {
    fn by(way: &str) -> Self {
        let stage = Stage::with(|config| {
            config.modules.extend([Pipes::TABLE]);
            config.tcp = Some("127.0.0.1:0".parse().expect("an address"));
        });
        stubs::Blocking::create(&stage.client(), "pipes").expect("the pool is made");
        let client = match way {
            "shared memory" => Connect::to(&stage.address()),
            "a Unix stream" => Connect::unix_stream(&stage.address()),
            _ => Connect::tcp(&stage.tcp().to_string()).token(stage.token()),
        };
        let client = client.calls(256).open().expect("the node answers");
        let pipes = stubs::Blocking::on(client.pool("pipes").expect("a pool"));
        Self { stage, client, pipes }
    }

    fn awaited(&self) -> stubs::Client {
        stubs::Client::on(self.client.pool("pipes").expect("a pool"))
    }
}

/// Makes a claim on every way.
fn on_every_way(claim: impl Fn(&Set)) {
    for way in ["shared memory", "a Unix stream", "TCP"] {
        println!("by {way}");
        claim(&Set::by(way));
    }
}

/// Waits until something is so; it is soon, unless something is wrong.
fn soon(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until no method of ours runs any more. Tests of this kind do not run beside each other (`alone`).
fn all_have_ended() {
    soon("all methods end", || UNDER_WAY.load(Ordering::SeqCst) == 0);
}

/// Only one test at a time looks at what is under way.
fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
