//! Waits on a node: calls of many clients wait for each other, are cancelled, run out of time, and lose their clients.
//!
//! Holds: first come, first served at each primitive; whoever is served has it alone; what a call had or was handed goes on when it
//! ends, however it ends; nobody is forgotten.

use super::book::{Book, Rough};
use super::lives::{all_return, one_does, ready_node_that};
use crate::node::Made;
use crate::person::{Me, Tally, give_way};
use crate::stage::Stage;
use crate::waits::Waits;
use crate::waits::waits::{self, methods};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use windlass_client::{Outgoing, Pool};
use windlass_contract::{Code, Fault};

/// Rounds of help, each some time after the one before: more than all graces together need.
const ROUNDS_MAX: u64 = 3_000;

pub(super) fn play(stage: &Stage) -> Result<(), String> {
    let (node, begun) = ready_node_that(stage, Made { modules: &[Waits::TABLE], ..Made::default() })?;
    let mut dice = stage.dice("waits");
    let book = Book::new(Rough::No);
    let mut people = Vec::new();
    one_does(stage, &node, "maker", "making the pool", async |client| waits::create(client, "waits").await)?;
    for number in 0..1 + dice.below(3) {
        let (directory, book) = (node.directory(), book.clone());
        let (scripts, errands) = (2 + dice.below(5), 3 + dice.below(6));
        people.push(stage.person(&format!("client-{number}"), |me| async move {
            live(me, directory, book, scripts, errands).await
        }));
    }
    let others = people.clone();
    let (directory, end, at_it) = (node.directory(), book.clone(), people.clone());
    let (whole, helper_book) = (stage.clone(), book.clone());
    people.push(stage.person("helper", |me| async move {
        let gone = || at_it.iter().filter(|at| whole.is_over(**at)).count();
        help(me, directory, end, || helper_book.gathered() + gone() >= at_it.len()).await
    }));
    // Somebody dies at any moment, what they wait for or have included; but not all.
    for victim in others.iter().skip(1) {
        if dice.coin() {
            let magnitude = dice.below(10);
            for _ in 0..1 + dice.below(1 << magnitude) {
                stage.step();
            }
            stage.verdict()?;
            stage.kill(*victim);
        }
    }
    all_return(stage, &node, begun, &book, &people)
}

async fn live(me: Me, directory: String, book: Rc<Book>, scripts: u64, errands: u64) -> Result<(), String> {
    let client = me.connect(&directory, 8).map_err(|fault| fault.to_string())?;
    let made = waits::create(&client, "waits").await.map_err(|fault| fault.to_string())?;
    let going = Tally::new(scripts);
    for _ in 0..scripts {
        let (me, pool, going) = (me.clone(), made.pool().clone(), going.clone());
        me.clone().also(async move {
            for _ in 0..errands {
                errand(&me, &pool).await?;
            }
            going.one_less();
            Ok(())
        });
    }
    going.none_left().await;
    drop((made, client));
    book.gather().await;
    me.disconnect();
    Ok(())
}

/// Wakes, sends and receives for those who wait for somebody that may never come; then looks what is left.
async fn help(me: Me, directory: String, book: Rc<Book>, all_done: impl Fn() -> bool) -> Result<(), String> {
    let client = me.connect(&directory, 2).map_err(|fault| fault.to_string())?;
    let made = waits::create(&client, "waits").await.map_err(|fault| fault.to_string())?;
    let text = |fault: Fault| fault.to_string();
    // What was dropped may still be waiting when all are done.
    let rounds = Cell::new(0_u64);
    loop {
        let waiting = made.relieve().await.map_err(text)?;
        if waiting == 0 && all_done() {
            break;
        }
        rounds.set(rounds.get() + 1);
        if rounds.get() > ROUNDS_MAX {
            return Err(format!("{waiting} wait although all are helped; or somebody does who is not seen"));
        }
        // With nobody to be helped, a lock is waited for that somebody has for ever: until their grace is over.
        me.sleep(if waiting > 0 { 200_000 + me.below(2_000_000) } else { 40_000_000 }).await;
    }
    rounds.set(0);
    let left = loop {
        let left = made.left().await.map_err(text)?;
        rounds.set(rounds.get() + 1);
        // Dropped calls end in their own time, and stubborn ones after a grace.
        if left.is_none() || rounds.get() > 60 {
            break left;
        }
        made.relieve().await.map_err(text)?;
        me.sleep(100_000_000).await;
    };
    if let Some(left) = left {
        return Err(format!("nobody is there, and this is left: {left}"));
    }
    drop((made, client));
    book.gather().await;
    me.disconnect();
    Ok(())
}

/// One call, to its end or not.
async fn errand(me: &Me, pool: &Pool) -> Result<(), String> {
    let us = me.below(400);
    // One that has the lock for ever is given up, and ends after its grace.
    if me.below(30) == 0 {
        let call = pool.call(methods::lock()).argument(&us).argument(&true);
        return end(me, call, 2).await;
    }
    let stubborn = false;
    let call = match me.below(9) {
        0 | 1 => pool.call(methods::lock()).argument(&us).argument(&stubborn),
        2 | 3 => pool.call(methods::permits()).argument(&(1 + me.below(3))).argument(&us),
        4 => pool.call(methods::send()),
        5 => pool.call(methods::receive()),
        6 => pool.call(methods::sleep()),
        7 => pool.call(methods::wake()).argument(&me.coin()),
        _ => pool.call(methods::buffer()).argument(&us),
    };
    end(me, call, 5).await
}

/// Waits for a call, lets go of it or asks it to end, which is drawn among so many.
async fn end(me: &Me, call: Outgoing, among: u64) -> Result<(), String> {
    let limited = me.below(5) == 0;
    let call = if limited { call.deadline(Duration::from_micros(1 + me.below(3_000))) } else { call };
    let call = call.send();
    let patience = me.below(among);
    if patience < 2 {
        match me.below(3) {
            0 => {}
            1 => give_way().await,
            _ => me.sleep(me.below(2_000_000)).await,
        }
        if patience == 0 {
            return Ok(());
        }
        call.cancel();
    }
    match call.await {
        Ok(_) => Ok(()),
        Err(fault) if patience == 1 && fault.is(Code::Cancelled) => Ok(()),
        Err(fault) if limited && fault.is(Code::DeadlineExceeded) => Ok(()),
        Err(fault) => Err(format!("{:?} {fault}", fault.code)),
    }
}
