//! Hello: a module and a client in 25 lines. README.md shows this file below its first line, and a test holds the two equal.

use std::collections::HashMap;
use windlass::prelude::*;

/// Counts things by name.
#[derive(Default)]
pub struct Counter(HashMap<String, u64>);

#[module]
impl Counter {
    #[create]
    fn create() -> Self {
        Self::default()
    }
    /// Adds `by` to the total called `name` and answers it.
    #[method]
    fn add(&mut self, name: &str, by: u64) -> u64 {
        let total = self.0.entry(name.to_owned()).or_default();
        *total = total.saturating_add(by);
        *total
    }
}

/// Counts two cats, from any process of this machine.
pub fn two_cats(node: &str) -> Result<u64, Fault> {
    counter::Blocking::connect(node, "counters")?.add("cats", 2)
}
