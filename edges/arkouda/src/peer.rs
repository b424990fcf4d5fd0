//! Peer: one connection, from its greeting to its end.
//!
//! Lives here: `serve`.
//! From: `edge` accepts it. To: `answer` for each message, in the order they came.
//! Holds: what a peer does or does not do delays its own answers only; when it hangs up while a command runs, the command is
//!   cancelled.

use crate::core::{Answered, Core};
use crate::limits::HANDSHAKE;
use crate::own::Then;
use crate::wire::frames::Most;
use crate::wire::{WireError, frames, greeting};
use std::rc::Rc;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;

/// Serves a connection until it ends, or the edge does.
pub(crate) async fn serve(core: Rc<Core>, stream: TcpStream) {
    let peer = stream.peer_addr().map_or_else(|_| "?".to_owned(), |address| address.to_string());
    let mut spoken_for = Vec::new();
    let ended = tokio::select! {
        ended = talk(&core, stream, &mut spoken_for) => ended,
        () = core.stopping() => Ok(()),
    };
    for user in spoken_for {
        core.users.left(&user);
    }
    match ended {
        Ok(()) => tracing::debug!(%peer, "arkouda: the connection has ended"),
        Err(error) if error.is_end() => tracing::debug!(%peer, "arkouda: the client hung up"),
        Err(error) => tracing::info!(%peer, "arkouda: the connection is ended: {error}"),
    }
}

async fn talk(core: &Core, stream: TcpStream, spoken_for: &mut Vec<String>) -> Result<(), WireError> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    tokio::time::timeout(HANDSHAKE, greeting::exchange(&mut reader, &mut writer))
        .await
        .map_err(|_| WireError::Protocol("no handshake in time"))??;
    let mut is_known = core.options.token.is_none();
    loop {
        let most = if is_known { Most::KNOWN } else { Most::STRANGER };
        let message = frames::read(&mut reader, &mut writer, most).await?;
        let Answered { reply, then, waste, is_known: now } = tokio::select! {
            answered = core.answer(&message.parts, spoken_for) => answered,
            () = hung_up(&mut reader) => return Ok(()),
        };
        is_known |= now;
        if let Err(error) = frames::send(&mut writer, &message.envelope, &reply).await {
            // Nobody knows the names of what was made for this client.
            core.discard(waste).await;
            return Err(error);
        }
        if then == Then::Stop {
            core.stop_node();
            return Ok(());
        }
    }
}

/// Ends when the peer has; never if it has sent more, for then it is still there.
async fn hung_up(reader: &mut (impl AsyncBufRead + Unpin)) {
    match reader.fill_buf().await {
        Ok([]) | Err(_) => {}
        Ok(_) => std::future::pending().await,
    }
}
