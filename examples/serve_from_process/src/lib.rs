//! A module like any other: it does not know that it is served from a program's own process.

use std::collections::BTreeMap;
use windlass::prelude::*;

/// Counts words.
#[derive(Default)]
pub struct Words {
    counts: BTreeMap<String, u64>,
}

/// Counts the words of what it is given.
#[module]
impl Words {
    /// Starts at nothing.
    #[create]
    fn create() -> Self {
        Self::default()
    }

    /// Counts the words of `text`; answers how many there were.
    #[method]
    fn read(&mut self, text: In<Bytes>) -> u64 {
        let text = String::from_utf8_lossy(&text);
        let words = text.split_whitespace();
        words.map(|word| *self.counts.entry(word.to_lowercase()).or_default() += 1).count() as u64
    }

    /// How often a word was read.
    #[method]
    fn count(&mut self, word: &str) -> u64 {
        self.counts.get(&word.to_lowercase()).copied().unwrap_or_default()
    }
}
