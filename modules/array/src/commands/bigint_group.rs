//! Bigint in groups: a value of each group for its rows, and the values of each group to one.
//!
//! Lives here: what the commands over groups (`group`) do when their values have no width.
//! Holds: what results may need is admitted before it is computed. A sum has no width even if its values have one, as the ancestor has
//!   it; what is picked of values, or made of their bits, keeps theirs.

use super::bigint::{Values, admit, load, store};
use super::group::spread;
use crate::words::kept;
use crate::work::{bad, fault, not_implemented, room};
use std::collections::BTreeSet;
use std::ops::Range;
use windlass::prelude::*;
use windlass_kernels::bigint::{BigInt, Modulus};

/// Rows that are worked on before others may run.
const PIECE: usize = 1024;

/// A value of each group, which begin at `starts`, for each of `rows`, or for the row that `order` names.
pub(super) async fn broadcast(
    cx: &Context<'_>,
    name: &str,
    starts: &[i64],
    order: Option<&[i64]>,
    rows: usize,
) -> Result<String, Fault> {
    let big = load(cx, name).await?;
    if big.values.len() != starts.len() {
        return Err(bad(format!("{} values for {} groups of {rows} rows", big.values.len(), starts.len())));
    }
    admit(cx, rows, widest(&big.values))?;
    let mut out = vec![BigInt::default(); rows];
    spread(cx, starts, order, &big.values, &mut out).await?;
    store(cx, &[rows], out, &big.modulus).await
}

/// The values of each group, which begin at `starts`, to one.
pub(super) async fn reduced(cx: &Context<'_>, name: &str, starts: &[i64], op: &str) -> Result<String, Fault> {
    let big = load(cx, name).await?;
    let groups = ranges(starts, big.values.len())?;
    if matches!(op, "count" | "nunique") {
        let mut out = room::<i64>(cx, &[groups.len()])?;
        for (out, group) in out.iter_mut().zip(&groups) {
            let values = &big.values[group.clone()];
            let count = if op == "count" { values.len() } else { values.iter().collect::<BTreeSet<_>>().len() };
            *out = count as i64;
            cx.yield_if_due().await?;
        }
        return kept(cx, &out.done());
    }
    // A carry for each doubling of the number of rows.
    admit(cx, groups.len(), widest(&big.values) + u64::from(usize::BITS - big.values.len().leading_zeros()))?;
    let max_bits = if op == "sum" { None } else { big.modulus.max_bits() };
    let modulus = Modulus::new(max_bits).map_err(fault)?;
    let mut out = Vec::with_capacity(groups.len());
    for group in groups {
        out.push(one_of(cx, &big, &modulus, group, op).await?);
    }
    store(cx, &[out.len()], out, &modulus).await
}

async fn one_of(
    cx: &Context<'_>,
    big: &Values,
    modulus: &Modulus,
    group: Range<usize>,
    op: &str,
) -> Result<BigInt, Fault> {
    let mut values = big.values[group].iter();
    let first = match op {
        "sum" | "or" | "xor" => BigInt::default(),
        // All bits of no values are set.
        "and" => modulus.wrap(BigInt::from(-1)),
        "min" | "max" | "first" => {
            values.next().cloned().ok_or_else(|| bad(format!("a group without values has no {op}")))?
        }
        _ => return Err(not_implemented(&format!("segmented {op}"), &[Dtype::BigInt])),
    };
    if op == "first" {
        return Ok(first);
    }
    let mut result = first;
    for (at, value) in values.enumerate() {
        match op {
            "sum" => result += value,
            "or" => result |= value,
            "xor" => result ^= value,
            "and" => result &= value,
            "min" if *value < result => result.clone_from(value),
            "max" if *value > result => result.clone_from(value),
            _ => {}
        }
        if at % PIECE == 0 {
            cx.yield_if_due().await?;
        }
    }
    Ok(result)
}

/// Bits of the widest value.
fn widest(values: &[BigInt]) -> u64 {
    values.iter().map(BigInt::bits).max().unwrap_or(0)
}

/// The rows of each group.
fn ranges(starts: &[i64], rows: usize) -> Result<Vec<Range<usize>>, Fault> {
    windlass_kernels::group::check_segments(starts, rows).map_err(fault)?;
    let ends = starts.iter().skip(1).map(|&end| end as usize).chain([rows]);
    Ok(starts.iter().zip(ends).map(|(&start, end)| start as usize..end).collect())
}
