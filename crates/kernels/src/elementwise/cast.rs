//! Conversion between dtypes, the only kernel with an instance per pair of them.
//!
//! Holds: `cast` is total (integers wrap, floats saturate, NaN becomes 0 and, as a truth value, true); `cast_checked` refuses what is lost.

use super::map;
use crate::element::Element;
use crate::error::KernelError;
use crate::limits::BLOCK;
use crate::view::{Block, View, scratch};
use std::ops::Range;

/// A value that can be turned into one of another dtype.
pub trait CastTo<B: Element>: Element {
    /// Turned: integers keep their low bits, floats are cut toward zero and saturate, NaN is 0; everything but 0 is true.
    fn cast(self) -> B;
    /// Whether `cast` keeps the value: a fraction may be cut and a float may round, but nothing wraps or saturates.
    fn fits(self) -> bool;
}

macro_rules! casts {
    (@pair integer $a:ty, integer $b:ty) => {
        impl CastTo<$b> for $a {
            #[inline(always)]
            fn cast(self) -> $b { self as $b }
            #[inline(always)]
            fn fits(self) -> bool { self as $b as i128 == self as i128 }
        }
    };
    (@pair float $a:ty, integer $b:ty) => {
        impl CastTo<$b> for $a {
            #[inline(always)]
            fn cast(self) -> $b { self as $b }
            #[inline(always)]
            fn fits(self) -> bool { self.is_finite() && self.trunc() as i128 == self as $b as i128 }
        }
    };
    (@pair $kind:ident $a:ty, float $b:ty) => {
        impl CastTo<$b> for $a {
            #[inline(always)]
            fn cast(self) -> $b { self as $b }
            #[inline(always)]
            fn fits(self) -> bool { (self as f64).is_finite() == (self as $b).is_finite() }
        }
    };
    (@row $kind:ident $a:ty) => {
        casts!(@pair $kind $a, integer i8);
        casts!(@pair $kind $a, integer i16);
        casts!(@pair $kind $a, integer i32);
        casts!(@pair $kind $a, integer i64);
        casts!(@pair $kind $a, integer u8);
        casts!(@pair $kind $a, integer u16);
        casts!(@pair $kind $a, integer u32);
        casts!(@pair $kind $a, integer u64);
        casts!(@pair $kind $a, float f32);
        casts!(@pair $kind $a, float f64);
        impl CastTo<bool> for $a {
            #[inline(always)]
            fn cast(self) -> bool { self.is_true() }
            #[inline(always)]
            fn fits(self) -> bool { true }
        }
        impl CastTo<$a> for bool {
            #[inline(always)]
            fn cast(self) -> $a { u8::from(self) as $a }
            #[inline(always)]
            fn fits(self) -> bool { true }
        }
    };
    ($($kind:ident $a:ty),*) => { $(casts!(@row $kind $a);)* };
}

casts!(integer i8, integer i16, integer i32, integer i64, integer u8, integer u16, integer u32, integer u64, float f32, float f64);

impl CastTo<Self> for bool {
    fn cast(self) -> Self {
        self
    }
    fn fits(self) -> bool {
        true
    }
}

/// `out[i] = a[i]` in another dtype, over a range of flat indices. Cost: one pass, vectorised.
///
/// # Errors
/// `Bounds`, `OutputSize`.
pub fn cast<A: CastTo<B>, B: Element>(
    a: &View<'_, A>,
    range: Range<usize>,
    out: &mut [B],
) -> Result<(), KernelError> {
    map(a, range, out, A::cast)
}

/// As `cast`, and refuses the first element that does not fit; the output is then written up to its block.
///
/// # Errors
/// `DoesNotFit` with the flat index; `Bounds`, `OutputSize`.
pub fn cast_checked<A: CastTo<B>, B: Element>(
    a: &View<'_, A>,
    range: Range<usize>,
    out: &mut [B],
) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    let mut walk = a.walk_checked(&range)?;
    let mut room = scratch();
    let mut at = range.start;
    for part in out.chunks_mut(BLOCK) {
        let bad = match walk.next(part.len(), &mut room) {
            Block::Run(run) => {
                part.iter_mut().zip(run).for_each(|(out, a)| *out = a.cast());
                if run.iter().all(|a| a.fits()) { None } else { run.iter().position(|a| !a.fits()) }
            }
            Block::Same(a) => {
                part.fill(a.cast());
                (!a.fits()).then_some(0)
            }
        };
        if let Some(bad) = bad {
            return Err(KernelError::DoesNotFit { at: at + bad, to: B::DTYPE });
        }
        at += part.len();
    }
    Ok(())
}
