//! Indexing and assignment: by numbers, by masks, by slices.
//!
//! Lives here: `gather` (read by numbers), `scatter` (write by numbers), `deal` (the same into large targets), `mask` (read, write and find by truth), `assign` (write through a
//!   slice). Reading through a slice is a `View`.
//! Holds: an index outside is found before anything of its block is written, and named.

mod assign;
mod deal;
mod gather;
mod mask;
mod scatter;

pub use assign::{Layout, assign, fill};
pub use deal::{Parts, deal, settle};
pub use gather::{Negative, gather, take, take_along, take_shape};
pub use mask::{compress, count, expand, nonzero, put_mask};
pub use scatter::{check_places, scatter, scatter_value, scatter_within};
