//! Sorted values, without a permutation.

use super::argsort::Direction;
use super::keys::Keys;
use super::packed::{Outcome, PackedSort, Packing};
use crate::element::Element;
use crate::error::KernelError;
use crate::limits::{BLOCK, KEYS_MAX};
use crate::morsel::{self, Step, Stepwise, Team, batch, each};
use crate::spent::Spent;
use crate::view::{Block, View, scratch};
use std::ops::Range;

/// A view whose keys can be turned back into values.
struct Ordered<'a, T>(View<'a, T>);

impl<T: Element> Keys for Ordered<'_, T> {
    fn rows(&self) -> usize {
        self.0.elements()
    }

    fn fill(&self, range: Range<usize>, out: &mut [u64]) -> Result<(), KernelError> {
        KernelError::check_output(range.len(), out.len())?;
        let mut walk = self.0.walk_checked(&range)?;
        let mut room = scratch();
        for part in out.chunks_mut(BLOCK) {
            match walk.next(part.len(), &mut room) {
                Block::Run(run) => part.iter_mut().zip(run).for_each(|(out, value)| *out = value.ordered()),
                Block::Same(value) => part.fill(value.ordered()),
            }
        }
        Ok(())
    }

    fn key(&self, row: usize) -> u64 {
        self.0.get(row).unwrap_or_default().ordered()
    }
}

enum Phase {
    Sort(PackedSort),
    /// `None`: they were in order before.
    Emit(Option<(Packing, Vec<u64>)>, usize),
    /// With nothing to give back, it is done.
    GiveBack(Spent),
}

/// Writes the values of a view in ascending order, NaN last, -0.0 before 0.0; all NaNs come out as one.
///
/// Shape: `out` has one place per element. Cost: about 10 ns per element; memory 8 bytes per element.
pub struct SortValues<'a, T> {
    view: Ordered<'a, T>,
    out: &'a mut [T],
    phase: Phase,
}

impl<'a, T: Element> SortValues<'a, T> {
    /// A sort that has not begun.
    ///
    /// # Errors
    /// `OutputSize` if `out` has not one place per element; `TooLarge` past `KEYS_MAX`.
    pub fn new(view: View<'a, T>, out: &'a mut [T]) -> Result<Self, KernelError> {
        KernelError::check_output(view.elements(), out.len())?;
        if out.len() > KEYS_MAX {
            return Err(KernelError::TooLarge { max: KEYS_MAX });
        }
        let sort = PackedSort::new(out.len(), Direction::Ascending, 0);
        Ok(Self { view: Ordered(view), out, phase: Phase::Sort(sort) })
    }
}

impl<T: Element> Stepwise for SortValues<'_, T> {
    fn step_with(&mut self, team: &dyn Team) -> Result<Step, KernelError> {
        let n = self.out.len();
        self.phase = match std::mem::replace(&mut self.phase, Phase::GiveBack(Spent::default())) {
            Phase::Sort(mut sort) => match sort.step(&self.view, team)? {
                Outcome::More => Phase::Sort(sort),
                Outcome::InOrder => Phase::Emit(None, 0),
                Outcome::Sorted(packing, rows) => Phase::Emit(Some((packing, rows)), 0),
            },
            Phase::Emit(rows, m) if m < morsel::count(n) => {
                let until = morsel::count(n).min(m + 2 * batch(team));
                let room = self.out[morsel::range(n, m).start..].chunks_mut(morsel::ELEMENTS);
                let parts = (m..until).map(|m| morsel::range(n, m)).zip(room);
                let view = &self.view.0;
                each(team, parts, |(range, out)| match &rows {
                    None => view.copy(range, out),
                    Some((packing, rows)) => {
                        let values = rows[range].iter().map(|&row| T::from_ordered(packing.unpack(row)));
                        out.iter_mut().zip(values).for_each(|(out, value)| *out = value);
                        Ok(())
                    }
                })?;
                Phase::Emit(rows, until)
            }
            Phase::Emit(rows, _) => Phase::GiveBack(Spent::of(rows.map(|(_, rows)| rows))),
            Phase::GiveBack(mut spent) => match spent.step() {
                true => Phase::GiveBack(spent),
                false => return Ok(Step::Done),
            },
        };
        Ok(Step::More)
    }
}
