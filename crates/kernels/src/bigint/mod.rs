//! Integers without a width, or modulo a power of two (`max_bits`).
//!
//! Lives here: `Modulus` (what `max_bits` means), arithmetic, bits, shifts and comparison over slices of `BigInt`; `limbs` (how they travel).
//! Holds: with `max_bits` every result is at least 0 and below 2^max_bits; no result passes `BIGINT_BITS_MAX` bits, which is
//!   checked before it is made.
//! Each value allocates, so the room of an output is not known beforehand as it is for other dtypes; its bound is `max_bits` or
//! `BIGINT_BITS_MAX` per element.

mod limbs;

pub use limbs::{from_limbs, limb_count, to_limbs};
pub use num_bigint::BigInt;

use crate::elementwise::{Arith, Bits, Compare};
use crate::error::KernelError;
use crate::limits::BIGINT_BITS_MAX;
use num_bigint::Sign;
use num_integer::Integer as _;
use std::ops::Range;

/// Whether results wrap, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modulus {
    bits: Option<u64>,
    mask: BigInt,
}

impl Modulus {
    /// Results wrap to `max_bits` bits, or not at all.
    ///
    /// # Errors
    /// `Argument` for 0 bits or more than `BIGINT_BITS_MAX`.
    pub fn new(max_bits: Option<u64>) -> Result<Self, KernelError> {
        if max_bits.is_some_and(|bits| bits == 0 || bits > BIGINT_BITS_MAX) {
            return Err(KernelError::argument(format!("max_bits is between 1 and {BIGINT_BITS_MAX}")));
        }
        let mask = max_bits.map_or_else(BigInt::default, |bits| (BigInt::from(1) << bits) - 1);
        Ok(Self { bits: max_bits, mask })
    }

    /// Of two arrays: the narrower of what they have.
    ///
    /// # Errors
    /// None that valid ones could meet; the type keeps `new`'s.
    pub fn meet(&self, other: &Self) -> Result<Self, KernelError> {
        Self::new(match (self.bits, other.bits) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        })
    }

    /// `max_bits`, if there is one.
    #[must_use]
    pub fn max_bits(&self) -> Option<u64> {
        self.bits
    }

    /// Wrapped: the low bits in two's complement, which are never negative.
    #[must_use]
    pub fn wrap(&self, value: BigInt) -> BigInt {
        if self.bits.is_none() { value } else { value & &self.mask }
    }
}

fn check<'v, T>(values: &'v [T], range: &Range<usize>) -> Result<&'v [T], KernelError> {
    let len = values.len();
    values.get(range.clone()).ok_or(KernelError::Bounds { what: "range end", at: range.end as i64, len })
}

fn map2(
    (a, b): (&[BigInt], &[BigInt]),
    range: Range<usize>,
    out: &mut [BigInt],
    f: impl Fn(usize, &BigInt, &BigInt) -> Result<BigInt, KernelError>,
) -> Result<(), KernelError> {
    if a.len() != b.len() {
        return Err(KernelError::Shapes { left: vec![a.len()], right: vec![b.len()] });
    }
    KernelError::check_output(range.len(), out.len())?;
    let (a, b) = (check(a, &range)?, check(b, &range)?);
    for ((at, out), (a, b)) in range.zip(out).zip(a.iter().zip(b)) {
        *out = f(at, a, b)?;
    }
    Ok(())
}

/// The bits that a result may have.
fn room(bits: u64) -> Result<(), KernelError> {
    if bits <= BIGINT_BITS_MAX { Ok(()) } else { Err(KernelError::TooLarge { max: BIGINT_BITS_MAX as usize }) }
}

/// `out[i] = a[i] op b[i]` over a range. Division by 0 is 0, as for other integers; it rounds down.
///
/// # Errors
/// `Shapes`, `Bounds`, `OutputSize`; `TooLarge` for a result over `BIGINT_BITS_MAX` bits; `NegativePower`.
pub fn arith(
    op: Arith,
    a: &[BigInt],
    b: &[BigInt],
    modulus: &Modulus,
    range: Range<usize>,
    out: &mut [BigInt],
) -> Result<(), KernelError> {
    let zero = BigInt::default();
    map2((a, b), range, out, |at, a, b| {
        let value = match op {
            Arith::Add => a + b,
            Arith::Subtract => a - b,
            Arith::Multiply => {
                room(a.bits() + b.bits())?;
                a * b
            }
            Arith::Divide | Arith::FloorDivide | Arith::Modulo | Arith::Remainder if *b == zero => {
                BigInt::default()
            }
            Arith::Divide => a / b,
            Arith::FloorDivide => a.div_floor(b),
            Arith::Modulo => a.mod_floor(b),
            Arith::Remainder => a % b,
            Arith::Power => power(at, a, b, modulus)?,
            Arith::Minimum => a.min(b).clone(),
            Arith::Maximum => a.max(b).clone(),
        };
        let value = modulus.wrap(value);
        room(value.bits())?;
        Ok(value)
    })
}

fn power(at: usize, a: &BigInt, b: &BigInt, modulus: &Modulus) -> Result<BigInt, KernelError> {
    if b.sign() == Sign::Minus {
        return Err(KernelError::NegativePower { at });
    }
    if modulus.bits.is_some() {
        let whole: BigInt = &modulus.mask + 1;
        return Ok(a.modpow(b, &whole).mod_floor(&whole));
    }
    if a.bits() <= 1 {
        // 0, 1 and -1 have powers of any size.
        let even = !b.bit(0);
        return Ok(if b.sign() == Sign::NoSign || (even && a.bits() == 1) { BigInt::from(1) } else { a.clone() });
    }
    let too_large = KernelError::TooLarge { max: BIGINT_BITS_MAX as usize };
    let exponent = u32::try_from(b).map_err(|_| too_large)?;
    room(a.bits().saturating_mul(u64::from(exponent)))?;
    Ok(a.pow(exponent))
}

/// `out[i] = a[i] op b[i]` in two's complement over a range. Shifts and rolls take their distance from `b`.
///
/// # Errors
/// `Shapes`, `Bounds`, `OutputSize`; `TooLarge` for a result over `BIGINT_BITS_MAX` bits; `Argument` for a roll without `max_bits`.
pub fn bits(
    op: Bits,
    a: &[BigInt],
    b: &[BigInt],
    modulus: &Modulus,
    range: Range<usize>,
    out: &mut [BigInt],
) -> Result<(), KernelError> {
    map2((a, b), range, out, |_, a, b| {
        Ok(modulus.wrap(match op {
            Bits::And => a & b,
            Bits::Or => a | b,
            Bits::Xor => a ^ b,
            Bits::ShiftLeft | Bits::ShiftRight => shift(op, a, b, modulus)?,
            Bits::RotateLeft | Bits::RotateRight => roll(op, a, b, modulus)?,
        }))
    })
}

fn shift(op: Bits, a: &BigInt, b: &BigInt, modulus: &Modulus) -> Result<BigInt, KernelError> {
    let gone =
        || if op == Bits::ShiftRight && a.sign() == Sign::Minus { BigInt::from(-1) } else { BigInt::default() };
    let by = match u64::try_from(b) {
        Ok(by) => by,
        // A distance below 0 shifts everything out, as for other integers.
        Err(_) if b.sign() == Sign::Minus || op == Bits::ShiftRight || modulus.bits.is_some() => return Ok(gone()),
        Err(_) => u64::MAX,
    };
    if op == Bits::ShiftRight {
        return Ok(if by > BIGINT_BITS_MAX { gone() } else { a >> by });
    }
    if modulus.bits.is_some_and(|bits| by >= bits) || a.sign() == Sign::NoSign {
        return Ok(BigInt::default());
    }
    room(a.bits().saturating_add(by))?;
    Ok(a << by)
}

fn roll(op: Bits, a: &BigInt, b: &BigInt, modulus: &Modulus) -> Result<BigInt, KernelError> {
    let width =
        modulus.bits.ok_or_else(|| KernelError::argument("bits roll within max_bits, which is not set"))?;
    let by = b.mod_floor(&BigInt::from(width));
    let by = u64::try_from(&by).unwrap_or(0);
    let left = if op == Bits::RotateLeft { by } else { (width - by) % width };
    let value = modulus.wrap(a.clone());
    Ok((&value << left) | (value >> (width - left)))
}

/// Compares the values of a range.
///
/// # Errors
/// `Shapes`, `Bounds`, `OutputSize`.
pub fn compare(
    op: Compare,
    a: &[BigInt],
    b: &[BigInt],
    range: Range<usize>,
    out: &mut [bool],
) -> Result<(), KernelError> {
    if a.len() != b.len() {
        return Err(KernelError::Shapes { left: vec![a.len()], right: vec![b.len()] });
    }
    KernelError::check_output(range.len(), out.len())?;
    for (out, (a, b)) in out.iter_mut().zip(check(a, &range)?.iter().zip(check(b, &range)?)) {
        *out = match op {
            Compare::Equal => a == b,
            Compare::NotEqual => a != b,
            Compare::Less => a < b,
            Compare::LessEqual => a <= b,
            Compare::Greater => a > b,
            Compare::GreaterEqual => a >= b,
        };
    }
    Ok(())
}
