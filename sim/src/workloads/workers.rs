//! Workers: a node of several, and calls that cross from one to another.
//!
//! From: the lives, deaths and orders of the other workloads, whose pool is at home on another worker than the clients'; beside
//! them somebody who asks all containers of a pool at once.
//! Holds: what those workloads hold; and a broadcast meets each container exactly once, also when it is cancelled, and its
//! answers are all there when it is answered with a value.

use super::book::Rough;
use super::calls::{EVERY, live_on};
use super::death;
use super::errands::Errand;
use super::lives::{all_return, ready_node_that};
use crate::node::{Made, SHARDS};
use crate::person::Me;
use crate::probe::probe::methods;
use crate::stage::Stage;
use windlass_client::Pool;
use windlass_contract::slot::Query;
use windlass_contract::{Code, Fault};

pub(super) fn play(stage: &Stage) -> Result<(), String> {
    let mut dice = stage.dice("workers");
    let (node, begun) = ready_node_that(stage, Made { workers: 2 + dice.place(3), ..Made::default() })?;
    match dice.below(4) {
        0 => death::play_on(stage, &node, begun),
        1 => live_on(stage, &node, begun, &[Errand::Slow, Errand::Slow, Errand::Slow, Errand::Add], Rough::No),
        2 => live_on(stage, &node, begun, EVERY, Rough::No),
        _ => {
            let book = super::book::Book::new(Rough::No);
            let casters: Vec<usize> = (0..1 + dice.below(3))
                .map(|number| {
                    let (directory, book) = (node.directory(), book.clone());
                    stage.person(&format!("caster-{number}"), move |me| async move {
                        let ended = cast(&me, &directory).await;
                        book.gather().await;
                        me.disconnect();
                        ended
                    })
                })
                .collect();
            all_return(stage, &node, begun, &book, &casters)
        }
    }
}

/// Asks all containers, some of them, and one; now and then it wants no answer any more.
async fn cast(me: &Me, directory: &str) -> Result<(), String> {
    let told = |fault: Fault| format!("a caster: {fault}");
    let client = me.connect(directory, 8).map_err(told)?;
    let pool = client.pool_async("shards").await.map_err(told)?;
    for round in 0..4 + me.below(12) {
        let number = (me.number as u64) << 32 | round;
        let first = me.below(u64::from(SHARDS)) as u32;
        let count = 1 + me.below(u64::from(SHARDS - first)) as u32;
        let (query, meets) = match me.below(4) {
            0 => (Query::Range { first, count }, count),
            1 => (Query::Hash(number), 1),
            2 => (Query::Dynamic, 1),
            _ => (Query::Broadcast, SHARDS),
        };
        let there = pool.toward(query);
        let pending = there.call(methods::visit()).argument(&number).argument(&me.below(3_000)).send();
        let ends = me.below(4) == 0;
        if ends {
            me.sleep(me.below(4_000_000)).await;
            pending.cancel();
        }
        match pending.await {
            Ok(reply) => {
                let met: u64 = reply.value().map_err(told)?;
                if met != u64::from(meets) {
                    return Err(format!("{query:?} met {met} containers instead of {meets}"));
                }
            }
            Err(fault) if ends && fault.is(Code::Cancelled) => {}
            Err(fault) => return Err(told(fault)),
        }
        weigh(me, &there, number).await.map_err(told)?;
    }
    Ok(())
}

/// Sends bytes to all of them, frozen or not.
async fn weigh(me: &Me, there: &Pool, number: u64) -> Result<(), Fault> {
    let bytes: Vec<u8> = (0..1 + me.below(6_000)).map(|at| (at ^ number) as u8).collect();
    let call = there.call(methods::weigh());
    let call = if me.coin() { call.input(&bytes) } else { call.input(&there.client().freeze(&bytes)?) };
    let weight: u64 = call.send().await?.value()?;
    if weight != xxhash_rust::xxh3::xxh3_64(&bytes) {
        return Err(Fault::new(Code::BadReply, "containers saw other bytes than were sent"));
    }
    Ok(())
}
