//! Counts of values in bins of one width, as `numpy.histogram` has them.

use crate::element::Element;
use crate::error::KernelError;
use crate::limits::{BLOCK, ELEMENTS_MAX};
use crate::view::{Block, View, scratch};
use std::ops::Range;

/// Bins of one width from `low` to `high`; each holds its lower edge, the last one its upper edge too.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bins {
    low: f64,
    high: f64,
    count: usize,
    scale: f64,
}

impl Bins {
    /// `count` bins. Bounds that are equal are widened by a half to each side.
    ///
    /// # Errors
    /// `Argument` for no bins, or bounds that descend or are not a finite way apart; `TooLarge` past the limit.
    pub fn new(low: f64, high: f64, count: usize) -> Result<Self, KernelError> {
        if count > ELEMENTS_MAX {
            return Err(KernelError::TooLarge { max: ELEMENTS_MAX });
        }
        if count == 0 || !(high - low).is_finite() || high < low {
            return Err(KernelError::argument(format!("{count} bins from {low} to {high}")));
        }
        let (low, high) = if low == high { (low - 0.5, high + 0.5) } else { (low, high) };
        Ok(Self { low, high, count, scale: count as f64 / (high - low) })
    }

    /// Bins.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Edge `i`, from 0 to `count`.
    #[must_use]
    pub fn edge(&self, i: usize) -> f64 {
        if i == self.count {
            self.high
        } else {
            self.low + i as f64 * ((self.high - self.low) / self.count as f64)
        }
    }

    /// The bin of a value; `None` outside and for NaN.
    #[inline(always)]
    #[must_use]
    pub fn of(&self, value: f64) -> Option<usize> {
        if !(value >= self.low && value <= self.high) {
            return None;
        }
        let guess = (((value - self.low) * self.scale) as usize).min(self.count - 1);
        // Rounding may be one bin off; the edges decide.
        Some(if value < self.edge(guess) {
            guess.saturating_sub(1)
        } else if guess + 1 < self.count && value >= self.edge(guess + 1) {
            guess + 1
        } else {
            guess
        })
    }
}

/// Adds the values of a range to the counts of their bins; counts of several workers are added to each other.
///
/// # Errors
/// `OutputSize` if there is not one count per bin; `Bounds` for a range outside.
pub fn histogram<T: Element>(
    bins: &Bins,
    view: &View<'_, T>,
    range: Range<usize>,
    counts: &mut [i64],
) -> Result<(), KernelError> {
    histogram_dd(&[(bins, view)], range, counts)
}

/// As `histogram` for points of several coordinates: counts are an array of one axis per coordinate, row-major. A point that is outside
/// along one axis is not counted.
///
/// # Errors
/// `Argument` for no coordinates, `Shapes` for different numbers of them; `OutputSize`, `Bounds`; `TooLarge` past the limit.
pub fn histogram_dd<T: Element>(
    axes: &[(&Bins, &View<'_, T>)],
    range: Range<usize>,
    counts: &mut [i64],
) -> Result<(), KernelError> {
    let Some((_, first)) = axes.first() else {
        return Err(KernelError::argument("at least one coordinate is needed"));
    };
    let mut needed = 1usize;
    let mut walks = Vec::with_capacity(axes.len());
    for (bins, view) in axes {
        if view.shape() != first.shape() {
            return Err(first.shape().unlike(view.shape()));
        }
        needed = needed.checked_mul(bins.count).ok_or(KernelError::TooLarge { max: ELEMENTS_MAX })?;
        walks.push(view.walk_checked(&range)?);
    }
    KernelError::check_output(needed, counts.len())?;
    let mut room = scratch();
    let mut left = range.len();
    while left > 0 {
        let n = left.min(BLOCK);
        let mut cells = [Some(0usize); BLOCK];
        for (walk, (bins, _)) in walks.iter_mut().zip(axes) {
            let block = walk.next(n, &mut room);
            for (at, cell) in cells[..n].iter_mut().enumerate() {
                let value = match block {
                    Block::Run(run) => run[at],
                    Block::Same(value) => value,
                };
                *cell = cell.zip(bins.of(value.to_f64())).map(|(cell, bin)| cell * bins.count + bin);
            }
        }
        cells[..n].iter().flatten().for_each(|&cell| counts[cell] += 1);
        left -= n;
    }
    Ok(())
}
