//! Merging two sorted runs of rows, in pieces that do not need each other.
//!
//! Workers may each sort a part of a column (`ArgSort` over a slice of the view) and merge pairs of runs after that: `cut` says where a
//! place of the output begins in both runs, so each morsel of the output is merged on its own.

use super::argsort::Index;
use crate::error::KernelError;
use std::ops::Range;

/// A sorted run: keys in ascending order, and the row of each.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a, I> {
    /// Keys, ascending.
    pub keys: &'a [u64],
    /// Their rows.
    pub rows: &'a [I],
}

/// How many rows of `left` stand before place `at` of the merged run; the others come from `right`. Of equal keys those of `left` come
/// first. Cost: logarithmic.
#[must_use]
pub fn cut(left: &[u64], right: &[u64], at: usize) -> usize {
    let (mut low, mut high) = (at.saturating_sub(right.len()), at.min(left.len()));
    while low < high {
        let middle = low + (high - low) / 2;
        // One more row of `left` belongs before the place if it is not greater than the last one taken from `right`.
        if left[middle] <= right[at - middle - 1] {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Writes places `range` of the merged run. Cost: about 3 ns per row.
///
/// # Errors
/// `OutputSize` for rooms, or runs, of uneven lengths; `Bounds` for places past the end.
pub fn merge<I: Index>(
    left: Run<'_, I>,
    right: Run<'_, I>,
    range: Range<usize>,
    (keys, rows): (&mut [u64], &mut [I]),
) -> Result<(), KernelError> {
    KernelError::check_output(left.keys.len(), left.rows.len())?;
    KernelError::check_output(right.keys.len(), right.rows.len())?;
    KernelError::check_output(range.len(), keys.len())?;
    KernelError::check_output(range.len(), rows.len())?;
    let len = left.keys.len() + right.keys.len();
    if range.end > len {
        return Err(KernelError::Bounds { what: "range end", at: range.end as i64, len });
    }
    let mut a = cut(left.keys, right.keys, range.start);
    let mut b = range.start - a;
    for (key, row) in keys.iter_mut().zip(rows) {
        let from_left = match (left.keys.get(a), right.keys.get(b)) {
            (Some(x), Some(y)) => x <= y,
            (x, _) => x.is_some(),
        };
        if from_left {
            (*key, *row) = (left.keys[a], left.rows[a]);
            a += 1;
        } else {
            (*key, *row) = (right.keys[b], right.rows[b]);
            b += 1;
        }
    }
    Ok(())
}
