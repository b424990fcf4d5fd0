//! Indexing and assignment: by numbers, slices, arrays of numbers, and masks. A slice copies nothing.

use super::bigint::is_big;
use super::bigint_pick;
use crate::words::kept;
use crate::work::{
    Fill, bad, cast_to, copied_as, each, fault, fill, kernel_dtype, not_implemented, room, together, view,
};
use windlass::array::Piece;
use windlass::prelude::*;
use windlass_kernels::index::{self, Layout, Negative};
use windlass_kernels::{Element, Shape, View, morsel, with_dtype};

/// Indexing and assignment.
pub struct Index;

/// Reading and writing of parts of arrays.
#[module(name = "array_index", export = false, stateless)]
impl Index {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// One element.
    #[method(each(T in Element), name = "[int]")]
    fn int_index<T: Item>(array: ArrayView<'_, T>, idx: Tuple<i64>) -> Result<T, Fault> {
        let at = place(array.shape(), &idx)?;
        array.get(&at).ok_or_else(|| bad(format!("{:?} is outside of {:?}", &idx[..], array.shape())))
    }

    /// A slice by axis: `starts`, `stops` and `strides` as Python's `slice.indices` gives them. It copies nothing.
    #[method(each(T in Element), name = "[slice]")]
    fn slice_index(
        #[arg(dtype = T)] array: Array,
        starts: Tuple<i64>,
        stops: Tuple<i64>,
        strides: Tuple<i64>,
        #[arg(key = "max_bits")] _max_bits: i64,
    ) -> Result<Array, Fault> {
        with_dtype!(kernel_dtype(array.dtype()), T => {
            let seen = sliced(&view::<T>(&array)?, &starts, &stops, &strides)?;
            let rank = seen.shape().rank();
            let by_axis: Vec<i64> = (0..rank).map(|axis| seen.strides().along(axis)).collect();
            array.view_as(seen.shape(), &by_axis, seen.base()).map_err(|error| bad(error.to_string()))
        }, else => Err(not_implemented("[slice]", &[array.dtype()])))
    }

    /// The elements that an array of numbers or a mask picks, of an array of rank 1.
    #[method(standard, name = "[pdarray]")]
    async fn array_index(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let idx = given.array(cx, "idx")?;
        if is_big(cx, given.text("array")?)? {
            return bigint_pick::picked(cx, given, &idx).await;
        }
        let array = given.array(cx, "array")?;
        let none = || not_implemented("[pdarray]", &[array.dtype(), idx.dtype()]);
        let picked = with_dtype!(kernel_dtype(array.dtype()), T => match idx.dtype() {
            Dtype::Bool => masked::<T>(cx, &array, &idx).await,
            dtype if dtype.is_integer() => gathered::<T>(cx, &array, &cast_to(cx, &idx, Dtype::Int64).await?).await,
            _ => Err(none()),
        }, else => Err(none()))?;
        kept(cx, &picked)
    }

    /// One element set: in place, unless somebody else holds the array.
    #[method(each(T in Element), name = "[int]=val")]
    fn set_int<T: Item>(
        cx: &Context<'_>,
        #[arg(dtype = T)] array: Slot,
        idx: Tuple<i64>,
        value: T,
        #[arg(key = "max_bits")] _max_bits: i64,
    ) -> Result<(), Fault> {
        let at = place(array.array.shape(), &idx)?;
        let flat = at.iter().zip(array.array.shape()).fold(0, |flat, (at, length)| flat * length + at);
        let mut next = array.change::<T>(cx)?;
        *next.get_mut(flat).ok_or_else(|| bad("an empty array has no element to set"))? = value;
        next.done()
    }

    /// All elements of a slice set to one value.
    #[method(each(T in Element), name = "[slice]=val")]
    async fn set_slice<T: Item + Element>(
        cx: &Context<'_>,
        #[arg(dtype = T)] array: Slot,
        starts: Tuple<i64>,
        stops: Tuple<i64>,
        strides: Tuple<i64>,
        value: T,
        #[arg(key = "max_bits")] _max_bits: i64,
    ) -> Result<(), Fault> {
        let write =
            |next: &mut [T], layout: &Layout, range| index::fill(next, layout, value, range).map_err(fault);
        set_sliced(cx, array, [&starts, &stops, &strides], write).await
    }

    /// The elements of a slice set to those of `value`, which broadcasts.
    #[method(each(T in Element, U in Element), name = "[slice]=pdarray")]
    async fn set_slice_array(
        cx: &Context<'_>,
        #[arg(dtype = T)] array: Slot,
        starts: Tuple<i64>,
        stops: Tuple<i64>,
        strides: Tuple<i64>,
        #[arg(dtype = U)] value: Array,
    ) -> Result<(), Fault> {
        let value = cast_to(cx, &value, array.array.dtype()).await?;
        with_dtype!(kernel_dtype(array.array.dtype()), T => {
            let source = view::<T>(&value)?;
            set_sliced(cx, array, [&starts, &stops, &strides], |next: &mut [T], layout, range| {
                let source = source.broadcast(&layout.shape).map_err(fault)?;
                index::assign(next, layout, &source, range).map_err(fault)
            })
            .await
        }, else => Err(not_implemented("[slice]=pdarray", &[array.array.dtype()])))
    }

    /// The elements that an array of numbers or a mask picks, set to one value.
    #[method(standard, name = "[pdarray]=val")]
    async fn set_picked(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let idx = given.array(cx, "idx")?;
        if is_big(cx, given.text("array")?)? {
            return bigint_pick::set_picked(cx, given, &idx).await;
        }
        let array = slot(cx, given)?;
        let value = with_dtype!(kernel_dtype(array.array.dtype()), T => {
            let mut value = room::<T>(cx, &[])?;
            value[0] = given.scalar::<T>("value")?;
            value.done()
        }, else => return Err(not_implemented("[pdarray]=val", &[array.array.dtype()])));
        picked(cx, array, &idx, &value).await
    }

    /// The elements that an array of numbers or a mask picks, set to those of `value`, one after another.
    #[method(standard, name = "[pdarray]=pdarray")]
    async fn set_picked_array(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let idx = given.array(cx, "idx")?;
        if is_big(cx, given.text("array")?)? {
            return bigint_pick::set_picked_array(cx, given, &idx).await;
        }
        let array = slot(cx, given)?;
        let value = cast_to(cx, &given.array(cx, "value")?, array.array.dtype()).await?;
        picked(cx, array, &idx, &value).await
    }
}

/// The array that is to be changed, with its name.
fn slot(cx: &Context<'_>, given: &Given) -> Result<Slot, Fault> {
    Ok(Slot { name: given.text("array")?.to_owned(), array: given.array(cx, "array")? })
}

/// Indices, negative from the end.
fn place(shape: &[usize], idx: &[i64]) -> Result<Vec<usize>, Fault> {
    let one = |(&length, &at): (&usize, &i64)| {
        let from_start = if at < 0 { at.saturating_add(length as i64) } else { at };
        usize::try_from(from_start).ok().filter(|at| *at < length)
    };
    let places: Option<Vec<usize>> = shape.iter().zip(idx).map(one).collect();
    places.ok_or_else(|| bad(format!("index {idx:?} is outside of {shape:?}")))
}

fn sliced<'a, T: Element>(
    view: &View<'a, T>,
    starts: &[i64],
    stops: &[i64],
    strides: &[i64],
) -> Result<View<'a, T>, Fault> {
    let mut seen = *view;
    for (axis, ((&start, &stop), &stride)) in starts.iter().zip(stops).zip(strides).enumerate() {
        seen = seen.slice(axis, start, stop, stride).map_err(fault)?;
    }
    Ok(seen)
}

/// Where a slice of a whole array lies.
fn layout_of<T: Element>(memory: &[T], shape: &[usize], slice: [&[i64]; 3]) -> Result<Layout, Fault> {
    let whole = View::shaped(memory, Shape::new(shape).map_err(fault)?).map_err(fault)?;
    let [starts, stops, strides] = slice;
    Ok(sliced(&whole, starts, stops, strides)?.layout())
}

/// Writes to a slice of an array: in place what is short and nobody else's, else in a copy.
async fn set_sliced<T: Item + Element>(
    cx: &Context<'_>,
    mut array: Slot,
    slice: [&[i64]; 3],
    write: impl Fn(&mut [T], &Layout, std::ops::Range<usize>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let seen = array.array.view::<T>().filter(|_| array.array.is_whole());
    if let Some(seen) = seen {
        let layout = layout_of(seen.memory(), seen.shape(), slice)?;
        let all = layout.shape.elements();
        if all <= AT_ONCE {
            match array.in_place::<T>(cx)? {
                Ok(mut next) => {
                    write(&mut next, &layout, 0..all)?;
                    return next.done();
                }
                Err(slot) => array = slot,
            }
        }
    }
    let mut next = copied_as::<T>(cx, &array.array).await?;
    let layout = layout_of(&next, next.shape(), slice)?;
    for range in morsel::split(layout.shape.elements()) {
        write(&mut next, &layout, range)?;
        cx.yield_if_due().await?;
    }
    array.replace(cx, next.done())
}

async fn gathered<T: Item + Element>(cx: &Context<'_>, array: &Array, idx: &Array) -> Result<Array, Fault> {
    let whole;
    let source = match array.view::<T>() {
        Some(seen) if array.is_whole() => seen.memory(),
        _ => {
            whole = copied_as::<T>(cx, array).await?;
            &whole[..]
        }
    };
    let at = view::<i64>(idx)?;
    let mut out = room::<T>(cx, idx.shape())?;
    fill(cx, &mut out, |range, out| index::gather(source, &at, Negative::FromEnd, range, out)).await?;
    Ok(out.done())
}

async fn masked<T: Item + Element>(cx: &Context<'_>, array: &Array, mask: &Array) -> Result<Array, Fault> {
    let (from, mask) = (view::<T>(array)?, view::<bool>(mask)?);
    if from.shape() != mask.shape() {
        return Err(bad(format!(
            "a mask of shape {:?} for an array of shape {:?}",
            &mask.shape()[..],
            &from.shape()[..]
        )));
    }
    let mut counts = Vec::with_capacity(morsel::count(from.elements()));
    each(cx, morsel::split(from.elements()), |range| index::count(&mask, range), |count| counts.push(count))
        .await?;
    let mut out = room::<T>(cx, &[counts.iter().sum()])?;
    let mut at = 0;
    for (range, count) in morsel::split(from.elements()).zip(counts) {
        index::compress(&from, &mask, range, &mut out[at..at + count]).map_err(fault)?;
        at += count;
        cx.yield_if_due().await?;
    }
    Ok(out.done())
}

/// Elements that are written at once where nobody else has the array; more are written into a copy, so that others may run meanwhile and see
/// the array as it was.
const AT_ONCE: usize = 1 << 18;
/// Parts of a target that threads write to at most: each looks at every index.
const PARTS_MAX: usize = 4;
/// Indices from which that pays, and how many are looked at before others run.
const SHARED_FROM: usize = 1 << 14;
const TURN: usize = 4 * morsel::ELEMENTS;
/// One index to so many elements is enough for each part of a target to be written by itself.
const DEALT_FROM: usize = 4;

async fn picked(cx: &Context<'_>, array: Slot, idx: &Array, value: &Array) -> Result<String, Fault> {
    let none = || not_implemented("[pdarray]=", &[array.array.dtype(), idx.dtype()]);
    with_dtype!(kernel_dtype(array.array.dtype()), T => {
        match idx.dtype() {
            Dtype::Bool => set_masked::<T>(cx, array, idx, value).await?,
            dtype if dtype.is_integer() => {
                set_places::<T>(cx, array, &cast_to(cx, idx, Dtype::Int64).await?, value).await?;
            }
            _ => return Err(none()),
        }
        Ok(String::new())
    }, else => Err(none()))
}

async fn set_masked<T: Item + Element>(
    cx: &Context<'_>,
    array: Slot,
    mask: &Array,
    value: &Array,
) -> Result<(), Fault> {
    let (mask, value) = (view::<bool>(mask)?, view::<T>(value)?);
    if array.array.size() != mask.elements() {
        return Err(bad(format!("a mask of {} for an array of {}", mask.elements(), array.array.size())));
    }
    let mut counts = Vec::with_capacity(morsel::count(mask.elements()));
    each(cx, morsel::split(mask.elements()), |range| index::count(&mask, range), |count| counts.push(count))
        .await?;
    let values = value.broadcast(&Shape::flat(counts.iter().sum()).map_err(fault)?).map_err(fault)?;
    // Where the values of each morsel begin.
    let mut first = 0;
    let firsts = counts.into_iter().map(|count| {
        first += count;
        first - count
    });
    let mut next = copied_as::<T>(cx, &array.array).await?;
    let parts = next.morsels().zip(firsts);
    each(cx, parts, |((range, out), first)| index::expand(out.ready(), &mask, &values, first, range), |()| ())
        .await?;
    array.replace(cx, next.done())
}

async fn set_places<T: Item + Element>(
    cx: &Context<'_>,
    array: Slot,
    idx: &Array,
    value: &Array,
) -> Result<(), Fault> {
    let (at, len) = (view::<i64>(idx)?, array.array.size());
    let values = view::<T>(value)?.broadcast(at.shape()).map_err(fault)?;
    let array = if at.elements() > AT_ONCE {
        array
    } else {
        // Looked at first: nothing is written when one is outside. A copy that is given up needs no such look.
        let check = |range| index::check_places(&at, Negative::FromEnd, len, range);
        each(cx, morsel::split(at.elements()), check, |()| ()).await?;
        match array.in_place::<T>(cx)? {
            Ok(mut next) => {
                let parts = parts(cx, &mut next, at.elements());
                together(cx, parts, |(start, part)| {
                    index::scatter_within((part, start, len), &at, &values, Negative::FromEnd, 0..at.elements())
                })?;
                return next.done();
            }
            Err(array) => array,
        }
    };
    if at.elements() > AT_ONCE
        && at.elements() >= len / DEALT_FROM
        && let Some(next) = dealt(cx, &array.array, &at, &values).await?
    {
        return array.replace(cx, next.done());
    }
    let mut next = copied_as::<T>(cx, &array.array).await?;
    for start in (0..at.elements()).step_by(TURN) {
        let turn = start..at.elements().min(start + TURN);
        let parts = parts(cx, &mut next, turn.len());
        together(cx, parts, |(start, part)| {
            index::scatter_within((part, start, len), &at, &values, Negative::FromEnd, turn.clone())
        })?;
        cx.yield_if_due().await?;
    }
    array.replace(cx, next.done())
}

/// A target larger than the cache with so many indices that each part of it has many: first all are dealt to the parts, then each part is
/// copied and written in the cache. `None`: there is no room for that.
async fn dealt<T: Item + Element>(
    cx: &Context<'_>,
    array: &Array,
    at: &View<'_, i64>,
    values: &View<'_, T>,
) -> Result<Option<Fresh<T>>, Fault> {
    let (n, parts) = (at.elements(), index::Parts::of(array.size()));
    let (Ok(mut places), Ok(mut moved)) = (room::<u32>(cx, &[n]), room::<T>(cx, &[n])) else { return Ok(None) };
    let mut starts = Vec::with_capacity(n.div_ceil(TURN));
    let turns = places.pieces(TURN).zip(moved.pieces(TURN));
    let deal = |((range, places), (_, moved)): ((_, Piece<'_, u32>), (_, Piece<'_, T>))| {
        index::deal(parts, at, values, Negative::FromEnd, range, (places.ready(), moved.ready()))
    };
    each(cx, turns, deal, |dealt| starts.push(dealt)).await?;
    let from = view::<T>(array)?;
    let mut next = room::<T>(cx, array.shape())?;
    let (places, moved) = (&places[..], &moved[..]);
    let settle = |(part, (range, room)): (usize, (_, Piece<'_, T>))| {
        let target = room.ready();
        from.copy(range, target)?;
        for (turn, starts) in starts.iter().enumerate() {
            let [start, end] = [starts[part], starts[part + 1]].map(|at| turn * TURN + at as usize);
            index::settle(target, &places[start..end], &moved[start..end])?;
        }
        Ok(())
    };
    each(cx, next.pieces(parts.elements()).enumerate(), settle, |()| ()).await?;
    Ok(Some(next))
}

/// A target in the parts that threads write to, with the first element of each.
fn parts<'a, T>(
    cx: &Context<'_>,
    target: &'a mut [T],
    indices: usize,
) -> impl Iterator<Item = (usize, &'a mut [T])> {
    let count = if indices < SHARED_FROM { 1 } else { cx.threads().clamp(1, PARTS_MAX) };
    let length = target.len().div_ceil(count).max(1);
    target.chunks_mut(length).enumerate().map(move |(part, room)| (part * length, room))
}
