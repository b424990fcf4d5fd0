//! Death: of clients at any step, of the node, of its machine; and drains.

use super::book::{Book, Rough};
use super::calls::EVERY;
use super::lives::{Life, ready_node};
use crate::node::Node;
use crate::stage::Stage;
use std::rc::Rc;
use std::time::Duration;
use windlass_runtime::Held;

pub(super) fn play(stage: &Stage) -> Result<(), String> {
    let (node, begun) = ready_node(stage)?;
    play_on(stage, &node, begun)
}

/// The same on a node that is there.
pub(super) fn play_on(stage: &Stage, node: &Node, begun: Held) -> Result<(), String> {
    let book = Book::new(Rough::Death);
    let mut dice = stage.dice("death");
    let mut people: Vec<usize> = (0..2 + dice.below(3)).map(|number| person(stage, node, &book, number)).collect();
    for event in 0..1 + dice.below(4) {
        let magnitude = dice.below(11);
        let steps = 1 + dice.below(1 << magnitude);
        for _ in 0..steps {
            stage.step();
        }
        stage.verdict()?;
        match dice.below(8) {
            0 | 1 => again(stage, node, &book, false)?,
            2 => again(stage, node, &book, true)?,
            3 => drain(stage, node, &book, dice.below(2_000_000))?,
            _ => {
                let victim = people[dice.place(people.len())];
                stage.kill(victim);
            }
        }
        if dice.coin() {
            people.push(person(stage, node, &book, 100 + event));
        }
    }
    settle(stage, node, begun, &book, &people)
}

fn person(stage: &Stage, node: &Node, book: &Rc<Book>, number: u64) -> usize {
    let life = Life::drawn(stage, node, book, number, EVERY);
    stage.person(&format!("client-{number}"), |me| life.live(me))
}

/// The node dies and begins again, some steps later.
fn again(stage: &Stage, node: &Node, book: &Rc<Book>, power: bool) -> Result<(), String> {
    book.anew.set(true);
    node.crash(power);
    for _ in 0..stage.dice("pause").below(200) {
        stage.step();
    }
    stage.verdict()?;
    node.restart()
}

/// The node is stopped while calls run: all end, at the latest when its time is up; then it begins again.
fn drain(stage: &Stage, node: &Node, book: &Rc<Book>, us: u64) -> Result<(), String> {
    book.anew.set(true);
    let asked = stage.world().now();
    node.stop(Duration::from_micros(us));
    stage.until("the node drains", || node.is_stopped())?;
    let took = (stage.world().now() - asked) / 1000;
    // The weather may let the worker pause, and calls that end have a grace.
    if took > us + 60_000_000 {
        return Err(format!("a node that had {us} us to drain took {took} us"));
    }
    node.restart()
}

/// Everybody ends their life or is dead; then the node has what it had at its beginning.
fn settle(stage: &Stage, node: &Node, begun: Held, book: &Book, people: &[usize]) -> Result<(), String> {
    book.open();
    stage.until("everybody ends", || people.iter().all(|at| stage.is_over(*at)))?;
    let wait = stage.until("all that clients had returns", || node.held() == Some(begun));
    wait.map_err(|text| format!("{text}; the node began with {begun:?} and has {:?}", node.held()))?;
    super::lives::stop(stage, node)
}
