//! Table: what the demo measured, and what to do next.

use super::measure::{Measured, Way};
use crate::output::{Output, Rows, program};
use crate::trouble::Trouble;
use serde_json::json;
use std::time::Duration;
use windlass_serve::units::duration_text;

/// Prints the figures.
///
/// # Errors
/// `Io` when standard output cannot be written.
pub fn show(measured: &[Measured], bytes: usize, took: Duration, output: Output) -> Result<(), Trouble> {
    let rows: Vec<_> = measured
        .iter()
        .map(|one| {
            json!({
                "column": one.column,
                "codec": one.codec,
                "way": one.way,
                "bytes": one.bytes,
                "packed_bytes": one.packed_bytes,
                "ratio": one.bytes as f64 / one.packed_bytes as f64,
                "gb_per_s": one.gb_per_s(),
                "compress_gb_per_s": one.bytes as f64 / one.compress_s / 1e9,
                "decompress_gb_per_s": one.bytes as f64 / one.decompress_s / 1e9,
                "piece_p50_us": one.p50().as_secs_f64() * 1e6,
                "pieces": one.pieces_s.len(),
                "client_copied_bytes": one.client_copied_bytes,
                "node_copied_bytes": one.node_copied_bytes,
            })
        })
        .collect();
    let whole = json!({ "bytes": bytes, "took_s": took.as_secs_f64(), "checked": true, "rows": rows });
    output.data(&whole, || format!("{}\n\n{}", figures(measured), story(measured, bytes, took)))
}

fn figures(measured: &[Measured]) -> String {
    let headings = [
        "column",
        "codec",
        ">MB",
        ">ratio",
        ">GB/s owned",
        ">GB/s frozen",
        ">p50 owned",
        ">p50 frozen",
        ">MB copied",
        ">frozen",
    ];
    let mut rows = Rows::new(&headings);
    for pair in pairs(measured) {
        let (owned, frozen) = pair;
        let megabytes = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
        rows.row([
            owned.column.clone(),
            owned.codec.to_owned(),
            megabytes(owned.bytes),
            format!("{:.1}", owned.bytes as f64 / owned.packed_bytes as f64),
            format!("{:.2}", owned.gb_per_s()),
            format!("{:.2}", frozen.gb_per_s()),
            duration_text(owned.p50()),
            duration_text(frozen.p50()),
            megabytes(owned.copied_bytes()),
            megabytes(frozen.copied_bytes()),
        ]);
    }
    rows.text()
}

/// Owned and frozen of the same column and codec.
fn pairs(measured: &[Measured]) -> impl Iterator<Item = (&Measured, &Measured)> {
    measured.chunks_exact(2).filter_map(|pair| match pair {
        [owned, frozen] if owned.way == Way::Owned && frozen.way == Way::Frozen => Some((owned, frozen)),
        _ => None,
    })
}

fn story(measured: &[Measured], bytes: usize, took: Duration) -> String {
    let sum = |way: Way| -> u64 { measured.iter().filter(|one| one.way == way).map(Measured::copied_bytes).sum() };
    let program = program();
    let codecs = measured.iter().map(|one| one.codec).collect::<std::collections::BTreeSet<_>>().len();
    format!(
        "This process sent {} MB of flights to a compressor in another process and back, with {codecs} codecs and in two ways, and\n\
         compared every byte: owned, as a slice ({} MB copied on the way), and frozen, as sealed memory that the node reads\n\
         in place ({} MB copied). GB/s and p50 (of pieces of 8 MiB) cover both calls; freezing and a first piece are not in them. All of it took {}.\n\n\
         Try next:\n  {program} serve    # a node of your own; then, in another terminal:\n  \
         {program} pool create squeeze compress && {program} describe squeeze\n  \
         {program} new module compressor    # a module of your own",
        bytes / 1_000_000,
        sum(Way::Owned) / 1_000_000,
        sum(Way::Frozen) / 1_000_000,
        duration_text(took)
    )
}
