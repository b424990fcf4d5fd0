//! The pipe: a connected socket, or what stands for one.
//!
//! Lives here: `Pipe` (for clients by hand), `Way`.
//! Holds: nothing here blocks; a peer that is gone reads as an end or an error, never as silence for ever: the socket has its
//! own timer against that (`dial`).

use std::io;
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::{RecvFlags, SendFlags};

/// A connection that its owner moves: for clients by hand over something else than a socket of the machine, such as a simulated
/// network (`Connect::over`).
pub trait Pipe: Send + Sync {
    /// Receives what is there; 0 when the peer has ended.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there; any other is the end of the connection.
    fn receive(&self, into: &mut [u8]) -> io::Result<usize>;
    /// Takes what it can; at least a byte.
    ///
    /// # Errors
    /// `WouldBlock` when it can take nothing now; any other is the end of the connection.
    fn send(&self, from: &[u8]) -> io::Result<usize>;
    /// Whether `receive` would find something, an end included.
    fn is_readable(&self) -> bool;
    /// Ends both directions.
    fn close(&self);
}

/// Where the bytes go.
pub(crate) enum Way {
    Socket(OwnedFd),
    Hand(Box<dyn Pipe>),
}

impl Way {
    pub(crate) fn receive(&self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Way::Socket(socket) => Ok(rustix::net::recv(socket, into, RecvFlags::DONTWAIT)?.0),
            Way::Hand(pipe) => pipe.receive(into),
        }
    }

    pub(crate) fn send(&self, from: &[u8]) -> io::Result<usize> {
        match self {
            Way::Socket(socket) => Ok(rustix::net::send(socket, from, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?),
            Way::Hand(pipe) => pipe.send(from),
        }
    }

    pub(crate) fn is_readable(&self) -> bool {
        match self {
            Way::Socket(socket) => {
                let mut fds = [PollFd::new(socket, PollFlags::IN)];
                let polled = rustix::event::poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
                polled.is_err() || !fds[0].revents().is_empty()
            }
            Way::Hand(pipe) => pipe.is_readable(),
        }
    }

    pub(crate) fn close(&self) {
        match self {
            Way::Socket(socket) => {
                // A peer that is gone already has closed them.
                let _may_be_closed = rustix::net::shutdown(socket, rustix::net::Shutdown::Both);
            }
            Way::Hand(pipe) => pipe.close(),
        }
    }
}
