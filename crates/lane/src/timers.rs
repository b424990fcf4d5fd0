//! Timers of one worker, in order of time.
//!
//! Holds: a timer that was cancelled never fires; equal times fire in the order they were set.

use crate::limits::TIMERS_MAX;
use std::collections::BTreeMap;
use windlass_driver::Nanos;

/// A set timer; unique in the life of its `Timers`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId {
    at: Nanos,
    sequence: u64,
}

/// Timers and what each one is for.
#[derive(Debug)]
pub struct Timers<T> {
    set: BTreeMap<TimerId, T>,
    sequence: u64,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self { set: BTreeMap::new(), sequence: 0 }
    }
}

impl<T> Timers<T> {
    /// Sets a timer. `None` when `limits::TIMERS_MAX` are set.
    ///
    /// Cost: logarithmic in the timers set.
    pub fn set(&mut self, at: Nanos, what: T) -> Option<TimerId> {
        if self.set.len() >= TIMERS_MAX || windlass_driver::hooks::fails() {
            return None;
        }
        self.sequence += 1;
        let id = TimerId { at, sequence: self.sequence };
        self.set.insert(id, what);
        Some(id)
    }

    /// Cancels a timer; answers what it was for, if it has not fired.
    pub fn cancel(&mut self, id: TimerId) -> Option<T> {
        self.set.remove(&id)
    }

    /// How many are set.
    pub fn count(&self) -> usize {
        self.set.len()
    }

    /// When the next one fires.
    pub fn next_at(&self) -> Option<Nanos> {
        self.set.keys().next().map(|id| id.at)
    }

    /// Takes the next one that is due.
    pub fn due(&mut self, now: Nanos) -> Option<T> {
        let first = self.set.first_entry()?;
        (first.key().at <= now).then(|| first.remove())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_order_and_not_after_a_cancel() {
        let mut timers = Timers::default();
        timers.set(30, "c").unwrap();
        let gone = timers.set(10, "x").unwrap();
        timers.set(20, "a").unwrap();
        timers.set(20, "b").unwrap();
        assert_eq!(timers.cancel(gone), Some("x"));
        assert_eq!(timers.next_at(), Some(20));
        assert_eq!(
            (timers.due(19), timers.due(25), timers.due(25), timers.due(25)),
            (None, Some("a"), Some("b"), None)
        );
    }
}
