//! Order: places in sorted arrays, and whether arrays are sorted.

use crate::work::{axes, bad, copied, fault, fill, kernel_dtype, not_implemented, room, view};
use windlass::prelude::*;
use windlass_kernels::reduce::line;
use windlass_kernels::search::{Side, search_sorted};
use windlass_kernels::{Element, View, morsel, scan, with_dtype};

/// Order.
pub struct Order;

/// Places in sorted arrays, and whether arrays are sorted.
#[module(name = "array_order", export = false, stateless)]
impl Order {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// Where each of `x2` would be put into the ascending `x1`: before equal values, or behind them.
    #[method(each(T in Element, n in Rank, m in Rank), standard, name = "searchSorted")]
    async fn search_sorted(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let (sorted, values) = (given.array(cx, "x1")?, given.array(cx, "x2")?);
        let side = match given.text("side")? {
            "left" => Side::Left,
            "right" => Side::Right,
            other => return Err(bad(format!("searchSorted side must be 'left' or 'right', not {other:?}"))),
        };
        if sorted.ndim() != 1 {
            return Err(bad(format!("x1 has rank {}; a sorted array has rank 1", sorted.ndim())));
        }
        if sorted.dtype() != values.dtype() {
            return Err(not_implemented("searchSorted", &[sorted.dtype(), values.dtype()]));
        }
        let sorted = if sorted.is_whole() { sorted } else { copied(cx, &sorted).await? };
        with_dtype!(kernel_dtype(sorted.dtype()), T => {
            let (sorted, values) = (view::<T>(&sorted)?, view::<T>(&values)?);
            let sorted = sorted.as_slice().ok_or_else(|| bad("x1 has gaps"))?;
            let mut out = room::<i64>(cx, values.shape())?;
            fill(cx, &mut out, |range, out| search_sorted(sorted, &values, side, range, out)).await?;
            Ok(out.done())
        }, else => Err(not_implemented("searchSorted", &[sorted.dtype()])))
    }

    /// Whether no element is greater than the next along the given axes, which are kept with length 1.
    #[method(each(T in Element, n in Rank), standard, name = "isSorted")]
    async fn is_sorted(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        rising(cx, given).await
    }

    /// As `isSorted`, of what one node holds: of everything.
    #[method(each(T in Element, n in Rank), standard, name = "isSortedLocally")]
    async fn is_sorted_locally(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        rising(cx, given).await
    }

    /// As `isSortedAll`, of what one node holds: of everything.
    #[method(each(T in Element, n in Rank), standard, name = "isSortedLocallyAll")]
    async fn is_sorted_locally_all(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<bool, Fault> {
        let array = given.array(cx, "x")?;
        with_dtype!(kernel_dtype(array.dtype()), T => climbs(cx, &view::<T>(&array)?).await,
            else => Err(not_implemented("isSortedLocally", &[array.dtype()])))
    }
}

/// Whether no element of a view is greater than the next, row-major.
async fn climbs<T: Element>(cx: &Context<'_>, from: &View<'_, T>) -> Result<bool, Fault> {
    for range in morsel::split(from.elements()) {
        if !scan::is_sorted(from, range).map_err(fault)? {
            return Ok(false);
        }
        cx.yield_if_due().await?;
    }
    Ok(true)
}

async fn rising(cx: &Context<'_>, given: &Given) -> Result<Array, Fault> {
    let array = given.array(cx, "x")?;
    let set = axes(&given.list::<i64>("axis")?, array.ndim())?;
    with_dtype!(kernel_dtype(array.dtype()), T => {
        let from = view::<T>(&array)?;
        let mut out = room::<bool>(cx, &from.shape().reduced(set, true).map_err(fault)?)?;
        for (k, out) in out.iter_mut().enumerate() {
            // What is behind one result may have several axes itself: it is sorted if it is along each.
            let part = line(&from, set, k).map_err(fault)?;
            *out = true;
            for axis in 0..part.shape().rank() {
                let lines = part.shape().reduced(1 << axis, false).map_err(fault)?.elements();
                for k in 0..lines {
                    *out &= climbs(cx, &line(&part, 1 << axis, k).map_err(fault)?).await?;
                }
            }
        }
        Ok(out.done())
    }, else => Err(not_implemented("isSorted", &[array.dtype()])))
}
