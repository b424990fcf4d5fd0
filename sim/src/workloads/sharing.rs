//! Sharing: containers that workers share, called while their shares go from worker to worker.
//!
//! From: clients that have several calls out under few keys, from within as well, and cancel some; somebody who changes the modes of
//! pools, so that shares are dealt anew. Now and then the pool ends in the middle of it, or the node is told to stop.
//! Holds: the calls of a session under one key begin as they were sent, and no two of one key are inside at once, whichever workers
//! they came by; each is answered once; what was said is known, and a broadcast meets each container once.

use super::lives::{comes_to_rest, one_does, ready_node_that};
use super::numbers::{Going, changer, counted, interrupt, out_of_the_way, people, stopped};
use crate::choir::{Choir, choir};
use crate::line::Bare;
use crate::node::Made;
use crate::person::Me;
use crate::stage::Stage;
use windlass_admin::admin;
use windlass_client::Client;
use windlass_contract::slot::Query;
use windlass_contract::{Code, Fault};

/// Containers of the pool `choir`, and keys.
const CHOIRS: u64 = 2;
const NAMES: u64 = 6;

pub(super) fn play(stage: &Stage) -> Result<(), String> {
    let mut dice = stage.dice("sharing");
    let made = Made { workers: 2 + dice.place(3), modules: &[Choir::TABLE, Bare::TABLE], ..Made::default() };
    let (node, _) = ready_node_that(stage, made)?;
    let going = Going::new(&[Code::Draining, Code::NodeGone, Code::NotConnected, Code::UnknownPool]);
    one_does(stage, &node, "maker", "making the pools", async |client| {
        let admin = admin::Client::on(client.admin());
        admin.create_spread("choir", "choir", &[], CHOIRS as u32, "round_robin").await?;
        admin.create_spread("bare", "bare", &[], 1, "least_loaded").await
    })?;
    let singers = people(stage, &node, &going, ("singer", 1 + dice.below(4)), 16, say);
    let dealer = changer(stage, &node, &going, "dealer", ["choir", "bare"], 8_000_000);
    let everybody = [singers.as_slice(), &[dealer]].concat();
    match dice.below(6) {
        0 => {
            interrupt(stage, &going, dice.below(3_000))?;
            stopped(stage, &node, &everybody)
        }
        1 => {
            interrupt(stage, &going, dice.below(3_000))?;
            one_does(stage, &node, "ender", "ending the pool", async |client| {
                admin::Client::on(client.admin()).destroy_pool("choir").await
            })?;
            stage.until("everybody ends", || everybody.iter().all(|at| stage.is_over(*at)))?;
            stage.verdict()?;
            comes_to_rest(stage, &node)
        }
        _ => {
            stage.until("everybody has said what they wanted", || singers.iter().all(|at| stage.is_over(*at)))?;
            going.is_over();
            stage.until("the dealer ends", || stage.is_over(dealer))?;
            counted(stage, &node, &going, async |client| {
                let pool = client.pool_async("choir").await?.toward(Query::Broadcast);
                choir::Client::on(pool).said().await
            })
        }
    }
}

/// Says numbers under each key, several at once, with others in the way.
async fn say(me: &Me, client: &Client, going: &Going) -> Result<(), Fault> {
    let pool = client.pool_async("choir").await?;
    let mut next = [[0u64; NAMES as usize]; CHOIRS as usize];
    for _ in 0..4 + me.below(24) {
        let at = me.below(CHOIRS);
        let to = pool.toward(Query::Id(at));
        let hum = (me.below(3) == 0).then(|| to.call(choir::methods::hum()).argument(&me.below(2_000)).send());
        let mut out = Vec::new();
        for _ in 0..1 + me.below(8) {
            let name = me.below(NAMES);
            let number = &mut next[at as usize][name as usize];
            // A key's calls all wait in one lane or all in the other: order is of a lane.
            let says = name.is_multiple_of(2);
            let call = to.call(if says { choir::methods::say() } else { choir::methods::call_out() });
            let call = call.argument(&name).argument(&(me.number as u64)).argument(&*number);
            let inside = if me.coin() { me.below(500) } else { 0 };
            out.push(if says { call.argument(&inside).send() } else { call.send() });
            *number += 1;
        }
        let alone = to.call(choir::methods::alone()).send();
        for one in out {
            let _next: u64 = one.await?.value()?;
            going.one_said();
        }
        let _one: u64 = alone.await?.value()?;
        if let Some(hum) = hum {
            out_of_the_way(me, hum).await?;
        }
        // Not often: a container that calls itself cannot be drained while calls to it are held back, which takes its time.
        if me.below(12) == 0 {
            let depth = me.below(4);
            // Under keys of its own, so that no key waits for another.
            let name = NAMES + me.below(3);
            let round = to.call(choir::methods::round()).argument(&at).argument(&name).argument(&depth);
            let below: u64 = round.send().await?.value()?;
            if below != depth {
                return Err(Fault::new(Code::BadReply, format!("{depth} rounds were asked for and {below} went")));
            }
        }
        if me.coin() {
            me.sleep(me.below(1_000_000)).await;
        }
    }
    Ok(())
}
