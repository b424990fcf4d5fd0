//! The fallback where io_uring is forbidden: sockets by readiness, files by helper threads.
//!
//! Lives here: `Polling` (the set of the descriptors on which operations wait).
//! From: `RealDriver` tries an operation, and leaves it here when it would block. To: the kernel's readiness, which names
//! what to try again.
//! Holds: descriptors are watched for edges and tried until they would block, so no readiness is lost; a name that is of
//! no use any more leads to a try that would block, nothing worse.
//! Not here: files (`helpers.rs`).

use super::descriptor::{Descriptor, no_delay, system, system_error};
use super::sleep::EVENTS_MAX;
use super::table::Running;
use crate::operation::{IoError, Operation, Value};
use rustix::event::{Timespec, epoll};
use rustix::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use std::io;

/// What trying an operation came to.
pub(super) enum Tried {
    /// It is done.
    Done(Result<Value, IoError>),
    /// It is done, and this is the new socket.
    Socket(OwnedFd),
    /// Its descriptor is not ready.
    WouldBlock,
}

/// The descriptors on which operations wait.
pub(super) struct Polling {
    set: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Polling {
    pub fn new() -> io::Result<Self> {
        Ok(Self { set: epoll::create(epoll::CreateFlags::CLOEXEC)?, events: Vec::with_capacity(EVENTS_MAX) })
    }

    /// Tells whenever the descriptor becomes ready for anything, under this name.
    pub fn watch(&self, fd: BorrowedFd<'_>, name: u64) -> Result<(), IoError> {
        let flags =
            epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
        epoll::add(&self.set, fd, epoll::EventData::new_u64(name), flags).map_err(system)
    }

    /// Stops telling.
    pub fn unwatch(&self, fd: BorrowedFd<'_>) {
        // It is closed next, which does the same unless somebody else has it too.
        let _may_be_gone = epoll::delete(&self.set, fd);
    }

    /// Appends the names of what has become ready.
    pub fn ready(&mut self, names: &mut Vec<u64>) -> io::Result<()> {
        loop {
            self.events.clear();
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            match epoll::wait(&self.set, rustix::buffer::spare_capacity(&mut self.events), Some(&now)) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno.into()),
            }
            names.extend(self.events.iter().map(|event| event.data.u64()));
            if self.events.len() < EVENTS_MAX {
                return Ok(());
            }
        }
    }
}

impl AsFd for Polling {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.set.as_fd()
    }
}

/// Tries an operation of a socket, a listener or a pipe without blocking.
pub(super) fn attempt(operation: &mut Operation, descriptor: &Descriptor) -> Tried {
    let fd = descriptor.raw();
    match operation {
        Operation::Receive { buffer, .. } => {
            let (at, len) = (buffer.as_mut_ptr(), buffer.len());
            transferred(|| match descriptor.pipe {
                // SAFETY: the buffer is ours during the call, and its range lies in it (`IoBuffer::set_range`).
                true => unsafe { libc::read(fd, at.cast(), len) },
                // SAFETY: as above.
                false => unsafe { libc::recv(fd, at.cast(), len, libc::MSG_DONTWAIT) },
            })
        }
        Operation::Send { buffer, .. } => {
            let (at, len) = (buffer.as_ptr(), buffer.len());
            transferred(|| match descriptor.pipe {
                // SAFETY: as above; the memory is only read.
                true => unsafe { libc::write(fd, at.cast(), len) },
                // SAFETY: as above.
                false => unsafe { libc::send(fd, at.cast(), len, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) },
            })
        }
        Operation::Accept { .. } => {
            let flags = rustix::net::SocketFlags::CLOEXEC | rustix::net::SocketFlags::NONBLOCK;
            loop {
                return match rustix::net::accept_with(&*descriptor.fd, flags) {
                    Ok(socket) => match no_delay(&socket) {
                        Ok(()) => Tried::Socket(socket),
                        Err(error) => Tried::Done(Err(system_error(error))),
                    },
                    // A connection that was given up before it was taken is none.
                    Err(Errno::INTR | Errno::CONNABORTED) => continue,
                    Err(Errno::AGAIN) => Tried::WouldBlock,
                    Err(errno) => Tried::Done(Err(system(errno))),
                };
            }
        }
        _ => Tried::Done(Err(IoError::System(io::ErrorKind::Unsupported.into()))),
    }
}

fn transferred(mut call: impl FnMut() -> isize) -> Tried {
    loop {
        if let Ok(count) = usize::try_from(call()) {
            return Tried::Done(Ok(Value::Bytes(count)));
        }
        return match Errno::from_io_error(&io::Error::last_os_error()) {
            Some(Errno::INTR) => continue,
            Some(Errno::AGAIN) => Tried::WouldBlock,
            Some(errno) => Tried::Done(Err(system(errno))),
            None => Tried::Done(Err(system(Errno::IO))),
        };
    }
}

/// Begins a connection.
pub(super) fn connect(running: &Running) -> Tried {
    let Some(connecting) = &running.connecting else { return Tried::Done(Err(IoError::NotRegistered)) };
    match rustix::net::connect(&connecting.socket, connecting.address.get()) {
        Ok(()) => Tried::Done(Ok(Value::Nothing)),
        Err(Errno::INPROGRESS | Errno::INTR) => Tried::WouldBlock,
        // A Unix listener whose queue is full says so at once.
        Err(errno) => Tried::Done(Err(system(errno))),
    }
}

/// Looks whether a connection stands.
pub(super) fn connected(running: &Running) -> Tried {
    let Some(connecting) = &running.connecting else { return Tried::Done(Err(IoError::NotRegistered)) };
    let socket = &connecting.socket;
    let mut poll = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    // SAFETY: one entry, which outlives the call.
    let ready = unsafe { libc::poll(&raw mut poll, 1, 0) };
    if ready <= 0 {
        return Tried::WouldBlock;
    }
    Tried::Done(match rustix::net::sockopt::socket_error(socket) {
        Ok(Ok(())) => Ok(Value::Nothing),
        Ok(Err(errno)) | Err(errno) => Err(system(errno)),
    })
}
