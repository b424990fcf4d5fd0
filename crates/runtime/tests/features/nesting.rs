//! Nesting: calls inside calls, their roots, and the keys that their own roots hold.

use crate::stage::Stage;
use std::cell::Cell;
use windlass::prelude::*;

/// A line that calls itself.
#[derive(Default)]
pub struct Line {
    pulls: Cell<u64>,
}

/// What a nested call sees.
#[data]
pub struct Seen {
    root: u64,
    depth: u16,
    call: u64,
}

#[module(export = false)]
impl Line {
    #[create]
    fn create() -> Self {
        Self::default()
    }
    #[method]
    fn seen(&self, cx: &Context<'_>) -> Seen {
        Seen { root: cx.root(), depth: cx.depth(), call: cx.call_number() }
    }
    /// What this call sees, and what a call that it makes sees.
    #[method]
    async fn both(&self, cx: &Context<'_>, pool: &str) -> Result<(Seen, Seen), Fault> {
        let below = line::Nested::find(cx, pool).await?.seen().await?;
        Ok((self.seen(cx), below))
    }
    /// May be called by a call that holds its key.
    #[method(key = name, reentrant)]
    fn pull(&self, name: &str) -> u64 {
        let _ = name;
        self.pulls.set(self.pulls.get() + 1);
        self.pulls.get()
    }
    /// May not.
    #[method(key = name)]
    fn tug(&self, name: &str) -> u64 {
        self.pull(name)
    }
    /// Holds the key of `name` and calls a method that needs that of `wants`.
    #[method(key = name)]
    async fn hold(&self, cx: &Context<'_>, name: &str, pool: &str, wants: &str, tug: bool) -> Result<u64, Fault> {
        let _ = name;
        let below = line::Nested::find(cx, pool).await?;
        if tug { below.tug(wants).await } else { below.pull(wants).await }
    }
    /// Calls itself until it is too deep, and answers the words of the refusal.
    #[method]
    async fn dive(&self, cx: &Context<'_>, pool: &str) -> Result<String, Fault> {
        match line::Nested::find(cx, pool).await?.dive(pool).await {
            Err(fault) if fault.is(Code::TooDeep) => Ok(format!("{} at depth {}", fault.message, cx.depth())),
            other => other,
        }
    }
}

fn lines() -> (Stage, line::Blocking) {
    let stage = Stage::of(&[Line::TABLE]);
    let line = line::Blocking::create(&stage.client(), "line").unwrap();
    line::Blocking::create(&stage.client(), "other").unwrap();
    (stage, line)
}

#[test]
fn tasks_K21_a_nested_call_has_its_roots_number_and_is_one_deeper() {
    let (_stage, line) = lines();
    for pool in ["line", "other"] {
        let (above, below) = line.both(pool).unwrap();
        assert_eq!((above.depth, above.root), (0, above.call));
        assert_eq!((below.depth, below.root), (1, above.call));
        assert_ne!(below.call, above.call);
    }
    let fault = line.both("nowhere").unwrap_err();
    assert!(fault.is(Code::UnknownPool) && fault.outcome == Outcome::Ended, "{fault:?}");
}

#[test]
fn tasks_K21_a_key_that_its_own_root_holds_is_reentered_by_a_reentrant_method() {
    let (_stage, line) = lines();
    assert_eq!(line.hold("a", "line", "a", false).unwrap(), 1);
    assert_eq!(line.pull("a").unwrap(), 2, "the key is free again");
}

#[test]
fn tasks_K21_and_named_never_a_hang_when_the_method_is_not() {
    let (_stage, line) = lines();
    let fault = line.hold("a", "line", "a", true).unwrap_err();
    assert!(fault.is(Code::WouldDeadlock) && fault.message.contains("line.tug"), "{fault:?}");
    assert_eq!(line.tug("a").unwrap(), 1, "the key is free again");
    assert_eq!(line.hold("a", "line", "b", true).unwrap(), 2, "another key is no matter");
    assert_eq!(line.hold("a", "other", "a", true).unwrap(), 1, "nor the same key of another pool");
}

#[test]
fn tasks_K21_calls_that_go_round_in_a_circle_are_stopped_and_told() {
    let (_stage, line) = lines();
    let text = line.dive("line").unwrap();
    assert!(text.contains("in a circle") && text.ends_with("at depth 16"), "{text}");
}
