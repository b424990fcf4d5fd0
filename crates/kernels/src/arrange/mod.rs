//! Shape manipulation. Most of it is another `View` of the same memory and costs nothing until it is copied (`View::copy`):
//! transpose (`permute`), `flip`, `squeeze`, `expand`, `broadcast`, and here `tile`, `repeat`, `windows`. What joins several arrays is `join`,
//! with `roll` as a case of it.

mod join;

pub use join::{joined_shape, place, roll};

use crate::element::Element;
use crate::error::KernelError;
use crate::shape::{Shape, Strides};
use crate::view::View;

/// Room for axes that were split in two.
type Axes = Vec<(usize, i64)>;

fn seen<'a, T: Element>(view: &View<'a, T>, axes: &Axes) -> Result<View<'a, T>, KernelError> {
    let (dims, strides): (Vec<usize>, Vec<i64>) = axes.iter().copied().unzip();
    View::new(view.memory(), view.base(), Shape::new(&dims)?, Strides::new(&strides)?)
}

fn axes_of<T: Element>(view: &View<'_, T>) -> Axes {
    (0..view.shape().rank()).map(|axis| (view.shape()[axis], view.strides().along(axis))).collect()
}

/// The array repeated `times[axis]` times along each axis, as a view of more axes whose row-major order is that of the tiled array.
/// Its shape is `tiled_shape`; each axis that is repeated more than once takes one axis more, of which there are `RANK_MAX`.
///
/// # Errors
/// `Argument` if there is not one number per axis; `Rank` or `TooLarge` past the limits.
pub fn tile<'a, T: Element>(view: &View<'a, T>, times: &[usize]) -> Result<View<'a, T>, KernelError> {
    check_times(view, times)?;
    let mut axes = Vec::new();
    for ((dim, stride), &times) in axes_of(view).into_iter().zip(times) {
        if times != 1 {
            axes.push((times, 0));
        }
        axes.push((dim, stride));
    }
    seen(view, &axes)
}

/// The array with each element repeated `times[axis]` times along each axis; as `tile`.
///
/// # Errors
/// As `tile`.
pub fn repeat<'a, T: Element>(view: &View<'a, T>, times: &[usize]) -> Result<View<'a, T>, KernelError> {
    check_times(view, times)?;
    let mut axes = Vec::new();
    for ((dim, stride), &times) in axes_of(view).into_iter().zip(times) {
        axes.push((dim, stride));
        if times != 1 {
            axes.push((times, 0));
        }
    }
    seen(view, &axes)
}

fn check_times<T: Element>(view: &View<'_, T>, times: &[usize]) -> Result<(), KernelError> {
    if times.len() == view.shape().rank() {
        return Ok(());
    }
    Err(KernelError::argument(format!("{} numbers for {} axes", times.len(), view.shape().rank())))
}

/// The shape that `tile` and `repeat` give.
///
/// # Errors
/// `Argument` if there is not one number per axis; `TooLarge` past the limit.
pub fn tiled_shape(shape: &Shape, times: &[usize]) -> Result<Shape, KernelError> {
    if times.len() != shape.rank() {
        return Err(KernelError::argument(format!("{} numbers for {} axes", times.len(), shape.rank())));
    }
    let dims: Vec<usize> = shape.iter().zip(times).map(|(&dim, &times)| dim.saturating_mul(times)).collect();
    Shape::new(&dims)
}

/// The same elements in another shape of as many. A view without gaps is seen anew; any other must be copied first.
///
/// # Errors
/// `Shapes` if the numbers of elements differ; `Argument` if the view has gaps.
pub fn reshape<'a, T: Element>(view: &View<'a, T>, shape: Shape) -> Result<View<'a, T>, KernelError> {
    if view.elements() != shape.elements() {
        return Err(view.shape().unlike(&shape));
    }
    match view.as_slice() {
        Some(memory) => View::shaped(memory, shape),
        None => Err(KernelError::argument("a view with gaps has to be copied before it can be reshaped")),
    }
}

/// All runs of `width` elements along the last axis, one axis more.
///
/// # Errors
/// `Argument` for a width of 0, one over the last axis, or an array of rank 0; `Rank` past the limit.
pub fn windows<'a, T: Element>(view: &View<'a, T>, width: usize) -> Result<View<'a, T>, KernelError> {
    let mut axes = axes_of(view);
    match axes.last_mut() {
        Some(last) if width > 0 && width <= last.0 => {
            last.0 -= width - 1;
            let stride = last.1;
            axes.push((width, stride));
            seen(view, &axes)
        }
        _ => Err(KernelError::argument(format!("no run of {width} elements fits the last axis"))),
    }
}
