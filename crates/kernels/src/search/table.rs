//! A hash table from keys to numbers in the order of their first appearance.
//!
//! Open addressing with linear probing, at most half full, multiplicative hashing by a fixed odd constant: keys are data of the caller's
//! own session, and the table is given up at `ENTRIES_MAX`, so a chosen collision costs the chooser time and nobody memory.

use std::num::NonZeroU32;

/// Different keys that a table takes; past this, sorting is faster than missing the cache at every probe.
pub(crate) const ENTRIES_MAX: usize = 1 << 20;
/// Probes for one key after which the table counts as crowded.
const PROBES_MAX: usize = 256;

/// The table is full, or its keys collide too much: sort instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crowded;

pub(crate) struct Table {
    slots: Vec<(u64, Option<NonZeroU32>)>,
    shift: u32,
    /// The keys by their number.
    pub keys: Vec<u64>,
}

impl Table {
    pub fn new() -> Self {
        let bits = 12;
        Self { slots: vec![(0, None); 1 << bits], shift: 64 - bits, keys: Vec::new() }
    }

    fn home(&self, key: u64) -> usize {
        // Folding the high half in first, so that keys which differ there alone are spread too.
        ((key ^ key >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }

    /// The number of a key, a new one if it was not there.
    #[inline]
    pub fn insert(&mut self, key: u64) -> Result<u32, Crowded> {
        let mask = self.slots.len() - 1;
        let mut at = self.home(key);
        for _ in 0..PROBES_MAX {
            match self.slots[at] {
                (kept, Some(number)) if kept == key => return Ok(number.get() - 1),
                (_, Some(_)) => at = (at + 1) & mask,
                (_, None) => return self.add(at, key),
            }
        }
        Err(Crowded)
    }

    fn add(&mut self, at: usize, key: u64) -> Result<u32, Crowded> {
        if self.keys.len() == ENTRIES_MAX {
            return Err(Crowded);
        }
        self.keys.push(key);
        let number = self.keys.len() as u32;
        self.slots[at] = (key, NonZeroU32::new(number));
        if self.keys.len() * 2 > self.slots.len() {
            self.grow()?;
        }
        Ok(number - 1)
    }

    fn grow(&mut self) -> Result<(), Crowded> {
        self.shift -= 2;
        self.slots = vec![(0, None); self.slots.len() * 4];
        let mask = self.slots.len() - 1;
        for (number, &key) in (1..).zip(&self.keys) {
            let mut at = self.home(key);
            let mut probes = 0;
            while self.slots[at].1.is_some() {
                at = (at + 1) & mask;
                probes += 1;
                if probes > PROBES_MAX {
                    return Err(Crowded);
                }
            }
            self.slots[at] = (key, NonZeroU32::new(number));
        }
        Ok(())
    }

    /// Whether a key is there.
    #[inline]
    pub fn contains(&self, key: u64) -> bool {
        let mask = self.slots.len() - 1;
        let mut at = self.home(key);
        loop {
            match self.slots[at] {
                (kept, Some(_)) if kept == key => return true,
                (_, Some(_)) => at = (at + 1) & mask,
                (_, None) => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_the_number_it_got_first() {
        let mut table = Table::new();
        for round in 0..2 {
            for n in 0..50_000u64 {
                assert_eq!(table.insert(n.wrapping_mul(0x1234_5678_9abc_def1)), Ok(n as u32), "round {round}");
            }
        }
        assert!(table.contains(0x1234_5678_9abc_def1));
        assert!(!table.contains(3));
    }

    #[test]
    fn a_table_that_is_full_says_so() {
        let mut table = Table::new();
        let crowded = (0..=ENTRIES_MAX as u64).find(|&n| table.insert(n << 20).is_err());
        assert!(crowded.is_some());
    }
}
