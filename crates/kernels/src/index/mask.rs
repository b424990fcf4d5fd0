//! By truth: count, read what is true, write where it is true, and find it.
//!
//! Two passes, so that the output is admitted before it is made and morsels write apart: `count` per morsel, their running sum says where
//! each begins, then the kernel per morsel into its part.

use crate::element::Element;
use crate::error::KernelError;
use crate::limits::BLOCK;
use crate::reduce::{CountTrue, partial};
use crate::view::{Block, View, scratch};
use std::ops::Range;

/// True elements of a range.
///
/// # Errors
/// `Bounds` for a range outside.
pub fn count<T: Element>(mask: &View<'_, T>, range: Range<usize>) -> Result<usize, KernelError> {
    Ok(partial(CountTrue, mask, range)? as usize)
}

/// Calls `f` with the offsets of the true elements of each block of a range.
fn each_true<T: Element>(
    mask: &View<'_, T>,
    range: Range<usize>,
    mut f: impl FnMut(usize, &[u16]) -> Result<(), KernelError>,
) -> Result<(), KernelError> {
    let mut walk = mask.walk_checked(&range)?;
    let mut room = scratch();
    let mut offsets = [0u16; BLOCK];
    let mut at = range.start;
    while walk.left() > 0 {
        let n = walk.left().min(BLOCK);
        let mut found = 0;
        match walk.next(n, &mut room) {
            // Written always, counted when true: no branch to guess.
            Block::Run(run) => {
                for (offset, value) in run.iter().enumerate() {
                    offsets[found] = offset as u16;
                    found += usize::from(value.is_true());
                }
            }
            Block::Same(value) if value.is_true() => {
                (0..n).for_each(|offset| offsets[offset] = offset as u16);
                found = n;
            }
            Block::Same(_) => {}
        }
        f(at, &offsets[..found])?;
        at += n;
    }
    Ok(())
}

/// The values of a range where the mask is true, in order; `out` has the room that `count` told.
///
/// # Errors
/// `Shapes` if mask and values differ; `Bounds`, `OutputSize`.
pub fn compress<T: Element>(
    values: &View<'_, T>,
    mask: &View<'_, bool>,
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), KernelError> {
    if values.shape() != mask.shape() {
        return Err(values.shape().unlike(mask.shape()));
    }
    KernelError::check_output(count(mask, range.clone())?, out.len())?;
    let mut block = [T::default(); BLOCK];
    let mut walk = values.walk_checked(&range)?;
    let mut done = 0;
    let end = range.end;
    each_true(mask, range, |start, offsets| {
        let n = (end - start).min(BLOCK);
        walk.fill(&mut block[..n]);
        let part = &mut out[done..done + offsets.len()];
        part.iter_mut().zip(offsets).for_each(|(out, &offset)| *out = block[usize::from(offset)]);
        done += offsets.len();
        Ok(())
    })
}

/// `target[mask] = values` for a range of the mask: `target` is the memory of that range, `values` those from place `first` on, which is
/// the number of true elements before the range.
///
/// # Errors
/// `OutputSize` if `target` is not as long as the range; `Bounds` if there are too few values, or for a range outside.
pub fn expand<T: Element>(
    target: &mut [T],
    mask: &View<'_, bool>,
    values: &View<'_, T>,
    first: usize,
    range: Range<usize>,
) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), target.len())?;
    let needed = first.saturating_add(count(mask, range.clone())?);
    let mut walk = values.walk_checked(&(first..needed))?;
    let begin = range.start;
    let mut block = [T::default(); BLOCK];
    each_true(mask, range, |start, offsets| {
        walk.fill(&mut block[..offsets.len()]);
        for (&offset, &value) in offsets.iter().zip(&block) {
            target[start - begin + usize::from(offset)] = value;
        }
        Ok(())
    })
}

/// `target[i] = values[i]` where the mask is true, for a range whose memory `target` is.
///
/// # Errors
/// `Shapes` if mask and values differ; `Bounds`, `OutputSize`.
pub fn put_mask<T: Element>(
    target: &mut [T],
    mask: &View<'_, bool>,
    values: &View<'_, T>,
    range: Range<usize>,
) -> Result<(), KernelError> {
    if values.shape() != mask.shape() {
        return Err(values.shape().unlike(mask.shape()));
    }
    KernelError::check_output(range.len(), target.len())?;
    let (mut mask, mut values) = (mask.walk_checked(&range)?, values.walk_checked(&range)?);
    let (mut room_mask, mut room) = (scratch::<bool>(), scratch::<T>());
    for part in target.chunks_mut(BLOCK) {
        let n = part.len();
        let mask = mask.next(n, &mut room_mask);
        let values = values.next(n, &mut room);
        for (at, target) in part.iter_mut().enumerate() {
            let chosen = match mask {
                Block::Run(run) => run[at],
                Block::Same(value) => value,
            };
            if chosen {
                *target = match values {
                    Block::Run(run) => run[at],
                    Block::Same(value) => value,
                };
            }
        }
    }
    Ok(())
}

/// Coordinates along `axis` of the true elements of a range, in order; `out` has the room that `count` told. For each axis once.
///
/// # Errors
/// `Bounds` for an axis or a range outside; `OutputSize`.
pub fn nonzero<T: Element>(
    view: &View<'_, T>,
    axis: usize,
    range: Range<usize>,
    out: &mut [i64],
) -> Result<(), KernelError> {
    let axis = view.shape().axis(axis as i64)?;
    KernelError::check_output(count(view, range.clone())?, out.len())?;
    let (dim, after): (usize, usize) = (view.shape()[axis], view.shape()[axis + 1..].iter().product());
    let mut done = 0;
    each_true(view, range, |start, offsets| {
        for &offset in offsets {
            out[done] = ((start + usize::from(offset)) / after % dim) as i64;
            done += 1;
        }
        Ok(())
    })
}
