//! Sorting: permutations first, for everything else is a gather by one.
//!
//! Lives here, in the order data moves: `keys` (any column as unsigned keys), `radix` (the engine), `argsort` (one column),
//!   `coargsort` (several columns), `values` (no permutation), `text` (strings), `merge` (runs that workers sorted apart).
//! Holds: every sort is stable; NaN stands last; both zeros are equal; no input makes it quadratic.
//! How: the keys' range is measured first; key and index are packed into 64 bits where they fit, so most sorts move eight bytes per
//! row. The engine distributes by the highest bits that differ until a bucket fits a comparison network.
//! Memory: two buffers of `scratch_bytes`, told beforehand.

pub mod argsort;
pub mod coargsort;
pub mod keys;
pub mod merge;
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
    // Two buffers of sixteen bytes (key and index) per row.
    n.saturating_mul(32)
}
