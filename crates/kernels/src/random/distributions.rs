//! Distributions over a stream, and orders made of one.

use super::Stream;
use crate::element::Integer;
use crate::error::KernelError;
use crate::morsel::{self, Step, Stepwise, Team};
use crate::sort::argsort::{Direction, Order};
use crate::sort::{Column, Index};
use std::ops::Range;

/// Attempts at one integer that the rejection may take: each fails with a chance below one half.
const ATTEMPTS_MAX: u32 = 128;

/// 53 random bits in [0, 1).
#[inline(always)]
fn unit(word: u64) -> f64 {
    (word >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// Uniform floats in [low, high) for a range of indices. Cost: about 5 ns each.
///
/// # Errors
/// `OutputSize`; `Argument` for bounds that are not finite or not ascending.
pub fn uniform(
    stream: &Stream,
    (low, high): (f64, f64),
    range: Range<usize>,
    out: &mut [f64],
) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    let width = high - low;
    if !width.is_finite() || width < 0.0 {
        return Err(KernelError::argument(format!("{low} to {high} is no range")));
    }
    for (i, out) in range.zip(out) {
        let value = low + unit(stream.word(i as u64)) * width;
        // Rounding may reach the upper end, which does not belong to the range.
        *out = if value < high || width == 0.0 { value } else { high.next_down().max(low) };
    }
    Ok(())
}

/// Uniform integers from `low` to `high`, both included, for a range of indices, without bias.
///
/// # Errors
/// `OutputSize`; `Argument` if `high` is below `low`.
pub fn integers<T: Integer>(
    stream: &Stream,
    (low, high): (T, T),
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    if high < low {
        return Err(KernelError::argument(format!("{low:?} to {high:?} is no range")));
    }
    let span = high.key() - low.key();
    for (i, out) in range.zip(out) {
        let offset = match span.checked_add(1) {
            None => stream.pair(i as u64, 0).0,
            Some(count) => below(stream, i as u64, count),
        };
        *out = T::from_ordered(low.key() + offset);
    }
    Ok(())
}

/// A number below `count`: the high half of a product, with the rare words refused that would make some numbers likelier.
fn below(stream: &Stream, i: u64, count: u64) -> u64 {
    let refused = count.wrapping_neg() % count;
    let mut offset = 0;
    for attempt in 0..ATTEMPTS_MAX {
        let (first, second) = stream.pair(i, attempt);
        for word in [first, second] {
            let product = u128::from(word) * u128::from(count);
            offset = (product >> 64) as u64;
            if product as u64 >= refused {
                return offset;
            }
        }
    }
    offset
}

/// Normal floats for a range of indices (Box and Muller). Cost: about 30 ns each.
///
/// # Errors
/// `OutputSize`; `Argument` for a deviation below zero or not a number.
pub fn normal(
    stream: &Stream,
    (mean, deviation): (f64, f64),
    range: Range<usize>,
    out: &mut [f64],
) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    if deviation.is_nan() || deviation < 0.0 {
        return Err(KernelError::argument(format!("a deviation of {deviation}")));
    }
    for (i, out) in range.zip(out) {
        let (first, second) = stream.pair(i as u64, 0);
        // 1 - u is never 0, so its logarithm is finite.
        let radius = (-2.0 * (1.0 - unit(first)).ln()).sqrt();
        *out = mean + deviation * radius * (std::f64::consts::TAU * unit(second)).cos();
    }
    Ok(())
}

/// Exponential floats for a range of indices.
///
/// # Errors
/// `OutputSize`; `Argument` for a scale below zero or not a number.
pub fn exponential(stream: &Stream, scale: f64, range: Range<usize>, out: &mut [f64]) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    if scale.is_nan() || scale < 0.0 {
        return Err(KernelError::argument(format!("a scale of {scale}")));
    }
    for (i, out) in range.zip(out) {
        *out = -scale * (1.0 - unit(stream.word(i as u64))).ln();
    }
    Ok(())
}

/// Writes the numbers 0 to n - 1 in random order: their order by random keys. A shuffle gathers by it; a choice without repetition takes
/// its first so many.
pub struct Permutation<'a, I> {
    stream: Stream,
    keys: Column,
    order: Order,
    out: &'a mut [I],
}

impl<'a, I: Index> Permutation<'a, I> {
    /// A permutation that has not begun.
    ///
    /// # Errors
    /// `TooLarge` past the limits of a sort.
    pub fn new(stream: Stream, out: &'a mut [I]) -> Result<Self, KernelError> {
        let order = Order::new::<I>(out.len(), Direction::Ascending)?;
        Ok(Self { stream, keys: Column(Vec::with_capacity(out.len())), order, out })
    }
}

impl<I: Index> Stepwise for Permutation<'_, I> {
    fn step_with(&mut self, team: &dyn Team) -> Result<Step, KernelError> {
        let (made, n) = (self.keys.0.len(), self.out.len());
        if made < n {
            let until = n.min(made + morsel::ELEMENTS);
            self.keys.0.extend((made..until).map(|i| self.stream.word(i as u64)));
            return Ok(Step::More);
        }
        self.order.step(&self.keys, self.out, team)
    }
}
