//! Arithmetic of two operands of one dtype.
//!
//! Lives here: `Arith`, `dtype` (what to cast the operands to first), `arith`, `arith_assign` (into the left operand),
//!   `arith_of_scaled` (two operations in one pass).
//! Holds: NumPy's semantics but for errors of floating point, which nobody raises: integers wrap, an integer divided by 0 is 0.

use super::map2;
use crate::dtype::{DType, promote};
use crate::element::Number;
use crate::error::KernelError;
use crate::limits::BLOCK;
use crate::view::{Block, View, scratch};
use std::ops::Range;

/// An arithmetic operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arith {
    /// a + b
    Add,
    /// a - b
    Subtract,
    /// a * b
    Multiply,
    /// a / b
    Divide,
    /// floor(a / b)
    FloorDivide,
    /// What is left of a floor division: the sign of b.
    Modulo,
    /// What is left of a division toward zero: the sign of a (C's `fmod`).
    Remainder,
    /// a to the power of b
    Power,
    /// The lesser; NaN wins.
    Minimum,
    /// The greater; NaN wins.
    Maximum,
}

impl Arith {
    /// Every operation.
    pub const ALL: [Self; 10] = [
        Self::Add,
        Self::Subtract,
        Self::Multiply,
        Self::Divide,
        Self::FloorDivide,
        Self::Modulo,
        Self::Remainder,
        Self::Power,
        Self::Minimum,
        Self::Maximum,
    ];

    /// Its name in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Subtract => "subtract",
            Self::Multiply => "multiply",
            Self::Divide => "divide",
            Self::FloorDivide => "floor_divide",
            Self::Modulo => "modulo",
            Self::Remainder => "fmod",
            Self::Power => "power",
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
        }
    }

    /// The dtype to cast both operands to; it is also the dtype of the result.
    ///
    /// As NumPy: division of integers is in `float64`. Sums, products, minimum and maximum of two bools are not arithmetic:
    /// they are `Logic`; the other operations on two bools are in `int8`.
    ///
    /// # Errors
    /// `NoCommonDType` if there is none: text, big integers (which have kernels of their own), bools that are subtracted.
    pub fn dtype(self, left: DType, right: DType) -> Result<DType, KernelError> {
        let none = KernelError::NoCommonDType { operation: self.name(), left, right };
        let common = promote(left, right).ok_or(none.clone())?;
        match (self, common) {
            (_, DType::Str | DType::BigInt) => Err(none),
            (Self::Divide, DType::Float32) => Ok(DType::Float32),
            (Self::Divide, _) => Ok(DType::Float64),
            (Self::FloorDivide | Self::Modulo | Self::Remainder | Self::Power, DType::Bool) => Ok(DType::Int8),
            (_, DType::Bool) => Err(none),
            (_, common) => Ok(common),
        }
    }
}

/// `out[i] = a[i] op b[i]` over a range of flat indices.
///
/// Shape: both of one shape. Cost: one pass; `Power` some tens of nanoseconds per float.
///
/// # Errors
/// `Shapes`, `Bounds`, `OutputSize`; `NegativePower` for an integer power below zero.
pub fn arith<T: Number>(
    op: Arith,
    a: &View<'_, T>,
    b: &View<'_, T>,
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), KernelError> {
    let ab = (a, b);
    match op {
        Arith::Add => map2(ab, range, out, T::plus),
        Arith::Subtract => map2(ab, range, out, T::minus),
        Arith::Multiply => map2(ab, range, out, T::times),
        Arith::Divide => map2(ab, range, out, T::over),
        Arith::FloorDivide => map2(ab, range, out, T::floor_over),
        Arith::Modulo => map2(ab, range, out, T::modulo),
        Arith::Remainder => map2(ab, range, out, T::remainder),
        Arith::Power => {
            refuse_negative_power(b, &range)?;
            map2(ab, range, out, T::power)
        }
        Arith::Minimum => map2(ab, range, out, T::least),
        Arith::Maximum => map2(ab, range, out, T::greatest),
    }
}

/// `f`, an operation of which a closure takes one operand first, for those that can be two in one pass.
macro_rules! with_plain {
    ($op:expr, $turned:expr, $f:ident => $body:expr) => {
        match ($op, $turned) {
            (Arith::Add, _) => {
                let $f = T::plus;
                $body
            }
            (Arith::Multiply, _) => {
                let $f = T::times;
                $body
            }
            (Arith::Subtract, false) => {
                let $f = T::minus;
                $body
            }
            (Arith::Subtract, true) => {
                let $f = |a: T, b: T| b.minus(a);
                $body
            }
            (Arith::Divide, false) => {
                let $f = T::over;
                $body
            }
            (Arith::Divide, true) => {
                let $f = |a: T, b: T| b.over(a);
                $body
            }
            (op, _) => {
                return Err(KernelError::argument(format!("{} is not done together with another", op.name())))
            }
        }
    };
}

/// `out[i] = a[i] outer (b[i] inner value)` in one pass, each operation rounded by itself: the bits that two passes give. A flag behind an
/// operation turns its operands round.
///
/// Shape: as many of each. Cost: one pass, bound by memory.
///
/// # Errors
/// `OutputSize`; `Argument` for operations other than sum, difference, product and quotient.
pub fn arith_of_scaled<T: Number>(
    (outer, outer_turned): (Arith, bool),
    (inner, inner_turned): (Arith, bool),
    (a, b, value): (&[T], &[T], T),
    out: &mut [T],
) -> Result<(), KernelError> {
    KernelError::check_output(a.len(), out.len())?;
    KernelError::check_output(b.len(), out.len())?;
    with_plain!(inner, inner_turned, inner => with_plain!(outer, outer_turned, outer => {
        out.iter_mut().zip(a.iter().zip(b)).for_each(|(out, (&a, &b))| *out = outer(a, inner(b, value)));
    }));
    Ok(())
}

fn refuse_negative_power<T: Number>(b: &View<'_, T>, range: &Range<usize>) -> Result<(), KernelError> {
    if !T::DTYPE.is_signed() {
        return Ok(());
    }
    let mut walk = b.walk_checked(range)?;
    let mut room = scratch();
    let mut at = range.start;
    while walk.left() > 0 {
        let n = walk.left().min(BLOCK);
        let bad = match walk.next(n, &mut room) {
            Block::Run(run) => run.iter().position(|x| x.is_negative()),
            Block::Same(x) => x.is_negative().then_some(0),
        };
        if let Some(bad) = bad {
            return Err(KernelError::NegativePower { at: at + bad });
        }
        at += n;
    }
    Ok(())
}

/// `a[i] = a[i] op b[i]` over a range: `target` is the memory of that range of `a`.
///
/// # Errors
/// As `arith`; a refused power leaves what came before it in the range as it was.
pub fn arith_assign<T: Number>(
    op: Arith,
    target: &mut [T],
    b: &View<'_, T>,
    range: Range<usize>,
) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), target.len())?;
    if op == Arith::Power {
        refuse_negative_power(b, &range)?;
    }
    let mut walk = b.walk_checked(&range)?;
    let (mut room_a, mut room_b) = (scratch::<T>(), scratch());
    for part in target.chunks_mut(BLOCK) {
        let a = &mut room_a[..part.len()];
        a.copy_from_slice(part);
        let a = View::flat(a);
        match walk.next(part.len(), &mut room_b) {
            Block::Run(b) => arith(op, &a, &View::flat(b), 0..part.len(), part)?,
            Block::Same(b) => arith(op, &a, &View::scalar(&b).broadcast(a.shape())?, 0..part.len(), part)?,
        }
    }
    Ok(())
}
