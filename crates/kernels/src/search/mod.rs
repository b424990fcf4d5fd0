//! Searching: places in sorted arrays, membership in sets.
//!
//! Lives here: `search_sorted`, `Members` (in1d), `table` (the hash table of keys that grouping uses too).

mod members;
mod sorted;
pub(crate) mod table;

pub use members::Members;
pub use sorted::{Side, search_sorted};
