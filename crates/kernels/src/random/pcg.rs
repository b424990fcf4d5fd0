//! PCG: values of a seed that are those of Chapel's `Random`, and so of Arkouda's server.
//!
//! Lives here: `Pcg` (a seed, from some place on), uniform values, bools, integers of a range, normal values.
//! Holds: element `i` is the same whoever makes it and when: a run of elements begins by a jump, which is a logarithm of steps.
//! Source: M. E. O'Neill, "PCG" (2014), `pcg32` with a state of 64 bits; what Chapel adds is what its documentation of `PCGRandom` says:
//!   64 bits are two generators side by side, floats are multiples of 2^-64, and a refused word of a range is replaced by one of
//!   another generator, so that each element takes one step.

use crate::element::Integer;
use crate::error::KernelError;
use std::f64::consts::TAU;
use std::ops::Range;

const MULTIPLIER: u64 = 6_364_136_223_846_793_005;
/// Sequences of the two generators that make a value.
const FIRST: u64 = 1;
const SECOND: u64 = 2;
/// Sequences that replace refused words: the first of each generator, and the way to the next.
const REPLACING: u64 = 100;
const REPLACING_STEP: u64 = 4;
/// Most words that are tried for one value; each is refused less often than not.
const ATTEMPTS_MAX: u64 = 128;

/// The values of a seed, from some place on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pcg {
    seed: u64,
    from: u64,
}

impl Pcg {
    /// The values of a seed from its first.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, from: 0 }
    }
    /// The values that stand so many places later.
    #[must_use]
    pub const fn skipped(self, places: u64) -> Self {
        Self { seed: self.seed, from: self.from.wrapping_add(places) }
    }
    /// One of its generators, at a place.
    fn words(&self, sequence: u64, at: usize) -> Words {
        let step = sequence << 1 | 1;
        let mut words = Words { state: step.wrapping_add(self.seed), step };
        let _the_first_is_not_given_out = words.word();
        words.jump(self.from.wrapping_add(at as u64));
        words
    }
    /// A word of a generator at a place, or those of the generators that replace it, brought to a greatest one.
    fn up_to(&self, words: &mut Words, sequence: u64, at: usize, greatest: u32) -> u32 {
        let mut word = words.word();
        let Some(count) = greatest.checked_add(1) else { return word };
        let refused = count.wrapping_neg() % count;
        for attempt in 0..ATTEMPTS_MAX {
            if word >= refused {
                break;
            }
            word = self.words(REPLACING + sequence + REPLACING_STEP * attempt, at).word();
        }
        word % count
    }
    /// The same of both generators, for ranges beyond 32 bits.
    ///
    /// Chapel draws the halves apart, so that most numbers of most such ranges never occur. Here all do; where Chapel's are even,
    /// which is where the low half of the range is whole, the numbers are the same.
    fn long_up_to(&self, word: u64, at: usize, greatest: u64) -> u64 {
        let Some(count) = greatest.checked_add(1) else { return word };
        let (mut word, refused) = (word, count.wrapping_neg() % count);
        for attempt in 0..ATTEMPTS_MAX {
            if word >= refused {
                break;
            }
            let sequence = |one: u64| REPLACING + one + REPLACING_STEP * attempt;
            word = Pairs(self.words(sequence(FIRST), at), self.words(sequence(SECOND), at)).word();
        }
        word % count
    }
}

/// A generator of 32-bit words.
struct Words {
    state: u64,
    step: u64,
}

impl Words {
    #[inline(always)]
    fn word(&mut self) -> u32 {
        let state = self.state;
        self.state = state.wrapping_mul(MULTIPLIER).wrapping_add(self.step);
        let mixed = ((state >> 18 ^ state) >> 27) as u32;
        mixed.rotate_right((state >> 59) as u32)
    }
    /// Goes so many words ahead (F. Brown, "Random number generation with arbitrary strides", 1994).
    fn jump(&mut self, mut words: u64) {
        let (mut multiplier, mut step) = (MULTIPLIER, self.step);
        let (mut all_multiplier, mut all_step) = (1u64, 0u64);
        while words > 0 {
            if words & 1 == 1 {
                all_multiplier = all_multiplier.wrapping_mul(multiplier);
                all_step = all_step.wrapping_mul(multiplier).wrapping_add(step);
            }
            step = multiplier.wrapping_add(1).wrapping_mul(step);
            multiplier = multiplier.wrapping_mul(multiplier);
            words >>= 1;
        }
        self.state = all_multiplier.wrapping_mul(self.state).wrapping_add(all_step);
    }
}

/// Both generators at a place: 64 bits for each element.
struct Pairs(Words, Words);

impl Pairs {
    fn of(pcg: &Pcg, at: usize) -> Self {
        Self(pcg.words(FIRST, at), pcg.words(SECOND, at))
    }
    #[inline(always)]
    fn word(&mut self) -> u64 {
        let first = u64::from(self.0.word());
        first << 32 | u64::from(self.1.word())
    }
    /// A multiple of 2^-64, of which the last ones are 1.
    #[inline(always)]
    fn unit(&mut self) -> f64 {
        self.word() as f64 * (0.5 / (1u64 << 63) as f64)
    }
}

/// Floats from `low` up to before `high`.
///
/// # Errors
/// `Argument` for bounds that are no range, `Output` for room of another length.
pub fn pcg_uniform(
    pcg: &Pcg,
    (low, high): (f64, f64),
    range: Range<usize>,
    out: &mut [f64],
) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    let width = high - low;
    if !width.is_finite() || width < 0.0 {
        return Err(KernelError::argument(format!("{low} to {high} is no range")));
    }
    let mut pairs = Pairs::of(pcg, range.start);
    for out in out {
        let value = width * pairs.unit() + low;
        // The last bits of a unit can round up to the end, which does not belong to the range.
        *out = if value < high || width == 0.0 { value } else { high.next_down().max(low) };
    }
    Ok(())
}

/// Bools, each as often.
///
/// # Errors
/// `Output` for room of another length.
pub fn pcg_bools(pcg: &Pcg, range: Range<usize>, out: &mut [bool]) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    let mut words = pcg.words(FIRST, range.start);
    out.iter_mut().for_each(|out| *out = words.word() >> 31 == 1);
    Ok(())
}

/// Integers from `low` to `high`, both included.
///
/// # Errors
/// `Argument` when `high` is below `low`, `Output` for room of another length.
pub fn pcg_integers<T: Integer>(
    pcg: &Pcg,
    (low, high): (T, T),
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    if high < low {
        return Err(KernelError::argument(format!("{low:?} to {high:?} is no range")));
    }
    let greatest = high.key() - low.key();
    let mut pairs = Pairs::of(pcg, range.start);
    for (at, out) in range.zip(out) {
        let offset = if T::BITS < 64 {
            u64::from(pcg.up_to(&mut pairs.0, FIRST, at, greatest as u32))
        } else if greatest > u64::from(u32::MAX) {
            pcg.long_up_to(pairs.word(), at, greatest)
        } else {
            u64::from(pcg.up_to(&mut pairs.1, SECOND, at, greatest as u32))
        };
        *out = T::from_ordered(low.key() + offset);
    }
    Ok(())
}

/// Normal values of mean 0 and deviation 1 of two runs of uniform ones (Box and Muller).
///
/// # Errors
/// `Output` for room of another length.
pub fn pcg_normal((radii, angles): (&Pcg, &Pcg), range: Range<usize>, out: &mut [f64]) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    let (mut radii, mut angles) = (Pairs::of(radii, range.start), Pairs::of(angles, range.start));
    for out in out {
        // A unit of 0 would be infinitely far away.
        let radius = (-2.0 * radii.unit().max(f64::MIN_POSITIVE).ln()).sqrt();
        *out = radius * (TAU * angles.unit()).cos();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_published_demonstration() {
        // pcg32-demo: srandom(42, 54).
        let mut words = Pcg::new(42).words(54, 0);
        let first: Vec<u32> = (0..6).map(|_| words.word()).collect();
        assert_eq!(first, [0xa15c_02b7, 0x7b47_f409, 0xba1d_3330, 0x83d2_f293, 0xbfa4_784b, 0xcbed_606e]);
        assert_eq!(Pcg::new(42).words(54, 5).word(), first[5]);
        assert_eq!(Pcg::new(42).skipped(3).words(54, 2).word(), first[5]);
    }

    #[test]
    fn values_of_a_seed_are_those_that_the_ancestor_publishes() {
        let pcg = Pcg::new(2);
        let mut whole = [0i64; 10];
        pcg_integers(&pcg, (1, 4), 0..10, &mut whole).unwrap();
        assert_eq!(whole, [4, 3, 1, 3, 2, 4, 4, 2, 3, 4]);
        let mut floats = [0.0; 3];
        pcg_uniform(&pcg, (1.0, 5.0), 0..3, &mut floats).unwrap();
        assert_eq!(floats, [2.916_077_232_637_494_6, 4.353_429_832_157_099, 4.539_202_371_862_149]);
        let mut bools = [false; 10];
        pcg_bools(&pcg, 0..10, &mut bools).unwrap();
        assert_eq!(bools, [false, true, true, true, true, false, true, true, true, true]);
        pcg_normal((&Pcg::new(1), &Pcg::new(2)), 0..3, &mut floats).unwrap();
        let wanted = [-0.685_861_850_911_502_6, 1.172_381_058_357_337_5, 0.567_584_107_142_031];
        assert!(floats.iter().zip(wanted).all(|(got, wanted)| (got - wanted).abs() < 1e-12), "{floats:?}");
    }

    /// The values of a range at once and in parts.
    fn shared<T: Integer + Default>(low: T, high: T) -> Vec<T> {
        let (pcg, mut all) = (Pcg::new(77).skipped(5), vec![T::default(); 3000]);
        pcg_integers(&pcg, (low, high), 0..3000, &mut all).unwrap();
        let mut part = vec![T::default(); 1000];
        pcg_integers(&pcg, (low, high), 1500..2500, &mut part).unwrap();
        assert_eq!(all[1500..2500], part[..]);
        all
    }

    #[test]
    fn integers_stay_in_their_range_however_they_are_shared() {
        let bytes = shared(254u8, 255);
        assert!(bytes.contains(&254) && bytes.contains(&255) && bytes.iter().all(|one| *one >= 254));
        // Half of the words of this range are refused.
        let half = 1i64 << 31;
        assert!(shared(-half / 2, half / 2).iter().all(|one| (-half / 2..=half / 2).contains(one)));
        assert!(shared(-half * 4, half * 4).iter().all(|one| (-half * 4..=half * 4).contains(one)));
        assert!(shared(i64::MIN, i64::MAX).iter().any(|one| *one < -(1 << 62)));
        assert!(shared(u32::MIN, u32::MAX).iter().any(|one| *one > 3 << 30));
        assert!(pcg_integers(&Pcg::new(1), (1, 0), 0..1, &mut [0i64]).is_err());
    }

    #[test]
    fn ranges_beyond_32_bits_are_even_and_those_of_the_ancestor_where_its_are() {
        let (pcg, mut out) = (Pcg::new(5), [0i64; 4000]);
        // Of 0 to 2^33 Chapel draws three numbers alone.
        pcg_integers(&pcg, (0, 1 << 33), 0..4000, &mut out).unwrap();
        let lower = out.iter().filter(|one| **one < 1 << 32).count();
        let odd = out.iter().filter(|one| **one % 2 == 1).count();
        assert!((1700..2300).contains(&lower) && (1700..2300).contains(&odd), "{lower} {odd}");
        pcg_integers(&pcg, (0, (3 << 32) - 1), 0..4000, &mut out).unwrap();
        let (mut first, mut second) = (pcg.words(FIRST, 0), pcg.words(SECOND, 0));
        for (at, one) in out.iter().enumerate() {
            let top = pcg.up_to(&mut first, FIRST, at, 2);
            assert_eq!((*one >> 32, *one as u32), (i64::from(top), second.word()));
        }
    }

    #[test]
    fn bounds_that_are_no_range_are_refused_and_an_empty_one_is_its_bound() {
        let mut out = [7.0; 2];
        assert!(pcg_uniform(&Pcg::new(1), (1.0, 0.0), 0..2, &mut out).is_err());
        assert!(pcg_uniform(&Pcg::new(1), (0.0, f64::NAN), 0..2, &mut out).is_err());
        pcg_uniform(&Pcg::new(1), (3.0, 3.0), 0..2, &mut out).unwrap();
        assert_eq!(out, [3.0, 3.0]);
        assert!(pcg_bools(&Pcg::new(1), 0..3, &mut [false]).is_err());
    }
}
