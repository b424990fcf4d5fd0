//! Space: which blocks are free, in size classes, with splitting and coalescing.
//!
//! Lives here: `Space`, `Run` (blocks side by side). From: `books`. To: nobody; it knows no bytes and no owners.
//! Holds: free runs never overlap and never touch (neighbours are one run); free blocks and taken blocks are all blocks;
//! a take that fails changes nothing. A run's class is the power of two at or below its length.

use crate::limits::{LOOKS_MAX, RANGES_MAX};
use std::collections::{BTreeMap, BTreeSet};

/// Blocks side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Run {
    /// The first block.
    pub at: u64,
    /// How many, never 0.
    pub blocks: u64,
}

impl Run {
    fn end(self) -> u64 {
        self.at + self.blocks
    }
}

const CLASSES: usize = u64::BITS as usize;

/// The free blocks of a device.
#[derive(Debug)]
pub struct Space {
    total: u64,
    free: u64,
    /// Length of each free run, by its first block.
    runs: BTreeMap<u64, u64>,
    /// First blocks of the runs of each class.
    classes: Vec<BTreeSet<u64>>,
}

fn class_of(blocks: u64) -> usize {
    blocks.max(1).ilog2() as usize
}

impl Space {
    /// So many blocks, all free.
    pub fn new(total: u64) -> Self {
        let mut this = Self { total, free: 0, runs: BTreeMap::new(), classes: vec![BTreeSet::new(); CLASSES] };
        if total > 0 {
            this.put(Run { at: 0, blocks: total });
            this.free = total;
        }
        this
    }
    /// All blocks.
    pub fn total(&self) -> u64 {
        self.total
    }
    /// Free blocks.
    pub fn free(&self) -> u64 {
        self.free
    }
    /// Free runs of each class, for statistics: class, runs.
    pub fn classes(&self) -> impl Iterator<Item = (u32, u64)> {
        let counted = self.classes.iter().enumerate().filter(|(_, runs)| !runs.is_empty());
        counted.map(|(class, runs)| (class as u32, runs.len() as u64))
    }
    /// Blocks of the longest free run.
    pub fn longest(&self) -> u64 {
        let class = self.classes.iter().rev().find(|runs| !runs.is_empty());
        let lengths = class.into_iter().flatten().filter_map(|at| self.runs.get(at));
        lengths.copied().max().unwrap_or(0)
    }

    /// Takes `blocks`: one run if some free one is long enough, else the longest ones, up to `RANGES_MAX`.
    /// `None`, and nothing is changed, when there are too few, or they are too scattered.
    pub fn take(&mut self, blocks: u64) -> Option<Vec<Run>> {
        if blocks == 0 || blocks > self.free {
            return None;
        }
        if let Some(run) = self.fitting(blocks) {
            return Some(vec![self.cut(run, blocks)]);
        }
        let mut taken: Vec<Run> = Vec::new();
        let mut missing = blocks;
        while missing > 0 && taken.len() < RANGES_MAX {
            let Some(run) = self.any_of_the_longest() else { break };
            let cut = self.cut(run, missing.min(run.blocks));
            missing -= cut.blocks;
            taken.push(cut);
        }
        if missing == 0 {
            return Some(taken);
        }
        taken.into_iter().for_each(|run| self.give(run));
        None
    }

    /// Takes just this run; `false`, and nothing is changed, when a part of it is not free.
    pub fn take_run(&mut self, run: Run) -> bool {
        let Some(end) = run.at.checked_add(run.blocks).filter(|_| run.blocks > 0) else { return false };
        let before = self.runs.range(..=run.at).next_back().map(|(at, blocks)| Run { at: *at, blocks: *blocks });
        let Some(around) = before.filter(|free| end <= free.end()) else { return false };
        self.pull(around);
        if around.at < run.at {
            self.put(Run { at: around.at, blocks: run.at - around.at });
        }
        if end < around.end() {
            self.put(Run { at: end, blocks: around.end() - end });
        }
        self.free -= run.blocks;
        true
    }

    /// Gives a run back that was taken: it joins its free neighbours.
    pub fn give(&mut self, run: Run) {
        debug_assert!(run.end() <= self.total, "a run of this space");
        let (mut at, mut end) = (run.at, run.end());
        let before = self.runs.range(..run.at).next_back().map(|(at, blocks)| Run { at: *at, blocks: *blocks });
        if let Some(before) = before.filter(|before| before.end() == run.at) {
            self.pull(before);
            at = before.at;
        }
        if let Some(blocks) = self.runs.get(&end).copied() {
            let after = Run { at: end, blocks };
            self.pull(after);
            end = after.end();
        }
        self.put(Run { at, blocks: end - at });
        self.free += run.blocks;
    }

    /// A run of at least so many blocks: of the own class if one of the first few fits, else the first of a larger class.
    fn fitting(&self, blocks: u64) -> Option<Run> {
        let own = class_of(blocks);
        let run_at = |at: &u64| self.runs.get(at).map(|blocks| Run { at: *at, blocks: *blocks });
        let looked = self.classes.get(own)?.iter().take(LOOKS_MAX).filter_map(run_at);
        if let Some(run) = looked.into_iter().find(|run| run.blocks >= blocks) {
            return Some(run);
        }
        let larger = self.classes[own + 1..].iter().find_map(|runs| runs.first());
        if let Some(run) = larger.and_then(run_at) {
            return Some(run);
        }
        // The rest of the own class: the last chance of one run.
        self.classes[own].iter().skip(LOOKS_MAX).filter_map(run_at).find(|run| run.blocks >= blocks)
    }

    fn any_of_the_longest(&self) -> Option<Run> {
        let at = self.classes.iter().rev().find_map(|runs| runs.first())?;
        self.runs.get(at).map(|blocks| Run { at: *at, blocks: *blocks })
    }

    /// Takes the front of a free run.
    fn cut(&mut self, run: Run, blocks: u64) -> Run {
        self.pull(run);
        if blocks < run.blocks {
            self.put(Run { at: run.at + blocks, blocks: run.blocks - blocks });
        }
        self.free -= blocks;
        Run { at: run.at, blocks }
    }
    fn put(&mut self, run: Run) {
        self.runs.insert(run.at, run.blocks);
        self.classes[class_of(run.blocks)].insert(run.at);
    }
    fn pull(&mut self, run: Run) {
        self.runs.remove(&run.at);
        self.classes[class_of(run.blocks)].remove(&run.at);
    }
}

#[cfg(test)]
mod tests {
    #![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
    use super::*;
    use proptest::prelude::*;

    /// Everything that must hold, against one flag a block.
    fn check(space: &Space, taken: &[bool]) -> Result<(), TestCaseError> {
        let free = taken.iter().filter(|taken| !**taken).count() as u64;
        prop_assert_eq!(space.free(), free);
        let mut last_end = None;
        let mut counted = 0;
        for (at, blocks) in &space.runs {
            prop_assert!(*blocks > 0 && last_end != Some(*at), "runs that touch are one");
            prop_assert!((*at..at + blocks).all(|block| !taken[block as usize]), "a free block is free");
            prop_assert!(space.classes[class_of(*blocks)].contains(at));
            counted += blocks;
            last_end = Some(at + blocks);
        }
        prop_assert_eq!(counted, free);
        prop_assert_eq!(space.classes.iter().map(BTreeSet::len).sum::<usize>(), space.runs.len());
        prop_assert_eq!(space.longest(), space.runs.values().copied().max().unwrap_or(0));
        Ok(())
    }

    proptest! {
        #[test]
        fn tasks_K68_free_space_never_drifts_runs_never_overlap_and_all_of_it_comes_back(
            total in 1u64..600,
            steps in prop::collection::vec((any::<bool>(), 0u64..80, any::<prop::sample::Index>()), 0..200),
        ) {
            let mut space = Space::new(total);
            let mut taken = vec![false; total as usize];
            let mut held: Vec<Vec<Run>> = Vec::new();
            for (take, blocks, which) in steps {
                if take || held.is_empty() {
                    let before = space.free();
                    match space.take(blocks) {
                        Some(runs) => {
                            prop_assert_eq!(runs.iter().map(|run| run.blocks).sum::<u64>(), blocks);
                            prop_assert!(runs.len() <= RANGES_MAX);
                            for block in runs.iter().flat_map(|run| run.at..run.end()) {
                                prop_assert!(!std::mem::replace(&mut taken[block as usize], true), "given twice");
                            }
                            held.push(runs);
                        }
                        None => {
                            prop_assert_eq!(space.free(), before);
                            prop_assert!(blocks == 0 || blocks > before || space.runs.len() > RANGES_MAX);
                        }
                    }
                } else {
                    for run in held.swap_remove(which.index(held.len())) {
                        (run.at..run.end()).for_each(|block| taken[block as usize] = false);
                        space.give(run);
                    }
                }
                check(&space, &taken)?;
            }
            held.into_iter().flatten().for_each(|run| space.give(run));
            prop_assert_eq!(space.runs, BTreeMap::from([(0, total)]), "one run again");
        }

        #[test]
        fn a_run_is_taken_just_where_it_is_or_not_at_all(
            total in 1u64..200,
            wanted in prop::collection::vec((0u64..220, 0u64..40), 0..60),
        ) {
            let mut space = Space::new(total);
            let mut taken = vec![false; total as usize];
            for (at, blocks) in wanted {
                let fits = blocks > 0
                    && at + blocks <= total
                    && (at..at + blocks).all(|block| !taken[block as usize]);
                prop_assert_eq!(space.take_run(Run { at, blocks }), fits);
                if fits {
                    (at..at + blocks).for_each(|block| taken[block as usize] = true);
                }
                check(&space, &taken)?;
            }
        }
    }

    #[test]
    fn tasks_K68_a_request_that_is_refused_leaves_room_for_smaller_ones() {
        let mut space = Space::new(10);
        let all = space.take(7).unwrap();
        assert!(space.take(4).is_none());
        assert_eq!((space.free(), space.take(3).map(|runs| runs.len())), (3, Some(1)));
        assert!(space.take(1).is_none());
        all.into_iter().for_each(|run| space.give(run));
        assert_eq!(space.longest(), 7);
    }

    #[test]
    fn scattered_blocks_make_one_allocation_of_several_runs() {
        let mut space = Space::new(9);
        let runs: Vec<Run> = (0..9).flat_map(|_| space.take(1).unwrap()).collect();
        runs.iter().filter(|run| run.at % 2 == 0).for_each(|run| space.give(*run));
        let taken = space.take(4).unwrap();
        assert_eq!(taken.iter().map(|run| run.blocks).collect::<Vec<_>>(), [1, 1, 1, 1]);
        assert!(space.take_run(Run { at: 8, blocks: 1 }) && space.free() == 0);
        assert!(!space.take_run(Run { at: u64::MAX, blocks: 2 }));
    }
}
