//! Dialling: from an address to a welcomed connection.
//!
//! Lives here: `unix` (the node's own socket hands over a stream), `tcp` (an address and a token), `over` (a pipe of the caller's).
//! From: `connect`. To: `stream::Stream`, with what arrived behind the welcome.
//! Holds: a peer that falls silent for ever is noticed: the system probes a TCP connection and ends it.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use windlass_contract::frame::{self, Frame, Token};
use windlass_contract::hello::{Hello, Welcome};
use windlass_contract::{Code, Fault};

use crate::hand::Patience;
use crate::limits::{KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_TRIES, UNHEARD_MAX};
use crate::stream::pipe::Way;

/// Bytes read at once while greeting.
const READ_BYTES: usize = 4096;

/// Connects over TCP.
///
/// # Errors
/// `BadConfig` for what is no address; `NotConnected` when nobody answers there; `Io`.
pub(crate) fn tcp(address: &str, timeout: Duration) -> Result<OwnedFd, Fault> {
    let bad = |error: io::Error| {
        Fault::new(Code::BadConfig, format!("{address:?} is no address of a node ({error}); write HOST:PORT"))
    };
    let mut last = None;
    for at in address.to_socket_addrs().map_err(bad)? {
        match dial(at, timeout) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = Some(error),
        }
    }
    let why = last.map_or_else(|| "the name stands for no address".to_owned(), |error| error.to_string());
    let text =
        format!("no node answers at tcp://{address} ({why}); start one with `windlass serve --tcp {address}`");
    Err(Fault::new(Code::NotConnected, text))
}

fn dial(at: SocketAddr, timeout: Duration) -> io::Result<OwnedFd> {
    let family = if at.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    sockopt::set_socket_keepalive(&socket, true)?;
    sockopt::set_tcp_keepidle(&socket, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(&socket, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(&socket, KEEPALIVE_TRIES)?;
    sockopt::set_tcp_user_timeout(&socket, u32::try_from(UNHEARD_MAX.as_millis()).unwrap_or(u32::MAX))?;
    match rustix::net::connect(&socket, &at) {
        Ok(()) => return Ok(socket),
        Err(rustix::io::Errno::INPROGRESS) => {}
        Err(errno) => return Err(errno.into()),
    }
    if !Patience::new(None, timeout).ready(socket.as_fd(), PollFlags::OUT)? {
        return Err(io::ErrorKind::TimedOut.into());
    }
    match sockopt::socket_error(&socket)? {
        Ok(()) => Ok(socket),
        Err(errno) => Err(errno.into()),
    }
}

/// Says hello over a stream and hears the welcome; answers it and what came behind it.
///
/// # Errors
/// The outer: the connection's. The inner: `BadHello`, when what came is no welcome.
pub(crate) fn greet(
    way: &Way,
    token: Token,
    hello: Hello,
    patience: &Patience,
) -> io::Result<Result<(Welcome, Vec<u8>), Fault>> {
    let mut said = Vec::new();
    Frame::Hello(token, hello).encode(&mut said);
    let mut at = 0;
    while at < said.len() {
        match way.send(&said[at..]) {
            Ok(count) => at += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait(way, PollFlags::OUT, patience)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let mut heard = Vec::new();
    loop {
        match frame::take(&heard) {
            Ok(Some((Frame::Welcome(welcome), used))) => return Ok(Ok((welcome, heard.split_off(used)))),
            Ok(None) => {}
            Ok(Some(_)) => return Ok(Err(Fault::new(Code::BadHello, "what came is no welcome"))),
            Err(error) => return Ok(Err(Fault::new(Code::BadHello, format!("the welcome is none: {error}")))),
        }
        let begin = heard.len();
        heard.resize(begin + READ_BYTES, 0);
        let came = way.receive(&mut heard[begin..]);
        heard.truncate(begin + came.as_ref().map_or(0, |count| *count));
        match came {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait(way, PollFlags::IN, patience)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn wait(way: &Way, flags: PollFlags, patience: &Patience) -> io::Result<()> {
    let goes_on = match (way, patience) {
        (Way::Socket(socket), _) => patience.ready(socket.as_fd(), flags)?,
        (Way::Hand(_), Patience::Hand(hand)) => hand.step(),
        (Way::Hand(_), Patience::Clock(_)) => false,
    };
    if goes_on { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) }
}
