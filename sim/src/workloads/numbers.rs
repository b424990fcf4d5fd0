//! Numbers: people who say numbers to containers that go, or are shared, from worker to worker, and how that ends.
//!
//! Lives here: `Going` (what was said, and whether it ends), `people` (who says), `changer` (who moves containers), `interrupt` and
//!   `stopped` (an end in the middle), `counted` (the end: what is known is what was said).
//! From: `moves`, `sharing`, `travel`, each with its own modules and its own way to say.
//! Holds: a number counts as said once it is answered; a Fault is forgiven only if something was told to end.
//! Not here: the order of the numbers, which the modules look at (`line`, `choir`).

use super::lives::{comes_to_rest, one_does};
use crate::node::Node;
use crate::person::Me;
use crate::stage::Stage;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use windlass_admin::admin;
use windlass_client::{Client, Pending};
use windlass_contract::{Code, Fault};

/// How it goes.
pub(super) struct Going {
    said: Cell<u64>,
    /// The node was told to stop, or a pool to end.
    ends: Cell<bool>,
    /// Whoever changes modes is to leave.
    over: Cell<bool>,
    /// What the end may be told by.
    forgiven: &'static [Code],
}

impl Going {
    pub(super) fn new(forgiven: &'static [Code]) -> Rc<Self> {
        Rc::new(Self { said: Cell::new(0), ends: Cell::new(false), over: Cell::new(false), forgiven })
    }

    /// One more number was answered.
    pub(super) fn one_said(&self) {
        self.said.set(self.said.get() + 1);
    }

    /// Whoever changes modes is to leave.
    pub(super) fn is_over(&self) {
        self.over.set(true);
    }

    /// A Fault that what ends may answer.
    fn forgive(&self, what: &str, fault: &Fault) -> Result<(), String> {
        let away = self.forgiven.iter().any(|code| fault.is(*code));
        if self.ends.get() && away { Ok(()) } else { Err(format!("{what}: {fault}")) }
    }
}

/// So many people, with room for so many calls each, who say numbers.
pub(super) fn people(
    stage: &Stage,
    node: &Node,
    going: &Rc<Going>,
    (name, count): (&str, u64),
    calls: u32,
    say: impl AsyncFn(&Me, &Client, &Going) -> Result<(), Fault> + Copy + 'static,
) -> Vec<usize> {
    let one = |number: u64| {
        let (directory, going) = (node.directory(), going.clone());
        stage.person(&format!("{name}-{number}"), move |me| async move {
            let client = match me.connect(&directory, calls) {
                Ok(client) => client,
                Err(fault) => return going.forgive("connecting", &fault),
            };
            let ended = say(&me, &client, &going).await;
            me.disconnect();
            ended.or_else(|fault| going.forgive("saying", &fault))
        })
    };
    (0..count).map(one).collect()
}

/// A call that was in the way ends, now and then because it is cancelled.
pub(super) async fn out_of_the_way(me: &Me, call: Pending) -> Result<(), Fault> {
    if me.coin() {
        call.cancel();
    }
    match call.await {
        Ok(_) => Ok(()),
        Err(fault) if fault.is(Code::Cancelled) => Ok(()),
        Err(fault) => Err(fault),
    }
}

/// Somebody who changes the modes of two pools until all is over, with rests below so many ns.
pub(super) fn changer(
    stage: &Stage,
    node: &Node,
    going: &Rc<Going>,
    name: &str,
    pools: [&'static str; 2],
    rest_ns: u64,
) -> usize {
    let (directory, going) = (node.directory(), going.clone());
    stage.person(name, move |me| async move { change(&me, &directory, &going, pools, rest_ns).await })
}

async fn change(
    me: &Me,
    directory: &str,
    going: &Going,
    pools: [&'static str; 2],
    rest_ns: u64,
) -> Result<(), String> {
    let client = match me.connect(directory, 2) {
        Ok(client) => client,
        Err(fault) => return going.forgive("connecting", &fault),
    };
    let admin = admin::Client::on(client.admin());
    while !going.over.get() {
        let pool = pools[me.below(2) as usize];
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
        me.sleep(me.below(rest_ns)).await;
    }
    me.disconnect();
    Ok(())
}

/// Goes on for so many steps; then something is about to end in the middle of it.
pub(super) fn interrupt(stage: &Stage, going: &Going, steps: u64) -> Result<(), String> {
    for _ in 0..steps {
        stage.step();
    }
    stage.verdict()?;
    going.ends.set(true);
    going.over.set(true);
    Ok(())
}

/// Stops the node under those people; all of them end.
pub(super) fn stopped(stage: &Stage, node: &Node, people: &[usize]) -> Result<(), String> {
    node.stop(Duration::from_secs(60));
    stage.until("the node stops", || node.is_stopped())?;
    stage.until("everybody ends", || people.iter().all(|at| stage.is_over(*at)))
}

/// The end of all that was not interrupted: what containers know is what was answered, and everything returns.
pub(super) fn counted(
    stage: &Stage,
    node: &Node,
    going: &Going,
    known: impl AsyncFnOnce(&Client) -> Result<u64, Fault> + 'static,
) -> Result<(), String> {
    let (said, known) = (going.said.get(), one_does(stage, node, "auditor", "counting", known)?);
    if known != said {
        return Err(format!("{said} numbers were answered and {known} are known"));
    }
    comes_to_rest(stage, node)
}
