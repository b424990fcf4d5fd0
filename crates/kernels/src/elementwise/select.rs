//! Choosing between operands: where, clip.

use super::map2;
use crate::element::{Element, Number};
use crate::error::KernelError;
use crate::limits::BLOCK;
use crate::view::{Block, View, scratch};
use std::ops::Range;

/// `out[i] = if mask[i] { a[i] } else { b[i] }` over a range of flat indices. Cost: one pass, vectorised.
///
/// # Errors
/// `Shapes` if the three are not of one shape, `Bounds`, `OutputSize`.
pub fn choose<T: Element>(
    mask: &View<'_, bool>,
    a: &View<'_, T>,
    b: &View<'_, T>,
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), KernelError> {
    if mask.shape() != b.shape() {
        return Err(mask.shape().unlike(b.shape()));
    }
    KernelError::check_output(range.len(), out.len())?;
    let mut chosen = [T::default(); BLOCK];
    let mut at = range.start;
    for part in out.chunks_mut(BLOCK) {
        let n = part.len();
        b.walk_checked(&(at..at + n))?.fill(&mut chosen[..n]);
        let rest = View::flat(&chosen[..n]);
        let mask = mask.walk_checked(&(at..at + n))?;
        let a = a.walk_checked(&(at..at + n))?;
        blend(mask, a, &rest, part);
        at += n;
    }
    // The shape of `a` is compared last so that an empty range is checked as well.
    if a.shape() == b.shape() { Ok(()) } else { Err(a.shape().unlike(b.shape())) }
}

fn blend<T: Element>(
    mut mask: crate::view::Walker<'_, bool>,
    mut a: crate::view::Walker<'_, T>,
    rest: &View<'_, T>,
    part: &mut [T],
) {
    let (mut room_mask, mut room_a) = (scratch::<bool>(), scratch::<T>());
    let n = part.len();
    let _ = rest.copy(0..n, part);
    let a = a.next(n, &mut room_a);
    match (mask.next(n, &mut room_mask), a) {
        (Block::Run(mask), Block::Run(a)) => {
            part.iter_mut()
                .zip(mask.iter().zip(a))
                .for_each(|(out, (&mask, &a))| *out = if mask { a } else { *out });
        }
        (Block::Run(mask), Block::Same(a)) => {
            part.iter_mut().zip(mask).for_each(|(out, &mask)| *out = if mask { a } else { *out });
        }
        (Block::Same(true), Block::Run(a)) => part.copy_from_slice(a),
        (Block::Same(true), Block::Same(a)) => part.fill(a),
        (Block::Same(false), _) => {}
    }
}

/// `out[i]` is `a[i]`, at least `low[i]` and at most `high[i]`; a NaN in any of them is NaN. A bound may be left out.
///
/// # Errors
/// `Shapes`, `Bounds`, `OutputSize`.
pub fn clip<T: Number>(
    a: &View<'_, T>,
    low: Option<&View<'_, T>>,
    high: Option<&View<'_, T>>,
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), KernelError> {
    match (low, high) {
        (Some(low), None) => map2((a, low), range, out, T::greatest),
        (None, Some(high)) => map2((a, high), range, out, T::least),
        (None, None) => a.copy(range, out),
        (Some(low), Some(high)) => {
            map2((a, low), range.clone(), out, T::greatest)?;
            super::arith_assign(super::Arith::Minimum, out, high, range)
        }
    }
}
