//! One operand: signs, rounding, bits and classes of any number, and mathematics of floats; and the few functions of two floats.
//!
//! Holds: mathematics is the standard library's, so its last bit is that of the platform.

use super::{map, map2};
use crate::dtype::DType;
use crate::element::{Element, Float, Integer, Number};
use crate::error::KernelError;
use crate::view::View;
use std::ops::Range;

/// An operation that keeps the dtype of its operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unary {
    /// -a
    Negative,
    /// |a|
    Absolute,
    /// -1, 0, 1
    Sign,
    /// a * a
    Square,
}

/// `out[i] = op a[i]` over a range of flat indices. Cost: one pass, vectorised.
///
/// # Errors
/// `Bounds`, `OutputSize`.
pub fn unary<T: Number>(
    op: Unary,
    a: &View<'_, T>,
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), KernelError> {
    match op {
        Unary::Negative => map(a, range, out, T::negative),
        Unary::Absolute => map(a, range, out, T::absolute),
        Unary::Sign => map(a, range, out, T::signum),
        Unary::Square => map(a, range, out, |a| a.times(a)),
    }
}

/// Each bit turned; for truth values see `not`.
///
/// # Errors
/// `Bounds`, `OutputSize`.
pub fn invert<T: Integer>(a: &View<'_, T>, range: Range<usize>, out: &mut [T]) -> Result<(), KernelError> {
    map(a, range, out, T::invert)
}

/// `out[i] = a[i] is zero`.
///
/// # Errors
/// `Bounds`, `OutputSize`.
pub fn not<T: Element>(a: &View<'_, T>, range: Range<usize>, out: &mut [bool]) -> Result<(), KernelError> {
    map(a, range, out, |a| !a.is_true())
}

/// What to count in the bits of an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BitCount {
    /// Ones.
    Population,
    /// Ones, modulo 2.
    Parity,
    /// Zeros above the highest one; the width for 0.
    LeadingZeros,
    /// Zeros below the lowest one; 0 for 0.
    TrailingZeros,
}

/// Counts in the bits of each element.
///
/// # Errors
/// `Bounds`, `OutputSize`.
pub fn bit_count<T: Integer>(
    what: BitCount,
    a: &View<'_, T>,
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), KernelError> {
    let value = |count: u32| T::from_bits(u64::from(count));
    match what {
        BitCount::Population => map(a, range, out, |a| value(a.count_ones())),
        BitCount::Parity => map(a, range, out, |a| value(a.count_ones() & 1)),
        BitCount::LeadingZeros => map(a, range, out, |a| value(a.leading_zeros())),
        BitCount::TrailingZeros => map(a, range, out, |a| value(a.trailing_zeros())),
    }
}

/// A question about a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Not a number.
    Nan,
    /// One of the infinities.
    Infinite,
    /// Neither.
    Finite,
    /// The sign bit is set: -0.0 too.
    SignBit,
}

/// Asks each element; integers are finite.
///
/// # Errors
/// `Bounds`, `OutputSize`.
pub fn classify<T: Number>(
    what: Class,
    a: &View<'_, T>,
    range: Range<usize>,
    out: &mut [bool],
) -> Result<(), KernelError> {
    match what {
        Class::Nan => map(a, range, out, |a| a.is_nan()),
        Class::Infinite => map(a, range, out, |a| a.to_f64().is_infinite()),
        Class::Finite => map(a, range, out, |a| a.to_f64().is_finite()),
        Class::SignBit => map(a, range, out, |a| a.to_f64().is_sign_negative()),
    }
}

macro_rules! math {
    ($($(#[$doc:meta])* $name:ident $text:literal = $f:expr;)*) => {
        /// A function of one float.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Math { $($(#[$doc])* $name,)* }

        impl Math {
            /// Every function.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name, as NumPy has it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }

        macro_rules! real {
            ($t:ident) => {
                impl Real for $t {
                    fn math(op: Math, a: &View<'_, Self>, range: Range<usize>, out: &mut [Self]) -> Result<(), KernelError> {
                        match op { $(Math::$name => map(a, range, out, $f),)* }
                    }
                    fn math2(op: Math2, ab: (&View<'_, Self>, &View<'_, Self>), range: Range<usize>, out: &mut [Self]) -> Result<(), KernelError> {
                        match op {
                            Math2::ArcTan2 => map2(ab, range, out, <$t>::atan2),
                            Math2::NextAfter => map2(ab, range, out, <$t as Float>::next_after),
                            Math2::Hypot => map2(ab, range, out, <$t>::hypot),
                            Math2::CopySign => map2(ab, range, out, <$t>::copysign),
                        }
                    }
                }
            };
        }
    };
}

math! {
    /// Sine, of radians.
    Sin "sin" = |x| Self::sin(x);
    /// Cosine.
    Cos "cos" = |x| Self::cos(x);
    /// Tangent.
    Tan "tan" = |x| Self::tan(x);
    /// Inverse sine.
    ArcSin "arcsin" = |x| Self::asin(x);
    /// Inverse cosine.
    ArcCos "arccos" = |x| Self::acos(x);
    /// Inverse tangent.
    ArcTan "arctan" = |x| Self::atan(x);
    /// Hyperbolic sine.
    Sinh "sinh" = |x| Self::sinh(x);
    /// Hyperbolic cosine.
    Cosh "cosh" = |x| Self::cosh(x);
    /// Hyperbolic tangent.
    Tanh "tanh" = |x| Self::tanh(x);
    /// Inverse hyperbolic sine.
    ArcSinh "arcsinh" = |x| Self::asinh(x);
    /// Inverse hyperbolic cosine.
    ArcCosh "arccosh" = |x| Self::acosh(x);
    /// Inverse hyperbolic tangent.
    ArcTanh "arctanh" = |x| Self::atanh(x);
    /// Square root.
    Sqrt "sqrt" = |x| Self::sqrt(x);
    /// Cube root.
    Cbrt "cbrt" = |x| Self::cbrt(x);
    /// e to the power of x.
    Exp "exp" = |x| Self::exp(x);
    /// e to the power of x, less 1.
    ExpM1 "expm1" = |x| Self::exp_m1(x);
    /// 2 to the power of x.
    Exp2 "exp2" = |x| Self::exp2(x);
    /// Natural logarithm.
    Log "log" = |x| Self::ln(x);
    /// Logarithm of 1 + x.
    Log1P "log1p" = |x| Self::ln_1p(x);
    /// Logarithm to base 2.
    Log2 "log2" = |x| Self::log2(x);
    /// Logarithm to base 10.
    Log10 "log10" = |x| Self::log10(x);
    /// The next whole number below.
    Floor "floor" = |x| Self::floor(x);
    /// The next whole number above.
    Ceil "ceil" = |x| Self::ceil(x);
    /// The next whole number toward zero.
    Trunc "trunc" = |x| Self::trunc(x);
    /// The nearest whole number, of two the even one.
    Round "rint" = |x| Self::round_ties_even(x);
    /// The nearest whole number, of two the one away from zero.
    RoundAway "round" = |x| Self::round(x);
    /// Degrees from radians.
    Degrees "degrees" = |x| x * (180.0 / std::f64::consts::PI as Self);
    /// Radians from degrees.
    Radians "radians" = |x| x * (std::f64::consts::PI as Self / 180.0);
}

/// A function of two floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Math2 {
    /// The angle of the point (b, a).
    ArcTan2,
    /// The next representable value from a toward b.
    NextAfter,
    /// sqrt(a a + b b) without overflow on the way.
    Hypot,
    /// |a| with the sign of b.
    CopySign,
}

/// Floats that have the mathematics of this file.
pub trait Real: Float {
    #[doc(hidden)]
    fn math(op: Math, a: &View<'_, Self>, range: Range<usize>, out: &mut [Self]) -> Result<(), KernelError>;
    #[doc(hidden)]
    fn math2(
        op: Math2,
        ab: (&View<'_, Self>, &View<'_, Self>),
        range: Range<usize>,
        out: &mut [Self],
    ) -> Result<(), KernelError>;
}

real!(f32);
real!(f64);

/// The float that mathematics of a dtype is done in, as NumPy: itself for floats, else `float64`.
///
/// # Errors
/// `NotForDType` for text and big integers.
pub fn math_dtype(dtype: DType) -> Result<DType, KernelError> {
    match dtype {
        DType::Float32 => Ok(DType::Float32),
        DType::Str | DType::BigInt => Err(KernelError::NotForDType { operation: "mathematics", dtype }),
        _ => Ok(DType::Float64),
    }
}

/// `out[i] = op(a[i])` over a range of flat indices. Cost: 1 to 20 ns per element, by the function.
///
/// # Errors
/// `Bounds`, `OutputSize`.
pub fn math<T: Real>(op: Math, a: &View<'_, T>, range: Range<usize>, out: &mut [T]) -> Result<(), KernelError> {
    T::math(op, a, range, out)
}

/// `out[i] = op(a[i], b[i])` over a range of flat indices.
///
/// # Errors
/// `Shapes`, `Bounds`, `OutputSize`.
pub fn math2<T: Real>(
    op: Math2,
    a: &View<'_, T>,
    b: &View<'_, T>,
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), KernelError> {
    T::math2(op, (a, b), range, out)
}
