//! Strings.
mod view;

pub use view::{Strings, StringsRoom};
