//! Strings: UTF-8 in Arrow's layout.
//!
//! Lives here: `Strings` (to read) and `StringsRoom` (to write), `pattern` (literal or regular expression), `ask` (lengths, tests, comparison,
//!   classes of characters), `find` (where a pattern stands), `rewrite` (a string for a string: case, strip, replace, slice, join, ..),
//!   `split` (several strings for one). Order is `sort::TextArgSort`, groups are `group::TextRanks`, hashes are `hash`.
//! Holds: what makes strings runs twice, once for the exact size and once to write, so the room is admitted before it is made; offsets
//!   that are written begin with 0. Lengths and places are in bytes unless a name says characters.

mod ask;
mod find;
mod pattern;
mod rewrite;
mod split;
mod view;

pub use ask::{CharClass, Test, class, compare_strings, compare_with, lengths, lengths_in_characters, test};
pub use find::{count_matches, find_all};
pub use pattern::Pattern;
pub use rewrite::{Case, Rewrite, sizes, write};
pub use split::{split, split_sizes};
pub use view::{Strings, StringsRoom};
