//! Tables and rows: what is printed and written of the figures.
//!
//! Lives here: `cells`, `small`, `verdicts` (text), `rows`, `small_rows` (the one format of all benches).
//! Holds: a contender that failed has a line of its own in the table, with what it said, and no row.

use crate::operation::Operation;
use crate::rounds::{Answers, Cell, Who};
use crate::size::Size;
use crate::small::{self, Small};
use crate::spread::gb_per_s;
use crate::target::Verdict;
use std::fmt::Write;
use windlass_bench::Row;

/// The table of one operation at one size.
#[must_use]
pub fn cells(operation: Operation, size: Size, cells: &[Cell]) -> String {
    let mut text = format!(
        "{:<20} {:>11} {:>23} {:>8} {:>11} {:>9}  answers\n",
        format!("{operation} {size}"),
        "p50 ms",
        "p10 to p90 ms",
        "GB/s",
        "CPU ms",
        "peak MB"
    );
    for cell in cells {
        let name = cell.who.name();
        let line = match &cell.figures {
            Err(trouble) => format!("{name:<20} failed: {trouble}"),
            Ok(figures) => {
                let ms = |us: f64| format!("{:.3}", us / 1e3);
                let spread = format!("{} to {}", ms(figures.us.p10), ms(figures.us.p90));
                let gb = gb_per_s(cell.who.bytes(operation, size), figures.us.p50);
                let cpu = figures.cpu_us.map_or_else(String::new, ms);
                let peak = cell.peak_bytes.map_or_else(String::new, |bytes| format!("{:.0}", bytes as f64 / 1e6));
                let answers = match cell.answers {
                    Answers::Agree => "agree",
                    Answers::Differ => "DIFFER",
                    Answers::Unchecked => "",
                };
                format!(
                    "{name:<20} {:>11} {spread:>23} {gb:>8.2} {cpu:>11} {peak:>9}  {answers}",
                    ms(figures.us.p50)
                )
            }
        };
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The table of small calls.
#[must_use]
pub fn small(found: &[Small]) -> String {
    let mut text =
        format!("{:<12} {:<10} {:>8} {:>17} {:>8}\n", "placement", "call", "p50 us", "p10 to p90 us", "p99 us");
    for one in found {
        let spread = format!("{:.1} to {:.1}", one.p50_us.p10, one.p50_us.p90);
        let (placement, p50) = (one.placement.to_string(), one.p50_us.p50);
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{placement:<12} {:<10} {p50:>8.1} {spread:>17} {:>8.1}", one.name, one.p99_us);
    }
    text
}

/// The table of targets.
#[must_use]
pub fn verdicts(all: &[Verdict]) -> String {
    let mut text = format!("{:<38} {:<52} {:<16} met\n", "target", "wanted", "found");
    for one in all {
        let met = if one.met { "yes" } else { "NO" };
        let _ = writeln!(text, "{:<38} {:<52} {:<16} {met}", one.what, one.wanted, one.found);
    }
    text
}

/// Rows of one operation: `n` is elements, `bytes` those that the operation has to touch, and an operation is all of it.
#[must_use]
pub fn rows(operation: Operation, size: Size, cells: &[Cell], machine: &str) -> Vec<Row> {
    let bench = format!("array-{operation}");
    let row = |cell: &Cell| {
        let figures = cell.figures.as_ref().ok()?;
        let bytes = cell.who.bytes(operation, size);
        Some(Row {
            ours: matches!(cell.who, Who::Warm(one) | Who::Cold(one) if one == crate::worker::Contender::Ours),
            placement: Some("unpinned".to_owned()),
            bytes: Some(bytes),
            n: Some(size.0),
            outstanding: Some(1),
            p50_us: Some(figures.us.p50),
            cpu_us_per_op: figures.cpu_us,
            ops_per_s: Some(1e6 / figures.us.p50),
            gb_per_s: Some(gb_per_s(bytes, figures.us.p50)),
            peak_mb: cell.peak_bytes.map(|bytes| bytes as f64 / 1e6),
            rounds: Some(figures.rounds),
            ..Row::of_ours(&bench, &cell.who.name(), machine)
        })
    };
    cells.iter().filter_map(row).collect()
}

/// Rows of small calls.
#[must_use]
pub fn small_rows(found: &[Small], rounds: u32, machine: &str) -> Vec<Row> {
    let row = |one: &Small| Row {
        ours: one.name.starts_with("ours"),
        placement: Some(one.placement.to_string()),
        n: Some(small::ELEMENTS),
        outstanding: Some(1),
        p50_us: Some(one.p50_us.p50),
        p99_us: Some(one.p99_us),
        ops_per_s: Some(1e6 / one.p50_us.p50),
        rounds: Some(rounds),
        ..Row::of_ours("array-small", &one.name, machine)
    };
    found.iter().map(row).collect()
}
