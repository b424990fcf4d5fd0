//! Calls in loops that a program has already. A session exports one descriptor; when it is readable, `attend` takes the answers. The
//! client starts no thread.
//!
//! In Python `await pool.method.aio(..)` waits in asyncio's loop, with the client's one thread behind it.

pub mod by_epoll;
pub mod by_tokio;

use windlass::{Client, Fault};

/// A client for a loop.
///
/// # Errors
/// As `Client::connect`.
pub fn connect(node: &str) -> Result<Client, Fault> {
    Client::options().attended().connect(node)
}
