//! Arrays: what a symbol of numbers is, for modules and for whoever reads their replies.
//!
//! Lives here: `Dtype` (`dtype`), `Scalar` and `Value` (one number: `scalar`), `Array` and `ArrayView` (memory seen in a shape),
//! `Fresh` (an array under construction: `fresh`), `Strings` (`strings`), `ArrayFacts` (what a reply says of one: `facts`).
//! Holds: an `Array` reaches only into its own memory, and memory of `bool` has bytes 0 and 1; rank is data of run time.
//! Not here: loops (`kernels`), names and admission (`symbols`).

mod dtype;
mod facts;
mod fresh;
mod scalar;
mod strings;

pub use crate::abi::{Item, LateRoom, Memory, MemoryFile, Room, Soil, SpentFile};
pub use dtype::Dtype;
pub use facts::{ArrayFacts, StringsFacts, SymbolFacts, ViewFacts};
pub use fresh::{Fresh, Piece};
pub use scalar::{Scalar, Value};
pub use strings::Strings;

use crate::limits::RANK_MAX;
use thiserror::Error;

/// Why memory cannot be seen as an array.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ArrayError {
    /// Too many dimensions.
    #[error("{0} dimensions (at most {RANK_MAX})")]
    Rank(usize),
    /// The elements do not lie in the memory.
    #[error("an array of shape {0:?} reaches outside its memory of {1} bytes")]
    Outside(Vec<usize>, usize),
    /// Shape and strides differ in length.
    #[error("{0} lengths and {1} strides")]
    Strides(usize, usize),
    /// Memory of `bool` with other bytes than 0 and 1.
    #[error("byte {0} of an array of bool is neither 0 nor 1")]
    Bool(usize),
    /// Elements of this dtype have no fixed size.
    #[error("an array of {0} is no plain memory")]
    Dtype(Dtype),
}

/// An array: memory, and how it is seen. Clones see the same memory.
#[derive(Clone, Debug)]
pub struct Array {
    dtype: Dtype,
    shape: Vec<usize>,
    strides: Vec<i64>,
    offset: usize,
    memory: Memory,
}

impl Array {
    /// All of `memory`, row-major. Cost: for `bool` a look at each byte.
    ///
    /// # Errors
    /// `ArrayError`.
    pub fn new(dtype: Dtype, shape: &[usize], memory: Memory) -> Result<Self, ArrayError> {
        Self::strided(dtype, shape, &row_major(shape), 0, memory)
    }

    /// A view of any strides; `offset` and `strides` in elements. Cost: for `bool` a look at each byte.
    ///
    /// # Errors
    /// `ArrayError`.
    pub fn strided(
        dtype: Dtype,
        shape: &[usize],
        strides: &[i64],
        offset: usize,
        memory: Memory,
    ) -> Result<Self, ArrayError> {
        if dtype == Dtype::Bool
            && let Some(at) = memory.iter().position(|byte| *byte > 1)
        {
            return Err(ArrayError::Bool(at));
        }
        Self::seen(dtype, shape, strides, offset, memory)
    }

    /// As `strided`, over memory that is known to be of this dtype.
    pub(crate) fn seen(
        dtype: Dtype,
        shape: &[usize],
        strides: &[i64],
        offset: usize,
        memory: Memory,
    ) -> Result<Self, ArrayError> {
        let itemsize = dtype.itemsize().ok_or(ArrayError::Dtype(dtype))?;
        if shape.len() > RANK_MAX {
            return Err(ArrayError::Rank(shape.len()));
        }
        if shape.len() != strides.len() {
            return Err(ArrayError::Strides(shape.len(), strides.len()));
        }
        let outside = || ArrayError::Outside(shape.to_vec(), memory.len());
        let elements = memory.len() / itemsize;
        let (mut low, mut high, mut size) = (offset as i128, offset as i128, 1usize);
        for (&length, &stride) in shape.iter().zip(strides) {
            size = size.checked_mul(length).ok_or_else(outside)?;
            let reach = (length.max(1) as i128 - 1) * i128::from(stride);
            if reach < 0 { low += reach } else { high += reach }
        }
        if size > 0 && (low < 0 || high >= elements as i128) {
            return Err(outside());
        }
        // An empty array reads nothing; its beginning is kept inside all the same.
        let offset = if size == 0 { 0 } else { offset };
        Ok(Self { dtype, shape: shape.to_vec(), strides: strides.to_vec(), offset, memory })
    }

    /// Writes its elements in row-major order, as this machine stores them; `to` has `size() * itemsize` bytes, and what is beyond
    /// either end is left alone.
    ///
    /// Cost: one copy when it stands so; otherwise a walk by its innermost axis.
    pub fn write_to(&self, to: &mut [u8]) {
        let itemsize = self.dtype.itemsize().unwrap_or(1);
        if self.is_whole() {
            let bytes = to.len().min(self.memory.len());
            to[..bytes].copy_from_slice(&self.memory[..bytes]);
            return;
        }
        let inner = self.shape.last().copied().unwrap_or(1).max(1);
        let step = self.strides.last().copied().unwrap_or(1);
        for (row, to) in to.chunks_exact_mut(inner * itemsize).enumerate() {
            let mut from = self.offset as i64;
            let mut left = row;
            for axis in (0..self.shape.len().saturating_sub(1)).rev() {
                let length = self.shape[axis].max(1);
                from += (left % length) as i64 * self.strides[axis];
                left /= length;
            }
            for (at, to) in to.chunks_exact_mut(itemsize).enumerate() {
                let byte = (from + at as i64 * step) as usize * itemsize;
                to.copy_from_slice(&self.memory[byte..byte + itemsize]);
            }
        }
    }

    /// Another view of the same memory; `offset` and `strides` in elements from the memory's beginning.
    ///
    /// # Errors
    /// `ArrayError`.
    pub fn view_as(&self, shape: &[usize], strides: &[i64], offset: usize) -> Result<Self, ArrayError> {
        Self::seen(self.dtype, shape, strides, offset, self.memory.clone())
    }

    /// Its dtype.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }
    /// Its lengths.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }
    /// Elements from one to the next, by axis.
    pub fn strides(&self) -> &[i64] {
        &self.strides
    }
    /// The element that all indices 0 mean, counted from the memory's beginning.
    pub fn offset(&self) -> usize {
        self.offset
    }
    /// Its rank.
    pub fn ndim(&self) -> usize {
        self.shape.len()
    }
    /// Its elements.
    pub fn size(&self) -> usize {
        self.shape.iter().product()
    }
    /// Its memory, whatever part of it is seen.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }
    /// Whether its elements are all of its memory, in row-major order.
    pub fn is_whole(&self) -> bool {
        let bytes = self.size() * self.dtype.itemsize().unwrap_or(1);
        self.offset == 0 && self.strides == row_major(&self.shape) && bytes == self.memory.len()
    }

    /// The array as one that may be written; itself when its memory has other holders, or holds more than it.
    pub(crate) fn into_fresh<T: Item>(self) -> Result<Fresh<T>, Self> {
        if !self.is_whole() || self.dtype != T::DTYPE {
            return Err(self);
        }
        let Self { dtype, shape, strides, offset, memory } = self;
        let again = |memory| Self { dtype, shape: shape.clone(), strides: strides.clone(), offset, memory };
        match memory.into_room() {
            Ok(room) => Fresh::over(room, &shape).map_err(|room| again(room.freeze())),
            Err(memory) => Err(again(memory)),
        }
    }

    /// The array with its element type; `None` for another one.
    pub fn view<T: Item>(&self) -> Option<ArrayView<'_, T>> {
        (T::DTYPE == self.dtype).then(|| ArrayView {
            memory: self.memory.typed(),
            offset: self.offset,
            shape: &self.shape,
            strides: &self.strides,
        })
    }
}

/// Strides of a row-major array without gaps.
pub fn row_major(shape: &[usize]) -> Vec<i64> {
    let mut strides = vec![1i64; shape.len()];
    for axis in (0..shape.len().saturating_sub(1)).rev() {
        strides[axis] = strides[axis + 1].saturating_mul(i64::try_from(shape[axis + 1]).unwrap_or(i64::MAX));
    }
    strides
}

/// An array to read, with its element type. Every index of `shape` lies in `memory`.
#[derive(Clone, Copy, Debug)]
pub struct ArrayView<'a, T> {
    memory: &'a [T],
    offset: usize,
    shape: &'a [usize],
    strides: &'a [i64],
}

impl<'a, T: Item> ArrayView<'a, T> {
    /// The whole memory that it is seen in.
    pub fn memory(&self) -> &'a [T] {
        self.memory
    }
    /// Where in it all indices are 0.
    pub fn offset(&self) -> usize {
        self.offset
    }
    /// Its lengths.
    pub fn shape(&self) -> &'a [usize] {
        self.shape
    }
    /// Elements from one to the next, by axis.
    pub fn strides(&self) -> &'a [i64] {
        self.strides
    }
    /// Its rank.
    pub fn ndim(&self) -> usize {
        self.shape.len()
    }
    /// Its elements.
    pub fn size(&self) -> usize {
        self.shape.iter().product()
    }
    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.size() == 0
    }
    /// The element at these indices; `None` outside.
    pub fn get(&self, at: &[usize]) -> Option<T> {
        if at.len() != self.shape.len() || at.iter().zip(self.shape).any(|(at, length)| at >= length) {
            return None;
        }
        let steps: i64 = at.iter().zip(self.strides).map(|(&at, stride)| at as i64 * stride).sum();
        self.memory.get(usize::try_from(self.offset as i64 + steps).ok()?).copied()
    }
    /// Its elements in row-major order. For small arrays; loops are `kernels`' work.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'a, T> {
        let this = *self;
        (0..this.size()).filter_map(move |flat| this.get(&coordinates(this.shape, flat)))
    }
}

/// The indices of the element at place `flat` of a row-major walk over `shape`.
pub fn coordinates(shape: &[usize], mut flat: usize) -> Vec<usize> {
    let mut at = vec![0; shape.len()];
    for axis in (0..shape.len()).rev() {
        let length = shape[axis].max(1);
        at[axis] = flat % length;
        flat /= length;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(values: &[i64]) -> Memory {
        let mut room = Memory::allocate(values.len() * 8, Box::new(())).unwrap();
        room.typed_mut::<i64>().copy_from_slice(values);
        room.freeze()
    }

    #[test]
    fn a_view_walks_its_strides_and_cannot_leave_its_memory() {
        let six = memory(&[0, 1, 2, 3, 4, 5]);
        let table = Array::new(Dtype::Int64, &[2, 3], six.clone()).unwrap();
        assert_eq!(table.view::<i64>().unwrap().get(&[1, 2]), Some(5));
        assert!(table.view::<f64>().is_none() && table.is_whole());
        let back = table.view_as(&[3, 2], &[-1, -3], 5).unwrap();
        assert_eq!(back.view::<i64>().unwrap().iter().collect::<Vec<_>>(), [5, 2, 4, 1, 3, 0]);
        assert!(table.view_as(&[3, 2], &[-1, -3], 4).is_err());
        assert!(Array::new(Dtype::Int64, &[7], six.clone()).is_err());
        assert!(Array::new(Dtype::Int64, &[usize::MAX, 3], six.clone()).is_err());
        assert!(Array::new(Dtype::Int64, &[0, usize::MAX], six).is_ok());
    }

    #[test]
    fn memory_that_is_no_bool_is_never_seen_as_one() {
        assert_eq!(Array::new(Dtype::Bool, &[2], memory(&[0x0201])).unwrap_err(), ArrayError::Bool(1));
        assert_eq!(Array::new(Dtype::Str, &[1], memory(&[0])).unwrap_err(), ArrayError::Dtype(Dtype::Str));
    }
}
