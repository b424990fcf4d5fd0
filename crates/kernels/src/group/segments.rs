//! Reductions over segments of a permutation, and what needs a segment's order: medians, modes, different values, heads and tails.

use super::groups::segment;
use crate::element::Element;
use crate::error::KernelError;
use crate::limits::BLOCK;
use crate::reduce::Reducer;
use crate::sort::Index;
use std::ops::Range;

/// A value by its row, which must exist.
#[inline(always)]
fn fetch<T: Copy, I: Index>(values: &[T], row: I) -> Result<T, KernelError> {
    let bad = KernelError::Bounds { what: "row", at: row.row() as i64, len: values.len() };
    values.get(row.row()).copied().ok_or(bad)
}

fn part<T: Element, R: Reducer<T>, I: Index>(
    reducer: R,
    values: &[T],
    rows: &[I],
    room: &mut [T],
) -> Result<R::Acc, KernelError> {
    let mut acc = reducer.start();
    for (block, rows) in rows.chunks(BLOCK).enumerate() {
        for (room, &row) in room.iter_mut().zip(rows) {
            *room = fetch(values, row)?;
        }
        reducer.run(&mut acc, &room[..rows.len()], block * BLOCK);
    }
    Ok(acc)
}

/// `out[k]` is the reduction of the values of group `groups.start + k`.
///
/// Cost: one gather; the order of groups is that of the permutation, so a morsel is a range of groups.
///
/// # Errors
/// `OutputSize`; `Bounds` for segments or a permutation that do not belong together; `Empty` for an empty segment if the reduction has no
/// neutral value.
pub fn segmented<T: Element, R: Reducer<T>, I: Index>(
    reducer: R,
    values: &[T],
    (permutation, starts): (&[I], &[i64]),
    groups: Range<usize>,
    out: &mut [R::Out],
) -> Result<(), KernelError> {
    KernelError::check_output(groups.len(), out.len())?;
    let mut room = [T::default(); BLOCK];
    for (g, out) in groups.zip(out) {
        let rows = &permutation[segment(starts, permutation.len(), g)?];
        *out = reducer.finish(&part(reducer, values, rows, &mut room)?)?;
    }
    Ok(())
}

/// Parts of groups that stand one after another in `values`: of each group that has a value in `range`, in order, what those came to.
/// Parts of one group follow each other from range to range; `Reducer::merge` joins them. A group without values has none.
///
/// Cost: one pass, of a range that needs no other: a morsel is a range of values, however large a group is.
///
/// # Errors
/// `Bounds` for a range outside of the values, or segments that do not ascend inside them.
pub fn parts_in_order<T: Element, R: Reducer<T>>(
    reducer: R,
    values: &[T],
    starts: &[i64],
    range: Range<usize>,
) -> Result<Vec<(usize, R::Acc)>, KernelError> {
    let len = values.len();
    if range.end > len {
        return Err(KernelError::Bounds { what: "range end", at: range.end as i64, len });
    }
    let mut parts = Vec::new();
    let mut at = range.start;
    let mut group = starts.partition_point(|&start| start <= at as i64).saturating_sub(1);
    while at < range.end {
        let all = segment(starts, len, group)?;
        // Values before the first group are in none.
        let from = at.max(all.start);
        let until = all.end.min(range.end);
        if from < until {
            let mut acc = reducer.start();
            reducer.run(&mut acc, &values[from..until], from - all.start);
            parts.push((group, acc));
        }
        at = at.max(until);
        group += 1;
        if group == starts.len() {
            break;
        }
    }
    Ok(parts)
}

/// As `segmented` for `ArgMin` and `ArgMax`: the row in the whole array, not in the group.
///
/// # Errors
/// As `segmented`.
pub fn segmented_place<T: Element, R: Reducer<T, Out = u64>, I: Index>(
    reducer: R,
    values: &[T],
    (permutation, starts): (&[I], &[i64]),
    groups: Range<usize>,
    out: &mut [u64],
) -> Result<(), KernelError> {
    segmented(reducer, values, (permutation, starts), groups.clone(), out)?;
    for (g, out) in groups.zip(out) {
        let rows = &permutation[segment(starts, permutation.len(), g)?];
        *out = fetch(rows, *out as usize)?.row() as u64;
    }
    Ok(())
}

/// What needs the values of a group in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// The middle one, or the mean of the two in the middle; NaN if one is NaN, or of none.
    Median,
    /// Different values; NaN counts as one.
    Distinct,
    /// The value that occurs most, the least of several.
    Mode,
}

/// `out[k]` is an order statistic of the values of group `groups.start + k`: as a float for `Median`, a count for `Distinct`; for `Mode`
/// the row of the mode's first occurrence, from which any dtype is gathered exactly.
///
/// Cost: a sort of each group.
///
/// # Errors
/// As `segmented`; `Empty` for the mode of an empty segment.
pub fn order_statistic<T: Element, I: Index>(
    what: Statistic,
    values: &[T],
    (permutation, starts): (&[I], &[i64]),
    groups: Range<usize>,
    out: &mut [f64],
) -> Result<(), KernelError> {
    KernelError::check_output(groups.len(), out.len())?;
    let mut sorted: Vec<(u64, usize)> = Vec::new();
    for (g, out) in groups.zip(out) {
        sorted.clear();
        for &row in &permutation[segment(starts, permutation.len(), g)?] {
            sorted.push((fetch(values, row)?.key(), row.row()));
        }
        sorted.sort_unstable();
        *out = match what {
            Statistic::Median => median(&sorted, values),
            Statistic::Distinct => sorted.chunk_by(|a, b| a.0 == b.0).count() as f64,
            Statistic::Mode => {
                let mut best: &[(u64, usize)] = &[];
                for run in sorted.chunk_by(|a, b| a.0 == b.0) {
                    best = if run.len() > best.len() { run } else { best };
                }
                best.first().ok_or(KernelError::Empty { operation: "mode" })?.1 as f64
            }
        };
    }
    Ok(())
}

fn median<T: Element>(sorted: &[(u64, usize)], values: &[T]) -> f64 {
    let at = |place: usize| values[sorted[place].1].to_f64();
    match sorted.len() {
        0 => f64::NAN,
        n if at(n - 1).is_nan() => f64::NAN,
        n if n % 2 == 1 => at(n / 2),
        n => (at(n / 2 - 1) + at(n / 2)) / 2.0,
    }
}

/// Which rows of each group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The first so many.
    Head(usize),
    /// The last so many.
    Tail(usize),
}

/// How many rows `ends` writes for each group, and in all.
///
/// # Errors
/// `Bounds` for segments that do not ascend inside the rows.
pub fn end_sizes(end: End, starts: &[i64], rows: usize) -> Result<(Vec<i64>, usize), KernelError> {
    let (End::Head(n) | End::Tail(n)) = end;
    let mut sizes = Vec::with_capacity(starts.len());
    let mut all = 0;
    for g in 0..starts.len() {
        let size = segment(starts, rows, g)?.len().min(n);
        sizes.push(size as i64);
        all += size;
    }
    Ok((sizes, all))
}

/// The rows at one end of each group, group after group, in their order.
///
/// # Errors
/// `OutputSize` if `out` has not the room that `end_sizes` told; `Bounds` for segments that do not ascend inside the rows.
pub fn ends<I: Index>(end: End, permutation: &[I], starts: &[i64], out: &mut [I]) -> Result<(), KernelError> {
    let (_, all) = end_sizes(end, starts, permutation.len())?;
    KernelError::check_output(all, out.len())?;
    let mut at = 0;
    for g in 0..starts.len() {
        let rows = &permutation[segment(starts, permutation.len(), g)?];
        let kept = match end {
            End::Head(n) => &rows[..n.min(rows.len())],
            End::Tail(n) => &rows[rows.len() - n.min(rows.len())..],
        };
        out[at..at + kept.len()].copy_from_slice(kept);
        at += kept.len();
    }
    Ok(())
}
