//! Periods: methods that the node calls by itself, beside clients, over the end of their pool and of their node.
//!
//! Holds: they are called at their period and never before, never twice at once, as long as their pool stands and no longer.

use super::book::{Book, Rough};
use super::lives::{all_return, ready_node_that};
use crate::board;
use crate::node::Made;
use crate::person::Me;
use crate::pulse::Pulse;
use crate::pulse::pulse;
use crate::stage::Stage;
use std::rc::Rc;
use windlass_contract::{Code, Fault};

/// Ticks of each pool before it ends.
const TICKS: u64 = 12;
/// Many periods.
const LONG_NS: u64 = 60_000_000;

pub(super) fn play(stage: &Stage) -> Result<(), String> {
    let (node, begun) = ready_node_that(stage, Made { modules: &[Pulse::TABLE], ..Made::default() })?;
    let mut dice = stage.dice("periods");
    if dice.below(4) == 0 {
        let directory = node.directory();
        let person = stage.person("first", |me| async move {
            let client = me.connect(&directory, 2).map_err(|fault| fault.to_string())?;
            match pulse::create(&client, "pulse").await {
                Ok(made) => drop(made),
                Err(fault) if fault.is(Code::NodeGone) || fault.is(Code::NotConnected) => {}
                Err(fault) => return Err(fault.to_string()),
            }
            me.disconnect();
            Ok(())
        });
        for _ in 0..200 + dice.below(400) {
            stage.step();
        }
        stage.verdict()?;
        // A node that is gone calls nothing; the one after it has no such pool.
        node.crash(dice.coin());
        stage.until("the client hears of it", || stage.is_over(person))?;
        let beats = board::beats();
        node.restart()?;
        stage.until("the node begins again", || node.is_ready())?;
        let later = stage.world().now() + LONG_NS;
        stage.world().advance_to(later);
        steps(stage);
        if board::beats() != beats {
            return Err("a node that is gone calls its methods".into());
        }
    }
    let book = Book::new(Rough::No);
    let people: Vec<usize> = (0..1 + dice.below(2))
        .map(|number| {
            let (directory, book) = (node.directory(), book.clone());
            stage.person(&format!("client-{number}"), |me| live(me, directory, book, number))
        })
        .collect();
    let living = || people.iter().filter(|at| !stage.is_over(**at)).count();
    stage.until("everybody does their errands", || book.gathered() >= living())?;
    // All pools have ended by now, and their calls; nothing ticks any more.
    let beats = board::beats();
    let later = stage.world().now() + LONG_NS;
    stage.world().advance_to(later);
    steps(stage);
    if board::beats() != beats {
        return Err("a method is called after its pool has ended".into());
    }
    all_return(stage, &node, begun, &book, &people)
}

/// Some steps of whoever is awake.
fn steps(stage: &Stage) {
    for _ in 0..50 {
        stage.step();
    }
}

async fn live(me: Me, directory: String, book: Rc<Book>, number: u64) -> Result<(), String> {
    let text = |fault: Fault| fault.to_string();
    let client = me.connect(&directory, 4).map_err(text)?;
    let name = format!("pulse-{number}");
    for _ in 0..1 + me.below(2) {
        let made = pulse::create(&client, &name).await.map_err(text)?;
        loop {
            let (ticks, long) = made.ran().await.map_err(text)?;
            if ticks >= TICKS && long >= 2 {
                break;
            }
            me.sleep(me.below(4_000_000)).await;
        }
        // A call keeps the container; the pool ends all the same.
        let resting = me.coin().then(|| {
            let us = me.below(20_000);
            made.pool().call(pulse::methods::rest()).argument(&us).send()
        });
        if me.coin() {
            crate::person::give_way().await;
        }
        let admin = windlass_admin::admin::Client::on(client.admin());
        admin.destroy_pool(&name).await.map_err(text)?;
        match made.ran().await {
            Err(fault) if fault.is(Code::UnknownPool) => {}
            Err(fault) => return Err(text(fault)),
            Ok(_) => return Err("a pool that was ended answers".into()),
        }
        if let Some(resting) = resting {
            resting.await.map_err(text)?;
        }
    }
    drop(client);
    // What was queued before the end may still run.
    me.sleep(30_000_000).await;
    book.gather().await;
    me.disconnect();
    Ok(())
}
