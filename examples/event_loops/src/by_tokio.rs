//! Tokio: one task attends the session, any others await calls.

use std::io;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use windlass::{Client, Code, Fault};

/// Attends a session until it is over; to be spawned beside the tasks that call.
///
/// # Errors
/// `Io` when the runtime does not take the descriptor.
pub async fn attend(client: Client) -> Result<(), Fault> {
    let io = |error: io::Error| Fault::new(Code::Io, error.to_string());
    // What it is registered with keeps the descriptor open and the same for as long as it stands.
    #[allow(deprecated, reason = "its successor wants the sentence above as `unsafe`")]
    let descriptor = AsyncFd::with_interest(client.attending(), Interest::READABLE).map_err(io)?;
    loop {
        descriptor.get_ref().attend();
        if descriptor.get_ref().is_over() {
            return Ok(());
        }
        descriptor.readable().await.map_err(io)?.clear_ready();
    }
}
