//! Writing by numbers into a target larger than the cache, in two passes that each stay in it: indices are dealt to the parts of the target that
//! they mean, and each part is written with what was dealt to it.
//!
//! Holds: what is dealt from one range of indices keeps its order, and ranges are settled in theirs, so of equal indices the last one wins.

use super::gather::{Negative, places};
use crate::element::Element;
use crate::error::KernelError;
use crate::limits::BLOCK;
use crate::view::{Block, View, scratch};
use std::ops::Range;

/// Elements of a part: 1 MiB of eight-byte elements; more where there would be too many parts.
const PART_BITS: u32 = 17;
/// Parts of a target at most.
const PARTS_MAX: usize = 1 << 10;

/// How a target is cut into parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    len: usize,
    bits: u32,
}

impl Parts {
    /// Of a target of so many elements.
    #[must_use]
    pub fn of(len: usize) -> Self {
        let mut bits = PART_BITS;
        // A place in a part is 32 bits.
        while bits < 32 && len.div_ceil(1 << bits) > PARTS_MAX {
            bits += 1;
        }
        Self { len, bits }
    }
    /// How many parts there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.len.div_ceil(self.elements())
    }
    /// Elements of each, but for the last.
    #[must_use]
    pub fn elements(&self) -> usize {
        1 << self.bits
    }
}

/// Deals the indices of a range and their values: those of part `p` stand at `starts[p]..starts[p + 1]` of `room` afterwards, in their order; the
/// answer are the `starts`, one more than parts.
///
/// Shape: `room` has a place in the part and a value for each index of the range; at most 2^32. Cost: some nanoseconds for each, while
/// the room fits into the cache: some ten thousand indices.
///
/// # Errors
/// `Shapes` if there are not as many values as indices; `Bounds` for a range outside, or an index outside; `OutputSize`.
pub fn deal<T: Element>(
    parts: Parts,
    indices: &View<'_, i64>,
    values: &View<'_, T>,
    negative: Negative,
    range: Range<usize>,
    (room, moved): (&mut [u32], &mut [T]),
) -> Result<Vec<u32>, KernelError> {
    if indices.elements() != values.elements() {
        return Err(indices.shape().unlike(values.shape()));
    }
    KernelError::check_output(range.len(), room.len())?;
    KernelError::check_output(range.len(), moved.len())?;
    if range.len() > u32::MAX as usize {
        return Err(KernelError::TooLarge { max: u32::MAX as usize });
    }
    let count = parts.count();
    let mut starts = vec![0u32; count + 1];
    each_place(parts, indices, negative, &range, |_, place| starts[(place >> parts.bits) + 1] += 1)?;
    for part in 0..count {
        starts[part + 1] += starts[part];
    }
    let mut next = starts[..count].to_vec();
    let (mut values, mut room_values) = (values.walk_checked(&range)?, scratch::<T>());
    let mut block = [T::default(); BLOCK];
    let mask = parts.elements() - 1;
    each_place(parts, indices, negative, &range, |at, place| {
        if at == 0 {
            match values.next(values.left().min(BLOCK), &mut room_values) {
                Block::Run(run) => block[..run.len()].copy_from_slice(run),
                Block::Same(value) => block.fill(value),
            }
        }
        let next = &mut next[place >> parts.bits];
        room[*next as usize] = (place & mask) as u32;
        moved[*next as usize] = block[at];
        *next += 1;
    })?;
    Ok(starts)
}

/// Calls `f` with the place of each index, and where the index stands in its block.
fn each_place(
    parts: Parts,
    indices: &View<'_, i64>,
    negative: Negative,
    range: &Range<usize>,
    mut f: impl FnMut(usize, usize),
) -> Result<(), KernelError> {
    let mut walk = indices.walk_checked(range)?;
    let (mut room, mut place) = (scratch(), [0; BLOCK]);
    while walk.left() > 0 {
        let n = walk.left().min(BLOCK);
        match walk.next(n, &mut room) {
            Block::Run(run) => places(run, negative, parts.len, &mut place)?,
            Block::Same(at) => place[..n].fill(negative.place(at, parts.len)?),
        }
        place[..n].iter().enumerate().for_each(|(at, &place)| f(at, place));
    }
    Ok(())
}

/// Writes what was dealt to a part: `target` is its memory.
///
/// Cost: about a nanosecond for each while the part stays in the cache.
///
/// # Errors
/// `OutputSize` for places and values that are not as many; `Bounds` for a place outside of the part: what came before it is written.
pub fn settle<T: Copy>(target: &mut [T], places: &[u32], values: &[T]) -> Result<(), KernelError> {
    KernelError::check_output(places.len(), values.len())?;
    let len = target.len();
    for (&place, &value) in places.iter().zip(values) {
        match target.get_mut(place as usize) {
            Some(target) => *target = value,
            None => return Err(KernelError::Bounds { what: "place", at: i64::from(place), len }),
        }
    }
    Ok(())
}
