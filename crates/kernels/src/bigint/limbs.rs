//! Big integers as limbs of 64 bits, the least first: how they travel, how they sort and how they group.
//!
//! A column of values is as many columns of `u64` as its widest value has limbs. Values at least 0 are their bits; where one is negative,
//! all are in two's complement with a limb for the sign. Limbs are `sort::Keys` by a flat view: fold them from the last to the
//! first, the last one with its sign bit turned if there are signs.

use crate::error::KernelError;
use num_bigint::{BigInt, Sign};
use std::ops::Range;

/// Limbs that every value fits, at least one, and whether one of them is negative. Cost: one look per value.
#[must_use]
pub fn limb_count(values: &[BigInt]) -> (usize, bool) {
    let signed = values.iter().any(|value| value.sign() == Sign::Minus);
    let bits = values.iter().map(BigInt::bits).max().unwrap_or(0) + u64::from(signed);
    ((bits.div_ceil(64) as usize).max(1), signed)
}

/// Limb `limb` of each value of a range, in two's complement.
///
/// # Errors
/// `Bounds`, `OutputSize`.
pub fn to_limbs(values: &[BigInt], limb: usize, range: Range<usize>, out: &mut [u64]) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    let len = values.len();
    let part =
        values.get(range.clone()).ok_or(KernelError::Bounds { what: "range end", at: range.end as i64, len })?;
    for (out, value) in out.iter_mut().zip(part) {
        // The complement of a negative value is that of its magnitude less one, bit by bit.
        *out = if value.sign() == Sign::Minus {
            !(value + 1u8).iter_u64_digits().nth(limb).unwrap_or(0)
        } else {
            value.iter_u64_digits().nth(limb).unwrap_or(0)
        };
    }
    Ok(())
}

/// The value of limbs, the least first; with `signed` in two's complement.
#[must_use]
pub fn from_limbs(limbs: &[u64], signed: bool) -> BigInt {
    let words =
        |f: fn(u64) -> u64| limbs.iter().flat_map(|&limb| [f(limb) as u32, (f(limb) >> 32) as u32]).collect();
    match limbs.last() {
        Some(last) if signed && last >> 63 == 1 => -(BigInt::new(Sign::Plus, words(|limb| !limb)) + 1u8),
        _ => BigInt::new(Sign::Plus, words(|limb| limb)),
    }
}
