//! Descriptors: what the driver keeps of each, how sockets are made, what one from outside is.
//!
//! Lives here: `Descriptor`, `SocketAddress` (as the kernel reads it), `identify` (a descriptor from outside).
//! Holds: sockets of the ring block, those of the fallback do not; a connection over TCP never waits to fill a packet.

use crate::handles::Kind;
use crate::operation::{Address, IoError, OpId};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{FileType, FlockOperation, OFlags};
use rustix::net::addr::SocketAddrArg;
use rustix::net::{AddressFamily, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType, sockopt};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Arc;

/// One registered descriptor.
pub(super) struct Descriptor {
    /// Shared with the helper that works on it.
    pub fd: Arc<OwnedFd>,
    /// A file around the page cache.
    pub direct: bool,
    /// What keeps others out, of a file that was opened exclusively.
    #[expect(dead_code, reason = "held for its end")]
    pub lock: Option<Lock>,
    /// A stream that is no socket: a pipe, a FIFO, an eventfd.
    pub pipe: bool,
    /// Device and inode of what came from outside, to know it again.
    pub identity: Option<(u64, u64)>,
    /// Whether it stands in the fallback's set.
    pub watched: bool,
    /// Operations that wait until it is ready, in the fallback.
    pub waiting: Vec<OpId>,
}

impl Descriptor {
    pub fn new(fd: OwnedFd) -> Self {
        Self::from_shared(Arc::new(fd))
    }

    pub fn from_shared(fd: Arc<OwnedFd>) -> Self {
        Self { fd, direct: false, lock: None, pipe: false, identity: None, watched: false, waiting: Vec::new() }
    }

    pub fn raw(&self) -> i32 {
        self.fd.as_raw_fd()
    }
}

/// A file's exclusive lock, given back when this goes.
///
/// Closing alone is not enough: the kernel's ring answers a request before it lets go of the request's file, so the lock
/// would outlive the last descriptor by a moment, and who opens the file next would be told that it is in use.
pub(super) struct Lock(pub Arc<OwnedFd>);

impl Drop for Lock {
    fn drop(&mut self) {
        // What fails here (the table of locks is full, a file system without locks) the last close does all the same.
        let _unlocked = rustix::fs::flock(&*self.0, FlockOperation::Unlock);
    }
}

/// An address as the kernel reads it.
pub(super) struct SocketAddress {
    address: SocketAddrAny,
    family: AddressFamily,
}

impl SocketAddress {
    /// # Errors
    /// The system's, when a socket file's path is too long.
    pub fn new(address: &Address) -> io::Result<Self> {
        Ok(match address {
            Address::Tcp(address) => Self {
                family: if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 },
                address: address.as_any(),
            },
            Address::Unix(path) => {
                Self { family: AddressFamily::UNIX, address: SocketAddrUnix::new(path)?.as_any() }
            }
        })
    }

    pub fn get(&self) -> &SocketAddrAny {
        &self.address
    }

    /// Address and length of the encoded bytes, which lie in `self`.
    pub fn encoded(&self) -> (*const u8, u32) {
        // SAFETY: the closure only looks at the pointer's value; `SocketAddrAny` gives one into itself, so it stays
        //   valid while `self` is neither moved nor dropped, which the caller sees to by keeping it in a box.
        unsafe { self.address.with_sockaddr(|at, len| (at.cast(), len)) }
    }

    /// A stream socket for this address.
    pub fn socket(&self, blocking: bool) -> io::Result<OwnedFd> {
        let flags = if blocking { SocketFlags::CLOEXEC } else { SocketFlags::CLOEXEC | SocketFlags::NONBLOCK };
        let socket = rustix::net::socket_with(self.family, SocketType::STREAM, flags, None)?;
        if self.family != AddressFamily::UNIX {
            sockopt::set_tcp_nodelay(&socket, true)?;
        }
        Ok(socket)
    }
}

/// Makes an accepted connection send at once; Unix sockets do so anyway.
pub(super) fn no_delay(socket: &OwnedFd) -> io::Result<()> {
    match sockopt::socket_domain(socket)? {
        AddressFamily::INET | AddressFamily::INET6 => Ok(sockopt::set_tcp_nodelay(socket, true)?),
        _ => Ok(()),
    }
}

/// Where a socket listens or leads from.
pub(super) fn local_address(socket: BorrowedFd<'_>) -> Result<Address, IoError> {
    let any = rustix::net::getsockname(socket).map_err(system)?;
    if let Ok(unix) = SocketAddrUnix::try_from(any.clone()) {
        use std::os::unix::ffi::OsStrExt as _;
        let path = unix.path_bytes().map(|bytes| PathBuf::from(std::ffi::OsStr::from_bytes(bytes)));
        return Ok(Address::Unix(path.unwrap_or_default()));
    }
    match SocketAddr::try_from(any) {
        Ok(address) => Ok(Address::Tcp(address)),
        Err(_) => Err(IoError::System(io::ErrorKind::Unsupported.into())),
    }
}

/// Lets operations on it wait in the kernel, or not.
pub(super) fn set_blocking(fd: BorrowedFd<'_>, blocking: bool) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(fd)?;
    let mut wanted = flags;
    wanted.set(OFlags::NONBLOCK, !blocking);
    if wanted != flags {
        rustix::fs::fcntl_setfl(fd, wanted)?;
    }
    Ok(())
}

/// What a descriptor from outside is.
///
/// # Errors
/// `BadDescriptor`; the system's `Unsupported` for what is neither a file nor a stream.
pub(super) fn identify(fd: OwnedFd) -> Result<(Kind, Descriptor), (OwnedFd, IoError)> {
    let stat = match rustix::fs::fstat(&fd) {
        Ok(stat) => stat,
        Err(errno) => return Err((fd, system(errno))),
    };
    let identity = Some((stat.st_dev as u64, stat.st_ino as u64));
    let (kind, pipe) = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile | FileType::BlockDevice => (Kind::File, false),
        FileType::Socket => {
            let stream = sockopt::socket_type(&fd).is_ok_and(|kind| kind == SocketType::STREAM);
            match (stream, sockopt::socket_acceptconn(&fd)) {
                (true, Ok(true)) => (Kind::Listener, false),
                (true, Ok(false)) => (Kind::Socket, false),
                _ => return Err((fd, IoError::System(io::ErrorKind::Unsupported.into()))),
            }
        }
        FileType::Fifo | FileType::CharacterDevice => (Kind::Socket, true),
        FileType::Directory | FileType::Symlink => {
            return Err((fd, IoError::System(io::ErrorKind::Unsupported.into())));
        }
        // Such as an eventfd: an inode of no type, shared by all of them.
        FileType::Unknown => {
            let descriptor = Descriptor { pipe: true, ..Descriptor::new(fd) };
            return Ok((Kind::Socket, descriptor));
        }
    };
    let direct = kind == Kind::File && rustix::fs::fcntl_getfl(&fd).is_ok_and(|how| how.contains(OFlags::DIRECT));
    // A file may be open twice, and both ends of a FIFO have its inode; a socket is one.
    let identity = identity.filter(|_| kind != Kind::File && !pipe);
    Ok((kind, Descriptor { direct, pipe, identity, ..Descriptor::new(fd) }))
}

/// Keeps a descriptor of one's own of what `number` names.
///
/// # Errors
/// `BadDescriptor`, `TooManyHandles` when the process has as many as it may.
pub(super) fn duplicate(number: i32) -> Result<OwnedFd, IoError> {
    if number < 0 {
        return Err(IoError::BadDescriptor);
    }
    // SAFETY: not -1. The number is only duplicated; one that is not open, or that another thread closes meanwhile, is
    //   refused by the kernel or names another descriptor of this process, whose owner keeps it.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    rustix::io::fcntl_dupfd_cloexec(borrowed.as_fd(), 3).map_err(system)
}

/// The system's word as ours, where there is one.
pub(super) fn system(errno: rustix::io::Errno) -> IoError {
    use rustix::io::Errno;
    match errno {
        Errno::NOMEM | Errno::NOBUFS => IoError::NoMemory,
        Errno::BADF => IoError::BadDescriptor,
        Errno::MFILE | Errno::NFILE => IoError::TooManyHandles,
        other => IoError::System(other.into()),
    }
}

/// The same for an error of the standard library.
pub(super) fn system_error(error: io::Error) -> IoError {
    rustix::io::Errno::from_io_error(&error).map_or(IoError::System(error), system)
}
