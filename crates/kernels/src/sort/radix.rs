//! The engine: distributes packed rows by their highest differing bits until what is left is small enough for a comparison sort.
//!
//! Holds: a packed row is its key above its index (or a key alone), so rows compare as wholes, equal rows are the same, and any
//! correct sort of them is stable. Each level takes at least one bit that differs, so there are at most 64 levels, whatever the keys are;
//! equal keys take none.
//! Memory: rows of a bucket that fits the second-level cache pass through a small buffer and come back; only a larger bucket takes
//! a buffer of its size, for as long as its level lasts.

use crate::morsel::{self, Step};

/// A row to sort: a key above an index.
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

impl Packed for (u64, u64) {
    #[inline(always)]
    fn key(self) -> u64 {
        self.0
    }
}

/// Buckets of one level, as bits. 2 048 open lines stay in a second-level cache.
pub(crate) const LEVEL_BITS: u32 = 11;
/// Rows that a comparison sort takes.
const SMALL: usize = 40;
/// Rows that a level aims to leave in a bucket, as bits.
const BUCKET_BITS: u32 = 4;
/// Rows that are sorted through the small buffer.
pub(crate) const LOCAL: usize = 2 * morsel::ELEMENTS;

/// Bits to distribute `n` rows by, if so many differ.
pub(crate) fn level_bits(n: usize) -> u32 {
    n.max(1).ilog2().saturating_sub(BUCKET_BITS).clamp(4, LEVEL_BITS)
}

/// Bits that the first pass over `n` rows distributes by: few enough that each bucket fills a second-level cache.
pub(crate) fn first_bits(n: usize) -> u32 {
    n.max(1).ilog2().saturating_sub(14).clamp(4, LEVEL_BITS)
}

/// Which bits to distribute by: shift and number. `None` if nothing from `low` up differs.
fn choose(n: usize, varying: u64, low: u32) -> Option<(u32, u32)> {
    let varying = varying >> low;
    if varying == 0 {
        return None;
    }
    let top = low + 64 - varying.leading_zeros();
    let digit = level_bits(n).min(top - low);
    Some((top - digit, digit))
}

/// The bits in which rows differ from the first.
#[inline]
fn varying<P: Packed>(rows: &[P], first: u64) -> u64 {
    rows.iter().fold(0, |bits, row| bits | row.key() ^ first)
}

/// Turns counts into the places where each bucket begins.
pub(crate) fn begin<C: Copy + Default + std::ops::AddAssign>(counts: &mut [C], start: C) {
    let mut before = start;
    for count in counts {
        let own = std::mem::replace(count, before);
        before += own;
    }
}

/// Sorts rows that fit the cache: `from` holds them, `home` is where they end; both of one length. `in_home` says that they stand in `home`.
fn local<P: Packed>(home: &mut [P], spare: &mut [P], in_home: bool, low: u32) {
    let n = home.len();
    let from: &mut [P] = if in_home { home } else { spare };
    if n <= SMALL {
        from.sort_unstable();
        if !in_home {
            home.copy_from_slice(spare);
        }
        return;
    }
    let Some((shift, digit)) = choose(n, varying(from, from[0].key()), low) else {
        if !in_home {
            home.copy_from_slice(spare);
        }
        return;
    };
    let buckets = 1 << digit;
    let mask = buckets as u64 - 1;
    let mut counts = [0u32; 1 << LEVEL_BITS];
    let counts = &mut counts[..buckets];
    for row in from.iter() {
        counts[(row.key() >> shift & mask) as usize] += 1;
    }
    begin(counts, 0);
    let (from, to): (&[P], &mut [P]) = if in_home { (home, spare) } else { (spare, home) };
    for &row in from {
        let place = &mut counts[(row.key() >> shift & mask) as usize];
        to[*place as usize] = row;
        *place += 1;
    }
    // Each count is now the end of its bucket.
    let mut start = 0;
    for &mut end in counts {
        let end = end as usize;
        if end > start {
            let low = if shift > low { low } else { 64 };
            bucket(&mut home[start..end], &mut spare[start..end], !in_home, low);
        }
        start = end;
    }
}

/// A bucket of a level: most are a few rows, so those go without another call.
#[inline]
fn bucket<P: Packed>(home: &mut [P], spare: &mut [P], in_home: bool, low: u32) {
    if home.len() > SMALL && low < 64 {
        return local(home, spare, in_home, low);
    }
    if !in_home {
        home.copy_from_slice(spare);
    }
    if low < 64 {
        home.sort_unstable();
    }
}

/// A level of a bucket that is larger than the cache, in the middle of one of its passes.
struct Level<P> {
    start: usize,
    end: usize,
    at: usize,
    varying: u64,
    shift: u32,
    digit: u32,
    counts: Vec<usize>,
    moved: Vec<P>,
    pass: Pass,
}

#[derive(Clone, Copy)]
enum Pass {
    Survey,
    Count,
    Move,
    Back,
}

/// A sort under way. The rows are `rows` before it and after it.
pub(crate) struct Radix<P> {
    pub rows: Vec<P>,
    spare: Vec<P>,
    /// Bits below this need no sorting: the index, in rows of 64 bits.
    low: u32,
    /// Buckets to sort.
    jobs: Vec<(usize, usize)>,
    level: Option<Level<P>>,
}

impl<P: Packed> Radix<P> {
    /// Rows in the order of their indices, to be sorted by the bits from `low` up.
    pub fn new(rows: Vec<P>, low: u32) -> Self {
        let all = (0, rows.len());
        Self::of_buckets(rows, low, vec![all])
    }

    /// Rows that were distributed: buckets in order, each still to be sorted.
    pub fn of_buckets(rows: Vec<P>, low: u32, jobs: Vec<(usize, usize)>) -> Self {
        let spare = vec![P::default(); rows.len().min(LOCAL)];
        Self { rows, spare, low, jobs, level: None }
    }

    /// Works on for about a morsel of rows.
    pub fn step(&mut self) -> Step {
        let mut budget = morsel::ELEMENTS;
        while budget > 0 {
            if let Some(level) = self.level.take() {
                budget = budget.saturating_sub(self.advance(level, budget));
                continue;
            }
            let Some((start, end)) = self.jobs.pop() else { return Step::Done };
            let n = end - start;
            if n <= LOCAL {
                local(&mut self.rows[start..end], &mut self.spare[..n], true, self.low);
                budget = budget.saturating_sub(n.max(SMALL));
            } else {
                let (counts, moved) = (Vec::new(), Vec::new());
                let level = Level {
                    start,
                    end,
                    at: start,
                    varying: 0,
                    shift: 0,
                    digit: 0,
                    counts,
                    moved,
                    pass: Pass::Survey,
                };
                self.level = Some(level);
            }
        }
        if self.level.is_none() && self.jobs.is_empty() { Step::Done } else { Step::More }
    }

    /// Goes on with a large level for at most `budget` rows; how many it was.
    fn advance(&mut self, mut level: Level<P>, budget: usize) -> usize {
        let (start, end) = (level.start, level.end);
        let part = level.at..end.min(level.at + budget);
        let used = part.len();
        level.at = part.end;
        let mask = (1u64 << level.digit) - 1;
        match level.pass {
            Pass::Survey => level.varying |= varying(&self.rows[part], self.rows[start].key()),
            Pass::Count => {
                for row in &self.rows[part] {
                    level.counts[(row.key() >> level.shift & mask) as usize] += 1;
                }
            }
            Pass::Move => {
                for &row in &self.rows[part] {
                    let place = &mut level.counts[(row.key() >> level.shift & mask) as usize];
                    level.moved[*place] = row;
                    *place += 1;
                }
            }
            Pass::Back => {
                let from = part.start - start..part.end - start;
                self.rows[part].copy_from_slice(&level.moved[from]);
            }
        }
        if level.at == end {
            level.at = start;
            self.level = self.turn(level);
        } else {
            self.level = Some(level);
        }
        used
    }

    /// What follows a pass that has seen all rows.
    fn turn(&mut self, mut level: Level<P>) -> Option<Level<P>> {
        let n = level.end - level.start;
        level.pass = match level.pass {
            Pass::Survey => {
                (level.shift, level.digit) = choose(n, level.varying, self.low)?;
                level.counts = vec![0; 1 << level.digit];
                Pass::Count
            }
            Pass::Count => {
                begin(&mut level.counts, 0);
                level.moved = vec![P::default(); n];
                Pass::Move
            }
            Pass::Move => Pass::Back,
            Pass::Back => {
                if level.shift > self.low {
                    let mut from = 0;
                    for &end in &level.counts {
                        if end - from > 1 {
                            self.jobs.push((level.start + from, level.start + end));
                        }
                        from = end;
                    }
                }
                return None;
            }
        };
        Some(level)
    }
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
        fn rows_come_out_in_order(
            seed in any::<u64>(),
            n in prop_oneof![0usize..300, 1000usize..5000, 60_000usize..200_000],
            width in 0u32..64,
        ) {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state ^ state >> 29) & ((1 << width) - 1)
            };
            let wide: Vec<(u64, u64)> = (0..n as u64).map(|at| (next(), at)).collect();
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
