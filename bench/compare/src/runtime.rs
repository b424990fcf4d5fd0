//! The runtime that tonic and tarpc run on, and the abstract Unix sockets that they are found at: such a socket has no file, so nothing
//! is left behind.
//!
//! Lives here: `Threads`, `runtime`; `listening` and `connected`.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener as StdListener, UnixStream as StdStream};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::{Builder, Runtime};
use windlass_bench::Failure;

/// How many threads a side runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// One, that of the caller.
    One,
    /// One for each core.
    Cores,
}

/// A runtime of so many threads.
pub fn runtime(threads: Threads) -> Result<Runtime, Failure> {
    let mut builder = match threads {
        Threads::One => Builder::new_current_thread(),
        Threads::Cores => Builder::new_multi_thread(),
    };
    Ok(builder.enable_all().build()?)
}

/// Listens at an abstract name. Called on a runtime.
pub fn listening(name: &str) -> io::Result<UnixListener> {
    let listener = StdListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

/// Connects to an abstract name. Called on a runtime.
pub fn connected(name: &str) -> io::Result<UnixStream> {
    let stream = StdStream::connect_addr(&SocketAddr::from_abstract_name(name)?)?;
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}
