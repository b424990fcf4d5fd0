//! `windlass-bench`: runs contenders against each other and prints one interleaved table.
//!
//! Lives here: the command line. `call` measures calls, or with `--stages` splits one; `rate` counts calls a second; `idle` watches
//! a silent node; `io` measures files; `plot` draws a file that was measured before.
//! Exit: 0 when every contender ran to its end, 1 when one failed (its rows are null) or a split does not add up, 2 when the
//! command line is wrong.
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
    idle, io,
    limits::{OUTSTANDING_MAX, REQUEST_BYTES_MAX, REQUEST_BYTES_MIN},
    machine::{self, Load},
    plan::{self, Group, Plan, SIZES},
    plot, rate, row, stages, table, targets,
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
    /// Calls a second, 32 B each, by how many each client keeps outstanding and how many clients ask one server.
    ///
    /// Example: windlass-bench rate --ours target/release/windlass-bench-ours --windows 1,128 --clients 1,2 --quick
    Rate(Rate),
    /// A node that nobody asks anything: start, CPU, wakes, threads, the first call after a silence.
    ///
    /// Example: windlass-bench idle --ours target/release/windlass-bench-ours
    Idle(Idle),
    /// Random blocks of 4 KiB of one file, 32 under way: rate, CPU, latency, beside fio and a raw ring.
    ///
    /// Example: windlass-bench io --io target/release/windlass-bench-io --dir /srv/data
    Io(Files),
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

/// What every bench is handed, whether or not it uses all of it.
#[derive(Debug, Args)]
struct Given {
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
}

#[derive(Debug, Args)]
struct Rate {
    #[command(flatten)]
    given: Given,
    /// How many requests each client keeps outstanding.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 128, 1024, 4096], value_name = "N,..",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(OUTSTANDING_MAX)))]
    windows: Vec<u32>,
    /// How many clients ask, each a process with one thread. By default one, and as many as there are cores.
    #[arg(long, value_delimiter = ',', value_name = "N,..", value_parser = clap::value_parser!(u32).range(1..=64))]
    clients: Vec<u32>,
    /// Where they run: unpinned, one (core), two (cores: the server on one, clients on the other).
    #[arg(long, value_delimiter = ',', default_values_t = [Placement::Unpinned], value_name = "PLACE,..")]
    placements: Vec<Placement>,
    /// Only these contenders.
    #[arg(long, value_delimiter = ',', value_name = "NAME,..")]
    contenders: Vec<String>,
    /// How often each contender's turn comes with each number of clients.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Short runs and three rounds at most: an indication, not a figure to publish.
    #[arg(long)]
    quick: bool,
    /// Refuses to measure on a busy machine instead of warning: for figures to publish.
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Args)]
struct Idle {
    #[command(flatten)]
    given: Given,
    /// How long each silence is watched, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
}

#[derive(Debug, Args)]
struct Files {
    #[command(flatten)]
    given: Given,
    /// The contenders' binary.
    #[arg(long, value_name = "BIN")]
    io: PathBuf,
    /// Where the file is made: on the medium that is meant. By default beside this program.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Length of the file, in MiB.
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    file_mib: u64,
    /// Operations under way.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1024))]
    depth: u32,
    /// How often each contender's turn comes.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Short runs and three rounds at most: an indication, not a figure to publish.
    #[arg(long)]
    quick: bool,
    /// Refuses to measure on a busy machine instead of warning: for figures to publish.
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Args)]
struct Call {
    #[command(flatten)]
    given: Given,
    /// Splits a call of 64 B, one outstanding, into its stages; of Windlass alone, on one core and two.
    #[arg(long, conflicts_with_all = ["sizes", "outstanding", "contenders", "plot", "no_rate"])]
    stages: bool,
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
    /// Where pairs run: one (core), two (cores), unpinned; crowded: on one core beside a thread that computes there.
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
        Bench::Call(call) if call.stages => call.split(),
        Bench::Call(call) => call.run(),
        Bench::Rate(rate) => rate.run(),
        Bench::Idle(idle) => idle.run(),
        Bench::Io(files) => files.run(),
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
        print_machine(self.strict)?;
        plan.entrants.iter().for_each(|entrant| println!("{:<16} {}", entrant.kind.name, entrant.kind.about));
        plan.left_out().iter().for_each(|words| eprintln!("left out: {words}"));
        let outcome = drive::run(&plan, "call", &mut |line| eprintln!("{line}"));
        print(&outcome.measured, self.quick);
        println!("{}", outcome.noise.words());
        let rows: Vec<Row> = outcome.measured.into_iter().map(|measured| measured.row).collect();
        self.given.write(&rows)?;
        if let Some(path) = &self.plot {
            write_plot(path, &rows)?;
        }
        outcome.failures.iter().for_each(|failure| eprintln!("failed: {failure}"));
        Ok(if outcome.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn plan(&self) -> Result<Plan, String> {
        let entrants = plan::entrants(&self.given.programs(), &self.contenders)?;
        if entrants.is_empty() {
            return Err("there is nobody to measure; name at least one of --floor, --compare, --ours".into());
        }
        let sizes = if self.sizes.is_empty() { SIZES.as_slice() } else { &self.sizes };
        Ok(Plan {
            entrants,
            placements: table_order(&self.placements),
            cells: plan::cells(sizes, &self.outstanding, !self.no_rate),
            rounds: self.rounds(),
            run: self.run_time(),
        })
    }

    fn rounds(&self) -> u32 {
        if self.quick { self.rounds.min(3) } else { self.rounds }
    }

    fn run_time(&self) -> Duration {
        Duration::from_millis(if self.quick { 30 } else { 200 })
    }

    /// `--stages`.
    fn split(&self) -> Result<ExitCode, String> {
        let program = self.given.ours()?;
        print_machine(self.strict)?;
        let mut placements = table_order(&self.placements);
        // Without a fixed place the means of rounds are means of two different things.
        placements.retain(|&placement| placement != Placement::Unpinned);
        let splits = stages::run(program, &placements, self.rounds(), self.run_time())?;
        splits.iter().for_each(|split| println!("\n{}", split.text()));
        let machine = machine::line();
        let rows: Vec<Row> = splits.iter().flat_map(|split| split.rows(&machine)).collect();
        self.given.write(&rows)?;
        Ok(if splits.iter().all(stages::Split::adds_up) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Rate {
    fn run(&self) -> Result<ExitCode, String> {
        let entrants = rate::offered(plan::entrants_and_probes(&self.given.programs(), &self.contenders)?);
        if entrants.is_empty() {
            return Err("there is nobody to measure; name --ours, --compare or both".into());
        }
        let clients = self.clients();
        let (rounds, run) = if self.quick { (self.rounds.min(3), 50) } else { (self.rounds, 300) };
        let placements = table_order(&self.placements);
        let plan =
            rate::plan(&entrants, placements, &self.windows, &clients, (rounds, Duration::from_millis(run)));
        print_machine(self.strict)?;
        entrants.iter().for_each(|entrant| println!("{:<20} {}", entrant.kind.name, entrant.kind.about));
        let mut left_out = plan.left_out();
        left_out.dedup();
        left_out.iter().for_each(|words| eprintln!("left out: {words}"));
        let outcome = drive::run(&plan, "rate", &mut |line| eprintln!("{line}"));
        println!(
            "\nthousands of calls a second, clients x window:\n\n{}",
            rate::table(&outcome.measured, &plan, &clients)
        );
        println!("{}", targets::lines(&rate::targets(&outcome.measured, &plan, &clients)));
        println!("{}", outcome.noise.words());
        let rows: Vec<Row> = outcome.measured.into_iter().map(|measured| measured.row).collect();
        self.given.write(&rows)?;
        outcome.failures.iter().for_each(|failure| eprintln!("failed: {failure}"));
        Ok(if outcome.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn clients(&self) -> Vec<u32> {
        if !self.clients.is_empty() {
            return self.clients.clone();
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        match u32::try_from(cores) {
            Ok(cores @ 2..) => vec![1, cores],
            _ => vec![1],
        }
    }
}

impl Idle {
    fn run(&self) -> Result<ExitCode, String> {
        let program = self.given.ours()?;
        print_machine(false)?;
        let idle = idle::run(program, Duration::from_secs(self.seconds), &mut |line| eprintln!("{line}"))?;
        println!("\n{}\n{}", targets::lines(&idle.targets()), idle.words());
        self.given.write(&idle.rows(&machine::line()))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Files {
    fn run(&self) -> Result<ExitCode, String> {
        let beside = std::env::current_exe().map_err(|error| error.to_string())?;
        let beside = beside.parent().unwrap_or(Path::new("."));
        print_machine(self.strict)?;
        let order = io::Order {
            program: &self.io,
            directory: self.dir.as_deref().unwrap_or(beside),
            file_mib: self.file_mib,
            depth: self.depth,
            rounds: if self.quick { self.rounds.min(3) } else { self.rounds },
            run: Duration::from_millis(if self.quick { 300 } else { 2000 }),
        };
        let io = io::run(&order, &mut |line| eprintln!("{line}"))?;
        println!("{}\n{}", io.text(), targets::lines(&io.targets()));
        self.given.write(&io.rows(&machine::line()))?;
        io.failures.iter().for_each(|failure| eprintln!("failed: {failure}"));
        Ok(if io.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Given {
    /// The binaries that were named, floors first.
    fn programs(&self) -> Vec<(Group, &Path)> {
        let named = [(Group::Floor, &self.floor), (Group::Rival, &self.compare), (Group::Ours, &self.ours)];
        named.into_iter().filter_map(|(group, path)| Some((group, path.as_deref()?))).collect()
    }

    fn ours(&self) -> Result<&Path, String> {
        self.ours
            .as_deref()
            .ok_or_else(|| "this bench measures Windlass alone; name its binary with --ours".into())
    }

    fn write(&self, rows: &[Row]) -> Result<(), String> {
        self.json.as_ref().map_or(Ok(()), |path| row::write(path, rows)).map_err(|error| error.to_string())
    }
}

/// What figures are taken on, and how busy it is.
///
/// # Errors
/// With `strict`, a machine that is busy with other things.
fn print_machine(strict: bool) -> Result<(), String> {
    let load = Load::look(Duration::from_millis(300));
    println!("machine: {}", machine::line());
    match load {
        Some(load) => {
            println!("load average {:.2}, cores {:.0} % busy before the run", load.average, load.busy * 100.0);
        }
        None => println!("load: unknown"),
    }
    match load.and_then(|load| load.warning()) {
        Some(warning) if strict => Err(format!("{warning}; --strict refuses to measure now")),
        Some(warning) => {
            eprintln!("{warning}");
            Ok(())
        }
        None => Ok(()),
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
        let parses = |line: &str| Command::try_parse_from(line.split(' ')).is_ok();
        assert!(parses("windlass-bench call --floor f --ours o --compare c --stages --placements one --quick"));
        assert!(!parses("windlass-bench call --ours o --stages --sizes 64"));
        assert!(parses(
            "windlass-bench rate --floor f --ours o --compare c --json j --windows 1,4096 --clients 1,2 --quick"
        ));
        assert!(!parses("windlass-bench rate --ours o --windows 5000"));
        assert!(parses("windlass-bench io --io b --dir d --quick --json j"));
        assert!(!parses("windlass-bench io --dir d"));
        assert!(parses("windlass-bench idle --floor f --ours o --compare c --json j --seconds 2"));
    }
}
