//! Zero: buffers that can be wiped.

/// A buffer whose bytes can be set to zero.
pub trait Zero {
    /// Sets all bytes to zero; the length stays.
    fn zero(&mut self);
}

impl Zero for [u8] {
    fn zero(&mut self) {
        self.fill(0);
    }
}

impl Zero for Box<[u8]> {
    fn zero(&mut self) {
        self.fill(0);
    }
}

impl Zero for Vec<u8> {
    fn zero(&mut self) {
        self.fill(0);
    }
}

impl<const N: usize> Zero for [u8; N] {
    fn zero(&mut self) {
        self.fill(0);
    }
}
