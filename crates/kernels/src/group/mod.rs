//! Group-by: which rows have equal keys, and what their values come to.
//!
//! Lives here: `GroupBy` (permutation and segments, in key order), `Codes` (each row's group number, faster when only totals are
//!   wanted; `Pairs` for several columns), `segments` (reductions over a permutation), `by_code` (reductions over codes), `text` (string columns as ranks).
//! Holds: groups are numbered in ascending key order, rows of a group keep their order. Any `reduce::Reducer` works on both forms.
//! The 21 of the array service: sum prod mean median var std min max argmin argmax any all and or xor nunique first mode count head tail
//! are `segmented` with a reducer of that name, or `segmented_place`, `order_statistic`, `ends`; the size of a group is its length.

mod by_code;
mod codes;
mod groups;
mod segments;
mod text;

pub use by_code::{ByCode, by_code, finish, merge};
pub use codes::{Codes, Pairs, first_rows};
pub use groups::{GroupBy, check_segments, counts, group_numbers, spread};
pub use segments::{End, Statistic, end_sizes, ends, order_statistic, parts_in_order, segmented, segmented_place};
pub use text::TextRanks;
