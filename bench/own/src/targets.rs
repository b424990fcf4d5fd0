//! Targets beside figures: what the design promises of a call, and what this run measured.
//!
//! Lives here: `Target`, `targets` (the call's rows of the target table), `ELSEWHERE` (rows that other benches measure).
//! Holds: the ratio is the target, taken against floors and rivals of the same run; what was not measured is said to be
//! so and is neither met nor missed.

use crate::{
    place::Placement,
    plan::{Cell, RATE},
    row::Row,
    table::{align, digits},
};

/// One promise and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// What is promised of.
    pub what: String,
    /// The promise, as a rule.
    pub rule: &'static str,
    /// The rule's bound with this run's floors put in.
    pub bound: Option<f64>,
    /// What was measured.
    pub figure: Option<f64>,
    /// Unit of both.
    pub unit: &'static str,
    /// Whether it is met; `None` when a figure or its bound was not measured.
    pub met: Option<bool>,
}

/// Rows of the target table that this bench does not measure.
pub const ELSEWHERE: [(&str, &str); 8] = [
    ("spawn / switch with clock and accounting", "<= 3x / 2.5x bare async-task in the same run"),
    ("policy hop, bundled", "< 150 ns"),
    ("upgrade under 100 k calls/s, export <= 1 MiB", "0 lost, pause p99 < 5 ms"),
    ("idle node; start", "< 0.5 % CPU, <= workers + 3 threads; ready < 200 ms"),
    ("flow: first view of 10 M rows / total / quantum p99", "<= 10 ms / <= 1.25x own batch / <= 1.1x at 50 ms"),
    ("slider on 10 M rows", "first consistent refresh <= 50 ms, exact <= 200 ms"),
    ("volume over NBD, 4 KiB qd32", "<= 4 us node CPU per op; durable writes >= 5x qemu-nbd"),
    ("arrays, one machine", "ahead of NumPy, pandas and Polars, warm; cold >= 90 % of the first-touch floor"),
];

const SMALL: Cell = Cell { bytes: 64, outstanding: 1 };
const LARGE: Cell = Cell { bytes: 8 << 20, outstanding: 1 };

/// The rows of one run, asked by contender, placement and cell.
struct Run<'a>(&'a [Row]);

impl Run<'_> {
    fn of(
        &self,
        contender: &str,
        placement: Placement,
        cell: Cell,
        figure: fn(&Row) -> Option<f64>,
    ) -> Option<f64> {
        let placement = placement.to_string();
        let row = self.0.iter().find(|row| {
            row.contender == contender
                && row.placement.as_deref() == Some(placement.as_str())
                && (row.bytes, row.outstanding) == (Some(cell.bytes), Some(cell.outstanding))
        })?;
        figure(row)
    }

    fn p50(&self, contender: &str, placement: Placement, cell: Cell) -> Option<f64> {
        self.of(contender, placement, cell, |row| row.p50_us)
    }

    /// The better of tonic's two transports: a ratio against the worse one would flatter us.
    fn tonic_p50(&self, placement: Placement, cell: Cell) -> Option<f64> {
        least(self.p50("tonic-unix", placement, cell), self.p50("tonic-tcp", placement, cell))
    }
}

fn least(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.into_iter().chain(other).reduce(f64::min)
}

pub(crate) fn at_most(
    what: &str,
    rule: &'static str,
    figure: Option<f64>,
    bound: Option<f64>,
    unit: &'static str,
) -> Target {
    let met = figure.zip(bound).map(|(figure, bound)| figure <= bound);
    Target { what: what.to_owned(), rule, bound, figure, unit, met }
}

pub(crate) fn at_least(
    what: &str,
    rule: &'static str,
    figure: Option<f64>,
    bound: Option<f64>,
    unit: &'static str,
) -> Target {
    let met = figure.zip(bound).map(|(figure, bound)| figure >= bound);
    Target { what: what.to_owned(), rule, bound, figure, unit, met }
}

/// The promises made of a call, measured or not.
#[must_use]
pub fn targets(rows: &[Row]) -> Vec<Target> {
    let run = Run(rows);
    let mut targets = small_calls(&run);
    targets.extend(large_calls(&run));
    targets.extend(rates(&run));
    targets
}

fn small_calls(run: &Run<'_>) -> Vec<Target> {
    let (one, two) = (Placement::OneCore, Placement::TwoCores);
    let times = |factor: f64, floor: Option<f64>| floor.map(|floor| floor * factor);
    let p99 = |contender| run.of(contender, one, SMALL, |row| row.p99_us);
    let (ours, futex) = (run.p50("ours", one, SMALL), run.p50("futex", one, SMALL));
    let tonic_over_ours = run.tonic_p50(one, SMALL).zip(ours).map(|(tonic, ours)| tonic / ours);
    let tcp = run.p50("ours-tcp", one, SMALL);
    vec![
        at_most("call 64 B, one core, p50", "<= 2x futex floor", ours, times(2.0, futex), "us"),
        at_most(
            "call 64 B, one core, p99",
            "<= 3x futex floor's p99",
            p99("ours"),
            times(3.0, p99("futex")),
            "us",
        ),
        at_least("call 64 B, one core, below tonic", ">= 8x below tonic", tonic_over_ours, Some(8.0), "x"),
        at_most(
            "call 64 B, two cores, both spinning",
            "<= 4x cache-line round trip",
            run.p50("ours", two, SMALL),
            times(4.0, run.p50("cacheline", two, SMALL)),
            "us",
        ),
        at_most(
            "call 64 B, two cores, parked",
            "<= 1.3x futex floor",
            run.p50("ours-parked", two, SMALL),
            times(1.3, run.p50("futex", two, SMALL)),
            "us",
        ),
        at_most(
            "call 64 B to another client's served pool, one core",
            "<= 4x futex floor",
            run.p50("ours-served", one, SMALL),
            times(4.0, futex),
            "us",
        ),
        at_most(
            "call 64 B over TCP loopback, one core",
            "<= raw TCP echo + 8 us",
            tcp,
            run.p50("tcp", one, SMALL).map(|tcp| tcp + 8.0),
            "us",
        ),
        at_most(
            "call 64 B over TCP loopback, one core, beside tonic",
            "<= 0.5x tonic over TCP",
            tcp,
            times(0.5, run.p50("tonic-tcp", one, SMALL)),
            "us",
        ),
    ]
}

fn large_calls(run: &Run<'_>) -> Vec<Target> {
    let one = Placement::OneCore;
    let bound = |floor| {
        run.p50(floor, one, LARGE).zip(run.p50("ours", one, SMALL)).map(|(checksum, call)| checksum * 1.1 + call)
    };
    // Two frozen requests are sent in turn, so twice as much has to stay in cache: the floor keeps two as well.
    let frozen_bound = bound("local-checksum-in-turn");
    let owned_bound =
        bound("local-checksum").zip(run.p50("memcpy", one, LARGE)).map(|(frozen, copy)| frozen + 1.2 * copy);
    let copied = run.of("ours-frozen", one, LARGE, |row| row.copied_bytes.map(|bytes| bytes as f64));
    vec![
        at_most(
            "checksum of 8 MiB, frozen, sent again, one core",
            "<= 1.1x local checksum (two requests in turn) + one call",
            run.p50("ours-frozen", one, LARGE),
            frozen_bound,
            "us",
        ),
        at_most("checksum of 8 MiB, frozen, bytes copied", "0", copied, Some(0.0), "B"),
        at_most(
            "checksum of 8 MiB, owned, one core",
            "<= 1.1x local checksum + one call + 1.2 memcpy",
            run.p50("ours", one, LARGE),
            owned_bound,
            "us",
        ),
    ]
}

fn rates(run: &Run<'_>) -> Vec<Target> {
    let rate = |contender, placement| run.of(contender, placement, RATE, |row| row.ops_per_s);
    let target = |placement: Placement| {
        let tonic = rate("tonic-unix", placement).into_iter().chain(rate("tonic-tcp", placement)).reduce(f64::max);
        let bound = tonic.map(|tonic| tonic * 5.0);
        let what = format!("rate, 32 B, window 128, {placement}");
        at_least(&what, ">= 5x tonic", rate("ours", placement), bound, "/s")
    };
    Placement::ALL.map(target).into()
}

/// The targets as a table, those of other benches named below it.
#[must_use]
pub fn text(targets: &[Target]) -> String {
    let mut text = lines(targets);
    text.push_str("\nmeasured by other benches:\n");
    let elsewhere: Vec<Vec<String>> =
        ELSEWHERE.iter().map(|(what, rule)| vec![format!("  {what}"), (*rule).into()]).collect();
    text.push_str(&align(&elsewhere, 2));
    text
}

/// The targets as a table.
#[must_use]
pub fn lines(targets: &[Target]) -> String {
    let mut lines = vec![["target", "rule", "bound", "measured", ""].map(str::to_owned).to_vec()];
    for target in targets {
        let shown = |value: Option<f64>| {
            value.map_or_else(|| "not measured".into(), |value| format!("{} {}", digits(value), target.unit))
        };
        let verdict = match target.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "open",
        };
        let bound = shown(target.bound);
        lines.push(vec![target.what.clone(), target.rule.into(), bound, shown(target.figure), verdict.into()]);
    }
    align(&lines, 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::sample;

    fn find<'a>(targets: &'a [Target], what: &str) -> &'a Target {
        targets.iter().find(|target| target.what == what).expect("a target of that name")
    }

    #[test]
    fn without_ours_every_bound_stands_and_nothing_is_met_or_missed() {
        let rows = [sample("futex", "one-core", 64, 1, 1.5), sample("tonic-tcp", "one-core", 64, 1, 30.0)];
        let targets = targets(&rows);
        assert_eq!(find(&targets, "call 64 B, one core, p50").bound, Some(3.0));
        assert!(targets.iter().all(|target| target.met.is_none()));
        assert!(text(&targets).contains("not measured"));
    }

    #[test]
    fn a_call_is_judged_by_the_floors_of_its_own_placement() {
        let rows = [
            sample("futex", "one-core", 64, 1, 1.5),
            sample("futex", "two-cores", 64, 1, 35.0),
            sample("tonic-tcp", "one-core", 64, 1, 30.0),
            sample("tonic-unix", "one-core", 64, 1, 20.0),
            sample("ours", "one-core", 64, 1, 2.8),
            sample("ours-parked", "two-cores", 64, 1, 50.0),
        ];
        let targets = targets(&rows);
        assert_eq!(find(&targets, "call 64 B, one core, p50").met, Some(true));
        assert_eq!(find(&targets, "call 64 B, two cores, parked").met, Some(false));
        let below = find(&targets, "call 64 B, one core, below tonic");
        assert_eq!(
            (below.figure.map(f64::round), below.met),
            (Some(7.0), Some(false)),
            "against the better tonic"
        );
    }

    #[test]
    fn a_large_call_may_cost_its_checksum_one_call_and_a_copy() {
        let mut rows = vec![
            sample("ours", "one-core", 64, 1, 3.0),
            sample("ours", "one-core", 8 << 20, 1, 900.0),
            sample("ours-frozen", "one-core", 8 << 20, 1, 640.0),
            sample("local-checksum", "one-core", 8 << 20, 1, 400.0),
            sample("local-checksum-in-turn", "one-core", 8 << 20, 1, 600.0),
            sample("memcpy", "one-core", 8 << 20, 1, 500.0),
        ];
        rows[2].copied_bytes = Some(64);
        let targets = targets(&rows);
        assert_eq!(find(&targets, "checksum of 8 MiB, frozen, sent again, one core").met, Some(true));
        assert_eq!(find(&targets, "checksum of 8 MiB, frozen, bytes copied").met, Some(false));
        let owned = find(&targets, "checksum of 8 MiB, owned, one core");
        assert_eq!(owned.bound.map(f64::round), Some(1043.0));
        assert_eq!(owned.met, Some(true));
    }

    #[test]
    fn the_rate_is_judged_against_the_faster_tonic() {
        let rows = [
            sample("tonic-tcp", "unpinned", 32, 128, 40.0),
            sample("tonic-unix", "unpinned", 32, 128, 20.0),
            sample("ours", "unpinned", 32, 128, 5.0),
        ];
        let target = find(&targets(&rows), "rate, 32 B, window 128, unpinned").clone();
        assert_eq!((target.bound, target.met), (Some(250_000.0), Some(false)));
    }
}
