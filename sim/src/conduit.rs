//! Conduit: a client's connection over the simulated network.
//!
//! Lives here: `Conduit` (what a client by hand sends and receives by), `lay` (the tasks that carry its bytes).
//! Holds: bytes go on in the order in which they came; a connection that is lost reads as an end, after what came before it.
//! Not here: the network's weather (`windlass_driver::sim`).

use crate::limits::{CONDUIT_BYTES, CONDUIT_LOOK_MAX_NS, CONDUIT_LOOK_NS};
use crate::tasks::Cx;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use windlass_client::Pipe;
use windlass_driver::{Address, Handle, IoBuffer, IoError, Operation, Value};

#[derive(Default)]
struct Between {
    to_node: VecDeque<u8>,
    from_node: VecDeque<u8>,
    /// The connection is over.
    lost: bool,
    /// The client has closed it.
    closed: bool,
}

/// A client's end.
pub(crate) struct Conduit(Arc<Mutex<Between>>);

fn locked(between: &Mutex<Between>) -> MutexGuard<'_, Between> {
    between.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes up to as many bytes as fit.
fn take(from: &mut VecDeque<u8>, into: &mut [u8]) -> usize {
    let count = from.len().min(into.len());
    for (place, byte) in into.iter_mut().zip(from.drain(..count)) {
        *place = byte;
    }
    count
}

impl Pipe for Conduit {
    fn receive(&self, into: &mut [u8]) -> io::Result<usize> {
        let mut between = locked(&self.0);
        match take(&mut between.from_node, into) {
            0 if !between.lost && !between.closed => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
    fn send(&self, from: &[u8]) -> io::Result<usize> {
        let mut between = locked(&self.0);
        if between.lost || between.closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let count = from.len().min(CONDUIT_BYTES.saturating_sub(between.to_node.len()));
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        between.to_node.extend(&from[..count]);
        Ok(count)
    }
    fn is_readable(&self) -> bool {
        let between = locked(&self.0);
        !between.from_node.is_empty() || between.lost
    }
    fn close(&self) {
        locked(&self.0).closed = true;
    }
}

impl Drop for Conduit {
    fn drop(&mut self) {
        self.close();
    }
}

/// Lays a conduit to an address: two tasks of this process carry its bytes until either side ends.
pub(crate) fn lay(cx: &Cx, to: SocketAddr) -> Conduit {
    let between = Arc::new(Mutex::new(Between::default()));
    let (inner, shared) = (cx.clone(), between.clone());
    cx.spawn(async move {
        match inner.ask(Operation::Connect { to: Address::Tcp(to) }).await.result {
            Ok(Value::Handle(socket)) => {
                let (reads, told) = (inner.clone(), shared.clone());
                inner.spawn(async move { down(&reads, socket, &told).await });
                up(&inner, socket, &shared).await
            }
            Err(IoError::System(_)) => {
                locked(&shared).lost = true;
                Ok(())
            }
            other => Err(format!("connecting: {other:?}")),
        }
    });
    Conduit(between)
}

/// Carries what the client sends, and closes the connection when the client has, or when it is lost.
async fn up(cx: &Cx, socket: Handle, between: &Mutex<Between>) -> Result<(), String> {
    let mut look_ns = CONDUIT_LOOK_NS;
    loop {
        let (bytes, closed) = {
            let mut between = locked(between);
            let mut bytes = vec![0; between.to_node.len().min(1 + cx.below(4_000) as usize)];
            take(&mut between.to_node, &mut bytes);
            (bytes, between.closed || between.lost)
        };
        if bytes.is_empty() {
            if closed {
                break;
            }
            // Nobody tells a task of what another process has done.
            cx.sleep(look_ns).await;
            look_ns = (2 * look_ns).min(CONDUIT_LOOK_MAX_NS);
            continue;
        }
        look_ns = CONDUIT_LOOK_NS;
        if !cx.send_all(socket, bytes).await? {
            break;
        }
    }
    locked(between).lost = true;
    cx.io().close(socket);
    Ok(())
}

/// Carries what the node sends, to the end.
async fn down(cx: &Cx, socket: Handle, between: &Mutex<Between>) -> Result<(), String> {
    loop {
        let buffer = IoBuffer::zeroed(1 + cx.below(5_000) as usize).ok_or("no memory")?;
        let done = cx.ask(Operation::Receive { socket, buffer }).await;
        match done.result {
            Ok(Value::Bytes(came)) if came > 0 => {
                let bytes = done.buffer.ok_or("a receive lost its buffer")?.into_vec();
                locked(between).from_node.extend(&bytes[..came]);
            }
            Ok(Value::Bytes(_)) | Err(IoError::System(_) | IoError::Closed | IoError::NotRegistered) => {
                locked(between).lost = true;
                return Ok(());
            }
            other => return Err(format!("receiving: {other:?}")),
        }
    }
}
