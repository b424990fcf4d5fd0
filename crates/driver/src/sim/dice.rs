//! Dice: the seeded chance of a simulated world, one run of numbers for each purpose.
//!
//! Holds: a purpose draws from its own run, so that one more draw for the disk does not change the network's.

use std::ops::RangeInclusive;

/// How often something happens, in a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, PartialOrd, Ord)]
pub struct Rate(pub u32);

impl Rate {
    /// Never.
    pub const NEVER: Rate = Rate(0);
    /// Each time.
    pub const ALWAYS: Rate = Rate(1_000_000);
}

/// A run of numbers from a seed.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The run of a purpose under a seed.
    pub fn new(seed: u64, purpose: &str) -> Self {
        // FNV-1a: any spreading of a few names does.
        let name = purpose.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |mixed, byte| {
            (mixed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        let mut state = seed ^ name;
        crate::splitmix(&mut state);
        Self(state)
    }

    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        crate::splitmix(&mut self.0)
    }

    /// A number below `n`; 0 when there is none.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }

    /// A place in something of this length; 0 when it is empty.
    pub fn place(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// A number of a range.
    pub fn between(&mut self, range: RangeInclusive<u64>) -> u64 {
        let width = range.end().saturating_sub(*range.start());
        range.start() + if width == u64::MAX { self.bits() } else { self.below(width + 1) }
    }

    /// Whether something that happens at this rate happens now. A rate of `NEVER` draws nothing.
    pub fn hits(&mut self, rate: Rate) -> bool {
        rate > Rate::NEVER && self.below(1_000_000) < u64::from(rate.0)
    }

    /// One of two.
    pub fn coin(&mut self) -> bool {
        self.bits() & 1 == 1
    }

    /// Brings things into a drawn order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.place(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_a_purpose_give_one_run_of_numbers() {
        let run = |seed, purpose| {
            let mut dice = Dice::new(seed, purpose);
            (0..4).map(|_| dice.bits()).collect::<Vec<_>>()
        };
        assert_eq!(run(7, "disk"), run(7, "disk"));
        assert_ne!(run(7, "disk"), run(8, "disk"));
        assert_ne!(run(7, "disk"), run(7, "net"));
    }

    #[test]
    fn draws_stay_in_their_range_and_reach_its_ends() {
        let mut dice = Dice::new(1, "test");
        let drawn: std::collections::BTreeSet<u64> = (0..200).map(|_| dice.between(3..=6)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [3, 4, 5, 6]);
        assert_eq!((dice.below(0), dice.place(0), dice.between(9..=9)), (0, 0, 9));
        assert!(dice.hits(Rate::ALWAYS) && !dice.hits(Rate::NEVER));
    }
}
