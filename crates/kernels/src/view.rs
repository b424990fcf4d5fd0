//! Views: memory, a beginning, a shape and strides. Slices, transposes and broadcasts copy nothing.
//!
//! Lives here: `View` (to read), its transformations, `Walker` (hands a range of it to a loop, block by block).
//! Holds: every index of a `View` was proved to lie in its memory when the view was made; so a walk cannot fail.
//! A walk first joins dimensions that lie behind one another: a contiguous view of any rank is one slice, and a repeated
//! scalar is one value. What is left is copied in blocks of `limits::BLOCK` into scratch on the stack, so that
//! every loop in this crate is over slices and none is over strides: one instance per dtype, vectorised.
//! Not here: writing through strides (`index/assign.rs`).

use crate::element::Element;
use crate::error::KernelError;
use crate::limits::{BLOCK, RANK_MAX};
use crate::shape::{Shape, Strides};
use std::ops::Range;

/// A strided array to read.
#[derive(Debug, Clone, Copy)]
pub struct View<'a, T> {
    memory: &'a [T],
    base: usize,
    shape: Shape,
    strides: Strides,
}

impl<'a, T: Element> View<'a, T> {
    /// All of a slice, in one dimension.
    #[must_use]
    pub fn flat(memory: &'a [T]) -> Self {
        // A slice of elements cannot have more than isize::MAX bytes, and one of bytes that long cannot exist.
        let shape = Shape::flat(memory.len()).expect("memory is smaller than ELEMENTS_MAX");
        Self { memory, base: 0, shape, strides: shape.row_major() }
    }

    /// A slice as an array of a shape, row-major, without gaps.
    ///
    /// # Errors
    /// `OutputSize` if the slice has not exactly the shape's elements.
    pub fn shaped(memory: &'a [T], shape: Shape) -> Result<Self, KernelError> {
        KernelError::check_output(shape.elements(), memory.len())?;
        Ok(Self { memory, base: 0, shape, strides: shape.row_major() })
    }

    /// A view of any strides.
    ///
    /// # Errors
    /// `OutsideMemory` if an index of the shape would lie outside `memory`. An empty shape reaches nothing.
    pub fn new(memory: &'a [T], base: usize, shape: Shape, strides: Strides) -> Result<Self, KernelError> {
        reach(memory.len(), base, &shape, &strides)?;
        Ok(Self { memory, base, shape, strides })
    }

    /// One value, as rank 0; broadcast it to a shape.
    #[must_use]
    pub fn scalar(value: &'a T) -> Self {
        let shape = Shape::new(&[]).expect("rank 0");
        Self { memory: std::slice::from_ref(value), base: 0, shape, strides: shape.row_major() }
    }

    /// Its shape.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Its strides.
    #[must_use]
    pub fn strides(&self) -> &Strides {
        &self.strides
    }

    /// The memory it stands on.
    #[must_use]
    pub fn memory(&self) -> &'a [T] {
        self.memory
    }

    /// The element of memory that all coordinates 0 mean.
    #[must_use]
    pub fn base(&self) -> usize {
        self.base
    }

    /// Elements in all.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.elements()
    }

    /// The element at a flat index (row-major), if there is one. For single reads; loops use `walk`.
    #[must_use]
    pub fn get(&self, flat: usize) -> Option<T> {
        if flat >= self.elements() {
            return None;
        }
        let at = self.shape.coordinates(flat);
        self.memory.get(self.at(&at)).copied()
    }

    fn at(&self, coordinates: &[usize; RANK_MAX]) -> usize {
        let steps: i64 = (0..self.shape.rank()).map(|axis| coordinates[axis] as i64 * self.strides.0[axis]).sum();
        (self.base as i64 + steps) as usize
    }

    /// The same elements seen in a shape that this one broadcasts to.
    ///
    /// # Errors
    /// `Shapes` if it does not.
    pub fn broadcast(&self, to: &Shape) -> Result<Self, KernelError> {
        if self.shape.rank() > to.rank() {
            return Err(self.shape.unlike(to));
        }
        let lead = to.rank() - self.shape.rank();
        let mut strides = [0; RANK_MAX];
        for axis in 0..self.shape.rank() {
            let (own, wanted) = (self.shape[axis], to[lead + axis]);
            strides[lead + axis] = match own {
                own if own == wanted => self.strides.0[axis],
                1 => 0,
                _ => return Err(self.shape.unlike(to)),
            };
        }
        Ok(Self { shape: *to, strides: Strides(strides), ..*self })
    }

    /// The axes in another order: axis `i` of the result is axis `order[i]` of this.
    ///
    /// # Errors
    /// `Argument` if `order` is not a permutation of the axes.
    pub fn permute(&self, order: &[usize]) -> Result<Self, KernelError> {
        let mut seen = 0u8;
        for &axis in order {
            if axis < self.shape.rank() {
                seen |= 1 << axis;
            }
        }
        if order.len() != self.shape.rank() || seen.count_ones() as usize != self.shape.rank() {
            return Err(KernelError::argument(format!("{order:?} is not an order of {} axes", self.shape.rank())));
        }
        let mut dims = [0; RANK_MAX];
        let mut strides = [0; RANK_MAX];
        for (to, &from) in order.iter().enumerate() {
            dims[to] = self.shape[from];
            strides[to] = self.strides.0[from];
        }
        Ok(Self { shape: Shape::new(&dims[..order.len()])?, strides: Strides(strides), ..*self })
    }

    /// `start..stop` by `step` along an axis, as Python has it once its own indices are made positive: with a negative
    /// step, `start` is the first element taken and `stop` (-1 for "to the beginning") is the first that is not.
    ///
    /// # Errors
    /// `Bounds` if an element taken does not exist; `Argument` for a step of 0.
    pub fn slice(&self, axis: usize, start: i64, stop: i64, step: i64) -> Result<Self, KernelError> {
        let axis = self.shape.axis(axis as i64)?;
        let count = slice_len(start, stop, step)?;
        let len = self.shape[axis];
        if count > 0 {
            let last = i128::from(start) + (count as i128 - 1) * i128::from(step);
            for at in [i128::from(start), last] {
                if !(0..len as i128).contains(&at) {
                    // `last` lies between `start` and `stop`, so it is a 64-bit number too.
                    return Err(KernelError::Bounds { what: "index", at: at as i64, len });
                }
            }
        }
        let mut dims = self.shape.to_vec();
        dims[axis] = count;
        let mut out = Self { shape: Shape::new(&dims)?, ..*self };
        if count > 0 && self.elements() > 0 {
            out.base = (self.base as i64 + start * self.strides.0[axis]) as usize;
        }
        out.strides.0[axis] = self.strides.0[axis].wrapping_mul(step);
        if count <= 1 {
            out.strides.0[axis] = 0;
        }
        Ok(out)
    }

    /// The axes of a set (bit `i` is axis `i`) walked backward.
    #[must_use]
    pub fn flip(&self, axes: u8) -> Self {
        let mut out = *self;
        for axis in 0..self.shape.rank() {
            if axes >> axis & 1 == 1 {
                if self.elements() > 0 {
                    let last = (self.shape[axis] as i64 - 1) * self.strides.0[axis];
                    out.base = (out.base as i64 + last) as usize;
                }
                out.strides.0[axis] = -self.strides.0[axis];
            }
        }
        out
    }

    /// The same shape with an axis of 1 put in at `axis`.
    ///
    /// # Errors
    /// `Rank` past the limit, `Bounds` if `axis` is over the rank.
    pub fn expand(&self, axis: usize) -> Result<Self, KernelError> {
        if axis > self.shape.rank() {
            return Err(KernelError::Bounds { what: "axis", at: axis as i64, len: self.shape.rank() + 1 });
        }
        let mut dims = self.shape.to_vec();
        let mut strides = self.strides.0[..dims.len()].to_vec();
        dims.insert(axis, 1);
        strides.insert(axis, 0);
        Ok(Self { shape: Shape::new(&dims)?, strides: Strides::new(&strides)?, ..*self })
    }

    /// The same without the axes of a set, which must be of length 1.
    ///
    /// # Errors
    /// `Argument` for an axis of another length.
    pub fn squeeze(&self, axes: u8) -> Result<Self, KernelError> {
        let (mut dims, mut strides) = (Vec::new(), Vec::new());
        for axis in 0..self.shape.rank() {
            if axes >> axis & 1 == 0 {
                dims.push(self.shape[axis]);
                strides.push(self.strides.0[axis]);
            } else if self.shape[axis] != 1 {
                return Err(KernelError::argument(format!(
                    "axis {axis} has {} elements; only an axis of 1 can be taken away",
                    self.shape[axis]
                )));
            }
        }
        Ok(Self { shape: Shape::new(&dims)?, strides: Strides::new(&strides)?, ..*self })
    }

    /// Its elements as one slice, if they lie behind one another in row-major order.
    #[must_use]
    pub fn as_slice(&self) -> Option<&'a [T]> {
        let walker = self.walk(0..self.elements())?;
        match walker.joined.as_slice() {
            [] => self.memory.get(walker.base..walker.base + self.elements()),
            [(_, 1)] => self.memory.get(walker.base..walker.base + self.elements()),
            _ => None,
        }
    }

    /// A walk over a range of flat indices; `None` if the range is not inside.
    #[must_use]
    pub fn walk(&self, range: Range<usize>) -> Option<Walker<'a, T>> {
        if range.start > range.end || range.end > self.elements() {
            return None;
        }
        let mut joined = Joined::default();
        if !range.is_empty() {
            for axis in 0..self.shape.rank() {
                joined.push(self.shape[axis], self.strides.0[axis]);
            }
        }
        let mut walker =
            Walker { memory: self.memory, base: self.base, joined, at: [0; RANK_MAX], left: range.len() };
        walker.seek(range.start);
        Some(walker)
    }

    /// As `walk`, with the error that kernels give.
    ///
    /// # Errors
    /// `Bounds` if the range is not inside.
    pub(crate) fn walk_checked(&self, range: &Range<usize>) -> Result<Walker<'a, T>, KernelError> {
        self.walk(range.clone()).ok_or(KernelError::Bounds {
            what: "range end",
            at: range.end as i64,
            len: self.elements(),
        })
    }

    /// Copies a range of flat indices.
    ///
    /// Cost: a copy where the view is contiguous, about one load and store per element elsewhere.
    ///
    /// # Errors
    /// `Bounds` for a range outside, `OutputSize` if `out` is not as long as the range.
    pub fn copy(&self, range: Range<usize>, out: &mut [T]) -> Result<(), KernelError> {
        KernelError::check_output(range.len(), out.len())?;
        self.walk_checked(&range)?.fill(out);
        Ok(())
    }

    /// All elements in row-major order. For small arrays and tests; kernels write into room that they are given.
    #[must_use]
    pub fn to_vec(&self) -> Vec<T> {
        let mut out = vec![T::default(); self.elements()];
        if let Some(mut walker) = self.walk(0..self.elements()) {
            walker.fill(&mut out);
        }
        out
    }
}

/// Elements of a Python slice with positive start and stop; see `View::slice`.
///
/// # Errors
/// `Argument` for a step of 0.
pub fn slice_len(start: i64, stop: i64, step: i64) -> Result<usize, KernelError> {
    let (span, pace) = match step {
        0 => return Err(KernelError::argument("a slice needs a step other than 0")),
        step if step > 0 => (i128::from(stop) - i128::from(start), i128::from(step)),
        step => (i128::from(start) - i128::from(stop), -i128::from(step)),
    };
    let count = if span <= 0 { 0 } else { (span + pace - 1) / pace };
    usize::try_from(count).map_err(|_| KernelError::TooLarge { max: crate::limits::ELEMENTS_MAX })
}

/// Proves that a shape with strides stays inside memory.
pub(crate) fn reach(len: usize, base: usize, shape: &Shape, strides: &Strides) -> Result<(), KernelError> {
    if shape.elements() == 0 {
        return Ok(());
    }
    let (mut low, mut high) = (base as i128, base as i128);
    for (axis, &dim) in shape.iter().enumerate() {
        let span = (dim as i128 - 1) * i128::from(strides.0[axis]);
        low += span.min(0);
        high += span.max(0);
    }
    let outside = |reach: i128| KernelError::OutsideMemory {
        len,
        reach: reach.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64,
    };
    match () {
        () if low < 0 => Err(outside(low)),
        () if high >= len as i128 => Err(outside(high)),
        () => Ok(()),
    }
}

/// Dimensions after joining: no 1s, and no two that lie behind one another.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Joined {
    dims: [(usize, i64); RANK_MAX],
    rank: usize,
}

impl Joined {
    pub(crate) fn push(&mut self, dim: usize, stride: i64) {
        if dim == 1 {
            return;
        }
        if self.rank > 0 {
            let (outer, outer_stride) = self.dims[self.rank - 1];
            if Some(outer_stride) == stride.checked_mul(dim as i64) {
                self.dims[self.rank - 1] = (outer * dim, stride);
                return;
            }
        }
        self.dims[self.rank] = (dim, stride);
        self.rank += 1;
    }

    pub(crate) fn as_slice(&self) -> &[(usize, i64)] {
        &self.dims[..self.rank]
    }
}

/// A block of a walk.
#[derive(Debug, Clone, Copy)]
pub enum Block<'s, T> {
    /// Elements behind one another: memory itself, or the scratch they were copied to.
    Run(&'s [T]),
    /// One value, for as many elements as were asked for.
    Same(T),
}

/// Hands out a range of a view in order.
#[derive(Debug, Clone)]
pub struct Walker<'a, T> {
    memory: &'a [T],
    base: usize,
    joined: Joined,
    at: [usize; RANK_MAX],
    left: usize,
}

impl<'a, T: Element> Walker<'a, T> {
    fn seek(&mut self, mut flat: usize) {
        for axis in (0..self.joined.rank).rev() {
            let dim = self.joined.dims[axis].0;
            self.at[axis] = flat % dim;
            flat /= dim;
        }
    }

    /// Elements that were not handed out yet.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left
    }

    /// Whether blocks of any length cost nothing: the view is one slice, or one value.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        matches!(self.joined.as_slice(), [] | [(_, 0 | 1)])
    }

    /// The next `n` elements; fewer only at the end. `scratch` holds them if they do not lie behind one another, so
    /// then `n` must be at most its length.
    pub fn next<'s>(&mut self, n: usize, scratch: &'s mut [T]) -> Block<'s, T>
    where
        'a: 's,
    {
        let n = n.min(self.left);
        match self.joined.as_slice() {
            [] | [(_, 0)] => {
                self.left -= n;
                Block::Same(self.memory.get(self.base).copied().unwrap_or_default())
            }
            [(_, 1)] => {
                let start = self.base + self.at[0];
                self.at[0] += n;
                self.left -= n;
                Block::Run(&self.memory[start..start + n])
            }
            _ => {
                let n = n.min(scratch.len());
                self.fill(&mut scratch[..n]);
                Block::Run(&scratch[..n])
            }
        }
    }

    /// Copies the next `out.len()` elements. There must be as many left.
    pub(crate) fn fill(&mut self, out: &mut [T]) {
        assert!(out.len() <= self.left, "a walk was asked for more than its range");
        self.left -= out.len();
        let rank = self.joined.rank;
        if rank == 0 {
            if let Some(&value) = self.memory.get(self.base) {
                out.fill(value);
            }
            return;
        }
        let (inner, stride) = self.joined.dims[rank - 1];
        let mut done = 0;
        while done < out.len() {
            let mut start = self.base as i64;
            for axis in 0..rank {
                start += self.at[axis] as i64 * self.joined.dims[axis].1;
            }
            let n = (inner - self.at[rank - 1]).min(out.len() - done);
            copy_run(self.memory, start as usize, stride, &mut out[done..done + n]);
            done += n;
            self.at[rank - 1] += n;
            let mut axis = rank - 1;
            while self.at[axis] == self.joined.dims[axis].0 && axis > 0 {
                self.at[axis] = 0;
                axis -= 1;
                self.at[axis] += 1;
            }
        }
    }
}

/// One run along a stride.
#[inline]
fn copy_run<T: Copy>(memory: &[T], start: usize, stride: i64, out: &mut [T]) {
    match stride {
        1 => out.copy_from_slice(&memory[start..start + out.len()]),
        0 => out.fill(memory[start]),
        -1 => {
            let from = &memory[start + 1 - out.len()..=start];
            for (to, &value) in out.iter_mut().zip(from.iter().rev()) {
                *to = value;
            }
        }
        stride if stride > 1 => {
            for (to, &value) in out.iter_mut().zip(memory[start..].iter().step_by(stride as usize)) {
                *to = value;
            }
        }
        stride => {
            let mut at = start as i64;
            for to in out {
                *to = memory[at as usize];
                at += stride;
            }
        }
    }
}

/// Scratch for one block.
pub(crate) fn scratch<T: Element>() -> [T; BLOCK] {
    [T::default(); BLOCK]
}
