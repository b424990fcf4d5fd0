//! Writing through strides: `a[2:8:3] = b`.

use crate::element::Element;
use crate::error::KernelError;
use crate::limits::BLOCK;
use crate::shape::{Shape, Strides};
use crate::view::{View, reach, scratch};
use std::ops::Range;

/// Where a view's elements lie in its memory, without the memory: made from a `View`, used to write.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// The element of memory that all coordinates 0 mean.
    pub base: usize,
    /// The shape.
    pub shape: Shape,
    /// The strides.
    pub strides: Strides,
}

impl<T: Element> View<'_, T> {
    /// Where this view's elements lie.
    #[must_use]
    pub fn layout(&self) -> Layout {
        Layout { base: self.base(), shape: *self.shape(), strides: *self.strides() }
    }
}

/// Writes the elements of a range through a layout of `memory`, in blocks along its last axis.
fn write<T: Element>(
    memory: &mut [T],
    layout: &Layout,
    range: Range<usize>,
    mut next: impl FnMut(&mut [T]),
) -> Result<(), KernelError> {
    reach(memory.len(), layout.base, &layout.shape, &layout.strides)?;
    if range.end > layout.shape.elements() {
        return Err(KernelError::Bounds { what: "range end", at: range.end as i64, len: layout.shape.elements() });
    }
    let Some(axis) = layout.shape.rank().checked_sub(1) else {
        if !range.is_empty() {
            next(&mut memory[layout.base..=layout.base]);
        }
        return Ok(());
    };
    let (dim, stride) = (layout.shape[axis], layout.strides.along(axis));
    let mut room = scratch();
    let mut flat = range.start;
    while flat < range.end {
        let at = layout.shape.coordinates(flat);
        let n = (dim - at[axis]).min(range.end - flat).min(BLOCK);
        let steps: i64 = (0..=axis).map(|axis| at[axis] as i64 * layout.strides.along(axis)).sum();
        let start = layout.base as i64 + steps;
        if stride == 1 {
            next(&mut memory[start as usize..start as usize + n]);
        } else {
            next(&mut room[..n]);
            for (step, &value) in room[..n].iter().enumerate() {
                memory[(start + step as i64 * stride) as usize] = value;
            }
        }
        flat += n;
    }
    Ok(())
}

/// Writes a range of `source` to the same flat indices of a layout of `memory`. Where a layout meets an element twice, the later one wins.
///
/// # Errors
/// `Shapes` if the shapes differ (broadcast first); `OutsideMemory` for a layout that is not of this memory; `Bounds` for a range outside.
pub fn assign<T: Element>(
    memory: &mut [T],
    layout: &Layout,
    source: &View<'_, T>,
    range: Range<usize>,
) -> Result<(), KernelError> {
    if layout.shape != *source.shape() {
        return Err(layout.shape.unlike(source.shape()));
    }
    let mut walk = source.walk_checked(&range)?;
    write(memory, layout, range, |out| walk.fill(out))
}

/// Writes one value to a range of a layout of `memory`.
///
/// # Errors
/// `OutsideMemory` for a layout that is not of this memory; `Bounds` for a range outside.
pub fn fill<T: Element>(
    memory: &mut [T],
    layout: &Layout,
    value: T,
    range: Range<usize>,
) -> Result<(), KernelError> {
    write(memory, layout, range, |out| out.fill(value))
}
