//! Groups as a permutation of the rows and the places where each group begins in it.

use crate::error::KernelError;
use crate::morsel::{Step, Stepwise, Team};
use crate::sort::argsort::Order;
use crate::sort::coargsort::Fold;
use crate::sort::{Column, Index, Keys};
use std::ops::Range;

enum Phase<'a> {
    Fold(Fold<'a>),
    Sort(Column, Box<Order>),
    Done(Vec<i64>),
}

/// Writes the permutation that brings rows of equal keys together, and finds where each group begins.
///
/// Shape: `out` has one place per row; the number of groups is known at the end. Cost: a sort of the rows (`sort::CoArgSort`).
pub struct GroupBy<'a, I> {
    out: &'a mut [I],
    phase: Phase<'a>,
}

impl<'a, I: Index> GroupBy<'a, I> {
    /// A grouping by one or several columns that has not begun.
    ///
    /// # Errors
    /// As `sort::CoArgSort::new`.
    pub fn new(columns: Vec<&'a dyn Keys>, out: &'a mut [I]) -> Result<Self, KernelError> {
        let rows = columns.first().map_or(0, |column| column.rows());
        let fold = Fold::new(columns)?;
        KernelError::check_output(rows, out.len())?;
        Ok(Self { out, phase: Phase::Fold(fold) })
    }

    /// Where each group begins in the permutation, once `step` said `Done`: as many as groups. Empty before.
    #[must_use]
    pub fn into_starts(self) -> Vec<i64> {
        match self.phase {
            Phase::Done(starts) => starts,
            Phase::Fold(_) | Phase::Sort(..) => Vec::new(),
        }
    }
}

impl<I: Index> Stepwise for GroupBy<'_, I> {
    fn step_with(&mut self, team: &dyn Team) -> Result<Step, KernelError> {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Done(Vec::new())) {
            Phase::Fold(mut fold) => match fold.step_with(team)? {
                Step::More => Phase::Fold(fold),
                Step::Done => Phase::Sort(fold.into_column(), Box::new(Order::with_starts::<I>(self.out.len())?)),
            },
            Phase::Sort(column, mut order) => match order.step(&column, self.out, team)? {
                Step::More => Phase::Sort(column, order),
                Step::Done => Phase::Done(order.starts.unwrap_or_default()),
            },
            done @ Phase::Done(_) => done,
        };
        Ok(if matches!(self.phase, Phase::Done(_)) { Step::Done } else { Step::More })
    }
}

/// The places of group `g` in a permutation of `rows` rows.
///
/// # Errors
/// `Bounds` for a group that does not exist, or segments that do not ascend inside the rows.
pub(crate) fn segment(starts: &[i64], rows: usize, g: usize) -> Result<Range<usize>, KernelError> {
    let bad = |at: i64| KernelError::Bounds { what: "segment", at, len: rows };
    let start = *starts.get(g).ok_or(KernelError::Bounds { what: "group", at: g as i64, len: starts.len() })?;
    let end = starts.get(g + 1).copied().unwrap_or(rows as i64);
    if start < 0 || end < start || end > rows as i64 {
        return Err(bad(start));
    }
    Ok(start as usize..end as usize)
}

/// Looks whether segments ascend inside so many rows.
///
/// # Errors
/// `Bounds` names the first that does not.
pub fn check_segments(starts: &[i64], rows: usize) -> Result<(), KernelError> {
    (0..starts.len()).try_for_each(|group| segment(starts, rows, group).map(drop))
}

/// Rows of each group of a range of groups.
///
/// # Errors
/// `OutputSize`; `Bounds` for segments that do not ascend inside the rows.
pub fn counts(starts: &[i64], rows: usize, groups: Range<usize>, out: &mut [i64]) -> Result<(), KernelError> {
    KernelError::check_output(groups.len(), out.len())?;
    for (g, out) in groups.zip(out) {
        *out = segment(starts, rows, g)?.len() as i64;
    }
    Ok(())
}

/// `out[row]` is the number of the row's group (`numpy.unique`'s inverse), for the rows of a range of groups.
///
/// # Errors
/// `OutputSize` if `out` has not one place per row; `Bounds` for segments or a permutation that do not belong together.
pub fn group_numbers<I: Index, O: Index>(
    permutation: &[I],
    starts: &[i64],
    groups: Range<usize>,
    out: &mut [O],
) -> Result<(), KernelError> {
    let numbers: Vec<O> = groups.clone().map(O::from_row).collect();
    spread(permutation, starts, groups, &numbers, out)
}

/// `out[row]` is the value of the row's group, for the rows of a range of groups; `values` are those of the range.
///
/// # Errors
/// `OutputSize` if `out` has not one place per row or `values` not one per group; `Bounds` for segments or a permutation that do not
/// belong together.
pub fn spread<I: Index, T: Copy>(
    permutation: &[I],
    starts: &[i64],
    groups: Range<usize>,
    values: &[T],
    out: &mut [T],
) -> Result<(), KernelError> {
    KernelError::check_output(permutation.len(), out.len())?;
    KernelError::check_output(groups.len(), values.len())?;
    for (g, &value) in groups.zip(values) {
        for row in &permutation[segment(starts, permutation.len(), g)?] {
            let len = out.len();
            let place = out.get_mut(row.row());
            *place.ok_or(KernelError::Bounds { what: "row", at: row.row() as i64, len })? = value;
        }
    }
    Ok(())
}
