//! Scans: running sums and products, differences, and whether something is sorted.
//!
//! Two passes, so that morsels share the work: `total` of each morsel, `carries` from the totals, `scan` of each morsel with
//! its carry. The first pass adds in the order of the second, so the last of one morsel plus the first of the next is what follows:
//! a running sum of positive numbers never steps back, and its bits do not depend on who ran which morsel.

use crate::element::{Element, Number};
use crate::error::KernelError;
use crate::limits::BLOCK;
use crate::shape::Shape;
use crate::view::{Block, View, scratch};
use std::ops::Range;

/// A running operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan {
    /// Running sum.
    Sum,
    /// Running product.
    Product,
}

impl Scan {
    fn neutral<W: Number>(self) -> W {
        match self {
            Self::Sum => W::ZERO,
            Self::Product => W::ONE,
        }
    }

    #[inline(always)]
    fn join<W: Number>(self, a: W, b: W) -> W {
        match self {
            Self::Sum => a.plus(b),
            Self::Product => a.times(b),
        }
    }
}

/// What the values of a range come to, in order. First pass.
///
/// # Errors
/// `Bounds` for a range outside.
pub fn total<T: Number>(op: Scan, view: &View<'_, T>, range: Range<usize>) -> Result<T::Wide, KernelError> {
    let mut walk = view.walk_checked(&range)?;
    let mut room = scratch();
    let mut acc = op.neutral();
    while walk.left() > 0 {
        let n = walk.left().min(BLOCK);
        match walk.next(n, &mut room) {
            Block::Run(run) => acc = run.iter().fold(acc, |acc, value| op.join(acc, value.wide())),
            Block::Same(value) => acc = (0..n).fold(acc, |acc, _| op.join(acc, value.wide())),
        }
    }
    Ok(acc)
}

/// Turns the totals of morsels into what stands before each, in place. Between the passes.
pub fn carries<W: Number>(op: Scan, totals: &mut [W]) {
    let mut before = op.neutral();
    for total in totals {
        before = op.join(before, std::mem::replace(total, before));
    }
}

/// Running values of a range, with what stands before it. Second pass.
///
/// Cost: one addition after another, about a nanosecond each.
///
/// # Errors
/// `Bounds`, `OutputSize`.
pub fn scan<T: Number>(
    op: Scan,
    view: &View<'_, T>,
    range: Range<usize>,
    carry: T::Wide,
    out: &mut [T::Wide],
) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    let mut walk = view.walk_checked(&range)?;
    let mut room = scratch();
    let mut acc = op.neutral();
    for part in out.chunks_mut(BLOCK) {
        let mut take = |out: &mut T::Wide, value: T| {
            acc = op.join(acc, value.wide());
            *out = op.join(carry, acc);
        };
        match walk.next(part.len(), &mut room) {
            Block::Run(run) => part.iter_mut().zip(run).for_each(|(out, &value)| take(out, value)),
            Block::Same(value) => part.iter_mut().for_each(|out| take(out, value)),
        }
    }
    Ok(())
}

/// Blocks along an axis: elements before it, along it, after it.
fn around(shape: &Shape, axis: usize) -> Result<(usize, usize, usize), KernelError> {
    let axis = shape.axis(axis as i64)?;
    Ok((shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product()))
}

/// Pieces that `along` takes one at a time, and elements of each: one per index before the axis.
///
/// # Errors
/// `Bounds` for an axis that does not exist.
pub fn pieces(shape: &Shape, axis: usize) -> Result<(usize, usize), KernelError> {
    let (before, length, after) = around(shape, axis)?;
    Ok((before, length * after))
}

/// Running values along an axis; piece `piece` of `pieces`, whose room `out` is, row-major.
///
/// Cost: one pass; vectorised over what lies after the axis.
///
/// # Errors
/// `Bounds`, `OutputSize`.
pub fn along<T: Number>(
    op: Scan,
    view: &View<'_, T>,
    axis: usize,
    piece: usize,
    out: &mut [T::Wide],
) -> Result<(), KernelError> {
    let (before, length, after) = around(view.shape(), axis)?;
    if piece >= before {
        return Err(KernelError::Bounds { what: "piece", at: piece as i64, len: before });
    }
    KernelError::check_output(length * after, out.len())?;
    let start = piece * length * after;
    if after <= 1 {
        return scan(op, view, start..start + length * after, op.neutral(), out);
    }
    let mut walk = view.walk_checked(&(start..start + length * after))?;
    let mut room = scratch();
    for row in 0..length {
        let (done, rest) = out.split_at_mut(row * after);
        let (now, last) = (&mut rest[..after], done.len().checked_sub(after).map(|at| &done[at..]));
        let mut column = 0;
        for part in now.chunks_mut(BLOCK) {
            let above = last.map(|last| &last[column..column + part.len()]);
            let block = walk.next(part.len(), &mut room);
            let value = |at: usize| match block {
                Block::Run(run) => run[at].wide(),
                Block::Same(value) => value.wide(),
            };
            for (at, out) in part.iter_mut().enumerate() {
                *out = above.map_or(op.join(op.neutral(), value(at)), |above| op.join(above[at], value(at)));
            }
            column += part.len();
        }
    }
    Ok(())
}

/// The two views whose difference (`elementwise`, or `Logic::Xor` of bools) is the difference of neighbours along an axis: what
/// comes later, and what comes before it.
///
/// # Errors
/// `Bounds` for an axis that does not exist.
pub fn neighbours<'a, T: Element>(
    view: &View<'a, T>,
    axis: usize,
) -> Result<(View<'a, T>, View<'a, T>), KernelError> {
    let len = view.shape()[view.shape().axis(axis as i64)?] as i64;
    Ok((view.slice(axis, 1.min(len), len, 1)?, view.slice(axis, 0, (len - 1).max(0), 1)?))
}

/// Whether each value of a range is at most the next one, which may stand just behind the range. NaN stands last.
///
/// # Errors
/// `Bounds` for a range outside.
pub fn is_sorted<T: Element>(view: &View<'_, T>, range: Range<usize>) -> Result<bool, KernelError> {
    let range = range.start..range.end.saturating_add(1).min(view.elements()).max(range.end);
    let mut walk = view.walk_checked(&range)?;
    let mut room = scratch();
    let mut last: Option<u64> = None;
    while walk.left() > 0 {
        let n = walk.left().min(BLOCK);
        if let Block::Run(run) = walk.next(n, &mut room) {
            if last.is_some_and(|last| last > run[0].key())
                || run.windows(2).any(|pair| pair[0].key() > pair[1].key())
            {
                return Ok(false);
            }
            last = run.last().map(|last| last.key());
        }
    }
    Ok(true)
}
