//! The operation of the call bench: a request of n bytes, a reply of 8 that is its checksum.
//!
//! Lives here: `checksum`, `Questions` (the requests of one size, with the answers they must get).
//! Holds: the first eight bytes differ between neighbouring calls, so a contender that answers from memory is found out.
//! Not here: time (`meter`).

use xxhash_rust::xxh3::xxh3_64;

/// Bytes at the head of a request that vary from call to call.
pub const HEAD_BYTES: usize = 8;

/// Different requests of one size; call `i` sends number `i % VARIANTS`.
pub const VARIANTS: usize = 16;

/// Requests that a contender keeps whole when it keeps them at all, and sends in turn.
pub const KEPT_WHOLE: usize = 2;

/// XXH3-64 of `bytes`, seed 0: what every contender's server answers.
///
/// Cost: about 30 GB/s on warm memory.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

/// The requests of one size and the answers they must get, worked out before any clock runs.
///
/// Shape: one body, and [`VARIANTS`] heads of [`HEAD_BYTES`] that are laid over its beginning.
#[derive(Debug, Clone)]
pub struct Questions {
    body: Vec<u8>,
    expected: [u64; VARIANTS],
}

impl Questions {
    /// The requests of `bytes` bytes.
    ///
    /// Units: `bytes` from [`HEAD_BYTES`] up; fewer are taken as that many.
    /// Cost: fills `bytes` and checksums them [`VARIANTS`] times.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let mut body = filler(bytes.max(HEAD_BYTES));
        let mut expected = [0; VARIANTS];
        for (variant, sum) in expected.iter_mut().enumerate() {
            body[..HEAD_BYTES].copy_from_slice(&head(variant));
            *sum = checksum(&body);
        }
        body[..HEAD_BYTES].copy_from_slice(&head(0));
        Self { body, expected }
    }

    /// Length of every request, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.body.len()
    }

    /// The request with head 0. A contender copies it once and then writes only heads over it.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The head of request `variant`; reduced modulo [`VARIANTS`].
    #[must_use]
    pub fn head(&self, variant: usize) -> [u8; HEAD_BYTES] {
        head(variant)
    }

    /// The answer that request `variant` must get; reduced modulo [`VARIANTS`].
    #[must_use]
    pub fn expected(&self, variant: usize) -> u64 {
        self.expected[variant % VARIANTS]
    }

    /// A whole request of its own, for contenders that send what they own.
    #[must_use]
    pub fn request(&self, variant: usize) -> Vec<u8> {
        let mut request = self.body.clone();
        request[..HEAD_BYTES].copy_from_slice(&head(variant));
        request
    }
}

/// A head is the variant's number spread over eight bytes, so that neighbours differ in all of them.
fn head(variant: usize) -> [u8; HEAD_BYTES] {
    mix((variant % VARIANTS) as u64 + 1).to_le_bytes()
}

/// Deterministic bytes without pattern, the same on every machine.
fn filler(bytes: usize) -> Vec<u8> {
    let mut body = Vec::with_capacity(bytes + 8);
    let mut word = 0;
    while body.len() < bytes {
        word += 1;
        body.extend_from_slice(&mix(word ^ 0x5EED_0000_0000_0000).to_le_bytes());
    }
    body.truncate(bytes);
    body
}

/// The finaliser of splitmix64: one word to one word, every input bit reaches every output bit.
fn mix(word: u64) -> u64 {
    let mut mixed = word.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_xxh3_64_with_seed_0() {
        assert_eq!(checksum(b""), 0x2D06_8005_38D3_94C2);
    }

    #[test]
    fn neighbouring_requests_differ_in_their_heads_and_answers() {
        let questions = Questions::new(1024);
        for variant in 0..VARIANTS {
            let (this, next) = (questions.request(variant), questions.request(variant + 1));
            assert_ne!(this[..HEAD_BYTES], next[..HEAD_BYTES]);
            assert_eq!(this[HEAD_BYTES..], next[HEAD_BYTES..]);
            assert_ne!(questions.expected(variant), questions.expected(variant + 1));
        }
    }

    #[test]
    fn expected_answers_are_the_checksums_of_the_requests() {
        for bytes in [8, 32, 64, 1000, 16 * 1024] {
            let questions = Questions::new(bytes);
            assert_eq!(questions.bytes(), bytes);
            for variant in 0..VARIANTS {
                assert_eq!(checksum(&questions.request(variant)), questions.expected(variant));
            }
        }
    }

    #[test]
    fn the_same_size_gives_the_same_bytes_every_time() {
        assert_eq!(Questions::new(333).body(), Questions::new(333).body());
    }
}
