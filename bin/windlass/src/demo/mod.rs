//! Demo: real data through a compressor in another process and back, checked, with the figures.
//!
//! Lives here, in the order of the show: `columns` (the file, decoded), `node` (the other process), `measure` (there and back),
//! `table` (what is printed).
//! Holds: what is printed was measured in this run and every byte that came back was compared; the node ends with the demo,
//! also when it is interrupted.

mod columns;
mod measure;
mod node;
mod table;

use crate::args::DemoArgs;
use crate::output::Output;
use crate::trouble::Trouble;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use measure::{Measured, Pools};
use node::DemoNode;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// The flights file, from the root of the repository.
const FILE: &str = "data/flights-3m.parquet";

/// Whether the user asked the demo to end.
#[derive(Clone, Debug, Default)]
struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    fn watch() -> Result<Self, Trouble> {
        let interrupt = Self::default();
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&interrupt.0))
                .map_err(|error| Trouble::io("signals", &error))?;
        }
        Ok(interrupt)
    }

    fn check(&self) -> Result<(), Trouble> {
        if self.0.load(Ordering::Relaxed) { Err(Trouble::Interrupted) } else { Ok(()) }
    }
}

/// `windlass demo`.
pub fn run(args: &DemoArgs, output: Output) -> Result<(), Trouble> {
    let interrupt = Interrupt::watch()?;
    let path = file(args.file.as_deref())?;
    let began = Instant::now();
    let node = DemoNode::start()?;
    output.say(&format!(
        "node {} is ready as process {}; this is process {}",
        node.name,
        node.pid,
        std::process::id()
    ));

    let bar = bar(output, "reading");
    let columns = columns::decode(&path, args.rows, &bar, &interrupt)?;
    bar.finish_and_clear();
    let bytes: usize = columns.iter().map(|column| column.bytes.len()).sum();
    output.say(&format!("{}: {} columns, {} MB decoded", path.display(), columns.len(), bytes / 1_000_000));

    let client = node.connect()?;
    let pools = Pools::make(&client)?;
    if let Some(first) = columns.first() {
        measure::warm(&client, &pools, first, &interrupt)?;
    }
    let bar = self::bar(output, "there and back");
    bar.set_length((bytes * pools.count() * 2) as u64);
    let mut measured: Vec<Measured> = Vec::new();
    for column in &columns {
        measured.extend(measure::column(&client, &pools, column, &bar, &interrupt)?);
    }
    bar.finish_and_clear();
    drop(client);
    node.stop()?;
    table::show(&measured, bytes, began.elapsed(), output)
}

fn bar(output: Output, what: &'static str) -> ProgressBar {
    // Standard error of a terminal only; hidden for programs.
    let target = if output.json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style = ProgressStyle::with_template("{msg:>14} {wide_bar} {bytes:>10} of {total_bytes} {eta:>4}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(None, target).with_style(style).with_message(what)
}

/// The named file, else that of the checkout this command was built from, else that of the folder it runs in.
fn file(named: Option<&Path>) -> Result<PathBuf, Trouble> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(FILE);
    let found = [built_from, PathBuf::from(FILE)].into_iter().find(|path| path.is_file());
    let found = found.and_then(|path| path.canonicalize().ok());
    found.ok_or_else(|| {
        Trouble::usage(format!("there is no {FILE} here; run this in a checkout, or name it: --file PATH"))
    })
}
