//! Element types: what a loop over `&[T]` may ask of its `T`.
//!
//! Lives here: `Element` (all fixed-width types, `bool` included), `Number`, `Integer`, `Float`.
//! Holds: the traits are sealed; integer arithmetic wraps and never panics; division by zero is 0 for integers, as NumPy has it;
//!   `key` is a total order in which NaN stands last and both zeros are one.
//! Not here: text (`strings/`), big integers (`bigint/`).

use crate::dtype::DType;
use std::fmt::Debug;

mod sealed {
    pub trait Sealed {}
}

/// A value of fixed width.
pub trait Element:
    sealed::Sealed + Copy + Default + PartialEq + PartialOrd + Debug + Send + Sync + 'static
{
    /// Its dtype.
    const DTYPE: DType;
    /// Significant bits of `key`.
    const KEY_BITS: u32;

    /// An unsigned image in sort order: integers by value, `false` before `true`, NaN after all numbers, -0.0 equal to 0.0.
    fn key(self) -> u64;

    /// As `key`, but with an inverse: -0.0 stands before 0.0. All NaNs are one.
    fn ordered(self) -> u64 {
        self.key()
    }

    /// The value whose `ordered` this is.
    fn from_ordered(key: u64) -> Self;

    /// Whether this is not a number (`false` for all but floats).
    fn is_nan(self) -> bool {
        false
    }

    /// Whether this counts as true: anything but zero, NaN too.
    fn is_true(self) -> bool;

    /// As a float; 64-bit integers are rounded.
    fn to_f64(self) -> f64;

    /// The bits of the value, zero-extended; floats as IEEE 754 has them.
    fn bits(self) -> u64;
}

/// A value with arithmetic. All operations are total.
pub trait Number: Element {
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The least value, minus infinity for floats.
    const LEAST: Self;
    /// The greatest value, infinity for floats.
    const GREATEST: Self;
    /// What sums and products are made in: 64 bits for integers, itself for floats.
    type Wide: Number;

    /// a + b.
    fn plus(self, other: Self) -> Self;
    /// a - b.
    fn minus(self, other: Self) -> Self;
    /// a * b.
    fn times(self, other: Self) -> Self;
    /// a / b: exact for floats, toward zero for integers.
    fn over(self, other: Self) -> Self;
    /// The largest whole number that is at most a / b.
    fn floor_over(self, other: Self) -> Self;
    /// a - floor(a / b) * b: the sign of b.
    fn modulo(self, other: Self) -> Self;
    /// What is left of a after whole bs toward zero: the sign of a.
    fn remainder(self, other: Self) -> Self;
    /// a to the power of b; for a negative integer power, the whole part (0, 1 or -1).
    fn power(self, other: Self) -> Self;
    /// -a.
    fn negative(self) -> Self;
    /// |a|; the least signed integer stays as it is.
    fn absolute(self) -> Self;
    /// -1, 0 or 1; NaN stays NaN.
    fn signum(self) -> Self;
    /// Widened for a sum.
    fn wide(self) -> Self::Wide;
    /// From a float; integers saturate and NaN is 0.
    fn from_f64(value: f64) -> Self;
    /// The lesser; NaN if one is NaN.
    fn least(self, other: Self) -> Self;
    /// The greater; NaN if one is NaN.
    fn greatest(self, other: Self) -> Self;
    /// Below zero.
    fn is_negative(self) -> bool;
}

/// A whole number with bits. A shift by the width or more leaves nothing but the sign.
pub trait Integer: Number + Eq + Ord {
    /// Bits of the type.
    const BITS: u32;
    /// a & b.
    fn and(self, other: Self) -> Self;
    /// a | b.
    fn or(self, other: Self) -> Self;
    /// a ^ b.
    fn xor(self, other: Self) -> Self;
    /// Each bit turned.
    fn invert(self) -> Self;
    /// a << b; negative `b` shifts everything out.
    fn shift_left(self, other: Self) -> Self;
    /// a >> b with the sign kept; negative `b` shifts everything out.
    fn shift_right(self, other: Self) -> Self;
    /// Bits rolled toward the high end by `b` modulo the width.
    fn rotate_left(self, other: Self) -> Self;
    /// Bits rolled toward the low end by `b` modulo the width.
    fn rotate_right(self, other: Self) -> Self;
    /// Ones among the bits.
    fn count_ones(self) -> u32;
    /// Zeros above the highest one; the width for 0.
    fn leading_zeros(self) -> u32;
    /// Zeros below the lowest one; 0 for 0, as Arkouda has it.
    fn trailing_zeros(self) -> u32;
    /// The low bits of a 64-bit value.
    fn from_bits(bits: u64) -> Self;
}

/// A binary floating-point number.
pub trait Float: Number<Wide = Self> {
    /// NaN.
    const NAN: Self;
    /// The next representable value toward `other`.
    fn next_after(self, other: Self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
}

macro_rules! integer {
    ($($t:ty, $unsigned:ty, $dtype:ident, $wide:ty, $flip:expr, $signed:expr);* $(;)?) => {$(
        impl sealed::Sealed for $t {}
        impl Element for $t {
            const DTYPE: DType = DType::$dtype;
            const KEY_BITS: u32 = <$t>::BITS;
            #[inline(always)]
            fn key(self) -> u64 { u64::from((self as $unsigned) ^ $flip) }
            #[inline(always)]
            fn from_ordered(key: u64) -> Self { ((key as $unsigned) ^ $flip) as $t }
            #[inline(always)]
            fn is_true(self) -> bool { self != 0 }
            #[inline(always)]
            fn to_f64(self) -> f64 { self as f64 }
            #[inline(always)]
            fn bits(self) -> u64 { u64::from(self as $unsigned) }
        }
        impl Number for $t {
            const ZERO: Self = 0;
            const ONE: Self = 1;
            const LEAST: Self = <$t>::MIN;
            const GREATEST: Self = <$t>::MAX;
            type Wide = $wide;
            #[inline(always)]
            fn plus(self, other: Self) -> Self { self.wrapping_add(other) }
            #[inline(always)]
            fn minus(self, other: Self) -> Self { self.wrapping_sub(other) }
            #[inline(always)]
            fn times(self, other: Self) -> Self { self.wrapping_mul(other) }
            #[inline(always)]
            fn over(self, other: Self) -> Self { if other == 0 { 0 } else { self.wrapping_div(other) } }
            #[inline(always)]
            fn floor_over(self, other: Self) -> Self {
                if other == 0 {
                    return 0;
                }
                let quotient = self.wrapping_div(other);
                let rest = self.wrapping_rem(other);
                if $signed && rest != 0 && (rest < Self::ZERO) != (other < Self::ZERO) { quotient.wrapping_sub(1) } else { quotient }
            }
            #[inline(always)]
            fn modulo(self, other: Self) -> Self {
                if other == 0 {
                    return 0;
                }
                let rest = self.wrapping_rem(other);
                if $signed && rest != 0 && (rest < Self::ZERO) != (other < Self::ZERO) { rest.wrapping_add(other) } else { rest }
            }
            #[inline(always)]
            fn remainder(self, other: Self) -> Self { if other == 0 { 0 } else { self.wrapping_rem(other) } }
            #[inline(always)]
            fn power(self, other: Self) -> Self {
                if Number::is_negative(other) {
                    return match self {
                        1 => 1,
                        x if x.wrapping_add(1) == 0 => if other.and(1) == 0 { 1 } else { x },
                        _ => 0,
                    };
                }
                // Wrapping is arithmetic modulo a power of two, so square and multiply is exact in it.
                let (mut base, mut left, mut result) = (self, other, Self::ONE);
                while left != 0 {
                    if left & 1 == 1 {
                        result = result.wrapping_mul(base);
                    }
                    base = base.wrapping_mul(base);
                    left >>= 1;
                }
                result
            }
            #[inline(always)]
            fn negative(self) -> Self { self.wrapping_neg() }
            #[inline(always)]
            fn absolute(self) -> Self { if Number::is_negative(self) { self.wrapping_neg() } else { self } }
            #[inline(always)]
            fn signum(self) -> Self {
                if Number::is_negative(self) { Self::ZERO.wrapping_sub(1) } else { Self::from(self != 0) }
            }
            #[inline(always)]
            fn wide(self) -> $wide { <$wide>::from(self) }
            #[inline(always)]
            fn from_f64(value: f64) -> Self { value as $t }
            #[inline(always)]
            fn least(self, other: Self) -> Self { if other < self { other } else { self } }
            #[inline(always)]
            fn greatest(self, other: Self) -> Self { if other > self { other } else { self } }
            #[inline(always)]
            fn is_negative(self) -> bool { $signed && self < Self::ZERO }
        }
        impl Integer for $t {
            const BITS: u32 = <$t>::BITS;
            #[inline(always)]
            fn and(self, other: Self) -> Self { self & other }
            #[inline(always)]
            fn or(self, other: Self) -> Self { self | other }
            #[inline(always)]
            fn xor(self, other: Self) -> Self { self ^ other }
            #[inline(always)]
            fn invert(self) -> Self { !self }
            #[inline(always)]
            fn shift_left(self, other: Self) -> Self {
                if Number::is_negative(other) || other.bits() >= u64::from(<$t>::BITS) { 0 } else { self << other }
            }
            #[inline(always)]
            fn shift_right(self, other: Self) -> Self {
                if Number::is_negative(other) || other.bits() >= u64::from(<$t>::BITS) {
                    self >> (<$t>::BITS - 1) >> u32::from(!$signed)
                } else {
                    self >> other
                }
            }
            #[inline(always)]
            fn rotate_left(self, other: Self) -> Self { <$t>::rotate_left(self, (other as u64 % u64::from(<$t>::BITS)) as u32) }
            #[inline(always)]
            fn rotate_right(self, other: Self) -> Self { <$t>::rotate_right(self, (other as u64 % u64::from(<$t>::BITS)) as u32) }
            #[inline(always)]
            fn count_ones(self) -> u32 { <$t>::count_ones(self) }
            #[inline(always)]
            fn leading_zeros(self) -> u32 { <$t>::leading_zeros(self) }
            #[inline(always)]
            fn trailing_zeros(self) -> u32 { if self == 0 { 0 } else { <$t>::trailing_zeros(self) } }
            #[inline(always)]
            fn from_bits(bits: u64) -> Self { bits as $t }
        }
    )*};
}

integer! {
    i8, u8, Int8, i64, 1 << 7, true;
    i16, u16, Int16, i64, 1 << 15, true;
    i32, u32, Int32, i64, 1 << 31, true;
    i64, u64, Int64, i64, 1 << 63, true;
    u8, u8, UInt8, u64, 0, false;
    u16, u16, UInt16, u64, 0, false;
    u32, u32, UInt32, u64, 0, false;
    u64, u64, UInt64, u64, 0, false;
}

macro_rules! float {
    ($($t:ty, $bits:ty, $dtype:ident);* $(;)?) => {$(
        impl sealed::Sealed for $t {}
        impl Element for $t {
            const DTYPE: DType = DType::$dtype;
            const KEY_BITS: u32 = <$bits>::BITS;
            #[inline(always)]
            fn key(self) -> u64 { (self + 0.0).ordered() }
            #[inline(always)]
            fn ordered(self) -> u64 {
                const TOP: u32 = <$bits>::BITS - 1;
                let bits = self.to_bits();
                // A set sign turns all bits, a clear one turns the sign alone.
                let image = bits ^ ((0 as $bits).wrapping_sub(bits >> TOP) | 1 << TOP);
                u64::from(if <$t>::is_nan(self) { <$bits>::MAX } else { image })
            }
            #[inline(always)]
            fn from_ordered(key: u64) -> Self {
                const TOP: u32 = <$bits>::BITS - 1;
                let image = key as $bits;
                if image == <$bits>::MAX {
                    return <$t>::NAN;
                }
                <$t>::from_bits(if image >> TOP == 1 { image ^ 1 << TOP } else { !image })
            }
            #[inline(always)]
            fn is_nan(self) -> bool { <$t>::is_nan(self) }
            #[inline(always)]
            fn is_true(self) -> bool { self != 0.0 }
            #[inline(always)]
            fn to_f64(self) -> f64 { f64::from(self) }
            #[inline(always)]
            fn bits(self) -> u64 { u64::from(self.to_bits()) }
        }
        impl Number for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const LEAST: Self = <$t>::NEG_INFINITY;
            const GREATEST: Self = <$t>::INFINITY;
            type Wide = $t;
            #[inline(always)]
            fn plus(self, other: Self) -> Self { self + other }
            #[inline(always)]
            fn minus(self, other: Self) -> Self { self - other }
            #[inline(always)]
            fn times(self, other: Self) -> Self { self * other }
            #[inline(always)]
            fn over(self, other: Self) -> Self { self / other }
            #[inline(always)]
            fn floor_over(self, other: Self) -> Self {
                if other == 0.0 {
                    return self / other;
                }
                // From the remainder, so that the quotient is not rounded up to the next whole number first.
                let rest = self % other;
                let mut quotient = (self - rest) / other;
                if rest != 0.0 && (rest < 0.0) != (other < 0.0) {
                    quotient -= 1.0;
                }
                if quotient == 0.0 {
                    return (0.0 as $t).copysign(self / other);
                }
                let floor = quotient.floor();
                if quotient - floor > 0.5 { floor + 1.0 } else { floor }
            }
            #[inline(always)]
            fn modulo(self, other: Self) -> Self {
                let rest = self % other;
                if rest == 0.0 {
                    (0.0 as $t).copysign(other)
                } else if (rest < 0.0) != (other < 0.0) {
                    rest + other
                } else {
                    rest
                }
            }
            #[inline(always)]
            fn remainder(self, other: Self) -> Self { self % other }
            #[inline(always)]
            fn power(self, other: Self) -> Self { self.powf(other) }
            #[inline(always)]
            fn negative(self) -> Self { -self }
            #[inline(always)]
            fn absolute(self) -> Self { self.abs() }
            #[inline(always)]
            fn signum(self) -> Self {
                if self > 0.0 { 1.0 } else if self < 0.0 { -1.0 } else { self + 0.0 }
            }
            #[inline(always)]
            fn wide(self) -> $t { self }
            #[inline(always)]
            fn from_f64(value: f64) -> Self { value as $t }
            #[inline(always)]
            fn least(self, other: Self) -> Self { if self < other || <$t>::is_nan(self) { self } else { other } }
            #[inline(always)]
            fn greatest(self, other: Self) -> Self { if self > other || <$t>::is_nan(self) { self } else { other } }
            #[inline(always)]
            fn is_negative(self) -> bool { self < 0.0 }
        }
        impl Float for $t {
            const NAN: Self = <$t>::NAN;
            #[inline(always)]
            fn next_after(self, other: Self) -> Self {
                if <$t>::is_nan(self) || <$t>::is_nan(other) {
                    <$t>::NAN
                } else if self < other {
                    self.next_up()
                } else if self > other {
                    self.next_down()
                } else {
                    other
                }
            }
            #[inline(always)]
            fn sqrt(self) -> Self { <$t>::sqrt(self) }
        }
    )*};
}

float! {
    f32, u32, Float32;
    f64, u64, Float64;
}

impl sealed::Sealed for bool {}
impl Element for bool {
    const DTYPE: DType = DType::Bool;
    const KEY_BITS: u32 = 1;
    #[inline(always)]
    fn key(self) -> u64 {
        u64::from(self)
    }
    #[inline(always)]
    fn from_ordered(key: u64) -> Self {
        key != 0
    }
    #[inline(always)]
    fn is_true(self) -> bool {
        self
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(u8::from(self))
    }
    #[inline(always)]
    fn bits(self) -> u64 {
        u64::from(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_floats_with_nan_last_and_one_zero() {
        let order = [f64::NEG_INFINITY, -1.5, -f64::MIN_POSITIVE, -0.0, 1e-300, 2.0, f64::INFINITY, f64::NAN];
        assert!(order.windows(2).all(|pair| pair[0].key() < pair[1].key()));
        assert_eq!((-0.0f64).key(), 0.0f64.key());
        assert_eq!((-f64::NAN).key(), f64::NAN.key());
        for x in order {
            let back = f64::from_ordered(x.ordered());
            assert!(back.to_bits() == x.to_bits() || x.is_nan() && back.is_nan());
        }
        assert!(f32::NEG_INFINITY.key() < (-1.0f32).key() && f32::INFINITY.key() < f32::NAN.key());
    }

    #[test]
    fn integers_have_total_division_and_python_signs() {
        assert_eq!(
            (i64::MIN.over(-1), i64::MIN.floor_over(-1), 7i64.floor_over(0), 7u8.modulo(0)),
            (i64::MIN, i64::MIN, 0, 0)
        );
        assert_eq!(
            ((-7i32).floor_over(2), (-7i32).modulo(2), 7i32.modulo(-2), (-7i32).remainder(2)),
            (-4, 1, -1, -1)
        );
        assert_eq!(((-1i8).power(-3), 2i8.power(-1), 3u8.power(5), 2i64.power(63)), (-1, 0, 243, i64::MIN));
    }

    #[test]
    fn shifts_past_the_width_leave_the_sign() {
        assert_eq!(
            (1i8.shift_left(8), (-3i8).shift_right(8), 3i8.shift_right(100), 200u8.shift_right(8)),
            (0, -1, 0, 0)
        );
        assert_eq!((5i64.shift_left(-1), (-5i64).shift_right(-1)), (0, -1));
        assert_eq!(
            (0u64.trailing_zeros(), Integer::trailing_zeros(0u64), Integer::trailing_zeros(8u64)),
            (64, 0, 3)
        );
    }
}
