//! Travel: sessions that go to the workers that their calls go to.
//!
//! From: clients that call containers of one worker for a while, then of another, with several calls out and pauses; now and then the
//! node is told to stop.
//! Holds: the calls of a session to one container begin as they were sent, wherever the session is by then; each is answered once;
//! what was said is known; nothing of a session stays behind.

use super::lives::{one_does, ready_node_that};
use super::numbers::{Going, counted, interrupt, people, stopped};
use crate::line::{Line, line};
use crate::node::Made;
use crate::person::Me;
use crate::stage::Stage;
use windlass_admin::admin;
use windlass_client::Client;
use windlass_contract::{Code, Fault};

/// Pools, each of one container, on one worker after another.
const LINES: u64 = 3;

pub(super) fn play(stage: &Stage) -> Result<(), String> {
    let mut dice = stage.dice("travel");
    let made = Made { workers: 2 + dice.place(3), modules: &[Line::TABLE], ..Made::default() };
    let workers = made.workers as u64;
    let (node, _) = ready_node_that(stage, made)?;
    let going = Going::new(&[Code::Draining, Code::NodeGone, Code::NotConnected]);
    one_does(stage, &node, "maker", "making the pools", async move |client| {
        let admin = admin::Client::on(client.admin());
        for at in 0..LINES {
            let (name, placed) = (format!("line-{at}"), format!("pinned:{}", at % workers));
            admin.create_spread(&name, "line", &[], 1, &placed).await?;
        }
        Ok(())
    })?;
    let travellers = people(stage, &node, &going, ("traveller", 1 + dice.below(3)), 8, say);
    if dice.below(5) == 0 {
        interrupt(stage, &going, dice.below(6_000))?;
        return stopped(stage, &node, &travellers);
    }
    stage.until("everybody has said what they wanted", || travellers.iter().all(|at| stage.is_over(*at)))?;
    stage.verdict()?;
    counted(stage, &node, &going, async |client| {
        let mut known = 0;
        for at in 0..LINES {
            let pool = client.pool_async(&format!("line-{at}")).await?;
            known += line::Client::on(pool).said().await?;
        }
        Ok(known)
    })
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
                going.one_said();
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
