//! Moves: containers that go from worker to worker while they are called.
//!
//! From: somebody who changes the modes of pools all the time; beside them clients that have several calls out, and calls that are in
//! the way. Now and then the node is told to stop in the middle of it.
//! Holds: the calls of a session to one container begin as they were sent, wherever that is by then; each is answered once; what a
//! container knew, it knows after it moved; a broadcast from within meets each container once.

use super::lives::{one_does, ready_node_that};
use super::numbers::{Going, changer, counted, interrupt, out_of_the_way, people, stopped};
use crate::line::{Bare, Line, bare, line};
use crate::node::Made;
use crate::person::Me;
use crate::stage::Stage;
use windlass_admin::admin;
use windlass_client::Client;
use windlass_contract::slot::Query;
use windlass_contract::{Code, Fault};

/// Containers of the pool `line`.
const LINES: u64 = 3;

pub(super) fn play(stage: &Stage) -> Result<(), String> {
    let mut dice = stage.dice("moves");
    let workers = 2 + dice.place(3);
    let made = Made { workers, modules: &[Line::TABLE, Bare::TABLE], ..Made::default() };
    let (node, _) = ready_node_that(stage, made)?;
    let going = Going::new(&[Code::Draining, Code::NodeGone, Code::NotConnected]);
    one_does(stage, &node, "maker", "making the pools", async |client| {
        let admin = admin::Client::on(client.admin());
        admin.create_spread("line", "line", &[], LINES as u32, "round_robin").await?;
        admin.create_spread("bare", "bare", &[], 2, "least_loaded").await
    })?;
    let senders = people(stage, &node, &going, ("sender", 1 + dice.below(4)), 8, say);
    let mover = changer(stage, &node, &going, "mover", ["line", "bare"], 2_000_000);
    if dice.below(4) == 0 {
        interrupt(stage, &going, dice.below(3_000))?;
        return stopped(stage, &node, &[senders.as_slice(), &[mover]].concat());
    }
    stage.until("everybody has said what they wanted", || senders.iter().all(|at| stage.is_over(*at)))?;
    going.is_over();
    stage.until("the mover ends", || stage.is_over(mover))?;
    counted(stage, &node, &going, async |client| {
        let pool = client.pool_async("line").await?.toward(Query::Broadcast);
        line::Client::on(pool).said().await
    })
}

/// Says numbers to each container, several at once, with others in the way.
async fn say(me: &Me, client: &Client, going: &Going) -> Result<(), Fault> {
    let pool = client.pool_async("line").await?;
    let bare = bare::Client::on(client.pool_async("bare").await?);
    let mut next = [0u64; LINES as usize];
    for _ in 0..4 + me.below(30) {
        let at = me.below(LINES);
        let to = pool.toward(Query::Id(at));
        let nap = (me.below(5) == 0).then(|| to.call(line::methods::nap()).argument(&me.below(2_000)).send());
        let mut out = Vec::new();
        for _ in 0..1 + me.below(5) {
            let number = &mut next[at as usize];
            out.push(to.call(line::methods::say()).argument(&(me.number as u64)).argument(&*number).send());
            *number += 1;
        }
        for one in out {
            let _next: u64 = one.await?.value()?;
            going.one_said();
        }
        if let Some(nap) = nap {
            out_of_the_way(me, nap).await?;
        }
        if me.below(3) == 0 {
            bare.ask("line").await?;
        }
        if me.coin() {
            me.sleep(me.below(1_000_000)).await;
        }
    }
    Ok(())
}
