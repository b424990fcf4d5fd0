//! Picks: elements by several arrays of indices, rows without some, columns of one index, margins around arrays, masks that write.

use crate::work::{axis, bad, cast_to, copied_as, fault, fill, kernel_dtype, not_implemented, room, view};
use windlass::prelude::*;
use windlass_kernels::index::{self, Negative};
use windlass_kernels::{Shape as Lengths, with_dtype};

/// Picks.
pub struct Pick;

/// Elements by several indices, without some rows, with margins, and masks that write.
#[module(name = "array_pick", export = false, stateless)]
impl Pick {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// The elements that arrays of indices pick along several axes at once: the first of these axes gets as long as they are, the
    /// others get length 1.
    #[method(each(T in Element, U in Integer, n in Rank), standard, name = "[pdarray]")]
    async fn several(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let array = given.array(cx, "array")?;
        let (names, along) = (given.texts("idx")?, given.list::<i64>("idxDims")?);
        let picks = Picks::of(cx, &array, &names, &along).await?;
        let mut places = room::<i64>(cx, &picks.shape)?;
        let shape = Lengths::new(&picks.shape).map_err(fault)?;
        fill(cx, &mut places, |range, out| {
            range.zip(out).for_each(|(flat, out)| *out = picks.place(&shape.coordinates(flat)));
            Ok(())
        })
        .await?;
        taken(cx, &array, &places.done()).await
    }

    /// The array without the layers along an axis that a mask or indices name.
    #[method(each(T in Element, n in Rank, U in Element, m in Rank), standard, name = "deleteAggCopy")]
    async fn delete_some(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        without(cx, given).await
    }

    /// As `deleteAggCopy`, which callers choose for many layers; here both are one.
    #[method(each(T in Element, n in Rank, U in Element, m in Rank), standard, name = "deleteBulkCopy")]
    async fn delete_many(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        without(cx, given).await
    }

    /// The array with margins of one value each before and behind it along each axis; in corners the first axis counts.
    #[method(each(T in Element, n in Rank), standard)]
    async fn pad(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let array = given.array(cx, "name")?;
        let rank = array.ndim();
        let widths = |key| crate::work::lengths(&given.tuple::<i64>(key, rank)?);
        let (before, after) = (widths("padWidthBefore")?, widths("padWidthAfter")?);
        let wide = |at: usize| array.shape()[at].checked_add(before[at])?.checked_add(after[at]);
        let shape: Option<Vec<usize>> = (0..rank).map(wide).collect();
        let shape = shape.ok_or_else(|| bad("margins that no memory has"))?;
        with_dtype!(kernel_dtype(array.dtype()), T => {
            let (first, last) = (given.tuple::<T>("padValsBefore", rank)?, given.tuple::<T>("padValsAfter", rank)?);
            let lengths = Lengths::new(&shape).map_err(fault)?;
            let from = view::<T>(&array)?;
            let mut out = room::<T>(cx, &shape)?;
            let value = |flat: usize| {
                let at = lengths.coordinates(flat);
                for axis in 0..rank {
                    if at[axis] < before[axis] {
                        return first[axis];
                    }
                    if at[axis] >= before[axis] + from.shape()[axis] {
                        return last[axis];
                    }
                }
                let inner = (0..rank).fold(0, |flat, axis| flat * from.shape()[axis] + at[axis] - before[axis]);
                from.get(inner).unwrap_or_default()
            };
            fill(cx, &mut out, |range, out| {
                range.zip(out).for_each(|(flat, out)| *out = value(flat));
                Ok(())
            })
            .await?;
            Ok(out.done())
        }, else => Err(not_implemented("pad", &[array.dtype()])))
    }

    /// `a` is set to `v` where the mask holds: element by element, row-major, `v` from its beginning again where it ends.
    #[method(each(n in Rank, T in Element, U in Element, m in Rank), standard)]
    async fn putmask(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<(), Fault> {
        let (mask, array, values) = (given.array(cx, "mask")?, given.array(cx, "a")?, given.array(cx, "v")?);
        if mask.shape() != array.shape() {
            return Err(bad("mask and a pdarrays must be of same shape in putmask."));
        }
        let (from, to) = (values.dtype(), array.dtype());
        let keeps = from == to
            || to.is_float()
            || from == Dtype::Bool
            || (to.is_integer() && from.is_integer() && to != Dtype::UInt64);
        if !keeps || mask.dtype() != Dtype::Bool {
            return Err(not_implemented("putmask", &[mask.dtype(), to, from]));
        }
        let values = cast_to(cx, &values, to).await?;
        let next = with_dtype!(kernel_dtype(to), T => {
            let (mask, values) = (view::<bool>(&mask)?, copied_as::<T>(cx, &values).await?);
            let mut next = copied_as::<T>(cx, &array).await?;
            if values.is_empty() && index::count(&mask, 0..mask.elements()).map_err(fault)? > 0 {
                return Err(bad("there are no values to put where the mask holds"));
            }
            fill(cx, &mut next, |range, out| {
                let mut holds = vec![false; range.len()];
                mask.copy(range.clone(), &mut holds)?;
                let chosen = range.zip(out).zip(holds).filter(|(_, holds)| *holds);
                chosen.for_each(|((flat, out), _)| *out = values[flat % values.len()]);
                Ok(())
            })
            .await?;
            Ok(next.done())
        }, else => Err(not_implemented("putmask", &[to])))?;
        drop(array);
        cx.symbols().put(given.text("a")?, next)
    }
}

/// Where several arrays of indices lead in an array.
struct Picks {
    shape: Vec<usize>,
    /// Row-major steps of the array; 0 along the axes that are picked.
    steps: Vec<usize>,
    first: usize,
    /// For each place along the first picked axis: what the indices add to the flat index.
    offsets: Fresh<i64>,
}

impl Picks {
    async fn of(cx: &Context<'_>, array: &Array, names: &[String], along: &[i64]) -> Result<Self, Fault> {
        let rank = array.ndim();
        if names.len() != along.len() || names.is_empty() || names.len() > rank {
            return Err(bad(format!("{} arrays of indices for {} of {rank} axes", names.len(), along.len())));
        }
        let mut shape = array.shape().to_vec();
        let whole = windlass::array::row_major(&shape);
        let mut steps: Vec<usize> = whole.iter().map(|&one| one as usize).collect();
        let mut offsets = room::<i64>(cx, &[0])?;
        let mut seen = 0u16;
        let first = axis(along[0], rank)?;
        for (at, (name, &one)) in names.iter().zip(along).enumerate() {
            let axis = axis(one, rank)?;
            if seen >> axis & 1 == 1 {
                return Err(bad(format!("axis {axis} is picked from twice")));
            }
            seen |= 1 << axis;
            let indices = cast_to(cx, &cx.symbols().array(name)?, Dtype::Int64).await?;
            let indices = copied_as::<i64>(cx, &indices).await?;
            if at == 0 {
                offsets = room::<i64>(cx, &[indices.len()])?;
            }
            if indices.len() != offsets.len() {
                return Err(bad("All index arrays must have the same length"));
            }
            let length = array.shape()[axis] as i64;
            for (offset, &index) in offsets.iter_mut().zip(&indices[..]) {
                let place = if index < 0 { index.saturating_add(length) } else { index };
                if !(0..length).contains(&place) {
                    return Err(bad(format!("index {index} is outside of axis {axis} with {length} elements")));
                }
                *offset += place * whole[axis];
            }
            cx.yield_if_due().await?;
            steps[axis] = 0;
            shape[axis] = if at == 0 { offsets.len() } else { 1 };
        }
        Ok(Self { shape, steps, first, offsets })
    }

    fn place(&self, at: &[usize]) -> i64 {
        let others: usize = self.steps.iter().zip(at).map(|(step, at)| step * at).sum();
        others as i64 + self.offsets[at[self.first]]
    }
}

/// The elements at flat indices.
async fn taken(cx: &Context<'_>, array: &Array, places: &Array) -> Result<Array, Fault> {
    with_dtype!(kernel_dtype(array.dtype()), T => {
        let whole;
        let source = match array.view::<T>() {
            Some(seen) if array.is_whole() => seen.memory(),
            _ => {
                whole = copied_as::<T>(cx, array).await?;
                &whole[..]
            }
        };
        let at = view::<i64>(places)?;
        let mut out = room::<T>(cx, places.shape())?;
        fill(cx, &mut out, |range, out| index::gather(source, &at, Negative::Refuse, range, out)).await?;
        Ok(out.done())
    }, else => Err(not_implemented("[pdarray]", &[array.dtype()])))
}

/// Which layers along an axis stay.
async fn staying(cx: &Context<'_>, named: &Array, length: usize) -> Result<Fresh<i64>, Fault> {
    let mut goes = room::<bool>(cx, &[length])?;
    if named.dtype() == Dtype::Bool {
        if named.size() != length {
            return Err(bad(format!("a mask of {} for an axis of {length}", named.size())));
        }
        let mask = view::<bool>(named)?;
        fill(cx, &mut goes, |range, out| mask.copy(range, out)).await?;
    } else {
        let places = copied_as::<i64>(cx, &cast_to(cx, named, Dtype::Int64).await?).await?;
        for &place in &places[..] {
            let from_start = if place < 0 { place.saturating_add(length as i64) } else { place };
            let goes = usize::try_from(from_start).ok().and_then(|at| goes.get_mut(at));
            *goes.ok_or_else(|| bad(format!("index {place} is out of bounds for axis with size {length}")))? =
                true;
        }
    }
    let count = goes.iter().filter(|goes| !**goes).count();
    let mut stays = room::<i64>(cx, &[count])?;
    let staying = (0i64..).zip(&goes[..]).filter(|(_, goes)| !**goes);
    stays.iter_mut().zip(staying).for_each(|(stays, (at, _))| *stays = at);
    Ok(stays)
}

async fn without(cx: &Context<'_>, given: &Given) -> Result<Array, Fault> {
    without_of(cx, given, &given.array(cx, "eIn")?).await
}

/// The same of an array that is there.
pub(super) async fn without_of(cx: &Context<'_>, given: &Given, array: &Array) -> Result<Array, Fault> {
    let named = given.array(cx, "del")?;
    let at = axis(given.scalar("axis")?, array.ndim())?;
    if named.ndim() > 1 || named.dtype().is_float() {
        return Err(not_implemented("delete", &[array.dtype(), named.dtype()]));
    }
    let stays = staying(cx, &named, array.shape()[at]).await?;
    with_dtype!(kernel_dtype(array.dtype()), T => {
        let from = view::<T>(array)?;
        let shape = index::take_shape(from.shape(), at, stays.len()).map_err(fault)?;
        let mut out = room::<T>(cx, &shape)?;
        fill(cx, &mut out, |range, out| index::take(&from, at, &stays, Negative::Refuse, range, out)).await?;
        Ok(out.done())
    }, else => Err(not_implemented("delete", &[array.dtype()])))
}
