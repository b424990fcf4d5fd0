//! Reading by numbers.

use crate::element::Element;
use crate::error::KernelError;
use crate::limits::BLOCK;
use crate::shape::Shape;
use crate::view::{Block, View, scratch};
use std::ops::Range;

/// What a negative index means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Negative {
    /// It is outside.
    Refuse,
    /// It counts from the end, as in Python.
    FromEnd,
}

impl Negative {
    /// The place that an index means among `len`, or what is wrong with it.
    #[inline(always)]
    pub(crate) fn place(self, at: i64, len: usize) -> Result<usize, KernelError> {
        let from_end = if at < 0 && self == Self::FromEnd { at.wrapping_add(len as i64) } else { at };
        if (from_end as u64) < len as u64 {
            Ok(from_end as usize)
        } else {
            Err(KernelError::Bounds { what: "index", at, len })
        }
    }
}

/// Turns a block of indices into places; the whole block is checked before any is used.
pub(crate) fn places(
    indices: &[i64],
    negative: Negative,
    len: usize,
    out: &mut [usize; BLOCK],
) -> Result<(), KernelError> {
    // A minimum and a maximum vectorise; only a block with something odd in it is looked at one by one.
    let (low, high) = indices.iter().fold((i64::MAX, i64::MIN), |(low, high), &at| (low.min(at), high.max(at)));
    if low >= 0 && (high as u64) < len as u64 {
        out.iter_mut().zip(indices).for_each(|(out, &at)| *out = at as usize);
        return Ok(());
    }
    for (out, &at) in out.iter_mut().zip(indices) {
        *out = negative.place(at, len)?;
    }
    Ok(())
}

/// `out[i] = source[indices[i]]` over a range of flat indices of `indices`.
///
/// Cost: a cache miss per element where the source is larger than the cache and the indices are random; several are under way at once.
///
/// # Errors
/// `Bounds` for an index outside (what came before its block is written) or a range outside; `OutputSize`.
pub fn gather<T: Copy>(
    source: &[T],
    indices: &View<'_, i64>,
    negative: Negative,
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    let mut walk = indices.walk_checked(&range)?;
    let mut room = scratch();
    let mut place = [0; BLOCK];
    for part in out.chunks_mut(BLOCK) {
        match walk.next(part.len(), &mut room) {
            Block::Run(run) => {
                places(run, negative, source.len(), &mut place)?;
                part.iter_mut().zip(&place).for_each(|(out, &at)| *out = source[at]);
            }
            Block::Same(at) => part.fill(source[negative.place(at, source.len())?]),
        }
    }
    Ok(())
}

/// The shape of `take`: the source's, with as many along the axis as there are indices.
///
/// # Errors
/// `Bounds` for an axis that does not exist, `TooLarge` past the limit.
pub fn take_shape(source: &Shape, axis: usize, indices: usize) -> Result<Shape, KernelError> {
    let axis = source.axis(axis as i64)?;
    let mut dims = source.to_vec();
    dims[axis] = indices;
    Shape::new(&dims)
}

/// Takes slices of an array by numbers along an axis, over a range of flat indices of the result (`take_shape`).
///
/// # Errors
/// `Bounds` for an axis, an index or a range outside; `OutputSize`.
pub fn take<T: Element>(
    source: &View<'_, T>,
    axis: usize,
    indices: &[i64],
    negative: Negative,
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), KernelError> {
    let shape = take_shape(source.shape(), axis, indices.len())?;
    KernelError::check_output(range.len(), out.len())?;
    if range.end > shape.elements() {
        return Err(KernelError::Bounds { what: "range end", at: range.end as i64, len: shape.elements() });
    }
    let len = source.shape()[axis];
    let after: usize = shape[axis + 1..].iter().product();
    let mut at = range.start;
    let mut rest = out;
    while !rest.is_empty() {
        // As much as lies behind one another: the rest of one taken slice.
        let (slice, offset) = (at / after, at % after);
        let n = (after - offset).min(rest.len());
        let (part, more) = rest.split_at_mut(n);
        let taken = negative.place(indices[slice % indices.len()], len)?;
        let start = (slice / indices.len() * len + taken) * after + offset;
        if n == 1 {
            part[0] = source.get(start).unwrap_or_default();
        } else {
            source.copy(start..start + n, part)?;
        }
        at += n;
        rest = more;
    }
    Ok(())
}

/// `numpy.take_along_axis`: `out[.., i, ..] = source[.., indices[.., i, ..], ..]`, over a range of flat indices of `indices`.
///
/// # Errors
/// `Shapes` if the two differ elsewhere than along the axis; `Bounds` for an index, an axis or a range outside; `OutputSize`.
pub fn take_along<T: Element>(
    source: &View<'_, T>,
    axis: usize,
    indices: &View<'_, i64>,
    negative: Negative,
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), KernelError> {
    let shape = take_shape(source.shape(), axis, indices.shape().get(axis).copied().unwrap_or(0))?;
    if shape != *indices.shape() {
        return Err(source.shape().unlike(indices.shape()));
    }
    KernelError::check_output(range.len(), out.len())?;
    let mut walk = indices.walk_checked(&range)?;
    let mut room = scratch();
    let (len, after): (usize, usize) = (source.shape()[axis], shape[axis + 1..].iter().product());
    let mut flat = range.start;
    for part in out.chunks_mut(BLOCK) {
        let block = walk.next(part.len(), &mut room);
        for (offset, out) in part.iter_mut().enumerate() {
            let at = match block {
                Block::Run(run) => run[offset],
                Block::Same(at) => at,
            };
            let before = flat / (after * shape[axis]);
            let start = (before * len + negative.place(at, len)?) * after + flat % after;
            *out = source.get(start).unwrap_or_default();
            flat += 1;
        }
    }
    Ok(())
}
