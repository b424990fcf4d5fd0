//! Operations: what a driver does in the background, and what comes back.
//!
//! Lives here: `Operation`, `Completion`, `Value`, `IoError`, `Handle` (a registered descriptor), `Address`, `OpenHow`.
//! From: `lane::io` starts them. To: a backend (`real`, `sim`), which gives each one back exactly once.
//! Holds: the driver owns a buffer from `start` to its completion, also when the operation is cancelled; an operation that
//! was started is completed once, whatever happens to its handle.
//! Not here: loops over short transfers, waiting tasks (`lane::io`).

use crate::buffer::{ALIGN, IoBuffer};
use crate::limits::NAME_MAX;
use rustix::io::Errno;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// A descriptor that a driver knows: a file, a socket or a listener. A closed one is never mistaken for a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle {
    /// Place in the driver's table.
    pub index: u32,
    /// Which of the descriptors that had this place; never 0.
    pub generation: u32,
}

impl Handle {
    /// As one number, for edges that carry numbers.
    pub fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }
    /// Back from that number; any number is some handle, and a wrong one is `NotRegistered`.
    pub fn from_bits(bits: u64) -> Self {
        Self { index: bits as u32, generation: (bits >> 32) as u32 }
    }
}

/// An operation under way, as its driver names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OpId(pub u64);

/// Whatever the caller wants to find again in the completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(pub u64);

/// Where a stream socket leads or listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An internet address; port 0 lets the system choose when listening.
    Tcp(SocketAddr),
    /// A socket file.
    Unix(PathBuf),
}

/// How a file is opened. Without anything: an existing file, for reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct OpenHow {
    /// It may be written.
    pub write: bool,
    /// It is made if missing.
    pub create: bool,
    /// With `create`: it must not exist.
    pub fresh: bool,
    /// Its old content is dropped.
    pub truncate: bool,
    /// Around the page cache (`O_DIRECT`): offsets, lengths and buffers are multiples of `buffer::ALIGN`.
    pub direct: bool,
    /// Each write is durable when it completes (`O_DSYNC`).
    pub durable: bool,
    /// Nobody else may have it open this way: an advisory lock, gone with the handle.
    pub exclusive: bool,
}

/// What a driver can be asked to do in the background.
#[derive(Debug)]
pub enum Operation {
    /// Opens a file: `Value::Handle`.
    Open {
        /// Where it is.
        path: PathBuf,
        /// What for.
        how: OpenHow,
    },
    /// Reads into the buffer's range: `Value::Bytes`, fewer at the file's end. Any number at once on one file.
    ReadAt {
        /// The file.
        file: Handle,
        /// Bytes from its start.
        at: u64,
        /// Filled from its range's start.
        buffer: IoBuffer,
    },
    /// Writes the buffer's range: `Value::Bytes`, which may be fewer. Any number at once on one file.
    WriteAt {
        /// The file.
        file: Handle,
        /// Bytes from its start.
        at: u64,
        /// What is written.
        buffer: IoBuffer,
    },
    /// Makes what was written durable: `Value::Nothing`.
    Sync {
        /// The file.
        file: Handle,
        /// The bytes and what is needed to find them, but not times and the like.
        data_only: bool,
    },
    /// The file's length: `Value::Length`.
    Length {
        /// The file.
        file: Handle,
    },
    /// Cuts or extends it: `Value::Nothing`.
    SetLength {
        /// The file.
        file: Handle,
        /// Its new length.
        bytes: u64,
    },
    /// Reserves room on the medium up to this length, so that writes below do not find it full: `Value::Nothing`.
    Reserve {
        /// The file.
        file: Handle,
        /// From its start.
        bytes: u64,
    },
    /// Removes a file: `Value::Nothing`.
    Remove {
        /// Which.
        path: PathBuf,
    },
    /// Gives a file another name, in place of what had it, durably: `Value::Nothing`.
    Rename {
        /// The old name.
        from: PathBuf,
        /// The new one.
        to: PathBuf,
    },
    /// Listens: `Value::Handle`. A socket file that nobody listens at is replaced.
    Announce {
        /// Where.
        at: Address,
    },
    /// The next connection of a listener: `Value::Handle`.
    Accept {
        /// The listener.
        listener: Handle,
    },
    /// Connects: `Value::Handle`. TCP sockets have `TCP_NODELAY`.
    Connect {
        /// Where to.
        to: Address,
    },
    /// Receives into the buffer's range: `Value::Bytes`, 0 when the peer has ended. One at a time on a socket.
    Receive {
        /// The socket.
        socket: Handle,
        /// Filled from its range's start.
        buffer: IoBuffer,
    },
    /// Sends from the buffer's range: `Value::Bytes`, which may be fewer. One at a time on a socket.
    Send {
        /// The socket.
        socket: Handle,
        /// What is sent.
        buffer: IoBuffer,
    },
    /// Ends this side of a connection; the peer reads the end, and may still send: `Value::Nothing`.
    Shutdown {
        /// The socket.
        socket: Handle,
    },
    /// Where a handle listens or leads: `Value::Address`. For listeners on port 0.
    LocalAddress {
        /// The socket or listener.
        socket: Handle,
    },
    /// Looks a name up, off the worker's thread: `Value::Addresses`.
    Resolve {
        /// `host:port`.
        name: String,
    },
}

/// What an operation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// It is done.
    Nothing,
    /// So many bytes passed.
    Bytes(usize),
    /// A new descriptor, which the receiver closes.
    Handle(Handle),
    /// A file's length.
    Length(u64),
    /// A socket's own address.
    Address(Address),
    /// What a name stands for, the preferred first, not empty.
    Addresses(Vec<SocketAddr>),
}

/// An operation has ended.
#[derive(Debug)]
pub struct Completion {
    /// As given to `start`.
    pub tag: Tag,
    /// What it came to.
    pub result: Result<Value, IoError>,
    /// The buffer it was given, whatever the result.
    pub buffer: Option<IoBuffer>,
}

/// Which half of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the peer.
    Receive,
    /// To the peer.
    Send,
}

/// Why an operation did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum IoError {
    /// No descriptor has this handle (any more).
    #[error("the handle is not registered")]
    NotRegistered,
    /// The handle is of another kind than the operation needs.
    #[error("{needed} is needed here, the handle is of {found}")]
    WrongKind {
        /// What the operation works on.
        needed: &'static str,
        /// What the handle is.
        found: &'static str,
    },
    /// Another task has this half of the socket; one reader and one writer at a time.
    #[error("the socket is busy: another operation has its {} half", match .0 { Direction::Receive => "receiving", Direction::Send => "sending" })]
    Busy(Direction),
    /// The descriptor is registered already.
    #[error("the descriptor is registered already")]
    Exists,
    /// The number is no descriptor of an open file.
    #[error("the descriptor is not open")]
    BadDescriptor,
    /// `limits::HANDLES_MAX` descriptors are registered.
    #[error("the driver has as many descriptors as it may have")]
    TooManyHandles,
    /// As many operations wait as may; try again after some have ended.
    #[error("as many operations wait as may")]
    TooManyOperations,
    /// Memory for it was refused.
    #[error("no memory for the operation")]
    NoMemory,
    /// The handle was closed while the operation was under way.
    #[error("the handle was closed")]
    Closed,
    /// It was cancelled before it was done; how much of it happened is not known.
    #[error("the operation was cancelled")]
    Cancelled,
    /// The other side, or the file, ended before everything was transferred.
    #[error("the end came after {done} bytes")]
    Ended {
        /// What was transferred before.
        done: usize,
    },
    /// The range does not lie in the buffer, or is not aligned as a direct file needs it.
    #[error("{0}")]
    BadRange(&'static str),
    /// Another has the file open exclusively.
    #[error("the file is in use")]
    InUse,
    /// The system's own word.
    #[error(transparent)]
    System(#[from] io::Error),
}

impl Operation {
    /// The handle it works on.
    pub fn handle(&self) -> Option<Handle> {
        match *self {
            Self::ReadAt { file, .. }
            | Self::WriteAt { file, .. }
            | Self::Sync { file, .. }
            | Self::Length { file }
            | Self::SetLength { file, .. }
            | Self::Reserve { file, .. } => Some(file),
            Self::Accept { listener } => Some(listener),
            Self::Receive { socket, .. }
            | Self::Send { socket, .. }
            | Self::Shutdown { socket }
            | Self::LocalAddress { socket } => Some(socket),
            Self::Open { .. }
            | Self::Remove { .. }
            | Self::Rename { .. }
            | Self::Announce { .. }
            | Self::Connect { .. }
            | Self::Resolve { .. } => None,
        }
    }

    /// Which half of a socket it takes.
    pub fn direction(&self) -> Option<Direction> {
        match self {
            Self::Receive { .. } => Some(Direction::Receive),
            Self::Send { .. } => Some(Direction::Send),
            _ => None,
        }
    }

    /// The buffer that it is about.
    pub fn buffer(&self) -> Option<&IoBuffer> {
        match self {
            Self::ReadAt { buffer, .. }
            | Self::WriteAt { buffer, .. }
            | Self::Receive { buffer, .. }
            | Self::Send { buffer, .. } => Some(buffer),
            _ => None,
        }
    }

    /// What can be said of an operation before it begins, for every backend. `direct`: its file is open around the page cache.
    pub(crate) fn check(&self, direct: bool) -> Result<(), IoError> {
        match self {
            Self::ReadAt { at, buffer, .. } | Self::WriteAt { at, buffer, .. } => {
                let end = at.checked_add(buffer.len() as u64);
                if end.is_none_or(|end| end > i64::MAX as u64) {
                    return Err(IoError::BadRange("the range ends past the end of any file"));
                }
                if direct && !(at.is_multiple_of(ALIGN as u64) && buffer.is_aligned()) {
                    let text = "a direct file takes offsets, lengths and memory that are multiples of 4096";
                    return Err(IoError::BadRange(text));
                }
            }
            Self::SetLength { bytes, .. } | Self::Reserve { bytes, .. } if *bytes > i64::MAX as u64 => {
                return Err(IoError::BadRange("the length is more than any file's"));
            }
            Self::Receive { buffer, .. } if buffer.is_empty() => {
                return Err(IoError::BadRange("there is no room to receive into"));
            }
            Self::Open { path, .. } | Self::Remove { path } => check_name(path)?,
            Self::Announce { at: Address::Unix(path) } | Self::Connect { to: Address::Unix(path) } => {
                check_name(path)?;
            }
            Self::Rename { from, to } => {
                check_name(from)?;
                check_name(to)?;
            }
            Self::Resolve { name } => check_name(Path::new(name))?,
            _ => {}
        }
        let fills = matches!(self, Self::ReadAt { .. } | Self::Receive { .. });
        if fills && self.buffer().is_some_and(IoBuffer::is_read_only) {
            return Err(IoError::BadRange("the memory may only be read"));
        }
        Ok(())
    }

    /// Takes the buffer out, for giving it back with an error.
    pub fn into_buffer(self) -> Option<IoBuffer> {
        match self {
            Self::ReadAt { buffer, .. }
            | Self::WriteAt { buffer, .. }
            | Self::Receive { buffer, .. }
            | Self::Send { buffer, .. } => Some(buffer),
            _ => None,
        }
    }
}

fn check_name(path: &Path) -> Result<(), IoError> {
    let bytes = path.as_os_str().as_encoded_bytes();
    let errno = match () {
        () if bytes.len() > NAME_MAX => Errno::NAMETOOLONG,
        () if bytes.contains(&0) => Errno::INVAL,
        () => return Ok(()),
    };
    Err(IoError::System(errno.into()))
}
