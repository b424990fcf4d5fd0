//! One operand, casts and choice: `sin(x)`, `cast`, `where`.

use crate::commands::operators::both;
use crate::work::{
    bad, cast_to, constant, fault, fill, kernel_dtype, not_implemented, of_view, our_dtype, room, view,
};
use windlass::prelude::*;
use windlass_kernels::elementwise::unary::{BitCount, Class, bit_count, classify, math_dtype, not};
use windlass_kernels::elementwise::{Math, Unary, choose, math, unary};
use windlass_kernels::{Shape, View, promote, with_dtype};

/// Functions of each element.
pub struct Elementwise;

/// Mathematics, signs, bits, casts and choice, element by element.
#[module(name = "array_elementwise", export = false, stateless)]
impl Elementwise {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// The elements of an array in another dtype: integers wrap, floats are cut toward zero.
    #[method(each(T in Element, U in Element, rank in Rank))]
    async fn cast(
        cx: &Context<'_>,
        #[arg(dtype = T)] name: Array,
        #[arg(dtype = U)] to: Dtype,
    ) -> Result<Array, Fault> {
        cast_to(cx, &name, to).await
    }

    /// The sine, of radians.
    #[method(each(T in Numeric))]
    async fn sin(cx: &Context<'_>, #[arg(dtype = T)] x: Array) -> Result<Array, Fault> {
        mathematics(cx, Math::Sin, &x).await
    }

    /// The cosine, of radians.
    #[method(each(T in Numeric))]
    async fn cos(cx: &Context<'_>, #[arg(dtype = T)] x: Array) -> Result<Array, Fault> {
        mathematics(cx, Math::Cos, &x).await
    }

    /// The tangent, of radians.
    #[method(each(T in Numeric))]
    async fn tan(cx: &Context<'_>, #[arg(dtype = T)] x: Array) -> Result<Array, Fault> {
        mathematics(cx, Math::Tan, &x).await
    }

    /// The inverse sine, in radians.
    #[method(each(T in Numeric))]
    async fn arcsin(cx: &Context<'_>, #[arg(dtype = T)] x: Array) -> Result<Array, Fault> {
        mathematics(cx, Math::ArcSin, &x).await
    }

    /// The inverse cosine, in radians.
    #[method(each(T in Numeric))]
    async fn arccos(cx: &Context<'_>, #[arg(dtype = T)] x: Array) -> Result<Array, Fault> {
        mathematics(cx, Math::ArcCos, &x).await
    }

    /// The inverse tangent, in radians.
    #[method(each(T in Numeric))]
    async fn arctan(cx: &Context<'_>, #[arg(dtype = T)] x: Array) -> Result<Array, Fault> {
        mathematics(cx, Math::ArcTan, &x).await
    }

    /// The hyperbolic sine.
    #[method(each(T in Numeric))]
    async fn sinh(cx: &Context<'_>, #[arg(dtype = T)] x: Array) -> Result<Array, Fault> {
        mathematics(cx, Math::Sinh, &x).await
    }

    /// The hyperbolic cosine.
    #[method(each(T in Numeric))]
    async fn cosh(cx: &Context<'_>, #[arg(dtype = T)] x: Array) -> Result<Array, Fault> {
        mathematics(cx, Math::Cosh, &x).await
    }

    /// The hyperbolic tangent.
    #[method(each(T in Numeric))]
    async fn tanh(cx: &Context<'_>, #[arg(dtype = T)] x: Array) -> Result<Array, Fault> {
        mathematics(cx, Math::Tanh, &x).await
    }

    /// The inverse hyperbolic sine.
    #[method(each(T in Numeric))]
    async fn arcsinh(cx: &Context<'_>, #[arg(dtype = T)] x: Array) -> Result<Array, Fault> {
        mathematics(cx, Math::ArcSinh, &x).await
    }

    /// The inverse hyperbolic cosine.
    #[method(each(T in Numeric))]
    async fn arccosh(cx: &Context<'_>, #[arg(dtype = T)] x: Array) -> Result<Array, Fault> {
        mathematics(cx, Math::ArcCosh, &x).await
    }

    /// The inverse hyperbolic tangent.
    #[method(each(T in Numeric))]
    async fn arctanh(cx: &Context<'_>, #[arg(dtype = T)] x: Array) -> Result<Array, Fault> {
        mathematics(cx, Math::ArcTanh, &x).await
    }

    /// e to the power of each element.
    #[method(each(T in Numeric))]
    async fn exp(cx: &Context<'_>, #[arg(dtype = T)] pda: Array) -> Result<Array, Fault> {
        mathematics(cx, Math::Exp, &pda).await
    }

    /// e to the power of each element, less 1.
    #[method(each(T in Numeric))]
    async fn expm1(cx: &Context<'_>, #[arg(dtype = T)] pda: Array) -> Result<Array, Fault> {
        mathematics(cx, Math::ExpM1, &pda).await
    }

    /// The natural logarithm.
    #[method(each(T in Numeric))]
    async fn log(cx: &Context<'_>, #[arg(dtype = T)] pda: Array) -> Result<Array, Fault> {
        mathematics(cx, Math::Log, &pda).await
    }

    /// The natural logarithm of 1 more than each element.
    #[method(each(T in Numeric))]
    async fn log1p(cx: &Context<'_>, #[arg(dtype = T)] pda: Array) -> Result<Array, Fault> {
        mathematics(cx, Math::Log1P, &pda).await
    }

    /// The logarithm to base 2.
    #[method(each(T in Numeric))]
    async fn log2(cx: &Context<'_>, #[arg(dtype = T)] pda: Array) -> Result<Array, Fault> {
        mathematics(cx, Math::Log2, &pda).await
    }

    /// The logarithm to base 10.
    #[method(each(T in Numeric))]
    async fn log10(cx: &Context<'_>, #[arg(dtype = T)] pda: Array) -> Result<Array, Fault> {
        mathematics(cx, Math::Log10, &pda).await
    }

    /// The next whole number below.
    #[method(each(T in Numeric))]
    async fn floor(cx: &Context<'_>, #[arg(dtype = T)] x: Array) -> Result<Array, Fault> {
        mathematics(cx, Math::Floor, &x).await
    }

    /// The next whole number above.
    #[method(each(T in Numeric))]
    async fn ceil(cx: &Context<'_>, #[arg(dtype = T)] x: Array) -> Result<Array, Fault> {
        mathematics(cx, Math::Ceil, &x).await
    }

    /// The next whole number toward zero.
    #[method(each(T in Numeric))]
    async fn trunc(cx: &Context<'_>, #[arg(dtype = T)] x: Array) -> Result<Array, Fault> {
        mathematics(cx, Math::Trunc, &x).await
    }

    /// Without its sign.
    #[method(each(T in Numeric))]
    async fn abs(cx: &Context<'_>, #[arg(dtype = T)] pda: Array) -> Result<Array, Fault> {
        signs(cx, Unary::Absolute, &pda).await
    }

    /// Times itself.
    #[method(each(T in Numeric))]
    async fn square(cx: &Context<'_>, #[arg(dtype = T)] x: Array) -> Result<Array, Fault> {
        signs(cx, Unary::Square, &x).await
    }

    /// -1, 0 or 1.
    #[method(each(T in Numeric))]
    async fn sgn(cx: &Context<'_>, #[arg(dtype = T)] pda: Array) -> Result<Array, Fault> {
        signs(cx, Unary::Sign, &pda).await
    }

    /// How many bits are 1.
    #[method(each(T in Integer))]
    async fn popcount(cx: &Context<'_>, #[arg(dtype = T)] pda: Array) -> Result<Array, Fault> {
        counted(cx, BitCount::Population, &pda).await
    }

    /// Whether that number is odd.
    #[method(each(T in Integer))]
    async fn parity(cx: &Context<'_>, #[arg(dtype = T)] pda: Array) -> Result<Array, Fault> {
        counted(cx, BitCount::Parity, &pda).await
    }

    /// How many zeros stand above the highest 1.
    #[method(each(T in Integer))]
    async fn clz(cx: &Context<'_>, #[arg(dtype = T)] pda: Array) -> Result<Array, Fault> {
        counted(cx, BitCount::LeadingZeros, &pda).await
    }

    /// How many zeros stand below the lowest 1; 0 for 0.
    #[method(each(T in Integer))]
    async fn ctz(cx: &Context<'_>, #[arg(dtype = T)] pda: Array) -> Result<Array, Fault> {
        counted(cx, BitCount::TrailingZeros, &pda).await
    }

    /// Whether it is no number.
    #[method(name = "isnan")]
    async fn isnan_of(cx: &Context<'_>, pda: ArrayView<'_, f64>) -> Result<Array, Fault> {
        classified(cx, Class::Nan, pda).await
    }

    /// Whether it is an infinity.
    #[method(name = "isinf")]
    async fn isinf_of(cx: &Context<'_>, pda: ArrayView<'_, f64>) -> Result<Array, Fault> {
        classified(cx, Class::Infinite, pda).await
    }

    /// Whether it is neither.
    #[method(name = "isfinite")]
    async fn isfinite_of(cx: &Context<'_>, pda: ArrayView<'_, f64>) -> Result<Array, Fault> {
        classified(cx, Class::Finite, pda).await
    }

    /// Whether it is zero.
    #[method(each(T in Element), name = "not")]
    async fn is_zero(cx: &Context<'_>, #[arg(dtype = T)] pda: Array) -> Result<Array, Fault> {
        with_dtype!(kernel_dtype(pda.dtype()), T => {
            let from = view::<T>(&pda)?;
            let mut out = room::<bool>(cx, pda.shape())?;
            fill(cx, &mut out, |range, out| not(&from, range, out)).await?;
            Ok(out.done())
        }, else => Err(not_implemented("not", &[pda.dtype()])))
    }

    /// Rounded to `n` decimals, half to even.
    #[method(each(T in Float))]
    async fn round(cx: &Context<'_>, #[arg(dtype = T)] x: Array, n: i64) -> Result<Array, Fault> {
        let power =
            i32::try_from(n).ok().filter(|n| n.abs() <= 300).ok_or_else(|| bad(format!("{n} decimals")))?;
        with_dtype!(floats kernel_dtype(x.dtype()), T => {
            let (from, scale) = (view::<T>(&x)?, T::powi(10.0, power.abs()));
            let mut out = room::<T>(cx, x.shape())?;
            fill(cx, &mut out, |range, out| {
                from.copy(range, out)?;
                for one in out {
                    // As NumPy: up by a power of ten, rounded, and down again.
                    *one = if power >= 0 { (*one * scale).round_ties_even() / scale } else { (*one / scale).round_ties_even() * scale };
                }
                Ok(())
            })
            .await?;
            Ok(out.done())
        }, else => Err(not_implemented("round", &[x.dtype()])))
    }

    /// The elements of `a` where the condition holds, else those of `b`.
    #[method(each(rank in Rank, T in Element, U in Element))]
    async fn wherevv(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        #[arg(dtype = T)] a: Array,
        #[arg(dtype = U)] b: Array,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &a, &b).await
    }

    /// The elements of `a` where the condition holds, else the float64 `b`.
    #[method(each(rank in Rank, T in Element))]
    async fn wherevs_float64(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        #[arg(dtype = T)] a: Array,
        b: f64,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &a, &one(cx, b)?).await
    }

    /// The float64 `a` where the condition holds, else the elements of `b`.
    #[method(each(rank in Rank, T in Element))]
    async fn wheresv_float64(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        a: f64,
        #[arg(dtype = T)] b: Array,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &one(cx, a)?, &b).await
    }

    /// The elements of `a` where the condition holds, else the int64 `b`.
    #[method(each(rank in Rank, T in Element))]
    async fn wherevs_int64(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        #[arg(dtype = T)] a: Array,
        b: i64,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &a, &one(cx, b)?).await
    }

    /// The int64 `a` where the condition holds, else the elements of `b`.
    #[method(each(rank in Rank, T in Element))]
    async fn wheresv_int64(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        a: i64,
        #[arg(dtype = T)] b: Array,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &one(cx, a)?, &b).await
    }

    /// The elements of `a` where the condition holds, else the uint64 `b`.
    #[method(each(rank in Rank, T in Element))]
    async fn wherevs_uint64(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        #[arg(dtype = T)] a: Array,
        b: u64,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &a, &one(cx, b)?).await
    }

    /// The uint64 `a` where the condition holds, else the elements of `b`.
    #[method(each(rank in Rank, T in Element))]
    async fn wheresv_uint64(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        a: u64,
        #[arg(dtype = T)] b: Array,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &one(cx, a)?, &b).await
    }

    /// The elements of `a` where the condition holds, else the bool `b`.
    #[method(each(rank in Rank, T in Element))]
    async fn wherevs_bool(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        #[arg(dtype = T)] a: Array,
        b: bool,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &a, &one(cx, b)?).await
    }

    /// The bool `a` where the condition holds, else the elements of `b`.
    #[method(each(rank in Rank, T in Element))]
    async fn wheresv_bool(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        a: bool,
        #[arg(dtype = T)] b: Array,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &one(cx, a)?, &b).await
    }

    /// The float64 `a` where the condition holds, else the float64 `b`.
    #[method(each(rank in Rank))]
    async fn wheress_float64_float64(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        a: f64,
        b: f64,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &one(cx, a)?, &one(cx, b)?).await
    }

    /// The float64 `a` where the condition holds, else the int64 `b`.
    #[method(each(rank in Rank))]
    async fn wheress_float64_int64(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        a: f64,
        b: i64,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &one(cx, a)?, &one(cx, b)?).await
    }

    /// The float64 `a` where the condition holds, else the uint64 `b`.
    #[method(each(rank in Rank))]
    async fn wheress_float64_uint64(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        a: f64,
        b: u64,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &one(cx, a)?, &one(cx, b)?).await
    }

    /// The float64 `a` where the condition holds, else the bool `b`.
    #[method(each(rank in Rank))]
    async fn wheress_float64_bool(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        a: f64,
        b: bool,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &one(cx, a)?, &one(cx, b)?).await
    }

    /// The int64 `a` where the condition holds, else the float64 `b`.
    #[method(each(rank in Rank))]
    async fn wheress_int64_float64(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        a: i64,
        b: f64,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &one(cx, a)?, &one(cx, b)?).await
    }

    /// The int64 `a` where the condition holds, else the int64 `b`.
    #[method(each(rank in Rank))]
    async fn wheress_int64_int64(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        a: i64,
        b: i64,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &one(cx, a)?, &one(cx, b)?).await
    }

    /// The int64 `a` where the condition holds, else the uint64 `b`.
    #[method(each(rank in Rank))]
    async fn wheress_int64_uint64(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        a: i64,
        b: u64,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &one(cx, a)?, &one(cx, b)?).await
    }

    /// The int64 `a` where the condition holds, else the bool `b`.
    #[method(each(rank in Rank))]
    async fn wheress_int64_bool(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        a: i64,
        b: bool,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &one(cx, a)?, &one(cx, b)?).await
    }

    /// The uint64 `a` where the condition holds, else the float64 `b`.
    #[method(each(rank in Rank))]
    async fn wheress_uint64_float64(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        a: u64,
        b: f64,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &one(cx, a)?, &one(cx, b)?).await
    }

    /// The uint64 `a` where the condition holds, else the int64 `b`.
    #[method(each(rank in Rank))]
    async fn wheress_uint64_int64(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        a: u64,
        b: i64,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &one(cx, a)?, &one(cx, b)?).await
    }

    /// The uint64 `a` where the condition holds, else the uint64 `b`.
    #[method(each(rank in Rank))]
    async fn wheress_uint64_uint64(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        a: u64,
        b: u64,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &one(cx, a)?, &one(cx, b)?).await
    }

    /// The uint64 `a` where the condition holds, else the bool `b`.
    #[method(each(rank in Rank))]
    async fn wheress_uint64_bool(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        a: u64,
        b: bool,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &one(cx, a)?, &one(cx, b)?).await
    }

    /// The bool `a` where the condition holds, else the float64 `b`.
    #[method(each(rank in Rank))]
    async fn wheress_bool_float64(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        a: bool,
        b: f64,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &one(cx, a)?, &one(cx, b)?).await
    }

    /// The bool `a` where the condition holds, else the int64 `b`.
    #[method(each(rank in Rank))]
    async fn wheress_bool_int64(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        a: bool,
        b: i64,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &one(cx, a)?, &one(cx, b)?).await
    }

    /// The bool `a` where the condition holds, else the uint64 `b`.
    #[method(each(rank in Rank))]
    async fn wheress_bool_uint64(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        a: bool,
        b: u64,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &one(cx, a)?, &one(cx, b)?).await
    }

    /// The bool `a` where the condition holds, else the bool `b`.
    #[method(each(rank in Rank))]
    async fn wheress_bool_bool(
        cx: &Context<'_>,
        condition: ArrayView<'_, bool>,
        a: bool,
        b: bool,
    ) -> Result<Array, Fault> {
        chosen(cx, condition, &one(cx, a)?, &one(cx, b)?).await
    }
}

async fn mathematics(cx: &Context<'_>, op: Math, x: &Array) -> Result<Array, Fault> {
    let dtype = math_dtype(kernel_dtype(x.dtype())).map_err(fault)?;
    let x = cast_to(cx, x, our_dtype(dtype)).await?;
    with_dtype!(floats dtype, T => {
        let from = view::<T>(&x)?;
        let mut out = room::<T>(cx, x.shape())?;
        fill(cx, &mut out, |range, out| math(op, &from, range, out)).await?;
        Ok(out.done())
    }, else => Err(not_implemented(op.name(), &[x.dtype()])))
}

async fn signs(cx: &Context<'_>, op: Unary, x: &Array) -> Result<Array, Fault> {
    with_dtype!(numbers kernel_dtype(x.dtype()), T => {
        let from = view::<T>(x)?;
        let mut out = room::<T>(cx, x.shape())?;
        fill(cx, &mut out, |range, out| unary(op, &from, range, out)).await?;
        Ok(out.done())
    }, else => Err(not_implemented("sign", &[x.dtype()])))
}

async fn counted(cx: &Context<'_>, what: BitCount, x: &Array) -> Result<Array, Fault> {
    with_dtype!(integers kernel_dtype(x.dtype()), T => {
        let from = view::<T>(x)?;
        let mut out = room::<T>(cx, x.shape())?;
        fill(cx, &mut out, |range, out| bit_count(what, &from, range, out)).await?;
        Ok(out.done())
    }, else => Err(not_implemented("popcount", &[x.dtype()])))
}

async fn classified(cx: &Context<'_>, what: Class, x: ArrayView<'_, f64>) -> Result<Array, Fault> {
    let from = of_view(x)?;
    let mut out = room::<bool>(cx, x.shape())?;
    fill(cx, &mut out, |range, out| classify(what, &from, range, out)).await?;
    Ok(out.done())
}

/// One value as an array that broadcasts.
fn one<T: Item>(cx: &Context<'_>, value: T) -> Result<Array, Fault> {
    constant(cx, &value.into(), T::DTYPE)
}

async fn chosen(cx: &Context<'_>, mask: ArrayView<'_, bool>, a: &Array, b: &Array) -> Result<Array, Fault> {
    let none = || not_implemented("where", &[a.dtype(), b.dtype()]);
    let common = promote(kernel_dtype(a.dtype()), kernel_dtype(b.dtype())).ok_or_else(none)?;
    let (a, b) = both(cx, a, b, our_dtype(common)).await?;
    let mask: View<'_, bool> = of_view(mask)?;
    with_dtype!(common, T => {
        let (a, b) = (view::<T>(&a)?, view::<T>(&b)?);
        let shape: Shape = *mask.shape();
        let (a, b) = (a.broadcast(&shape).map_err(fault)?, b.broadcast(&shape).map_err(fault)?);
        let mut out = room::<T>(cx, &shape)?;
        fill(cx, &mut out, |range, out| choose(&mask, &a, &b, range, out)).await?;
        Ok(out.done())
    }, else => Err(none()))
}
