//! Covariance and correlation of pairs, in parts that are joined.

use crate::element::Element;
use crate::error::KernelError;
use crate::limits::BLOCK;
use crate::reduce::Moments;
use crate::view::View;
use std::ops::Range;

/// What pairs come to: moments of both sides, and the sum of the products of the distances from the means.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pairs {
    left: Moments,
    right: Moments,
    products: f64,
}

impl Pairs {
    /// The part of a range of pairs. Cost: three passes over blocks in cache.
    ///
    /// # Errors
    /// `Shapes` for sides of different shapes, `Bounds` for a range outside.
    pub fn partial<A: Element, B: Element>(
        left: &View<'_, A>,
        right: &View<'_, B>,
        range: Range<usize>,
    ) -> Result<Self, KernelError> {
        if left.shape() != right.shape() {
            return Err(left.shape().unlike(right.shape()));
        }
        let (mut left, mut right) = (left.walk_checked(&range)?, right.walk_checked(&range)?);
        let (mut a, mut b) = ([A::default(); BLOCK], [B::default(); BLOCK]);
        let mut all = Self::default();
        while left.left() > 0 {
            let n = left.left().min(BLOCK);
            left.fill(&mut a[..n]);
            right.fill(&mut b[..n]);
            let (x, y) = (Moments::of(&a[..n]), Moments::of(&b[..n]));
            let (mx, my) = (x.mean(), y.mean());
            let products = a[..n].iter().zip(&b[..n]).map(|(a, b)| (a.to_f64() - mx) * (b.to_f64() - my)).sum();
            all = all.with(&Self { left: x, right: y, products });
        }
        Ok(all)
    }

    /// These pairs and those that follow.
    #[must_use]
    pub fn with(&self, next: &Self) -> Self {
        match (self.left.count, next.left.count) {
            (_, 0) => *self,
            (0, _) => *next,
            (a, b) => {
                let (a, b) = (a as f64, b as f64);
                let apart = (next.left.mean() - self.left.mean()) * (next.right.mean() - self.right.mean());
                Self {
                    left: self.left.with(&next.left),
                    right: self.right.with(&next.right),
                    products: self.products + next.products + apart * (a * b / (a + b)),
                }
            }
        }
    }

    /// Covariance with `ddof` degrees of freedom taken off; NaN if none are left.
    #[must_use]
    pub fn covariance(&self, ddof: f64) -> f64 {
        let freedom = self.left.count as f64 - ddof;
        if freedom > 0.0 { self.products / freedom } else { f64::NAN }
    }

    /// Pearson's correlation; NaN if a side does not vary.
    #[must_use]
    pub fn correlation(&self) -> f64 {
        let scale = self.left.squares.sqrt() * self.right.squares.sqrt();
        // A side that does not vary has no correlation: 0 / 0.
        (self.products / scale).clamp(-1.0, 1.0)
    }
}
