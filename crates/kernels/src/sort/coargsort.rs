//! The stable order of several columns, the first one weighing most.
//!
//! How: columns are folded from the first to the last into one column of keys while their ranges fit 64 bits together. Where they do
//! not, what is folded so far (or the next column) is replaced by its dense ranks, which need no more bits than rows have numbers;
//! two columns of ranks always fit. At the end one sort of one column gives the order. Group-by folds columns the same way.

use super::argsort::{Direction, Index, Order, blocks, index_bits};
use super::keys::{Column, Keys, Survey};
use crate::error::KernelError;
use crate::limits::{BLOCK, KEYS_MAX};
use crate::morsel::{self, Step, Stepwise, Team, batch, each};
use std::ops::Range;

/// Several columns made into one whose order and equality are theirs.
pub struct Fold<'a> {
    columns: Vec<&'a dyn Keys>,
    next: usize,
    rows: usize,
    /// What is folded so far, and its bits.
    acc: Column,
    bits: u32,
    state: State,
}

enum State {
    /// Looks at the range of column `next`, from morsel `m`.
    Survey(Survey, usize),
    /// Puts column `next`, or its ranks, below what is folded, from morsel `m`.
    Append {
        low: u64,
        bits: u32,
        ranks: Option<Column>,
        m: usize,
    },
    /// Copies column `next` to rank it.
    Copy(Vec<u64>, usize),
    /// What is folded so far is being ranked.
    RankFolded(Box<Ranks>),
    /// Column `next` is being ranked.
    RankNext(Box<Ranks>),
    Done,
}

impl<'a> Fold<'a> {
    /// Columns to fold.
    ///
    /// # Errors
    /// `Argument` for no columns, `Shapes` for columns of different lengths, `TooLarge` past `KEYS_MAX` rows, or past 2^32 rows of
    /// several columns.
    pub fn new(columns: Vec<&'a dyn Keys>) -> Result<Self, KernelError> {
        let Some(first) = columns.first() else {
            return Err(KernelError::argument("at least one column is needed"));
        };
        let rows = first.rows();
        if let Some(odd) = columns.iter().find(|column| column.rows() != rows) {
            return Err(KernelError::Shapes { left: vec![rows], right: vec![odd.rows()] });
        }
        let max = if columns.len() > 1 { 1 << 32 } else { KEYS_MAX };
        if rows > max {
            return Err(KernelError::TooLarge { max });
        }
        let state = State::Survey(Survey::start(), 0);
        Ok(Self { columns, next: 0, rows, acc: Column(vec![0; rows]), bits: 0, state })
    }

    /// The folded column, complete once `step` said `Done`.
    #[must_use]
    pub fn into_column(self) -> Column {
        self.acc
    }

    fn append(
        &mut self,
        low: u64,
        bits: u32,
        ranks: Option<&Column>,
        morsels: Range<usize>,
        team: &dyn Team,
    ) -> Result<(), KernelError> {
        let column: &dyn Keys = ranks.map_or(self.columns[self.next], |ranks| ranks);
        let rows = self.rows;
        let room = self.acc.0[morsel::range(rows, morsels.start).start..].chunks_mut(morsel::ELEMENTS);
        let parts = morsels.map(|m| morsel::range(rows, m).start).zip(room);
        each(team, parts, |(start, acc)| {
            let mut room = [0; BLOCK];
            for range in blocks(0..acc.len()) {
                let block = &mut room[..range.len()];
                column.fill(range.start + start..range.end + start, block)?;
                for (acc, &key) in acc[range].iter_mut().zip(block.iter()) {
                    // A column of 64 bits comes alone: what it shifts out is 0.
                    *acc = acc.checked_shl(bits).unwrap_or(0) | (key - low);
                }
            }
            Ok(())
        })?;
        Ok(())
    }

    /// What to do with column `next` once its range is known.
    fn after_survey(&mut self, survey: &Survey) -> Result<State, KernelError> {
        if self.rows == 0 {
            return Ok(State::Append { low: 0, bits: 0, ranks: None, m: 0 });
        }
        let bits = survey.bits();
        Ok(if self.bits + bits <= 64 {
            State::Append { low: survey.low, bits, ranks: None, m: 0 }
        } else if self.bits > index_bits(self.rows) {
            State::RankFolded(Box::new(Ranks::new(std::mem::take(&mut self.acc))?))
        } else {
            State::Copy(Vec::with_capacity(self.rows), 0)
        })
    }
}

impl Stepwise for Fold<'_> {
    fn step_with(&mut self, team: &dyn Team) -> Result<Step, KernelError> {
        let (rows, morsels) = (self.rows, morsel::count(self.rows));
        self.state = match std::mem::replace(&mut self.state, State::Done) {
            State::Survey(survey, m) if m < morsels => {
                let (until, column) = (morsels.min(m + batch(team)), self.columns[self.next]);
                let parts = each(team, m..until, |m| {
                    let mut part = Survey::start();
                    part.look(column, morsel::range(rows, m)).map(|()| part)
                })?;
                State::Survey(parts.iter().fold(survey, Survey::then), until)
            }
            State::Survey(survey, _) => self.after_survey(&survey)?,
            State::Append { low, bits, ranks, m } if m < morsels => {
                let until = morsels.min(m + batch(team));
                self.append(low, bits, ranks.as_ref(), m..until, team)?;
                State::Append { low, bits, ranks, m: until }
            }
            State::Append { bits, .. } => {
                self.bits += bits;
                self.next += 1;
                if self.next == self.columns.len() { State::Done } else { State::Survey(Survey::start(), 0) }
            }
            State::Copy(mut keys, m) if m < morsels => {
                let range = morsel::range(rows, m);
                keys.resize(range.end, 0);
                for range in blocks(range) {
                    self.columns[self.next].fill(range.clone(), &mut keys[range])?;
                }
                State::Copy(keys, m + 1)
            }
            State::Copy(keys, _) => State::RankNext(Box::new(Ranks::new(Column(keys))?)),
            State::RankFolded(mut ranks) => match ranks.step_with(team)? {
                Step::More => State::RankFolded(ranks),
                Step::Done => {
                    self.bits = index_bits(ranks.distinct);
                    self.acc = ranks.column;
                    State::Survey(Survey::start(), 0)
                }
            },
            State::RankNext(mut ranks) => match ranks.step_with(team)? {
                Step::More => State::RankNext(ranks),
                Step::Done => {
                    State::Append { low: 0, bits: index_bits(ranks.distinct), ranks: Some(ranks.column), m: 0 }
                }
            },
            State::Done => State::Done,
        };
        Ok(if matches!(self.state, State::Done) { Step::Done } else { Step::More })
    }
}

/// A column replaced by its dense ranks: 0 for the least key, one more for each key that is greater.
pub struct Ranks {
    /// The column; its ranks after `Done`.
    pub column: Column,
    /// Different keys, after `Done`.
    pub distinct: usize,
    order: Vec<u64>,
    ranks: Vec<u64>,
    sort: Option<Order>,
    at: usize,
}

impl Ranks {
    /// A column to rank.
    ///
    /// # Errors
    /// `TooLarge` past the limits of a sort.
    pub fn new(column: Column) -> Result<Self, KernelError> {
        let n = column.0.len();
        let sort = Some(Order::new::<u64>(n, Direction::Ascending)?);
        Ok(Self { column, distinct: 0, order: vec![0; n], ranks: vec![0; n], sort, at: 0 })
    }
}

impl Stepwise for Ranks {
    fn step_with(&mut self, team: &dyn Team) -> Result<Step, KernelError> {
        if let Some(sort) = &mut self.sort {
            if sort.step(&self.column, &mut self.order, team)? == Step::Done {
                self.sort = None;
            }
            return Ok(Step::More);
        }
        let n = self.order.len();
        let until = n.min(self.at + morsel::ELEMENTS);
        for at in self.at..until {
            let row = self.order[at] as usize;
            if at == 0 || self.column.0[row] != self.column.0[self.order[at - 1] as usize] {
                self.distinct += 1;
            }
            self.ranks[row] = self.distinct as u64 - 1;
        }
        self.at = until;
        if until < n {
            return Ok(Step::More);
        }
        if !self.order.is_empty() {
            self.column = Column(std::mem::take(&mut self.ranks));
            (self.order, self.at) = (Vec::new(), 0);
        }
        Ok(Step::Done)
    }
}

enum Phase<'a> {
    Fold(Fold<'a>),
    Sort(Column, Box<Order>),
    Done,
}

/// Writes the permutation that sorts rows by several columns, stably.
///
/// Shape: `out` has one place per row. Cost: as `ArgSort`, and once more for each column whose range is too wide to be folded.
pub struct CoArgSort<'a, I> {
    out: &'a mut [I],
    phase: Phase<'a>,
}

impl<'a, I: Index> CoArgSort<'a, I> {
    /// A sort that has not begun.
    ///
    /// # Errors
    /// As `Fold::new`; `OutputSize` if `out` has not one place per row.
    pub fn new(columns: Vec<&'a dyn Keys>, out: &'a mut [I]) -> Result<Self, KernelError> {
        let fold = Fold::new(columns)?;
        KernelError::check_output(fold.rows, out.len())?;
        Ok(Self { out, phase: Phase::Fold(fold) })
    }
}

impl<I: Index> Stepwise for CoArgSort<'_, I> {
    fn step_with(&mut self, team: &dyn Team) -> Result<Step, KernelError> {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Fold(mut fold) => match fold.step_with(team)? {
                Step::More => Phase::Fold(fold),
                Step::Done => Phase::Sort(
                    fold.into_column(),
                    Box::new(Order::new::<I>(self.out.len(), Direction::Ascending)?),
                ),
            },
            Phase::Sort(column, mut order) => match order.step(&column, self.out, team)? {
                Step::More => Phase::Sort(column, order),
                Step::Done => Phase::Done,
            },
            Phase::Done => Phase::Done,
        };
        Ok(if matches!(self.phase, Phase::Done) { Step::Done } else { Step::More })
    }
}
