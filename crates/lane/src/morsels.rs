//! Morsels: a long loop in pieces, with a look at the clock between them.
//!
//! Holds: each element of the range comes once, in order; between two morsels others run if the quantum is used.

use crate::cx::Cx;
use std::ops::Range;

/// The pieces of a range.
#[derive(Debug)]
pub struct Morsels {
    cx: Cx,
    rest: Range<usize>,
    size: usize,
}

impl Cx {
    /// The range in pieces of `size` (at least 1). Take one after another with `next().await`: it yields when the quantum is used.
    ///
    /// # Example
    /// ```
    /// # async fn sum(cx: windlass_lane::Cx, numbers: Vec<u64>) -> u64 {
    /// let (mut sum, mut morsels) = (0, cx.morsels(0..numbers.len(), 4096));
    /// while let Some(piece) = morsels.next().await {
    ///     sum += numbers[piece].iter().sum::<u64>();
    /// }
    /// sum
    /// # }
    /// ```
    pub fn morsels(&self, range: Range<usize>, size: usize) -> Morsels {
        Morsels { cx: self.clone(), rest: range, size: size.max(1) }
    }
}

impl Morsels {
    /// The next piece, or `None` at the end. Reads the clock.
    pub async fn next(&mut self) -> Option<Range<usize>> {
        if self.rest.is_empty() {
            return None;
        }
        self.cx.yield_if_due().await;
        let end = self.rest.start.saturating_add(self.size).min(self.rest.end);
        let piece = self.rest.start..end;
        self.rest.start = end;
        Some(piece)
    }
}
