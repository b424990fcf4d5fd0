//! Shape: the same elements seen otherwise, joined, repeated, or turned. What can be seen without moving is not moved.

use crate::work::{
    axes, axis, bad, cast_to, copied, fault, fill, kernel_dtype, lengths, not_implemented, room, view,
};
use windlass::prelude::*;
use windlass_kernels::index::{self, Negative};
use windlass_kernels::{Shape as Lengths, arrange, morsel, with_dtype};

/// Shapes.
pub struct Shape;

/// The same elements in other shapes and orders, joined and repeated.
#[module(name = "array_shape", export = false, stateless)]
impl Shape {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// The elements in another shape; one length may be -1, which is what is left.
    #[method(each(T in Element, n in Rank, m in Rank), standard)]
    async fn reshape(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let array = given.array(cx, "name")?;
        let shape = completed(&given.list::<i64>("shape")?, array.size())?;
        reshaped(cx, &array, &shape).await
    }

    /// The elements in one row.
    #[method(each(T in Element, n in Rank), standard)]
    async fn flatten(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let array = given.array(cx, "a")?;
        let size = array.size();
        reshaped(cx, &array, &[size]).await
    }

    /// The axes in another order.
    #[method(each(T in Element, n in Rank), standard, name = "permuteDims")]
    fn permute_dims(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let array = given.array(cx, "name")?;
        let order = given.list::<i64>("axes")?;
        let order: Vec<usize> = order.iter().map(|&one| axis(one, array.ndim())).collect::<Result<_, _>>()?;
        let mut seen = order.clone();
        seen.sort_unstable();
        if seen != (0..array.ndim()).collect::<Vec<_>>() {
            return Err(bad(format!("{order:?} is no order of {} axes", array.ndim())));
        }
        let shape: Vec<usize> = order.iter().map(|&axis| array.shape()[axis]).collect();
        let strides: Vec<i64> = order.iter().map(|&axis| array.strides()[axis]).collect();
        seen_as(&array, &shape, &strides, array.offset())
    }

    /// The elements repeated to a shape that theirs broadcasts to.
    #[method(each(T in Element, n in Rank, m in Rank), standard)]
    fn broadcast(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let array = given.array(cx, "name")?;
        let shape = lengths(&given.list::<i64>("shape")?)?;
        let wrong = || bad(format!("an array of shape {:?} does not broadcast to {shape:?}", array.shape()));
        let lead = shape.len().checked_sub(array.ndim()).ok_or_else(wrong)?;
        let mut strides = vec![0; shape.len()];
        for (at, (&own, &stride)) in array.shape().iter().zip(array.strides()).enumerate() {
            match (own, shape[lead + at]) {
                (own, wanted) if own == wanted => strides[lead + at] = stride,
                (1, _) => {}
                _ => return Err(wrong()),
            }
        }
        seen_as(&array, &shape, &strides, array.offset())
    }

    /// The array without axes of length 1.
    #[method(each(T in Element, n in Rank, m in Rank), standard)]
    fn squeeze(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        squeezed(&given.array(cx, "name")?, &given.list::<i64>("axes")?)
    }

    /// The array with one more axis, of length 1.
    #[method(each(T in Element, n in Rank), standard, name = "expandDims")]
    fn expand_dims(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let array = given.array(cx, "name")?;
        expanded(&array, axis(given.scalar::<i64>("axis")?, array.ndim() + 1)?)
    }

    /// The order along some axes turned around.
    #[method(each(T in Element, n in Rank), standard)]
    fn flip(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let array = given.array(cx, "name")?;
        flipped(&array, axes(&given.list::<i64>("axis")?, array.ndim())?)
    }

    /// The order along all axes turned around.
    #[method(each(T in Element, n in Rank), standard, name = "flipAll")]
    fn flip_all(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let array = given.array(cx, "name")?;
        flipped(&array, axes(&[], array.ndim())?)
    }

    /// The elements shifted along some axes; those that leave at one end come in at the other.
    #[method(each(T in Element, n in Rank), standard)]
    async fn roll(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let mut array = given.array(cx, "name")?;
        let (shifts, along) = (given.list::<i64>("shift")?, given.list::<i64>("axis")?);
        if shifts.len() != along.len() && shifts.len() != 1 {
            return Err(bad(format!("{} shifts for {} axes", shifts.len(), along.len())));
        }
        for (at, &one) in along.iter().enumerate() {
            let shift = shifts.get(at).or(shifts.first()).copied().unwrap_or(0);
            array = rolled(cx, &array, axis(one, array.ndim())?, shift).await?;
        }
        Ok(array)
    }

    /// All elements shifted as if they stood in one row.
    #[method(each(T in Element, n in Rank), standard, name = "rollFlattened")]
    async fn roll_flattened(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let array = given.array(cx, "name")?;
        let shift = given.list::<i64>("shift")?.first().copied().unwrap_or(0);
        let size = array.size();
        let row = reshaped(cx, &array, &[size]).await?;
        let row = rolled(cx, &row, 0, shift).await?;
        reshaped(cx, &row, array.shape()).await
    }

    /// Arrays joined along an axis.
    #[method(each(T in Element, n in Rank), standard)]
    async fn concatenate(cx: &Context<'_>, command: &Called, given: &Given) -> Result<Array, Fault> {
        let arrays = named(cx, command, given)?;
        let along = given.scalar::<i64>("axis")?;
        joined(cx, &arrays, along).await
    }

    /// Arrays joined along an axis.
    #[method(each(T in Element, n in Rank), standard)]
    async fn concat(cx: &Context<'_>, command: &Called, given: &Given) -> Result<Array, Fault> {
        let arrays = named(cx, command, given)?;
        let along = given.scalar::<i64>("axis")?;
        joined(cx, &arrays, along).await
    }

    /// All elements of some arrays in one row.
    #[method(each(T in Element, n in Rank), standard, name = "concatFlat")]
    async fn concat_flat(cx: &Context<'_>, command: &Called, given: &Given) -> Result<Array, Fault> {
        let mut rows = Vec::new();
        for array in named(cx, command, given)? {
            let size = array.size();
            rows.push(reshaped(cx, &array, &[size]).await?);
        }
        joined(cx, &rows, 0).await
    }

    /// Arrays of one shape joined along a new axis.
    #[method(each(T in Element, n in Rank), standard)]
    async fn stack(cx: &Context<'_>, command: &Called, given: &Given) -> Result<Array, Fault> {
        let arrays = named(cx, command, given)?;
        let rank = arrays.first().map_or(0, Array::ndim);
        let at = axis(given.scalar::<i64>("axis")?, rank + 1)?;
        let layers: Vec<Array> = arrays.iter().map(|array| expanded(array, at)).collect::<Result<_, _>>()?;
        joined(cx, &layers, at as i64).await
    }

    /// The layers of an array along an axis.
    #[method(each(T in Element, n in Rank), standard)]
    fn unstack(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Vec<Array>, Fault> {
        let array = given.array(cx, "name")?;
        let at = axis(given.scalar::<i64>("axis")?, array.ndim())?;
        let without = |of: &[usize]| -> Vec<usize> {
            (0..of.len()).filter(|axis| *axis != at).map(|axis| of[axis]).collect()
        };
        let strides: Vec<i64> =
            (0..array.ndim()).filter(|axis| *axis != at).map(|axis| array.strides()[axis]).collect();
        let step = array.strides()[at];
        let layer = |k: usize| {
            let offset = array.offset() as i64 + k as i64 * step;
            seen_as(&array, &without(array.shape()), &strides, usize::try_from(offset).unwrap_or(0))
        };
        (0..array.shape()[at]).map(layer).collect()
    }

    /// The whole array repeated along its axes.
    #[method(each(T in Element, n in Rank), standard)]
    async fn tile(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let array = given.array(cx, "name")?;
        let times = lengths(&given.list::<i64>("reps")?)?;
        with_dtype!(kernel_dtype(array.dtype()), T => {
            let from = view::<T>(&array)?;
            let shape = arrange::tiled_shape(from.shape(), &times).map_err(fault)?;
            let tiled = arrange::tile(&from, &times).map_err(fault)?;
            let mut out = room::<T>(cx, &shape)?;
            fill(cx, &mut out, |range, out| tiled.copy(range, out)).await?;
            Ok(out.done())
        }, else => Err(not_implemented("tile", &[array.dtype()])))
    }

    /// Each element repeated, in one row: all as often, or each as often as `repeats` says.
    #[method(each(T in Element, n in Rank), standard, name = "repeatFlat")]
    async fn repeat_flat(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let array = given.array(cx, "name")?;
        let size = array.size();
        let row = reshaped(cx, &array, &[size]).await?;
        let times = given.array(cx, "repeats")?;
        repeated(cx, &row, &times, 0).await
    }

    /// Each layer along an axis repeated.
    #[method(each(T in Element, n in Rank, U in Integer, m in Rank), standard)]
    async fn repeat(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let array = given.array(cx, "eIn")?;
        let times = given.array(cx, "reps")?;
        let at = axis(given.scalar::<i64>("axis")?, array.ndim())?;
        repeated(cx, &array, &times, at).await
    }

    /// Where elements are not zero: the coordinates along each axis.
    #[method(each(T in Element, n in Rank), standard)]
    async fn nonzero(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Vec<Array>, Fault> {
        let array = given.array(cx, "x")?;
        with_dtype!(kernel_dtype(array.dtype()), T => {
            let from = view::<T>(&array)?;
            let count = index::count(&from, 0..from.elements()).map_err(fault)?;
            let mut all = Vec::new();
            for axis in 0..array.ndim() {
                let mut out = room::<i64>(cx, &[count])?;
                index::nonzero(&from, axis, 0..from.elements(), &mut out).map_err(fault)?;
                cx.yield_if_due().await?;
                all.push(out.done());
            }
            Ok(all)
        }, else => Err(not_implemented("nonzero", &[array.dtype()])))
    }

    /// The elements that indices pick along an axis: indices of rank 1 the same of each line, others line by line.
    #[method(each(T in Element, U in Integer, n in Rank), standard, name = "takeAlongAxis")]
    async fn take_along_axis(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let array = given.array(cx, "x")?;
        let picks = cast_to(cx, &given.array(cx, "indices")?, Dtype::Int64).await?;
        let at = axis(given.scalar::<i64>("axis")?, array.ndim())?;
        with_dtype!(kernel_dtype(array.dtype()), T => {
            let (from, picks) = (view::<T>(&array)?, view::<i64>(&picks)?);
            if picks.shape().rank() == 1 && array.ndim() > 1 {
                let layers = picks.to_vec();
                let shape = index::take_shape(from.shape(), at, layers.len()).map_err(fault)?;
                let mut out = room::<T>(cx, &shape)?;
                fill(cx, &mut out, |range, out| index::take(&from, at, &layers, Negative::FromEnd, range, out)).await?;
                return Ok(out.done());
            }
            let mut out = room::<T>(cx, picks.shape())?;
            fill(cx, &mut out, |range, out| {
                index::take_along(&from, at, &picks, Negative::FromEnd, range, out)
            })
            .await?;
            Ok(out.done())
        }, else => Err(not_implemented("takeAlongAxis", &[array.dtype()])))
    }
}

/// The arrays that `names` lists, all in the dtype that the command's name says.
/// An array without axes of length 1: those named, or, if none is, none.
pub(super) fn squeezed(array: &Array, named: &[i64]) -> Result<Array, Fault> {
    let gone = if named.is_empty() { 0 } else { axes(named, array.ndim())? };
    let kept: Vec<usize> = (0..array.ndim()).filter(|axis| gone & (1 << axis) == 0).collect();
    if let Some(axis) = (0..array.ndim()).find(|axis| gone & (1 << axis) != 0 && array.shape()[*axis] != 1) {
        return Err(bad(format!("axis {axis} has {} elements and cannot go", array.shape()[axis])));
    }
    if kept.is_empty() {
        // All that is left is one element, which callers see as an array of rank 1.
        return seen_as(array, &[1], &[1], array.offset());
    }
    let shape: Vec<usize> = kept.iter().map(|&axis| array.shape()[axis]).collect();
    let strides: Vec<i64> = kept.iter().map(|&axis| array.strides()[axis]).collect();
    seen_as(array, &shape, &strides, array.offset())
}

fn named(cx: &Context<'_>, command: &Called, given: &Given) -> Result<Vec<Array>, Fault> {
    let names = given.texts("names")?;
    let arrays: Vec<Array> = names.iter().map(|name| cx.symbols().array(name)).collect::<Result<_, _>>()?;
    if arrays.is_empty() {
        return Err(bad("no arrays to join"));
    }
    match arrays.iter().find(|array| Some(array.dtype()) != command.dtype("T")) {
        Some(other) => Err(bad(format!("{} joins no array of {}", command.full_name, other.dtype()))),
        None => Ok(arrays),
    }
}

/// Arrays of one dtype joined along an axis.
pub(super) async fn joined(cx: &Context<'_>, arrays: &[Array], along: i64) -> Result<Array, Fault> {
    let first = arrays.first().ok_or_else(|| bad("no arrays to join"))?;
    let at = axis(along, first.ndim())?;
    with_dtype!(kernel_dtype(first.dtype()), T => {
        let shapes: Vec<Lengths> =
            arrays.iter().map(|array| Lengths::new(array.shape()).map_err(fault)).collect::<Result<_, _>>()?;
        let whole = arrange::joined_shape(&shapes, at).map_err(fault)?;
        let mut out = room::<T>(cx, &whole)?;
        let mut start = 0;
        for array in arrays {
            let part = view::<T>(array)?;
            for range in morsel::split(part.elements()) {
                arrange::place(&mut out, &whole, (at, start), &part, range).map_err(fault)?;
                cx.yield_if_due().await?;
            }
            start += array.shape()[at];
        }
        Ok(out.done())
    }, else => Err(not_implemented("concatenate", &[first.dtype()])))
}

async fn rolled(cx: &Context<'_>, array: &Array, at: usize, shift: i64) -> Result<Array, Fault> {
    let length = array.shape()[at] as i64;
    let cut = if length == 0 { 0 } else { (length - shift.rem_euclid(length)) % length };
    if cut == 0 {
        return Ok(array.clone());
    }
    let part = |from: i64, to: i64| {
        let mut shape = array.shape().to_vec();
        shape[at] = usize::try_from(to - from).unwrap_or(0);
        let offset = array.offset() as i64 + from * array.strides()[at];
        seen_as(array, &shape, array.strides(), usize::try_from(offset).unwrap_or(0))
    };
    joined(cx, &[part(cut, length)?, part(0, cut)?], at as i64).await
}

/// Each layer along an axis as often as `times` says: one number for all, or one for each.
pub(super) async fn repeated(cx: &Context<'_>, array: &Array, times: &Array, at: usize) -> Result<Array, Fault> {
    let times = cast_to(cx, times, Dtype::Int64).await?;
    let times: Vec<i64> = view::<i64>(&times)?.to_vec();
    let length = array.shape()[at];
    if times.len() != 1 && times.len() != length {
        return Err(bad(format!("{} repetitions for {length} layers", times.len())));
    }
    let of = |layer: usize| times.get(layer).or(times.first()).copied().unwrap_or(0);
    if times.iter().any(|&one| one < 0) {
        return Err(bad("an element cannot be repeated less than 0 times"));
    }
    let total = (0..length).try_fold(0usize, |all, layer| all.checked_add(of(layer) as usize));
    let total = total.ok_or_else(|| bad("more repetitions than memory"))?;
    let mut picks = room::<i64>(cx, &[total])?;
    let mut filled = 0;
    for layer in 0..length {
        let count = of(layer) as usize;
        picks[filled..filled + count].fill(layer as i64);
        filled += count;
        if layer % 4096 == 0 {
            cx.yield_if_due().await?;
        }
    }
    let picks = picks.done();
    let mut shape = array.shape().to_vec();
    shape[at] = total;
    // The layers picked along the axis: one index for each, the same in every line.
    let mut strides = vec![0; shape.len()];
    strides[at] = 1;
    let picks = seen_as(&picks, &shape, &strides, 0)?;
    with_dtype!(kernel_dtype(array.dtype()), T => {
        let (from, picks) = (view::<T>(array)?, view::<i64>(&picks)?);
        let mut out = room::<T>(cx, &shape)?;
        fill(cx, &mut out, |range, out| index::take_along(&from, at, &picks, Negative::FromEnd, range, out)).await?;
        Ok(out.done())
    }, else => Err(not_implemented("repeat", &[array.dtype()])))
}

/// A shape in which one length of -1 is what is left.
pub(super) fn completed(given: &[i64], size: usize) -> Result<Vec<usize>, Fault> {
    let wrong = || bad(format!("{size} elements have no shape {given:?}"));
    let known = given.iter().filter(|&&one| one != -1).try_fold(1i64, |all, &one| all.checked_mul(one));
    let known = usize::try_from(known.ok_or_else(wrong)?).map_err(|_| wrong())?;
    let left = match given.iter().filter(|&&one| one == -1).count() {
        0 if known == size => 0,
        1 if known > 0 && size.is_multiple_of(known) => size / known,
        _ => return Err(wrong()),
    };
    given.iter().map(|&one| if one == -1 { Ok(left) } else { usize::try_from(one).map_err(|_| wrong()) }).collect()
}

/// The elements in another shape of as many; copied only if they have gaps.
async fn reshaped(cx: &Context<'_>, array: &Array, shape: &[usize]) -> Result<Array, Fault> {
    let array = if array.is_whole() { array.clone() } else { copied(cx, array).await? };
    seen_as(&array, shape, &windlass::array::row_major(shape), 0)
}

fn expanded(array: &Array, at: usize) -> Result<Array, Fault> {
    let (mut shape, mut strides) = (array.shape().to_vec(), array.strides().to_vec());
    shape.insert(at, 1);
    strides.insert(at, 0);
    seen_as(array, &shape, &strides, array.offset())
}

pub(super) fn flipped(array: &Array, along: u8) -> Result<Array, Fault> {
    let (mut strides, mut offset) = (array.strides().to_vec(), array.offset() as i64);
    for at in (0..array.ndim()).filter(|at| along & (1 << at) != 0) {
        offset += (array.shape()[at].max(1) as i64 - 1) * strides[at];
        strides[at] = -strides[at];
    }
    seen_as(array, array.shape(), &strides, usize::try_from(offset).unwrap_or(0))
}

fn seen_as(array: &Array, shape: &[usize], strides: &[i64], offset: usize) -> Result<Array, Fault> {
    array.view_as(shape, strides, offset).map_err(|error| bad(error.to_string()))
}
