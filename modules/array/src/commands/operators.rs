//! Operators: two operands, promoted to one dtype first, so that there is one instance per dtype and operation.

use crate::work::{bad, cast_to, constant, fault, fill, kernel_dtype, not_implemented, our_dtype, room, view};
use windlass::prelude::*;
use windlass_kernels::elementwise::compare::compare_mixed;
use windlass_kernels::elementwise::{
    Arith, Bits, Compare, Logic, arith, arith_of_scaled, bits, compare, logic, together,
};
use windlass_kernels::{promote, with_dtype};

/// Operators between arrays, and between an array and a value.
pub struct Operators;

/// Operators: `+ - * / // % ** < <= > >= == != & | ^ << >> <<< >>>`.
#[module(name = "array_operators", export = false, stateless)]
impl Operators {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// `a op b`, of two arrays that broadcast.
    #[method(each(T in Element, U in Element))]
    async fn binopvv(
        cx: &Context<'_>,
        op: &str,
        #[arg(dtype = T)] a: Array,
        #[arg(dtype = U)] b: Array,
    ) -> Result<Array, Fault> {
        binary(cx, "binopvv", op, &a, &b).await
    }

    /// `a op value`.
    #[method(each(T in Element, U in Element))]
    async fn binopvs(
        cx: &Context<'_>,
        op: &str,
        #[arg(dtype = T)] a: Array,
        #[arg(dtype = U)] value: Scalar,
        #[arg(dtype = U)] of: Dtype,
    ) -> Result<Array, Fault> {
        binary(cx, "binopvs", op, &a, &constant(cx, &value, of)?).await
    }

    /// `value op a`.
    #[method(each(T in Element, U in Element))]
    async fn binopsv(
        cx: &Context<'_>,
        op: &str,
        #[arg(dtype = T)] a: Array,
        #[arg(dtype = U)] value: Scalar,
        #[arg(dtype = U)] of: Dtype,
    ) -> Result<Array, Fault> {
        binary(cx, "binopsv", op, &constant(cx, &value, of)?, &a).await
    }

    /// `a op (b inner value)` of two arrays of one shape, with the bits of the two operations one after the other; with `turned` and
    /// `innerTurned` the operands of that operation change places. Floats are read and written once.
    #[method(standard)]
    async fn binopchain(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let (a, b) = (given.array(cx, "a")?, given.array(cx, "b")?);
        let outer = (given.text("op")?, given.scalar::<bool>("turned")?);
        let inner = (given.text("inner")?, given.scalar::<bool>("innerTurned")?);
        let value = given.scalar::<f64>("value")?;
        if let (Some(Op::Arith(one)), Some(Op::Arith(two))) = (of_sign(outer.0), of_sign(inner.0))
            && [one, two]
                .iter()
                .all(|op| matches!(op, Arith::Add | Arith::Subtract | Arith::Multiply | Arith::Divide))
            && let (true, Some(from), Some(by)) = (a.shape() == b.shape(), in_order(&a), in_order(&b))
        {
            let mut out = room::<f64>(cx, a.shape())?;
            let (outer, inner) = ((one, outer.1), (two, inner.1));
            fill(cx, &mut out, |range, out| {
                arith_of_scaled(outer, inner, (&from[range.clone()], &by[range], value), out)
            })
            .await?;
            return Ok(out.done());
        }
        let value = constant(cx, &Scalar::Float64(value), Dtype::Float64)?;
        let (left, right) = if inner.1 { (&value, &b) } else { (&b, &value) };
        let b = binary(cx, "binopchain", inner.0, left, right).await?;
        let (left, right) = if outer.1 { (&b, &a) } else { (&a, &b) };
        binary(cx, "binopchain", outer.0, left, right).await
    }

    /// `a op= b`; `a` keeps its dtype.
    #[method(each(T in Element, U in Element))]
    async fn opeqvv(
        cx: &Context<'_>,
        op: &str,
        #[arg(dtype = T)] a: Slot,
        #[arg(dtype = U)] b: Array,
    ) -> Result<(), Fault> {
        in_place(cx, "opeqvv", op, a, &b).await
    }

    /// `a op= value`; `a` keeps its dtype.
    #[method(each(T in Element))]
    async fn opeqvs(
        cx: &Context<'_>,
        op: &str,
        #[arg(dtype = T)] a: Slot,
        #[arg(dtype = T)] value: Scalar,
    ) -> Result<(), Fault> {
        let value = constant(cx, &value, a.array.dtype())?;
        in_place(cx, "opeqvs", op, a, &value).await
    }
}

/// The elements of an array of float64, if they stand one after another.
fn in_order(array: &Array) -> Option<&[f64]> {
    let view = view::<f64>(array).ok()?;
    view.as_slice()
}

/// What a sign means.
pub(super) enum Op {
    Arith(Arith),
    Compare(Compare),
    Bits(Bits),
}

pub(super) fn of_sign(sign: &str) -> Option<Op> {
    Some(match sign {
        "+" => Op::Arith(Arith::Add),
        "-" => Op::Arith(Arith::Subtract),
        "*" => Op::Arith(Arith::Multiply),
        "/" => Op::Arith(Arith::Divide),
        "//" => Op::Arith(Arith::FloorDivide),
        "%" => Op::Arith(Arith::Modulo),
        "**" => Op::Arith(Arith::Power),
        "<" => Op::Compare(Compare::Less),
        "<=" => Op::Compare(Compare::LessEqual),
        ">" => Op::Compare(Compare::Greater),
        ">=" => Op::Compare(Compare::GreaterEqual),
        "==" => Op::Compare(Compare::Equal),
        "!=" => Op::Compare(Compare::NotEqual),
        "&" => Op::Bits(Bits::And),
        "|" => Op::Bits(Bits::Or),
        "^" => Op::Bits(Bits::Xor),
        "<<" => Op::Bits(Bits::ShiftLeft),
        ">>" => Op::Bits(Bits::ShiftRight),
        "<<<" => Op::Bits(Bits::RotateLeft),
        ">>>" => Op::Bits(Bits::RotateRight),
        _ => return None,
    })
}

async fn in_place(cx: &Context<'_>, proc: &str, op: &str, a: Slot, b: &Array) -> Result<(), Fault> {
    // The ancestor's client sends `+=`, its messages say `+`.
    let op = op.strip_suffix('=').unwrap_or(op);
    let result = binary(cx, proc, op, &a.array, b).await?;
    let (have, want) = (result.dtype(), a.array.dtype());
    // As NumPy's `same_kind`: a float does not go back into integers, nor anything but a bool into bools.
    let keeps = have == want || want.is_float() || (want.is_integer() && have.is_integer());
    if !keeps || result.shape() != a.array.shape() {
        return Err(not_implemented(&format!("{proc} {op}"), &[want, b.dtype()]));
    }
    let result = cast_to(cx, &result, want).await?;
    a.replace(cx, result)
}

pub(super) async fn binary(
    cx: &Context<'_>,
    proc: &str,
    sign: &str,
    a: &Array,
    b: &Array,
) -> Result<Array, Fault> {
    let op = of_sign(sign).ok_or_else(|| bad(format!("Unrecognized operator: {sign}")))?;
    let (left, right) = (kernel_dtype(a.dtype()), kernel_dtype(b.dtype()));
    let none = || not_implemented(&format!("{proc} {sign}"), &[a.dtype(), b.dtype()]);
    let bools = a.dtype() == Dtype::Bool && b.dtype() == Dtype::Bool;
    match op {
        Op::Compare(op) => compared(cx, op, a, b).await,
        Op::Arith(Arith::Add) if bools => logical(cx, Logic::Or, a, b).await,
        Op::Arith(Arith::Multiply) if bools => logical(cx, Logic::And, a, b).await,
        Op::Bits(Bits::And) if bools => logical(cx, Logic::And, a, b).await,
        Op::Bits(Bits::Or) if bools => logical(cx, Logic::Or, a, b).await,
        Op::Bits(Bits::Xor) if bools => logical(cx, Logic::Xor, a, b).await,
        Op::Arith(op) => {
            let common = op.dtype(left, right).map_err(|_| none())?;
            let (a, b) = both(cx, a, b, our_dtype(common)).await?;
            with_dtype!(numbers common, T => {
                let (a, b) = (view::<T>(&a)?, view::<T>(&b)?);
                let (a, b) = together(&a, &b).map_err(fault)?;
                let mut out = room::<T>(cx, a.shape())?;
                fill(cx, &mut out, |range, out| arith(op, &a, &b, range, out)).await?;
                Ok(out.done())
            }, else => Err(none()))
        }
        Op::Bits(op) => {
            let common = op.dtype(left, right).map_err(|_| none())?;
            let (a, b) = both(cx, a, b, our_dtype(common)).await?;
            with_dtype!(integers common, T => {
                let (a, b) = (view::<T>(&a)?, view::<T>(&b)?);
                let (a, b) = together(&a, &b).map_err(fault)?;
                let mut out = room::<T>(cx, a.shape())?;
                fill(cx, &mut out, |range, out| bits(op, &a, &b, range, out)).await?;
                Ok(out.done())
            }, else => Err(none()))
        }
    }
}

/// Both operands in one dtype.
pub async fn both(cx: &Context<'_>, a: &Array, b: &Array, dtype: Dtype) -> Result<(Array, Array), Fault> {
    Ok((cast_to(cx, a, dtype).await?, cast_to(cx, b, dtype).await?))
}

async fn logical(cx: &Context<'_>, op: Logic, a: &Array, b: &Array) -> Result<Array, Fault> {
    let (a, b) = (view::<bool>(a)?, view::<bool>(b)?);
    let (a, b) = together(&a, &b).map_err(fault)?;
    let mut out = room::<bool>(cx, a.shape())?;
    fill(cx, &mut out, |range, out| logic(op, &a, &b, range, out)).await?;
    Ok(out.done())
}

async fn compared(cx: &Context<'_>, op: Compare, a: &Array, b: &Array) -> Result<Array, Fault> {
    let (left, right) = (kernel_dtype(a.dtype()), kernel_dtype(b.dtype()));
    let none = || not_implemented("compare", &[a.dtype(), b.dtype()]);
    let is_signed = |array: &Array| array.dtype().is_integer() && !array.dtype().name().starts_with('u');
    // A signed integer and a uint64 have no common integer: they are compared as they are.
    if is_signed(a) && b.dtype() == Dtype::UInt64 {
        return mixed(cx, op, a, b).await;
    }
    if a.dtype() == Dtype::UInt64 && is_signed(b) {
        return mixed(cx, turned(op), b, a).await;
    }
    let common = promote(left, right).ok_or_else(none)?;
    let (a, b) = both(cx, a, b, our_dtype(common)).await?;
    with_dtype!(common, T => {
        let (a, b) = (view::<T>(&a)?, view::<T>(&b)?);
        let (a, b) = together(&a, &b).map_err(fault)?;
        let mut out = room::<bool>(cx, a.shape())?;
        fill(cx, &mut out, |range, out| compare(op, &a, &b, range, out)).await?;
        Ok(out.done())
    }, else => Err(none()))
}

async fn mixed(cx: &Context<'_>, op: Compare, a: &Array, b: &Array) -> Result<Array, Fault> {
    let a = cast_to(cx, a, Dtype::Int64).await?;
    let (a, b) = (view::<i64>(&a)?, view::<u64>(b)?);
    let (a, b) = together(&a, &b).map_err(fault)?;
    let mut out = room::<bool>(cx, a.shape())?;
    fill(cx, &mut out, |range, out| compare_mixed(op, &a, &b, range, out)).await?;
    Ok(out.done())
}

/// The comparison with its sides exchanged.
fn turned(op: Compare) -> Compare {
    match op {
        Compare::Less => Compare::Greater,
        Compare::LessEqual => Compare::GreaterEqual,
        Compare::Greater => Compare::Less,
        Compare::GreaterEqual => Compare::LessEqual,
        same => same,
    }
}
