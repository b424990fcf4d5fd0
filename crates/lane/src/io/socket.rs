//! Connections for tasks.
//!
//! Lives here: `Listener`, `Socket` and its halves `Reader` and `Writer`, `connect`, `resolve`.
//! From: a task. To: `Io`, one operation after another.
//! Holds: a half is used by one task at a time, because its calls borrow it mutably; every call gives its buffer back
//! with the range that it came with; bytes that arrive for a receive that was given up are kept for the next one.

use super::wait::{transferred, unexpected, whole};
use super::{Io, Ticket, Wait};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use windlass_driver::{Address, Handle, IoBuffer, IoError, Operation, Value};

/// Closes when the last of those that share it goes.
#[derive(Debug)]
struct Open {
    io: Io,
    handle: Handle,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.io.close(self.handle);
    }
}

/// Accepts connections; closed when dropped.
#[derive(Debug)]
pub struct Listener(Open);

impl Listener {
    /// Listens. Port 0 lets the system choose; a socket file that nobody listens at is replaced.
    ///
    /// # Errors
    /// `TooManyHandles`, the system's, such as the address's being in use.
    pub async fn announce(io: &Io, at: Address) -> Result<Listener, IoError> {
        match Wait::new(io, Operation::Announce { at }).value().await? {
            Value::Handle(handle) => Ok(Listener(Open { io: io.clone(), handle })),
            _ => Err(unexpected()),
        }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// `Closed`, the system's.
    pub async fn local_address(&self) -> Result<Address, IoError> {
        local_address(&self.0).await
    }

    /// The next connection. Given up while one arrives, that one is closed.
    ///
    /// # Errors
    /// `Closed`, `TooManyHandles`, the system's.
    pub async fn accept(&self) -> Result<Socket, IoError> {
        let operation = Operation::Accept { listener: self.0.handle };
        match Wait::new(&self.0.io, operation).value().await? {
            Value::Handle(handle) => Ok(Socket::from_handle(&self.0.io, handle)),
            _ => Err(unexpected()),
        }
    }

    /// As the driver knows it.
    pub fn handle(&self) -> Handle {
        self.0.handle
    }
}

/// Connects.
///
/// # Errors
/// `TooManyHandles`, the system's, such as the connection's being refused.
pub async fn connect(io: &Io, to: Address) -> Result<Socket, IoError> {
    match Wait::new(io, Operation::Connect { to }).value().await? {
        Value::Handle(handle) => Ok(Socket::from_handle(io, handle)),
        _ => Err(unexpected()),
    }
}

/// What `host:port` stands for, the preferred first.
///
/// # Errors
/// The system's.
pub async fn resolve(io: &Io, name: impl Into<String>) -> Result<Vec<SocketAddr>, IoError> {
    match Wait::new(io, Operation::Resolve { name: name.into() }).value().await? {
        Value::Addresses(addresses) => Ok(addresses),
        _ => Err(unexpected()),
    }
}

async fn local_address(open: &Open) -> Result<Address, IoError> {
    match Wait::new(&open.io, Operation::LocalAddress { socket: open.handle }).value().await? {
        Value::Address(address) => Ok(address),
        _ => Err(unexpected()),
    }
}

/// A connection: two halves, which two tasks may have.
#[derive(Debug)]
pub struct Socket {
    /// From the peer.
    pub reader: Reader,
    /// To the peer.
    pub writer: Writer,
}

impl Socket {
    /// A connection that the driver knows already. It is closed when both halves are dropped.
    pub fn from_handle(io: &Io, handle: Handle) -> Socket {
        let open = Rc::new(Open { io: io.clone(), handle });
        let reader = Reader { open: open.clone(), left: None, kept: None };
        Socket { reader, writer: Writer { open, left: None } }
    }

    /// Its two halves.
    pub fn split(self) -> (Reader, Writer) {
        (self.reader, self.writer)
    }

    /// Where it leads from.
    ///
    /// # Errors
    /// `Closed`, the system's.
    pub async fn local_address(&self) -> Result<Address, IoError> {
        local_address(&self.reader.open).await
    }
}

/// The half of a connection that receives; also the reading end of a pipe.
#[derive(Debug)]
pub struct Reader {
    open: Rc<Open>,
    /// A receive that was given up and has not ended yet.
    left: Option<Ticket>,
    /// What such a one has brought.
    kept: Option<IoBuffer>,
}

impl Reader {
    /// The reading end of something that the driver knows already, such as a pipe.
    pub fn from_handle(io: &Io, handle: Handle) -> Reader {
        Socket::from_handle(io, handle).reader
    }

    /// As the driver knows it.
    pub fn handle(&self) -> Handle {
        self.open.handle
    }

    /// Receives what is there into the buffer's range, at least a byte; 0 tells that the peer has ended. Given up, it
    /// loses nothing: what arrives meanwhile comes with the next call.
    ///
    /// # Errors
    /// In the answer: `BadRange` for an empty range, `Closed`, the system's, such as the connection's being reset.
    pub async fn receive(&mut self, mut buffer: IoBuffer) -> (Result<usize, IoError>, IoBuffer) {
        if let Err(error) = self.settle().await {
            return (Err(error), buffer);
        }
        if let Some(count) = self.take_kept(&mut buffer) {
            return (Ok(count), buffer);
        }
        let operation = Operation::Receive { socket: self.open.handle, buffer };
        let wait = Wait::new(&self.open.io, operation);
        Kept { wait, left: &mut self.left }.bytes().await
    }

    /// Fills the buffer's whole range. Given up, it may have taken bytes that nobody sees any more.
    ///
    /// # Errors
    /// In the answer: `Ended` if the peer ends before, and those of `receive`.
    pub async fn receive_exact(&mut self, buffer: IoBuffer) -> (Result<(), IoError>, IoBuffer) {
        let (result, buffer) = whole(buffer, async |buffer| self.receive(buffer).await).await;
        let result = match result {
            Ok(None) => Ok(()),
            Ok(Some(done)) => Err(IoError::Ended { done }),
            Err(error) => Err(error),
        };
        (result, buffer)
    }

    /// Waits until a receive that was given up has ended.
    async fn settle(&mut self) -> Result<(), IoError> {
        let Some(ticket) = self.left.take() else { return Ok(()) };
        let wait = Wait::resumed(&self.open.io, ticket);
        let (result, mut buffer) = Kept { wait, left: &mut self.left }.bytes().await;
        match result {
            Ok(count) if count > 0 => {
                let start = buffer.range().start;
                if buffer.set_range(start..start + count) {
                    self.kept = Some(buffer);
                }
                Ok(())
            }
            // The end is told again to whoever asks next.
            Ok(_) | Err(IoError::Cancelled) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn take_kept(&mut self, into: &mut IoBuffer) -> Option<usize> {
        let mut kept = self.kept.take()?;
        let range = kept.range();
        let mut bytes = vec![0; range.len().min(into.len())];
        kept.copy_out(&mut bytes);
        let count = into.fill(&bytes);
        let more = kept.set_range(range.start + count..range.end) && count < range.len();
        if more {
            self.kept = Some(kept);
        }
        (count > 0).then_some(count)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(ticket) = self.left.take() {
            self.open.io.give_up(ticket);
        }
    }
}

/// The half of a connection that sends; also the writing end of a pipe.
#[derive(Debug)]
pub struct Writer {
    open: Rc<Open>,
    /// A send that was given up and has not ended yet.
    left: Option<Ticket>,
}

impl Writer {
    /// The writing end of something that the driver knows already, such as a pipe.
    pub fn from_handle(io: &Io, handle: Handle) -> Writer {
        Socket::from_handle(io, handle).writer
    }

    /// As the driver knows it.
    pub fn handle(&self) -> Handle {
        self.open.handle
    }

    /// Sends from the buffer's range; answers how many bytes, which may be fewer. Given up, it is not known how many.
    ///
    /// # Errors
    /// In the answer: `Closed`, the system's, such as the peer's having gone.
    pub async fn send(&mut self, buffer: IoBuffer) -> (Result<usize, IoError>, IoBuffer) {
        if let Some(ticket) = self.left.take() {
            let wait = Wait::resumed(&self.open.io, ticket);
            // Whatever became of it, nobody asks any more; this send must come after it.
            let _given_up = Kept { wait, left: &mut self.left }.bytes().await;
        }
        let operation = Operation::Send { socket: self.open.handle, buffer };
        let wait = Wait::new(&self.open.io, operation);
        Kept { wait, left: &mut self.left }.bytes().await
    }

    /// Sends the buffer's whole range.
    ///
    /// # Errors
    /// In the answer: those of `send`; part of it may have been sent then.
    pub async fn send_all(&mut self, buffer: IoBuffer) -> (Result<(), IoError>, IoBuffer) {
        let (result, buffer) = whole(buffer, async |buffer| self.send(buffer).await).await;
        let result = match result {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(IoError::System(io::ErrorKind::WriteZero.into())),
            Err(error) => Err(error),
        };
        (result, buffer)
    }

    /// Ends this side: the peer reads the end, and may still send.
    ///
    /// # Errors
    /// `Closed`, the system's.
    pub async fn shutdown(&mut self) -> Result<(), IoError> {
        if let Some(ticket) = self.left.take() {
            let wait = Wait::resumed(&self.open.io, ticket);
            let _given_up = Kept { wait, left: &mut self.left }.bytes().await;
        }
        let operation = Operation::Shutdown { socket: self.open.handle };
        Wait::new(&self.open.io, operation).value().await.map(|_| ())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(ticket) = self.left.take() {
            self.open.io.give_up(ticket);
        }
    }
}

/// Waits for one half's operation. Dropped before its end, it cancels the operation and leaves it to the half, which
/// waits for its end before it begins another: the driver allows one at a time.
struct Kept<'a> {
    wait: Wait,
    left: &'a mut Option<Ticket>,
}

impl Kept<'_> {
    async fn bytes(mut self) -> (Result<usize, IoError>, IoBuffer) {
        transferred((&mut self.wait).await)
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.wait.take() {
            self.wait.cancel(&ticket);
            *self.left = Some(ticket);
        }
    }
}
