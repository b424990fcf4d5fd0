//! `windlass-bench`: runs contenders against each other and prints one interleaved table.
//!
//! Lives here: the command line. `call` measures; `plot` draws a file that was measured before.
//! Exit: 0 when every contender ran to its end, 1 when one failed (its rows are null), 2 when the command line is wrong.
#![allow(
    clippy::disallowed_methods,
    reason = "benches read the clock, write their own result files and watch processes"
)]

use clap::{Args, Parser, Subcommand};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};
use windlass_bench::{
    Placement, Row,
    drive::{self, Measured},
    limits::{OUTSTANDING_MAX, REQUEST_BYTES_MAX, REQUEST_BYTES_MIN},
    machine::{self, Load},
    plan::{self, Group, Plan, SIZES},
    plot, row, table, targets,
};

/// Measures Windlass beside floors and rivals, all in one run.
#[derive(Debug, Parser)]
#[command(name = "windlass-bench", version)]
struct Command {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// A request of n bytes, a reply of 8 that is its checksum: latency, rate, CPU, copies, memory.
    ///
    /// Example: windlass-bench call --floor target/release/windlass-bench-floor --sizes 64,8MiB --placements one --quick
    Call(Call),
    /// Draws a result file.
    ///
    /// Example: windlass-bench plot call.json call.svg
    Plot {
        /// The JSON file of an earlier run.
        rows: PathBuf,
        /// The SVG file to write.
        drawing: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Call {
    /// The floors' binary.
    #[arg(long, value_name = "BIN")]
    floor: Option<PathBuf>,
    /// The rivals' binary.
    #[arg(long, value_name = "BIN")]
    compare: Option<PathBuf>,
    /// Windlass's own contender binary.
    #[arg(long, value_name = "BIN")]
    ours: Option<PathBuf>,
    /// Writes the rows to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draws the rows to this SVG file.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// How often each contender's turn comes in each cell.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Request sizes, with B, KiB or MiB.
    #[arg(long, value_delimiter = ',', value_parser = parse_size, value_name = "SIZE,..")]
    sizes: Vec<u64>,
    /// How many requests to keep outstanding.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16], value_name = "N,..",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(OUTSTANDING_MAX)))]
    outstanding: Vec<u32>,
    /// Where pairs run: one (core), two (cores), unpinned.
    #[arg(long, value_delimiter = ',', default_values_t = Placement::ALL, value_name = "PLACE,..")]
    placements: Vec<Placement>,
    /// Only these contenders.
    #[arg(long, value_delimiter = ',', value_name = "NAME,..")]
    contenders: Vec<String>,
    /// Short runs and three rounds at most: an indication in a minute, not a figure to publish.
    #[arg(long)]
    quick: bool,
    /// Refuses to measure on a busy machine instead of warning: for figures to publish.
    #[arg(long)]
    strict: bool,
    /// Leaves out the cell of the rate target (32 B, 128 outstanding).
    #[arg(long)]
    no_rate: bool,
}

fn parse_size(word: &str) -> Result<u64, String> {
    let split = word.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(word.len());
    let (number, unit) = word.split_at(split);
    let scale = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        _ => return Err(format!("`{unit}` is no unit; there are B, KiB and MiB")),
    };
    let number: u64 = number.parse().map_err(|_| format!("`{word}` is no size; write 64, 16KiB or 8MiB"))?;
    let bytes = number.checked_mul(scale).ok_or_else(|| format!("`{word}` is too large"))?;
    if (REQUEST_BYTES_MIN..=REQUEST_BYTES_MAX).contains(&bytes) {
        Ok(bytes)
    } else {
        Err(format!("{bytes} bytes is outside {REQUEST_BYTES_MIN}..={REQUEST_BYTES_MAX}"))
    }
}

fn main() -> ExitCode {
    let done = match Command::parse().bench {
        Bench::Call(call) => call.run(),
        Bench::Plot { rows, drawing } => draw(&rows, &drawing),
    };
    done.unwrap_or_else(|words| {
        eprintln!("windlass-bench: {words}");
        ExitCode::from(2)
    })
}

fn draw(rows: &Path, drawing: &Path) -> Result<ExitCode, String> {
    let rows = row::read(rows).map_err(|error| error.to_string())?;
    write_plot(drawing, &rows)?;
    Ok(ExitCode::SUCCESS)
}

fn write_plot(drawing: &Path, rows: &[Row]) -> Result<(), String> {
    std::fs::write(drawing, plot::svg(rows)).map_err(|error| format!("{}: {error}", drawing.display()))
}

impl Call {
    fn run(&self) -> Result<ExitCode, String> {
        let plan = self.plan()?;
        let load = Load::look(Duration::from_millis(300));
        println!("machine: {}", machine::line());
        match load {
            Some(load) => {
                println!("load average {:.2}, cores {:.0} % busy before the run", load.average, load.busy * 100.0)
            }
            None => println!("load: unknown"),
        }
        match load.and_then(|load| load.warning()) {
            Some(warning) if self.strict => return Err(format!("{warning}; --strict refuses to measure now")),
            Some(warning) => eprintln!("{warning}"),
            None => {}
        }
        plan.entrants.iter().for_each(|entrant| println!("{:<16} {}", entrant.kind.name, entrant.kind.about));
        plan.left_out().iter().for_each(|words| eprintln!("left out: {words}"));
        let outcome = drive::run(&plan, "call", &mut |line| eprintln!("{line}"));
        print(&outcome.measured, self.quick);
        println!("{}", outcome.noise.words());
        let rows: Vec<Row> = outcome.measured.into_iter().map(|measured| measured.row).collect();
        if let Some(path) = &self.json {
            row::write(path, &rows).map_err(|error| error.to_string())?;
        }
        if let Some(path) = &self.plot {
            write_plot(path, &rows)?;
        }
        outcome.failures.iter().for_each(|failure| eprintln!("failed: {failure}"));
        Ok(if outcome.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn plan(&self) -> Result<Plan, String> {
        let programs = [(Group::Floor, &self.floor), (Group::Rival, &self.compare), (Group::Ours, &self.ours)];
        let programs: Vec<(Group, &Path)> =
            programs.into_iter().filter_map(|(group, path)| Some((group, path.as_deref()?))).collect();
        let entrants = plan::entrants(&programs, &self.contenders)?;
        if entrants.is_empty() {
            return Err("there is nobody to measure; name at least one of --floor, --compare, --ours".into());
        }
        let sizes = if self.sizes.is_empty() { SIZES.as_slice() } else { &self.sizes };
        Ok(Plan {
            entrants,
            placements: table_order(&self.placements),
            cells: plan::cells(sizes, &self.outstanding, !self.no_rate),
            rounds: if self.quick { self.rounds.min(3) } else { self.rounds },
            run: Duration::from_millis(if self.quick { 30 } else { 200 }),
        })
    }
}

/// Each placement once, in the order given.
fn table_order(placements: &[Placement]) -> Vec<Placement> {
    let mut once = Vec::new();
    placements.iter().for_each(|placement| {
        if !once.contains(placement) {
            once.push(*placement);
        }
    });
    once
}

fn print(measured: &[Measured], quick: bool) {
    println!("\n{}", table::table(measured));
    println!("p50 in us, one outstanding:\n\n{}", table::overview(measured));
    let rows: Vec<Row> = measured.iter().map(|one| one.row.clone()).collect();
    println!("{}", targets::text(&targets::targets(&rows)));
    if quick {
        println!("quick: short runs; an indication, not figures to publish");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units_and_refused_in_words() {
        assert_eq!(parse_size("64"), Ok(64));
        assert_eq!(parse_size("16KiB"), Ok(16 << 10));
        assert_eq!(parse_size("8m"), Ok(8 << 20));
        assert!(parse_size("8 parsecs").expect_err("no unit").contains("parsecs"));
        assert!(parse_size("KiB").expect_err("no number").contains("no size"));
        assert!(parse_size("17MiB").expect_err("too large").contains("outside"));
        assert!(parse_size("4").expect_err("too small").contains("outside"));
    }

    #[test]
    fn the_command_line_holds_together() {
        <Command as clap::CommandFactory>::command().debug_assert();
        let line = "windlass-bench call --floor f --sizes 64,8MiB --placements one,two --contenders unix --quick";
        let Bench::Call(call) = Command::try_parse_from(line.split(' ')).expect("parses").bench else {
            panic!("call")
        };
        assert_eq!((call.sizes, call.outstanding), (vec![64, 8 << 20], vec![1, 16]));
        assert_eq!(call.placements, [Placement::OneCore, Placement::TwoCores]);
    }
}
