//! Calls through generated clients, to a real node: what the macros emit on both sides, at work.
#![cfg(feature = "client")]
#![allow(non_snake_case, reason = "tests are named after their requirement rows")]

mod modules;

use modules::waiting::{Desk, desk};
use modules::{Action, Counter, Marker, Mover, Name, Pair, Place, counter, data_mover, rewritten};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use windlass::prelude::*;
use windlass_admin::Admin;
use windlass_runtime::{Node, NodeConfig};

/// A node with both modules and no pools, in a directory of its own.
struct TestNode {
    client: Client,
    _node: Node,
    _directory: tempfile::TempDir,
}

impl TestNode {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut config = NodeConfig::new("test", Admin::TABLE);
        config.directory = directory.path().join("test");
        config.modules = vec![Counter::TABLE, Mover::TABLE, Desk::TABLE];
        let address = config.directory.display().to_string();
        let node = Node::start(config).expect("a node");
        Self { client: Client::connect(&address).expect("a session"), _node: node, _directory: directory }
    }

    fn counters(&self) -> counter::Blocking {
        counter::Blocking::create(&self.client, "counters", 100, "plain", None).expect("a pool of counters")
    }

    fn desk(&self) -> desk::Blocking {
        desk::Blocking::create(&self.client, "desk").expect("a pool of desks")
    }

    fn movers(&self) -> data_mover::Blocking {
        // The module has a method called `create`, so its typed create is the function beside the clients.
        let mover = wait(data_mover::create(&self.client, "movers")).expect("a pool of movers");
        data_mover::Blocking::on(mover.pool().clone())
    }
}

/// Runs a future on this thread.
fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut TaskContext::from_waker(&waker)) {
            return value;
        }
        std::thread::park();
    }
}

#[test]
fn tasks_K8_blocking_and_async_clients_reach_the_same_container() {
    let node = TestNode::start();
    let blocking = node.counters();
    let waiting = counter::Client::on(blocking.pool().clone());
    assert_eq!(blocking.add("cats", 2, 3).expect("a total"), 6);
    assert_eq!(wait(waiting.add("cats", 1, 1)).expect("a total"), 7);
    assert_eq!(wait(waiting.totals()).expect("totals"), [("cats".to_owned(), 7)].into());
}

#[test]
fn tasks_K9_parameters_reach_create_and_its_refusal_reaches_the_caller() {
    let node = TestNode::start();
    let first = Some(Name("first".into()));
    let made = counter::Blocking::create(&node.client, "named", 5, "plain", first).expect("a pool");
    assert_eq!(made.totals().expect("totals"), [("first".to_owned(), 0)].into());
    let fault = made.add("first", 6, 1).expect_err("the limit is 5");
    assert_eq!((fault.code, fault.outcome), (1001, Outcome::Ended));
    assert_eq!(fault.message, "the total would pass 5");
    let refused = counter::Blocking::create(&node.client, "none", 0, "plain", None).expect_err("a limit of 0");
    assert!(refused.message.contains("the total would pass 0"), "{refused:?}");
}

#[test]
fn tasks_K26_creating_a_pool_again_finds_it_and_with_other_parameters_is_a_fault() {
    let node = TestNode::start();
    node.counters().add("cats", 1, 1).expect("a total");
    assert_eq!(node.counters().add("cats", 1, 1).expect("the same container"), 2);
    let other = counter::Blocking::create(&node.client, "counters", 99, "plain", None).expect_err("another limit");
    assert!(other.is(Code::PoolExists), "{other:?}");
}

#[test]
fn a_client_older_than_an_added_parameter_gets_its_default() {
    let node = TestNode::start();
    let pool = node.counters().pool().clone();
    let old = rewritten::counter::Blocking::on(pool);
    assert_eq!(old.add("cats", 4).expect("`times` is 1"), 4);
}

#[test]
fn a_client_of_another_module_is_told_so() {
    let node = TestNode::start();
    let wrong = data_mover::Blocking::on(node.counters().pool().clone());
    let fault = wrong.turn(&[1, 2, 3]).expect_err("a counter turns nothing");
    assert_eq!(fault.outcome, Outcome::NotStarted, "{fault:?}");
}

#[test]
fn values_of_every_shape_go_through() {
    let node = TestNode::start();
    let place = Place { block: 300, count: 2 };
    let write = Action::Write { at: place, r#type: Some("ä".into()) };
    let actions = [Action::Nothing, Action::Read(place), Action::Copy(place, place), write];
    let pair = Pair { one: (1, -1), other: vec![(2, -2)] };
    assert_eq!(node.counters().act(&actions, place, Marker, pair).expect("a marker"), Marker);
    let movers = node.movers();
    assert_eq!(movers.find(&[1, 2], [true, false, true, false]).expect("nothing"), None);
    assert_eq!(movers.create("text").expect("a pair"), (0, 0));
}

#[test]
fn a_blocking_method_and_a_detached_one_run() {
    let node = TestNode::start();
    let counters = node.counters();
    assert_eq!(counters.render(&[1.5, 2.0]).expect("text"), "[1.5, 2.0]");
    counters.add("cats", 1, 1).expect("a total");
    counters.forget("cats").expect("taken");
    // Order is promised per session, key and class: `totals` has no key, as `forget`, and starts after it.
    assert!(counters.totals().expect("totals").is_empty());
}

#[test]
fn tasks_K14_buffers_of_every_direction_and_kind_come_back_as_the_type_says() {
    let node = TestNode::start();
    let movers = node.movers();
    let data: Vec<u8> = (0..100_000_u32).map(|at| at as u8).collect();
    let (count, copy) = movers.copy(&data, 0.5, data.len()).expect("a copy");
    assert_eq!((count, &copy[..]), (100_000, &data[..]));
    let frozen = node.client.freeze(&data).expect("frozen");
    let (_, copy) =
        wait(data_mover::Client::on(movers.pool().clone()).copy(&frozen, 0.5, data.len())).expect("a copy");
    assert_eq!(&copy[..], &data[..]);
    assert_eq!(&movers.turn(&[1, 2, 3]).expect("turned")[..], [3, 2, 1]);
    let lend = || node.client.lend(64).expect("a loan");
    let ((out, _), (also, used)) = movers.fill(9, lend(), lend(), lend()).expect("filled");
    assert_eq!((out[0], also[0], used), (9, 9, 64));
}

#[test]
fn tasks_K21_a_nested_client_calls_another_pool_and_its_faults_say_that_the_outer_call_ran() {
    let node = TestNode::start();
    let (counters, movers) = (node.counters(), node.movers());
    assert_eq!(movers.ask("counters", "cats").expect("a total"), 1);
    assert_eq!(counters.totals().expect("totals"), [("cats".to_owned(), 1)].into());
    let fault = movers.ask("nowhere", "cats").expect_err("no such pool");
    assert!(fault.is(Code::UnknownPool), "{fault:?}");
    assert_eq!(fault.outcome, Outcome::Ended, "`ask` itself had begun");
}

#[test]
fn volume_Y2_a_module_holds_a_lock_across_its_waits_and_calls_take_turns() {
    let node = TestNode::start();
    let desk = node.desk();
    let letter = |name: &str| (0..5).map(|line| format!("{name}{line}")).collect::<Vec<_>>();
    let write = |name| desk.pool().call(desk::methods::write()).argument(&letter(name)).send();
    let sent = ["a", "b", "c"].map(write);
    let lengths = sent.map(|call| call.wait().expect("written").value::<u64>().expect("a length"));
    assert_eq!(lengths, [5, 10, 15], "in the order of asking");
    assert_eq!(desk.read().expect("lines"), ["a", "b", "c"].map(letter).concat(), "no letter is torn apart");
}

#[test]
fn volume_B2_B4_a_module_has_a_pool_of_buffers_that_its_calls_wait_for() {
    let node = TestNode::start();
    let desk = node.desk();
    let seal = |byte: u8| desk.pool().call(desk::methods::seal()).argument(&byte).send();
    let sealed = [1, 2, 3].map(seal);
    desk.read().expect("it is polled behind them, so they have begun");
    assert_eq!(desk.envelopes().expect("counts"), (2, 1), "the third waits for an envelope");
    desk.open().expect("it opens");
    let contents = sealed.map(|call| call.wait().expect("sealed").value::<Vec<u8>>().expect("bytes"));
    assert_eq!(contents, [[1, 0], [2, 0], [3, 0]]);
    desk.close().expect("all are back");
    let fault = desk.seal(4).expect_err("it is closed");
    assert_eq!((fault.code, fault.message.as_str()), (1001, "the pool is closed"));
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the claim is about threads")]
fn rpc_R9_one_client_serves_many_threads() {
    let node = TestNode::start();
    let counters = node.counters();
    let total = std::thread::scope(|scope| {
        let call = |name: &'static str| {
            let counters = counters.clone();
            move || (0..10).map(|_| counters.add(name, 1, 1).expect("a total")).max()
        };
        let threads = ["a", "b", "c", "d"].map(|name| scope.spawn(call(name)));
        threads.map(|thread| thread.join().expect("no panic"))
    });
    assert_eq!(total, [Some(10); 4]);
}
