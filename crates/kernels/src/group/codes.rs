//! Each row's group number without a permutation: a table over the keys' range, a hash table, or a sort, whichever the keys allow.

use crate::error::KernelError;
use crate::limits::{BLOCK, KEYS_MAX};
use crate::morsel::{self, Step, Stepwise, Team};
use crate::search::table::Table;
use crate::sort::argsort::{Direction, Order, blocks};
use crate::sort::keys::Survey;
use crate::sort::{Column, Index, Keys};

/// Spans of keys that are counted in a table: 16 MiB of numbers.
const DENSE_MAX: u64 = 1 << 22;
/// Marks a key of a span that does not occur.
const ABSENT: u32 = u32::MAX;

enum Phase {
    Survey(Survey, usize),
    /// Marks the keys of a small span, then numbers them.
    Dense {
        low: u64,
        numbers: Vec<u32>,
        m: usize,
    },
    /// Numbers keys as they appear.
    Hash {
        table: Table,
        m: usize,
    },
    /// Sorts the different keys: their order, and the numbers of first appearance to replace.
    Rank {
        keys: Column,
        order: Order,
        permutation: Vec<u64>,
    },
    /// Writes `numbers[key - low]`, or replaces the number of first appearance.
    Number {
        low: Option<u64>,
        numbers: Vec<u32>,
        keys: Vec<u64>,
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
    Done(usize),
}

/// Writes the group number of each row, groups in ascending key order, and says how many there are.
///
/// Shape: `out` has one place per row. Cost: 2 ns per row for keys of a small span, 5 to 10 with a table, a sort and a scatter beyond a
/// million scattered keys.
pub struct Codes<'a, I> {
    keys: &'a dyn Keys,
    out: &'a mut [I],
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
        Ok(Self { keys, out, phase: Phase::Survey(Survey::start(), 0) })
    }

    /// Groups, once `step` said `Done`; 0 before.
    #[must_use]
    pub fn groups(&self) -> usize {
        match self.phase {
            Phase::Done(groups) => groups,
            _ => 0,
        }
    }

    fn sort(&self) -> Result<Phase, KernelError> {
        let n = self.keys.rows();
        Ok(Phase::Sort { order: Order::with_starts::<u64>(n)?, permutation: vec![0; n] })
    }

    /// Calls `f` with each row of morsel `m` and its key.
    fn each(keys: &dyn Keys, m: usize, mut f: impl FnMut(usize, u64)) -> Result<(), KernelError> {
        let mut room = [0; BLOCK];
        for range in blocks(morsel::range(keys.rows(), m)) {
            let block = &mut room[..range.len()];
            keys.fill(range.clone(), block)?;
            range.zip(block).for_each(|(row, key)| f(row, *key));
        }
        Ok(())
    }

    fn after_survey(&self, survey: &Survey) -> Phase {
        let n = self.keys.rows();
        if n == 0 {
            return Phase::Done(0);
        }
        let span = survey.high - survey.low;
        if span < DENSE_MAX && span < (n as u64).saturating_mul(4).max(1 << 16) {
            Phase::Dense { low: survey.low, numbers: vec![ABSENT; span as usize + 1], m: 0 }
        } else {
            Phase::Hash { table: Table::new(), m: 0 }
        }
    }
}

impl<I: Index> Stepwise for Codes<'_, I> {
    fn step_with(&mut self, team: &dyn Team) -> Result<Step, KernelError> {
        let n = self.keys.rows();
        let morsels = morsel::count(n);
        let (keys, out) = (self.keys, &mut *self.out);
        self.phase = match std::mem::replace(&mut self.phase, Phase::Done(0)) {
            Phase::Survey(mut survey, m) if m < morsels => {
                survey.look(keys, morsel::range(n, m))?;
                Phase::Survey(survey, m + 1)
            }
            Phase::Survey(survey, _) => self.after_survey(&survey),
            Phase::Dense { low, mut numbers, m } if m < morsels => {
                Self::each(keys, m, |_, key| numbers[(key - low) as usize] = 0)?;
                Phase::Dense { low, numbers, m: m + 1 }
            }
            Phase::Dense { low, mut numbers, .. } => {
                let mut found = Vec::new();
                for (offset, number) in numbers.iter_mut().enumerate().filter(|(_, number)| **number != ABSENT) {
                    *number = found.len() as u32;
                    found.push(low + offset as u64);
                }
                Phase::Number { low: Some(low), numbers, keys: found, m: 0 }
            }
            Phase::Hash { mut table, m } if m < morsels => {
                let mut crowded = false;
                Self::each(keys, m, |row, key| match table.insert(key) {
                    Ok(number) if !crowded => out[row] = I::from_row(number as usize),
                    _ => crowded = true,
                })?;
                if crowded { self.sort()? } else { Phase::Hash { table, m: m + 1 } }
            }
            Phase::Hash { table, .. } => {
                let found = table.keys.len();
                let order = Order::new::<u64>(found, Direction::Ascending)?;
                Phase::Rank { keys: Column(table.keys), order, permutation: vec![0; found] }
            }
            Phase::Rank { keys, mut order, mut permutation } => match order.step(&keys, &mut permutation, team)? {
                Step::More => Phase::Rank { keys, order, permutation },
                Step::Done => {
                    let mut numbers = vec![0; keys.0.len()];
                    for (number, &first) in permutation.iter().enumerate() {
                        numbers[first as usize] = number as u32;
                    }
                    Phase::Number { low: None, numbers, keys: keys.0, m: 0 }
                }
            },
            Phase::Number { low, numbers, keys: found, m } if m < morsels => {
                match low {
                    Some(low) => Self::each(keys, m, |row, key| {
                        out[row] = I::from_row(numbers[(key - low) as usize] as usize);
                    })?,
                    None => {
                        let part = &mut out[morsel::range(n, m)];
                        part.iter_mut().for_each(|out| *out = I::from_row(numbers[out.row()] as usize));
                    }
                }
                Phase::Number { low, numbers, keys: found, m: m + 1 }
            }
            Phase::Number { keys, .. } => Phase::Done(keys.len()),
            Phase::Sort { mut order, mut permutation } => match order.step(keys, &mut permutation, team)? {
                Step::More => Phase::Sort { order, permutation },
                Step::Done => {
                    Phase::Spread { starts: order.starts.unwrap_or_default(), permutation, at: 0, group: 0 }
                }
            },
            Phase::Spread { starts, permutation, at, mut group } if at < n => {
                let until = n.min(at + morsel::ELEMENTS);
                for place in at..until {
                    if starts.get(group + 1).is_some_and(|&start| start as usize == place) {
                        group += 1;
                    }
                    out[permutation[place] as usize] = I::from_row(group);
                }
                Phase::Spread { starts, permutation, at: until, group }
            }
            Phase::Spread { starts, .. } => Phase::Done(starts.len()),
            done @ Phase::Done(_) => done,
        };
        Ok(if matches!(self.phase, Phase::Done(_)) { Step::Done } else { Step::More })
    }
}
