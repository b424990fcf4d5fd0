//! Each row's group number without a permutation: a table over the keys' range, hash tables, or a sort, whichever the keys allow.
//!
//! How: the keys' range is measured first. A small span is counted in a table that all threads mark. Otherwise a sample says whether the
//! different keys are few: then each thread numbers the keys of its rows in a hash table of its own, the tables' keys are ranked
//! together, and the numbers of first appearance are replaced by ranks. Many different keys are sorted.
//! Holds: numbers are ranks of keys, so they are the same whoever met a key first.

use crate::error::KernelError;
use crate::limits::{BLOCK, KEYS_MAX};
use crate::morsel::{self, Step, Stepwise, Team, batch, each};
use crate::search::table::{ENTRIES_MAX, Table};
use crate::sort::argsort::{Direction, Order, blocks};
use crate::sort::keys::Survey;
use crate::sort::{Column, Index, Keys};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// Spans of keys that are counted in a table: 16 MiB of numbers.
const DENSE_MAX: u64 = 1 << 22;
/// Marks a key of a span that does not occur.
const ABSENT: u32 = u32::MAX;
/// Rows that are looked at to tell few different keys from many.
const SAMPLE: usize = 1 << 14;
/// Rows from which that pays; fewer are hashed.
const SAMPLED_FROM: usize = 1 << 18;
/// Morsels that one hash table takes in a step.
const TURN: usize = 2;

enum Phase {
    Survey(Survey, usize),
    /// Marks the keys of a small span, then numbers them.
    Dense {
        low: u64,
        numbers: Vec<AtomicU32>,
        m: usize,
    },
    /// Numbers keys as they appear, a table for each thread: turn `t` of rows goes to table `t % tables`.
    Hash {
        tables: Vec<Table>,
        m: usize,
    },
    /// Sorts the keys of all tables.
    Rank {
        firsts: Vec<usize>,
        keys: Column,
        order: Order,
        permutation: Vec<u64>,
    },
    /// Numbers them: `numbers` by place in `keys`, of which the first `at` in order are done, `found` of them different.
    Different {
        firsts: Vec<usize>,
        keys: Column,
        permutation: Vec<u64>,
        numbers: Vec<u32>,
        at: usize,
        found: usize,
    },
    /// Writes group numbers.
    Number {
        by: By,
        groups: usize,
        m: usize,
    },
    /// Too many keys for a table.
    Sort {
        order: Order,
        permutation: Vec<u64>,
    },
    /// Writes numbers along a permutation.
    Spread {
        starts: Vec<i64>,
        permutation: Vec<u64>,
        at: usize,
        group: usize,
    },
    Done(Option<usize>),
}

/// What becomes a row's group number.
enum By {
    /// Its key, less the least one.
    Key { low: u64, numbers: Vec<u32> },
    /// Its number of first appearance, and where those of its table begin.
    First { firsts: Vec<usize>, numbers: Vec<u32> },
}

/// Writes the group number of each row, groups in ascending key order, and says how many there are.
///
/// Shape: `out` has one place per row. Cost: 2 ns per row and thread for keys of a small span, 5 to 10 with a table, a sort and a
/// scatter beyond a million scattered keys.
pub struct Codes<'a, I> {
    keys: &'a dyn Keys,
    out: &'a mut [I],
    sorts: bool,
    phase: Phase,
}

impl<'a, I: Index> Codes<'a, I> {
    /// A numbering that has not begun.
    ///
    /// # Errors
    /// `OutputSize` if `out` has not one place per row, `TooLarge` past `KEYS_MAX` or what `I` can number.
    pub fn new(keys: &'a dyn Keys, out: &'a mut [I]) -> Result<Self, KernelError> {
        KernelError::check_output(keys.rows(), out.len())?;
        let max = KEYS_MAX.min(usize::try_from(I::GREATEST).unwrap_or(usize::MAX));
        if keys.rows() > max {
            return Err(KernelError::TooLarge { max });
        }
        Ok(Self { keys, out, sorts: true, phase: Phase::Survey(Survey::start(), 0) })
    }

    /// The same, which is given up where keys would have to be sorted: `groups` then says `None`, and `out` means nothing. For those who
    /// sort them better, with what else they want of the order.
    ///
    /// # Errors
    /// As `new`.
    pub fn of_few(keys: &'a dyn Keys, out: &'a mut [I]) -> Result<Self, KernelError> {
        Ok(Self { sorts: false, ..Self::new(keys, out)? })
    }

    /// Groups, once `step` said `Done`; `None` before, and when the numbering was given up.
    #[must_use]
    pub fn groups(&self) -> Option<usize> {
        match self.phase {
            Phase::Done(groups) => groups,
            _ => None,
        }
    }

    fn sort(&self) -> Result<Phase, KernelError> {
        if !self.sorts {
            return Ok(Phase::Done(None));
        }
        let n = self.keys.rows();
        Ok(Phase::Sort { order: Order::with_starts::<u64>(n)?, permutation: vec![0; n] })
    }

    fn after_survey(&self, survey: &Survey, team: &dyn Team) -> Result<Phase, KernelError> {
        let n = self.keys.rows();
        if n == 0 {
            return Ok(Phase::Done(Some(0)));
        }
        let span = survey.high - survey.low;
        if span < DENSE_MAX && span < (n as u64).saturating_mul(4).max(1 << 16) {
            let numbers = (0..=span).map(|_| AtomicU32::new(ABSENT)).collect();
            return Ok(Phase::Dense { low: survey.low, numbers, m: 0 });
        }
        if n >= SAMPLED_FROM && are_many(self.keys) {
            return self.sort();
        }
        let tables = team.threads().min(morsel::count(n).div_ceil(TURN)).max(1);
        Ok(Phase::Hash { tables: (0..tables).map(|_| Table::new()).collect(), m: 0 })
    }

    /// Numbers the keys of the next turns, one for each table. `None`: a table is full.
    fn hash(
        &mut self,
        tables: Vec<Table>,
        m: usize,
        team: &dyn Team,
    ) -> Result<Option<(Vec<Table>, usize)>, KernelError> {
        let n = self.keys.rows();
        let until = morsel::count(n).min(m + TURN * tables.len());
        let keys = self.keys;
        let (start, end) = (morsel::range(n, m).start, morsel::range(n, until).start);
        let mut rooms = self.out[start..end].chunks_mut(TURN * morsel::ELEMENTS);
        let turns = tables
            .into_iter()
            .enumerate()
            .map(|(at, table)| (table, start + at * TURN * morsel::ELEMENTS, rooms.next().unwrap_or_default()));
        let done = each(team, turns, |(mut table, first, out)| {
            let mut crowded = false;
            each_key(keys, first..first + out.len(), |row, key| match table.insert(key) {
                Ok(number) if !crowded => out[row - first] = I::from_row(number as usize),
                _ => crowded = true,
            })?;
            Ok((!crowded).then_some(table))
        })?;
        let tables: Option<Vec<Table>> = done.into_iter().collect();
        Ok(tables.map(|tables| (tables, until)))
    }

    /// Writes group numbers of some morsels.
    fn number(&mut self, by: &By, morsels: Range<usize>, team: &dyn Team) -> Result<(), KernelError> {
        let (n, keys) = (self.keys.rows(), self.keys);
        let rooms = self.out[morsel::range(n, morsels.start).start..].chunks_mut(morsel::ELEMENTS);
        each(team, morsels.zip(rooms), |(m, out)| {
            match by {
                By::Key { low, numbers } => {
                    let first = m * morsel::ELEMENTS;
                    each_key(keys, first..first + out.len(), |row, key| {
                        out[row - first] = I::from_row(numbers[(key - low) as usize] as usize);
                    })?;
                }
                By::First { firsts, numbers } => {
                    let numbers = &numbers[firsts[m / TURN % firsts.len()]..];
                    out.iter_mut().for_each(|out| *out = I::from_row(numbers[out.row()] as usize));
                }
            }
            Ok(())
        })
        .map(drop)
    }
}

/// Calls `f` with each row of a range and its key.
fn each_key(keys: &dyn Keys, rows: Range<usize>, mut f: impl FnMut(usize, u64)) -> Result<(), KernelError> {
    let mut room = [0; BLOCK];
    for range in blocks(rows) {
        let block = &mut room[..range.len()];
        keys.fill(range.clone(), block)?;
        range.zip(block).for_each(|(row, key)| f(row, *key));
    }
    Ok(())
}

/// Whether a sample says that a table would not hold the different keys: of so many that occur evenly, this many rows would meet a
/// key twice.
fn are_many(keys: &dyn Keys) -> bool {
    let n = keys.rows();
    let step = n / SAMPLE;
    // Not at even distances, for what repeats itself.
    let place = |at: usize| at * step + (at.wrapping_mul(0x9e37_79b9) >> 7) % step.max(1);
    let mut seen: Vec<u64> = (0..SAMPLE).map(|at| keys.key(place(at))).collect();
    seen.sort_unstable();
    seen.dedup();
    SAMPLE - seen.len() < SAMPLE * SAMPLE / 2 / ENTRIES_MAX
}

/// What happens to the keys of the tables once all rows are in one.
fn ranked(tables: Vec<Table>) -> Result<Phase, KernelError> {
    let mut firsts = Vec::with_capacity(tables.len());
    let mut keys = Vec::with_capacity(tables.iter().map(|table| table.keys.len()).sum());
    for table in tables {
        firsts.push(keys.len());
        keys.extend_from_slice(&table.keys);
    }
    let order = Order::new::<u64>(keys.len(), Direction::Ascending)?;
    let permutation = vec![0; keys.len()];
    Ok(Phase::Rank { firsts, keys: Column(keys), order, permutation })
}

/// The numbers of the keys of a span that occur.
fn numbered(marks: Vec<AtomicU32>) -> (Vec<u32>, usize) {
    let mut numbers: Vec<u32> = marks.into_iter().map(AtomicU32::into_inner).collect();
    let mut groups = 0u32;
    for number in numbers.iter_mut().filter(|number| **number != ABSENT) {
        *number = groups;
        groups += 1;
    }
    (numbers, groups as usize)
}

impl<I: Index> Stepwise for Codes<'_, I> {
    fn step_with(&mut self, team: &dyn Team) -> Result<Step, KernelError> {
        let n = self.keys.rows();
        let morsels = morsel::count(n);
        let keys = self.keys;
        self.phase = match std::mem::replace(&mut self.phase, Phase::Done(None)) {
            Phase::Survey(survey, m) if m < morsels => {
                let until = morsels.min(m + batch(team));
                let parts = each(team, m..until, |m| {
                    let mut part = Survey::start();
                    part.look(keys, morsel::range(n, m)).map(|()| part)
                })?;
                Phase::Survey(parts.iter().fold(survey, Survey::then), until)
            }
            Phase::Survey(survey, _) => self.after_survey(&survey, team)?,
            Phase::Dense { low, numbers, m } if m < morsels => {
                let until = morsels.min(m + batch(team));
                each(team, m..until, |m| {
                    each_key(keys, morsel::range(n, m), |_, key| {
                        let mark = &numbers[(key - low) as usize];
                        // ORDER: a mark is set or not; the end of the step hands all of them over. Looked at first, because a line that
                        //   nobody writes is in every cache.
                        if mark.load(Ordering::Relaxed) == ABSENT {
                            mark.store(0, Ordering::Relaxed);
                        }
                    })
                })?;
                Phase::Dense { low, numbers, m: until }
            }
            Phase::Dense { low, numbers, .. } => {
                let (numbers, groups) = numbered(numbers);
                Phase::Number { by: By::Key { low, numbers }, groups, m: 0 }
            }
            Phase::Hash { tables, m } if m < morsels => match self.hash(tables, m, team)? {
                Some((tables, m)) => Phase::Hash { tables, m },
                None => self.sort()?,
            },
            Phase::Hash { tables, .. } => ranked(tables)?,
            Phase::Rank { firsts, keys, mut order, mut permutation } => {
                match order.step(&keys, &mut permutation, team)? {
                    Step::More => Phase::Rank { firsts, keys, order, permutation },
                    Step::Done => {
                        let numbers = vec![0; keys.0.len()];
                        Phase::Different { firsts, keys, permutation, numbers, at: 0, found: 0 }
                    }
                }
            }
            Phase::Different { firsts, keys, permutation, mut numbers, at, mut found }
                if at < permutation.len() =>
            {
                let until = permutation.len().min(at + morsel::ELEMENTS);
                for at in at..until {
                    let key = |at: usize| keys.0[permutation[at] as usize];
                    found += usize::from(at == 0 || key(at) != key(at - 1));
                    numbers[permutation[at] as usize] = found as u32 - 1;
                }
                Phase::Different { firsts, keys, permutation, numbers, at: until, found }
            }
            Phase::Different { firsts, numbers, found, .. } => {
                Phase::Number { by: By::First { firsts, numbers }, groups: found, m: 0 }
            }
            Phase::Number { by, groups, m } if m < morsels => {
                let until = morsels.min(m + batch(team));
                self.number(&by, m..until, team)?;
                Phase::Number { by, groups, m: until }
            }
            Phase::Number { groups, .. } => Phase::Done(Some(groups)),
            Phase::Sort { mut order, mut permutation } => match order.step(keys, &mut permutation, team)? {
                Step::More => Phase::Sort { order, permutation },
                Step::Done => {
                    Phase::Spread { starts: order.starts.unwrap_or_default(), permutation, at: 0, group: 0 }
                }
            },
            Phase::Spread { starts, permutation, at, mut group } if at < n => {
                let until = n.min(at + morsel::ELEMENTS);
                for (place, &row) in (at..until).zip(&permutation[at..until]) {
                    if starts.get(group + 1).is_some_and(|&start| start as usize == place) {
                        group += 1;
                    }
                    self.out[row as usize] = I::from_row(group);
                }
                Phase::Spread { starts, permutation, at: until, group }
            }
            Phase::Spread { starts, .. } => Phase::Done(Some(starts.len())),
            done @ Phase::Done(_) => done,
        };
        Ok(if matches!(self.phase, Phase::Done(_)) { Step::Done } else { Step::More })
    }
}

/// Two columns of group numbers as one column of keys: equal where both are, in the order of the first, then the second.
pub struct Pairs<'a, I> {
    first: &'a [I],
    second: &'a [I],
    seconds: u64,
}

impl<'a, I: Index> Pairs<'a, I> {
    /// Numbers below `firsts` and below `seconds`.
    ///
    /// # Errors
    /// `OutputSize` for columns of different lengths; `TooLarge` if the pairs have no numbers of 64 bits.
    pub fn new(
        (first, firsts): (&'a [I], usize),
        (second, seconds): (&'a [I], usize),
    ) -> Result<Self, KernelError> {
        KernelError::check_output(first.len(), second.len())?;
        let seconds = seconds as u64;
        (firsts as u64).checked_mul(seconds).ok_or(KernelError::TooLarge { max: KEYS_MAX })?;
        Ok(Self { first, second, seconds })
    }
}

impl<I: Index> Keys for Pairs<'_, I> {
    fn rows(&self) -> usize {
        self.first.len()
    }

    fn fill(&self, range: Range<usize>, out: &mut [u64]) -> Result<(), KernelError> {
        KernelError::check_output(range.len(), out.len())?;
        let (Some(first), Some(second)) = (self.first.get(range.clone()), self.second.get(range.clone())) else {
            return Err(KernelError::Bounds { what: "range end", at: range.end as i64, len: self.first.len() });
        };
        for ((out, first), second) in out.iter_mut().zip(first).zip(second) {
            *out = (first.row() as u64).wrapping_mul(self.seconds).wrapping_add(second.row() as u64);
        }
        Ok(())
    }

    fn key(&self, row: usize) -> u64 {
        match (self.first.get(row), self.second.get(row)) {
            (Some(first), Some(second)) => {
                (first.row() as u64).wrapping_mul(self.seconds).wrapping_add(second.row() as u64)
            }
            _ => 0,
        }
    }
}

/// Looks for the first row of each group among the rows of a range: `firsts` has -1 for groups that were not met yet. Answers how many
/// were met now.
///
/// # Errors
/// `Bounds` for a range outside, or a group that has no place.
pub fn first_rows<I: Index>(codes: &[I], range: Range<usize>, firsts: &mut [i64]) -> Result<usize, KernelError> {
    let (len, outside) = (firsts.len(), |what, at: usize, len| KernelError::Bounds { what, at: at as i64, len });
    let rows = codes.get(range.clone()).ok_or_else(|| outside("range end", range.end, codes.len()))?;
    let mut met = 0;
    for (row, code) in range.zip(rows) {
        let first = firsts.get_mut(code.row()).ok_or_else(|| outside("group", code.row(), len))?;
        if *first < 0 {
            *first = row as i64;
            met += 1;
        }
    }
    Ok(met)
}
