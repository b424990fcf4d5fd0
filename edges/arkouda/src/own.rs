//! Own: commands that the edge answers itself, because they are about the connection or the server and not about arrays.
//!
//! Lives here: `OWN` (their names and what they do), `answer`.
//! Holds: none of them waits for the node, so `noop` and `ruok` answer while it computes. (`getmemused` and its like do ask it.)

use crate::core::Core;
use crate::facts::VERSION;
use crate::limits::{QUOTE_BYTES_MAX, SLEEP_S_MAX};
use crate::reply::Reply;
use crate::request::{Request, RequestError};
use std::time::Duration;

/// Names and descriptions, as `getCmdMap` tells them.
pub(crate) const OWN: &[(&str, &str)] = &[
    ("clientlog", "Writes a line of the client to the server's log"),
    ("connect", "Begins"),
    ("disconnect", "Ends; the server stops if it was started with --autoShutdown"),
    ("getCmdMap", "All commands, with what they do"),
    ("getRegistrationConfig", "The parameter classes: dtypes and ranks"),
    ("getavailmem", "Bytes that arrays may still have"),
    ("getconfig", "The server's configuration"),
    ("getmemstatus", "The machine's memory"),
    ("getmemused", "Bytes that arrays have"),
    ("noop", "Nothing"),
    ("note", "Writes a line to the server's log"),
    ("ruok", "Answers imok"),
    ("shutdown", "Stops the server"),
    ("sleep", "Answers later"),
    ("wait_for_async_activity", "Answers when nothing is being saved"),
];

/// What is done after the reply has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The next request.
    Go,
    /// The server stops.
    Stop,
}

/// The answer to a command of ours; `None` if it is none.
pub(crate) async fn answer(core: &Core, request: &Request) -> Option<Result<(Reply, Then), RequestError>> {
    if !OWN.iter().any(|(name, _)| *name == request.cmd) {
        return None;
    }
    Some(dispatch(core, request).await)
}

async fn dispatch(core: &Core, request: &Request) -> Result<(Reply, Then), RequestError> {
    let reply = match request.cmd.as_str() {
        "connect" => Reply::text(format!("connected to arkouda server {} (Windlass, {VERSION})", core.address())),
        "disconnect" if core.options.auto_shutdown => return Ok((shutdown(core), Then::Stop)),
        "disconnect" => Reply::text(format!("disconnected from arkouda server {}", core.address())),
        "shutdown" => return Ok((shutdown(core), Then::Stop)),
        "noop" => Reply::text("noop"),
        "ruok" => Reply::text("imok"),
        "wait_for_async_activity" => Reply::text("completed"),
        "sleep" => {
            let seconds: f64 = request.parsed("seconds", "real")?;
            if !(0.0..=SLEEP_S_MAX).contains(&seconds) {
                return Ok((Reply::error(format!("Error: sleep takes 0 to {SLEEP_S_MAX} seconds")), Then::Go));
            }
            tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
            Reply::text("slept")
        }
        "note" => {
            // Read before it is logged: with the log off nobody would miss the argument.
            let message = cut(request.argument("message")?);
            tracing::info!(user = %cut(&request.user), "note: {message}");
            Reply::text("noted")
        }
        "clientlog" => client_log(request)?,
        "getconfig" => Reply::text(core.facts.config.clone()),
        "getRegistrationConfig" => Reply::text(core.facts.registration.clone()),
        "getCmdMap" => Reply::text(core.command_map().await),
        "getmemused" | "getavailmem" => {
            let factor = request.parsed::<u64>("factor", "int")?;
            let percent = request.truth("as_percent")?;
            match core.memory(&request.user).await {
                Err(fault) => Reply::error(format!("Error: {fault}")),
                Ok(memory) if request.cmd == "getmemused" => Reply::text(memory.used_text(factor, percent)),
                Ok(memory) => Reply::text(memory.left_text(factor, percent)),
            }
        }
        "getmemstatus" => match core.memory(&request.user).await {
            Err(fault) => Reply::error(format!("Error: {fault}")),
            Ok(memory) => Reply::text(memory.status_text()),
        },
        other => Reply::error(format!("Unrecognized command: {other}")),
    };
    Ok((reply, Then::Go))
}

fn shutdown(core: &Core) -> Reply {
    Reply::text(format!("shutdown server ({} req)", core.requests()))
}

fn client_log(request: &Request) -> Result<Reply, RequestError> {
    let (text, tag) = (cut(request.argument("log_msg")?), cut(request.argument("tag")?));
    let user = cut(&request.user);
    match request.argument("log_lvl")?.to_ascii_uppercase().as_str() {
        "DEBUG" => tracing::debug!(%user, %tag, "client: {text}"),
        "INFO" => tracing::info!(%user, %tag, "client: {text}"),
        "WARN" | "WARNING" => tracing::warn!(%user, %tag, "client: {text}"),
        "ERROR" | "CRITICAL" => tracing::error!(%user, %tag, "client: {text}"),
        _ => return Ok(Reply::error("Unknown Log Type Found.")),
    }
    Ok(Reply::text("Log Message Written Successfully."))
}

/// A client's text on one line of the log, not longer than a line.
fn cut(text: &str) -> String {
    text.chars().take(QUOTE_BYTES_MAX).map(|one| if one.is_control() { ' ' } else { one }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_a_client_is_one_line() {
        assert_eq!(cut("a\nb\u{7}c"), "a b c");
        assert_eq!(cut(&"x".repeat(1000)).len(), QUOTE_BYTES_MAX);
    }

    #[test]
    fn the_names_are_sorted_and_unique() {
        assert!(OWN.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
