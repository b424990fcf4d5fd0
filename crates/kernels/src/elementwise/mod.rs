//! Elementwise kernels: one value out for one value in of each operand.
//!
//! Lives here, a file per sort of operation: `arith`, `compare`, `bits` (with shifts and logic), `unary` (one operand, mathematics),
//!   `select` (where, clip, two-operand mathematics), `cast`; and the three drivers that all of them use.
//! Operands have one dtype and one shape: promote (`dtype::promote`), cast and broadcast first, the last at no cost.
//! A kernel takes a range of flat indices and the room of that range, so morsels are independent of each other.
//! Cost: bound by memory for arithmetic on contiguous operands; a strided operand adds a copy through the first-level cache.

pub mod arith;
pub mod bits;
pub mod cast;
pub mod compare;
pub mod select;
pub mod unary;

pub use arith::{Arith, arith, arith_assign, arith_of_scaled};
pub use bits::{Bits, Logic, bits, logic};
pub use cast::{CastTo, cast, cast_checked};
pub use compare::{Compare, compare};
pub use select::{choose, clip};
pub use unary::{Math, Math2, Unary, math, math2, unary};

use crate::element::Element;
use crate::error::KernelError;
use crate::limits::BLOCK;
use crate::view::{Block, View, scratch};
use std::ops::Range;

/// `out[i] = f(a[i])` over a range.
#[inline(always)]
pub(crate) fn map<A: Element, O>(
    a: &View<'_, A>,
    range: Range<usize>,
    out: &mut [O],
    f: impl Fn(A) -> O,
) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    let mut a = a.walk_checked(&range)?;
    let block = if a.is_plain() { out.len().max(1) } else { BLOCK };
    let mut room = scratch();
    for part in out.chunks_mut(block) {
        match a.next(part.len(), &mut room) {
            Block::Run(a) => part.iter_mut().zip(a).for_each(|(out, &a)| *out = f(a)),
            Block::Same(a) => part.iter_mut().for_each(|out| *out = f(a)),
        }
    }
    Ok(())
}

/// `out[i] = f(a[i], b[i])` over a range; the views have one shape.
#[inline(always)]
pub(crate) fn map2<A: Element, B: Element, O>(
    (a, b): (&View<'_, A>, &View<'_, B>),
    range: Range<usize>,
    out: &mut [O],
    f: impl Fn(A, B) -> O,
) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    if a.shape() != b.shape() {
        return Err(a.shape().unlike(b.shape()));
    }
    let (mut a, mut b) = (a.walk_checked(&range)?, b.walk_checked(&range)?);
    let block = if a.is_plain() && b.is_plain() { out.len().max(1) } else { BLOCK };
    let (mut room_a, mut room_b) = (scratch(), scratch());
    for part in out.chunks_mut(block) {
        let n = part.len();
        match (a.next(n, &mut room_a), b.next(n, &mut room_b)) {
            (Block::Run(a), Block::Run(b)) => {
                part.iter_mut().zip(a.iter().zip(b)).for_each(|(out, (&a, &b))| *out = f(a, b));
            }
            (Block::Run(a), Block::Same(b)) => part.iter_mut().zip(a).for_each(|(out, &a)| *out = f(a, b)),
            (Block::Same(a), Block::Run(b)) => part.iter_mut().zip(b).for_each(|(out, &b)| *out = f(a, b)),
            (Block::Same(a), Block::Same(b)) => part.iter_mut().for_each(|out| *out = f(a, b)),
        }
    }
    Ok(())
}

/// Operands of one shape, broadcast against each other.
///
/// # Errors
/// `Shapes` if they do not broadcast.
pub fn together<'a, A: Element, B: Element>(
    a: &View<'a, A>,
    b: &View<'a, B>,
) -> Result<(View<'a, A>, View<'a, B>), KernelError> {
    let shape = a.shape().broadcast_with(b.shape())?;
    Ok((a.broadcast(&shape)?, b.broadcast(&shape)?))
}
