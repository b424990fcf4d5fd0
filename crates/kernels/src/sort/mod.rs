//! Sorting: permutations first, for everything else is a gather by one.
//!
//! Lives here, in the order data moves: `keys` (any column as unsigned keys), `radix` (the engine), `argsort` (one column),
//!   `packed` (a column to rows in order, by one thread or several), `coargsort` (several columns), `values` (no permutation), `text`
//!   (strings), `merge` (runs that workers sorted apart).
//! Holds: every sort is stable; NaN stands last; both zeros are equal; no input makes it quadratic.
//! How: key and row number are packed into 64 bits, so a sort moves eight bytes per row, and distributed by the highest bits that differ
//! until a bucket is small enough to be compared.
//! Memory: `scratch_bytes`, told beforehand.

pub mod argsort;
pub mod coargsort;
pub mod keys;
pub mod merge;
mod packed;
mod radix;
pub mod text;
pub mod values;

pub use argsort::{ArgSort, Direction, Index};
pub use coargsort::CoArgSort;
pub use keys::{Column, Keys};
pub use text::TextArgSort;
pub use values::SortValues;

/// The most bytes that sorting `n` rows of one column takes beside input and output.
#[must_use]
pub fn scratch_bytes(n: usize) -> usize {
    // Packed rows, and where keys are clustered the buffers of one level of them: whole keys and numbers, twice.
    n.saturating_mul(8 + 32)
}
