//! Morsels: a kernel in pieces that a caller runs one after another, or on several workers.
//!
//! Lives here: how `n` elements are cut (`count`, `range`, `split`, `outputs`), and `Stepwise` for kernels that have an
//!   order of their own.
//! Holds: the cut depends on `n` alone, so a result that is combined from morsels in their order (a sum of floats, say)
//!   has the same bits however many workers ran them.
//! Not here: who runs them and when; a clock.

use crate::error::KernelError;
use std::ops::Range;

/// Elements of one morsel: 256 KiB of eight-byte elements, half of a usual second-level cache, some tens of
/// microseconds of work for a plain loop and below a millisecond for the dear ones.
pub const ELEMENTS: usize = 1 << 15;

/// Morsels of `n` elements.
#[must_use]
pub const fn count(n: usize) -> usize {
    n.div_ceil(ELEMENTS)
}

/// The flat indices of morsel `m` of `n` elements; empty past the last.
#[must_use]
pub fn range(n: usize, m: usize) -> Range<usize> {
    let start = m.saturating_mul(ELEMENTS).min(n);
    start..start.saturating_add(ELEMENTS).min(n)
}

/// All morsels of `n` elements, in order.
pub fn split(n: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count(n)).map(move |m| range(n, m))
}

/// The morsels of an output with the room of each: what different workers may write at the same time.
pub fn outputs<T>(out: &mut [T]) -> impl Iterator<Item = (Range<usize>, &mut [T])> {
    let n = out.len();
    out.chunks_mut(ELEMENTS).enumerate().map(move |(m, part)| (range(n, m), part))
}

/// Whether a stepwise kernel has more to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Call `step` again.
    More,
    /// The output is complete.
    Done,
}

/// A kernel that keeps its own order: sorts, groupings, hash tables. One `step` is about a morsel of work, after which
/// the caller may let others run.
pub trait Stepwise {
    /// Does the next piece. After `Done` it does nothing more and says `Done` again.
    ///
    /// # Errors
    /// `KernelError` of the kernel; the output is then incomplete.
    fn step(&mut self) -> Result<Step, KernelError>;

    /// Runs what is left, in one go.
    ///
    /// # Errors
    /// As `step`.
    fn run(&mut self) -> Result<(), KernelError> {
        while self.step()? == Step::More {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn morsels_cover_each_element_once() {
        for n in [0, 1, ELEMENTS - 1, ELEMENTS, ELEMENTS + 1, 5 * ELEMENTS + 7] {
            let mut next = 0;
            for part in split(n) {
                assert_eq!(part.start, next);
                assert!(!part.is_empty());
                next = part.end;
            }
            assert_eq!(next, n);
            assert!(range(n, count(n)).is_empty());
        }
    }
}
