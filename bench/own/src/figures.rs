//! Figures: what the rounds of one cell come to.
//!
//! Lives here: `Round` (one measured run), `Figures` (the median of several, and their spread), `median`.
//! Holds: latencies and rates are medians of rounds, so one disturbed round does not show; CPU time is summed over all
//! rounds, because the kernel counts it more coarsely than a round is long.

use crate::protocol::Report;

/// One measured run of one contender.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Round {
    /// What the client measured.
    pub report: Report,
    /// CPU time of both processes during the run, the warm operations included.
    pub cpu_ns: Option<u64>,
    /// Peak resident memory of both processes.
    pub peak_bytes: Option<u64>,
}

/// What several rounds come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// Median of the rounds' medians.
    pub p50_us: f64,
    /// Least and greatest of the rounds' medians.
    pub p50_spread_us: (f64, f64),
    /// Median of the rounds' 99th percentiles.
    pub p99_us: f64,
    /// Median of the rounds' rates.
    pub ops_per_s: f64,
    /// CPU time of an operation over all rounds.
    pub cpu_us_per_op: Option<f64>,
    /// Operations of a round.
    pub n: u64,
    /// Bytes copied by an operation.
    pub copied_bytes: Option<u64>,
    /// Median of the rounds' peaks, in 10^6 bytes.
    pub peak_mb: Option<f64>,
    /// How many rounds.
    pub rounds: u32,
}

impl Figures {
    /// Sums up rounds; `None` when there are none.
    #[must_use]
    pub fn of(rounds: &[Round]) -> Option<Self> {
        let of = |figure: fn(&Round) -> f64| rounds.iter().map(figure).collect::<Vec<f64>>();
        let p50s = of(|round| round.report.p50_ns as f64 / 1e3);
        let peaks: Option<Vec<f64>> =
            rounds.iter().map(|round| round.peak_bytes.map(|bytes| bytes as f64 / 1e6)).collect();
        Some(Self {
            p50_us: median(&p50s)?,
            p50_spread_us: (p50s.iter().copied().reduce(f64::min)?, p50s.iter().copied().reduce(f64::max)?),
            p99_us: median(&of(|round| round.report.p99_ns as f64 / 1e3))?,
            ops_per_s: median(&of(|round| round.report.ops_per_s))?,
            cpu_us_per_op: cpu_us_per_op(rounds),
            n: rounds.last()?.report.n,
            copied_bytes: rounds.last()?.report.copied_bytes,
            peak_mb: peaks.and_then(|peaks| median(&peaks)),
            rounds: u32::try_from(rounds.len()).ok()?,
        })
    }
}

/// Every checked operation cost CPU time, the warm ones as much as the counted.
fn cpu_us_per_op(rounds: &[Round]) -> Option<f64> {
    let spent: u64 = rounds.iter().map(|round| round.cpu_ns).sum::<Option<u64>>()?;
    let operations: u64 = rounds.iter().map(|round| round.report.checked).sum();
    (operations > 0).then(|| spent as f64 / 1e3 / operations as f64)
}

/// The middle of `values`, or the mean of the two middle ones; `None` when there are none.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 { Some(upper) } else { Some((sorted[middle - 1] + upper) / 2.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(p50_ns: u64, cpu_ns: Option<u64>) -> Round {
        let ops_per_s = 1e9 / p50_ns as f64;
        let (p99_ns, mean_ns, wall_ns) = (p50_ns * 2, p50_ns as f64, p50_ns * 100);
        let (n, checked, copied_bytes, stages) = (100, 110, Some(64), None);
        let report = Report { p50_ns, p99_ns, mean_ns, ops_per_s, wall_ns, n, checked, copied_bytes, stages };
        Round { report, cpu_ns, peak_bytes: Some(p50_ns * 1000) }
    }

    #[test]
    fn the_median_of_an_odd_count_is_its_middle_and_of_an_even_count_the_mean_of_two() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(median(&[9.0, 1.0, 5.0, 7.0]), Some(6.0));
    }

    #[test]
    fn one_disturbed_round_moves_no_figure_but_the_spread() {
        let rounds = [round(2000, Some(0)), round(2000, Some(0)), round(90_000, Some(0))];
        let figures = Figures::of(&rounds).expect("three rounds");
        assert_eq!((figures.p50_us, figures.p99_us, figures.ops_per_s), (2.0, 4.0, 500_000.0));
        assert_eq!(figures.p50_spread_us, (2.0, 90.0));
        assert_eq!((figures.n, figures.rounds, figures.copied_bytes), (100, 3, Some(64)));
        assert_eq!(figures.peak_mb, Some(2.0));
    }

    #[test]
    fn cpu_time_is_shared_by_all_operations_of_all_rounds() {
        let rounds = [round(2000, Some(110_000)), round(2000, Some(330_000))];
        assert_eq!(Figures::of(&rounds).expect("two").cpu_us_per_op, Some(2.0));
        let unknown = [round(2000, Some(110_000)), round(2000, None)];
        assert_eq!(Figures::of(&unknown).expect("two").cpu_us_per_op, None);
    }

    #[test]
    fn no_rounds_give_no_figures() {
        assert_eq!(Figures::of(&[]), None);
    }
}
