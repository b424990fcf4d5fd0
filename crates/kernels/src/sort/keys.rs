//! Columns as unsigned 64-bit keys, so that the sorts know no dtype.
//!
//! Lives here: `Keys` (what a column gives), `Column` (keys in memory, such as ranks or combined columns).
//! Holds: the order of keys is the order of values, NaN last, both zeros one key.

use crate::element::Element;
use crate::error::KernelError;
use crate::limits::BLOCK;
use crate::view::{Block, View, scratch};
use std::ops::Range;

/// A column to sort or group by.
pub trait Keys: Sync {
    /// Rows.
    fn rows(&self) -> usize;

    /// The keys of a range of rows. Cost: one pass, in blocks of `limits::BLOCK` through the first-level cache.
    ///
    /// # Errors
    /// `Bounds`, `OutputSize`.
    fn fill(&self, range: Range<usize>, out: &mut [u64]) -> Result<(), KernelError>;

    /// The key of one row, for the few that are asked one by one; 0 past the end.
    fn key(&self, row: usize) -> u64;
}

impl<T: Element> Keys for View<'_, T> {
    fn rows(&self) -> usize {
        self.elements()
    }

    fn fill(&self, range: Range<usize>, out: &mut [u64]) -> Result<(), KernelError> {
        KernelError::check_output(range.len(), out.len())?;
        let mut walk = self.walk_checked(&range)?;
        let mut room = scratch();
        for part in out.chunks_mut(BLOCK) {
            match walk.next(part.len(), &mut room) {
                Block::Run(run) => part.iter_mut().zip(run).for_each(|(out, value)| *out = value.key()),
                Block::Same(value) => part.fill(value.key()),
            }
        }
        Ok(())
    }

    fn key(&self, row: usize) -> u64 {
        self.get(row).map_or(0, |value| value.key())
    }
}

/// Keys in memory.
#[derive(Debug, Clone, Default)]
pub struct Column(pub Vec<u64>);

impl Keys for Column {
    fn rows(&self) -> usize {
        self.0.len()
    }

    fn fill(&self, range: Range<usize>, out: &mut [u64]) -> Result<(), KernelError> {
        View::flat(&self.0).copy(range, out)
    }

    fn key(&self, row: usize) -> u64 {
        self.0.get(row).copied().unwrap_or_default()
    }
}

/// Least and greatest key, and whether the keys were in order already, found morsel by morsel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Survey {
    pub low: u64,
    pub high: u64,
    pub sorted: bool,
    first: Option<u64>,
    last: u64,
}

impl Survey {
    pub fn start() -> Self {
        Self { low: u64::MAX, high: 0, sorted: true, first: None, last: 0 }
    }

    /// Looks at the rows that follow those of the last call.
    pub fn look(&mut self, keys: &dyn Keys, range: Range<usize>) -> Result<(), KernelError> {
        let mut room = [0; BLOCK];
        let mut at = range.start;
        while at < range.end {
            let block = &mut room[..(range.end - at).min(BLOCK)];
            keys.fill(at..at + block.len(), block)?;
            let (mut low, mut high) = (u64::MAX, 0);
            for &key in block.iter() {
                low = low.min(key);
                high = high.max(key);
            }
            if self.sorted {
                let inside = block.windows(2).fold(true, |sorted, pair| sorted & (pair[0] <= pair[1]));
                self.sorted = inside && self.last <= block[0];
            }
            self.first.get_or_insert(block[0]);
            self.last = block[block.len() - 1];
            (self.low, self.high) = (self.low.min(low), self.high.max(high));
            at += block.len();
        }
        Ok(())
    }

    /// What is known of these rows and those that follow.
    pub fn then(self, next: &Self) -> Self {
        let Some(first) = next.first else { return self };
        Self {
            low: self.low.min(next.low),
            high: self.high.max(next.high),
            sorted: self.sorted && next.sorted && self.last <= first,
            first: self.first.or(next.first),
            last: next.last,
        }
    }

    /// Bits of `key - low`.
    pub fn bits(&self) -> u32 {
        64 - self.high.saturating_sub(self.low).leading_zeros()
    }
}
