//! The engine: distributes packed rows by their highest differing bits, from one buffer to the other and back, until buckets
//! are small enough for a comparison sort.
//!
//! Holds: a packed row is its key above its index, so whole rows compare, no two are equal, and any correct sort of them is stable.
//! Each level takes at least one bit that differs, so there are at most 64 levels, whatever the keys are; equal keys take none.
//! Cost: random 64-bit keys meet two levels up to some hundred million rows; a step is about a morsel of rows.

use crate::morsel::{self, Step};

/// A row to sort: key above index.
pub(crate) trait Packed: Copy + Ord + Default {
    /// The bits to distribute by.
    fn key(self) -> u64;
}

impl Packed for u64 {
    #[inline(always)]
    fn key(self) -> u64 {
        self
    }
}

impl Packed for (u64, u32) {
    #[inline(always)]
    fn key(self) -> u64 {
        self.0
    }
}

impl Packed for (u64, u64) {
    #[inline(always)]
    fn key(self) -> u64 {
        self.0
    }
}

/// Buckets of one level, as bits. 2 048 buckets of packed rows keep their open lines in a second-level cache.
const LEVEL_BITS: u32 = 11;
/// Rows that a comparison sort takes.
const SMALL: usize = 64;
/// Rows that a level aims to leave in a bucket, as bits.
const BUCKET_BITS: u32 = 4;

/// Rows to sort, and the buffer they stand in.
#[derive(Debug, Clone, Copy)]
struct Job {
    start: usize,
    end: usize,
    turned: bool,
}

/// A level of a job that is larger than a morsel, in the middle of one of its passes.
struct Level {
    job: Job,
    at: usize,
    varying: u64,
    shift: u32,
    digit: u32,
    counts: Vec<usize>,
    pass: Pass,
}

#[derive(Clone, Copy)]
enum Pass {
    Survey,
    Count,
    Move,
}

/// A sort under way. The rows are `rows` before it and after it.
pub(crate) struct Radix<P> {
    pub rows: Vec<P>,
    other: Vec<P>,
    /// Bits below this need no sorting: the index, in rows of 64 bits.
    low: u32,
    jobs: Vec<Job>,
    level: Option<Level>,
}

impl<P: Packed> Radix<P> {
    /// Rows in the order of their indices, to be sorted by the bits from `low` up.
    pub fn new(rows: Vec<P>, low: u32) -> Self {
        let all = Job { start: 0, end: rows.len(), turned: false };
        let other = if rows.len() > SMALL { vec![P::default(); rows.len()] } else { Vec::new() };
        Self { rows, other, low, jobs: vec![all], level: None }
    }

    /// Works on for about a morsel of rows.
    pub fn step(&mut self) -> Step {
        let mut budget = morsel::ELEMENTS;
        while budget > 0 {
            if let Some(level) = self.level.take() {
                budget = budget.saturating_sub(self.advance(level, budget));
                continue;
            }
            let Some(job) = self.jobs.pop() else { return Step::Done };
            let n = job.end - job.start;
            budget = budget.saturating_sub(n.max(SMALL));
            if n <= SMALL {
                self.finish(job);
            } else if n <= morsel::ELEMENTS {
                self.level_at_once(job);
            } else {
                self.level = Some(Level {
                    job,
                    at: job.start,
                    varying: 0,
                    shift: 0,
                    digit: 0,
                    counts: Vec::new(),
                    pass: Pass::Survey,
                });
            }
        }
        if self.level.is_none() && self.jobs.is_empty() { Step::Done } else { Step::More }
    }

    fn buffers(&mut self, turned: bool) -> (&mut [P], &mut [P]) {
        if turned { (&mut self.other, &mut self.rows) } else { (&mut self.rows, &mut self.other) }
    }

    /// Sorts few rows by comparing them.
    fn finish(&mut self, job: Job) {
        self.bring_home(job);
        self.rows[job.start..job.end].sort_unstable();
    }

    fn bring_home(&mut self, job: Job) {
        if job.turned {
            self.rows[job.start..job.end].copy_from_slice(&self.other[job.start..job.end]);
        }
    }

    /// Which bits to distribute by: shift and number. `None` if nothing differs.
    fn choose(&self, n: usize, varying: u64) -> Option<(u32, u32)> {
        let varying = varying >> self.low;
        if varying == 0 {
            return None;
        }
        let top = self.low + 64 - varying.leading_zeros();
        let wanted = (n.ilog2().saturating_sub(BUCKET_BITS)).clamp(4, LEVEL_BITS);
        let digit = wanted.min(top - self.low);
        Some((top - digit, digit))
    }

    fn level_at_once(&mut self, job: Job) {
        let Job { start, end, turned } = job;
        let rows = &self.buffers(turned).0[start..end];
        let varying = varying(rows, rows[0].key());
        let Some((shift, digit)) = self.choose(end - start, varying) else { return self.bring_home(job) };
        let mut counts = [0u32; 1 << LEVEL_BITS];
        let counts = &mut counts[..1 << digit];
        let (from, to) = self.buffers(turned);
        let (from, to) = (&from[start..end], &mut to[start..end]);
        let mask = (1u64 << digit) - 1;
        for row in from {
            counts[(row.key() >> shift & mask) as usize] += 1;
        }
        let mut before = 0;
        for count in counts.iter_mut() {
            before += std::mem::replace(count, before);
        }
        for &row in from {
            let place = &mut counts[(row.key() >> shift & mask) as usize];
            to[*place as usize] = row;
            *place += 1;
        }
        // Each count is now the end of its bucket.
        let mut bucket = 0;
        for at in 0..counts.len() {
            let next = counts[at] as usize;
            self.bucket(Job { start: start + bucket, end: start + next, turned: !turned }, shift);
            bucket = next;
        }
    }

    /// What becomes of a bucket whose bits from `shift` up are equal.
    fn bucket(&mut self, job: Job, shift: u32) {
        match job.end - job.start {
            0 => {}
            _ if shift <= self.low => self.bring_home(job),
            n if n <= SMALL => self.finish(job),
            _ => self.jobs.push(job),
        }
    }

    /// Goes on with a large level for at most `budget` rows; how many it was.
    fn advance(&mut self, mut level: Level, budget: usize) -> usize {
        let job = level.job;
        let until = job.end.min(level.at + budget);
        let n = job.end - job.start;
        let (from, to) = self.buffers(job.turned);
        let part = &from[level.at..until];
        let used = part.len();
        let mask = (1u64 << level.digit) - 1;
        match level.pass {
            Pass::Survey => level.varying |= varying(part, from[job.start].key()),
            Pass::Count => {
                for row in part {
                    level.counts[(row.key() >> level.shift & mask) as usize] += 1;
                }
            }
            Pass::Move => {
                for &row in part {
                    let place = &mut level.counts[(row.key() >> level.shift & mask) as usize];
                    to[*place] = row;
                    *place += 1;
                }
            }
        }
        level.at = until;
        if until < job.end {
            self.level = Some(level);
            return used;
        }
        level.at = job.start;
        match level.pass {
            Pass::Survey => match self.choose(n, level.varying) {
                None => self.bring_home(job),
                Some((shift, digit)) => {
                    (level.shift, level.digit, level.pass) = (shift, digit, Pass::Count);
                    level.counts = vec![0; 1 << digit];
                    self.level = Some(level);
                }
            },
            Pass::Count => {
                let mut before = job.start;
                for count in &mut level.counts {
                    before += std::mem::replace(count, before);
                }
                level.pass = Pass::Move;
                self.level = Some(level);
            }
            Pass::Move => {
                let mut start = job.start;
                for &end in &level.counts {
                    let bucket = Job { start, end, turned: !job.turned };
                    // Left for later steps, small and finished ones too: there may be thousands.
                    if end > start {
                        self.jobs.push(bucket);
                    }
                    start = end;
                }
            }
        }
        used
    }
}

/// The bits in which rows differ from `first`.
#[inline]
fn varying<P: Packed>(rows: &[P], first: u64) -> u64 {
    rows.iter().fold(0, |bits, row| bits | row.key() ^ first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted<P: Packed>(rows: Vec<P>, low: u32) -> Vec<P> {
        let mut radix = Radix::new(rows, low);
        let mut steps = 0;
        while radix.step() == Step::More {
            steps += 1;
            assert!(steps < 100_000);
        }
        radix.rows
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]
        #[test]
        fn rows_come_out_in_order(seed in any::<u64>(), n in prop_oneof![0usize..300, 1000usize..5000, 30_000usize..100_000], width in 0u32..64) {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state ^ state >> 29) & ((1 << width) - 1)
            };
            let wide: Vec<(u64, u32)> = (0..n as u32).map(|at| (next(), at)).collect();
            let mut expected = wide.clone();
            expected.sort_unstable();
            prop_assert!(sorted(wide, 0) == expected);

            let packed: Vec<u64> = (0..n as u64).map(|at| (next() & 0xffff_ffff) << 20 | at).collect();
            let mut expected = packed.clone();
            expected.sort_unstable();
            prop_assert!(sorted(packed, 20) == expected);
        }
    }
}
