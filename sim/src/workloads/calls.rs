//! Calls of every kind, and calls that crowd a few keys.

use super::book::{Book, Rough};
use super::errands::{Caller, Errand};
use super::lives::{Life, all_return, ready_node};
use crate::node::Node;
use crate::stage::Stage;
use std::cell::Cell;
use std::rc::Rc;
use windlass_runtime::Held;

/// Every kind of call.
pub(super) const EVERY: &[Errand] = &[
    Errand::Ping,
    Errand::Add,
    Errand::Add,
    Errand::Slow,
    Errand::Copy,
    Errand::Frozen,
    Errand::Reverse,
    Errand::Fill,
    Errand::Watch,
    Errand::Relay,
    Errand::Endless,
    Errand::Panic,
    Errand::Detached,
    Errand::Behind,
];

pub(super) fn mixed(stage: &Stage) -> Result<(), String> {
    live(stage, EVERY, Rough::No)
}

pub(super) fn order(stage: &Stage) -> Result<(), String> {
    live(stage, &[Errand::Slow, Errand::Slow, Errand::Slow, Errand::Add], Rough::No)
}

/// One to four clients live, and then everything returns.
pub(super) fn live(stage: &Stage, kinds: &'static [Errand], rough: Rough) -> Result<(), String> {
    let (node, begun) = ready_node(stage)?;
    live_on(stage, &node, begun, kinds, rough)
}

/// The same on a node that is there.
pub(super) fn live_on(
    stage: &Stage,
    node: &Node,
    begun: Held,
    kinds: &'static [Errand],
    rough: Rough,
) -> Result<(), String> {
    let book = Book::new(rough);
    let people: Vec<usize> = (0..1 + stage.dice("people").below(4))
        .map(|number| {
            let life = Life::drawn(stage, node, &book, number, kinds);
            stage.person(&format!("client-{number}"), |me| life.live(me))
        })
        .collect();
    let living = || people.iter().filter(|at| !stage.is_over(**at)).count();
    stage.until("everybody does their errands", || book.gathered() >= living())?;
    let quiet = || node.held().is_some_and(|held| held.live_calls == 0 && held.queued == 0);
    stage.until("what was dropped ends", quiet)?;
    audit(stage, node, &book)?;
    all_return(stage, node, begun, &book, &people)
}

/// Somebody holds the totals against the book.
fn audit(stage: &Stage, node: &Node, book: &Rc<Book>) -> Result<(), String> {
    let (directory, book, done) = (node.directory(), book.clone(), Rc::new(Cell::new(false)));
    let told = done.clone();
    let auditor = stage.person("auditor", |me| async move {
        let client = me.connect(&directory, 2).map_err(|fault| fault.to_string())?;
        let pool = me.probe(&client).await.map_err(|fault| fault.to_string())?;
        let caller = Caller { me: me.clone(), client, pool, book, keys: 1 };
        let held = caller.totals().await;
        drop(caller);
        me.disconnect();
        told.set(true);
        held
    });
    stage.until("the auditor looks at the totals", || done.get() || stage.is_over(auditor))
}
