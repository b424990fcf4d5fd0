//! Events: what has happened to a node, and what happens while one looks on.
//!
//! Holds: an event is shown once; what the node could not keep is told; with `--follow` it goes on when the node has come back.

use crate::admin;
use crate::args::EventsArgs;
use crate::output::{Output, Rows, heard};
use crate::trouble::Trouble;
use std::time::Duration;
use windlass_client::Client;
use windlass_contract::admin::EventFacts;
use windlass_contract::{Code, Fault};

/// How long the node waits for an event before it answers that there is none.
const WAIT: Duration = Duration::from_secs(1);

/// `windlass events`.
pub fn run(args: &EventsArgs, output: Output) -> Result<(), Trouble> {
    let client = args.target.connect()?;
    if args.follow {
        return follow(args, &client, output);
    }
    let (mut after, mut events) = (args.after, Vec::new());
    loop {
        let (lost, some) = admin::events(&client, after, Duration::ZERO)?;
        say_lost(output, lost);
        let Some(last) = some.last() else { break };
        after = last.number;
        events.extend(some.into_iter().filter(|event| is_asked(args, event)));
    }
    output.data(&events, || {
        let mut rows = Rows::new(&[">number", ">up s", "event", "of", "why"]);
        events.iter().for_each(|event| rows.row(cells(event)));
        if events.is_empty() { "nothing has happened".into() } else { rows.text() }
    })
}

fn follow(args: &EventsArgs, client: &Client, output: Output) -> Result<(), Trouble> {
    let (mut after, mut generation) = (args.after, client.welcome().node_generation);
    loop {
        let (lost, events) = match admin::events(client, after, WAIT) {
            Ok(told) => told,
            Err(fault) if fault.is(Code::NodeGone) || fault.is(Code::Draining) => {
                again(client, output)?;
                // Another life of the node counts from the beginning.
                if client.welcome().node_generation != generation {
                    (after, generation) = (0, client.welcome().node_generation);
                }
                continue;
            }
            Err(fault) => return Err(fault.into()),
        };
        say_lost(output, lost);
        for event in events {
            after = event.number;
            if !is_asked(args, &event) {
                continue;
            }
            let line = if output.json {
                serde_json::to_string(&event).map_err(|error| Fault::new(Code::Internal, error.to_string()))?
            } else {
                cells(&event).join("  ")
            };
            if !heard(format!("{line}\n").as_bytes())? {
                return Ok(());
            }
        }
    }
}

/// Waits until the node is there again.
fn again(client: &Client, output: Output) -> Result<(), Trouble> {
    output.say("the node is gone; waiting until it is back (Ctrl-C ends this)");
    loop {
        match client.reconnect() {
            Ok(()) => return Ok(()),
            Err(fault) if fault.is(Code::NotConnected) => {}
            Err(fault) => return Err(fault.into()),
        }
    }
}

fn is_asked(args: &EventsArgs, event: &EventFacts) -> bool {
    args.of.as_ref().is_none_or(|text| event.kind.contains(text.as_str()) || event.subject.contains(text.as_str()))
}

fn say_lost(output: Output, lost: u64) {
    if lost > 0 {
        output.say(&format!("{lost} events before these are lost: a node keeps the last 1024"));
    }
}

fn cells(event: &EventFacts) -> [String; 5] {
    let code = Code::from_number(event.code).map_or_else(String::new, |code| format!("{code:?}: "));
    [
        event.number.to_string(),
        format!("{:.3}", event.up_s),
        event.kind.clone(),
        event.subject.clone(),
        format!("{code}{}", event.text),
    ]
}
