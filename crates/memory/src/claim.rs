//! Claims: which worker has a ring or a container in hand during its turn.
//!
//! Lives here: `ClaimWord`, taken by compare-and-swap at the start of a turn and put back at its end.
//! Holds: at most one worker at a time; whoever takes it sees what the last holder did.
//! Not here: relieving a worker that does not turn (lane): what it has not claimed, another simply claims.

use crate::sync::{AtomicU64, Ordering};

/// Who holds a claim, and since which of its turns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claim {
    /// The worker's number.
    pub worker: u32,
    /// The worker's turn count, wrapping.
    pub turn: u32,
}

/// 0 while free, else worker + 1 in the high half and the turn in the low half.
#[derive(Debug)]
pub struct ClaimWord(AtomicU64);

impl ClaimWord {
    /// A free one.
    pub fn new() -> ClaimWord {
        ClaimWord(AtomicU64::new(0))
    }

    /// Takes it for this turn of this worker, if it is free. A worker's own earlier claim counts as taken.
    ///
    /// Cost: one compare-and-swap.
    #[inline]
    pub fn try_claim(&self, worker: u32, turn: u32) -> bool {
        // ORDER: Acquire pairs with the Release in `release`.
        self.0.compare_exchange(0, packed(worker, turn), Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Puts it back. `false` when this turn of this worker does not hold it, and nothing changed.
    #[inline]
    pub fn release(&self, worker: u32, turn: u32) -> bool {
        self.0.compare_exchange(packed(worker, turn), 0, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Who holds it at this moment.
    pub fn holder(&self) -> Option<Claim> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            word => Some(Claim { worker: (word >> 32) as u32 - 1, turn: word as u32 }),
        }
    }
}

impl Default for ClaimWord {
    fn default() -> ClaimWord {
        ClaimWord::new()
    }
}

/// # Panics
/// For worker `u32::MAX`, whose number plus one does not fit; there are never so many.
fn packed(worker: u32, turn: u32) -> u64 {
    assert!(worker < u32::MAX, "worker numbers are small");
    (u64::from(worker) + 1) << 32 | u64::from(turn)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_held_by_one_turn_of_one_worker() {
        let word = ClaimWord::new();
        assert_eq!(word.holder(), None);
        assert!(word.try_claim(0, 7));
        assert!(!word.try_claim(1, 7));
        assert!(!word.try_claim(0, 8));
        assert_eq!(word.holder(), Some(Claim { worker: 0, turn: 7 }));
        assert!(!word.release(0, 8));
        assert!(!word.release(1, 7));
        assert!(word.release(0, 7));
        assert!(!word.release(0, 7));
        assert!(word.try_claim(u32::MAX - 1, u32::MAX));
        assert_eq!(word.holder(), Some(Claim { worker: u32::MAX - 1, turn: u32::MAX }));
    }
}
