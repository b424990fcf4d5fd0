//! A TCP proxy: accepts, dials, copies both ways, each piece after a delay if one is asked for.
//!
//! Each connection is two tasks. A side that ends is ended on the other side too; what still comes the other way is copied on.

use std::time::Duration;
use windlass::tasks::io::{Listener, Reader, Socket, Writer, connect};
use windlass::tasks::{Address, Cx, IoBuffer, IoError};

/// Accepts for ever; every connection is carried to `to`. Ends with the error of the listener.
pub async fn serve(cx: Cx, listener: Listener, to: Address, delay: Duration) -> IoError {
    loop {
        match listener.accept().await {
            Ok(client) => {
                let carried = carry(cx.clone(), client, to.clone(), delay);
                // No room for another task: the connection is closed, and the next may find some.
                drop(cx.spawn("connection", carried));
            }
            Err(error) => return error,
        }
    }
}

async fn carry(cx: Cx, client: Socket, to: Address, delay: Duration) -> Result<(), IoError> {
    let server = connect(&cx.io(), to).await?;
    drop(cx.spawn("answers", copy(cx.clone(), server.reader, client.writer, delay)));
    copy(cx.clone(), client.reader, server.writer, delay).await
}

async fn copy(cx: Cx, mut from: Reader, mut to: Writer, delay: Duration) -> Result<(), IoError> {
    let mut buffer = IoBuffer::zeroed(64 << 10).ok_or(IoError::NoMemory)?;
    loop {
        let _whole = buffer.set_range(0..buffer.capacity());
        let (received, filled) = from.receive(buffer).await;
        buffer = filled;
        match received? {
            0 => return to.shutdown().await,
            count => buffer.set_range(0..count),
        };
        cx.sleep(delay).await.map_err(|_| IoError::Cancelled)?;
        let (sent, emptied) = to.send_all(buffer).await;
        sent?;
        buffer = emptied;
    }
}
