//! A module that a process serves: called as any other, through a node of any number of workers.
#![allow(clippy::disallowed_methods, reason = "tests start threads and wait")]

#[path = "../../runtime/tests/stage/mod.rs"]
mod stage;

use proptest::prelude::*;
use stage::Stage;
use std::thread::JoinHandle;
use std::time::Duration;
use windlass_client::{Client, Connect};
use windlass_contract::{Code, Fault, Outcome};
use windlass_echo::{Echo, echo};
use windlass_provide::{Serve, Serving};

/// A node, a session that serves `echo` from two threads, and another that calls it.
struct Yard {
    echo: echo::Blocking,
    client: Client,
    serving: Serving,
    threads: Vec<JoinHandle<Result<(), Fault>>>,
    provider: Client,
    stage: Stage,
}

impl Yard {
    fn new() -> Self {
        Self::with_workers(stage::workers(), 2)
    }
    fn with_workers(workers: usize, threads: usize) -> Self {
        let stage = Stage::with(|config| config.workers = workers);
        let (provider, client) = (stage.client(), stage.client());
        let serving = provider.serve_with("served", Echo::TABLE, &[("limit", "1000")]).expect("it is served");
        let threads = serving.work_on(threads).expect("threads");
        let echo = echo::Blocking::on(client.pool("served").expect("everybody finds it"));
        Self { echo, client, serving, threads, provider, stage }
    }
}

fn wait_for(what: &str, mut look: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if look() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{what} did not come");
}

#[test]
fn a_served_pool_answers_values_text_state_and_faults_as_any_other() {
    for workers in [1, 3] {
        let yard = Yard::with_workers(workers, 2);
        let echo = &yard.echo;
        assert_eq!(echo.ping(7).unwrap(), 7);
        assert_eq!(echo.echo(&"ø".repeat(9_000)).unwrap(), "ø".repeat(9_000));
        assert_eq!((echo.add("cats", 5).unwrap(), echo.add("cats", 6).unwrap()), (5, 11), "its state stays there");
        let fault = echo.add("cats", 1000).unwrap_err();
        assert!(fault.outcome == Outcome::Ended && fault.message.contains("1000"), "{fault:?}");
        let fault = echo.panic("aground").unwrap_err();
        assert!(fault.is(Code::Panicked), "{fault:?}");
        assert_eq!(echo.ping(8).unwrap(), 8, "and it goes on");
        echo.pause(1000).unwrap();
        let facts = yard.client.pool("served").unwrap();
        assert_eq!(facts.describe().unwrap().name, "echo");
        let listed = yard.stage.admin().pools().unwrap();
        let served = listed.iter().find(|pool| pool.name == "served").unwrap();
        assert_eq!((served.module.as_str(), served.parameters.as_str()), ("echo", "limit=1000"));
        assert!(served.calls >= 8, "they are counted: {served:?}");
    }
}

#[test]
fn buffers_of_every_kind_reach_a_served_pool_and_come_back() {
    let yard = Yard::new();
    let echo = &yard.echo;
    for bytes in [0, 1, 4096, 4097, 300_000, 3_000_000] {
        let data: Vec<u8> = (0..bytes).map(|at: usize| (at * 7 + at / 251) as u8).collect();
        let frozen = (bytes > 0).then(|| yard.client.freeze(&data).unwrap());
        let sum = echo.checksum(&data).unwrap();
        assert!(frozen.is_none_or(|frozen| echo.checksum(&frozen).unwrap() == sum));
        let (length, copied) = echo.copy(&data, bytes + 5).unwrap();
        assert_eq!((length as usize, copied.len()), (bytes, bytes));
        assert!(copied[..] == data[..]);
        let turned = echo.reverse(&data).unwrap();
        assert!(turned.iter().rev().eq(data.iter()));
        let (filled, used) = echo.fill(9, yard.client.lend(bytes.max(1)).unwrap()).unwrap();
        assert!(filled[..used].iter().all(|byte| *byte == 9) && used == bytes.max(1), "{used} of {bytes}");
    }
    let fault = echo.copy(&[1; 100], 10).unwrap_err();
    assert!(fault.is(Code::TooLarge), "{fault:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn a_served_pool_says_what_the_same_module_says_in_the_node(
        calls in prop::collection::vec((0_u8..4, any::<u64>(), prop::collection::vec(any::<u8>(), 0..9000)), 1..12),
    ) {
        let yard = Yard::new();
        let there = Stage::of(&[Echo::TABLE]);
        let here = echo::Blocking::create(&there.client(), "echo", 1000).unwrap();
        for (what, value, bytes) in &calls {
            match what {
                0 => prop_assert_eq!(yard.echo.ping(*value).unwrap(), here.ping(*value).unwrap()),
                1 => {
                    let (a, b) = (yard.echo.add("x", value % 600), here.add("x", value % 600));
                    prop_assert_eq!(a.map_err(|fault| fault.message), b.map_err(|fault| fault.message));
                }
                2 => prop_assert_eq!(yard.echo.checksum(bytes).unwrap(), here.checksum(bytes).unwrap()),
                _ => {
                    let room = bytes.len() + (value % 3) as usize;
                    let (a, b) = (yard.echo.copy(bytes, room).unwrap(), here.copy(bytes, room).unwrap());
                    prop_assert_eq!((a.0, &a.1[..]), (b.0, &b.1[..]));
                }
            }
        }
    }
}

#[test]
fn many_callers_are_served_by_as_many_threads_as_work() {
    let yard = Yard::with_workers(2, 4);
    std::thread::scope(|scope| {
        for caller in 0..8_u64 {
            let address = yard.stage.address();
            scope.spawn(move || {
                let client = Client::connect(&address).unwrap();
                let echo = echo::Blocking::on(client.pool("served").unwrap());
                for turn in 0..100 {
                    assert_eq!(echo.ping(caller * 1000 + turn).unwrap(), caller * 1000 + turn);
                }
            });
        }
    });
    assert_eq!(yard.threads.len(), 4);
}

#[test]
fn a_caller_that_gives_up_is_answered_and_the_served_method_hears_of_it() {
    let yard = Yard::new();
    let pending = yard.echo.pool().call(pause_of(&yard.echo)).argument(&60_000_000_u64).send();
    wait_for("the call", || {
        yard.stage.admin().pools().unwrap().iter().any(|pool| pool.live > 0 && pool.name == "served")
    });
    pending.cancel();
    let fault = pending.wait().unwrap_err();
    assert!(fault.is(Code::Cancelled), "{fault:?}");
    // Both threads are free again, which they would not be for a minute.
    for value in 0..4 {
        assert_eq!(yard.echo.ping(value).unwrap(), value);
    }
    let late = yard.echo.pool().call(pause_of(&yard.echo)).argument(&60_000_000_u64);
    let fault = late.deadline(Duration::from_millis(30)).wait().unwrap_err();
    assert!(fault.is(Code::DeadlineExceeded), "{fault:?}");
    assert_eq!(yard.echo.ping(9).unwrap(), 9);
}

fn pause_of(echo: &echo::Blocking) -> windlass_contract::MethodRef {
    let module = echo.pool().describe().unwrap();
    let method = module.methods.iter().find(|method| method.name == "pause").unwrap();
    windlass_contract::MethodRef { id: method.id, schema: method.hash(), name: "pause", idempotent: false }
}

#[test]
fn what_waits_is_not_started_and_what_runs_is_unknown_when_the_provider_goes() {
    let yard = Yard::with_workers(1, 1);
    let runs = yard.echo.pool().call(pause_of(&yard.echo)).argument(&60_000_000_u64).send();
    let waits = yard.echo.pool().call(pause_of(&yard.echo)).argument(&1_u64).send();
    wait_for("both calls", || {
        yard.stage.admin().pools().unwrap().iter().any(|pool| pool.live >= 2 && pool.name == "served")
    });
    yard.provider.vanish();
    let (runs, waits) = (runs.wait().unwrap_err(), waits.wait().unwrap_err());
    assert!(runs.is(Code::NodeGone) && runs.outcome == Outcome::Unknown, "{runs:?}");
    assert!(waits.is(Code::NodeGone) && waits.outcome == Outcome::NotStarted, "{waits:?}");
    wait_for("the pool's end", || yard.echo.ping(1).is_err_and(|fault| fault.is(Code::UnknownPool)));
    // Its name is free again, and the stub that was there finds nobody by its old id.
    let again = yard.stage.client();
    let serving = again.serve("served", Echo::TABLE).unwrap();
    let threads = serving.work_on(1).unwrap();
    assert_eq!(echo::Blocking::on(yard.client.pool("served").unwrap()).ping(2).unwrap(), 2);
    serving.stop();
    for thread in threads {
        thread.join().unwrap().unwrap();
    }
    assert!(serving.over_within(Duration::from_secs(10)).unwrap());
}

#[test]
fn stopping_ends_the_pool_and_the_threads_that_worked_for_it() {
    let mut yard = Yard::new();
    assert_eq!(yard.echo.ping(1).unwrap(), 1);
    yard.serving.stop();
    for thread in yard.threads.drain(..) {
        thread.join().unwrap().expect("an orderly end");
    }
    wait_for("the pool's end", || yard.echo.ping(1).is_err_and(|fault| fault.is(Code::UnknownPool)));
    assert!(yard.provider.is_alive(), "the session goes on");
    // An operator may end it as well.
    let serving = yard.provider.serve("again", Echo::TABLE).unwrap();
    let threads = serving.work_on(1).unwrap();
    yard.stage.admin().destroy_pool("again").unwrap();
    for thread in threads {
        thread.join().unwrap().expect("an orderly end");
    }
}

#[test]
fn a_node_that_stops_lets_served_calls_end() {
    let yard = Yard::new();
    let pending = yard.echo.pool().call(pause_of(&yard.echo)).argument(&300_000_u64).send();
    wait_for("the call", || {
        yard.stage.admin().pools().unwrap().iter().any(|pool| pool.live > 0 && pool.name == "served")
    });
    yard.stage.stop(Duration::from_secs(30));
    pending.wait().expect("it had begun, so it ends as it would have");
    let began = std::time::Instant::now();
    for thread in yard.threads {
        let _over_or_gone = thread.join().unwrap();
    }
    yard.stage.ended();
    assert!(began.elapsed() < Duration::from_secs(20), "a provider that waits for work keeps no node");
}

#[test]
fn a_flush_does_not_wait_for_providers() {
    for workers in [1, 3] {
        let yard = Yard::with_workers(workers, 2);
        yard.echo.ping(1).unwrap();
        yard.stage.admin().flush().unwrap();
    }
}

#[test]
fn a_task_serves_without_a_blocked_thread() {
    let stage = Stage::of(&[]);
    let (provider, client) = (stage.client(), stage.client());
    let serving = provider.serve("served", Echo::TABLE).unwrap();
    let working = serving.clone();
    let executor = std::thread::spawn(move || {
        stage::block_on(async {
            let (mut one, mut two) = (Box::pin(working.work_async()), Box::pin(working.work_async()));
            std::future::poll_fn(|cx| {
                let (one, two) = (one.as_mut().poll(cx), two.as_mut().poll(cx));
                if one.is_ready() && two.is_ready() {
                    std::task::Poll::Ready(())
                } else {
                    std::task::Poll::Pending
                }
            })
            .await;
        });
    });
    let echo = echo::Blocking::on(client.pool("served").unwrap());
    let waits = echo.pool().call(pause_of(&echo)).argument(&100_000_u64).send();
    assert_eq!(echo.ping(3).unwrap(), 3, "one thread, two calls at once");
    assert!(!waits.is_answered());
    waits.wait().unwrap();
    serving.stop();
    wait_for("the end", || serving.over_within(Duration::ZERO).unwrap());
    drop(executor);
}

#[test]
fn what_cannot_be_served_is_refused_in_words() {
    let yard = Yard::new();
    let fault = yard.provider.serve("served", Echo::TABLE).unwrap_err();
    assert!(fault.is(Code::PoolExists), "{fault:?}");
    let fault = yard.provider.serve("a pool", Echo::TABLE).unwrap_err();
    assert!(fault.message.contains("cannot name a pool"), "{fault:?}");
    let fault = yard.provider.serve_with("odd", Echo::TABLE, &[("limit", "many")]).unwrap_err();
    assert!(fault.message.contains("limit"), "{fault:?}");
    // Whoever does not show the key takes nothing, and ends nothing.
    for method in [windlass_contract::provide::next(), windlass_contract::provide::hold()] {
        let call = yard.echo.pool().call(method).argument_bytes(&[7; 16]);
        let fault = call.argument_bytes(&[]).wait().unwrap_err();
        assert!(fault.is(Code::Denied) || fault.is(Code::BadArguments), "{fault:?}");
    }
    let wrong = yard.echo.pool().call(windlass_contract::provide::fetch());
    let fault = wrong.argument_bytes(&[7; 16]).argument(&1_u64).argument(&0_u32).output(10).wait().unwrap_err();
    assert!(fault.is(Code::Denied), "{fault:?}");
    assert_eq!(yard.echo.ping(1).unwrap(), 1);
    let unix = Connect::unix_stream(&yard.stage.address()).open().unwrap();
    let serving = unix.serve("streamed", Echo::TABLE).expect("a stream of the node's own machine may serve");
    let threads = serving.work_on(1).unwrap();
    let echo = echo::Blocking::on(yard.client.pool("streamed").unwrap());
    assert_eq!(echo.copy(&[5; 100_000], 100_000).unwrap().0, 100_000);
    drop((serving, threads));
}
