//! TCP: who may connect over the network, and how.
//!
//! Lives here: `listen`, the task that accepts, a connection's greeting.
//! From: the node's configuration. To: sessions whose bytes travel in a stream.
//! Holds: loopback addresses only, as long as nothing encrypts; whoever has not shown the token has no session, and costs
//! no more than a bounded wait; whoever has is kept from pool 0 (`session::admit`).
//! Not here: the token's file (`driver::token`).

use super::Stream;
use super::serve::{self, Sleep};
use crate::core::Core;
use crate::events::Kind;
use crate::limits::{ACCEPT_PAUSE_NS, GREETING_NS, GREETINGS_MAX, STREAM_LAST_WORDS_NS};
use crate::session::{Session, Who};
use crate::transport::{Via, greet};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use windlass_contract::frame::{self, Frame, TOKEN_BYTES, Token};
use windlass_contract::hello::{HELLO_BYTES, Hello, Welcome};
use windlass_contract::limits::NAME_MAX;
use windlass_contract::{Code, Fault};
use windlass_driver::socket::{Peer, user};
use windlass_driver::{Address, IoBuffer, IoError, Nanos};
use windlass_lane::TaskOptions;
use windlass_lane::io::{Listener, Socket};

/// Bytes of a hello's frame, at most.
const HELLO_FRAME_MAX: usize = frame::HEAD_BYTES + TOKEN_BYTES + HELLO_BYTES + NAME_MAX;

/// Whether the node may listen there.
///
/// # Errors
/// `BadConfig` for an address that other machines reach.
pub(crate) fn check(at: SocketAddr) -> Result<(), Fault> {
    if at.ip().is_loopback() {
        return Ok(());
    }
    let text = format!(
        "the node listens on loopback addresses only (127.0.0.1:PORT, [::1]:PORT), not on {at}: what it sends is not encrypted"
    );
    Err(Fault::new(Code::BadConfig, text))
}

/// Listens, and accepts from now on. Answers where: port 0 lets the system choose.
///
/// # Errors
/// `BadConfig` for an address that may not be listened on; `Io` with the system's word.
pub(crate) async fn listen(core: &Rc<Core>, at: SocketAddr, token: Token) -> Result<SocketAddr, Fault> {
    check(at)?;
    let failed = |error: IoError| Fault::new(Code::Io, format!("listening on {at}: {error}"));
    let listener = Listener::announce(&core.io, Address::Tcp(at)).await.map_err(failed)?;
    let bound = match listener.local_address().await.map_err(failed)? {
        Address::Tcp(bound) => bound,
        Address::Unix(path) => {
            return Err(Fault::new(Code::Internal, format!("a TCP listener at {}", path.display())));
        }
    };
    let accepting = accept(core.clone(), listener, token);
    let task = TaskOptions::new(format!("tcp {bound}")).system();
    let spawned = core.lanes.spawn(task, accepting);
    spawned
        .map_err(|error| Fault::new(Code::NoMemory, format!("no task to accept connections: {error}")))?
        .detach();
    tracing::info!(address = %bound, "the node listens");
    Ok(bound)
}

async fn accept(core: Rc<Core>, listener: Listener, token: Token) {
    loop {
        let mut accepting = pin!(listener.accept());
        let accepted = poll_fn(|context| {
            if core.streams.stopping.get() {
                return Poll::Ready(None);
            }
            *core.streams.listener.borrow_mut() = Some(context.waker().clone());
            accepting.as_mut().poll(context).map(Some)
        });
        let socket = match accepted.await {
            None => return,
            Some(Ok(socket)) => socket,
            Some(Err(error)) => {
                tracing::warn!(%error, "a connection could not be accepted; the node tries again in a while");
                let mut pause = Sleep::until(&core, core.now().saturating_add(ACCEPT_PAUSE_NS));
                let paused = poll_fn(|context| {
                    *core.streams.listener.borrow_mut() = Some(context.waker().clone());
                    let over = core.streams.stopping.get();
                    if over { Poll::Ready(()) } else { Pin::new(&mut pause).poll(context) }
                });
                paused.await;
                continue;
            }
        };
        if core.streams.greeting.get() >= GREETINGS_MAX {
            tracing::warn!("a connection is closed: {GREETINGS_MAX} others have not said hello");
            continue;
        }
        core.streams.greeting.set(core.streams.greeting.get() + 1);
        let number = core.sessions.borrow_mut().number();
        let greeting = begin(core.clone(), socket, number, token);
        let spawned = core.lanes.spawn(TaskOptions::new(format!("greeting {number}")).system(), greeting);
        match spawned {
            Ok(task) => task.detach(),
            Err(error) => {
                core.streams.greeting.set(core.streams.greeting.get() - 1);
                tracing::warn!(%error, "a connection is closed: there is no task for it");
            }
        }
    }
}

async fn begin(core: Rc<Core>, socket: Socket, number: u64, token: Token) {
    // It counts as a session from now on, and if it becomes none, no longer.
    core.shared.desk(core.worker).sessions.fetch_add(1, Ordering::Relaxed);
    let greeted = greet(&core, socket, number, &token).await;
    core.streams.greeting.set(core.streams.greeting.get() - 1);
    if !core.sessions.borrow().all.contains_key(&number) {
        core.shared.desk(core.worker).sessions.fetch_sub(1, Ordering::Relaxed);
    }
    if let Err(fault) = greeted {
        tracing::info!(connection = number, %fault, "a connection over TCP was refused");
        core.tell(Kind::ConnectionRefused, format_args!("{number} over TCP"), Some(&fault));
    }
}

async fn greet(core: &Rc<Core>, mut socket: Socket, number: u64, token: &Token) -> Result<(), Fault> {
    let due = core.now().saturating_add(GREETING_NS);
    let mut welcome = Vec::new();
    let (greeted, rest) = match hello(core, &mut socket, due, token).await {
        Ok((hello, rest)) => {
            let granted = greet::check(core, &hello).map(|calls| (hello, greet::stream_calls(calls)));
            (granted, rest)
        }
        Err(fault) => (Err(fault), Vec::new()),
    };
    let granted = match greeted {
        Ok((hello, calls)) => {
            Frame::Welcome(greet::welcome(core, number, calls, hello.features)).encode(&mut welcome);
            Ok((hello, calls))
        }
        Err(fault) => {
            let (code, text) = (fault.code, fault.message.clone());
            Frame::Welcome(Welcome { code, text, ..greet::refusal() }).encode(&mut welcome);
            Err(fault)
        }
    };
    let sent = say(core, &mut socket, welcome).await;
    let (hello, calls) = granted?;
    match sent {
        Some(Ok(())) => {}
        Some(Err(error)) => return Err(Fault::new(Code::SessionEnded, format!("the welcome: {error}"))),
        None => return Err(Fault::new(Code::SessionEnded, "the client does not read its welcome")),
    }
    let name = if hello.name.is_empty() { format!("connection {number}") } else { hello.name };
    // Whoever has the token may read the file that it stands in: the node's own user.
    let who = Who { number, name, peer: Peer { pid: 0, uid: user() }, far: true };
    let session = Session::new(core, who, Via::Stream(Stream::new(calls)));
    tracing::debug!(session = number, client = %session.name, "session begins, over TCP");
    core.tell(Kind::SessionBegan, format_args!("{number} of {} (over TCP)", session.name), None);
    core.sessions.borrow_mut().all.insert(number, session.clone());
    if let Err(fault) = serve::begin(core, &session, socket, rest) {
        session.end(&fault);
        return Err(fault);
    }
    Ok(())
}

/// Sends the welcome; `None`: it was not taken in time.
async fn say(core: &Rc<Core>, socket: &mut Socket, welcome: Vec<u8>) -> Option<Result<(), IoError>> {
    let mut late = Sleep::until(core, core.now().saturating_add(STREAM_LAST_WORDS_NS));
    let mut sending = pin!(socket.writer.send_all(IoBuffer::from_vec(welcome)));
    let sent = poll_fn(|context| {
        if let Poll::Ready((sent, _)) = sending.as_mut().poll(context) {
            return Poll::Ready(Some(sent));
        }
        Pin::new(&mut late).poll(context).map(|()| None)
    });
    sent.await
}

/// Waits for the hello, and what came behind it.
async fn hello(
    core: &Rc<Core>,
    socket: &mut Socket,
    due: Nanos,
    token: &Token,
) -> Result<(Hello, Vec<u8>), Fault> {
    let bad = |text: String| Fault::new(Code::BadHello, text);
    let mut got = Vec::new();
    loop {
        match frame::take(&got) {
            Ok(None) if got.len() < HELLO_FRAME_MAX => {}
            Ok(Some((Frame::Hello(shown, hello), used))) => {
                // First of all: nothing is told to whoever has no token.
                if !shown.is(token) {
                    let text =
                        "the token is not this node's; it stands in the file `token` of the node's directory";
                    return Err(Fault::new(Code::Denied, text));
                }
                return Ok((hello, got.split_off(used)));
            }
            Ok(_) => return Err(bad("the first frame is no hello".into())),
            Err(error) => return Err(bad(error.to_string())),
        }
        let mut late = Sleep::until(core, due);
        let mut receiving = pin!(socket.reader.receive(IoBuffer::from_vec(vec![0; HELLO_FRAME_MAX])));
        let came = poll_fn(|context| {
            if let Poll::Ready(came) = receiving.as_mut().poll(context) {
                return Poll::Ready(Some(came));
            }
            // A node that stops lets go at the next moment that comes; this one is near.
            Pin::new(&mut late).poll(context).map(|()| None)
        });
        match came.await {
            None => return Err(bad("it said no hello in time".into())),
            Some((Ok(0), _)) => return Err(bad("it hung up without a hello".into())),
            Some((Ok(count), buffer)) => {
                got.extend_from_slice(buffer.as_slice().and_then(|all| all.get(..count)).unwrap_or_default())
            }
            Some((Err(error), _)) => return Err(bad(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_other_machines_reach_are_refused_in_words() {
        for good in ["127.0.0.1:0", "127.9.9.9:7070", "[::1]:7070"] {
            check(good.parse().unwrap()).unwrap();
        }
        for bad in ["0.0.0.0:7070", "10.0.0.1:7070", "[::]:7070", "192.168.1.1:1"] {
            let fault = check(bad.parse().unwrap()).unwrap_err();
            assert!(fault.is(Code::BadConfig) && fault.message.contains("encrypted"), "{fault}");
        }
    }
}
