//! Stages: where the time of one small call goes, from a user's first word to the answer in hand.
//!
//! Lives here: `Stages` (mean time of each stage), `run` (rounds of a contender that stamps its calls, beside the same
//! without stamps), `Split` (one placement's outcome), its table and rows.
//! Holds: the stages come from stamps inside client and node, the end-to-end mean from the meter outside both. Between the
//! meter's two points and the client's lies one clock reading at each end, which belongs to no stage: it is measured apart and
//! shown. A split whose stages and readings are not the end-to-end mean of the same operations within `WITHIN` is wrong and
//! counts as a failure. The split shown is that of one round, the one of middle mean: medians over rounds do not add up.
//! Not here: stamps (`crates/client`, `crates/runtime`), how they are asked for (`bench/ours`).

use crate::{
    drive::{fitting, rounded},
    figures::median,
    place::Placement,
    process::Pair,
    protocol::{Answer, Ask, Report},
    row::Row,
    table::align,
};
use serde::{Deserialize, Serialize};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// The stages in the order a call passes them.
pub const NAMES: [&str; 8] = ["client", "ring", "transport", "session", "place", "host", "reply", "wake"];
/// What each of them is.
const ABOUT: [&str; 8] = [
    "the call is put together, up to its slot's publishing",
    "slot published, doorbell, the worker takes it",
    "copied and checked",
    "admitted",
    "pool, container, method, schema",
    "queued, started, the method itself",
    "accounted, completion published",
    "client woken, answer taken",
];
/// How far the sum of the stages may be from the end-to-end mean.
pub const WITHIN: f64 = 0.05;
/// The contender that stamps its calls, and the same without.
const KINDS: [&str; 2] = ["ours-stages", "ours"];
const BYTES: u64 = 64;
/// Operations before the first that is measured.
const WARM: u64 = 2000;

/// Where the time of a call went, means in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stages {
    /// Each stage, in the order of [`NAMES`].
    pub ns: [f64; NAMES.len()],
    /// One reading of the clock: one lies before the first stage, and one behind the last.
    pub reading_ns: f64,
}

impl Stages {
    /// From the sums of the stamps at the nine boundaries of `calls` calls, modulo 2^64, so only their differences count.
    ///
    /// A stage between two processes may come out negative where their clocks are read late; the sum stays true.
    #[must_use]
    pub fn of(boundaries: [u64; NAMES.len() + 1], calls: u64) -> Self {
        let mean = |at: usize| boundaries[at + 1].wrapping_sub(boundaries[at]).cast_signed() as f64 / calls as f64;
        Self { ns: std::array::from_fn(mean), reading_ns: 0.0 }
    }

    /// The same, with what a reading of the clock costs here and now.
    #[must_use]
    pub fn with_readings(self) -> Self {
        const BATCH: u32 = 256;
        let batch = |_| {
            let began = Instant::now();
            (0..BATCH).for_each(|_| {
                std::hint::black_box(Instant::now());
            });
            began.elapsed().as_nanos() as f64 / f64::from(BATCH)
        };
        let batches: Vec<f64> = (0..15).map(batch).collect();
        Self { reading_ns: median(&batches).unwrap_or(0.0), ..self }
    }

    /// All stages together.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.ns.iter().sum()
    }
}

/// The outcome of one placement.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// Where the pair ran.
    pub placement: Placement,
    /// The stages of the round of middle mean.
    pub stages: Stages,
    /// Mean of the whole in that round, taken outside the stages, in nanoseconds.
    pub end_to_end_ns: f64,
    /// The same without stamps, the middle one of as many rounds.
    pub unstamped_ns: f64,
    /// Operations of a round.
    pub n: u64,
    /// Rounds.
    pub rounds: u32,
}

/// Measures `rounds` rounds at each placement, with stamps and without in turn; a fresh pair each.
///
/// # Errors
/// In words, when a contender breaks off.
pub fn run(program: &Path, placements: &[Placement], rounds: u32, run: Duration) -> Result<Vec<Split>, String> {
    placements.iter().map(|&placement| split(program, placement, rounds, run)).collect()
}

fn split(program: &Path, placement: Placement, rounds: u32, run: Duration) -> Result<Split, String> {
    let mut reports: [Vec<Report>; KINDS.len()] = Default::default();
    for _ in 0..rounds {
        for (kind, reports) in KINDS.iter().zip(&mut reports) {
            let n = reports.first().map(|report| report.n);
            reports.push(
                round(program, kind, placement, n, run)
                    .map_err(|words| format!("{kind}, {placement}: {words}"))?,
            );
        }
    }
    let [stamped, unstamped] = reports.map(middle);
    let (Some(stamped), Some(unstamped)) = (stamped, unstamped) else { return Err("no rounds".into()) };
    let stages = stamped.stages.ok_or_else(|| format!("{} reports no stages", KINDS[0]))?;
    let (end_to_end_ns, unstamped_ns, n) = (stamped.mean_ns, unstamped.mean_ns, stamped.n);
    Ok(Split { placement, stages, end_to_end_ns, unstamped_ns, n, rounds })
}

/// The report of middle mean.
fn middle(mut reports: Vec<Report>) -> Option<Report> {
    reports.sort_by(|one, other| one.mean_ns.total_cmp(&other.mean_ns));
    reports.get(reports.len() / 2).copied()
}

fn round(
    program: &Path,
    kind: &str,
    placement: Placement,
    n: Option<u64>,
    run: Duration,
) -> Result<Report, String> {
    let mut pair = Pair::start(program, kind, placement).map_err(|error| error.to_string())?;
    let mut asked = |n| match pair.ask(Ask { bytes: BYTES, n, outstanding: 1, warm: 0 }) {
        Ok(Answer::Report(report)) if report.n == n => Ok(report),
        Ok(Answer::Report(report)) => Err(format!("asked for {n} operations, answered {}", report.n)),
        Ok(Answer::Refused { refused }) => Err(refused),
        Err(error) => Err(error.to_string()),
    };
    let warm = asked(WARM)?;
    let report = asked(n.unwrap_or_else(|| fitting(warm.ops_per_s, run, 1)))?;
    if pair.end() { Ok(report) } else { Err("a process of the pair ended badly".into()) }
}

impl Split {
    /// The stages and the two readings around them over the end-to-end mean.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        (self.stages.sum() + self.readings_ns()) / self.end_to_end_ns
    }

    fn readings_ns(&self) -> f64 {
        2.0 * self.stages.reading_ns
    }

    /// Whether the stages add up to the whole.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        (self.ratio() - 1.0).abs() <= WITHIN
    }

    /// For a person.
    #[must_use]
    pub fn text(&self) -> String {
        let head = ["stage", "what", "mean ns", "share"].map(str::to_owned).to_vec();
        let share = |ns: f64| format!("{:.1} %", ns / self.end_to_end_ns * 100.0);
        let line = |name: &str, about: &str, ns: f64| {
            vec![name.to_owned(), about.to_owned(), format!("{ns:.0}"), share(ns)]
        };
        let mut lines = vec![head];
        let stages = NAMES.iter().zip(ABOUT).zip(self.stages.ns);
        lines.extend(stages.map(|((name, about), ns)| line(name, about, ns)));
        lines.push(line("sum", "of the stages", self.stages.sum()));
        lines.push(line("readings", "two of the clock, between stages and meter", self.readings_ns()));
        lines.push(line("end to end", "by the meter", self.end_to_end_ns));
        let verdict = if self.adds_up() { "adds up" } else { "DOES NOT ADD UP" };
        let stamps = self.end_to_end_ns - self.unstamped_ns;
        format!(
            "{}, {BYTES} B, 1 outstanding, n {}, middle one of {} rounds\n{}ratio {:.3}: {verdict} (within {:.0} %); \
             without stamps {:.0} ns end to end, so the stamps cost {stamps:.0} ns\n",
            self.placement,
            self.n,
            self.rounds,
            align(&lines, 2),
            self.ratio(),
            WITHIN * 100.0,
            self.unstamped_ns,
        )
    }

    /// For the file: a row for each stage, then `sum`, `readings`, `end-to-end` and `unstamped`. `p50_us` holds the mean.
    #[must_use]
    pub fn rows(&self, machine: &str) -> Vec<Row> {
        let ends = [
            ("sum", self.stages.sum()),
            ("readings", self.readings_ns()),
            ("end-to-end", self.end_to_end_ns),
            ("unstamped", self.unstamped_ns),
        ];
        let row = |(name, ns): (&str, f64)| Row {
            placement: Some(self.placement.to_string()),
            bytes: Some(BYTES),
            n: Some(self.n),
            outstanding: Some(1),
            p50_us: Some(rounded(ns / 1e3)),
            rounds: Some(self.rounds),
            ..Row::of_ours("stages", name, machine)
        };
        NAMES.into_iter().zip(self.stages.ns).chain(ends).map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split() -> Split {
        let stages = Stages::of([0, 100, 300, 400, 450, 500, 1000, 1100, 2000], 1);
        let stages = Stages { reading_ns: 20.0, ..stages };
        let (end_to_end_ns, unstamped_ns) = (2050.0, 1800.0);
        Split { placement: Placement::OneCore, stages, end_to_end_ns, unstamped_ns, n: 1, rounds: 7 }
    }

    #[test]
    fn stages_telescope_also_where_sums_have_wrapped() {
        let from = u64::MAX - 500;
        let boundaries = [0, 100, 300, 290, 450, 500, 1000, 1100, 2000].map(|at| from.wrapping_add(at));
        let stages = Stages::of(boundaries, 10);
        assert_eq!(stages.ns[..3], [10.0, 20.0, -1.0]);
        assert_eq!(stages.sum(), 200.0);
    }

    #[test]
    fn a_split_adds_up_within_five_in_a_hundred_and_not_beyond() {
        assert!(split().adds_up());
        assert!(split().text().contains("ratio 0.995: adds up"));
        let far = Split { end_to_end_ns: 2150.0, ..split() };
        assert!(!far.adds_up());
        assert!(far.text().contains("DOES NOT ADD UP"));
        assert!(!Split { end_to_end_ns: 1940.0, ..split() }.adds_up());
    }

    #[test]
    fn every_stage_has_its_row() {
        let rows = split().rows("a test");
        let names: Vec<&str> = rows.iter().map(|row| row.contender.as_str()).collect();
        assert_eq!(
            names.join(" "),
            "client ring transport session place host reply wake sum readings end-to-end unstamped"
        );
        assert!(rows.iter().all(|row| row.bench == "stages" && row.ours));
        assert_eq!(rows[0].p50_us, Some(0.1));
    }

    #[test]
    fn the_round_of_middle_mean_is_shown() {
        let report = |mean_ns| Report {
            p50_ns: 1,
            p99_ns: 1,
            mean_ns,
            ops_per_s: 1.0,
            wall_ns: 1,
            n: 1,
            checked: 1,
            copied_bytes: None,
            stages: None,
        };
        let means = [9.0, 2.0, 70.0].map(report).to_vec();
        assert_eq!(middle(means).map(|report| report.mean_ns), Some(9.0));
    }
}
