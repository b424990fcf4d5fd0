//! `cargo xtask`: the project's own commands.
//!
//! Lives here: the command line. From: a developer or `.ci/run`. To: `suite`, `bench`.
//! Holds: exit code 0 = all is well, 1 = something failed, 2 = the command line is wrong.
//! Not here: any work.
#![allow(clippy::disallowed_methods, reason = "a build tool reads files")]

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use xtask::arkouda;
use xtask::bench::{self, Order};
use xtask::child;
use xtask::repo::{Repo, Trouble};
use xtask::rows::Spec;
use xtask::simulator;
use xtask::suite::Suite;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands", after_help = EXAMPLES)]
struct Cli {
    /// Another checkout than the one this was built from.
    #[arg(long, global = true, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Longest time that one test binary, or one build, may take before it is ended.
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 1200)]
    limit: u64,
    #[command(subcommand)]
    command: Task,
}

const EXAMPLES: &str = "Examples:
  cargo xtask check                              seconds: before a commit
  cargo xtask test                               everything; the last line is the sum
  cargo xtask sim --seeds 2000                   the runtime in virtual time, from seeds
  cargo xtask rows tasks                         which requirement rows have passing tests
  cargo xtask tdrv                               every row of tasks and I/O on both backends
  cargo xtask bench call --json rows.json        our calls beside floors and rivals
  cargo xtask bench array --quick                arrays beside NumPy, pandas and Polars
  cargo xtask py                                 the Python package: environment, wheel, tests
  cargo xtask demo                               the demo, from a release build";

#[derive(Subcommand)]
enum Task {
    /// Sets the machine up, then runs every check and every test; the last line is `N passed, N failed, N skipped`.
    #[command(after_help = "Examples:\n  cargo xtask test\n  cargo xtask --limit 300 test")]
    Test,
    /// Form, lints, layers, sizes, unused dependencies, words, faults: what takes seconds.
    #[command(after_help = "Example:\n  cargo xtask check")]
    Check,
    /// Holds the crates' dependencies against the table of edges in ARCHITECTURE.md.
    #[command(after_help = "Example:\n  cargo xtask layers")]
    Layers,
    /// Makes an environment, builds the Python package's wheel into it, and runs its tests; says what it installs.
    #[command(
        after_help = "Examples:\n  cargo xtask py\n  cargo xtask py --profile release\n  cargo xtask py -- -k faults"
    )]
    Py {
        /// Cargo's profile for the extension and the node in the wheel.
        #[arg(long, default_value = "dev")]
        profile: String,
        /// Handed to pytest.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Builds and runs the demo.
    #[command(after_help = "Examples:\n  cargo xtask demo\n  cargo xtask demo --json")]
    Demo {
        /// Handed to `windlass demo`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Builds the contenders and measures them in one run.
    #[command(
        after_help = "Examples:\n  cargo xtask bench call --json rows.json\n  cargo xtask bench call --no-rivals --quick\n  cargo xtask bench array --sizes 1e7,1e8 --json arrays.json"
    )]
    Bench {
        /// Which bench: `call`, ...
        name: String,
        /// Writes the rows to this file.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Leaves the rivals out: they take minutes to build the first time.
        #[arg(long)]
        no_rivals: bool,
        /// Handed to the bench driver, from the first word that is none of the above: `--quick`, `--sizes 64`, ...
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Shows the requirement rows of a specification, their tests, and how those stand.
    #[command(
        after_help = "Examples:\n  cargo xtask rows tasks\n  cargo xtask rows rpc --results test-output.txt"
    )]
    Rows {
        /// Which specification.
        spec: Spec,
        /// Reads a kept output of `cargo test` or `cargo xtask test` and runs nothing.
        #[arg(long, value_name = "FILE")]
        results: Option<PathBuf>,
    },
    /// Runs nodes, clients and tasks on one thread from seeds; a failure prints one line that replays it.
    #[command(
        after_help = "Examples:\n  cargo xtask sim --seeds 2000\n  cargo xtask sim --seed 7 --workload calls\n  cargo xtask sim --plants\n  cargo xtask sim -- --help"
    )]
    Sim {
        /// Handed to the simulator: `--seeds N`, `--seed S`, `--workload W`, `--plant BUG`, `--plants`, `--list`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Runs Arkouda's own test suite, from a checkout of it, against a node.
    #[command(
        after_help = "Examples:\n  cargo xtask arkouda-suite --src ../arkouda\n  cargo xtask arkouda-suite --src ../arkouda --ranks 1 -k sort --json out.json\n  cargo xtask arkouda-suite --src ../arkouda --features hdf5 -- tests/pandas/io_test.py\nWithout a checkout nothing is run, and that is said."
    )]
    ArkoudaSuite {
        /// A checkout of Arkouda at the tag v2026.07.15; nothing in it is written.
        #[arg(long, value_name = "DIR")]
        src: PathBuf,
        /// Ranks that the node announces.
        #[arg(long, value_name = "1,2,3", value_delimiter = ',', default_values_t = [1, 2, 3])]
        ranks: Vec<u32>,
        /// Writes sums and failing names to this file.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Which tests, as pytest's `-k`.
        #[arg(short = 'k', value_name = "EXPR")]
        select: Option<String>,
        /// Builds the node quickly instead of quick.
        #[arg(long)]
        dev: bool,
        /// Features of the node that are not built unless asked for, such as `hdf5`.
        #[arg(long, value_name = "hdf5", value_delimiter = ',')]
        features: Vec<String>,
        /// Files of tests, from the checkout; all that the suite names if there is none.
        #[arg(value_name = "tests/FILE.py")]
        files: Vec<String>,
    },
    /// Shows every row of tasks and I/O (T, IO, Y, B, F) and how it stands on both backends of the driver.
    #[command(after_help = "Examples:\n  cargo xtask tdrv\n  cargo xtask tdrv --results test-output.txt")]
    Tdrv {
        /// Reads a kept output of `cargo test` or `cargo xtask test` and runs nothing.
        #[arg(long, value_name = "FILE")]
        results: Option<PathBuf>,
    },
    /// Runs the bounded fuzz tests (named `fuzz_..`) on the stable compiler, in rounds with other seeds.
    #[command(after_help = "Example:\n  cargo xtask fuzz --seconds 60")]
    Fuzz {
        /// Begins no new round after this time; the first round is always run to its end.
        #[arg(long, default_value_t = 0)]
        seconds: u64,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(trouble) => {
            eprintln!("xtask: {trouble}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode, Trouble> {
    let repo = Repo::open(&cli.root.unwrap_or_else(home))?;
    let suite = || Suite::new(repo.clone(), Duration::from_secs(cli.limit));
    match cli.command {
        Task::Test => Ok(suite()?.test()),
        Task::Check => Ok(suite()?.check()),
        Task::Py { profile, rest } => Ok(suite()?.python(&profile, &rest)),
        Task::Layers => Ok(suite()?.layers()),
        Task::Rows { spec, results } => suite()?.rows(spec, results.as_ref()),
        Task::Sim { rest } => simulator::run(&repo, &rest).map(|()| ExitCode::SUCCESS),
        Task::Tdrv { results } => suite()?.tdrv(results.as_ref()),
        Task::ArkoudaSuite { src, ranks, json, select, dev, features, files } => {
            let order = arkouda::Order { source: src, ranks, json, select, dev, features, files };
            arkouda::run(&repo, &order).map(|()| ExitCode::SUCCESS)
        }
        Task::Fuzz { seconds } => Ok(suite()?.fuzz(seconds)),
        Task::Demo { rest } => {
            let mut command = repo.cargo(&["run", "--release", "--bin", "windlass", "--", "demo"]);
            child::pass(command.args(rest)).map(|()| ExitCode::SUCCESS)
        }
        Task::Bench { name, json, no_rivals, mut rest } => {
            // Behind a word for the driver our own flag looks like one of the driver's.
            let late = rest.iter().position(|word| word == "--no-rivals").map(|at| rest.remove(at));
            bench::run(&repo, &Order { name, rivals: !no_rivals && late.is_none(), json, rest })
                .map(|()| ExitCode::SUCCESS)
        }
    }
}

/// The checkout this was built from; Cargo says it again when it runs us.
fn home() -> PathBuf {
    let package =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    package.parent().map_or_else(|| PathBuf::from("."), PathBuf::from)
}
