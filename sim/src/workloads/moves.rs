//! Moves: containers that go from worker to worker while they are called.
//!
//! From: somebody who changes the modes of pools all the time; beside them clients that have several calls out, and calls that are in
//! the way. Now and then the node is told to stop in the middle of it.
//! Holds: the calls of a session to one container begin as they were sent, wherever that is by then; each is answered once; what a
//! container knew, it knows after it moved; a broadcast from within meets each container once.

use super::lives::{ready_node_that, stop};
use crate::line::{Bare, Line, bare, line};
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

/// Containers of the pool `line`.
const LINES: u64 = 3;

/// How it goes.
#[derive(Default)]
struct Going {
    /// Numbers that were said and answered.
    said: Cell<u64>,
    /// The node was told to stop.
    ends: Cell<bool>,
    over: Cell<bool>,
}

impl Going {
    /// A Fault that a node which ends may answer.
    fn forgive(&self, what: &str, fault: &Fault) -> Result<(), String> {
        let away = [Code::Draining, Code::NodeGone, Code::NotConnected].iter().any(|code| fault.is(*code));
        if self.ends.get() && away { Ok(()) } else { Err(format!("{what}: {fault}")) }
    }
}

pub(super) fn play(stage: &Stage) -> Result<(), String> {
    let mut dice = stage.dice("moves");
    let workers = 2 + dice.place(3);
    let made = Made { workers, modules: &[Line::TABLE, Bare::TABLE], ..Made::default() };
    let (node, _) = ready_node_that(stage, made)?;
    let going = Rc::new(Going::default());
    let directory = node.directory();
    let maker = stage.person("maker", move |me| async move {
        let told = |fault: Fault| format!("making the pools: {fault}");
        let admin = admin::Client::on(me.connect(&directory, 2).map_err(told)?.admin());
        admin.create_spread("line", "line", &[], LINES as u32, "round_robin").await.map_err(told)?;
        admin.create_spread("bare", "bare", &[], 2, "least_loaded").await.map_err(told)?;
        me.disconnect();
        Ok(())
    });
    stage.until("the pools are made", || stage.is_over(maker))?;
    stage.verdict()?;
    let people: Vec<usize> = (0..1 + dice.below(4))
        .map(|number| {
            let (directory, going) = (node.directory(), going.clone());
            stage.person(&format!("sender-{number}"), move |me| async move { send(&me, &directory, &going).await })
        })
        .collect();
    let (directory, inner) = (node.directory(), going.clone());
    let mover = stage.person("mover", move |me| async move { change(&me, &directory, &inner).await });
    if dice.below(4) == 0 {
        for _ in 0..dice.below(3_000) {
            stage.step();
        }
        stage.verdict()?;
        going.ends.set(true);
        going.over.set(true);
        node.stop(Duration::from_secs(60));
        stage.until("the node stops", || node.is_stopped())?;
        return stage.until("everybody ends", || people.iter().chain([&mover]).all(|at| stage.is_over(*at)));
    }
    stage.until("everybody has said what they wanted", || people.iter().all(|at| stage.is_over(*at)))?;
    going.over.set(true);
    stage.until("the mover ends", || stage.is_over(mover))?;
    let (directory, said) = (node.directory(), going.said.get());
    let auditor = stage.person("auditor", move |me| async move {
        let told = |fault: Fault| format!("counting: {fault}");
        let client = me.connect(&directory, 2).map_err(told)?;
        let pool = client.pool_async("line").await.map_err(told)?.toward(Query::Broadcast);
        let count = line::Client::on(pool).said().await.map_err(told)?;
        me.disconnect();
        if count == said { Ok(()) } else { Err(format!("{said} numbers were answered and {count} are known")) }
    });
    stage.until("the numbers are counted", || stage.is_over(auditor))?;
    stage.verdict()?;
    let quiet = || node.held().is_some_and(|held| held.in_flight + held.live_calls as u64 + held.away as u64 == 0);
    stage.until("calls return", quiet)?;
    stop(stage, &node)
}

/// Says numbers to each container, several at once, with others in the way.
async fn send(me: &Me, directory: &str, going: &Going) -> Result<(), String> {
    let client = match me.connect(directory, 8) {
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
            going.said.set(going.said.get() + 1);
        }
        if let Some(nap) = nap {
            if me.coin() {
                nap.cancel();
            }
            match nap.await {
                Ok(_) => {}
                Err(fault) if fault.is(Code::Cancelled) => {}
                Err(fault) => return Err(fault),
            }
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

/// Changes modes until all is over.
async fn change(me: &Me, directory: &str, going: &Going) -> Result<(), String> {
    let client = match me.connect(directory, 2) {
        Ok(client) => client,
        Err(fault) => return going.forgive("connecting", &fault),
    };
    let admin = admin::Client::on(client.admin());
    while !going.over.get() {
        let pool = ["line", "bare"][me.below(2) as usize];
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
        me.sleep(me.below(2_000_000)).await;
    }
    me.disconnect();
    Ok(())
}
