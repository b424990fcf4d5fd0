//! The driver: interleaved rounds over every cell of a plan.
//!
//! For each placement and size, rounds go A B C, A B C, .. over the contenders, so that what changes on the machine
//! meanwhile meets all of them alike. Each turn has a fresh pair of processes: a lucky or unlucky memory layout counts
//! once, a peak is that of its size, and no idle rival spins beside a measured one.
//!
//! Lives here: `run`, `Measured` (a row, its spread, or why it has no figures), `Noise` (what others used meanwhile).
//! Holds: a cell without figures has a row of nulls and a reason; failures are counted apart from refusals.

use crate::{
    figures::{Figures, Round},
    limits::{OPERATIONS_MAX, OPERATIONS_MIN},
    machine::{self, Busy},
    place::Placement,
    plan::{Cell, Entrant, Group, Plan},
    process::{Pair, PairError},
    protocol::{Answer, Ask, Report},
    row::Row,
};
use std::time::Duration;

/// A row and what does not fit into it.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The figures, or nulls.
    pub row: Row,
    /// Least and greatest median of the rounds, in microseconds.
    pub spread_us: Option<(f64, f64)>,
    /// Why there are no figures.
    pub reason: Option<String>,
}

/// What others used of the machine while pairs were measured.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Noise {
    all_ns: f64,
    worked_ns: f64,
    stolen_ns: f64,
    pairs_ns: f64,
}

/// All that a driver's run comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// One for every entrant and cell that it was asked for.
    pub measured: Vec<Measured>,
    /// Contenders that broke off, ended badly or answered outside the protocol.
    pub failures: Vec<String>,
    /// How quiet it was.
    pub noise: Noise,
}

/// What is known of one entrant in one cell while the rounds go on.
struct Column<'a> {
    entrant: &'a Entrant,
    cell: Cell,
    operations: Option<u64>,
    rounds: Vec<Round>,
    reason: Option<String>,
}

/// Why a turn gave no round.
enum Turned {
    Refused(String),
    Failed(String),
}

impl From<PairError> for Turned {
    fn from(error: PairError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Measures every cell of `plan`; `note` gets one line for each placement and size, and one for each reason.
pub fn run(plan: &Plan, bench: &str, note: &mut dyn FnMut(&str)) -> Outcome {
    let machine = machine::line();
    let mut outcome = Outcome { measured: Vec::new(), failures: Vec::new(), noise: Noise::default() };
    for &placement in &plan.placements {
        for cells in plan.cells.chunk_by(|one, next| one.bytes == next.bytes) {
            let Some(bytes) = cells.first().map(|cell| cell.bytes) else { continue };
            note(&format!("{bench} {placement} {bytes} B: {} rounds", plan.rounds));
            for column in measure_size(plan, placement, cells, &mut outcome) {
                let measured = column.sum_up(bench, placement, &machine);
                if let Some(reason) = &measured.reason {
                    let Cell { bytes, outstanding } = column.cell;
                    let name = &column.entrant.kind.name;
                    note(&format!("null: {name}, {placement}, {bytes} B, {outstanding} outstanding: {reason}"));
                }
                outcome.measured.push(measured);
            }
        }
    }
    outcome
}

/// All rounds of one size under one placement.
fn measure_size<'a>(
    plan: &'a Plan,
    placement: Placement,
    cells: &[Cell],
    outcome: &mut Outcome,
) -> Vec<Column<'a>> {
    let admitted = plan.entrants.iter().filter(|entrant| Plan::admits(entrant, placement));
    let mut turns: Vec<Vec<Column<'a>>> = admitted
        .map(|entrant| {
            let asked = cells.iter().filter(|&&cell| Plan::asks(entrant, cell));
            asked.map(|&cell| Column::new(entrant, cell)).collect()
        })
        .collect();
    for _ in 0..plan.rounds {
        for columns in &mut turns {
            if let Err(Turned::Failed(reason)) = take_turn(columns, placement, plan.run, &mut outcome.noise) {
                let name = columns.first().map_or("", |column| column.entrant.kind.name.as_str());
                outcome.failures.push(format!("{name}, {placement}: {reason}"));
                columns.iter_mut().for_each(|column| column.reason = Some(reason.clone()));
            }
        }
    }
    // A turn measures all cells of a size; the table shows all contenders of a cell.
    let mut columns: Vec<Column<'a>> = turns.into_iter().flatten().collect();
    columns.sort_by_key(|column| cells.iter().position(|&cell| cell == column.cell));
    columns
}

/// One turn of one entrant: a fresh pair, one run for each of its cells of this size.
fn take_turn(
    columns: &mut [Column<'_>],
    placement: Placement,
    run: Duration,
    noise: &mut Noise,
) -> Result<(), Turned> {
    let Some(entrant) = columns.iter().find(|column| column.reason.is_none()).map(|column| column.entrant) else {
        return Ok(());
    };
    let mut pair = Pair::start_with(&entrant.program, &entrant.kind.name, placement, entrant.clients)?;
    for column in columns.iter_mut().filter(|column| column.reason.is_none()) {
        match column.measure(&mut pair, run, noise) {
            Ok(round) => column.rounds.push(round),
            Err(Turned::Refused(reason)) => column.reason = Some(reason),
            Err(failed) => return Err(failed),
        }
    }
    if pair.end() { Ok(()) } else { Err(Turned::Failed("a process of the pair ended badly".into())) }
}

impl<'a> Column<'a> {
    fn new(entrant: &'a Entrant, cell: Cell) -> Self {
        let reason = (cell.bytes > entrant.kind.bytes_max)
            .then(|| format!("carries at most {} bytes", entrant.kind.bytes_max));
        Self { entrant, cell, operations: None, rounds: Vec::new(), reason }
    }

    /// One measured run, after one that lets the contender prepare its questions and touch its memory.
    fn measure(&mut self, pair: &mut Pair, run: Duration, noise: &mut Noise) -> Result<Round, Turned> {
        let Cell { bytes, outstanding } = self.cell;
        let ask = Ask { bytes, n: u64::from(outstanding), outstanding, warm: 0 };
        let first = self.asked(pair, ask)?;
        let n = match self.operations {
            Some(n) => n,
            None => {
                // Each client does its share.
                let rate = |report: Report| report.ops_per_s / f64::from(self.entrant.clients);
                let near = fitting(rate(first), run / 8, outstanding);
                fitting(rate(self.asked(pair, Ask { n: near, ..ask })?), run, outstanding)
            }
        };
        self.operations = Some(n);
        let before = (Busy::now(), pair.cpu_ns());
        let report = self.asked(pair, Ask { n, warm: (n / 10).max(u64::from(outstanding)), ..ask })?;
        let after = (Busy::now(), pair.cpu_ns());
        let cpu_ns = before.1.zip(after.1).and_then(|(before, after)| after.checked_sub(before));
        // Who computes beside a pair by its placement is no noise.
        if pair.is_alone() {
            noise.add(before.0, after.0, cpu_ns);
        }
        Ok(Round { report, cpu_ns, peak_bytes: pair.peak_bytes() })
    }

    fn asked(&self, pair: &mut Pair, ask: Ask) -> Result<Report, Turned> {
        let clients = u64::from(self.entrant.clients);
        match pair.ask(ask)? {
            Answer::Refused { refused } => Err(Turned::Refused(refused)),
            Answer::Report(report)
                if report.n == clients * ask.n && report.checked == clients * (ask.n + ask.warm) =>
            {
                Ok(report)
            }
            Answer::Report(report) => {
                let Report { n, checked, .. } = report;
                Err(Turned::Failed(format!("asked {clients} for {ask}, answered n={n} checked={checked}")))
            }
        }
    }

    fn sum_up(&self, bench: &str, placement: Placement, machine: &str) -> Measured {
        let figures = if self.reason.is_none() { Figures::of(&self.rounds) } else { None };
        let of = |figure: fn(&Figures) -> f64| figures.as_ref().map(|figures| rounded(figure(figures)));
        let row = Row {
            bench: bench.to_owned(),
            contender: self.entrant.kind.name.clone(),
            ours: self.entrant.group == Group::Ours,
            placement: Some(label(placement, self.entrant.clients)),
            bytes: Some(self.cell.bytes),
            n: figures.map(|figures| figures.n),
            outstanding: Some(self.cell.outstanding),
            p50_us: of(|figures| figures.p50_us),
            p99_us: of(|figures| figures.p99_us),
            cpu_us_per_op: figures.and_then(|figures| figures.cpu_us_per_op).map(rounded),
            ops_per_s: of(|figures| figures.ops_per_s),
            gb_per_s: figures.map(|figures| rounded(figures.ops_per_s * self.cell.bytes as f64 / 1e9)),
            copied_bytes: figures.and_then(|figures| figures.copied_bytes),
            peak_mb: figures.and_then(|figures| figures.peak_mb).map(rounded),
            rounds: figures.map(|figures| figures.rounds),
            machine: machine.to_owned(),
        };
        Measured { row, spread_us: figures.map(|figures| figures.p50_spread_us), reason: self.reason.clone() }
    }
}

/// How a row says where it ran: the placement, and how many clients asked if it was not one.
#[must_use]
pub fn label(placement: Placement, clients: u32) -> String {
    if clients == 1 { placement.to_string() } else { format!("{placement}, {clients} clients") }
}

/// How many operations fill `run` at this rate, within limits and with every slot used several times.
pub(crate) fn fitting(ops_per_s: f64, run: Duration, outstanding: u32) -> u64 {
    let wanted = (ops_per_s * run.as_secs_f64()) as u64;
    wanted.clamp(OPERATIONS_MIN.max(u64::from(outstanding) * 4), OPERATIONS_MAX)
}

/// Six significant digits: more would be noise in the file.
pub(crate) fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10f64.powi(5 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}

impl Noise {
    fn add(&mut self, before: Option<Busy>, after: Option<Busy>, pair_ns: Option<u64>) {
        if let (Some(before), Some(after), Some(pair_ns)) = (before, after, pair_ns) {
            let tick_ns = 1e9 / rustix::param::clock_ticks_per_second() as f64;
            let spent = after.since(&before);
            self.all_ns += spent.all as f64 * tick_ns;
            self.worked_ns += spent.worked as f64 * tick_ns;
            self.stolen_ns += spent.stolen as f64 * tick_ns;
            self.pairs_ns += pair_ns as f64;
        }
    }

    /// One line for a reader: which share of the machine went to others while pairs were measured.
    #[must_use]
    pub fn words(&self) -> String {
        if self.all_ns == 0.0 {
            return "noise: the kernel does not say what others used".into();
        }
        let share = |ns: f64| ns.max(0.0) / self.all_ns * 100.0;
        let (others, stolen) = (share(self.worked_ns - self.pairs_ns), share(self.stolen_ns));
        let verdict = if others + stolen > 10.0 { "read the figures as indications" } else { "quiet" };
        format!(
            "noise: while measuring, others used {others:.0} % of the machine and {stolen:.0} % was stolen: {verdict}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_the_operations_that_fill_it_within_limits() {
        let run = Duration::from_millis(200);
        assert_eq!(fitting(100_000.0, run, 1), 20_000);
        assert_eq!(fitting(1.0, run, 1), OPERATIONS_MIN);
        assert_eq!(fitting(1.0, run, 128), 512);
        assert_eq!(fitting(1e9, run, 1), OPERATIONS_MAX);
    }

    #[test]
    fn figures_are_rounded_to_six_digits() {
        assert_eq!(rounded(1.234_567_89), 1.23457);
        assert_eq!(rounded(123_456_789.0), 123_457_000.0);
        assert_eq!(rounded(0.0), 0.0);
    }

    #[test]
    fn noise_is_what_worked_but_was_not_the_pair() {
        let before = Busy::default();
        let after = Busy { worked: 60, stolen: 5, all: 100 };
        let tick = 1_000_000_000 / rustix::param::clock_ticks_per_second();
        let mut noise = Noise::default();
        noise.add(Some(before), Some(after), Some(40 * tick));
        let words = noise.words();
        assert!(words.contains("others used 20 %"), "{words}");
        assert!(words.contains("5 % was stolen: read"), "{words}");
        assert!(Noise::default().words().contains("does not say"));
    }
}
