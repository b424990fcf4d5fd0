//! Reductions: many values to one, over everything or along axes.
//!
//! Lives here: `Reducer` (what one reduction does with values and with parts), the drivers `partial`, `combine`, `whole` and
//!   `along`; the reducers themselves in `order` (min, max and where), `totals` (sums, products, counts, any, all, bits),
//!   `moments` (mean, variance), `nan` (the same without NaN). Group-by and segments use the same reducers (`group/`).
//! Holds: parts are cut by `morsel` and combined in their order, so a result has the same bits however many workers made it.
//! Not here: medians and quantiles, which need order (`stats/`).

mod moments;
mod nan;
mod order;
mod totals;

pub use moments::{Moment, MomentOf, Moments};
pub use nan::SkipNan;
pub use order::{ArgMax, ArgMin, Max, Min};
pub use totals::{All, Any, BitAnd, BitOr, BitXor, Count, CountTrue, First, Prod, Sum};

use crate::element::Element;
use crate::error::KernelError;
use crate::limits::BLOCK;
use crate::morsel;
use crate::shape::Shape;
use crate::view::{Block, View, scratch};
use std::ops::Range;

/// One reduction. `Acc` is a part of it: what some values in a row came to.
pub trait Reducer<T: Element>: Copy + Sync {
    /// A part.
    type Acc: Clone + Send;
    /// The result.
    type Out: Copy + Default;

    /// The part of no values.
    fn start(&self) -> Self::Acc;
    /// Takes one more value in; `at` is its index among all that are reduced.
    fn push(&self, acc: &mut Self::Acc, value: T, at: usize);
    /// Takes a row of values in, the first with index `at`. Vectorised where it pays.
    #[inline]
    fn run(&self, acc: &mut Self::Acc, values: &[T], at: usize) {
        for (offset, &value) in values.iter().enumerate() {
            self.push(acc, value, at + offset);
        }
    }
    /// Takes in the part of the values that follow.
    fn merge(&self, acc: &mut Self::Acc, next: &Self::Acc);
    /// The result of all values.
    ///
    /// # Errors
    /// `Empty` if there were none and the reduction has no neutral value.
    fn finish(&self, acc: &Self::Acc) -> Result<Self::Out, KernelError>;
}

/// The part of a range of flat indices. Cost: one pass, bound by memory for most.
///
/// # Errors
/// `Bounds` for a range outside.
pub fn partial<T: Element, R: Reducer<T>>(
    reducer: R,
    view: &View<'_, T>,
    range: Range<usize>,
) -> Result<R::Acc, KernelError> {
    let mut acc = reducer.start();
    let mut at = range.start;
    let mut walk = view.walk_checked(&range)?;
    let mut room = scratch();
    let longest = if walk.is_plain() { morsel::ELEMENTS } else { BLOCK };
    while walk.left() > 0 {
        let n = walk.left().min(longest);
        match walk.next(n, &mut room) {
            Block::Run(run) => {
                reducer.run(&mut acc, run, at);
                at += run.len();
            }
            Block::Same(value) => {
                let same = [value; BLOCK];
                let mut left = n;
                while left > 0 {
                    let n = left.min(BLOCK);
                    reducer.run(&mut acc, &same[..n], at);
                    (at, left) = (at + n, left - n);
                }
            }
        }
    }
    Ok(acc)
}

/// One part of parts that follow one another, joined as a balanced tree, so that rounding grows with its depth only.
#[must_use]
pub fn combine<T: Element, R: Reducer<T>>(reducer: R, parts: &[R::Acc]) -> R::Acc {
    match parts {
        [] => reducer.start(),
        [part] => part.clone(),
        parts => {
            let (left, right) = parts.split_at(parts.len() / 2);
            let mut acc = combine(reducer, left);
            reducer.merge(&mut acc, &combine(reducer, right));
            acc
        }
    }
}

/// The reduction of everything, morsel after morsel; the bits that `partial` per morsel and `combine` give.
///
/// # Errors
/// `Empty` if there is nothing and the reduction has no neutral value.
pub fn whole<T: Element, R: Reducer<T>>(reducer: R, view: &View<'_, T>) -> Result<R::Out, KernelError> {
    let parts: Result<Vec<_>, _> =
        morsel::split(view.elements()).map(|range| partial(reducer, view, range)).collect();
    reducer.finish(&combine(reducer, &parts?))
}

/// Elements behind each result of a reduction along axes (bit `i` of `axes` is axis `i`).
#[must_use]
pub fn fan_in(shape: &Shape, axes: u8) -> usize {
    shape.iter().enumerate().filter(|(axis, _)| axes >> axis & 1 == 1).map(|(_, &dim)| dim).product()
}

/// Results per call of `along` that make about a morsel of work; at least 1.
#[must_use]
pub fn results_per_morsel(shape: &Shape, axes: u8) -> usize {
    (morsel::ELEMENTS / fan_in(shape, axes).max(1)).max(1)
}

/// A view with the kept axes first, and the other way round.
fn parted<'a, T: Element>(view: &View<'a, T>, axes: u8, kept_first: bool) -> Result<View<'a, T>, KernelError> {
    let (reduced, kept): (Vec<usize>, Vec<usize>) =
        (0..view.shape().rank()).partition(|axis| axes >> axis & 1 == 1);
    let order = if kept_first { [kept, reduced].concat() } else { [reduced, kept].concat() };
    view.permute(&order)
}

fn check_axes(shape: &Shape, axes: u8) -> Result<(), KernelError> {
    if u32::from(axes) >> shape.rank() != 0 {
        let at = i64::from(7 - axes.leading_zeros() as u8);
        return Err(KernelError::Bounds { what: "axis", at, len: shape.rank() });
    }
    Ok(())
}

/// The elements behind result `k` of a reduction along axes, as a view: for few results with many elements each, whose
/// morsels are then `partial`s of this view.
///
/// # Errors
/// `Bounds` for an axis or a result that does not exist.
pub fn line<'a, T: Element>(view: &View<'a, T>, axes: u8, k: usize) -> Result<View<'a, T>, KernelError> {
    check_axes(view.shape(), axes)?;
    let kept = view.shape().reduced(axes, false)?;
    if k >= kept.elements() {
        return Err(KernelError::Bounds { what: "result", at: k as i64, len: kept.elements() });
    }
    let mut out = parted(view, axes, true)?;
    let at = kept.coordinates(k);
    for (axis, &at) in at.iter().enumerate().take(kept.rank()) {
        out = out.slice(axis, at as i64, at as i64 + 1, 1)?;
    }
    out.squeeze(((1u16 << kept.rank()) - 1) as u8)
}

/// Reduces along axes: results `range` of the shape `Shape::reduced(axes, ..)`, row-major, into `out`.
///
/// An index in a result (`ArgMin`) counts the reduced elements row-major. Cost: one pass in the order that memory lies:
/// along the last axis each line is reduced, along the first whole rows are.
///
/// # Errors
/// `Bounds`, `OutputSize`; `Empty` if lines have no elements and the reduction has no neutral value.
pub fn along<T: Element, R: Reducer<T>>(
    reducer: R,
    view: &View<'_, T>,
    axes: u8,
    range: Range<usize>,
    out: &mut [R::Out],
) -> Result<(), KernelError> {
    check_axes(view.shape(), axes)?;
    KernelError::check_output(range.len(), out.len())?;
    let results = view.shape().reduced(axes, false)?.elements();
    if range.end > results {
        return Err(KernelError::Bounds { what: "range end", at: range.end as i64, len: results });
    }
    let each = fan_in(view.shape(), axes);
    if rows_lie_together(view, axes) && each > 1 {
        return along_rows(reducer, &parted(view, axes, false)?, results, each, range, out);
    }
    let lines = parted(view, axes, true)?;
    for (k, out) in range.zip(out) {
        *out = reducer.finish(&part_of_line(reducer, &lines, k * each..(k + 1) * each)?)?;
    }
    Ok(())
}

/// The part of a line, whose indices begin with 0.
fn part_of_line<T: Element, R: Reducer<T>>(
    reducer: R,
    lines: &View<'_, T>,
    line: Range<usize>,
) -> Result<R::Acc, KernelError> {
    let mut parts = Vec::new();
    let mut walk = lines.walk_checked(&line)?;
    let mut room = scratch();
    let mut at = 0;
    let mut acc = reducer.start();
    while walk.left() > 0 {
        let n = walk.left().min(if walk.is_plain() { morsel::ELEMENTS } else { BLOCK });
        match walk.next(n, &mut room) {
            Block::Run(run) => {
                reducer.run(&mut acc, run, at);
                at += run.len();
            }
            Block::Same(value) => {
                (0..n).for_each(|offset| reducer.push(&mut acc, value, at + offset));
                at += n;
            }
        }
        if at % morsel::ELEMENTS == 0 {
            parts.push(std::mem::replace(&mut acc, reducer.start()));
        }
    }
    parts.push(acc);
    Ok(combine(reducer, &parts))
}

/// Whether the axis with the smallest step is one that is kept.
fn rows_lie_together<T: Element>(view: &View<'_, T>, axes: u8) -> bool {
    (0..view.shape().rank())
        .filter(|&axis| view.shape()[axis] > 1)
        .min_by_key(|&axis| view.strides().along(axis).unsigned_abs())
        .is_some_and(|axis| axes >> axis & 1 == 0)
}

fn along_rows<T: Element, R: Reducer<T>>(
    reducer: R,
    rows: &View<'_, T>,
    results: usize,
    each: usize,
    range: Range<usize>,
    out: &mut [R::Out],
) -> Result<(), KernelError> {
    let mut room = scratch();
    let mut accs = Vec::with_capacity(BLOCK.min(out.len()));
    let mut k = range.start;
    for part in out.chunks_mut(BLOCK) {
        accs.clear();
        accs.resize(part.len(), reducer.start());
        for row in 0..each {
            let start = row * results + k;
            let mut walk = rows.walk_checked(&(start..start + part.len()))?;
            match walk.next(part.len(), &mut room) {
                Block::Run(run) => {
                    accs.iter_mut().zip(run).for_each(|(acc, &value)| reducer.push(acc, value, row));
                }
                Block::Same(value) => accs.iter_mut().for_each(|acc| reducer.push(acc, value, row)),
            }
        }
        for (out, acc) in part.iter_mut().zip(&accs) {
            *out = reducer.finish(acc)?;
        }
        k += part.len();
    }
    Ok(())
}
