//! Sorted values, without a permutation.

use super::radix::Radix;
use crate::element::Element;
use crate::error::KernelError;
use crate::limits::KEYS_MAX;
use crate::morsel::{self, Step, Stepwise};
use crate::view::View;

enum Phase {
    Take(Vec<u64>, usize),
    Sort(Radix<u64>),
    Emit(Vec<u64>, usize),
    Done,
}

/// Writes the values of a view in ascending order, NaN last, -0.0 before 0.0; all NaNs come out as one.
///
/// Shape: `out` has one place per element. Cost: about 10 ns per element; memory 16 bytes per element.
pub struct SortValues<'a, T> {
    view: View<'a, T>,
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
        let rows = Vec::with_capacity(out.len());
        Ok(Self { view, out, phase: Phase::Take(rows, 0) })
    }
}

impl<T: Element> Stepwise for SortValues<'_, T> {
    fn step(&mut self) -> Result<Step, KernelError> {
        let n = self.out.len();
        self.phase = match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Take(mut rows, m) if m < morsel::count(n) => {
                // The output is room that the values pass through: written here, read, and written again at the end.
                let range = morsel::range(n, m);
                let out = &mut self.out[range.clone()];
                self.view.copy(range, out)?;
                rows.extend(out.iter().map(|value| value.ordered()));
                Phase::Take(rows, m + 1)
            }
            Phase::Take(rows, _) => Phase::Sort(Radix::new(rows, 0)),
            Phase::Sort(mut radix) => match radix.step() {
                Step::More => Phase::Sort(radix),
                Step::Done => Phase::Emit(radix.rows, 0),
            },
            Phase::Emit(rows, m) if m < morsel::count(n) => {
                let range = morsel::range(n, m);
                let out = &mut self.out[range.clone()];
                out.iter_mut().zip(&rows[range]).for_each(|(out, &row)| *out = T::from_ordered(row));
                Phase::Emit(rows, m + 1)
            }
            Phase::Emit(..) | Phase::Done => Phase::Done,
        };
        Ok(if matches!(self.phase, Phase::Done) { Step::Done } else { Step::More })
    }
}
