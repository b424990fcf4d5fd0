//! Functions of two arrays that are no operators: angles, differences.

use crate::work::{axis, bad, cast_to, constant, fill, kernel_dtype, not_implemented, room, view};
use windlass::prelude::*;
use windlass_kernels::{Shape as Lengths, with_dtype};

/// Functions of two.
pub struct Binary;

/// Functions of two arrays, and differences of neighbours.
#[module(name = "array_binary", export = false, stateless)]
impl Binary {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// The angle of the point (b, a), for each pair.
    #[method(each(T in Element, n in Rank, U in Element), standard)]
    async fn arctan2vv(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let (a, b) = (given.array(cx, "a")?, given.array(cx, "b")?);
        angles(cx, &a, &b).await
    }

    /// The angle of the point (b, a) with one float64 for all `b`.
    #[method(each(T in Element, n in Rank), standard)]
    async fn arctan2vs_float64(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let (a, b) = (given.array(cx, "a")?, number(cx, given, "b")?);
        angles(cx, &a, &b).await
    }

    /// The angle of the point (b, a) with one int64 for all `b`.
    #[method(each(T in Element, n in Rank), standard)]
    async fn arctan2vs_int64(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let (a, b) = (given.array(cx, "a")?, number(cx, given, "b")?);
        angles(cx, &a, &b).await
    }

    /// The angle of the point (b, a) with one uint64 for all `b`.
    #[method(each(T in Element, n in Rank), standard)]
    async fn arctan2vs_uint64(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let (a, b) = (given.array(cx, "a")?, number(cx, given, "b")?);
        angles(cx, &a, &b).await
    }

    /// The angle of the point (b, a) with one bool for all `b`.
    #[method(each(T in Element, n in Rank), standard)]
    async fn arctan2vs_bool(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let (a, b) = (given.array(cx, "a")?, number(cx, given, "b")?);
        angles(cx, &a, &b).await
    }

    /// The angle of the point (b, a) with one float64 for all `a`.
    #[method(each(T in Element, n in Rank), standard)]
    async fn arctan2sv_float64(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let (a, b) = (number(cx, given, "a")?, given.array(cx, "b")?);
        angles(cx, &a, &b).await
    }

    /// The angle of the point (b, a) with one int64 for all `a`.
    #[method(each(T in Element, n in Rank), standard)]
    async fn arctan2sv_int64(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let (a, b) = (number(cx, given, "a")?, given.array(cx, "b")?);
        angles(cx, &a, &b).await
    }

    /// The angle of the point (b, a) with one uint64 for all `a`.
    #[method(each(T in Element, n in Rank), standard)]
    async fn arctan2sv_uint64(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let (a, b) = (number(cx, given, "a")?, given.array(cx, "b")?);
        angles(cx, &a, &b).await
    }

    /// The angle of the point (b, a) with one bool for all `a`.
    #[method(each(T in Element, n in Rank), standard)]
    async fn arctan2sv_bool(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let (a, b) = (number(cx, given, "a")?, given.array(cx, "b")?);
        angles(cx, &a, &b).await
    }

    /// Each element less the one before it along an axis, `n` times over.
    #[method(each(T in Element, n in Rank), standard)]
    async fn diff(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let mut array = given.array(cx, "x")?;
        let at = axis(given.scalar::<i64>("axis")?, array.ndim())?;
        let times = given.scalar::<i64>("n")?;
        for _ in 0..times.clamp(0, array.shape()[at] as i64) {
            array = differences(cx, &array, at).await?;
        }
        Ok(array)
    }
}

/// One number as an array of rank 0.
fn number(cx: &Context<'_>, given: &Given, key: &str) -> Result<Array, Fault> {
    let value = match given.text(key)? {
        "True" => 1.0,
        "False" => 0.0,
        _ => given.scalar::<f64>(key)?,
    };
    constant(cx, &Scalar::Float64(value), Dtype::Float64)
}

async fn angles(cx: &Context<'_>, a: &Array, b: &Array) -> Result<Array, Fault> {
    let (a, b) = (cast_to(cx, a, Dtype::Float64).await?, cast_to(cx, b, Dtype::Float64).await?);
    let wrong = |error: windlass_kernels::KernelError| bad(error.to_string());
    let shape = Lengths::new(a.shape()).map_err(wrong)?.broadcast_with(&Lengths::new(b.shape()).map_err(wrong)?);
    let shape = shape.map_err(wrong)?;
    let a = view::<f64>(&a)?.broadcast(&shape).map_err(wrong)?;
    let b = view::<f64>(&b)?.broadcast(&shape).map_err(wrong)?;
    let mut out = room::<f64>(cx, &shape)?;
    fill(cx, &mut out, |range, out| {
        let mut other = vec![0.0; out.len()];
        a.copy(range.clone(), out)?;
        b.copy(range, &mut other)?;
        out.iter_mut().zip(&other).for_each(|(one, other)| *one = one.atan2(*other));
        Ok(())
    })
    .await?;
    Ok(out.done())
}

async fn differences(cx: &Context<'_>, array: &Array, at: usize) -> Result<Array, Fault> {
    let length = array.shape()[at];
    let mut shape = array.shape().to_vec();
    shape[at] = length.saturating_sub(1);
    let later = usize::try_from(array.offset() as i64 + array.strides()[at]).unwrap_or(0);
    let part = |offset: usize| {
        // Of one element nothing is left, and an empty view reads nothing.
        let offset = if length < 2 { 0 } else { offset };
        array.view_as(&shape, array.strides(), offset).map_err(|error| bad(error.to_string()))
    };
    let (before, after) = (part(array.offset())?, part(later)?);
    let none = || not_implemented("diff", &[array.dtype()]);
    match array.dtype() {
        Dtype::Bool => {
            let (before, after) = (view::<bool>(&before)?, view::<bool>(&after)?);
            let mut out = room::<bool>(cx, &shape)?;
            fill(cx, &mut out, |range, out| {
                let mut other = vec![false; out.len()];
                after.copy(range.clone(), out)?;
                before.copy(range, &mut other)?;
                out.iter_mut().zip(&other).for_each(|(one, other)| *one ^= *other);
                Ok(())
            })
            .await?;
            Ok(out.done())
        }
        dtype if dtype.is_float() => with_dtype!(floats kernel_dtype(dtype), T => {
            let (before, after) = (view::<T>(&before)?, view::<T>(&after)?);
            let mut out = room::<T>(cx, &shape)?;
            fill(cx, &mut out, |range, out| {
                let mut other = vec![T::default(); out.len()];
                after.copy(range.clone(), out)?;
                before.copy(range, &mut other)?;
                out.iter_mut().zip(&other).for_each(|(one, other)| *one -= *other);
                Ok(())
            })
            .await?;
            Ok(out.done())
        }, else => Err(none())),
        dtype => with_dtype!(integers kernel_dtype(dtype), T => {
            let (before, after) = (view::<T>(&before)?, view::<T>(&after)?);
            let mut out = room::<T>(cx, &shape)?;
            fill(cx, &mut out, |range, out| {
                let mut other = vec![T::default(); out.len()];
                after.copy(range.clone(), out)?;
                before.copy(range, &mut other)?;
                out.iter_mut().zip(&other).for_each(|(one, other)| *one = one.wrapping_sub(*other));
                Ok(())
            })
            .await?;
            Ok(out.done())
        }, else => Err(none())),
    }
}
