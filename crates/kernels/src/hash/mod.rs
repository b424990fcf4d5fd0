//! Hashes of values and strings.
//!
//! `sip` is SipHash-2-4 with 128 bits and the key 0, 1, .., 15, read as two big-endian numbers: what Arkouda writes into its files.
//! `owner` spreads keys over parts (XXH3), for partitioning. Neither is for secrets.

use crate::element::Element;
use crate::error::KernelError;
use crate::limits::BLOCK;
use crate::strings::Strings;
use crate::view::View;
use siphasher::sip::SipHasher24 as SipHasher64;
use siphasher::sip128::{Hash128, SipHasher24};
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64;

fn sipper() -> SipHasher24 {
    SipHasher24::new_with_key(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
}

fn halves(hash: Hash128) -> (u64, u64) {
    // The hash is sixteen bytes; its halves are numbers in little-endian order here and in big-endian order there.
    (hash.h1.swap_bytes(), hash.h2.swap_bytes())
}

/// The hash of bytes. Cost: about a nanosecond per byte and 20 for the rest.
#[must_use]
pub fn sip(bytes: &[u8]) -> (u64, u64) {
    halves(sipper().hash(bytes))
}

/// The hash of each element of a range, by its bytes in little-endian order, as wide as its dtype; both halves.
///
/// # Errors
/// `Bounds`, `OutputSize`.
pub fn hash_values<T: Element>(
    view: &View<'_, T>,
    range: Range<usize>,
    (high, low): (&mut [u64], &mut [u64]),
) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), high.len())?;
    KernelError::check_output(range.len(), low.len())?;
    let sipper = sipper();
    let mut walk = view.walk_checked(&range)?;
    let mut room = [T::default(); BLOCK];
    for (high, low) in high.chunks_mut(BLOCK).zip(low.chunks_mut(BLOCK)) {
        let values = &mut room[..high.len()];
        walk.fill(values);
        for ((high, low), value) in high.iter_mut().zip(low).zip(values) {
            (*high, *low) = halves(sipper.hash(&value.bits().to_le_bytes()[..size_of::<T>()]));
        }
    }
    Ok(())
}

/// The hash of each element of a range in 64 bits, which is SipHash-2-4's own and no half of the other.
///
/// # Errors
/// `Bounds`, `OutputSize`.
pub fn hash_values_64<T: Element>(
    view: &View<'_, T>,
    range: Range<usize>,
    out: &mut [u64],
) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    let mut walk = view.walk_checked(&range)?;
    let mut room = [T::default(); BLOCK];
    for out in out.chunks_mut(BLOCK) {
        let values = &mut room[..out.len()];
        walk.fill(values);
        for (out, value) in out.iter_mut().zip(values) {
            *out = sip_64(&value.bits().to_le_bytes()[..size_of::<T>()]);
        }
    }
    Ok(())
}

fn sip_64(bytes: &[u8]) -> u64 {
    SipHasher64::new_with_key(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]).hash(bytes).swap_bytes()
}

/// The hash of each string of a range; both halves.
///
/// # Errors
/// `Bounds`, `OutputSize`.
pub fn hash_strings(
    strings: &Strings<'_>,
    range: Range<usize>,
    (high, low): (&mut [u64], &mut [u64]),
) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), high.len())?;
    KernelError::check_output(range.len(), low.len())?;
    if range.end > strings.len() {
        return Err(KernelError::Bounds { what: "range end", at: range.end as i64, len: strings.len() });
    }
    let sipper = sipper();
    for ((high, low), i) in high.iter_mut().zip(low).zip(range) {
        (*high, *low) = halves(sipper.hash(strings.bytes(i)));
    }
    Ok(())
}

/// The part, of `parts`, that owns a key. Cost: a few nanoseconds.
#[must_use]
pub fn owner(key: u64, parts: u32) -> u32 {
    // The high half of the product is even for every number of parts, and needs no division.
    ((u128::from(xxh3_64(&key.to_le_bytes())) * u128::from(parts)) >> 64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_published_vectors() {
        // Of SipHash's reference: key 0..15; no bytes, and the one byte 0.
        assert_eq!(sip(&[]), (0xa381_7f04_ba25_a8e6, 0x6df6_7214_c755_0293));
        assert_eq!(sip(&[0]), (0xda87_c1d8_6b99_af44, 0x3476_5911_9b22_fc45));
        assert_eq!(sip_64(&[]), 0x310e_0edd_47db_6f72);
        assert_eq!(sip_64(&[0]), 0xfd67_dc93_c539_f874);
    }

    #[test]
    fn each_part_owns_about_as_many_keys() {
        let mut counts = [0; 3];
        (0..30_000).for_each(|key| counts[owner(key, 3) as usize] += 1);
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }
}
