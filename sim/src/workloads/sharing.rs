//! Sharing: containers that workers share, called while their shares go from worker to worker.
//!
//! From: clients that have several calls out under few keys, from within as well, and cancel some; somebody who changes the modes of
//! pools, so that shares are dealt anew. Now and then the pool ends in the middle of it, or the node is told to stop.
//! Holds: the calls of a session under one key begin as they were sent, and no two of one key are inside at once, whichever workers
//! they came by; each is answered once; what was said is known, and a broadcast meets each container once.

use super::lives::{ready_node_that, stop};
use crate::choir::{Choir, choir};
use crate::line::Bare;
use crate::node::Made;
use crate::person::Me;
use crate::stage::Stage;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use windlass_admin::admin;
use windlass_client::Client;
use windlass_contract::slot::Query;
use windlass_contract::{Code, Fault};

/// Containers of the pool `choir`, and keys.
const CHOIRS: u64 = 2;
const NAMES: u64 = 6;

/// How it goes.
#[derive(Default)]
struct Going {
    /// Numbers that were said and answered.
    said: Cell<u64>,
    /// The node was told to stop, or the pool to end.
    ends: Cell<bool>,
    over: Cell<bool>,
}

impl Going {
    /// A Fault that what ends may answer.
    fn forgive(&self, what: &str, fault: &Fault) -> Result<(), String> {
        let codes = [Code::Draining, Code::NodeGone, Code::NotConnected, Code::UnknownPool];
        let away = codes.iter().any(|code| fault.is(*code));
        if self.ends.get() && away { Ok(()) } else { Err(format!("{what}: {fault}")) }
    }
}

pub(super) fn play(stage: &Stage) -> Result<(), String> {
    let mut dice = stage.dice("sharing");
    let made = Made { workers: 2 + dice.place(3), modules: &[Choir::TABLE, Bare::TABLE], ..Made::default() };
    let (node, _) = ready_node_that(stage, made)?;
    let going = Rc::new(Going::default());
    let directory = node.directory();
    let maker = stage.person("maker", move |me| async move {
        let told = |fault: Fault| format!("making the pools: {fault}");
        let admin = admin::Client::on(me.connect(&directory, 2).map_err(told)?.admin());
        admin.create_spread("choir", "choir", &[], CHOIRS as u32, "round_robin").await.map_err(told)?;
        admin.create_spread("bare", "bare", &[], 1, "least_loaded").await.map_err(told)?;
        me.disconnect();
        Ok(())
    });
    stage.until("the pools are made", || stage.is_over(maker))?;
    stage.verdict()?;
    let people: Vec<usize> = (0..1 + dice.below(4))
        .map(|number| {
            let (directory, going) = (node.directory(), going.clone());
            stage.person(&format!("singer-{number}"), move |me| async move { sing(&me, &directory, &going).await })
        })
        .collect();
    let (directory, inner) = (node.directory(), going.clone());
    let dealer = stage.person("dealer", move |me| async move { change(&me, &directory, &inner).await });
    let all_end = || people.iter().chain([&dealer]).all(|at| stage.is_over(*at));
    match dice.below(6) {
        0 => {
            for _ in 0..dice.below(3_000) {
                stage.step();
            }
            stage.verdict()?;
            going.ends.set(true);
            going.over.set(true);
            node.stop(Duration::from_secs(60));
            stage.until("the node stops", || node.is_stopped())?;
            return stage.until("everybody ends", all_end);
        }
        1 => {
            for _ in 0..dice.below(3_000) {
                stage.step();
            }
            stage.verdict()?;
            going.ends.set(true);
            going.over.set(true);
            let directory = node.directory();
            let ender = stage.person("ender", move |me| async move {
                let told = |fault: Fault| format!("ending the pool: {fault}");
                let admin = admin::Client::on(me.connect(&directory, 2).map_err(told)?.admin());
                admin.destroy_pool("choir").await.map_err(told)?;
                me.disconnect();
                Ok(())
            });
            stage.until("the pool ends", || stage.is_over(ender))?;
            stage.until("everybody ends", all_end)?;
        }
        _ => {
            stage.until("everybody has said what they wanted", || people.iter().all(|at| stage.is_over(*at)))?;
            going.over.set(true);
            stage.until("the dealer ends", || stage.is_over(dealer))?;
            let (directory, said) = (node.directory(), going.said.get());
            let auditor = stage.person("auditor", move |me| async move { count(&me, &directory, said).await });
            stage.until("the numbers are counted", || stage.is_over(auditor))?;
        }
    }
    stage.verdict()?;
    let quiet = || node.held().is_some_and(|held| held.in_flight + held.live_calls as u64 + held.away as u64 == 0);
    stage.until("calls return", quiet)?;
    stop(stage, &node)
}

async fn count(me: &Me, directory: &str, said: u64) -> Result<(), String> {
    let told = |fault: Fault| format!("counting: {fault}");
    let client = me.connect(directory, 2).map_err(told)?;
    let pool = client.pool_async("choir").await.map_err(told)?.toward(Query::Broadcast);
    let count = choir::Client::on(pool).said().await.map_err(told)?;
    me.disconnect();
    if count == said { Ok(()) } else { Err(format!("{said} numbers were answered and {count} are known")) }
}

async fn sing(me: &Me, directory: &str, going: &Going) -> Result<(), String> {
    let client = match me.connect(directory, 16) {
        Ok(client) => client,
        Err(fault) => return going.forgive("connecting", &fault),
    };
    let ended = say(me, &client, going).await;
    me.disconnect();
    match ended {
        Ok(()) => Ok(()),
        Err(fault) => going.forgive("saying", &fault),
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
            going.said.set(going.said.get() + 1);
        }
        let _one: u64 = alone.await?.value()?;
        if let Some(hum) = hum {
            if me.coin() {
                hum.cancel();
            }
            match hum.await {
                Ok(_) => {}
                Err(fault) if fault.is(Code::Cancelled) => {}
                Err(fault) => return Err(fault),
            }
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

/// Changes modes until all is over.
async fn change(me: &Me, directory: &str, going: &Going) -> Result<(), String> {
    let client = match me.connect(directory, 2) {
        Ok(client) => client,
        Err(fault) => return going.forgive("connecting", &fault),
    };
    let admin = admin::Client::on(client.admin());
    while !going.over.get() {
        let pool = ["choir", "bare"][me.below(2) as usize];
        let mode = ["shared", "bundled", "dedicated"][me.below(3) as usize];
        match admin.set_pool_mode(pool, mode).await {
            Ok(facts) if facts.mode == mode => {}
            Ok(facts) => return Err(format!("{pool} was to be {mode} and is {facts:?}")),
            // There may be too few workers for it.
            Err(fault) if fault.is(Code::BadArguments) => {}
            Err(fault) => {
                me.disconnect();
                return going.forgive("changing a mode", &fault);
            }
        }
        me.sleep(me.below(8_000_000)).await;
    }
    me.disconnect();
    Ok(())
}
