//! Places in a sorted array.

use crate::element::Element;
use crate::error::KernelError;
use crate::limits::BLOCK;
use crate::view::{Block, View, scratch};
use std::ops::Range;

/// On which side of equal values a value would be put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Before them.
    Left,
    /// Behind them.
    Right,
}

/// The first place whose value is not below `key` (`Left`), or above it (`Right`). No branch depends on the values.
fn place<T: Element>(sorted: &[T], key: u64, side: Side) -> usize {
    let below = |at: usize| match side {
        Side::Left => sorted[at].key() < key,
        Side::Right => sorted[at].key() <= key,
    };
    let (mut start, mut len) = (0, sorted.len());
    while len > 1 {
        let half = len / 2;
        start = if below(start + half - 1) { start + half } else { start };
        len -= half;
    }
    start + usize::from(len == 1 && below(start))
}

/// `out[i]` is where `values[i]` would be put into `sorted`, over a range of flat indices. NaN stands last, both zeros are equal.
///
/// `sorted` must be ascending, else the places mean nothing. Cost: logarithmic per value; values in order are found from cache.
///
/// # Errors
/// `Bounds`, `OutputSize`.
pub fn search_sorted<T: Element>(
    sorted: &[T],
    values: &View<'_, T>,
    side: Side,
    range: Range<usize>,
    out: &mut [i64],
) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    let mut walk = values.walk_checked(&range)?;
    let mut room = scratch();
    for part in out.chunks_mut(BLOCK) {
        match walk.next(part.len(), &mut room) {
            Block::Run(run) => {
                part.iter_mut().zip(run).for_each(|(out, value)| *out = place(sorted, value.key(), side) as i64);
            }
            Block::Same(value) => part.fill(place(sorted, value.key(), side) as i64),
        }
    }
    Ok(())
}
