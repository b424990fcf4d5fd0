//! Linear algebra: products, triangles, the identity. Inner products of whole arrays are `dot`, in parts.

use crate::element::Number;
use crate::error::KernelError;
use crate::limits::BLOCK;
use crate::shape::Shape;
use crate::view::{Block, View, scratch};
use std::ops::Range;

/// Columns of a tile of `matmul`, and its depth: a tile of eight-byte elements fills half a second-level cache.
const TILE: usize = 256;

/// The shape of a product of two matrices.
///
/// # Errors
/// `Shapes` if the inner dimensions differ, or one is no matrix.
pub fn matmul_shape(a: &Shape, b: &Shape) -> Result<Shape, KernelError> {
    match (&a[..], &b[..]) {
        (&[rows, inner], &[other, columns]) if inner == other => Shape::new(&[rows, columns]),
        _ => Err(a.unlike(b)),
    }
}

/// Rows `rows` of the product of two matrices, row-major into `out`.
///
/// Views of any strides: transposes are not copied as a whole. Integers wrap. Cost: about half a multiplication per cycle and lane; a morsel is
/// a range of rows, a few at a time reuse a tile of `b` in cache.
///
/// # Errors
/// `Shapes`, `Bounds`, `OutputSize`.
pub fn matmul<T: Number>(
    a: &View<'_, T>,
    b: &View<'_, T>,
    rows: Range<usize>,
    out: &mut [T],
) -> Result<(), KernelError> {
    let shape = matmul_shape(a.shape(), b.shape())?;
    let (inner, columns) = (a.shape()[1], shape[1]);
    if rows.end > shape[0] {
        return Err(KernelError::Bounds { what: "range end", at: rows.end as i64, len: shape[0] });
    }
    KernelError::check_output(rows.len() * columns, out.len())?;
    out.fill(T::ZERO);
    let mut tile = vec![T::ZERO; TILE.min(inner) * TILE.min(columns)];
    let mut factors = [T::ZERO; TILE];
    for first in (0..columns).step_by(TILE) {
        let width = TILE.min(columns - first);
        for depth in (0..inner).step_by(TILE) {
            let height = TILE.min(inner - depth);
            for (row, tile) in tile.chunks_mut(width).take(height).enumerate() {
                let start = (depth + row) * columns + first;
                b.copy(start..start + width, tile)?;
            }
            for (at, row) in rows.clone().enumerate() {
                let factors = &mut factors[..height];
                a.copy(row * inner + depth..row * inner + depth + height, factors)?;
                let line = &mut out[at * columns + first..][..width];
                multiply_row(factors, &tile[..height * width], line);
            }
        }
    }
    Ok(())
}

/// `line += factors * tile`, four rows of the tile at a time, so that the line is read and written a quarter as often.
fn multiply_row<T: Number>(factors: &[T], tile: &[T], line: &mut [T]) {
    let width = line.len();
    let mut fours = factors.chunks_exact(4);
    let mut rows = tile.chunks_exact(4 * width);
    for (f, four) in fours.by_ref().zip(rows.by_ref()) {
        let (a, rest) = four.split_at(width);
        let (b, rest) = rest.split_at(width);
        let (c, d) = rest.split_at(width);
        for (out, (((&a, &b), &c), &d)) in line.iter_mut().zip(a.iter().zip(b).zip(c).zip(d)) {
            let ab = f[0].times(a).plus(f[1].times(b));
            let cd = f[2].times(c).plus(f[3].times(d));
            *out = out.plus(ab.plus(cd));
        }
    }
    for (&factor, row) in fours.remainder().iter().zip(rows.remainder().chunks(width)) {
        line.iter_mut().zip(row).for_each(|(out, &value)| *out = out.plus(factor.times(value)));
    }
}

/// The sum of the products of a range of pairs; parts are added in the order of their morsels.
///
/// # Errors
/// `Shapes`, `Bounds`.
pub fn dot<T: Number>(a: &View<'_, T>, b: &View<'_, T>, range: Range<usize>) -> Result<T, KernelError> {
    if a.shape() != b.shape() {
        return Err(a.shape().unlike(b.shape()));
    }
    let (mut a, mut b) = (a.walk_checked(&range)?, b.walk_checked(&range)?);
    let (mut left, mut right) = (scratch::<T>(), scratch::<T>());
    let mut sum = T::ZERO;
    while a.left() > 0 {
        let n = a.left().min(BLOCK);
        a.fill(&mut left[..n]);
        b.fill(&mut right[..n]);
        let mut lanes = [T::ZERO; 8];
        let (x, x_rest) = left[..n].as_chunks::<8>();
        let (y, y_rest) = right[..n].as_chunks::<8>();
        for (x, y) in x.iter().zip(y) {
            for (lane, (&x, &y)) in lanes.iter_mut().zip(x.iter().zip(y)) {
                *lane = lane.plus(x.times(y));
            }
        }
        let rest = x_rest.iter().zip(y_rest).fold(T::ZERO, |sum, (&x, &y)| sum.plus(x.times(y)));
        sum = lanes.into_iter().fold(sum.plus(rest), T::plus);
    }
    Ok(sum)
}

/// Which triangle of a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Triangle {
    /// On and below diagonal `k`.
    Lower(i64),
    /// On and above diagonal `k`.
    Upper(i64),
}

/// A range of flat indices of an array whose last two axes are matrices, with 0 outside the triangle.
///
/// # Errors
/// `Argument` below rank 2; `Bounds`, `OutputSize`.
pub fn triangle<T: Number>(
    which: Triangle,
    view: &View<'_, T>,
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), KernelError> {
    let [.., rows, columns] = view.shape()[..] else {
        return Err(KernelError::argument("a triangle needs an array of rank 2 or more"));
    };
    view.copy(range.clone(), out)?;
    for (flat, out) in range.zip(out) {
        let (row, column) = ((flat / columns % rows) as i64, (flat % columns) as i64);
        let inside = match which {
            Triangle::Lower(k) => column <= row.saturating_add(k),
            Triangle::Upper(k) => column >= row.saturating_add(k),
        };
        if !inside {
            *out = T::ZERO;
        }
    }
    Ok(())
}

/// A range of flat indices of a matrix of `columns` columns with 1 on diagonal `k` and 0 elsewhere.
///
/// # Errors
/// `OutputSize`.
pub fn eye<T: Number>(columns: usize, k: i64, range: Range<usize>, out: &mut [T]) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    for (flat, out) in range.zip(out) {
        let columns = columns.max(1);
        let on = (flat % columns) as i64 == ((flat / columns) as i64).saturating_add(k);
        *out = if on { T::ONE } else { T::ZERO };
    }
    Ok(())
}

/// A range of products of all pairs: `out[i, j] = a[i] b[j]`. Both are flat.
///
/// # Errors
/// `Bounds`, `OutputSize`.
pub fn outer<T: Number>(
    a: &View<'_, T>,
    b: &View<'_, T>,
    range: Range<usize>,
    out: &mut [T],
) -> Result<(), KernelError> {
    let shape = Shape::new(&[a.elements(), b.elements()])?;
    let left = a.squeeze(0)?.expand(a.shape().rank())?.broadcast(&shape)?;
    let right = b.broadcast(&shape)?;
    let mut room = scratch();
    KernelError::check_output(range.len(), out.len())?;
    let (mut left, mut right) = (left.walk_checked(&range)?, right.walk_checked(&range)?);
    for part in out.chunks_mut(BLOCK) {
        right.fill(part);
        match left.next(part.len(), &mut room) {
            Block::Run(run) => part.iter_mut().zip(run).for_each(|(out, &a)| *out = a.times(*out)),
            Block::Same(a) => part.iter_mut().for_each(|out| *out = a.times(*out)),
        }
    }
    Ok(())
}
