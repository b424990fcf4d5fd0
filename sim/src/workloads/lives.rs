//! Lives: clients that connect, do errands beside each other, gather, and leave.
//!
//! Lives here: `Life` (one client's), `one_does` (somebody does one thing, and leaves), `all_return` (what must be true when all have
//!   gathered, and after they have left), `comes_to_rest` (the same of clients that do not gather).
//! Holds: nobody leaves before everything that was out has returned, so that what is missing is missed.

use super::book::{Book, Rough};
use super::errands::{Caller, Errand};
use crate::node::{Made, Node};
use crate::person::Me;
use crate::person::Tally;
use crate::stage::Stage;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use windlass_client::Client;
use windlass_contract::Fault;
use windlass_runtime::Held;

/// What one client does.
#[derive(Clone)]
pub(crate) struct Life {
    pub(crate) directory: String,
    pub(crate) book: Rc<Book>,
    pub(crate) errands: u64,
    /// How many at once.
    pub(crate) beside: u64,
    /// Calls that its session may have out.
    pub(crate) calls: u32,
    pub(crate) keys: u64,
    pub(crate) kinds: &'static [Errand],
}

impl Life {
    /// A drawn life.
    pub(crate) fn drawn(
        stage: &Stage,
        node: &Node,
        book: &Rc<Book>,
        number: u64,
        kinds: &'static [Errand],
    ) -> Self {
        let mut dice = stage.dice(&format!("life {number}"));
        let beside = 1 + dice.below(6);
        // A thread that waits for a call slot cannot ask another call of its own to end; so there are enough, if it has to.
        let least = if kinds.contains(&Errand::Endless) { beside as u32 } else { 1 };
        Self {
            directory: node.directory(),
            book: book.clone(),
            errands: 4 + dice.below(24),
            beside,
            calls: least.next_power_of_two() << dice.below(3),
            keys: 1 + dice.below(3),
            kinds,
        }
    }

    /// Lives it: connects, does its errands, waits for all others, leaves.
    pub(crate) async fn live(self, me: Me) -> Result<(), String> {
        let connected = me.connect(&self.directory, self.calls);
        self.live_by(me, connected).await
    }

    /// The same, connected already, or not.
    pub(crate) async fn live_by(self, me: Me, connected: Result<Client, Fault>) -> Result<(), String> {
        let client = match connected {
            Ok(client) => client,
            Err(fault) => {
                self.book.forgive("connecting", &fault)?;
                self.book.gather().await;
                return Ok(());
            }
        };
        match me.probe(&client).await {
            Ok(pool) => {
                let caller = Caller {
                    me: me.clone(),
                    client: client.clone(),
                    pool,
                    book: self.book.clone(),
                    keys: self.keys,
                };
                self.run(&me, &caller).await;
                if self.book.rough != Rough::Death {
                    // What was dropped may be out yet. Of a session that has ended, memory that the node may still be writing is
                    // never lent again.
                    returned(&me, "loans", || client.lent_bytes() == 0 || !client.is_alive()).await?;
                }
            }
            Err(fault) => self.book.forgive("finding the pool", &fault)?,
        }
        self.book.gather().await;
        me.disconnect();
        Ok(())
    }

    async fn run(&self, me: &Me, caller: &Caller) {
        let left = Rc::new(Cell::new(self.errands));
        let going = Tally::new(self.beside);
        for _ in 0..self.beside {
            let (left, going, caller, kinds) = (left.clone(), going.clone(), caller.clone(), self.kinds);
            me.also(async move {
                while left.get() > 0 {
                    left.set(left.get() - 1);
                    let kind = kinds[caller.me.below(kinds.len() as u64) as usize];
                    caller.go(kind).await?;
                }
                going.one_less();
                Ok(())
            });
        }
        going.none_left().await;
    }
}

/// Waits until something has returned, not for ever.
async fn returned(me: &Me, what: &str, back: impl Fn() -> bool) -> Result<(), String> {
    for round in 0..400 {
        if back() {
            return Ok(());
        }
        me.sleep(1_000_000 << (round / 40)).await;
    }
    Err(format!("{what} have not returned"))
}

/// A node of one worker that is ready.
pub(crate) fn ready_node(stage: &Stage) -> Result<(Node, Held), String> {
    ready_node_that(stage, Made::default())
}

/// A node that is made so and is ready.
pub(crate) fn ready_node_that(stage: &Stage, made: Made) -> Result<(Node, Held), String> {
    let node = stage.node(windlass_driver::sim::Machine(0), made)?;
    stage.until("the node begins", || node.is_ready() || node.failed().is_some())?;
    if let Some(why) = node.failed() {
        return Err(format!("the node cannot begin: {why}"));
    }
    let begun = node.held().ok_or("the node is not there")?;
    Ok((node, begun))
}

/// Somebody does this with a session of their own, and leaves; nothing else is waited for meanwhile.
pub(super) fn one_does<T: 'static>(
    stage: &Stage,
    node: &Node,
    name: &str,
    what: &'static str,
    does: impl AsyncFnOnce(&Client) -> Result<T, Fault> + 'static,
) -> Result<T, String> {
    let (directory, answer) = (node.directory(), Rc::new(Cell::new(None)));
    let put = answer.clone();
    let at = stage.person(name, move |me| async move {
        let told = |fault: Fault| format!("{what}: {fault}");
        let client = me.connect(&directory, 2).map_err(told)?;
        put.set(Some(does(&client).await.map_err(told)?));
        me.disconnect();
        Ok(())
    });
    stage.until(what, || stage.is_over(at))?;
    stage.verdict()?;
    answer.take().ok_or_else(|| format!("{what}: {name} has left without an answer"))
}

/// When all have gathered: what was out returns; when all have left: the node has what it had at its beginning; and it stops.
pub(crate) fn all_return(
    stage: &Stage,
    node: &Node,
    begun: Held,
    book: &Book,
    people: &[usize],
) -> Result<(), String> {
    let living = || people.iter().filter(|at| !stage.is_over(**at)).count();
    stage.until("everybody does their errands", || book.gathered() >= living())?;
    let quiet = |held: &Held| held.in_flight == 0 && held.live_calls == 0 && held.queued == 0 && held.leases == 0;
    let wait = stage.until("calls and leases return", || node.held().is_some_and(|held| quiet(&held)));
    wait.map_err(|text| format!("{text}; the node has {:?}", node.held()))?;
    book.open();
    stage.until("everybody leaves", || living() == 0)?;
    let wait = stage.until("all that clients had returns", || node.held() == Some(begun));
    wait.map_err(|text| format!("{text}; the node began with {begun:?} and has {:?}", node.held()))?;
    stop(stage, node)
}

/// Calls return, here and between workers, and the node stops.
pub(super) fn comes_to_rest(stage: &Stage, node: &Node) -> Result<(), String> {
    let quiet = |held: Held| held.in_flight + held.live_calls as u64 + held.away as u64 == 0;
    stage.until("calls return", || node.held().is_some_and(quiet))?;
    stop(stage, node)
}

/// Stops a node on which nothing runs: it does so at once.
pub(crate) fn stop(stage: &Stage, node: &Node) -> Result<(), String> {
    let asked = stage.world().now();
    node.stop(Duration::from_secs(60));
    stage.until("the node stops", || node.is_stopped())?;
    let took = stage.world().now() - asked;
    if took < 50_000_000_000 { Ok(()) } else { Err(format!("an idle node took {} ms to stop", took / 1_000_000)) }
}
