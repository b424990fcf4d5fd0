//! Connecting as a future: what a node that is slow, silent or absent does to the tasks beside it.
#![allow(non_snake_case, reason = "names of requirement rows stand in names of tests")]

mod peer;

use peer::{ECHO, POOL, Peer};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;
use windlass_client::{Client, Connecting};
use windlass_contract::Code;

/// A node's socket that takes connections and says nothing.
struct Silent {
    directory: tempfile::TempDir,
    _socket: std::os::fd::OwnedFd,
}

impl Silent {
    fn new() -> Self {
        use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(windlass_contract::node_dir::SOCKET);
        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .expect("a socket");
        rustix::net::bind(&socket, &SocketAddrUnix::new(path).expect("a path")).expect("a place");
        rustix::net::listen(&socket, 64).expect("listens");
        Self { directory, _socket: socket }
    }

    fn connecting(&self, time: Duration) -> Connecting {
        Client::options().timeout(time).connect_async(&self.directory.path().display().to_string())
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future to its end on this thread, and polls the others whenever it does.
fn run_beside<F: Future>(future: F, others: &mut [Pin<&mut Connecting>]) -> F::Output {
    let waker: Waker = Arc::new(Unpark(std::thread::current())).into();
    let mut future = pin!(future);
    loop {
        let cx = &mut Context::from_waker(&waker);
        for other in others.iter_mut() {
            assert!(other.as_mut().poll(cx).is_pending(), "nobody has welcomed it");
        }
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn rpc_R10_a_node_that_never_welcomes_holds_up_no_other_task_of_the_same_thread() {
    let (silent, peer) = (Silent::new(), Peer::start());
    let hour = Duration::from_secs(3600);
    let mut stuck: Vec<_> = (0..5).map(|_| silent.connecting(hour)).collect();
    let mut stuck: Vec<_> = stuck.iter_mut().map(Pin::new).collect();
    let node = peer.node();
    let calls = async {
        let client = Client::connect_async(&node).await?;
        for number in 0..20u64 {
            let reply = client.pool_of(POOL).call(ECHO).argument(&number).answered().await?;
            assert_eq!(reply.value::<u64>()?, number);
        }
        Ok::<_, windlass_contract::Fault>(())
    };
    run_beside(calls, &mut stuck).expect("the good node answers");
}

#[test]
fn rpc_R10_a_connection_whose_time_is_over_ends_as_one_that_blocks_does() {
    let silent = Silent::new();
    let fault = run_beside(silent.connecting(Duration::from_millis(30)), &mut []).expect_err("nobody welcomed it");
    assert!(fault.is(Code::NotConnected) && fault.message.contains("did not welcome"), "{fault:?}");
    let absent = run_beside(Client::connect_async("/nowhere/at/all"), &mut []).expect_err("nobody is there");
    assert!(absent.is(Code::NotConnected) && absent.message.contains("/nowhere/at/all"), "{absent:?}");
}
