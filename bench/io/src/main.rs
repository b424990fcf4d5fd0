//! `windlass-bench-io`: contenders of the io bench.
//!
//! ```text
//! BIN kinds                                     one name a line: what was built
//! BIN prepare FILE --blocks N                   writes the file, each block with its number in front
//! BIN run KIND read|write FILE --blocks N ..    one round; prints one JSON `Report`
//! ```
//! Lives here: the command line; `work` (what all of them do, and how it is measured), `ours`, `bare`, `raw`, `compio`.
//! Holds: every contender asks for the same random blocks of one file, keeps as many under way, reads the clock once an
//! operation, and checks the number in each block that it reads.
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock and makes its own file")]
#![allow(unsafe_code, reason = "a bench of bare system calls: the raw ring")]

mod bare;
#[cfg(feature = "compio")]
mod compio;
mod ours;
mod raw;
mod work;

use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use windlass_driver::real::Backend;
use work::{Failure, Order};

/// One contender of the io bench, one round at a time.
#[derive(Debug, Parser)]
#[command(name = "windlass-bench-io", version)]
struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Names what was built.
    Kinds,
    /// Writes the file.
    Prepare {
        /// Where.
        file: PathBuf,
        /// Its length in blocks of 4 KiB.
        #[arg(long)]
        blocks: u64,
    },
    /// Runs one round.
    Run {
        /// Who.
        kind: String,
        /// What.
        way: Way,
        /// A file that `prepare` wrote.
        file: PathBuf,
        /// Its length in blocks of 4 KiB.
        #[arg(long)]
        blocks: u64,
        /// Through the page cache instead of around it: what the software costs without the device.
        #[arg(long)]
        cached: bool,
        /// Operations under way at once.
        #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1024))]
        depth: u32,
        /// Not counted, in milliseconds.
        #[arg(long, default_value_t = 200)]
        warm_ms: u64,
        /// Counted, in milliseconds.
        #[arg(long, default_value_t = 2000)]
        run_ms: u64,
        /// Which blocks.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Way {
    Read,
    Write,
}

const KINDS: &[&str] = &[
    "ours",
    "ours-bare",
    "ours-polling",
    "raw",
    #[cfg(feature = "compio")]
    "compio",
];

fn main() -> ExitCode {
    match go(Command::parse().what) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("windlass-bench-io: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn go(what: What) -> Result<(), Failure> {
    match what {
        What::Kinds => {
            KINDS.iter().for_each(|kind| println!("{kind}"));
            Ok(())
        }
        What::Prepare { file, blocks } => work::prepare(&file, blocks),
        What::Run { kind, way, file, blocks, cached, depth, warm_ms, run_ms, seed } => {
            let (warm, run) = (Duration::from_millis(warm_ms), Duration::from_millis(run_ms));
            let order = Order { file, write: matches!(way, Way::Write), cached, blocks, depth, warm, run, seed };
            let report = match kind.as_str() {
                "ours" => ours::run(&order, Backend::IoUring),
                "ours-polling" => ours::run(&order, Backend::Polling),
                "ours-bare" => bare::run(&order),
                "raw" => raw::run(&order),
                #[cfg(feature = "compio")]
                "compio" => compio::run(&order),
                _ => Err(format!("no kind `{kind}`; there are {}", KINDS.join(", ")).into()),
            }?;
            println!("{}", serde_json::to_string(&report)?);
            Ok(())
        }
    }
}
