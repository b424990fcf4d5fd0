//! Sorts: the order of an array, and its values in order, along an axis.

use crate::work::{axis, fault, kernel_dtype, not_implemented, ready_room, steps, view};
use windlass::prelude::*;
use windlass_kernels::reduce::line;
use windlass_kernels::sort::{ArgSort, Direction, SortValues};
use windlass_kernels::{Element, with_dtype};

/// Sorts.
pub struct Sort;

/// The order of an array's elements, stable, and its elements in order; NaN stands last.
#[module(name = "array_sort", export = false, stateless)]
impl Sort {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// The permutation that sorts an array along an axis, stably.
    #[method(each(T in Element))]
    async fn argsort(
        cx: &Context<'_>,
        #[arg(dtype = T)] name: Array,
        #[arg(key = "algoName")] _algorithm: &str,
        #[arg(key = "axis")] along: i64,
    ) -> Result<Array, Fault> {
        let axis = axis(along, name.ndim())?;
        with_dtype!(kernel_dtype(name.dtype()), T => argsorted::<T>(cx, &name, axis).await,
            else => Err(not_implemented("argsort", &[name.dtype()])))
    }

    /// The elements of an array in ascending order along an axis.
    #[method(each(T in Element))]
    async fn sort(
        cx: &Context<'_>,
        #[arg(dtype = T)] array: Array,
        #[arg(key = "alg")] _algorithm: &str,
        #[arg(key = "axis")] along: i64,
    ) -> Result<Array, Fault> {
        let axis = axis(along, array.ndim())?;
        with_dtype!(kernel_dtype(array.dtype()), T => sorted::<T>(cx, &array, axis).await,
            else => Err(not_implemented("sort", &[array.dtype()])))
    }
}

/// The axes with `axis` last.
fn last(rank: usize, axis: usize) -> Vec<usize> {
    (0..rank).filter(|one| *one != axis).chain([axis]).collect()
}

/// The shape of the lines along `axis`, one after another.
fn turned(shape: &[usize], axis: usize) -> Vec<usize> {
    last(shape.len(), axis).into_iter().map(|axis| shape[axis]).collect()
}

/// An array whose lines along `axis` stand one after another in `lines`, seen in its own shape.
fn seen(lines: Array, axis: usize) -> Result<Array, Fault> {
    let rank = lines.ndim();
    let order = last(rank, axis);
    let (mut shape, mut strides) = (vec![0; rank], vec![0; rank]);
    for (from, &to) in order.iter().enumerate() {
        shape[to] = lines.shape()[from];
        strides[to] = lines.strides()[from];
    }
    let made = lines.view_as(&shape, &strides, 0);
    made.map_err(|error| Fault::new(Code::Internal, error.to_string()).with_outcome(Outcome::Ended))
}

async fn argsorted<T: Item + Element>(cx: &Context<'_>, array: &Array, axis: usize) -> Result<Array, Fault> {
    let from = view::<T>(array)?;
    let shape = turned(array.shape(), axis);
    let mut out = ready_room::<i64>(cx, &shape).await?;
    let length = array.shape()[axis].max(1);
    for (k, out) in out.chunks_mut(length).enumerate() {
        let line = line(&from, 1 << axis, k).map_err(fault)?;
        steps(cx, ArgSort::new(&line, Direction::Ascending, out).map_err(fault)?).await?;
    }
    seen(out.done(), axis)
}

async fn sorted<T: Item + Element>(cx: &Context<'_>, array: &Array, axis: usize) -> Result<Array, Fault> {
    let from = view::<T>(array)?;
    let shape = turned(array.shape(), axis);
    let mut out = ready_room::<T>(cx, &shape).await?;
    let length = array.shape()[axis].max(1);
    for (k, out) in out.chunks_mut(length).enumerate() {
        let line = line(&from, 1 << axis, k).map_err(fault)?;
        steps(cx, SortValues::new(line, out).map_err(fault)?).await?;
    }
    seen(out.done(), axis)
}
