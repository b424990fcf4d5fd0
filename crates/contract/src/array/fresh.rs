//! Fresh: an array under construction, its memory admitted and written by one method alone.

use super::{Array, Item, Room, row_major};
use crate::abi::{LatePiece, LateRoom, Soil};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut, Range};

/// Room for an array of `T`, row-major, born zeroed; a slice of its elements until `done`. Large room is zeroed as late as can be: by
/// `pieces` when each is filled, else when it is first looked at.
#[derive(Debug)]
pub struct Fresh<T> {
    room: LateRoom,
    shape: Vec<usize>,
    of: PhantomData<T>,
}

impl<T: Item> Fresh<T> {
    /// Over room of exactly the shape's bytes, which is zeroed or was an array of `T` before.
    ///
    /// # Errors
    /// `Err(room)` for room of another size.
    pub(crate) fn over(room: Room, shape: &[usize]) -> Result<Self, Room> {
        if bytes_of::<T>(shape) != Some(room.len()) {
            return Err(room);
        }
        Ok(Self { room: LateRoom::new(room, Soil::Clean), shape: shape.to_vec(), of: PhantomData })
    }
    /// Over room that may have to be cleaned yet; `None` for room of another size.
    pub(crate) fn late(room: LateRoom, shape: &[usize]) -> Option<Self> {
        (bytes_of::<T>(shape) == Some(room.len())).then(|| Self { room, shape: shape.to_vec(), of: PhantomData })
    }
    /// Its lengths.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }
    /// Its elements.
    pub fn size(&self) -> usize {
        self.room.len() / size_of::<T>()
    }
    /// Its elements in pieces, a multiple of 64 each, with the flat indices of each piece: what different threads may fill at the same time.
    pub fn pieces(&mut self, elements: usize) -> impl Iterator<Item = (Range<usize>, Piece<'_, T>)> {
        let elements = elements.max(1).next_multiple_of(64);
        let size = self.size();
        let pieces = self.room.pieces(elements * size_of::<T>()).enumerate();
        pieces.map(move |(at, piece)| {
            let start = at * elements;
            (start..size.min(start + elements), Piece { piece, of: PhantomData })
        })
    }
    /// The array: nobody writes it any more.
    pub fn done(self) -> Array {
        let memory = self.room.freeze();
        match Array::seen(T::DTYPE, &self.shape, &row_major(&self.shape), 0, memory) {
            Ok(array) => array,
            Err(error) => unreachable!("`over` and `late` checked shape and room: {error}"),
        }
    }
}

fn bytes_of<T>(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(size_of::<T>(), |all, &length| all.checked_mul(length))
}

/// A piece of an array under construction.
#[derive(Debug)]
pub struct Piece<'a, T> {
    piece: LatePiece<'a>,
    of: PhantomData<&'a mut [T]>,
}

impl<'a, T: Item> Piece<'a, T> {
    /// Its elements, zero unless they were filled before. Cost: their zeroing, if nobody has zeroed them: ask where they are filled.
    pub fn ready(self) -> &'a mut [T] {
        self.piece.values()
    }
}

impl<T: Item> Deref for Fresh<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        self.room.values()
    }
}
impl<T: Item> DerefMut for Fresh<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.room.values_mut()
    }
}
