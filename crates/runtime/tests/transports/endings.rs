//! Claims about ends: a node that stops or dies, a client that leaves; every call is answered.

use crate::{Set, Way, connect, data, on_every_way, on_streams};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;
use windlass_client::{Connect, Pending};
use windlass_contract::{Code, Outcome};
use windlass_echo::echo;

#[test]
fn rpc_R6_when_the_node_stops_each_call_is_told_and_later_ones_are_not_started() {
    on_every_way(|set| {
        let pause = || set.echo.pool().call(echo::methods::pause()).argument(&3_600_000_000_u64).send();
        let pending: Vec<Pending> = (0..5).map(|_| pause()).collect();
        assert_eq!(set.echo.ping(1).unwrap(), 1);
        set.stage.stop(Duration::ZERO);
        for one in pending {
            let fault = one.wait().unwrap_err();
            assert!(fault.is(Code::Draining) || fault.is(Code::NodeGone), "{fault:?}");
            assert_ne!(fault.outcome, Outcome::NotStarted, "{fault:?}");
        }
        // The word of the end may come a moment later than the answers.
        let gone = (0..5000).find_map(|_| {
            std::thread::sleep(Duration::from_millis(1));
            set.echo.ping(2).err().filter(|fault| fault.is(Code::NodeGone))
        });
        // That one may have been on its way; the next is not.
        gone.expect("the session ends");
        let later = set.echo.ping(3).unwrap_err();
        assert_eq!((later.code, later.outcome), (Code::NodeGone as u16, Outcome::NotStarted), "{later:?}");
        assert!(!set.client.is_alive());
    });
}

#[test]
fn rpc_R24_what_a_client_that_leaves_had_returns() {
    on_every_way(|set| {
        let sessions = || set.stage.admin().sessions().unwrap().len();
        let before = sessions();
        for round in 0..10 {
            let client = connect(&set.stage, set.way).open().unwrap();
            let echo = client.pool("echo").unwrap();
            let _waits = echo.call(echo::methods::pause()).argument(&3_600_000_000_u64).send();
            let _comes = echo.call(echo::methods::checksum()).input(&data(3_000_000 + round)).send();
            if round % 2 == 0 {
                client.vanish();
            }
        }
        let patience = (0..5000).find(|_| {
            std::thread::sleep(Duration::from_millis(1));
            sessions() == before
                && set.stage.admin().tasks().unwrap().iter().all(|task| !task.name.contains("pause"))
        });
        assert!(patience.is_some(), "{} sessions, {before} before", sessions());
        assert_eq!(set.echo.ping(5).unwrap(), 5);
    });
}

/// Passes bytes between a client and a node, and cuts both ways after so many from the node or to it.
fn cut_after(node: std::net::SocketAddr, to_node: usize, from_node: usize) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (near, _) = listener.accept().unwrap();
        let far = TcpStream::connect(node).unwrap();
        let pass = |mut from: TcpStream, mut to: TcpStream, mut left: usize| {
            std::thread::spawn(move || {
                let mut piece = [0; 4096];
                while left > 0 {
                    let count = from.read(&mut piece[..left.min(4096)]).unwrap_or(0);
                    if count == 0 || to.write_all(&piece[..count]).is_err() {
                        break;
                    }
                    left -= count;
                }
                let _may_be_cut = (from.shutdown(std::net::Shutdown::Both), to.shutdown(std::net::Shutdown::Both));
            })
        };
        pass(near.try_clone().unwrap(), far.try_clone().unwrap(), to_node);
        pass(far, near, from_node);
    });
    at
}

#[test]
fn rpc_R25_a_connection_cut_anywhere_answers_every_call_and_the_node_keeps_nothing() {
    let set = Set::by(Way::Tcp);
    let sessions = || set.stage.admin().sessions().unwrap();
    let before = sessions().len();
    // In the hello, the welcome, a slot, a chunk, a completion.
    let all = usize::MAX;
    let mut cuts: Vec<(usize, usize)> = vec![(50, all), (all, 100), (180, all), (all, 320)];
    cuts.extend((0..12).map(|at| (300 + at * 40_013, all)));
    cuts.extend((0..12).map(|at| (all, 400 + at * 40_013)));
    for (to_node, from_node) in cuts {
        let at = cut_after(set.stage.tcp(), to_node, from_node);
        let Ok(client) = Connect::tcp(&at.to_string()).token(set.stage.token()).open() else { continue };
        let echo = client.pool_of(set.echo.pool().id());
        let sent = data(400_000);
        let copy = || echo.call(echo::methods::copy()).input(&sent).output(sent.len()).send();
        let pending = [copy(), copy()];
        for one in pending {
            match one.wait() {
                Ok(mut reply) => assert_eq!(&reply.take_view(0).unwrap()[..], &sent[..]),
                Err(fault) => {
                    assert!(fault.is(Code::NodeGone), "cut at {to_node}, {from_node}: {fault:?}");
                }
            }
        }
        let later = echo.call(echo::methods::ping()).argument(&1_u64).wait();
        if let Err(fault) = later {
            assert!(fault.is(Code::NodeGone), "{fault:?}");
        }
    }
    let patience = (0..5000).find(|_| {
        std::thread::sleep(Duration::from_millis(1));
        sessions().len() == before
    });
    assert!(patience.is_some(), "{:?}", sessions());
}

#[test]
fn after_the_end_a_new_session_of_the_same_stub_works() {
    on_streams(|set| {
        set.client.vanish();
        assert!(set.echo.ping(1).unwrap_err().is(Code::NodeGone));
        let again = connect(&set.stage, set.way).open().unwrap();
        assert_eq!(echo::Blocking::on(again.pool("echo").unwrap()).ping(2).unwrap(), 2);
    });
}
