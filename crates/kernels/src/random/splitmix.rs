//! SplitMix64 by place: values that follow from a seed, a stream and an index, as Arkouda's `fillRandU64` gives them.
//!
//! Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014), for the mixing function; the key of a
//! stream and its use with an index are Arkouda's (v2026.07.15), so that its known answers hold.

/// One stream of a seed.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    key: u64,
    start: u64,
}

/// The step of the sequence: 2^64 over the golden ratio, odd.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(STEP);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

impl Places {
    /// The stream of this number, its index 0 at `start`.
    pub fn new(seed: u64, stream: u64, start: u64) -> Self {
        Self { key: mixed(seed ^ stream.wrapping_mul(0xD2B7_4407_B1CE_6E93)), start }
    }

    /// The 64 bits at an index.
    pub fn word(&self, at: u64) -> u64 {
        mixed(self.start.wrapping_add(at) ^ self.key)
    }

    /// From 0 to before 1, in steps of 2^-53: the upper bits of the word there.
    pub fn unit(&self, at: u64) -> f64 {
        (self.word(at) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }
}
