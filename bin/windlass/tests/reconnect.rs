//! Clients of a node that ends and comes back: they go on with the stubs they have.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
#![allow(clippy::disallowed_methods, reason = "tests start nodes and threads")]

mod common;

use common::{Node, json, stdout};
use std::net::TcpListener;
use std::time::Duration;
use tempfile::TempDir;
use windlass_client::{Client, Connect, Token};
use windlass_contract::{Code, Fault, Outcome};
use windlass_echo::echo;

fn connect(node: &Node) -> Client {
    Client::connect(&node.address()).expect("a session")
}

fn stub(client: &Client, pool: &str) -> echo::Blocking {
    echo::Blocking::on(client.pool(pool).expect("a pool"))
}

fn made(client: &Client, pool: &str) -> echo::Blocking {
    echo::Blocking::create(client, pool, 1000).expect("a pool")
}

/// Waits until the client knows that its node is gone.
fn gone(echo: &echo::Blocking) -> Fault {
    common::wait_for("the node's end", || echo.ping(1).err())
}

/// Starts the node again after a while, in a thread of its own.
fn later(folder: TempDir, args: &'static [&'static str]) -> std::thread::JoinHandle<Node> {
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        Node::start_in(folder, args)
    })
}

fn sessions(node: &Node) -> usize {
    json(&node.run(&["ls", "sessions", "--json"])).as_array().expect("a list").len()
}

#[test]
fn tasks_K56_rpc_R6_the_same_stub_goes_on_after_its_node_was_killed() {
    let node = Node::start(&[]);
    let client = connect(&node);
    let (first, clone) = (made(&client, "echoes"), client.clone());
    assert_eq!(first.add("cats", 1).unwrap(), 1);
    let toward_all = echo::Blocking::on(first.pool().toward(windlass_client::Query::Broadcast));
    let held = first.pool().clone();
    let back = later(node.killed(), &[]);
    let fault = gone(&first);
    assert!(fault.is(Code::NodeGone), "{fault:?}");
    let fault = first.ping(1).unwrap_err();
    assert!(
        fault.is(Code::NodeGone) && fault.outcome == Outcome::NotStarted,
        "what was not sent did not run: {fault:?}"
    );
    clone.reconnect().expect("the node comes back within the time a connection may take");
    assert!(client.is_alive());
    // Its state was not taken down, so it is refused and not silently empty; made anew, the old stubs go there.
    let fault = first.ping(2).unwrap_err();
    assert!(fault.is(Code::NotRestored), "{fault:?}");
    let again = made(&client, "echoes");
    assert_eq!((again.ping(3).unwrap(), again.add("cats", 5).unwrap()), (3, 5));
    client.pool("echoes").expect("it is there");
    let node = back.join().unwrap();
    drop(node.killed());
    drop((held, toward_all));
}

#[test]
fn tasks_K56_a_pool_is_found_again_by_its_name_though_its_id_is_another() {
    let node = Node::start(&[]);
    let client = connect(&node);
    let (one, two) = (made(&client, "one"), made(&client, "two"));
    let only_id = client.pool_of(two.pool().id());
    let (was_one, was_two) = (one.pool().id(), two.pool().id());
    let node = Node::start_in(node.killed(), &["--fresh"]);
    let other = connect(&node);
    made(&other, "two");
    let fault = gone(&one);
    assert!(fault.is(Code::NodeGone), "{fault:?}");
    client.reconnect().unwrap();
    assert_eq!(two.pool().id(), was_one, "the new node counts from the beginning");
    assert_eq!(two.ping(7).unwrap(), 7);
    assert_eq!(only_id.id(), was_two, "who named an id means that id");
    let fault = one.ping(1).unwrap_err();
    assert!(fault.is(Code::UnknownPool) && fault.message.contains("without the pool \"one\""), "{fault:?}");
    made(&other, "one");
    let fault = one.ping(1).unwrap_err();
    assert!(fault.is(Code::UnknownPool), "it has not looked since: {fault:?}");
    stub(&client, "one");
    assert_eq!(one.ping(8).unwrap(), 8, "found again, the old stub calls it as well");
}

#[test]
fn tasks_K56_many_threads_that_are_told_of_the_end_make_one_session() {
    let node = Node::start(&[]);
    let client = connect(&node);
    let echo = made(&client, "echoes");
    client.reconnect().expect("it goes on, so nothing is done");
    assert_eq!(sessions(&node), 2, "this one and that of the command");
    let node = Node::start_in(node.stopped(), &[]);
    // What they send before they have heard of it was taken by nobody, so it is sent again.
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let (client, echo) = (&client, &echo);
            scope.spawn(move || {
                for turn in 0..50 {
                    let value = thread * 100 + turn;
                    assert_eq!(client.reconnecting(|| echo.ping(value)).unwrap(), value);
                }
            });
        }
    });
    assert_eq!(sessions(&node), 2);
    assert_eq!(client.welcome().pid, node.pid());
}

#[test]
fn tasks_K56_what_was_out_is_told_apart_from_what_was_not_started() {
    let node = Node::start(&[]);
    let client = connect(&node);
    let echo = made(&client, "echoes");
    let out = std::thread::scope(|scope| {
        let waits = scope.spawn(|| echo.sleep());
        node.wait_for_calls(2);
        let folder = node.killed();
        let fault = waits.join().unwrap().unwrap_err();
        (fault, folder)
    });
    let (fault, folder) = out;
    assert!(fault.is(Code::NodeGone) && fault.outcome == Outcome::Unknown, "it may have run: {fault:?}");
    let mut tries = 0;
    let refused = client.reconnecting(|| {
        tries += 1;
        Err::<(), _>(Fault::new(Code::NodeGone, "it may have run"))
    });
    assert!(refused.is_err() && tries == 1, "what may have run is not done again");
    let lent = client.lend(100);
    assert!(lent.is_err_and(|fault| fault.is(Code::NodeGone)));
    let node = Node::start_in(folder, &["--fresh"]);
    client.reconnect().unwrap();
    assert_eq!(made(&client, "echoes").ping(1).unwrap(), 1);
    drop(node);
}

#[test]
fn tasks_K56_loans_and_views_stay_with_their_session() {
    let node = Node::start(&[]);
    let client = connect(&node);
    let echo = made(&client, "echoes");
    let (loan, frozen) = (client.lend(4).unwrap(), client.freeze(b"cold").unwrap());
    let (_, view) = echo.copy(b"kept", 4).unwrap();
    let node = Node::start_in(node.stopped(), &[]);
    gone(&echo);
    client.reconnect().unwrap();
    assert_eq!(&view[..], b"kept", "what was read in place stays readable");
    for fault in [echo.checksum(loan).unwrap_err(), echo.checksum(&frozen).unwrap_err()] {
        assert!(fault.is(Code::BadBuffer) && fault.message.contains("another session"), "{fault:?}");
    }
    let again = client.freeze(b"cold").unwrap();
    assert_eq!(echo.checksum(&again).unwrap(), echo.checksum(b"cold").unwrap());
    drop(node);
}

#[test]
fn tasks_K56_sockets_connect_again_as_well() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address: &'static str = Box::leak(free.to_string().into_boxed_str());
    let args: &'static [&'static str] = Box::leak(Box::new(["--tcp", address]));
    let node = Node::start(args);
    let token = std::fs::read_to_string(node.directory().join("token")).unwrap();
    let over_tcp = Connect::tcp(address).token(Token::from_text(&token).unwrap()).open().unwrap();
    let over_unix = Connect::unix_stream(&node.address()).open().unwrap();
    let stubs = [made(&over_unix, "echoes"), stub(&over_tcp, "echoes")];
    let node = Node::start_in(node.stopped(), args);
    for (client, echo) in [&over_unix, &over_tcp].into_iter().zip(&stubs) {
        gone(echo);
        client.reconnect().unwrap();
        assert_eq!(echo.ping(9).unwrap(), 9);
    }
    drop(node);
}

#[test]
fn tasks_K56_rpc_R10_a_task_connects_again_without_a_blocked_thread() {
    let node = Node::start(&[]);
    let client = connect(&node);
    let echo = made(&client, "echoes");
    let back = later(node.stopped(), &[]);
    gone(&echo);
    let mut again = Box::pin(client.reconnect_async());
    let mut polls = 0_u32;
    common::wait_for("a session", || {
        polls += 1;
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match again.as_mut().poll(&mut context) {
            std::task::Poll::Ready(made) => {
                made.expect("a session");
                Some(())
            }
            std::task::Poll::Pending => None,
        }
    });
    assert!(polls > 3, "it was polled while the node was away, and blocked nobody: {polls}");
    assert_eq!(echo.ping(5).unwrap(), 5);
    drop(back.join().unwrap());
}

#[test]
fn tasks_K56_a_node_that_stays_away_is_told_in_words_and_may_be_tried_again() {
    let node = Node::start(&[]);
    let client = Client::options().timeout(Duration::from_millis(100)).connect(&node.address()).unwrap();
    let echo = made(&client, "echoes");
    let folder = node.stopped();
    gone(&echo);
    for _ in 0..2 {
        let fault = client.reconnect().unwrap_err();
        assert!(fault.is(Code::NotConnected), "{fault:?}");
        assert!(echo.ping(1).unwrap_err().is(Code::NodeGone));
    }
    let node = Node::start_in(folder, &[]);
    client.reconnect().unwrap();
    assert_eq!(echo.ping(1).unwrap(), 1);
    stdout(&node.run(&["ls"]));
}
