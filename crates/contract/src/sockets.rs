//! Stream sockets, for methods and spawned tasks.
//!
//! Lives here: `Socket`, `Listener`, `Address` and its bytes, and `Context::{announce, connect, look_up}`.
//! From: a method through its context. To: the node's driver.
//! Holds: a socket has one reader and one writer at a time, a second one is `Busy`; closing wakes whoever waits (`Closed`).

use crate::abi::OpKind;
use crate::context::Context;
use crate::files::Opened;
use crate::lending::{Lost, Moved, Source, Target, all, once};
use crate::limits::PATH_MAX;
use crate::{Code, Fault};
use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeBounds;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// Where a stream socket leads or listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An internet address; port 0 lets the system choose when listening.
    Tcp(SocketAddr),
    /// A socket file.
    Unix(PathBuf),
}

impl Address {
    /// As it crosses the edge: `t` and the address as text, or `u` and the path.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Tcp(address) => format!("t{address}").into_bytes(),
            Self::Unix(path) => [b"u", path.as_os_str().as_bytes()].concat(),
        }
    }
    /// Back from those bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (b't', text) => std::str::from_utf8(text).ok()?.parse().ok().map(Self::Tcp),
            (b'u', path) if !path.is_empty() && path.len() <= PATH_MAX && !path.contains(&0) => {
                Some(Self::Unix(PathBuf::from(std::ffi::OsString::from_vec(path.to_vec()))))
            }
            _ => None,
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// One connection.
///
/// # Example
/// ```
/// use windlass_contract::{Fault, context::Context, sockets::Socket};
///
/// /// Sends back whatever comes, until the peer ends.
/// async fn echo(cx: &Context<'_>, socket: &Socket) -> Result<(), Fault> {
///     let mut buffer = vec![0; 4096];
///     loop {
///         let (came, back) = socket.receive(cx, buffer, ..).await?;
///         if came == 0 {
///             return socket.shutdown(cx).await;
///         }
///         buffer = socket.send_all(cx, back, ..came).await?;
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Socket(Opened);

impl Socket {
    /// Receives into `range` of `buffer`: the bytes received, 0 when the peer has ended, and the buffer.
    ///
    /// # Errors
    /// `Busy` while another receives; `Disconnected`, `Closed`, `Io`; `Cancelled` and `DeadlineExceeded` when the call is to
    /// end, and then the buffer is gone.
    pub async fn receive<B: Target>(
        &self,
        cx: &Context<'_>,
        buffer: B,
        range: impl RangeBounds<usize>,
    ) -> Moved<B> {
        once(cx, self.0.on(OpKind::Receive, 0), buffer, range).await
    }

    /// Fills all of `range`.
    ///
    /// # Errors
    /// As `receive`, and `Ended` when the peer ends before.
    pub async fn receive_exact<B: Target>(
        &self,
        cx: &Context<'_>,
        buffer: B,
        range: impl RangeBounds<usize>,
    ) -> Result<B, Lost<B>> {
        all(cx, self.0.on(OpKind::Receive, 0), buffer, range).await
    }

    /// Sends `range` of `buffer`: the bytes sent, which may be fewer, and the buffer.
    ///
    /// # Errors
    /// As `receive`; `Busy` while another sends.
    pub async fn send<B: Source>(&self, cx: &Context<'_>, buffer: B, range: impl RangeBounds<usize>) -> Moved<B> {
        once(cx, self.0.on(OpKind::Send, 0), buffer, range).await
    }

    /// Sends all of `range`.
    ///
    /// # Errors
    /// As `send`; some of it may have been sent.
    pub async fn send_all<B: Source>(
        &self,
        cx: &Context<'_>,
        buffer: B,
        range: impl RangeBounds<usize>,
    ) -> Result<B, Lost<B>> {
        all(cx, self.0.on(OpKind::Send, 0), buffer, range).await
    }

    /// Ends this side; the peer reads the end, and may still send.
    ///
    /// # Errors
    /// `Disconnected`, `Io`.
    pub async fn shutdown(&self, cx: &Context<'_>) -> Result<(), Fault> {
        cx.operation(OpKind::Shutdown, self.0.handle(), 0, Vec::new()).await.map(|_| ())
    }

    /// Where this side is.
    ///
    /// # Errors
    /// `Io`.
    pub async fn local_address(&self, cx: &Context<'_>) -> Result<Address, Fault> {
        local_address(cx, &self.0).await
    }
}

/// Accepts connections.
#[derive(Debug)]
pub struct Listener(Opened);

impl Listener {
    /// The next connection.
    ///
    /// # Errors
    /// `HandleLimit`, `Closed`, `Io`.
    pub async fn accept(&self, cx: &Context<'_>) -> Result<Socket, Fault> {
        let done = cx.operation(OpKind::Accept, self.0.handle(), 0, Vec::new()).await?;
        Opened::new(cx, done.value).map(Socket)
    }

    /// Where it listens: with port 0, which port the system chose.
    ///
    /// # Errors
    /// `Io`.
    pub async fn local_address(&self, cx: &Context<'_>) -> Result<Address, Fault> {
        local_address(cx, &self.0).await
    }
}

async fn local_address(cx: &Context<'_>, of: &Opened) -> Result<Address, Fault> {
    let done = cx.operation(OpKind::LocalAddress, of.handle(), 0, Vec::new()).await?;
    Address::from_bytes(done.bytes.as_slice())
        .ok_or_else(|| Fault::new(Code::Io, "the system's address is of no kind that is known here"))
}

impl Context<'_> {
    /// Listens. A socket file that nobody listens at is replaced.
    ///
    /// # Errors
    /// `InUse`, `Denied`, `HandleLimit`, `Io`.
    pub async fn announce(&self, at: impl Into<Address>) -> Result<Listener, Fault> {
        let done = self.operation(OpKind::Announce, 0, 0, at.into().to_bytes()).await?;
        Opened::new(self, done.value).map(Listener)
    }

    /// Connects; the call's deadline bounds how long it may take.
    ///
    /// # Errors
    /// `Disconnected` when nobody answers there, `TimedOut`, `HandleLimit`, `Io`.
    pub async fn connect(&self, to: impl Into<Address>) -> Result<Socket, Fault> {
        let done = self.operation(OpKind::Connect, 0, 0, to.into().to_bytes()).await?;
        Opened::new(self, done.value).map(Socket)
    }

    /// What a `host:port` stands for, the preferred address first.
    ///
    /// # Errors
    /// `NotFound`, `Io`.
    pub async fn look_up(&self, name: &str) -> Result<Vec<SocketAddr>, Fault> {
        if name.is_empty() || name.len() > PATH_MAX {
            return Err(Fault::new(Code::BadArguments, format!("a name has 1 to {PATH_MAX} bytes")));
        }
        let done = self.operation(OpKind::Lookup, 0, 0, name.as_bytes().to_vec()).await?;
        let lines = String::from_utf8_lossy(done.bytes.as_slice()).into_owned();
        Ok(lines.lines().filter_map(|line| line.parse().ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_from_their_bytes_and_other_bytes_are_none() {
        for address in [
            Address::Tcp("127.0.0.1:80".parse().unwrap()),
            Address::Tcp("[::1]:9".parse().unwrap()),
            Address::Unix("/tmp/a b".into()),
        ] {
            assert_eq!(Address::from_bytes(&address.to_bytes()), Some(address));
        }
        for bytes in [&b""[..], b"t", b"tlocalhost:1", b"u", b"u\0", b"x1", b"t\xFF"] {
            assert_eq!(Address::from_bytes(bytes), None, "{bytes:?}");
        }
    }
}
