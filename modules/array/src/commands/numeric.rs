//! Numbers: remainders, bounds, neighbours among floats.

use super::operators::both;
use crate::work::{cast_to, constant, fault, fill, kernel_dtype, not_implemented, our_dtype, room, view};
use windlass::prelude::*;
use windlass_kernels::elementwise::unary::math_dtype;
use windlass_kernels::elementwise::{Math2, clip, math2, together};
use windlass_kernels::{Element, Shape as Lengths, View, promote, with_dtype};

/// Numbers.
pub struct Numeric;

/// Remainders, bounds, neighbours among floats.
#[module(name = "array_numeric", export = false, stateless)]
impl Numeric {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// What a division leaves, with the sign of what is divided.
    #[method(each(T in Element, n in Rank, U in Element), standard)]
    async fn fmod2vv(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let (a, b) = (given.array(cx, "a")?, given.array(cx, "b")?);
        remainders(cx, &a, &b).await
    }

    /// What a division by one float64 leaves.
    #[method(each(T in Element, n in Rank), standard)]
    async fn fmod2vs_float64(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        by_one(cx, given, Dtype::Float64).await
    }

    /// What a division by one int64 leaves.
    #[method(each(T in Element, n in Rank), standard)]
    async fn fmod2vs_int64(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        by_one(cx, given, Dtype::Int64).await
    }

    /// What a division by one uint64 leaves.
    #[method(each(T in Element, n in Rank), standard)]
    async fn fmod2vs_uint64(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        by_one(cx, given, Dtype::UInt64).await
    }

    /// What a division by one bool leaves.
    #[method(each(T in Element, n in Rank), standard)]
    async fn fmod2vs_bool(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        by_one(cx, given, Dtype::Bool).await
    }

    /// What divisions of one float64 leave.
    #[method(each(T in Element, n in Rank), standard)]
    async fn fmod2sv_float64(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        of_one(cx, given, Dtype::Float64).await
    }

    /// What divisions of one int64 leave.
    #[method(each(T in Element, n in Rank), standard)]
    async fn fmod2sv_int64(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        of_one(cx, given, Dtype::Int64).await
    }

    /// What divisions of one uint64 leave.
    #[method(each(T in Element, n in Rank), standard)]
    async fn fmod2sv_uint64(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        of_one(cx, given, Dtype::UInt64).await
    }

    /// What divisions of one bool leave.
    #[method(each(T in Element, n in Rank), standard)]
    async fn fmod2sv_bool(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        of_one(cx, given, Dtype::Bool).await
    }

    /// The elements of an array, none less than `min` nor greater than `max`; bounds are cut to the array's dtype, and `None` is no bound.
    #[method(each(T in Numeric, n in Rank), standard, name = "clip")]
    async fn clipped(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let array = given.array(cx, "x")?;
        let low = bound(cx, given, "min", array.dtype()).await?;
        let high = bound(cx, given, "max", array.dtype()).await?;
        with_dtype!(numbers kernel_dtype(array.dtype()), T => {
            let from = view::<T>(&array)?;
            let low = low.as_ref().map(|one| spread::<T>(one, from.shape())).transpose()?;
            let high = high.as_ref().map(|one| spread::<T>(one, from.shape())).transpose()?;
            let mut out = room::<T>(cx, array.shape())?;
            fill(cx, &mut out, |range, out| clip(&from, low.as_ref(), high.as_ref(), range, out)).await?;
            Ok(out.done())
        }, else => Err(not_implemented("clip", &[array.dtype()])))
    }

    /// The next float64 from each `x1` toward `x2`.
    #[method(each(n in Rank), standard, name = "nextafter")]
    async fn next_after(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let (a, b) = (given.array(cx, "x1")?, given.array(cx, "x2")?);
        let (a, b) = (view::<f64>(&a)?, view::<f64>(&b)?);
        let (a, b) = together(&a, &b).map_err(fault)?;
        let mut out = room::<f64>(cx, a.shape())?;
        fill(cx, &mut out, |range, out| math2(Math2::NextAfter, &a, &b, range, out)).await?;
        Ok(out.done())
    }
}

/// A bound of `clip`, as an array of rank 0.
async fn bound(cx: &Context<'_>, given: &Given, key: &str, dtype: Dtype) -> Result<Option<Array>, Fault> {
    let text = given.text(key)?;
    if text == "None" {
        return Ok(None);
    }
    let exact: Scalar = text.into();
    if exact.cast(dtype).is_some() {
        return Ok(Some(constant(cx, &exact, dtype)?));
    }
    let float = constant(cx, &Scalar::Float64(given.scalar(key)?), Dtype::Float64)?;
    Ok(Some(cast_to(cx, &float, dtype).await?))
}

fn spread<'a, T: Item + Element>(one: &'a Array, shape: &Lengths) -> Result<View<'a, T>, Fault> {
    view::<T>(one)?.broadcast(shape).map_err(fault)
}

/// An array divided by the value `b`.
async fn by_one(cx: &Context<'_>, given: &Given, of: Dtype) -> Result<Array, Fault> {
    let a = given.array(cx, "a")?;
    remainders(cx, &a, &value(cx, given, "b", of)?).await
}

/// The value `a` divided by an array.
async fn of_one(cx: &Context<'_>, given: &Given, of: Dtype) -> Result<Array, Fault> {
    let b = given.array(cx, "b")?;
    remainders(cx, &value(cx, given, "a", of)?, &b).await
}

fn value(cx: &Context<'_>, given: &Given, key: &str, of: Dtype) -> Result<Array, Fault> {
    let text: Scalar = match (of, given.text(key)?) {
        (Dtype::Bool, "True" | "true") => true.into(),
        (Dtype::Bool, "False" | "false") => false.into(),
        (_, text) => text.into(),
    };
    constant(cx, &text, of)
}

async fn remainders(cx: &Context<'_>, a: &Array, b: &Array) -> Result<Array, Fault> {
    let none = || not_implemented("fmod", &[a.dtype(), b.dtype()]);
    let common = promote(kernel_dtype(a.dtype()), kernel_dtype(b.dtype())).ok_or_else(none)?;
    let common = math_dtype(common).map_err(fault)?;
    let (a, b) = both(cx, a, b, our_dtype(common)).await?;
    with_dtype!(floats common, T => {
        let (a, b) = (view::<T>(&a)?, view::<T>(&b)?);
        let (a, b) = together(&a, &b).map_err(fault)?;
        let mut out = room::<T>(cx, a.shape())?;
        fill(cx, &mut out, |range, out| {
            let mut divisors = vec![0.0; out.len()];
            a.copy(range.clone(), out)?;
            b.copy(range, &mut divisors)?;
            out.iter_mut().zip(&divisors).for_each(|(out, divisor)| *out %= *divisor);
            Ok(())
        })
        .await?;
        Ok(out.done())
    }, else => Err(none()))
}
