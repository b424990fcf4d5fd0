//! Comebacks: a node that ends and begins again with its pools, and clients that go on with the stubs they have.
//!
//! Lives here: `Account` (what the count may be), the clients that add to it, the auditor who reads it after each comeback.
//! Holds: a pool comes back with what was taken down at the last flush or orderly stop, and nothing that was acknowledged before that
//! is missing; what was told not to have started is not in it; a state that was never taken down is refused, not empty.

use super::lives::{ready_node_that, stop};
use crate::node::{Made, Node};
use crate::person::Me;
use crate::stage::Stage;
use crate::tally::{Tally, tally};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use windlass_client::Client;
use windlass_contract::{Code, Fault, Outcome};

const POOL: &str = "tally";
/// How long a client waits before it looks again for a node that is gone.
const LOOK_NS: u64 = 1_000_000;

/// What the count may be.
#[derive(Default)]
struct Account {
    /// Calls that were answered since the count was read last, and what it was then.
    sure: Cell<u64>,
    /// Calls that may have run.
    unknown: Cell<u64>,
    /// Calls that are out.
    out: Cell<u64>,
    /// What was acknowledged when the state was last taken down; nothing: it never was.
    floor: Cell<Option<u64>>,
    /// How often the count was read anew; what began before that is not counted.
    epoch: Cell<u64>,
    /// Calls may be made.
    open: Cell<bool>,
    over: Cell<bool>,
}

impl Account {
    fn most(&self) -> u64 {
        self.sure.get() + self.unknown.get() + self.out.get()
    }

    /// The count was read, when nobody else calls.
    fn adopt(&self, count: u64) {
        self.sure.set(count);
        self.unknown.set(0);
        self.out.set(0);
        self.epoch.set(self.epoch.get() + 1);
    }
}

pub(super) fn play(stage: &Stage) -> Result<(), String> {
    let made = Made { modules: &[Tally::TABLE], keeps: true, ..Made::default() };
    let (node, _) = ready_node_that(stage, made)?;
    let account = Rc::new(Account::default());
    let mut dice = stage.dice("comebacks");
    audit(stage, &node, &account, None)?;
    let people: Vec<usize> = (0..1 + dice.below(3))
        .map(|number| {
            let (node, account) = (node.clone(), account.clone());
            stage.person(&format!("client-{number}"), |me| live(me, node, account))
        })
        .collect();
    for _ in 0..1 + dice.below(3) {
        let magnitude = dice.below(11);
        for _ in 0..1 + dice.below(1 << magnitude) {
            stage.step();
        }
        stage.verdict()?;
        let kind = dice.below(3);
        // Nobody begins a call any more once the node is gone, until the count was read; what is out may still end.
        let ending = match kind {
            0 | 1 => {
                node.crash(kind == 1);
                account.open.set(false);
                Ending::Killed
            }
            _ => {
                let acknowledged = account.sure.get();
                node.stop(Duration::from_secs(60));
                stage.until("the node stops", || node.is_stopped())?;
                account.open.set(false);
                Ending::Stopped(acknowledged)
            }
        };
        for _ in 0..dice.below(200) {
            stage.step();
        }
        node.restart()?;
        stage.until("the node is back", || node.is_ready() || node.failed().is_some())?;
        audit(stage, &node, &account, Some(ending))?;
    }
    account.over.set(true);
    stage.until("everybody ends", || people.iter().all(|at| stage.is_over(*at)))?;
    stage.verdict()?;
    stop(stage, &node)
}

/// How a node ended; with what was acknowledged when it was asked to.
#[derive(Clone, Copy)]
enum Ending {
    Killed,
    Stopped(u64),
}

/// Reads the count by a client of its own, compares, and lets the others go on.
fn audit(stage: &Stage, node: &Node, account: &Rc<Account>, ending: Option<Ending>) -> Result<(), String> {
    if let Some(Ending::Stopped(acknowledged)) = ending {
        // It was taken down when all calls had ended, so all that was answered before is in it.
        account.floor.set(Some(acknowledged.max(account.floor.get().unwrap_or(0))));
    }
    let (directory, shared) = (node.directory(), account.clone());
    let auditor = stage.person("auditor", |me| async move {
        let text = |fault: Fault| fault.to_string();
        let client = me.connect(&directory, 2).map_err(text)?;
        let counted = match client.pool_async(POOL).await {
            Ok(pool) => tally::Client::on(pool).count().await,
            Err(fault) => Err(fault),
        };
        match (counted, ending) {
            (Err(fault), None) if fault.is(Code::UnknownPool) => begin_anew(&client, &shared).await?,
            (Err(fault), Some(_)) if fault.is(Code::NotRestored) => {
                if let Some(floor) = shared.floor.get() {
                    return Err(format!("a state of {floor} was taken down, and is refused: {fault}"));
                }
                begin_anew(&client, &shared).await?;
            }
            (Ok(count), Some(_)) => {
                let Some(floor) = shared.floor.get() else {
                    return Err(format!("a pool whose state was never taken down came back with {count}"));
                };
                let most = shared.most();
                if count < floor || count > most {
                    return Err(format!("the count is {count}, not {floor} to {most}"));
                }
                shared.adopt(count);
                // Whatever was above it is lost, as the log says.
                shared.floor.set(Some(count));
            }
            (other, _) => return Err(format!("after a comeback: {other:?}")),
        }
        me.disconnect();
        shared.open.set(true);
        Ok(())
    });
    stage.until("the count is read", || stage.is_over(auditor))?;
    stage.verdict()
}

async fn begin_anew(client: &Client, account: &Account) -> Result<(), String> {
    let made = tally::create(client, POOL).await.map_err(|fault| fault.to_string())?;
    let count = made.count().await.map_err(|fault| fault.to_string())?;
    if count != 0 {
        return Err(format!("a pool that was made anew begins with {count}"));
    }
    account.floor.set(None);
    account.adopt(0);
    Ok(())
}

/// Connects, when the node is there; nothing, if that is never.
async fn begin(me: &Me, node: &Node, account: &Account) -> Result<Option<(Client, tally::Client)>, String> {
    while !account.over.get() {
        if account.open.get() {
            let found = match me.connect(&node.directory(), 4) {
                Ok(client) => client.pool_async(POOL).await.map(|pool| (client, tally::Client::on(pool))),
                Err(fault) => Err(fault),
            };
            match found {
                Ok(found) => return Ok(Some(found)),
                Err(fault) if is_away(&fault) => me.disconnect(),
                Err(fault) => return Err(format!("connecting: {fault}")),
            }
        }
        me.sleep(LOOK_NS).await;
    }
    Ok(None)
}

/// Whether a node that is ending, gone or coming back may say so.
fn is_away(fault: &Fault) -> bool {
    [Code::NotConnected, Code::NodeGone, Code::Draining, Code::NotRestored].iter().any(|code| fault.is(*code))
}

/// Adds, flushes now and then, and goes on with the same stub when the node has come back.
async fn live(me: Me, node: Node, account: Rc<Account>) -> Result<(), String> {
    let Some((client, stub)) = begin(&me, &node, &account).await? else { return Ok(()) };
    let admin = windlass_admin::admin::Client::on(client.admin());
    while !account.over.get() {
        if !account.open.get() || !client.is_alive() {
            me.sleep(LOOK_NS).await;
            let there = account.open.get() && node.is_ready() && !node.is_stopped();
            if there && !client.is_alive() {
                match client.reconnect_async().await {
                    Err(fault) if !is_away(&fault) => {
                        return Err(format!("connecting again: {fault}"));
                    }
                    Ok(()) | Err(_) => {}
                }
            }
            continue;
        }
        let epoch = account.epoch.get();
        if me.below(6) == 0 {
            let before = account.sure.get();
            if admin.flush().await.is_ok() && account.epoch.get() == epoch {
                account.floor.set(Some(before.max(account.floor.get().unwrap_or(0))));
            }
            continue;
        }
        account.out.set(account.out.get() + 1);
        let added = stub.add().await;
        if account.epoch.get() != epoch {
            // The count was read meanwhile; what became of this call is in it.
            continue;
        }
        account.out.set(account.out.get() - 1);
        match added {
            Ok(total) => {
                account.sure.set(account.sure.get() + 1);
                let most = account.most();
                if total > most {
                    return Err(format!("the count is {total}, of {most} calls that may have run"));
                }
            }
            Err(fault) if fault.outcome == Outcome::NotStarted => {}
            Err(_) => account.unknown.set(account.unknown.get() + 1),
        }
        if me.coin() {
            me.sleep(me.below(3_000_000)).await;
        }
    }
    me.disconnect();
    Ok(())
}
