//! Quantiles of sorted values, by NumPy's methods.

use crate::error::KernelError;

/// How a quantile that falls between two values is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantile {
    /// Between the neighbours in proportion, on (n - 1) q.
    Linear,
    /// The lower neighbour.
    Lower,
    /// The upper neighbour.
    Higher,
    /// The middle of the neighbours.
    Midpoint,
    /// The nearer neighbour, of two the one with the even place.
    Nearest,
    /// The least value that a share of q is at most.
    InvertedCdf,
    /// As that, the mean of two where the share is met exactly.
    AveragedInvertedCdf,
    /// The value whose place is nearest to n q, of two the one with the even place counted from 1.
    ClosestObservation,
    /// In proportion, on n q.
    InterpolatedInvertedCdf,
    /// In proportion, on n q + 1/2.
    Hazen,
    /// In proportion, on (n + 1) q.
    Weibull,
    /// In proportion, on (n + 1/3) q + 1/3.
    MedianUnbiased,
    /// In proportion, on (n + 1/4) q + 3/8.
    NormalUnbiased,
}

impl Quantile {
    /// Every method, with NumPy's name.
    pub const ALL: [(Self, &'static str); 13] = [
        (Self::Linear, "linear"),
        (Self::Lower, "lower"),
        (Self::Higher, "higher"),
        (Self::Midpoint, "midpoint"),
        (Self::Nearest, "nearest"),
        (Self::InvertedCdf, "inverted_cdf"),
        (Self::AveragedInvertedCdf, "averaged_inverted_cdf"),
        (Self::ClosestObservation, "closest_observation"),
        (Self::InterpolatedInvertedCdf, "interpolated_inverted_cdf"),
        (Self::Hazen, "hazen"),
        (Self::Weibull, "weibull"),
        (Self::MedianUnbiased, "median_unbiased"),
        (Self::NormalUnbiased, "normal_unbiased"),
    ];

    /// The place among `n` values, from 0, before it is kept inside, and how far beyond it to go.
    fn place(self, n: f64, q: f64) -> (f64, f64) {
        let proportional = |alpha: f64, beta: f64| {
            let at = n * q + (alpha + q * (1.0 - alpha - beta)) - 1.0;
            (at.floor(), at - at.floor())
        };
        let plain = (n - 1.0) * q;
        match self {
            Self::Linear => (plain.floor(), plain - plain.floor()),
            Self::Lower => (plain.floor(), 0.0),
            Self::Higher => (plain.ceil(), 0.0),
            Self::Midpoint => (plain.floor(), if plain == plain.floor() { 0.0 } else { 0.5 }),
            Self::Nearest => (plain.round_ties_even(), 0.0),
            Self::InvertedCdf => ((n * q).ceil() - 1.0, 0.0),
            Self::AveragedInvertedCdf => {
                let at = n * q;
                if at == at.floor() { (at - 1.0, 0.5) } else { (at.floor(), 0.0) }
            }
            Self::ClosestObservation => ((n * q).round_ties_even() - 1.0, 0.0),
            Self::InterpolatedInvertedCdf => proportional(0.0, 1.0),
            Self::Hazen => proportional(0.5, 0.5),
            Self::Weibull => proportional(0.0, 0.0),
            Self::MedianUnbiased => proportional(1.0 / 3.0, 1.0 / 3.0),
            Self::NormalUnbiased => proportional(3.0 / 8.0, 3.0 / 8.0),
        }
    }
}

/// The quantile `q` (0 to 1) of ascending values, NaN last; NaN if one is NaN. Cost: constant.
///
/// # Errors
/// `Empty` for no values; `Argument` for a q outside 0 to 1.
pub fn quantile(method: Quantile, sorted: &[f64], q: f64) -> Result<f64, KernelError> {
    if !(0.0..=1.0).contains(&q) {
        return Err(KernelError::argument(format!("a quantile of {q} is not between 0 and 1")));
    }
    let [.., last] = sorted else { return Err(KernelError::Empty { operation: "quantile" }) };
    if last.is_nan() {
        return Ok(f64::NAN);
    }
    let top = sorted.len() - 1;
    let (at, beyond) = method.place(sorted.len() as f64, q);
    let (at, beyond) = match at {
        at if at < 0.0 => (0, 0.0),
        at if at >= top as f64 => (top, 0.0),
        at => (at as usize, beyond),
    };
    let (low, high) = (sorted[at], sorted[(at + 1).min(top)]);
    let apart = high - low;
    Ok(match beyond {
        0.0 => low,
        // From the nearer end, so that both ends are met exactly.
        beyond if beyond >= 0.5 => high - apart * (1.0 - beyond),
        beyond => low + apart * beyond,
    })
}
