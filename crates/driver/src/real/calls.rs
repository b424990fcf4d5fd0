//! Calls that may block: run by helper threads.
//!
//! Lives here: `Call` (what is to be done), `Made` (what came of it), the system calls themselves.
//! Holds: a call knows nothing of tables and handles; it gets descriptors and gives descriptors.

use super::descriptor::{SocketAddress, system, system_error};
use crate::handles::Kind;
use crate::limits::{ADDRESSES_MAX, BACKLOG};
use crate::operation::{Address, IoError, OpenHow};
use rustix::fd::OwnedFd;
use rustix::fs::{FallocateFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Memory of a buffer that the driver keeps until the call's answer is taken.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub at: *mut u8,
    pub len: usize,
}

// SAFETY: a number and a length; the driver that made it keeps the memory until the helper has answered, also when the
//   driver itself is dropped (`Helpers::drop` waits), and nobody else touches the memory meanwhile.
unsafe impl Send for Place {}

pub(super) enum Call {
    Open { path: PathBuf, how: OpenHow },
    Remove { path: PathBuf },
    Rename { from: PathBuf, to: PathBuf },
    Announce { at: Address, blocking: bool },
    Length { file: Arc<OwnedFd> },
    SetLength { file: Arc<OwnedFd>, bytes: u64 },
    Reserve { file: Arc<OwnedFd>, bytes: u64 },
    Sync { file: Arc<OwnedFd>, data_only: bool },
    Read { file: Arc<OwnedFd>, at: u64, into: Place },
    Write { file: Arc<OwnedFd>, at: u64, from: Place },
    Resolve { name: String },
}

pub(super) enum Made {
    Nothing,
    Bytes(usize),
    Length(u64),
    Descriptor { fd: OwnedFd, kind: Kind, direct: bool, locked: bool },
    Addresses(Vec<SocketAddr>),
}

impl Call {
    /// Whether it works on memory that the driver keeps.
    pub fn has_memory(&self) -> bool {
        matches!(self, Self::Read { .. } | Self::Write { .. })
    }

    /// Does it.
    pub fn run(self) -> Result<Made, IoError> {
        match self {
            Self::Open { path, how } => open(&path, how),
            Self::Remove { path } => nothing(rustix::fs::unlink(&path)),
            Self::Rename { from, to } => rename(&from, &to),
            Self::Announce { at, blocking } => announce(&at, blocking),
            Self::Length { file } => length(&file),
            Self::SetLength { file, bytes } => nothing(rustix::fs::ftruncate(&*file, bytes)),
            Self::Reserve { file, bytes } => reserve(&file, bytes),
            Self::Sync { file, data_only: true } => nothing(rustix::fs::fdatasync(&*file)),
            Self::Sync { file, data_only: false } => nothing(rustix::fs::fsync(&*file)),
            Self::Read { file, at, into } => {
                let (fd, len) = (std::os::fd::AsRawFd::as_raw_fd(&*file), into.len);
                // SAFETY: the driver keeps the memory until this call is answered (`Place`), and it may be written.
                transferred(unsafe { libc::pread(fd, into.at.cast(), len, at as i64) })
            }
            Self::Write { file, at, from } => {
                let (fd, len) = (std::os::fd::AsRawFd::as_raw_fd(&*file), from.len);
                // SAFETY: the driver keeps the memory until this call is answered (`Place`).
                transferred(unsafe { libc::pwrite(fd, from.at.cast_const().cast(), len, at as i64) })
            }
            Self::Resolve { name } => resolve(&name),
        }
    }
}

fn nothing(result: Result<(), Errno>) -> Result<Made, IoError> {
    result.map(|()| Made::Nothing).map_err(system)
}

fn transferred(count: isize) -> Result<Made, IoError> {
    match usize::try_from(count) {
        Ok(count) => Ok(Made::Bytes(count)),
        Err(_) => Err(system(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO))),
    }
}

fn open(path: &Path, how: OpenHow) -> Result<Made, IoError> {
    let mut flags = OFlags::CLOEXEC | if how.write { OFlags::RDWR } else { OFlags::RDONLY };
    flags.set(OFlags::CREATE, how.create);
    flags.set(OFlags::EXCL, how.create && how.fresh);
    flags.set(OFlags::DIRECT, how.direct);
    flags.set(OFlags::DSYNC, how.durable);
    // With a lock, content is dropped only once the lock is ours.
    flags.set(OFlags::TRUNC, how.truncate && !how.exclusive);
    let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH;
    let fd = rustix::fs::open(path, flags, mode).map_err(system)?;
    if how.exclusive {
        match rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(IoError::InUse),
            Err(errno) => return Err(system(errno)),
        }
        if how.truncate {
            rustix::fs::ftruncate(&fd, 0).map_err(system)?;
        }
    }
    Ok(Made::Descriptor { fd, kind: Kind::File, direct: how.direct, locked: how.exclusive })
}

fn rename(from: &Path, to: &Path) -> Result<Made, IoError> {
    rustix::fs::rename(from, to).map_err(system)?;
    // The names are durable when their directories are.
    sync_parent(to)?;
    if from.parent() != to.parent() {
        sync_parent(from)?;
    }
    Ok(Made::Nothing)
}

fn sync_parent(path: &Path) -> Result<(), IoError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(parent, flags, Mode::empty()).map_err(system)?;
    rustix::fs::fsync(&directory).map_err(system)
}

fn length(file: &OwnedFd) -> Result<Made, IoError> {
    let stat = rustix::fs::fstat(file).map_err(system)?;
    if rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::BlockDevice {
        // A device has no length of its own; its end is where it can be sought to.
        return rustix::fs::seek(file, rustix::fs::SeekFrom::End(0)).map(Made::Length).map_err(system);
    }
    Ok(Made::Length(stat.st_size as u64))
}

fn reserve(file: &OwnedFd, bytes: u64) -> Result<Made, IoError> {
    if bytes == 0 {
        return Ok(Made::Nothing);
    }
    nothing(rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, 0, bytes))
}

fn announce(at: &Address, blocking: bool) -> Result<Made, IoError> {
    let address = SocketAddress::new(at).map_err(system_error)?;
    let fd = match at {
        Address::Tcp(_) => {
            let fd = address.socket(blocking).map_err(system_error)?;
            rustix::net::sockopt::set_socket_reuseaddr(&fd, true).map_err(system)?;
            rustix::net::bind(&fd, address.get()).map_err(system)?;
            fd
        }
        Address::Unix(path) => {
            let fd = address.socket(blocking).map_err(system_error)?;
            match rustix::net::bind(&fd, address.get()) {
                Err(Errno::ADDRINUSE) if is_stale(&address, path)? => {
                    match rustix::fs::unlink(path) {
                        Ok(()) | Err(Errno::NOENT) => {}
                        Err(errno) => return Err(system(errno)),
                    }
                    rustix::net::bind(&fd, address.get()).map_err(system)?;
                }
                bound => bound.map_err(system)?,
            }
            fd
        }
    };
    rustix::net::listen(&fd, BACKLOG).map_err(system)?;
    Ok(Made::Descriptor { fd, kind: Kind::Listener, direct: false, locked: false })
}

/// Whether it is a socket file that nobody listens at.
fn is_stale(address: &SocketAddress, path: &Path) -> Result<bool, IoError> {
    let stat = match rustix::fs::lstat(path) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(true),
        Err(errno) => return Err(system(errno)),
    };
    if rustix::fs::FileType::from_raw_mode(stat.st_mode) != rustix::fs::FileType::Socket {
        return Ok(false);
    }
    let probe = address.socket(false).map_err(system_error)?;
    // Whoever is alive accepts, or has a full queue, or another kind of socket.
    Ok(matches!(rustix::net::connect(&probe, address.get()), Err(Errno::CONNREFUSED)))
}

fn resolve(name: &str) -> Result<Made, IoError> {
    let found = name.to_socket_addrs().map_err(system_error)?;
    let mut addresses = Vec::new();
    for address in found {
        if addresses.len() < ADDRESSES_MAX && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    match addresses.is_empty() {
        true => Err(IoError::System(io::Error::new(io::ErrorKind::NotFound, "the name has no address"))),
        false => Ok(Made::Addresses(addresses)),
    }
}
