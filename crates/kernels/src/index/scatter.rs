//! Writing by numbers. The target is whole, so morsels run one after another; of equal indices the last one wins.

use super::gather::{Negative, places};
use crate::element::Element;
use crate::error::KernelError;
use crate::limits::BLOCK;
use crate::view::{Block, View, scratch};
use std::ops::Range;

/// `target[indices[i]] = values[i]` over a range of flat indices of `indices`, in order.
///
/// Cost: a cache miss per element where the target is larger than the cache and the indices are random.
///
/// # Errors
/// `Shapes` if there are not as many values as indices; `Bounds` for a range outside, or an index outside: then nothing of its block
/// of 1 024 is written, and everything before it is.
pub fn scatter<T: Element>(
    target: &mut [T],
    indices: &View<'_, i64>,
    values: &View<'_, T>,
    negative: Negative,
    range: Range<usize>,
) -> Result<(), KernelError> {
    if indices.elements() != values.elements() {
        return Err(indices.shape().unlike(values.shape()));
    }
    let (mut indices, mut values) = (indices.walk_checked(&range)?, values.walk_checked(&range)?);
    let (mut room, mut room_values) = (scratch(), scratch::<T>());
    let mut place = [0; BLOCK];
    while indices.left() > 0 {
        let n = indices.left().min(BLOCK);
        match indices.next(n, &mut room) {
            Block::Run(run) => places(run, negative, target.len(), &mut place)?,
            Block::Same(at) => place[..n].fill(negative.place(at, target.len())?),
        }
        match values.next(n, &mut room_values) {
            Block::Run(run) => place.iter().zip(run).for_each(|(&at, &value)| target[at] = value),
            Block::Same(value) => place[..n].iter().for_each(|&at| target[at] = value),
        }
    }
    Ok(())
}

/// `target[indices[i]] = value` over a range of flat indices of `indices`.
///
/// # Errors
/// As `scatter`.
pub fn scatter_value<T: Element>(
    target: &mut [T],
    indices: &View<'_, i64>,
    value: T,
    negative: Negative,
    range: Range<usize>,
) -> Result<(), KernelError> {
    let values = View::scalar(&value).broadcast(indices.shape())?;
    scatter(target, indices, &values, negative, range)
}
