//! Name: what a task or a piece of work is called in lists and logs.
//!
//! Holds: taking and cloning one costs no allocation; a name that was made at run time is at most `limits::NAME_BYTES` long.

use crate::limits::NAME_BYTES;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

/// A name: a literal, or a text shared on its thread.
#[derive(Clone)]
pub enum Name {
    /// Written in the program.
    Static(&'static str),
    /// Made while it runs.
    Shared(Rc<str>),
}

impl Default for Name {
    fn default() -> Self {
        Self::Static("")
    }
}

impl From<&'static str> for Name {
    fn from(text: &'static str) -> Self {
        Self::Static(text)
    }
}

impl From<Rc<str>> for Name {
    fn from(text: Rc<str>) -> Self {
        Self::Shared(text)
    }
}

impl From<String> for Name {
    /// Cut at `limits::NAME_BYTES`.
    fn from(text: String) -> Self {
        let end = (0..=NAME_BYTES.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        Self::Shared(Rc::from(&text[..end]))
    }
}

impl Deref for Name {
    type Target = str;
    fn deref(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        str::cmp(self, other)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_between_two_characters() {
        let name = Name::from("ä".repeat(NAME_BYTES));
        assert!(name.len() <= NAME_BYTES);
        assert!(name.chars().all(|c| c == 'ä'));
        assert_eq!(Name::from("x"), Name::from(String::from("x")));
    }
}
