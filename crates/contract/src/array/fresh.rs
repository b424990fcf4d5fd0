//! Fresh: an array under construction, its memory admitted and written by one method alone.

use super::{Array, Item, Room, row_major};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// Room for an array of `T`, row-major, born zeroed; a slice of its elements until `done`.
#[derive(Debug)]
pub struct Fresh<T> {
    room: Room,
    shape: Vec<usize>,
    of: PhantomData<T>,
}

impl<T: Item> Fresh<T> {
    /// Over room of exactly the shape's bytes, which is zeroed or was an array of `T` before.
    ///
    /// # Errors
    /// `Err(room)` for room of another size.
    pub(crate) fn over(room: Room, shape: &[usize]) -> Result<Self, Room> {
        let size = shape.iter().try_fold(size_of::<T>(), |all, &length| all.checked_mul(length));
        if size != Some(room.len()) {
            return Err(room);
        }
        Ok(Self { room, shape: shape.to_vec(), of: PhantomData })
    }
    /// Its lengths.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }
    /// The array: nobody writes it any more.
    pub fn done(self) -> Array {
        let memory = self.room.freeze();
        match Array::seen(T::DTYPE, &self.shape, &row_major(&self.shape), 0, memory) {
            Ok(array) => array,
            Err(error) => unreachable!("`over` checked shape and room: {error}"),
        }
    }
}

impl<T: Item> Deref for Fresh<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        self.room.typed()
    }
}
impl<T: Item> DerefMut for Fresh<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.room.typed_mut()
    }
}
