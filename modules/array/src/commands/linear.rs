//! Linear algebra: the identity, triangles, transposes, products of matrices and of stacks of them.
//!
//! Holds: operands meet in NumPy's dtype first. Bools multiply by `and` and add by `or`; that is counted in int64, which no sum of bools
//! fills, and asked for zero.

use crate::work::{
    axis, bad, cast_to, fault, fill, kernel_dtype, lengths, not_implemented, our_dtype, room, view,
};
use windlass::prelude::*;
use windlass_kernels::linear::{Triangle, dot, eye, matmul, triangle};
use windlass_kernels::reduce::line;
use windlass_kernels::{Number, Shape as Lengths, View, morsel, promote, with_dtype};

/// Multiplications between two looks at the clock.
const PRODUCTS: usize = 1 << 22;
/// Rows that share a tile of the right matrix while it is in cache.
const ROWS: usize = 8;

/// Linear algebra.
pub struct Linear;

/// Matrices: the identity, triangles, transposes, products.
#[module(name = "array_linear", export = false, stateless)]
impl Linear {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// A matrix of N rows and M columns with 1 on diagonal `k`, and 0 elsewhere.
    #[method(each(T in Element), standard, name = "eye")]
    async fn identity(cx: &Context<'_>, command: &Called, given: &Given) -> Result<Array, Fault> {
        let shape = lengths(&[given.scalar("N")?, given.scalar("M")?])?;
        let k = given.scalar::<i64>("k")?;
        let dtype = command.dtype("T").ok_or_else(|| bad("eye<dtype>: which?"))?;
        let made = if dtype == Dtype::Bool { Dtype::UInt8 } else { dtype };
        let ones = with_dtype!(numbers kernel_dtype(made), T => {
            let mut out = room::<T>(cx, &shape)?;
            fill(cx, &mut out, |range, out| eye(shape[1], k, range, out)).await?;
            Ok(out.done())
        }, else => Err(not_implemented("eye", &[dtype])))?;
        cast_to(cx, &ones, dtype).await
    }

    /// The matrices of the last two axes with 0 above diagonal `diag`.
    #[method(each(T in Element, n in Rank), standard)]
    async fn tril(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let below = Triangle::Lower(given.scalar("diag")?);
        cut(cx, &given.array(cx, "array")?, below).await
    }

    /// The matrices of the last two axes with 0 below diagonal `diag`.
    #[method(each(T in Element, n in Rank), standard)]
    async fn triu(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let above = Triangle::Upper(given.scalar("diag")?);
        cut(cx, &given.array(cx, "array")?, above).await
    }

    /// The last two axes exchanged.
    #[method(each(T in Element, n in Rank), standard)]
    fn transpose(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let array = given.array(cx, "array")?;
        let (mut shape, mut strides) = (array.shape().to_vec(), array.strides().to_vec());
        let rank = shape.len();
        if rank < 2 {
            return Err(bad(format!("an array of rank {rank} has no last two axes")));
        }
        shape.swap(rank - 2, rank - 1);
        strides.swap(rank - 2, rank - 1);
        array.view_as(&shape, &strides, array.offset()).map_err(|error| bad(error.to_string()))
    }

    /// The product of two matrices, or of two stacks of as many.
    #[method(each(T in Element, U in Element, n in Rank), standard, name = "matmul")]
    async fn product(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        multiplied(cx, &given.array(cx, "x1")?, &given.array(cx, "x2")?).await
    }

    /// The products of two stacks of matrices, which broadcast.
    #[method(each(T in Element, n in Rank, U in Element, m in Rank), standard, name = "multidimmatmul")]
    async fn products(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        multiplied(cx, &given.array(cx, "a")?, &given.array(cx, "b")?).await
    }

    /// The sums of products along the last axis of `a` and the last but one of `b`, for each pair of what is left.
    #[method(each(T in Element, n in Rank, U in Element, m in Rank), standard, name = "dot")]
    async fn inner(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let (a, b) = (given.array(cx, "a")?, given.array(cx, "b")?);
        let (Some((&inner, front)), [back @ .., other, columns]) = (a.shape().split_last(), b.shape()) else {
            return Err(bad(format!("arrays of shapes {:?} and {:?} have no dot", a.shape(), b.shape())));
        };
        if inner != *other {
            return Err(bad(format!("arrays of shapes {:?} and {:?} have no dot", a.shape(), b.shape())));
        }
        let shape = [front, back, &[*columns]].concat();
        let size = |part: &[usize]| part.iter().product::<usize>();
        let (rows, width) = (size(front), size(back) * columns);
        let (common, dtype) = meeting(&a, &b)?;
        let (a, b) = (cast_to(cx, &a, common).await?, cast_to(cx, &b, common).await?);
        let made = with_dtype!(numbers kernel_dtype(common), T => {
            // Seen as two matrices: what is before the inner axis in one row each, what is not the inner axis in one column each.
            let left = flattened::<T>(cx, &view::<T>(&a)?, &[rows, inner]).await?;
            let from = view::<T>(&b)?;
            let last = from.shape().rank() - 1;
            let order: Vec<usize> = [last - 1].into_iter().chain(0..last - 1).chain([last]).collect();
            let right = flattened::<T>(cx, &from.permute(&order).map_err(fault)?, &[inner, width]).await?;
            let mut out = room::<T>(cx, &shape)?;
            into(cx, &matrix(&left)?, &matrix(&right)?, &mut out).await?;
            Ok(out.done())
        }, else => Err(not_implemented("dot", &[common])))?;
        cast_to(cx, &made, dtype).await
    }

    /// The sums of the products of pairs along an axis, which goes.
    #[method(each(T in Element, U in Element, n in Rank), standard)]
    async fn vecdot(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let (a, b) = (given.array(cx, "x1")?, given.array(cx, "x2")?);
        if a.shape() != b.shape() {
            return Err(bad(format!("arrays of shapes {:?} and {:?} have no vecdot", a.shape(), b.shape())));
        }
        let along = axis(given.scalar("axis")?, a.ndim())?;
        let mut shape = a.shape().to_vec();
        shape.remove(along);
        let (common, dtype) = meeting(&a, &b)?;
        let (a, b) = (cast_to(cx, &a, common).await?, cast_to(cx, &b, common).await?);
        let made = with_dtype!(numbers kernel_dtype(common), T => {
            let (a, b) = (view::<T>(&a)?, view::<T>(&b)?);
            let mut out = room::<T>(cx, &shape)?;
            for (k, out) in out.iter_mut().enumerate() {
                let (a, b) = (line(&a, 1 << along, k).map_err(fault)?, line(&b, 1 << along, k).map_err(fault)?);
                for range in morsel::split(a.elements()) {
                    *out = out.plus(dot(&a, &b, range).map_err(fault)?);
                    cx.yield_if_due().await?;
                }
            }
            Ok(out.done())
        }, else => Err(not_implemented("vecdot", &[common])))?;
        cast_to(cx, &made, dtype).await
    }
}

/// The dtype that products are made in, and the one of the result.
fn meeting(a: &Array, b: &Array) -> Result<(Dtype, Dtype), Fault> {
    let common = promote(kernel_dtype(a.dtype()), kernel_dtype(b.dtype()));
    let common = common.map(our_dtype).ok_or_else(|| not_implemented("matmul", &[a.dtype(), b.dtype()]))?;
    Ok(if common == Dtype::Bool { (Dtype::Int64, Dtype::Bool) } else { (common, common) })
}

async fn cut(cx: &Context<'_>, array: &Array, which: Triangle) -> Result<Array, Fault> {
    let dtype = array.dtype();
    let number = if dtype == Dtype::Bool { cast_to(cx, array, Dtype::UInt8).await? } else { array.clone() };
    let made = with_dtype!(numbers kernel_dtype(number.dtype()), T => {
        let from = view::<T>(&number)?;
        if from.shape().rank() < 2 {
            return Err(bad(format!("an array of rank {} has no triangle", from.shape().rank())));
        }
        let mut out = room::<T>(cx, from.shape())?;
        fill(cx, &mut out, |range, out| triangle(which, &from, range, out)).await?;
        Ok(out.done())
    }, else => Err(not_implemented("triangle", &[dtype])))?;
    cast_to(cx, &made, dtype).await
}

/// The elements of a view row-major, in a shape of as many.
async fn flattened<T: Item + Number>(
    cx: &Context<'_>,
    from: &View<'_, T>,
    shape: &[usize],
) -> Result<Fresh<T>, Fault> {
    let mut out = room::<T>(cx, shape)?;
    fill(cx, &mut out, |range, out| from.copy(range, out)).await?;
    Ok(out)
}

fn matrix<T: Item + Number>(of: &Fresh<T>) -> Result<View<'_, T>, Fault> {
    View::shaped(of, Lengths::new(of.shape()).map_err(fault)?).map_err(fault)
}

/// The product of two matrices, some rows at a time.
async fn into<T: Number>(cx: &Context<'_>, a: &View<'_, T>, b: &View<'_, T>, out: &mut [T]) -> Result<(), Fault> {
    let (rows, columns) = (a.shape()[0], b.shape()[1]);
    let each = a.shape()[1].saturating_mul(columns).max(1);
    let step = (PRODUCTS / each).max(ROWS);
    for first in (0..rows).step_by(step) {
        let some = first..(first + step).min(rows);
        let part = &mut out[some.start * columns..some.end * columns];
        matmul(a, b, some, part).map_err(fault)?;
        cx.yield_if_due().await?;
    }
    Ok(())
}

/// The products of two stacks of matrices, which broadcast.
async fn multiplied(cx: &Context<'_>, a: &Array, b: &Array) -> Result<Array, Fault> {
    let wrong = || bad(format!("arrays of shapes {:?} and {:?} have no product", a.shape(), b.shape()));
    let ([front @ .., rows, inner], [back @ .., other, columns]) = (a.shape(), b.shape()) else {
        return Err(wrong());
    };
    if inner != other {
        return Err(wrong());
    }
    let stack = Lengths::new(front).map_err(fault)?.broadcast_with(&Lengths::new(back).map_err(fault)?);
    let stack = stack.map_err(|_| wrong())?;
    let whole = |last: [usize; 2]| Lengths::new(&[&stack[..], &last].concat()).map_err(fault);
    let shape = whole([*rows, *columns])?;
    let (seen_a, seen_b) = (whole([*rows, *inner])?, whole([*inner, *columns])?);
    let (common, dtype) = meeting(a, b)?;
    let (a, b) = (cast_to(cx, a, common).await?, cast_to(cx, b, common).await?);
    let made = with_dtype!(numbers kernel_dtype(common), T => {
        let a = view::<T>(&a)?.broadcast(&seen_a).map_err(fault)?;
        let b = view::<T>(&b)?.broadcast(&seen_b).map_err(fault)?;
        let mut out = room::<T>(cx, &shape)?;
        // The axes of the matrices are what `line` leaves when one asks along them.
        let last = 0b11u8 << stack.rank();
        for (k, out) in out.chunks_mut((rows * columns).max(1)).enumerate() {
            let (a, b) = (line(&a, last, k).map_err(fault)?, line(&b, last, k).map_err(fault)?);
            into(cx, &a, &b, out).await?;
        }
        Ok(out.done())
    }, else => Err(not_implemented("matmul", &[common])))?;
    cast_to(cx, &made, dtype).await
}
