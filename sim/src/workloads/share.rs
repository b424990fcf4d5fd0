//! Share: background calls begin although latency work never ends.

use super::book::{Book, Rough};
use super::lives::{all_return, ready_node};
use crate::board;
use crate::probe::probe::methods;
use crate::stage::Stage;
use std::rc::Rc;
use windlass_client::Outgoing;
use windlass_driver::sim::{Rate, Weather};

/// Rounds of each task that keeps the worker busy.
const ROUNDS: u64 = 6_000;
/// Rounds that may pass before a doorbell is heard: the pieces between two looks, and those of a turn or two.
const BELL_MAX: u64 = 1_024 + 3 * 256;
/// Rounds that may pass before a background call begins: pieces of a turn, those before it, and its turn among eight.
const BEHIND_MAX: u64 = 700;

pub(super) fn play(stage: &Stage) -> Result<(), String> {
    // How late a bell may be is what is looked at here, so the weather leaves it alone.
    let weather = Weather { late_bell: Rate::NEVER, ..Weather::drawn(stage.seed()) };
    stage.world().set_weather(weather);
    let (node, begun) = ready_node(stage)?;
    let book = Book::new(Rough::No);
    let mut dice = stage.dice("share");
    let busy = 1 + dice.below(3);
    let mut people = Vec::new();
    let directory = node.directory();
    let script = |rounds: Option<u64>, book: Rc<Book>, directory: String| {
        move |me: crate::person::Me| async move {
            let client = me.connect(&directory, 8).map_err(|fault| fault.to_string())?;
            let pool = me.probe(&client).await.map_err(|fault| fault.to_string())?;
            match rounds {
                Some(rounds) => {
                    let calls: Vec<_> =
                        (0..2).map(|_| pool.call(methods::churn()).argument(&rounds).send()).collect();
                    for call in calls {
                        call.await.map_err(|fault| fault.to_string())?;
                    }
                }
                None => {
                    while board::churned() == 0 {
                        me.sleep(10_000).await;
                    }
                    // A silent session is heard by its doorbell, for which a busy worker looks now and then.
                    let before = board::churned();
                    let began = ask(pool.call(methods::among())).await?;
                    if began.saturating_sub(before) > BELL_MAX {
                        return Err(format!("{} pieces of work went before a bell was heard", began - before));
                    }
                    let before = board::churned();
                    let began = ask(pool.call(methods::behind())).await?;
                    if began.saturating_sub(before) > BEHIND_MAX {
                        return Err(format!(
                            "{} pieces of other work went before a background call",
                            began - before
                        ));
                    }
                }
            }
            book.gather().await;
            me.disconnect();
            Ok(())
        }
    };
    for number in 0..busy {
        people
            .push(stage.person(&format!("busy-{number}"), script(Some(ROUNDS), book.clone(), directory.clone())));
    }
    people.push(stage.person("patient", script(None, book.clone(), directory)));
    all_return(stage, &node, begun, &book, &people)
}

async fn ask(call: Outgoing) -> Result<u64, String> {
    let reply = call.send().await.map_err(|fault| fault.to_string())?;
    reply.value().map_err(|fault| fault.to_string())
}
