//! Joining arrays along an axis: concatenate, stack (after `View::expand`), roll.

use crate::element::Element;
use crate::error::KernelError;
use crate::index::{Layout, assign};
use crate::shape::Shape;
use crate::view::View;
use std::ops::Range;

/// The shape of arrays joined along an axis.
///
/// # Errors
/// `Argument` for no arrays; `Bounds` for an axis that does not exist; `Shapes` if they differ along another axis; `TooLarge`.
pub fn joined_shape(shapes: &[Shape], axis: usize) -> Result<Shape, KernelError> {
    let [first, rest @ ..] = shapes else {
        return Err(KernelError::argument("at least one array is needed"));
    };
    let axis = first.axis(axis as i64)?;
    let mut dims = first.to_vec();
    for shape in rest {
        let fits = shape.rank() == dims.len() && (0..dims.len()).all(|at| at == axis || shape[at] == dims[at]);
        if !fits {
            return Err(first.unlike(shape));
        }
        dims[axis] = dims[axis].saturating_add(shape[axis]);
    }
    Shape::new(&dims)
}

/// Writes a range of one of the arrays that are joined: `out` is the whole result of shape `joined`, `start` the place along the axis
/// where this array begins. Its morsels and those of the others may run in any order.
///
/// # Errors
/// `OutputSize` if `out` is not of the joined shape; `Shapes`, `Bounds` if the array does not fit there.
pub fn place<T: Element>(
    out: &mut [T],
    joined: &Shape,
    (axis, start): (usize, usize),
    part: &View<'_, T>,
    range: Range<usize>,
) -> Result<(), KernelError> {
    KernelError::check_output(joined.elements(), out.len())?;
    let axis = joined.axis(axis as i64)?;
    let mut dims = joined.to_vec();
    dims[axis] = part.shape().get(axis).copied().unwrap_or(0);
    let end = start.saturating_add(dims[axis]);
    if end > joined[axis] {
        return Err(KernelError::Bounds { what: "end", at: end as i64, len: joined[axis] });
    }
    let strides = joined.row_major();
    let layout = Layout { base: start * strides.along(axis) as usize, shape: Shape::new(&dims)?, strides };
    assign(out, &layout, part, range)
}

/// The two parts whose join along `axis` is the array rolled by `shift`: what comes to the front, and the rest. For a roll of all elements
/// as if they were one row, take a flat view.
///
/// # Errors
/// `Bounds` for an axis that does not exist.
pub fn roll<'a, T: Element>(view: &View<'a, T>, axis: usize, shift: i64) -> Result<[View<'a, T>; 2], KernelError> {
    let axis = view.shape().axis(axis as i64)?;
    let len = view.shape()[axis] as i64;
    let cut = if len == 0 { 0 } else { len - shift.rem_euclid(len) };
    Ok([view.slice(axis, cut, len, 1)?, view.slice(axis, 0, cut, 1)?])
}
