//! Bits of integers, and logic of truth values.

use super::map2;
use crate::dtype::{DType, promote};
use crate::element::{Element, Integer};
use crate::error::KernelError;
use crate::view::View;
use std::ops::Range;

/// An operation on the bits of two integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bits {
    /// a & b
    And,
    /// a | b
    Or,
    /// a ^ b
    Xor,
    /// a << b; a shift by the width or more leaves 0.
    ShiftLeft,
    /// a >> b; a shift by the width or more leaves the sign.
    ShiftRight,
    /// Rolled toward the high end.
    RotateLeft,
    /// Rolled toward the low end.
    RotateRight,
}

impl Bits {
    /// Every operation.
    pub const ALL: [Self; 7] =
        [Self::And, Self::Or, Self::Xor, Self::ShiftLeft, Self::ShiftRight, Self::RotateLeft, Self::RotateRight];

    /// The dtype to cast both operands to. Two bools are `Logic`, but for shifts and rolls, which take them to `int8`.
    ///
    /// # Errors
    /// `NoCommonDType` if a float, text or a big integer is among them, or for `int64` beside `uint64`.
    pub fn dtype(self, left: DType, right: DType) -> Result<DType, KernelError> {
        match promote(left, right) {
            Some(common) if common.is_integer() => Ok(common),
            Some(DType::Bool) if !matches!(self, Self::And | Self::Or | Self::Xor) => Ok(DType::Int8),
            _ => Err(KernelError::NoCommonDType { operation: "a bit operation", left, right }),
        }
    }
}

/// `out[i] = a[i] op b[i]` over a range of flat indices. Cost: one pass, vectorised.
///
/// # Errors
/// `Shapes`, `Bounds`, `OutputSize`.
pub fn bits<T: Integer>(
    op: Bits,
    a: &View<'_, T>,
    b: &View<'_, T>,
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), KernelError> {
    let ab = (a, b);
    match op {
        Bits::And => map2(ab, range, out, T::and),
        Bits::Or => map2(ab, range, out, T::or),
        Bits::Xor => map2(ab, range, out, T::xor),
        Bits::ShiftLeft => map2(ab, range, out, T::shift_left),
        Bits::ShiftRight => map2(ab, range, out, T::shift_right),
        Bits::RotateLeft => map2(ab, range, out, T::rotate_left),
        Bits::RotateRight => map2(ab, range, out, T::rotate_right),
    }
}

/// Logic of two truth values; on bools these are also NumPy's `+`, `*`, `&`, `|`, `^`, minimum and maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logic {
    /// Both.
    And,
    /// At least one.
    Or,
    /// Exactly one.
    Xor,
}

/// `out[i] = a[i] op b[i]`, each taken as true or false, over a range of flat indices.
///
/// # Errors
/// `Shapes`, `Bounds`, `OutputSize`.
pub fn logic<T: Element>(
    op: Logic,
    a: &View<'_, T>,
    b: &View<'_, T>,
    range: Range<usize>,
    out: &mut [bool],
) -> Result<(), KernelError> {
    let ab = (a, b);
    match op {
        Logic::And => map2(ab, range, out, |a, b| a.is_true() & b.is_true()),
        Logic::Or => map2(ab, range, out, |a, b| a.is_true() | b.is_true()),
        Logic::Xor => map2(ab, range, out, |a, b| a.is_true() ^ b.is_true()),
    }
}
