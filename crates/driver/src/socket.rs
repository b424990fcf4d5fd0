//! The node's listening socket: SEQPACKET, mode 0600, in the node's directory.
//!
//! Holds: a peer is known by what the kernel says of it, not by what it writes.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::io;
use std::path::{Path, PathBuf};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;

/// A listening socket; its file goes with it.
#[derive(Debug)]
pub struct Listener {
    fd: OwnedFd,
    path: PathBuf,
}

/// Who is at the other end, by the kernel's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its process.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
}

impl Listener {
    /// Listens at `path`, replacing a socket file that a dead node left. The caller holds the node's lock.
    ///
    /// # Errors
    /// The system's; a path longer than 107 bytes cannot be a socket's.
    pub fn bind(path: &Path) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        match std::fs::remove_file(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        rustix::net::bind(&fd, &SocketAddrUnix::new(path)?)?;
        rustix::fs::chmod(path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)?;
        rustix::net::listen(&fd, BACKLOG)?;
        Ok(Self { fd, path: path.to_owned() })
    }

    /// The next connection, if one waits; it does not block.
    ///
    /// # Errors
    /// The system's.
    pub fn accept(&self) -> io::Result<Option<(OwnedFd, Peer)>> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        match rustix::net::accept_with(&self.fd, flags) {
            Ok(connection) => {
                let who = rustix::net::sockopt::socket_peercred(&connection)?;
                let peer = Peer { pid: who.pid.as_raw_nonzero().get() as u32, uid: who.uid.as_raw() };
                Ok(Some((connection, peer)))
            }
            Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Two connected stream sockets: for a session's bytes, one end for each process.
///
/// # Errors
/// The system's.
pub fn stream_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?)
}

/// A descriptor that becomes readable when process `pid` ends; `None` when it has ended already.
pub fn watch_process(pid: u32) -> Option<OwnedFd> {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).ok()?)?;
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()
}

/// This process's user.
pub fn user() -> u32 {
    rustix::process::getuid().as_raw()
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The file may have been removed by hand; the node ends either way.
        let _may_be_gone = std::fs::remove_file(&self.path);
    }
}
