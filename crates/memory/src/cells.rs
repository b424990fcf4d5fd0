//! Cells: what the algorithms of this crate ask of memory, so that they run on mappings and under the model checker.
//!
//! Lives here: `Cells` (a ring's entries), `Word` and `WordMut` (one 32-bit word, peer's and own), `Bell` and
//!   `Sleeper` (waking and sleeping on such a word). Everything is generic over them and compiled for each.
//! Holds: loads are relaxed and the algorithm places its fences itself: memory mapped for reading only allows no
//!   acquiring load.
//! Not here: the mapped ones (`word.rs`), the modelled ones (`tests/loom.rs`).

use std::time::Duration;

/// 64-bit words of one ring entry.
pub const ENTRY_WORDS: usize = 8;

/// Bytes of one ring entry: a cache line, so that two entries share none.
pub const ENTRY_BYTES: u64 = 64;

const _: () = assert!(ENTRY_WORDS as u64 * 8 == ENTRY_BYTES, "an entry is eight words");

/// The entries of a ring. A position is any `u32`, taken modulo the depth; a word is taken modulo eight: no argument
/// is out of range.
pub trait Cells {
    /// How many entries; a power of two.
    fn depth(&self) -> u32;

    /// Whether this side may store: the producer's side does.
    fn is_writable(&self) -> bool;

    /// Reads a word, relaxed.
    fn load(&self, position: u32, word: usize) -> u64;

    /// Stores a word, relaxed.
    fn store(&self, position: u32, word: usize, value: u64);

    /// Stores a word with Release: what was stored before is visible to whoever reads this value and then fences.
    fn publish(&self, position: u32, word: usize, value: u64);
}

/// One 32-bit word that either side may be writing.
pub trait Word {
    /// Reads it, relaxed: the caller fences if it goes on to use what the writer did before.
    fn load(&self) -> u32;
}

/// One 32-bit word that this side alone writes.
pub trait WordMut: Word {
    /// Stores it with Release.
    fn store(&self, value: u32);
}

/// An own word whose readers may sleep on it.
pub trait Bell: WordMut {
    /// Wakes every sleeper. Cost: one system call.
    fn wake(&self);
}

/// A peer's word that this side may sleep on.
pub trait Sleeper: Word {
    /// Sleeps while the word is `seen`, until a `wake` or the timeout. May end early without a reason.
    fn sleep(&self, seen: u32, timeout: Option<Duration>) -> Slept;
}

/// How a sleep ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slept {
    /// Woken, or interrupted: look again.
    Woken,
    /// The word was not `seen` any more, so there was no sleep.
    Changed,
    /// The time was up.
    TimedOut,
}
