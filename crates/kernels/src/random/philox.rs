//! Philox 4x32 with ten rounds (Salmon et al., 2011): a counter and a key in, four random words out.

/// One sequence of random numbers of a seed. Streams of one seed are independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    seed: u64,
    stream: u32,
}

const MULTIPLIERS: (u32, u32) = (0xd251_1f53, 0xcd9e_8d57);
const WEYL: (u32, u32) = (0x9e37_79b9, 0xbb67_ae85);

#[inline(always)]
fn philox(counter: [u32; 4], key: (u32, u32)) -> [u32; 4] {
    let ([mut a, mut b, mut c, mut d], (mut k0, mut k1)) = (counter, key);
    for _ in 0..10 {
        let p = u64::from(MULTIPLIERS.0) * u64::from(a);
        let q = u64::from(MULTIPLIERS.1) * u64::from(c);
        (a, b, c, d) = ((q >> 32) as u32 ^ b ^ k0, q as u32, (p >> 32) as u32 ^ d ^ k1, p as u32);
        (k0, k1) = (k0.wrapping_add(WEYL.0), k1.wrapping_add(WEYL.1));
    }
    [a, b, c, d]
}

impl Stream {
    /// A stream of a seed.
    #[must_use]
    pub const fn new(seed: u64, stream: u32) -> Self {
        Self { seed, stream }
    }

    /// Two random words for index `i`, and others for each `attempt`. Cost: about 5 ns.
    #[inline(always)]
    #[must_use]
    pub fn pair(&self, i: u64, attempt: u32) -> (u64, u64) {
        let counter = [i as u32, (i >> 32) as u32, attempt, self.stream];
        let [a, b, c, d] = philox(counter, (self.seed as u32, (self.seed >> 32) as u32));
        (u64::from(b) << 32 | u64::from(a), u64::from(d) << 32 | u64::from(c))
    }

    /// The random word of index `i`.
    #[inline(always)]
    #[must_use]
    pub fn word(&self, i: u64) -> u64 {
        let (low, high) = self.pair(i / 2, 0);
        if i.is_multiple_of(2) { low } else { high }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_published_vectors() {
        assert_eq!(philox([0; 4], (0, 0)), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox([u32::MAX; 4], (u32::MAX, u32::MAX)),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], (0xa409_3822, 0x299f_31d0)),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }
}
