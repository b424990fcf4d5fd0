//! Late: room whose bytes are cleaned just before somebody has use for them, piece by piece, by whoever fills the piece.
//!
//! Lives here: `Soil` (what the bytes are when the room is given), `LateRoom`, `LatePiece`.
//! Holds: nobody sees a byte that was not cleaned: a piece is cleaned before it is given as values, and what was not asked for by
//!   pieces is cleaned before anything else is given. A piece that is zeroed and filled at once stays in the cache meanwhile, where zeroing
//!   all of the room first takes it through memory once more.
//! Not here: where the room came from (`runtime/src/symbols`).

use super::memory::{Item, Memory, Room};
use std::sync::Once;

/// What the bytes of a room are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Soil {
    /// Zero, or an array of the same type before.
    Clean,
    /// Pages that nobody has touched: zero, once the kernel has made them.
    New,
    /// What another symbol has left.
    Soiled,
}

/// Room of one holder, cleaned as late as can be.
#[derive(Debug)]
pub struct LateRoom {
    room: Room,
    soil: Soil,
    /// The length of pieces that some were asked for, and which of them are clean.
    piece_bytes: usize,
    ready: Vec<bool>,
    /// Done once every byte is clean.
    clean: Once,
}

impl LateRoom {
    /// Room whose bytes are as `soil` says.
    pub fn new(room: Room, soil: Soil) -> Self {
        Self { room, soil, piece_bytes: 0, ready: Vec::new(), clean: Once::new() }
    }
    /// Bytes.
    pub fn len(&self) -> usize {
        self.room.bytes()
    }
    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Cleans what is not clean yet, in one go.
    fn clean(&self) {
        self.clean.call_once(|| {
            if self.soil != Soil::Soiled {
                return;
            }
            let size = if self.piece_bytes == 0 { self.len().max(1) } else { self.piece_bytes };
            for (piece, at) in (0..self.len()).step_by(size).enumerate() {
                if !self.ready.get(piece).is_some_and(|ready| *ready) {
                    // SAFETY: inside the room, which is the only hold on its bytes. No reference to them exists: `values` and `values_mut`
                    //   give one after this has ended for good, and one of a `LatePiece` ended before, for `pieces` borrows mutably.
                    unsafe { self.room.zero(at, size.min(self.len() - at)) }
                }
            }
        });
    }
    /// Its bytes as values of `T`.
    pub(crate) fn values<T: Item>(&self) -> &[T] {
        self.clean();
        self.room.typed()
    }
    /// The same, to write.
    pub(crate) fn values_mut<T: Item>(&mut self) -> &mut [T] {
        self.clean();
        self.room.typed_mut()
    }
    /// Nobody writes it any more.
    pub fn freeze(self) -> Memory {
        self.clean();
        self.room.freeze()
    }
    /// Its bytes in pieces of so many, a multiple of 64; each is cleaned when it is asked for its values.
    pub(crate) fn pieces(&mut self, bytes: usize) -> impl Iterator<Item = LatePiece<'_>> {
        if self.piece_bytes != bytes && self.soil != Soil::Clean {
            if self.piece_bytes != 0 {
                self.clean();
            }
            self.piece_bytes = bytes;
            // Of other pieces than those before, what is clean is known only once all is.
            self.ready = vec![self.clean.is_completed(); self.len().div_ceil(bytes)];
        }
        let mut ready = self.ready.iter_mut();
        let soil = if self.clean.is_completed() { Soil::Clean } else { self.soil };
        let pieces = self.room.chunks_mut(bytes);
        pieces.map(move |bytes| LatePiece { bytes, soil, ready: ready.next() })
    }
}

/// A piece of a room that somebody is about to fill.
#[derive(Debug)]
pub struct LatePiece<'a> {
    bytes: &'a mut [u8],
    soil: Soil,
    /// Whether it is clean; `None`: everything is.
    ready: Option<&'a mut bool>,
}

impl<'a> LatePiece<'a> {
    /// Its values, zeroed unless they were given before. Cost: the zeroing, in the cache; of new pages, one call for all of them.
    pub(crate) fn values<T: Item>(self) -> &'a mut [T] {
        if let Some(ready) = self.ready.filter(|ready| !**ready) {
            match self.soil {
                Soil::Soiled => self.bytes.fill(0),
                Soil::New => windlass_memory::populate(self.bytes),
                Soil::Clean => {}
            }
            *ready = true;
        }
        let len = self.bytes.len() / size_of::<T>();
        // SAFETY: pieces begin at multiples of 64 bytes in 64-byte aligned room, and are whole values for as much as `len` says; they were
        //   zeroed just now, or since they were given to somebody written as values of `T` alone: a `LateRoom` is of one type (`Fresh`).
        unsafe { std::slice::from_raw_parts_mut(self.bytes.as_mut_ptr().cast(), len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soiled(bytes: usize) -> LateRoom {
        let mut room = Memory::allocate(bytes, Box::new(())).unwrap();
        room.fill(0xAB);
        LateRoom::new(room, Soil::Soiled)
    }

    #[test]
    fn what_is_not_filled_by_pieces_is_zero_whoever_looks() {
        let mut room = soiled(1000);
        for (at, piece) in room.pieces(128).enumerate().filter(|(at, _)| at % 2 == 1) {
            let values = piece.values::<u64>();
            assert!(values.iter().all(|value| *value == 0), "a piece is clean when it is given");
            values.fill(at as u64);
        }
        let wanted: Vec<u64> = (0..125).map(|at| if at / 16 % 2 == 1 { at / 16 } else { 0 }).collect();
        assert_eq!(room.values::<u64>(), wanted);
        // Asked again, also by other pieces, nothing is lost.
        for bytes in [128, 64] {
            let again: Vec<u64> = room.pieces(bytes).flat_map(|piece| piece.values::<u64>().to_vec()).collect();
            assert_eq!(again, wanted);
        }
        assert_eq!(room.freeze().iter().filter(|byte| **byte != 0).count(), 4 * 16 - 3);
    }

    #[test]
    fn other_pieces_than_before_keep_what_was_filled() {
        let mut room = soiled(512);
        room.pieces(128).next().unwrap().values::<u8>().fill(7);
        let all: Vec<u8> = room.pieces(64).flat_map(|piece| piece.values::<u8>().to_vec()).collect();
        assert!(all[..128].iter().all(|byte| *byte == 7) && all[128..].iter().all(|byte| *byte == 0));
        assert_eq!(&room.freeze()[..], all);
    }

    #[test]
    fn soil_is_never_seen_as_a_truth_value() {
        let mut room = soiled(300);
        assert!(room.pieces(64).all(|piece| piece.values::<bool>().iter().all(|value| !value)));
        assert!(soiled(300).values::<bool>().iter().all(|value| !value));
        assert!(soiled(300).values_mut::<bool>().iter().all(|value| !value));
        assert!(soiled(0).is_empty() && soiled(0).freeze().is_empty());
    }

    #[test]
    fn new_and_clean_room_keeps_its_bytes() {
        for soil in [Soil::New, Soil::Clean] {
            let mut memory = Memory::allocate(1 << 16, Box::new(())).unwrap();
            memory[5] = if soil == Soil::Clean { 9 } else { 0 };
            let mut room = LateRoom::new(memory, soil);
            let first: Vec<u8> = room.pieces(1 << 12).map(|piece| piece.values::<u8>()[5]).collect();
            assert_eq!(usize::from(first[0]) + first.len(), if soil == Soil::Clean { 9 } else { 0 } + 16);
        }
    }
}
