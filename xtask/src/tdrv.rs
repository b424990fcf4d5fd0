//! Tdrv: every row of tasks, I/O, waiting, buffers and flow, and how it stands on each backend of the driver.
//!
//! Lives here: `all_rows`, `Backend` (told from a test's path or its file), `table`, `print`.
//! From: tests named `volume_T4_..`, `volume_IO1_..` and so on, wherever they are. To: one line per row with a column per
//! backend, and its tests.
//! Holds: every row is printed, also one that no test shows; a row is green when real and simulated driver both pass.
//! Not here: running (`suite`), claims in words (`rows`).

use crate::ledger::Count;
use crate::report::{End, Runner};
use crate::rows::{Row, Spec, last_part, rows_of};
use std::collections::BTreeMap;

/// The rows of the table, by letters and how many there are.
const ROWS: [(&str, u32); 5] = [("T", 13), ("IO", 15), ("Y", 6), ("B", 7), ("F", 2)];
/// Crates whose tests show them, if they are there.
pub const PACKAGES: [&str; 4] = ["windlass-driver", "windlass-lane", "windlass-wait", "windlass-sim"];
/// Parts of a path, or the name of a test's file, that stand for the real driver: itself, and the ways it does operations.
const REAL: [&str; 5] = ["real", "uring", "polling", "chosen", "forbidden"];

/// All rows, in the order of the specification.
pub fn all_rows() -> Vec<Row> {
    let rows = ROWS.iter().flat_map(|(letters, most)| (1..=*most).map(move |number| format!("{letters}{number}")));
    rows.filter_map(|text| Row::parse(&text)).collect()
}

/// What a test ran on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Backend {
    /// The real driver.
    Real,
    /// The simulated one.
    Sim,
    /// No driver: the part by itself.
    Alone,
}

impl Backend {
    /// Of a test with this path in a runner of this name.
    pub fn of(runner: &str, path: &str) -> Self {
        let file = runner.split(' ').next().unwrap_or_default();
        let file = file.trim_start_matches("tests/").trim_end_matches(".rs");
        // The test itself is named after what it claims, not after where.
        let parts = || path.rsplit("::").skip(1).flat_map(|part| part.split('_')).chain(file.split('/'));
        match () {
            () if parts().any(|part| part == "sim") => Self::Sim,
            () if parts().any(|part| REAL.contains(&part)) => Self::Real,
            () => Self::Alone,
        }
    }
}

/// One row of the table.
#[derive(Debug)]
pub struct Line {
    /// Which.
    pub row: Row,
    /// Its tests by backend: what they are called, and whether each passed every time it ran.
    pub tests: BTreeMap<Backend, BTreeMap<String, bool>>,
}

impl Line {
    fn stands(&self, backend: Backend) -> Option<bool> {
        self.tests.get(&backend).map(|tests| tests.values().all(|passed| *passed))
    }

    /// Whether both backends pass, and nothing fails.
    pub fn is_green(&self) -> bool {
        self.stands(Backend::Real) == Some(true)
            && self.stands(Backend::Sim) == Some(true)
            && self.stands(Backend::Alone) != Some(false)
    }
}

/// Every row with what ran of it. A test that was ignored did not run.
pub fn table(runners: &[Runner]) -> Vec<Line> {
    let mut lines: Vec<Line> = all_rows().into_iter().map(|row| Line { row, tests: BTreeMap::new() }).collect();
    for runner in runners {
        for test in &runner.tests {
            let name = last_part(&test.path);
            for row in rows_of(Spec::Volume, name) {
                let Some(line) = lines.iter_mut().find(|line| line.row == row) else { continue };
                let tests = line.tests.entry(Backend::of(&runner.name, &test.path)).or_default();
                match test.end {
                    End::Passed => *tests.entry(name.to_owned()).or_insert(true) &= true,
                    End::Failed => *tests.entry(name.to_owned()).or_insert(false) = false,
                    End::Ignored(_) => {}
                }
            }
        }
    }
    for line in &mut lines {
        line.tests.retain(|_, tests| !tests.is_empty());
    }
    lines
}

/// Prints the table; counts rows, of which only the green have passed.
pub fn print(lines: &[Line]) -> Count {
    let words = |stands: Option<bool>| match stands {
        Some(true) => "passed",
        Some(false) => "FAILED",
        None => "-",
    };
    crate::child::say("\nrow   real    sim     alone   tests");
    let mut sum = Count::default();
    for line in lines {
        let [real, sim, alone] = [Backend::Real, Backend::Sim, Backend::Alone].map(|one| words(line.stands(one)));
        let names: std::collections::BTreeSet<&String> = line.tests.values().flat_map(BTreeMap::keys).collect();
        let mut names = names.into_iter();
        let first = names.next().map_or("no test", String::as_str);
        crate::child::say(&format!("{:<5} {real:<7} {sim:<7} {alone:<7} {first}", line.row));
        for name in names {
            crate::child::say(&format!("{:<29} {name}", ""));
        }
        match line.is_green() {
            true => sum.passed += 1,
            false => sum.failed += 1,
        }
    }
    crate::child::say(&format!("{} rows, {} of them green on both backends", lines.len(), sum.passed));
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Test;

    #[test]
    fn every_row_is_there_once_and_in_order() {
        let rows: Vec<String> = all_rows().iter().map(Row::to_string).collect();
        assert_eq!(rows.len(), 43);
        assert_eq!((rows[0].as_str(), rows[13].as_str(), rows[42].as_str()), ("T1", "IO1", "F2"));
    }

    #[test]
    fn a_backend_is_told_from_the_path_or_the_file_and_not_from_the_claim() {
        let of = Backend::of;
        assert_eq!(of("tests/rows/main.rs (rows)", "waits::real::volume_Y1_x"), Backend::Real);
        assert_eq!(of("tests/real.rs (real)", "volume_IO1_x"), Backend::Real);
        assert_eq!(of("tests/real.rs (real)", "polling::volume_IO1_x"), Backend::Real);
        assert_eq!(of("tests/rows/main.rs (rows)", "sim::volume_T1_x"), Backend::Sim);
        assert_eq!(of("tests/sim.rs (sim)", "volume_T1_x"), Backend::Sim);
        assert_eq!(of("tests/rows.rs (rows)", "volume_Y1_real_sim"), Backend::Alone);
    }

    #[test]
    fn a_row_is_green_when_both_backends_pass_and_nothing_fails() {
        let runner = |name: &str, tests: &[(&str, End)]| Runner {
            name: name.to_owned(),
            tests: tests.iter().map(|(path, end)| Test { path: (*path).to_owned(), end: end.clone() }).collect(),
            ..Runner::default()
        };
        let runners = [
            runner(
                "tests/rows/main.rs (rows)",
                &[
                    ("real::volume_T1_a", End::Passed),
                    ("sim::volume_T1_a", End::Passed),
                    ("real::volume_T2_b", End::Passed),
                    ("sim::volume_T2_b", End::Failed),
                    ("real::volume_T3_c", End::Passed),
                    ("sim::volume_T3_c", End::Ignored(String::new())),
                ],
            ),
            runner("unittests src/lib.rs (windlass_lane)", &[("tests::volume_T1_own", End::Failed)]),
        ];
        let lines = table(&runners);
        let green: Vec<bool> = lines[..4].iter().map(Line::is_green).collect();
        assert_eq!(green, [false; 4], "T1 fails alone, T2 in the simulator, T3 did not run there, T4 has no test");
        let lines = table(&runners[..1]);
        assert!(lines[0].is_green());
        assert_eq!(print(&lines).to_string(), "1 passed, 42 failed, 0 skipped");
    }
}
