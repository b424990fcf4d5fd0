//! Writing by numbers; of equal indices the last one wins.
//!
//! Lives here: `scatter` and `scatter_value` (the target is whole, so morsels run one after another), `scatter_within` (a part of the target,
//!   so that threads have a part each and all look at every index), `check_places` (whether a scatter would fail).

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

/// Whether every index of a range is a place among `len`. Cost: one pass of minima and maxima, bound by memory.
///
/// # Errors
/// `Bounds` for a range outside, or the first index outside.
pub fn check_places(
    indices: &View<'_, i64>,
    negative: Negative,
    len: usize,
    range: Range<usize>,
) -> Result<(), KernelError> {
    let mut walk = indices.walk_checked(&range)?;
    let mut room = scratch();
    let least = if negative == Negative::FromEnd { -i64::try_from(len).unwrap_or(i64::MAX) } else { 0 };
    let longest = if walk.is_plain() { walk.left().max(1) } else { BLOCK };
    while walk.left() > 0 {
        let n = walk.left().min(longest);
        let same;
        let run = match walk.next(n, &mut room) {
            Block::Run(run) => run,
            Block::Same(at) => {
                same = [at];
                &same[..]
            }
        };
        let (low, high) = run.iter().fold((i64::MAX, i64::MIN), |(low, high), &at| (low.min(at), high.max(at)));
        if low < least || high >= 0 && high as u64 >= len as u64 {
            run.iter().try_for_each(|&at| negative.place(at, len).map(drop))?;
        }
    }
    Ok(())
}

/// As `scatter` into a target of `len` elements, of those places alone that are in a part of it: `target` is the memory of that part, which
/// begins with element `start`.
///
/// Cost: some instructions for each index, and a cache miss for each that is in the part; those of a block are under way at once, because the
/// lines are read before they are written.
///
/// # Errors
/// As `scatter`; `Bounds` for a part that is not of a target of `len`.
pub fn scatter_within<T: Element>(
    (target, start, len): (&mut [T], usize, usize),
    indices: &View<'_, i64>,
    values: &View<'_, T>,
    negative: Negative,
    range: Range<usize>,
) -> Result<(), KernelError> {
    if indices.elements() != values.elements() {
        return Err(indices.shape().unlike(values.shape()));
    }
    if start.checked_add(target.len()).is_none_or(|end| end > len) {
        return Err(KernelError::Bounds { what: "part", at: start as i64, len });
    }
    let (mut indices, mut values) = (indices.walk_checked(&range)?, values.walk_checked(&range)?);
    let (mut room, mut room_values) = (scratch(), scratch::<T>());
    let (mut place, mut from) = ([0; BLOCK], [0u16; BLOCK]);
    while indices.left() > 0 {
        let n = indices.left().min(BLOCK);
        match indices.next(n, &mut room) {
            Block::Run(run) => places(run, negative, len, &mut place)?,
            Block::Same(at) => place[..n].fill(negative.place(at, len)?),
        }
        // Those of this part, without a branch that nobody can foresee.
        let mut kept = 0;
        for at in 0..n {
            let inside = place[at].wrapping_sub(start);
            (place[kept], from[kept]) = (inside, at as u16);
            kept += usize::from(inside < target.len());
        }
        let (place, from) = (&place[..kept], &from[..kept]);
        // Reads wait for nobody, where writes go out one after another.
        std::hint::black_box(place.iter().fold(0, |all, &at| all ^ target[at].bits()));
        match values.next(n, &mut room_values) {
            Block::Run(run) => place.iter().zip(from).for_each(|(&at, &from)| target[at] = run[usize::from(from)]),
            Block::Same(value) => place.iter().for_each(|&at| target[at] = value),
        }
    }
    Ok(())
}
