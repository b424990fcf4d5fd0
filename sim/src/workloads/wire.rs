//! Wire: clients over TCP, on a network that is slow, transfers less than it could, and cuts connections, also in mid-chunk.
//!
//! Holds: each call is answered, with a value that is right or with a Fault that a cut may bring; a session whose connection is
//! gone leaves nothing in the node; totals lie between what surely and what perhaps was added.

use super::book::{Book, Rough};
use super::errands::Errand;
use super::lives::{Life, all_return, ready_node_that};
use crate::conduit;
use crate::node::Made;
use crate::stage::Stage;
use crate::tasks::TasksActor;
use windlass_client::Token;
use windlass_driver::sim::{Machine, Rate, Weather};

/// What is called over a wire.
const KINDS: &[Errand] = &[
    Errand::Ping,
    Errand::Add,
    Errand::Slow,
    Errand::Copy,
    Errand::Copy,
    Errand::Frozen,
    Errand::Reverse,
    Errand::Reverse,
    Errand::Fill,
    Errand::Endless,
    Errand::Panic,
    Errand::Detached,
];

pub(super) fn play(stage: &Stage) -> Result<(), String> {
    // A connection that falls silent for ever is noticed by the system's own probes, which no simulated network has.
    let mut weather = Weather::drawn(stage.seed());
    weather.net.silent = Rate::NEVER;
    // A hello and a frame have to come within seconds.
    weather.net.slow = Rate::NEVER;
    weather.net.buffer_bytes = weather.net.buffer_bytes.max(1 << 10);
    let mut dice = stage.dice("wire");
    let scissors = dice.coin();
    // Where nothing is cut nothing may go wrong.
    let rough = if scissors || weather.net.cut != Rate::NEVER { Rough::Death } else { Rough::No };
    stage.world().set_weather(weather);
    let (node, held) = ready_node_that(stage, Made { listens: true, ..Made::default() })?;
    let at = node.tcp().ok_or("the node listens nowhere")?;
    let token = token(&node.directory())?;
    let book = Book::new(rough);
    let people: Vec<usize> = (0..1 + dice.below(4))
        .map(|number| {
            let (cx, actor) = TasksActor::new(stage, Machine(1 + number as u32), &format!("conduit {number}"))?;
            let conduit = conduit::lay(&cx, at);
            stage.tasks(actor);
            let life = Life::drawn(stage, &node, &book, number, KINDS);
            Ok(stage.person(&format!("client-{number}"), move |me| async move {
                let connected = me.connect_over(conduit, token, life.calls);
                life.live_by(me, connected).await
            }))
        })
        .collect::<Result<_, String>>()?;
    if scissors {
        let after = 1 + dice.below(200_000_000);
        stage.person("scissors", move |me| async move {
            me.sleep(after).await;
            me.stage.world().lose_connections();
            Ok(())
        });
    }
    all_return(stage, &node, held, &book, &people)
}

#[allow(clippy::disallowed_methods, reason = "a client reads the token's file, as its user does")]
fn token(directory: &str) -> Result<Token, String> {
    let path = std::path::Path::new(directory).join(windlass_contract::node_dir::TOKEN);
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    Token::from_text(&text).ok_or_else(|| "no token in its file".into())
}
