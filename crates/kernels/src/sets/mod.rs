//! Set operations on sorted, distinct values.
//!
//! A set is an ascending slice without equal neighbours: sort (`sort::SortValues`), then `distinct`. Every operation is one pass over two
//! such slices that is run twice: once to count, so that the output can be admitted and given, once to write.
//! Holds: NaN is one value and stands last, both zeros are one, as `numpy.unique` has it.

use crate::element::Element;
use crate::error::KernelError;
use crate::morsel::{self, Step, Stepwise, Team};

/// An operation on two sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetOp {
    /// In one of them, or both.
    Union,
    /// In both.
    Intersection,
    /// In the first and not in the second.
    Difference,
    /// In exactly one.
    SymmetricDifference,
}

impl SetOp {
    /// Every operation.
    pub const ALL: [Self; 4] = [Self::Union, Self::Intersection, Self::Difference, Self::SymmetricDifference];

    fn keeps(self, in_left: bool, in_right: bool) -> bool {
        match self {
            Self::Union => true,
            Self::Intersection => in_left && in_right,
            Self::Difference => in_left && !in_right,
            Self::SymmetricDifference => in_left != in_right,
        }
    }
}

/// Goes through two sets; counts, and writes if it was given room. Cost: 2 to 5 ns per value.
pub struct SetMerge<'a, T> {
    op: SetOp,
    left: &'a [T],
    right: &'a [T],
    at: (usize, usize),
    kept: usize,
    out: Option<&'a mut [T]>,
}

impl<'a, T: Element> SetMerge<'a, T> {
    /// Counts the values of the result.
    #[must_use]
    pub fn count(op: SetOp, left: &'a [T], right: &'a [T]) -> Self {
        Self { op, left, right, at: (0, 0), kept: 0, out: None }
    }

    /// Writes the result into as much room as `count` told.
    #[must_use]
    pub fn write(op: SetOp, left: &'a [T], right: &'a [T], out: &'a mut [T]) -> Self {
        Self { op, left, right, at: (0, 0), kept: 0, out: Some(out) }
    }

    /// Values of the result so far; all of them once `step` said `Done`.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.kept
    }

    fn keep(&mut self, value: T) -> Result<(), KernelError> {
        if let Some(out) = &mut self.out {
            let got = out.len();
            let place = out.get_mut(self.kept);
            *place.ok_or(KernelError::OutputSize { needed: self.kept + 1, got })? = value;
        }
        self.kept += 1;
        Ok(())
    }
}

impl<T: Element> Stepwise for SetMerge<'_, T> {
    fn step_with(&mut self, _team: &dyn Team) -> Result<Step, KernelError> {
        for _ in 0..morsel::ELEMENTS {
            let (a, b) = self.at;
            let (x, y) = (self.left.get(a), self.right.get(b));
            let (value, in_left, in_right) = match (x, y) {
                (None, None) => {
                    if let Some(out) = &self.out {
                        KernelError::check_output(self.kept, out.len())?;
                    }
                    return Ok(Step::Done);
                }
                (Some(x), None) => (*x, true, false),
                (None, Some(y)) => (*y, false, true),
                (Some(x), Some(y)) => {
                    let (p, q) = (x.key(), y.key());
                    (if p <= q { *x } else { *y }, p <= q, q <= p)
                }
            };
            if self.op.keeps(in_left, in_right) {
                self.keep(value)?;
            }
            self.at = (a + usize::from(in_left), b + usize::from(in_right));
        }
        Ok(Step::More)
    }
}

/// Distinct values of an ascending slice. Cost: one pass.
#[must_use]
pub fn distinct_len<T: Element>(sorted: &[T]) -> usize {
    usize::from(!sorted.is_empty()) + sorted.windows(2).filter(|pair| pair[0].key() != pair[1].key()).count()
}

/// Writes the distinct values of an ascending slice, the first of equal ones.
///
/// # Errors
/// `OutputSize` if `out` has not the room that `distinct_len` told.
pub fn distinct<T: Element>(sorted: &[T], out: &mut [T]) -> Result<(), KernelError> {
    let needed = distinct_len(sorted);
    KernelError::check_output(needed, out.len())?;
    let mut last = None;
    let firsts = sorted.iter().filter(|value| last.replace(value.key()) != Some(value.key()));
    out.iter_mut().zip(firsts).for_each(|(out, value)| *out = *value);
    Ok(())
}
