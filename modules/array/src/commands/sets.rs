//! Sets: the distinct values of an array, and operations on two arrays as sets.
//!
//! Holds: a result is ascending and without equal values, NaN last and one; `setdiff1d` of values that the caller says are distinct keeps
//! their order, as the ancestor does.

use crate::work::{
    bad, cast_to, drive, fault, fill, kernel_dtype, not_implemented, our_dtype, ready_room, room, steps, view,
};
use windlass::prelude::*;
use windlass_kernels::group::{GroupBy, counts};
use windlass_kernels::search::Members;
use windlass_kernels::sets::{SetMerge, SetOp};
use windlass_kernels::sort::{Keys, SortValues};
use windlass_kernels::{Element, View, index, morsel, promote, with_dtype};

/// Sets.
pub struct Sets;

/// Arrays as sets: distinct values, unions, intersections, differences.
#[module(name = "array_sets", export = false, stateless)]
impl Sets {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// The values that are in one of two arrays, or both.
    #[method(standard)]
    async fn union1d(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        merged(cx, given, SetOp::Union).await
    }

    /// The values that are in both arrays.
    #[method(standard)]
    async fn intersect1d(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        merged(cx, given, SetOp::Intersection).await
    }

    /// The values that are in exactly one of two arrays.
    #[method(standard)]
    async fn setxor1d(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        merged(cx, given, SetOp::SymmetricDifference).await
    }

    /// The values of the first array that are not in the second.
    #[method(standard)]
    async fn setdiff1d(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        if !given.scalar::<bool>("assume_unique")? {
            return merged(cx, given, SetOp::Difference).await;
        }
        let (asked, among) = operands(cx, given).await?;
        with_dtype!(kernel_dtype(asked.dtype()), T => {
            left_over::<T>(cx, &view(&asked)?, &view(&among)?).await
        }, else => Err(not_implemented("setdiff1d", &[asked.dtype()])))
    }

    /// Whether each of some strings is one of others.
    #[method(standard, name = "segmentedIn1d")]
    async fn segmented_in1d(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let (asked, among) = (given.strings(cx, "obj")?, given.strings(cx, "other")?);
        let invert = given.scalar::<bool>("invert")?;
        let mut members = std::collections::HashSet::with_capacity(among.len());
        for range in morsel::split(among.len()) {
            members.extend(range.filter_map(|at| among.get(at)));
            cx.yield_if_due().await?;
        }
        let mut out = room::<bool>(cx, &[asked.len()])?;
        for (range, part) in morsel::outputs(&mut out) {
            for (at, one) in range.zip(part) {
                *one = asked.get(at).is_some_and(|text| members.contains(text)) != invert;
            }
            cx.yield_if_due().await?;
        }
        Ok(out.done())
    }

    /// The distinct values of an array, ascending.
    #[method(each(T in Element, n in Rank), standard, name = "uniqueValues")]
    async fn unique_values(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let array = given.array(cx, "name")?;
        with_dtype!(kernel_dtype(array.dtype()), T => Ok(distinct_of::<T>(cx, &array).await?.done()),
            else => Err(not_implemented("uniqueValues", &[array.dtype()])))
    }

    /// The distinct values of an array, and how often each occurs.
    #[method(each(T in Element, n in Rank), standard, name = "uniqueCounts")]
    async fn unique_counts(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Vec<Array>, Fault> {
        let array = given.array(cx, "name")?;
        with_dtype!(kernel_dtype(array.dtype()), T => {
            let found = Found::of::<T>(cx, &array).await?;
            Ok(vec![found.values::<T>(cx, &array).await?, found.counts(cx).await?])
        }, else => Err(not_implemented("uniqueCounts", &[array.dtype()])))
    }

    /// The distinct values of an array, and where among them each of its elements is.
    #[method(each(T in Element, n in Rank), standard, name = "uniqueInverse")]
    async fn unique_inverse(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Vec<Array>, Fault> {
        let array = given.array(cx, "name")?;
        with_dtype!(kernel_dtype(array.dtype()), T => {
            let found = Found::of::<T>(cx, &array).await?;
            Ok(vec![found.values::<T>(cx, &array).await?, found.inverse(cx, array.shape()).await?])
        }, else => Err(not_implemented("uniqueInverse", &[array.dtype()])))
    }

    /// The distinct values of an array, where each stands first, where each element is among them, and how often each occurs.
    #[method(each(T in Element, n in Rank), standard, name = "uniqueAll")]
    async fn unique_all(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Vec<Array>, Fault> {
        let array = given.array(cx, "name")?;
        with_dtype!(kernel_dtype(array.dtype()), T => {
            let found = Found::of::<T>(cx, &array).await?;
            let firsts = found.firsts(cx).await?;
            let inverse = found.inverse(cx, array.shape()).await?;
            Ok(vec![found.values::<T>(cx, &array).await?, firsts, inverse, found.counts(cx).await?])
        }, else => Err(not_implemented("uniqueAll", &[array.dtype()])))
    }
}

/// The two arrays of a set operation in one dtype.
async fn operands(cx: &Context<'_>, given: &Given) -> Result<(Array, Array), Fault> {
    let (left, right) = (given.array(cx, "arg1")?, given.array(cx, "arg2")?);
    let common = promote(kernel_dtype(left.dtype()), kernel_dtype(right.dtype()));
    let common = common.map(our_dtype).ok_or_else(|| bad("no dtype holds both"))?;
    Ok((cast_to(cx, &left, common).await?, cast_to(cx, &right, common).await?))
}

async fn merged(cx: &Context<'_>, given: &Given, op: SetOp) -> Result<Array, Fault> {
    let (left, right) = operands(cx, given).await?;
    with_dtype!(kernel_dtype(left.dtype()), T => {
        let (left, right) = (distinct_of::<T>(cx, &left).await?, distinct_of::<T>(cx, &right).await?);
        let mut count = SetMerge::count(op, &left, &right);
        drive(cx, &mut count).await?;
        let mut out = room::<T>(cx, &[count.kept()])?;
        steps(cx, SetMerge::write(op, &left, &right, &mut out)).await?;
        Ok(out.done())
    }, else => Err(not_implemented("set operation", &[left.dtype()])))
}

/// The distinct values of an array, ascending.
async fn distinct_of<T: Item + Element>(cx: &Context<'_>, array: &Array) -> Result<Fresh<T>, Fault> {
    let from = view::<T>(array)?;
    let mut sorted = ready_room::<T>(cx, &[from.elements()]).await?;
    steps(cx, SortValues::new(from, &mut sorted[..]).map_err(fault)?).await?;
    let is_new = |at: usize| at == 0 || sorted[at].key() != sorted[at - 1].key();
    let mut count = 0;
    for range in morsel::split(sorted.len()) {
        count += range.filter(|&at| is_new(at)).count();
        cx.yield_if_due().await?;
    }
    let mut out = room::<T>(cx, &[count])?;
    let mut rest = &mut out[..];
    for range in morsel::split(sorted.len()) {
        for at in range.filter(|&at| is_new(at)) {
            // There is a place for each that was counted.
            if let Some((place, others)) = std::mem::take(&mut rest).split_first_mut() {
                *place = sorted[at];
                rest = others;
            }
        }
        cx.yield_if_due().await?;
    }
    Ok(out)
}

/// The elements of one array that are not in another, in their order.
async fn left_over<T: Item + Element>(
    cx: &Context<'_>,
    asked: &View<'_, T>,
    among: &View<'_, T>,
) -> Result<Array, Fault> {
    let mut members = Members::new(among).map_err(fault)?;
    drive(cx, &mut members).await?;
    let mut keep = room::<bool>(cx, &[asked.elements()])?;
    let mut kept = 0;
    for (range, part) in morsel::outputs(&mut keep) {
        members.ask(asked, range, part).map_err(fault)?;
        part.iter_mut().for_each(|one| *one = !*one);
        kept += part.iter().filter(|one| **one).count();
        cx.yield_if_due().await?;
    }
    let mask = View::shaped(&keep[..], *asked.shape()).map_err(fault)?;
    let mut out = room::<T>(cx, &[kept])?;
    let mut at = 0;
    for range in morsel::split(asked.elements()) {
        let count = index::count(&mask, range.clone()).map_err(fault)?;
        index::compress(asked, &mask, range, &mut out[at..at + count]).map_err(fault)?;
        at += count;
        cx.yield_if_due().await?;
    }
    Ok(out.done())
}

/// The groups of equal elements of an array.
struct Found {
    permutation: Fresh<i64>,
    starts: Vec<i64>,
}

impl Found {
    async fn of<T: Item + Element>(cx: &Context<'_>, array: &Array) -> Result<Self, Fault> {
        let from = view::<T>(array)?;
        let mut permutation = ready_room::<i64>(cx, &[from.elements()]).await?;
        let mut starts = Vec::new();
        if from.elements() > 0 {
            let mut grouping = GroupBy::new(vec![&from as &dyn Keys], &mut permutation[..]).map_err(fault)?;
            drive(cx, &mut grouping).await?;
            starts = grouping.into_starts();
        }
        Ok(Self { permutation, starts })
    }

    /// Where each value stands first: the order is stable.
    fn first(&self, group: usize) -> usize {
        self.starts.get(group).and_then(|&at| self.permutation.get(at as usize)).map_or(0, |&row| row as usize)
    }

    async fn firsts(&self, cx: &Context<'_>) -> Result<Array, Fault> {
        let mut out = room::<i64>(cx, &[self.starts.len()])?;
        let one = |(group, out): (usize, &mut i64)| *out = self.first(group) as i64;
        fill(cx, &mut out, |range, out| {
            range.zip(out).for_each(one);
            Ok(())
        })
        .await?;
        Ok(out.done())
    }

    async fn values<T: Item + Element>(&self, cx: &Context<'_>, array: &Array) -> Result<Array, Fault> {
        let from = view::<T>(array)?;
        let mut out = room::<T>(cx, &[self.starts.len()])?;
        let one = |(group, out): (usize, &mut T)| *out = from.get(self.first(group)).unwrap_or_default();
        fill(cx, &mut out, |range, out| {
            range.zip(out).for_each(one);
            Ok(())
        })
        .await?;
        Ok(out.done())
    }

    async fn counts(&self, cx: &Context<'_>) -> Result<Array, Fault> {
        let mut out = room::<i64>(cx, &[self.starts.len()])?;
        let rows = self.permutation.len();
        fill(cx, &mut out, |range, out| counts(&self.starts, rows, range, out)).await?;
        Ok(out.done())
    }

    async fn inverse(&self, cx: &Context<'_>, shape: &[usize]) -> Result<Array, Fault> {
        let mut out = room::<i64>(cx, shape)?;
        let mut group = 0;
        for range in morsel::split(self.permutation.len()) {
            for place in range {
                if self.starts.get(group + 1).is_some_and(|&start| start as usize == place) {
                    group += 1;
                }
                out[self.permutation[place] as usize] = group as i64;
            }
            cx.yield_if_due().await?;
        }
        Ok(out.done())
    }
}
