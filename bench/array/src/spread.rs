//! Spread: what the rounds of one contender come to.
//!
//! Lives here: `Spread` (median, tenth and ninetieth percentile), `percentile`, `gb_per_s`, `Turn`, `Figures`.
//! Holds: with fewer than ten rounds the outer percentiles lie between the extremes and their neighbours, by straight lines.

use windlass_bench::figures::median;

/// One turn of a contender.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Turn {
    /// Time of the operation, nanoseconds.
    pub ns: u64,
    /// Processor time that its processes spent in it; `None` where nobody counts.
    pub cpu_ns: Option<u64>,
}

/// A middle and its bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Tenth percentile.
    pub p10: f64,
    /// Median.
    pub p50: f64,
    /// Ninetieth percentile.
    pub p90: f64,
}

impl Spread {
    /// Of these values; `None` when there are none.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        Some(Self { p10: percentile(values, 10.0)?, p50: median(values)?, p90: percentile(values, 90.0)? })
    }
}

/// The value below which so many of a hundred lie, between two values on the straight line from one to the next; `None` when
/// there are no values.
#[must_use]
pub fn percentile(values: &[f64], of_100: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = of_100.clamp(0.0, 100.0) / 100.0 * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (*sorted.get(place.floor() as usize)?, *sorted.get(place.ceil() as usize)?);
    Some(below + (above - below) * place.fract())
}

/// 10^9 bytes a second.
#[must_use]
pub fn gb_per_s(bytes: u64, us: f64) -> f64 {
    bytes as f64 / us / 1e3
}

/// What the turns of a contender come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// Of the times, microseconds.
    pub us: Spread,
    /// Processor time of one operation over all turns, microseconds.
    pub cpu_us: Option<f64>,
    /// How many turns.
    pub rounds: u32,
}

impl Figures {
    /// Of these turns; `None` when there are none.
    #[must_use]
    pub fn of(turns: &[Turn]) -> Option<Self> {
        let us: Vec<f64> = turns.iter().map(|turn| turn.ns as f64 / 1e3).collect();
        let cpu: Option<u64> = turns.iter().map(|turn| turn.cpu_ns).sum();
        let rounds = u32::try_from(turns.len()).ok()?;
        Some(Self { us: Spread::of(&us)?, cpu_us: cpu.map(|ns| ns as f64 / 1e3 / f64::from(rounds)), rounds })
    }
}
