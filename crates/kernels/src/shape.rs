//! Shapes and strides as data of run time: one kernel serves every rank.
//!
//! Lives here: `Shape` (dimensions), `Strides` (elements to the next along each), broadcasting of shapes.
//! Holds: the product of the dimensions of a `Shape` was checked; row-major order is the order of flat indices everywhere.

use crate::error::KernelError;
use crate::limits::{ELEMENTS_MAX, RANK_MAX};
use std::ops::Deref;

/// Dimensions of an array: at most `RANK_MAX`, their product at most `ELEMENTS_MAX`. Rank 0 is one element.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    dims: [usize; RANK_MAX],
    rank: u8,
}

impl Shape {
    /// A shape of these dimensions.
    ///
    /// # Errors
    /// `Rank` or `TooLarge` past the limits. An array with a dimension of 0 is empty, but its other dimensions are held to
    /// the limit too, so that strides never overflow.
    pub fn new(dims: &[usize]) -> Result<Self, KernelError> {
        if dims.len() > RANK_MAX {
            return Err(KernelError::Rank { rank: dims.len() });
        }
        let mut product = 1usize;
        for &dim in dims {
            product = product
                .checked_mul(dim.max(1))
                .filter(|&product| product <= ELEMENTS_MAX)
                .ok_or(KernelError::TooLarge { max: ELEMENTS_MAX })?;
        }
        let mut kept = [0; RANK_MAX];
        kept[..dims.len()].copy_from_slice(dims);
        Ok(Self { dims: kept, rank: dims.len() as u8 })
    }

    /// One dimension of `len` elements.
    ///
    /// # Errors
    /// `TooLarge` past the limit.
    pub fn flat(len: usize) -> Result<Self, KernelError> {
        Self::new(&[len])
    }

    /// Dimensions.
    #[must_use]
    pub fn rank(&self) -> usize {
        usize::from(self.rank)
    }

    /// Elements in all.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.iter().product()
    }

    /// Strides of an array of this shape without gaps, in row-major order.
    #[must_use]
    pub fn row_major(&self) -> Strides {
        let mut strides = Strides([0; RANK_MAX]);
        let mut step = 1i64;
        for axis in (0..self.rank()).rev() {
            strides.0[axis] = step;
            step *= self.dims[axis].max(1) as i64;
        }
        strides
    }

    /// The shape that both broadcast to: from the last dimension backward, equal or 1.
    ///
    /// # Errors
    /// `Shapes` if a pair of dimensions differs and neither is 1; `TooLarge` if the result is.
    pub fn broadcast_with(&self, other: &Self) -> Result<Self, KernelError> {
        let rank = self.rank().max(other.rank());
        let mut dims = [1; RANK_MAX];
        for back in 1..=rank {
            let a = if back <= self.rank() { self.dims[self.rank() - back] } else { 1 };
            let b = if back <= other.rank() { other.dims[other.rank() - back] } else { 1 };
            dims[rank - back] = match (a, b) {
                (a, b) if a == b => a,
                (1, b) => b,
                (a, 1) => a,
                _ => return Err(self.unlike(other)),
            };
        }
        Self::new(&dims[..rank])
    }

    /// `axis` as an index, counted from the end if negative.
    ///
    /// # Errors
    /// `Bounds` if there is no such axis.
    pub fn axis(&self, axis: i64) -> Result<usize, KernelError> {
        let rank = self.rank() as i64;
        let at = if axis < 0 { axis + rank } else { axis };
        if (0..rank).contains(&at) {
            Ok(at as usize)
        } else {
            Err(KernelError::Bounds { what: "axis", at: axis, len: self.rank() })
        }
    }

    /// This shape without the axes of a set, or with them as 1. Bit `i` of `axes` is axis `i`.
    ///
    /// # Errors
    /// None that a valid shape could meet; the type keeps `new`'s.
    pub fn reduced(&self, axes: u8, keep: bool) -> Result<Self, KernelError> {
        let mut dims = Vec::with_capacity(self.rank());
        for (axis, &dim) in self.iter().enumerate() {
            match (axes >> axis & 1 == 1, keep) {
                (false, _) => dims.push(dim),
                (true, true) => dims.push(1),
                (true, false) => {}
            }
        }
        Self::new(&dims)
    }

    pub(crate) fn unlike(&self, other: &Self) -> KernelError {
        KernelError::Shapes { left: self.to_vec(), right: other.to_vec() }
    }

    /// Coordinates of a flat index, row-major. The index must lie inside.
    pub fn coordinates(&self, mut flat: usize) -> [usize; RANK_MAX] {
        let mut at = [0; RANK_MAX];
        for axis in (0..self.rank()).rev() {
            let dim = self.dims[axis].max(1);
            at[axis] = flat % dim;
            flat /= dim;
        }
        at
    }
}

impl Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.dims[..self.rank()]
    }
}

impl std::fmt::Debug for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Elements of memory from one index to the next along each dimension; 0 repeats, negative walks backward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strides(pub(crate) [i64; RANK_MAX]);

impl Strides {
    /// Strides in the order of the dimensions; missing ones are 0, more than `RANK_MAX` are refused.
    ///
    /// # Errors
    /// `Rank` past the limit.
    pub fn new(strides: &[i64]) -> Result<Self, KernelError> {
        if strides.len() > RANK_MAX {
            return Err(KernelError::Rank { rank: strides.len() });
        }
        let mut kept = [0; RANK_MAX];
        kept[..strides.len()].copy_from_slice(strides);
        Ok(Self(kept))
    }

    /// The stride of an axis.
    #[must_use]
    pub fn along(&self, axis: usize) -> i64 {
        self.0.get(axis).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_past_the_limits_are_refused() {
        assert_eq!(Shape::new(&[1; 9]), Err(KernelError::Rank { rank: 9 }));
        assert_eq!(Shape::new(&[usize::MAX, 2]), Err(KernelError::TooLarge { max: ELEMENTS_MAX }));
        assert_eq!(Shape::new(&[0, usize::MAX]), Err(KernelError::TooLarge { max: ELEMENTS_MAX }));
        assert_eq!(Shape::new(&[]).map(|shape| shape.elements()), Ok(1));
        assert_eq!(Shape::new(&[3, 0]).map(|shape| shape.elements()), Ok(0));
    }

    #[test]
    fn broadcasting_follows_numpy() {
        let shape = |dims: &[usize]| Shape::new(dims).expect("small");
        assert_eq!(shape(&[3, 1]).broadcast_with(&shape(&[4])), Ok(shape(&[3, 4])));
        assert_eq!(shape(&[]).broadcast_with(&shape(&[2, 2])), Ok(shape(&[2, 2])));
        assert_eq!(shape(&[0]).broadcast_with(&shape(&[1])), Ok(shape(&[0])));
        assert!(shape(&[3]).broadcast_with(&shape(&[4])).is_err());
    }
}
