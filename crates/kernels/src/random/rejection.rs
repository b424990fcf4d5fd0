//! Distributions whose draws may be refused: gamma and Poisson. And the logistic one, which shares their open unit interval.
//!
//! Holds: an element's attempts are counted by its own index, so elements stay independent of each other and of their order.

use super::Stream;
use crate::error::KernelError;
use std::f64::consts::TAU;
use std::ops::Range;

/// Attempts at one number: each is refused with a chance below one half.
const ATTEMPTS_MAX: u32 = 128;
/// Means below it are counted by products, those above by transformed rejection.
const COUNTED_BELOW: f64 = 10.0;
/// Draws of one product: of a mean below 10, more have a chance below 1e-200.
const DRAWS_MAX: u32 = 256;
/// The largest mean: past it counts are not exact among floats.
const MEAN_MAX: f64 = (1u64 << 52) as f64;

/// 52 random bits in the middle of their steps: above 0 and below 1.
#[inline(always)]
fn open_unit(word: u64) -> f64 {
    ((word >> 12) as f64 + 0.5) * (1.0 / (1u64 << 52) as f64)
}

/// A parameter that is one number for all elements, or one for each of the range.
#[derive(Clone, Copy, Debug)]
pub enum Parameter<'a> {
    /// The same for all.
    One(f64),
    /// Element by element; as many as the range has.
    Each(&'a [f64]),
}

impl Parameter<'_> {
    fn check(&self, count: usize, name: &str, good: impl Fn(f64) -> bool) -> Result<(), KernelError> {
        let wrong = match self {
            Self::One(value) => Some(*value).filter(|value| !good(*value)),
            Self::Each(values) if values.len() != count => {
                return Err(KernelError::argument(format!("{} of {name} for {count} elements", values.len())));
            }
            Self::Each(values) => values.iter().copied().find(|value| !good(*value)),
        };
        match wrong {
            Some(value) => Err(KernelError::argument(format!("a {name} of {value}"))),
            None => Ok(()),
        }
    }
    #[inline(always)]
    fn at(&self, place: usize) -> f64 {
        match self {
            Self::One(value) => *value,
            Self::Each(values) => values[place],
        }
    }
}

/// Logistic floats for a range of indices. Cost: about 20 ns each.
///
/// # Errors
/// `OutputSize`; `Argument` for a scale below zero or not a number, or parameters of another number than elements.
pub fn logistic(
    stream: &Stream,
    (mean, scale): (Parameter<'_>, Parameter<'_>),
    range: Range<usize>,
    out: &mut [f64],
) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    mean.check(out.len(), "mean", |_| true)?;
    scale.check(out.len(), "scale", |scale| scale >= 0.0)?;
    for (place, (i, out)) in range.zip(out).enumerate() {
        let unit = open_unit(stream.word(i as u64));
        *out = mean.at(place) + scale.at(place) * (unit / (1.0 - unit)).ln();
    }
    Ok(())
}

/// Gamma floats of scale 1 for a range of indices (Marsaglia and Tsang, 2000); of shape 0 they are 0. Cost: about 60 ns each.
///
/// # Errors
/// `OutputSize`; `Argument` for a shape below zero or not finite, or shapes of another number than elements.
pub fn gamma(
    stream: &Stream,
    shape: Parameter<'_>,
    range: Range<usize>,
    out: &mut [f64],
) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    shape.check(out.len(), "shape", |shape| (0.0..f64::INFINITY).contains(&shape))?;
    for (place, (i, out)) in range.zip(out).enumerate() {
        *out = one_gamma(stream, i as u64, shape.at(place));
    }
    Ok(())
}

fn one_gamma(stream: &Stream, i: u64, shape: f64) -> f64 {
    if shape == 0.0 {
        return 0.0;
    }
    // Below 1: that of a shape one higher, times a power of a uniform number.
    let d = if shape < 1.0 { shape + 1.0 } else { shape } - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    let (mut value, mut power) = (d, 0.5);
    for attempt in 0..ATTEMPTS_MAX {
        let (first, second) = stream.pair(i, 2 * attempt);
        let (third, fourth) = stream.pair(i, 2 * attempt + 1);
        power = open_unit(fourth);
        let x = (-2.0 * open_unit(first).ln()).sqrt() * (TAU * open_unit(second)).cos();
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && open_unit(third).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            value = d * v;
            break;
        }
    }
    if shape < 1.0 { value * power.powf(1.0 / shape) } else { value }
}

/// Poisson counts for a range of indices: products of uniform numbers for means below 10, else transformed rejection (Hoermann, 1993).
/// Cost: about 10 ns times the mean, at most 100 ns each.
///
/// # Errors
/// `OutputSize`; `Argument` for a mean below zero, above 2^52 or not a number, or means of another number than elements.
pub fn poisson(
    stream: &Stream,
    mean: Parameter<'_>,
    range: Range<usize>,
    out: &mut [i64],
) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    mean.check(out.len(), "mean", |mean| (0.0..=MEAN_MAX).contains(&mean))?;
    for (place, (i, out)) in range.zip(out).enumerate() {
        let mean = mean.at(place);
        *out =
            if mean < COUNTED_BELOW { counted(stream, i as u64, mean) } else { refused(stream, i as u64, mean) };
    }
    Ok(())
}

/// How many uniform numbers have a product above exp(-mean).
fn counted(stream: &Stream, i: u64, mean: f64) -> i64 {
    let (least, mut product, mut count) = ((-mean).exp(), 1.0, 0);
    for draw in 0..DRAWS_MAX {
        let (first, second) = stream.pair(i, draw);
        for word in [first, second] {
            product *= open_unit(word);
            if product <= least {
                return count;
            }
            count += 1;
        }
    }
    count
}

/// A count below a hat that fits the distribution; the names are those of the paper.
fn refused(stream: &Stream, i: u64, mean: f64) -> i64 {
    let (root, log_mean) = (mean.sqrt(), mean.ln());
    let b = 0.931 + 2.53 * root;
    let a = -0.059 + 0.024_83 * b;
    let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    let v_r = 0.9277 - 3.6224 / (b - 2.0);
    for attempt in 0..ATTEMPTS_MAX {
        let (first, second) = stream.pair(i, attempt);
        let (u, v) = (open_unit(first) - 0.5, open_unit(second));
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + mean + 0.43).floor();
        if us >= 0.07 && v <= v_r {
            return k as i64;
        }
        if k < 0.0 || (us < 0.013 && v > us) {
            continue;
        }
        if v.ln() + inverse_alpha.ln() - (a / (us * us) + b).ln() <= k * log_mean - mean - log_factorial(k) {
            return k as i64;
        }
    }
    mean as i64
}

/// The logarithm of k! (Stirling's series; below 10 counted).
fn log_factorial(k: f64) -> f64 {
    if k < 10.0 {
        return (2..=k as u32).map(f64::from).product::<f64>().ln();
    }
    let square = k * k;
    0.5 * (TAU * k).ln() + k * k.ln() - k + (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / (1260.0 * square)) / square) / k
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: usize = 200_000;

    /// Mean and variance.
    fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
        let mean = values.clone().sum::<f64>() / COUNT as f64;
        (mean, values.map(|value| (value - mean).powi(2)).sum::<f64>() / COUNT as f64)
    }
    fn near(got: (f64, f64), wanted: (f64, f64)) {
        // Five deviations of a mean; the variance is not known as well.
        let room = 5.0 * (wanted.1 / COUNT as f64).sqrt();
        assert!((got.0 - wanted.0).abs() < room, "{got:?} {wanted:?}");
        assert!((got.1 / wanted.1 - 1.0).abs() < 0.06, "{got:?} {wanted:?}");
    }

    #[test]
    fn means_and_variances_are_those_of_the_distributions() {
        let stream = Stream::new(3, 9);
        let mut floats = vec![0.0; COUNT];
        for shape in [0.1, 0.5, 1.0, 2.5, 40.0] {
            gamma(&stream, Parameter::One(shape), 0..COUNT, &mut floats).unwrap();
            near(moments(floats.iter().copied()), (shape, shape));
        }
        logistic(&stream, (Parameter::One(2.0), Parameter::One(3.0)), 0..COUNT, &mut floats).unwrap();
        near(moments(floats.iter().copied()), (2.0, 9.0 * std::f64::consts::PI.powi(2) / 3.0));
        let mut counts = vec![0; COUNT];
        for mean in [0.3, 2.0, 9.9, 10.0, 55.5, 1e6] {
            poisson(&stream, Parameter::One(mean), 0..COUNT, &mut counts).unwrap();
            near(moments(counts.iter().map(|count| *count as f64)), (mean, mean));
        }
    }

    #[test]
    fn counts_occur_as_often_as_they_should() {
        let mut counts = vec![0; COUNT];
        for mean in [4.0, 12.0] {
            poisson(&Stream::new(5, 1), Parameter::One(mean), 0..COUNT, &mut counts).unwrap();
            for k in 0..30 {
                let share = (f64::from(k) * f64::ln(mean) - mean - log_factorial(f64::from(k))).exp();
                let seen = counts.iter().filter(|count| **count == i64::from(k)).count() as f64;
                let wanted = share * COUNT as f64;
                assert!((seen - wanted).abs() < 5.0 * wanted.sqrt() + 3.0, "{mean} {k}: {seen} {wanted}");
            }
        }
    }

    #[test]
    fn elements_are_the_same_however_they_are_shared_and_parameters_are_their_own() {
        let (stream, shapes) = (Stream::new(7, 2), [0.0, 0.5, 1.0, 20.0]);
        let mut all = [0.0; 4];
        gamma(&stream, Parameter::Each(&shapes), 0..4, &mut all).unwrap();
        let mut parts = [0.0; 4];
        gamma(&stream, Parameter::Each(&shapes[..2]), 0..2, &mut parts[..2]).unwrap();
        gamma(&stream, Parameter::Each(&shapes[2..]), 2..4, &mut parts[2..]).unwrap();
        assert_eq!((all, all[0]), (parts, 0.0));
    }

    #[test]
    fn parameters_that_no_distribution_has_are_named() {
        let (stream, mut floats, mut counts) = (Stream::new(1, 1), [0.0; 2], [0; 2]);
        for wrong in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(gamma(&stream, Parameter::One(wrong), 0..2, &mut floats).is_err());
            assert!(poisson(&stream, Parameter::One(wrong), 0..2, &mut counts).is_err());
        }
        assert!(poisson(&stream, Parameter::Each(&[1.0]), 0..2, &mut counts).is_err());
        let scale = (Parameter::One(0.0), Parameter::Each(&[1.0, -1.0]));
        assert!(logistic(&stream, scale, 0..2, &mut floats).is_err());
    }

    #[test]
    fn factorials_meet_where_the_series_begins() {
        let counted = (2..=10).map(f64::from).product::<f64>().ln();
        assert!((log_factorial(10.0) - counted).abs() < 1e-9, "{} {counted}", log_factorial(10.0));
    }
}
