//! Morsels: a kernel in pieces that a caller runs one after another, or on several workers.
//!
//! Lives here: how `n` elements are cut (`count`, `range`, `split`, `outputs`), `Stepwise` for kernels that have an order of
//!   their own, and `Team`, which is whoever runs pieces at the same time.
//! Holds: the cut depends on `n` alone, so a result that is combined from morsels in their order (a sum of floats, say)
//!   has the same bits however many workers ran them.
//! Not here: who runs them and when; a clock.

use crate::error::KernelError;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

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

/// Threads that run pieces of a step at the same time, and their caller among them.
pub trait Team {
    /// How many there are, the caller included.
    fn threads(&self) -> usize;
    /// Runs `piece` for every number below `count`, and returns when all have ended.
    fn run(&self, count: usize, piece: &(dyn Fn(usize) + Sync));
}

/// The caller alone.
#[derive(Debug, Clone, Copy)]
pub struct Alone;

impl Team for Alone {
    fn threads(&self) -> usize {
        1
    }
    fn run(&self, count: usize, piece: &(dyn Fn(usize) + Sync)) {
        (0..count).for_each(piece);
    }
}

/// Runs `work` on each item and gives the results in the order of the items.
///
/// Cost: a lock that is free for each item, beside the work.
///
/// # Errors
/// The first of `work`'s, in that order.
pub fn each<I: Send, R: Send>(
    team: &dyn Team,
    items: impl IntoIterator<Item = I>,
    work: impl Fn(I) -> Result<R, KernelError> + Sync,
) -> Result<Vec<R>, KernelError> {
    enum Slot<I, R> {
        Waits(I),
        Taken,
        Done(Result<R, KernelError>),
    }
    let slots: Vec<Mutex<Slot<I, R>>> = items.into_iter().map(|item| Mutex::new(Slot::Waits(item))).collect();
    team.run(slots.len(), &|at| {
        // Nobody else has this slot, so its lock is free and never broken.
        let mut slot = slots[at].lock().unwrap_or_else(PoisonError::into_inner);
        if let Slot::Waits(item) = std::mem::replace(&mut *slot, Slot::Taken) {
            *slot = Slot::Done(work(item));
        }
    });
    let done =
        slots.into_iter().filter_map(|slot| match slot.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Slot::Done(result) => Some(result),
            Slot::Waits(_) | Slot::Taken => None,
        });
    done.collect()
}

/// Morsels that a step of this many threads takes at once.
pub(crate) fn batch(team: &dyn Team) -> usize {
    match team.threads() {
        1 => 1,
        threads => 2 * threads,
    }
}

/// A kernel that keeps its own order: sorts, groupings, hash tables. One `step` is about a morsel of work, after which
/// the caller may let others run.
pub trait Stepwise {
    /// Does the next piece, alone. After `Done` it does nothing more and says `Done` again.
    ///
    /// # Errors
    /// `KernelError` of the kernel; the output is then incomplete.
    fn step(&mut self) -> Result<Step, KernelError> {
        self.step_with(&Alone)
    }

    /// The same with several threads, each of which does about a morsel or two. The output has the same bits.
    ///
    /// # Errors
    /// As `step`.
    fn step_with(&mut self, team: &dyn Team) -> Result<Step, KernelError>;

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
