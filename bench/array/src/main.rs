//! `windlass-bench-array`: the command line of the bench of arrays.
//!
//! Lives here: `Order`, the order of sizes and operations, the sum at the end.
//! Exit: 0, or 1 when an answer is wrong, a contender fails or a program cannot be run; figures beyond their target are said, not failed.
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock and runs programs")]

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use windlass_bench::machine::{self, Busy, Load};
use windlass_bench::row;
use windlass_bench_array::limits::ROUNDS_MAX;
use windlass_bench_array::operation::Operation;
use windlass_bench_array::rounds::{self, Cell, Task};
use windlass_bench_array::size::{self, Size};
use windlass_bench_array::worker::{Contender, Scripts};
use windlass_bench_array::{Failure, floor, small, table, target};

const EXAMPLES: &str = "Examples:
  cargo xtask bench array --json rows.json                 1e7 and 1e8 elements, five rounds
  cargo xtask bench array --quick                          1e6 elements, two rounds: an indication
  cargo xtask bench array --sizes 1e7 --operations argsort,groupby
  cargo xtask bench array --no-rivals --sizes 1e6          NumPy alone beside ours: it checks the answers
  windlass-bench-array --python venv/bin/python --quick    with an environment of one's own";

/// Measures operations over arrays in a node, beside NumPy, pandas, Polars and the machine's bandwidth.
#[derive(Debug, Parser)]
#[command(name = "windlass-bench-array", version, after_help = EXAMPLES)]
struct Order {
    /// An interpreter that has the packages windlass, numpy, pandas, polars and pyarrow.
    #[arg(long, value_name = "PROGRAM")]
    python: PathBuf,
    /// Writes the rows to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Elements of each array.
    #[arg(long, value_delimiter = ',', default_values_t = [Size(10_000_000), Size(100_000_000)])]
    sizes: Vec<Size>,
    /// How often everybody's turn comes.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=i64::from(ROUNDS_MAX)))]
    rounds: u32,
    /// 1e6 elements and two rounds: an indication, not a figure to publish.
    #[arg(long)]
    quick: bool,
    /// Which operations.
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Operation::ALL)]
    operations: Vec<Operation>,
    /// Who takes part; without NumPy no answer is checked.
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Contender::ALL)]
    contenders: Vec<Contender>,
    /// Calls of a round of small ones.
    #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    small_calls: u32,
    /// Leaves small calls out.
    #[arg(long)]
    no_small: bool,
}

fn main() -> ExitCode {
    match run(Order::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("windlass-bench-array: answers differ or a contender failed: see above");
            ExitCode::FAILURE
        }
        Err(failure) => {
            eprintln!("windlass-bench-array: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Measures and prints; whether all went well.
fn run(mut order: Order) -> Result<bool, Failure> {
    if order.quick {
        (order.sizes, order.rounds, order.small_calls) = (vec![Size(1_000_000)], 2, order.small_calls.min(1000));
    }
    let machine = machine::line();
    println!("machine: {machine}; {} rounds; the floor has {} threads", order.rounds, floor::threads());
    if let Some(warning) = Load::look(Duration::from_millis(200)).and_then(|load| load.warning()) {
        println!("{warning}");
    }
    let before = Busy::now();
    let scripts = Scripts::new(&order.python)?;
    let (mut rows, mut verdicts, mut well) = (Vec::new(), Vec::new(), true);
    if !order.no_small && order.contenders.contains(&Contender::Ours) {
        match small::measure(&scripts, order.small_calls, order.rounds) {
            Ok(found) => {
                println!("\n{}", table::small(&found));
                rows.extend(table::small_rows(&found, order.rounds, &machine));
                verdicts.extend(target::of_small(&found));
            }
            Err(error) => {
                println!("small calls failed: {error}\n");
                well = false;
            }
        }
    }
    for &size in &order.sizes {
        for &operation in &order.operations {
            let Some(available) = size::available_bytes() else {
                return Err("the kernel does not say how much memory is available".into());
            };
            if let Some(reason) = size::room(operation, size, order.contenders.len(), available) {
                println!("{reason}\n");
                continue;
            }
            let task =
                Task { scripts: &scripts, contenders: &order.contenders, operation, size, rounds: order.rounds };
            let warm = rounds::warm(&task)?;
            let cold = if operation.has_cold() { rounds::cold(&task)? } else { Vec::new() };
            for cells in [&warm, &cold] {
                if !cells.is_empty() {
                    println!("{}", table::cells(operation, size, cells));
                    rows.extend(table::rows(operation, size, cells, &machine));
                    well &= cells.iter().all(Cell::is_well);
                }
            }
            verdicts.extend(target::of(operation, size, &warm, &cold));
        }
    }
    println!("{}", table::verdicts(&verdicts));
    if let (Some(before), Some(now)) = (before, Busy::now()) {
        let all = now.since(&before);
        println!(
            "{:.0} % of the run was stolen by other guests of the host",
            all.stolen as f64 / all.all.max(1) as f64 * 100.0
        );
    }
    if let Some(path) = &order.json {
        row::write(path, &rows)?;
        println!("rows: {}", path.display());
    }
    Ok(well)
}
