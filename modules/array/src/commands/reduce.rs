//! Reductions and scans: everything to one value, along axes, or running.

use crate::work::{Fill, Part, axes, axis, bad, cast_to, each, fault, kernel_dtype, not_implemented, room, view};
use windlass::prelude::*;
use windlass_kernels::reduce::{
    All, Any, ArgMax, ArgMin, Max, Min, Moment, Prod, Reducer, SkipNan, Sum, along, combine, partial,
    results_per_morsel,
};
use windlass_kernels::scan::{self, Scan};
use windlass_kernels::{Element, View, morsel, with_dtype};

/// Reductions and scans.
pub struct Reduce;

/// Sums, products, extremes and where they are, moments; over everything, along axes, or running.
#[module(name = "array_reduce", export = false, stateless)]
impl Reduce {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// The sum of all elements; with `skipNan`, of those that are numbers.
    #[method(each(T in Element), name = "sumAll")]
    async fn sum_all(
        cx: &Context<'_>,
        #[arg(dtype = T)] x: Array,
        #[arg(key = "skipNan")] skip_nan: bool,
    ) -> Result<Scalar, Fault> {
        let x = summable(cx, &x, Total::Sum).await?;
        with_dtype!(numbers kernel_dtype(x.dtype()), T => match skip_nan {
            true => whole(cx, SkipNan(Sum), &view::<T>(&x)?).await,
            false => whole(cx, Sum, &view::<T>(&x)?).await,
        }, else => Err(not_implemented("sum", &[x.dtype()])))
    }

    /// The sum along axes, which stay with length 1.
    #[method(each(T in Element))]
    async fn sum(
        cx: &Context<'_>,
        #[arg(dtype = T)] x: Array,
        axis: Vec<i64>,
        #[arg(key = "skipNan")] skip_nan: bool,
    ) -> Result<Array, Fault> {
        let x = summable(cx, &x, Total::Sum).await?;
        with_dtype!(numbers kernel_dtype(x.dtype()), T => match skip_nan {
            true => lines(cx, SkipNan(Sum), &view::<T>(&x)?, &axis).await,
            false => lines(cx, Sum, &view::<T>(&x)?, &axis).await,
        }, else => Err(not_implemented("sum", &[x.dtype()])))
    }

    /// The product of all elements; with `skipNan`, of those that are numbers.
    #[method(each(T in Element), name = "prodAll")]
    async fn prod_all(
        cx: &Context<'_>,
        #[arg(dtype = T)] x: Array,
        #[arg(key = "skipNan")] skip_nan: bool,
    ) -> Result<Scalar, Fault> {
        let x = summable(cx, &x, Total::Prod).await?;
        with_dtype!(numbers kernel_dtype(x.dtype()), T => match skip_nan {
            true => whole(cx, SkipNan(Prod), &view::<T>(&x)?).await,
            false => whole(cx, Prod, &view::<T>(&x)?).await,
        }, else => Err(not_implemented("prod", &[x.dtype()])))
    }

    /// The product along axes, which stay with length 1.
    #[method(each(T in Element))]
    async fn prod(
        cx: &Context<'_>,
        #[arg(dtype = T)] x: Array,
        axis: Vec<i64>,
        #[arg(key = "skipNan")] skip_nan: bool,
    ) -> Result<Array, Fault> {
        let x = summable(cx, &x, Total::Prod).await?;
        with_dtype!(numbers kernel_dtype(x.dtype()), T => match skip_nan {
            true => lines(cx, SkipNan(Prod), &view::<T>(&x)?, &axis).await,
            false => lines(cx, Prod, &view::<T>(&x)?, &axis).await,
        }, else => Err(not_implemented("prod", &[x.dtype()])))
    }

    /// The greatest element of all elements; with `skipNan`, of those that are numbers.
    #[method(each(T in Element), name = "maxAll")]
    async fn max_all(
        cx: &Context<'_>,
        #[arg(dtype = T)] x: Array,
        #[arg(key = "skipNan")] skip_nan: bool,
    ) -> Result<Scalar, Fault> {
        if x.size() == 0 {
            return of_nothing(x.dtype(), Total::Max);
        }
        let (dtype, x) = (x.dtype(), summable(cx, &x, Total::Max).await?);
        let found = with_dtype!(numbers kernel_dtype(x.dtype()), T => match skip_nan {
            true => whole(cx, SkipNan(Max), &view::<T>(&x)?).await,
            false => whole(cx, Max, &view::<T>(&x)?).await,
        }, else => Err(not_implemented("max", &[dtype])))?;
        kept(&found, dtype)
    }

    /// The greatest element along axes, which stay with length 1.
    #[method(each(T in Element))]
    async fn max(
        cx: &Context<'_>,
        #[arg(dtype = T)] x: Array,
        axis: Vec<i64>,
        #[arg(key = "skipNan")] skip_nan: bool,
    ) -> Result<Array, Fault> {
        let (dtype, x) = (x.dtype(), summable(cx, &x, Total::Max).await?);
        let found = with_dtype!(numbers kernel_dtype(x.dtype()), T => match skip_nan {
            true => lines(cx, SkipNan(Max), &view::<T>(&x)?, &axis).await,
            false => lines(cx, Max, &view::<T>(&x)?, &axis).await,
        }, else => Err(not_implemented("max", &[dtype])))?;
        cast_to(cx, &found, dtype).await
    }

    /// The least element of all elements; with `skipNan`, of those that are numbers.
    #[method(each(T in Element), name = "minAll")]
    async fn min_all(
        cx: &Context<'_>,
        #[arg(dtype = T)] x: Array,
        #[arg(key = "skipNan")] skip_nan: bool,
    ) -> Result<Scalar, Fault> {
        if x.size() == 0 {
            return of_nothing(x.dtype(), Total::Min);
        }
        let (dtype, x) = (x.dtype(), summable(cx, &x, Total::Min).await?);
        let found = with_dtype!(numbers kernel_dtype(x.dtype()), T => match skip_nan {
            true => whole(cx, SkipNan(Min), &view::<T>(&x)?).await,
            false => whole(cx, Min, &view::<T>(&x)?).await,
        }, else => Err(not_implemented("min", &[dtype])))?;
        kept(&found, dtype)
    }

    /// The least element along axes, which stay with length 1.
    #[method(each(T in Element))]
    async fn min(
        cx: &Context<'_>,
        #[arg(dtype = T)] x: Array,
        axis: Vec<i64>,
        #[arg(key = "skipNan")] skip_nan: bool,
    ) -> Result<Array, Fault> {
        let (dtype, x) = (x.dtype(), summable(cx, &x, Total::Min).await?);
        let found = with_dtype!(numbers kernel_dtype(x.dtype()), T => match skip_nan {
            true => lines(cx, SkipNan(Min), &view::<T>(&x)?, &axis).await,
            false => lines(cx, Min, &view::<T>(&x)?, &axis).await,
        }, else => Err(not_implemented("min", &[dtype])))?;
        cast_to(cx, &found, dtype).await
    }

    /// Whether one is not zero, of all elements.
    #[method(each(T in Element), name = "anyAll")]
    async fn any_all(cx: &Context<'_>, #[arg(dtype = T)] x: Array) -> Result<Scalar, Fault> {
        with_dtype!(kernel_dtype(x.dtype()), T => whole(cx, Any, &view::<T>(&x)?).await,
            else => Err(not_implemented("any", &[x.dtype()])))
    }

    /// Whether one is not zero, along axes, which stay with length 1.
    #[method(each(T in Element))]
    async fn any(cx: &Context<'_>, #[arg(dtype = T)] x: Array, axis: Vec<i64>) -> Result<Array, Fault> {
        with_dtype!(kernel_dtype(x.dtype()), T => lines(cx, Any, &view::<T>(&x)?, &axis).await,
            else => Err(not_implemented("any", &[x.dtype()])))
    }

    /// Whether none is zero, of all elements.
    #[method(each(T in Element), name = "allAll")]
    async fn all_all(cx: &Context<'_>, #[arg(dtype = T)] x: Array) -> Result<Scalar, Fault> {
        with_dtype!(kernel_dtype(x.dtype()), T => whole(cx, All, &view::<T>(&x)?).await,
            else => Err(not_implemented("all", &[x.dtype()])))
    }

    /// Whether none is zero, along axes, which stay with length 1.
    #[method(each(T in Element))]
    async fn all(cx: &Context<'_>, #[arg(dtype = T)] x: Array, axis: Vec<i64>) -> Result<Array, Fault> {
        with_dtype!(kernel_dtype(x.dtype()), T => lines(cx, All, &view::<T>(&x)?, &axis).await,
            else => Err(not_implemented("all", &[x.dtype()])))
    }

    /// Where the greatest element is, of all elements, row-major.
    #[method(each(T in Element), name = "argmaxAll")]
    async fn argmax_all(cx: &Context<'_>, #[arg(dtype = T)] x: Array) -> Result<Scalar, Fault> {
        let x = ordered(cx, &x).await?;
        with_dtype!(numbers kernel_dtype(x.dtype()), T => place(whole(cx, ArgMax, &view::<T>(&x)?).await?),
            else => Err(not_implemented("argmax", &[x.dtype()])))
    }

    /// Where the greatest element is along an axis, which stays with length 1.
    #[method(each(T in Element))]
    async fn argmax(cx: &Context<'_>, #[arg(dtype = T)] x: Array, axis: i64) -> Result<Array, Fault> {
        let x = ordered(cx, &x).await?;
        with_dtype!(numbers kernel_dtype(x.dtype()), T => {
            let places = lines(cx, ArgMax, &view::<T>(&x)?, &[axis]).await?;
            cast_to(cx, &places, Dtype::Int64).await
        },
            else => Err(not_implemented("argmax", &[x.dtype()])))
    }

    /// Where the least element is, of all elements, row-major.
    #[method(each(T in Element), name = "argminAll")]
    async fn argmin_all(cx: &Context<'_>, #[arg(dtype = T)] x: Array) -> Result<Scalar, Fault> {
        let x = ordered(cx, &x).await?;
        with_dtype!(numbers kernel_dtype(x.dtype()), T => place(whole(cx, ArgMin, &view::<T>(&x)?).await?),
            else => Err(not_implemented("argmin", &[x.dtype()])))
    }

    /// Where the least element is along an axis, which stays with length 1.
    #[method(each(T in Element))]
    async fn argmin(cx: &Context<'_>, #[arg(dtype = T)] x: Array, axis: i64) -> Result<Array, Fault> {
        let x = ordered(cx, &x).await?;
        with_dtype!(numbers kernel_dtype(x.dtype()), T => {
            let places = lines(cx, ArgMin, &view::<T>(&x)?, &[axis]).await?;
            cast_to(cx, &places, Dtype::Int64).await
        },
            else => Err(not_implemented("argmin", &[x.dtype()])))
    }

    /// The mean of all elements; with `skipNan`, of those that are numbers.
    #[method(each(T in Element), name = "meanAll")]
    async fn mean_all(
        cx: &Context<'_>,
        #[arg(dtype = T)] x: Array,
        #[arg(key = "skipNan")] skip_nan: bool,
    ) -> Result<Scalar, Fault> {
        moment(cx, "mean", Moment::MEAN, &x, skip_nan).await
    }

    /// The mean along axes, which stay with length 1.
    #[method(each(T in Element), name = "mean")]
    async fn mean_along(
        cx: &Context<'_>,
        #[arg(dtype = T)] x: Array,
        #[arg(key = "skipNan")] skip_nan: bool,
        axis: Vec<i64>,
    ) -> Result<Array, Fault> {
        moment_along(cx, "mean", Moment::MEAN, &x, skip_nan, &axis).await
    }

    /// The variance, with `ddof` degrees of freedom taken off, of all elements; with `skipNan`, of those that are numbers.
    #[method(each(T in Element), name = "varAll")]
    async fn var_all(
        cx: &Context<'_>,
        #[arg(dtype = T)] x: Array,
        #[arg(key = "skipNan")] skip_nan: bool,
        ddof: f64,
    ) -> Result<Scalar, Fault> {
        moment(cx, "var", Moment::variance(ddof), &x, skip_nan).await
    }

    /// The variance, with `ddof` degrees of freedom taken off, along axes, which stay with length 1.
    #[method(each(T in Element), name = "varReduce")]
    async fn var_along(
        cx: &Context<'_>,
        #[arg(dtype = T)] x: Array,
        #[arg(key = "skipNan")] skip_nan: bool,
        ddof: f64,
        axis: Vec<i64>,
    ) -> Result<Array, Fault> {
        moment_along(cx, "var", Moment::variance(ddof), &x, skip_nan, &axis).await
    }

    /// The standard deviation, with `ddof` degrees of freedom taken off, of all elements; with `skipNan`, of those that are numbers.
    #[method(each(T in Element), name = "stdAll")]
    async fn std_all(
        cx: &Context<'_>,
        #[arg(dtype = T)] x: Array,
        #[arg(key = "skipNan")] skip_nan: bool,
        ddof: f64,
    ) -> Result<Scalar, Fault> {
        moment(cx, "std", Moment::deviation(ddof), &x, skip_nan).await
    }

    /// The standard deviation, with `ddof` degrees of freedom taken off, along axes, which stay with length 1.
    #[method(each(T in Element), name = "stdReduce")]
    async fn std_along(
        cx: &Context<'_>,
        #[arg(dtype = T)] x: Array,
        #[arg(key = "skipNan")] skip_nan: bool,
        ddof: f64,
        axis: Vec<i64>,
    ) -> Result<Array, Fault> {
        moment_along(cx, "std", Moment::deviation(ddof), &x, skip_nan, &axis).await
    }

    /// Running sums along an axis; with `includeInitial`, one more in front, of nothing.
    #[method(each(T in Numeric), name = "cumSum")]
    async fn cum_sum(
        cx: &Context<'_>,
        #[arg(dtype = T)] x: Array,
        axis: i64,
        #[arg(key = "includeInitial")] include_initial: bool,
    ) -> Result<Array, Fault> {
        running(cx, Scan::Sum, &x, axis, include_initial).await
    }

    /// Running products along an axis; with `includeInitial`, one more in front, of nothing.
    #[method(each(T in Numeric), name = "cumProd")]
    async fn cum_prod(
        cx: &Context<'_>,
        #[arg(dtype = T)] x: Array,
        axis: i64,
        #[arg(key = "includeInitial")] include_initial: bool,
    ) -> Result<Array, Fault> {
        running(cx, Scan::Product, &x, axis, include_initial).await
    }

    /// Whether no element is greater than the next; of all elements, row-major.
    #[method(each(T in Element), name = "isSortedAll")]
    async fn is_sorted_all(cx: &Context<'_>, #[arg(dtype = T)] x: Array) -> Result<Scalar, Fault> {
        with_dtype!(kernel_dtype(x.dtype()), T => {
            let from = view::<T>(&x)?;
            for range in morsel::split(from.elements()) {
                if !scan::is_sorted(&from, range).map_err(fault)? {
                    return Ok(false.into());
                }
                cx.yield_if_due().await?;
            }
            Ok(true.into())
        }, else => Err(not_implemented("isSorted", &[x.dtype()])))
    }
}

/// Which of the reductions over values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Total {
    Sum,
    Prod,
    Max,
    Min,
}

/// Bools are added and multiplied as int64; their extremes are bools, taken as uint8.
async fn summable(cx: &Context<'_>, x: &Array, of: Total) -> Result<Array, Fault> {
    match (x.dtype(), of) {
        (Dtype::Bool, Total::Sum | Total::Prod) => cast_to(cx, x, Dtype::Int64).await,
        (Dtype::Bool, Total::Max | Total::Min) => cast_to(cx, x, Dtype::UInt8).await,
        _ => Ok(x.clone()),
    }
}

/// The extreme of no elements, as the ancestor has it: what any element would beat.
fn of_nothing(dtype: Dtype, which: Total) -> Result<Scalar, Fault> {
    let least = matches!(which, Total::Max);
    if dtype == Dtype::Bool {
        return Ok((!least).into());
    }
    if dtype.is_float() {
        let end = if least { f64::NEG_INFINITY } else { f64::INFINITY };
        return kept(&Scalar::from(end), dtype);
    }
    with_dtype!(numbers kernel_dtype(dtype), T => Ok(Scalar::from(if least { T::MIN } else { T::MAX })),
        else => Err(not_implemented("min", &[dtype])))
}

/// An extreme in the dtype of what it is of: that of bools was found as a uint8.
fn kept(found: &Scalar, dtype: Dtype) -> Result<Scalar, Fault> {
    found.cast(dtype).ok_or_else(|| bad(format!("{} is no {dtype}", found.plain())))
}

/// Bools as numbers that have an order.
async fn ordered(cx: &Context<'_>, x: &Array) -> Result<Array, Fault> {
    if x.dtype() == Dtype::Bool { cast_to(cx, x, Dtype::UInt8).await } else { Ok(x.clone()) }
}

/// A place as callers count: an int64.
fn place(at: Scalar) -> Result<Scalar, Fault> {
    at.cast(Dtype::Int64).ok_or_else(|| bad("a place past int64"))
}

/// Everything to one value: parts by morsel, joined in their order.
async fn whole<T: Element, R: Reducer<T, Out: Item>>(
    cx: &Context<'_>,
    reducer: R,
    view: &View<'_, T>,
) -> Result<Scalar, Fault> {
    let mut parts = Vec::with_capacity(morsel::count(view.elements()));
    let ranges = morsel::split(view.elements());
    each(cx, ranges, |range| partial(reducer, view, range), |part| parts.push(part)).await?;
    Ok(reducer.finish(&combine(reducer, &parts)).map_err(fault)?.into())
}

/// Along axes, which are kept with length 1; the ancestor's client takes them away.
async fn lines<T: Element, R: Reducer<T, Out: Item>>(
    cx: &Context<'_>,
    reducer: R,
    view: &View<'_, T>,
    given: &[i64],
) -> Result<Array, Fault> {
    let set = axes(given, view.shape().rank())?;
    let shape = view.shape().reduced(set, true).map_err(fault)?;
    let mut out = room::<R::Out>(cx, &shape)?;
    let step = results_per_morsel(view.shape(), set);
    let mut at = 0;
    for part in out.chunks_mut(step) {
        along(reducer, view, set, at..at + part.len(), part).map_err(fault)?;
        at += part.len();
        cx.yield_if_due().await?;
    }
    Ok(out.done())
}

/// A moment of all elements; `skip_nan`: of those that are numbers.
async fn moment(cx: &Context<'_>, proc: &str, moment: Moment, x: &Array, skip_nan: bool) -> Result<Scalar, Fault> {
    with_dtype!(kernel_dtype(x.dtype()), T => match skip_nan {
        true => whole(cx, SkipNan(moment), &view::<T>(x)?).await,
        false => whole(cx, moment, &view::<T>(x)?).await,
    }, else => Err(not_implemented(proc, &[x.dtype()])))
}

/// The same along axes.
async fn moment_along(
    cx: &Context<'_>,
    proc: &str,
    moment: Moment,
    x: &Array,
    skip_nan: bool,
    axis: &[i64],
) -> Result<Array, Fault> {
    with_dtype!(kernel_dtype(x.dtype()), T => match skip_nan {
        true => lines(cx, SkipNan(moment), &view::<T>(x)?, axis).await,
        false => lines(cx, moment, &view::<T>(x)?, axis).await,
    }, else => Err(not_implemented(proc, &[x.dtype()])))
}

async fn running(cx: &Context<'_>, op: Scan, x: &Array, given: i64, initial: bool) -> Result<Array, Fault> {
    let axis = axis(given, x.ndim())?;
    with_dtype!(numbers kernel_dtype(x.dtype()), T => {
        let from = view::<T>(x)?;
        let (pieces, length) = scan::pieces(from.shape(), axis).map_err(fault)?;
        let mut shape = x.shape().to_vec();
        let after: usize = shape[axis + 1..].iter().product();
        let extra = if initial { after } else { 0 };
        shape[axis] = shape[axis].checked_add(usize::from(initial)).ok_or_else(|| bad("the axis is too long"))?;
        let mut out = room::<<T as windlass_kernels::Number>::Wide>(cx, &shape)?;
        let neutral = if op == Scan::Sum { 0 as <T as windlass_kernels::Number>::Wide } else { 1 as <T as windlass_kernels::Number>::Wide };
        if pieces == 1 && after == 1 {
            // One line: in two passes, so that others run between its morsels.
            let mut carry = Vec::with_capacity(morsel::count(length));
            let ranges = morsel::split(length);
            each(cx, ranges, |range| scan::total(op, &from, range), |total| carry.push(total)).await?;
            scan::carries(op, &mut carry);
            if extra == 0 {
                let parts = out.morsels().zip(carry);
                let scan = |((range, out), carry): ((_, Part<'_, _>), _)| scan::scan(op, &from, range, carry, out.ready());
                each(cx, parts, scan, |()| ()).await?;
            } else {
                let (front, rest) = out.split_at_mut(extra);
                front.fill(neutral);
                let parts = morsel::outputs(rest).zip(carry);
                each(cx, parts, |((range, out), carry)| scan::scan(op, &from, range, carry, out), |()| ()).await?;
            }
        } else {
            for piece in 0..pieces {
                let out = &mut out[piece * (length + extra)..(piece + 1) * (length + extra)];
                let (front, rest) = out.split_at_mut(extra);
                front.fill(neutral);
                scan::along(op, &from, axis, piece, rest).map_err(fault)?;
                cx.yield_if_due().await?;
            }
        }
        cast_to(cx, &out.done(), x.dtype()).await
    }, else => Err(not_implemented("scan", &[x.dtype()])))
}
