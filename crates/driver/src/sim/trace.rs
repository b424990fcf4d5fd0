//! Trace: what happened in a simulated world, as a number to compare and as its last lines to read.
//!
//! Holds: two runs of one seed have the same number; memory stays bounded.

use crate::Nanos;
use crate::limits::SIM_TRACE_LINES;
use std::collections::VecDeque;

/// What happened.
#[derive(Debug, Default)]
pub struct Trace {
    hash: u64,
    steps: u64,
    last: VecDeque<(Nanos, &'static str, u64, u64)>,
}

impl Trace {
    /// Something happened.
    pub fn note(&mut self, now: Nanos, what: &'static str, a: u64, b: u64) {
        let name = what.bytes().fold(0_u64, |mixed, byte| mixed.rotate_left(5) ^ u64::from(byte));
        for part in [now, name, a, b] {
            let mut state = self.hash ^ part;
            self.hash = crate::splitmix(&mut state);
        }
        self.steps += 1;
        if self.last.len() >= SIM_TRACE_LINES {
            self.last.pop_front();
        }
        self.last.push_back((now, what, a, b));
    }

    /// One number of all that happened, in order.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// How many things happened.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The last lines, one for each thing that happened.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.last.iter().map(|(now, what, a, b)| {
            let (us, ns) = (now / 1000, now % 1000);
            format!("{us:>9}.{ns:03} us  {what:<18} {a} {b}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_time_and_words_count_and_memory_is_bounded() {
        let of = |notes: &[(Nanos, &'static str, u64)]| {
            let mut trace = Trace::default();
            notes.iter().for_each(|(now, what, a)| trace.note(*now, what, *a, 0));
            trace.hash()
        };
        let one = of(&[(1, "a", 1), (2, "b", 2)]);
        assert_eq!(one, of(&[(1, "a", 1), (2, "b", 2)]));
        for other in
            [of(&[(2, "b", 2), (1, "a", 1)]), of(&[(1, "a", 1), (3, "b", 2)]), of(&[(1, "a", 1), (2, "c", 2)])]
        {
            assert_ne!(one, other);
        }
        let mut trace = Trace::default();
        (0..10_000).for_each(|at| trace.note(at, "x", at, 0));
        assert_eq!((trace.steps(), trace.lines().count()), (10_000, SIM_TRACE_LINES));
    }
}
