//! What is looked for in a string: literal text, or a regular expression in linear time.

use crate::error::KernelError;
use crate::limits::REGEX_BYTES_MAX;
use regex::{Regex, RegexBuilder};
use std::ops::Range;

/// Text or a regular expression.
#[derive(Debug, Clone)]
pub enum Pattern {
    /// The text itself.
    Literal(String),
    /// A regular expression; matching takes time linear in the string, whatever the expression is.
    Regex(Regex),
}

impl Pattern {
    /// Literal text.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        Self::Literal(text.to_owned())
    }

    /// A regular expression.
    ///
    /// # Errors
    /// `Argument` with the place of the mistake, or if its automaton would pass `REGEX_BYTES_MAX`.
    pub fn regex(expression: &str) -> Result<Self, KernelError> {
        RegexBuilder::new(expression)
            .size_limit(REGEX_BYTES_MAX)
            .dfa_size_limit(REGEX_BYTES_MAX)
            .build()
            .map(Self::Regex)
            .map_err(|error| KernelError::argument(format!("regular expression: {error}")))
    }

    /// A regular expression that is to be found and nothing else: one that means itself is literal text, which is found faster.
    ///
    /// # Errors
    /// As `regex`.
    pub fn search(expression: &str) -> Result<Self, KernelError> {
        match expression.is_empty() || regex::escape(expression) != expression {
            true => Self::regex(expression),
            false => Ok(Self::literal(expression)),
        }
    }

    /// Whether it occurs.
    #[must_use]
    pub fn occurs(&self, text: &str) -> bool {
        match self {
            Self::Literal(pattern) => text.contains(pattern.as_str()),
            Self::Regex(regex) => regex.is_match(text),
        }
    }

    /// Where it occurs, from left to right without overlap. Empty literal text occurs nowhere.
    pub fn matches<'t>(&'t self, text: &'t str) -> Box<dyn Iterator<Item = Range<usize>> + 't> {
        match self {
            Self::Literal(pattern) if pattern.is_empty() => Box::new(std::iter::empty()),
            Self::Literal(pattern) => {
                Box::new(text.match_indices(pattern.as_str()).map(|(at, found)| at..at + found.len()))
            }
            Self::Regex(regex) => Box::new(regex.find_iter(text).map(|found| found.range())),
        }
    }

    /// Whether some match begins at the start, ends at the end, or is the whole.
    pub(crate) fn anchored(&self, text: &str, start: bool, end: bool) -> bool {
        match self {
            Self::Literal(pattern) if start && end => text == pattern,
            Self::Literal(pattern) if start => text.starts_with(pattern.as_str()),
            Self::Literal(pattern) => text.ends_with(pattern.as_str()),
            Self::Regex(regex) => regex
                .find_iter(text)
                .any(|found| (!start || found.start() == 0) && (!end || found.end() == text.len())),
        }
    }
}
