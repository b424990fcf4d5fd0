//! Line: a module whose containers move with what they know, and that notices when somebody's calls pass each other.
//!
//! Holds: it refuses a number that is not the next one of whoever says it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;
use windlass::prelude::*;

/// What each has said last.
#[derive(Default)]
pub struct Line {
    next: RefCell<BTreeMap<u64, u64>>,
}

#[module(export = false)]
impl Line {
    #[create]
    fn create() -> Self {
        Self::default()
    }

    #[hook]
    fn export(&self, _cx: &Context<'_>) -> Result<Vec<u8>, Fault> {
        postcard::to_allocvec(&*self.next.borrow()).map_err(|error| Fault::module(1, error.to_string()))
    }

    #[hook]
    fn import(&self, _cx: &Context<'_>, _from: &str, state: &[u8]) -> Result<(), Fault> {
        let next = postcard::from_bytes(state).map_err(|error| Fault::module(2, error.to_string()))?;
        self.next.replace(next);
        Ok(())
    }

    /// Says the next number.
    #[method]
    fn say(&self, who: u64, number: u64) -> Result<u64, Fault> {
        let mut all = self.next.borrow_mut();
        let next = all.entry(who).or_default();
        if *next != number {
            return Err(Fault::module(3, format!("{who} says {number} and is to say {next}")));
        }
        *next += 1;
        Ok(*next)
    }

    /// Waits for so long, and is in the way.
    #[method]
    async fn nap(&self, cx: &Context<'_>, us: u64) -> Result<(), Fault> {
        cx.sleep(Duration::from_micros(us)).await?;
        Ok(())
    }

    /// How many numbers all have said.
    #[method(aggregate = sum)]
    fn said(&self) -> u64 {
        self.next.borrow().values().sum()
    }
}

/// Keeps nothing.
pub struct Bare;

#[module(export = false, stateless)]
impl Bare {
    #[create]
    fn create() -> Self {
        Self
    }

    /// Asks all containers of a pool, from within.
    #[method]
    async fn ask(&self, cx: &Context<'_>, pool: &str) -> Result<u64, Fault> {
        line::Nested::find(cx, pool).await?.toward(Query::Broadcast).said().await
    }

    /// Called by the node.
    #[method(period = "1ms")]
    async fn beat(&self) {}
}
