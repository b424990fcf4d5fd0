//! Travel: sessions that go to the workers that their calls go to.
//!
//! From: clients that call containers of one worker for a while, then of another, with several calls out and pauses; now and then the
//! node is told to stop.
//! Holds: the calls of a session to one container begin as they were sent, wherever the session is by then; each is answered once;
//! what was said is known; nothing of a session stays behind.

use super::lives::{ready_node_that, stop};
use crate::line::{Line, line};
use crate::node::Made;
use crate::person::Me;
use crate::stage::Stage;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use windlass_admin::admin;
use windlass_client::Client;
use windlass_contract::{Code, Fault};

/// Pools, each of one container, on one worker after another.
const LINES: u64 = 3;

/// How it goes.
#[derive(Default)]
struct Going {
    /// Numbers that were said and answered.
    said: Cell<u64>,
    /// The node was told to stop.
    ends: Cell<bool>,
}

impl Going {
    /// A Fault that a node which ends may answer.
    fn forgive(&self, what: &str, fault: &Fault) -> Result<(), String> {
        let away = [Code::Draining, Code::NodeGone, Code::NotConnected].iter().any(|code| fault.is(*code));
        if self.ends.get() && away { Ok(()) } else { Err(format!("{what}: {fault}")) }
    }
}

pub(super) fn play(stage: &Stage) -> Result<(), String> {
    let mut dice = stage.dice("travel");
    let made = Made { workers: 2 + dice.place(3), modules: &[Line::TABLE], ..Made::default() };
    let workers = made.workers as u64;
    let (node, _) = ready_node_that(stage, made)?;
    let going = Rc::new(Going::default());
    let directory = node.directory();
    let maker = stage.person("maker", move |me| async move {
        let told = |fault: Fault| format!("making the pools: {fault}");
        let admin = admin::Client::on(me.connect(&directory, 2).map_err(told)?.admin());
        for at in 0..LINES {
            let (name, placed) = (format!("line-{at}"), format!("pinned:{}", at % workers));
            admin.create_spread(&name, "line", &[], 1, &placed).await.map_err(told)?;
        }
        me.disconnect();
        Ok(())
    });
    stage.until("the pools are made", || stage.is_over(maker))?;
    stage.verdict()?;
    let people: Vec<usize> = (0..1 + dice.below(3))
        .map(|number| {
            let (directory, going) = (node.directory(), going.clone());
            stage
                .person(&format!("traveller-{number}"), move |me| async move { go(&me, &directory, &going).await })
        })
        .collect();
    if dice.below(5) == 0 {
        for _ in 0..dice.below(6_000) {
            stage.step();
        }
        stage.verdict()?;
        going.ends.set(true);
        node.stop(Duration::from_secs(60));
        stage.until("the node stops", || node.is_stopped())?;
        return stage.until("everybody ends", || people.iter().all(|at| stage.is_over(*at)));
    }
    stage.until("everybody has said what they wanted", || people.iter().all(|at| stage.is_over(*at)))?;
    stage.verdict()?;
    let (directory, said) = (node.directory(), going.said.get());
    let auditor = stage.person("auditor", move |me| async move {
        let told = |fault: Fault| format!("counting: {fault}");
        let client = me.connect(&directory, 2).map_err(told)?;
        let mut count = 0;
        for at in 0..LINES {
            let pool = client.pool_async(&format!("line-{at}")).await.map_err(told)?;
            count += line::Client::on(pool).said().await.map_err(told)?;
        }
        me.disconnect();
        if count == said { Ok(()) } else { Err(format!("{said} numbers were answered and {count} are known")) }
    });
    stage.until("the numbers are counted", || stage.is_over(auditor))?;
    stage.verdict()?;
    let quiet = || node.held().is_some_and(|held| held.in_flight + held.live_calls as u64 + held.away as u64 == 0);
    stage.until("calls return", quiet)?;
    stop(stage, &node)
}

async fn go(me: &Me, directory: &str, going: &Going) -> Result<(), String> {
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

/// Says numbers to one container for a while, then to another.
async fn say(me: &Me, client: &Client, going: &Going) -> Result<(), Fault> {
    let admin = admin::Client::on(client.admin());
    let number = client.welcome().session;
    let mut next = [0u64; LINES as usize];
    for _ in 0..2 + me.below(4) {
        let at = me.below(LINES) as usize;
        let pool = client.pool_async(&format!("line-{at}")).await?;
        for _ in 0..10 + me.below(16) {
            let mut out = Vec::new();
            for _ in 0..1 + me.below(8) {
                let call = pool.call(line::methods::say()).argument(&(me.number as u64)).argument(&next[at]);
                next[at] += 1;
                out.push(call.send());
            }
            for one in out {
                let _next: u64 = one.await?.value()?;
                going.said.set(going.said.get() + 1);
            }
            if me.below(4) == 0 {
                me.sleep(me.below(60_000_000)).await;
            }
        }
        let all = admin.sessions().await?;
        // One that is on its way is in no list.
        if all.iter().filter(|one| one.id == number).count() > 1 {
            return Err(Fault::new(Code::Internal, format!("session {number} is on several workers")));
        }
    }
    Ok(())
}
