//! Mean, variance, standard deviation.
//!
//! Holds: the squares of a row are summed about the row's own mean, and rows are joined by Chan's formula, so that a large mean
//!   costs no digits. The mean is the sum over the count, so infinities stay infinities.

use super::Reducer;
use crate::element::Element;
use crate::error::KernelError;

/// Count, sum, and sum of squared distances from the mean, in `float64`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moments {
    /// Values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// Their squared distances from their mean, summed.
    pub squares: f64,
}

impl Moments {
    /// Mean; NaN of no values.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }

    /// Variance with `ddof` degrees of freedom taken off; NaN if none are left.
    #[must_use]
    pub fn variance(&self, ddof: f64) -> f64 {
        let freedom = self.count as f64 - ddof;
        if freedom > 0.0 { self.squares / freedom } else { f64::NAN }
    }

    /// These and those that follow.
    #[must_use]
    pub fn with(&self, next: &Self) -> Self {
        match (self.count, next.count) {
            (_, 0) => *self,
            (0, _) => *next,
            (a, b) => {
                let (a, b) = (a as f64, b as f64);
                let apart = next.mean() - self.mean();
                // An infinity leaves no variance, as it has no distance from the mean.
                let lost = apart * 0.0;
                Self {
                    count: self.count + next.count,
                    sum: self.sum + next.sum,
                    squares: self.squares + next.squares + apart * apart * (a * b / (a + b)) + lost,
                }
            }
        }
    }

    /// Those of a row. Cost: two passes over it, the second in cache.
    pub fn of<T: Element>(values: &[T]) -> Self {
        let sum = lanes(values, |value| value.to_f64());
        let mean = sum / values.len() as f64;
        let squares = lanes(values, |value| {
            let apart = value.to_f64() - mean;
            apart * apart
        });
        Self { count: values.len() as u64, sum, squares: if values.is_empty() { 0.0 } else { squares } }
    }
}

/// Rows longer than this are halved, as in a sum.
const LEAF: usize = 512;

#[inline(always)]
fn lanes<T: Copy>(values: &[T], f: impl Fn(T) -> f64 + Copy) -> f64 {
    let mut total = 0.0;
    let mut low = 0.0;
    for leaf in values.chunks(LEAF) {
        let mut lanes = [0.0; 8];
        let (rows, rest) = leaf.as_chunks::<8>();
        for row in rows {
            for (lane, &value) in lanes.iter_mut().zip(row) {
                *lane += f(value);
            }
        }
        let sum = lanes.iter().sum::<f64>() + rest.iter().map(|&value| f(value)).sum::<f64>();
        // Leaves are joined with the error of each addition carried along (Neumaier).
        let next: f64 = total + sum;
        low += if total.abs() >= sum.abs() { (total - next) + sum } else { (sum - next) + total };
        total = next;
    }
    if low.is_finite() { total + low } else { total }
}

/// Which result of the moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MomentOf {
    /// Mean.
    Mean,
    /// Variance.
    Variance,
    /// Its square root.
    Deviation,
}

/// Mean, variance or deviation as a reduction, in `float64`. NaN of no values, as NumPy.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Which.
    pub of: MomentOf,
    /// Degrees of freedom taken off: 0 for a population, 1 for a sample.
    pub ddof: f64,
}

impl Moment {
    /// The mean.
    pub const MEAN: Self = Self { of: MomentOf::Mean, ddof: 0.0 };

    /// Variance with `ddof`.
    #[must_use]
    pub const fn variance(ddof: f64) -> Self {
        Self { of: MomentOf::Variance, ddof }
    }

    /// Deviation with `ddof`.
    #[must_use]
    pub const fn deviation(ddof: f64) -> Self {
        Self { of: MomentOf::Deviation, ddof }
    }
}

impl<T: Element> Reducer<T> for Moment {
    type Acc = Moments;
    type Out = f64;
    fn start(&self) -> Moments {
        Moments::default()
    }
    #[inline(always)]
    fn push(&self, acc: &mut Moments, value: T, _at: usize) {
        let value = value.to_f64();
        if acc.count > 0 {
            let n = acc.count as f64;
            let apart = value - acc.sum / n;
            acc.squares += apart * apart * (n / (n + 1.0));
        }
        // Nothing, but for an infinity: that leaves no variance.
        acc.squares += value * 0.0;
        acc.count += 1;
        acc.sum += value;
    }
    fn run(&self, acc: &mut Moments, values: &[T], _at: usize) {
        *acc = acc.with(&Moments::of(values));
    }
    fn merge(&self, acc: &mut Moments, next: &Moments) {
        *acc = acc.with(next);
    }
    fn finish(&self, acc: &Moments) -> Result<f64, KernelError> {
        Ok(match self.of {
            MomentOf::Mean => acc.mean(),
            MomentOf::Variance => acc.variance(self.ddof),
            MomentOf::Deviation => acc.variance(self.ddof).sqrt(),
        })
    }
}
