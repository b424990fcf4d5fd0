//! From a column to packed rows in order, on one thread or on several.
//!
//! How: alone, rows are distributed by their highest bits in one pass from the column, and each bucket is sorted. With others, each
//! sorts a part of the rows so, and parts are merged in pairs, a morsel of the output by whoever is free. A packed row is never another's equal unless
//! nobody can tell them apart, so the order is the same.

use super::argsort::{Direction, blocks};
use super::keys::{Keys, Survey};
use super::merge::merge;
use super::radix::{LOCAL, Radix, begin, first_bits};
use crate::error::KernelError;
use crate::limits::BLOCK;
use crate::morsel::{self, Step, Team, batch, each};
use crate::spent::Spent;
use std::ops::Range;

/// Rows that one thread sorts sooner than several can share.
const SHARED_MIN: usize = 8 * morsel::ELEMENTS;
/// Morsels that a thread does of its part before it looks up.
const STEPS: usize = 2;
/// Parts of a shared sort: more would be merged longer than it takes to sort them.
const PARTS_MAX: usize = 16;

/// How keys and rows become packed rows.
#[derive(Clone, Copy)]
pub(crate) struct Packing {
    low: u64,
    high: u64,
    direction: Direction,
    /// Low bits of the key that are left out.
    pub drop: u32,
    /// Bits of the row number; 0 for keys alone.
    pub index_bits: u32,
    /// Where the bits begin that the first pass distributes by, and how many they are.
    shift: u32,
    digit: u32,
}

impl Packing {
    /// `part`: how many rows are distributed at once.
    pub fn new(survey: &Survey, direction: Direction, part: usize, index_bits: u32) -> Self {
        let bits = survey.bits();
        let drop = (bits + index_bits).saturating_sub(64);
        let kept = bits - drop;
        let digit = first_bits(part).min(kept);
        let shift = index_bits + kept - digit;
        Self { low: survey.low, high: survey.high, direction, drop, index_bits, shift, digit }
    }

    #[inline(always)]
    pub fn key(&self, key: u64) -> u64 {
        match self.direction {
            Direction::Ascending => key - self.low,
            Direction::Descending => self.high - key,
        }
    }

    #[inline(always)]
    fn pack(&self, key: u64, row: usize) -> u64 {
        // A key of 64 bits comes with an index of none, so no shift is by 64.
        let row = if self.index_bits == 0 { 0 } else { row as u64 };
        self.key(key) >> self.drop << self.index_bits | row
    }

    /// The key of a row that was packed ascending, whole and without an index.
    #[inline(always)]
    pub fn unpack(&self, packed: u64) -> u64 {
        packed + self.low
    }

    #[inline(always)]
    fn bucket(&self, packed: u64) -> usize {
        if self.digit == 0 { 0 } else { (packed >> self.shift) as usize }
    }
}

enum Front {
    Survey(Survey, usize),
    Parts(Packing, Vec<Part>),
    Merge(Packing, Merge),
}

/// A column that is being sorted. Shared by `ArgSort` and `SortValues`.
pub(crate) struct PackedSort {
    n: usize,
    direction: Direction,
    index_bits: u32,
    front: Front,
}

/// What became of the rows.
pub(crate) enum Outcome {
    /// Not yet known.
    More,
    /// They were in order before.
    InOrder,
    /// In order, packed so.
    Sorted(Packing, Vec<u64>),
}

impl PackedSort {
    pub fn new(n: usize, direction: Direction, index_bits: u32) -> Self {
        Self { n, direction, index_bits, front: Front::Survey(Survey::start(), 0) }
    }

    /// Works on for about a morsel on each thread.
    pub fn step(&mut self, keys: &dyn Keys, team: &dyn Team) -> Result<Outcome, KernelError> {
        let n = self.n;
        let front = std::mem::replace(&mut self.front, Front::Survey(Survey::start(), 0));
        self.front = match front {
            Front::Survey(survey, m) if m < morsel::count(n) => {
                let until = morsel::count(n).min(m + batch(team));
                let parts = each(team, m..until, |m| {
                    let mut part = Survey::start();
                    part.look(keys, morsel::range(n, m)).map(|()| part)
                })?;
                Front::Survey(parts.iter().fold(survey, Survey::then), until)
            }
            Front::Survey(survey, _) => {
                if survey.sorted && self.direction == Direction::Ascending {
                    return Ok(Outcome::InOrder);
                }
                let parts = if n < SHARED_MIN { 1 } else { team.threads().min(PARTS_MAX) };
                let length = n.div_ceil(parts).max(1);
                let rows = (0..n.max(1)).step_by(length).map(|start| start..n.min(start + length));
                let packing = Packing::new(&survey, self.direction, length.min(n), self.index_bits);
                Front::Parts(packing, rows.map(|rows| Part::new(rows, &packing)).collect())
            }
            Front::Parts(packing, mut parts) => {
                each(team, parts.iter_mut(), |part| (0..STEPS).try_for_each(|_| part.step(keys, &packing)))?;
                match parts.iter().all(Part::is_done) {
                    false => Front::Parts(packing, parts),
                    true => Front::Merge(packing, Merge::new(parts.into_iter().map(Part::into_rows).collect())),
                }
            }
            Front::Merge(packing, mut merge) => match merge.step(team)? {
                Step::More => Front::Merge(packing, merge),
                Step::Done => return Ok(Outcome::Sorted(packing, merge.into_rows())),
            },
        };
        Ok(Outcome::More)
    }
}

/// Calls `f` with each key of a range and its row.
pub(crate) fn each_key(
    keys: &dyn Keys,
    range: Range<usize>,
    mut f: impl FnMut(u64, usize),
) -> Result<(), KernelError> {
    let mut room = [0; BLOCK];
    for range in blocks(range) {
        let block = &mut room[..range.len()];
        keys.fill(range.clone(), block)?;
        range.zip(block).for_each(|(row, key)| f(*key, row));
    }
    Ok(())
}

enum Stage {
    Count(Vec<usize>, usize),
    Move(Vec<usize>, Vec<u64>, usize),
    Sort(Radix<u64>),
    Done(Vec<u64>),
}

/// Rows that one thread sorts.
struct Part {
    rows: Range<usize>,
    stage: Stage,
}

impl Part {
    fn new(rows: Range<usize>, packing: &Packing) -> Self {
        Self { rows, stage: Stage::Count(vec![0; 1 << packing.digit], 0) }
    }
    fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done(_))
    }
    fn into_rows(self) -> Vec<u64> {
        match self.stage {
            Stage::Done(rows) => rows,
            Stage::Count(..) | Stage::Move(..) | Stage::Sort(_) => Vec::new(),
        }
    }

    fn step(&mut self, keys: &dyn Keys, packing: &Packing) -> Result<(), KernelError> {
        let (start, n) = (self.rows.start, self.rows.len());
        let morsel = |m: usize| {
            let range = morsel::range(n, m);
            range.start + start..range.end + start
        };
        self.stage = match std::mem::replace(&mut self.stage, Stage::Done(Vec::new())) {
            Stage::Count(..) if n <= LOCAL => {
                let mut rows = Vec::with_capacity(n);
                each_key(keys, self.rows.clone(), |key, row| rows.push(packing.pack(key, row)))?;
                Stage::Sort(Radix::new(rows, packing.index_bits))
            }
            Stage::Count(mut counts, m) if m < morsel::count(n) => {
                each_key(keys, morsel(m), |key, row| counts[packing.bucket(packing.pack(key, row))] += 1)?;
                Stage::Count(counts, m + 1)
            }
            Stage::Count(mut counts, _) => {
                begin(&mut counts, 0);
                Stage::Move(counts, vec![0; n], 0)
            }
            Stage::Move(mut counts, mut rows, m) if m < morsel::count(n) => {
                each_key(keys, morsel(m), |key, row| {
                    let packed = packing.pack(key, row);
                    let place = &mut counts[packing.bucket(packed)];
                    rows[*place] = packed;
                    *place += 1;
                })?;
                Stage::Move(counts, rows, m + 1)
            }
            Stage::Move(counts, rows, _) => {
                let mut jobs = Vec::new();
                let mut start = 0;
                if packing.shift > packing.index_bits {
                    for end in counts {
                        if end - start > 1 {
                            jobs.push((start, end));
                        }
                        start = end;
                    }
                }
                Stage::Sort(Radix::of_buckets(rows, packing.index_bits, jobs))
            }
            Stage::Sort(mut radix) => match radix.step() {
                Step::More => Stage::Sort(radix),
                Step::Done => Stage::Done(radix.rows),
            },
            done @ Stage::Done(_) => done,
        };
        Ok(())
    }
}

/// Sorted runs that become one, in pairs and rounds.
struct Merge {
    /// Of this round, those that are to be merged: the last two come next.
    runs: Vec<Vec<u64>>,
    /// Of the next round, its last run first.
    merged: Vec<Vec<u64>>,
    /// The pair's, written up to `at`.
    out: Vec<u64>,
    at: usize,
    /// Runs that were merged.
    spent: Spent,
}

impl Merge {
    fn new(runs: Vec<Vec<u64>>) -> Self {
        Self { runs, merged: Vec::new(), out: Vec::new(), at: 0, spent: Spent::default() }
    }
    fn into_rows(mut self) -> Vec<u64> {
        self.runs.pop().unwrap_or_default()
    }

    fn step(&mut self, team: &dyn Team) -> Result<Step, KernelError> {
        let [.., left, right] = &self.runs[..] else {
            // What is left alone goes before those that were merged: they came from behind it.
            self.merged.extend(self.runs.pop());
            self.merged.reverse();
            self.runs = std::mem::take(&mut self.merged);
            return Ok(if self.runs.len() <= 1 && !self.spent.step() { Step::Done } else { Step::More });
        };
        let rows = left.len() + right.len();
        self.spent.step();
        if self.out.is_empty() {
            self.out = vec![0; rows];
        }
        let parts = self.out[self.at..].chunks_mut(morsel::ELEMENTS).take(2 * batch(team));
        let mut until = self.at;
        let places = parts.map(|part| {
            let from = until;
            until += part.len();
            (from, part)
        });
        each(team, places.collect::<Vec<_>>(), |(from, part)| merge(left, right, from, part))?;
        self.at = until;
        if until == rows {
            let merged = self.runs.len() - 2;
            self.runs.drain(merged..).for_each(|run| self.spent.take(run));
            self.merged.push(std::mem::take(&mut self.out));
            self.at = 0;
        }
        Ok(Step::More)
    }
}
