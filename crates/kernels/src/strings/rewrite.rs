//! A string for each string.
//!
//! `sizes` tells the exact bytes of each result; their sum and the number of strings are the room that `write` needs.

use super::ask::check_range;
use super::{Pattern, Strings, StringsRoom};
use crate::error::KernelError;
use std::ops::Range;

/// How letters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// All lower.
    Lower,
    /// All upper.
    Upper,
    /// The first letter of each run of letters upper, the others lower.
    Title,
    /// The first character upper, the others lower.
    Capitalized,
    /// Upper for lower and lower for upper.
    Swapped,
}

/// What becomes of each string.
#[derive(Debug, Clone)]
pub enum Rewrite<'a> {
    /// Other case.
    Case(Case),
    /// These characters are taken from both ends; white space if there are none.
    Strip(&'a str),
    /// Each match of a pattern, at most so many, is replaced; a regular expression may name its groups in the replacement (`$1`).
    Replace {
        /// What is replaced.
        pattern: &'a Pattern,
        /// By what.
        with: &'a str,
        /// How often at most; 0 for always.
        limit: usize,
    },
    /// The characters (not bytes) from `start`, at most `len`.
    Characters {
        /// The first one taken, from 0.
        start: usize,
        /// How many at most.
        len: usize,
    },
    /// The characters in reverse order.
    Reversed,
    /// So many times behind one another.
    Repeat(usize),
    /// Text before and behind.
    Between(&'a str, &'a str),
    /// With the string at the same place of another array behind it, and text between them.
    Join(Strings<'a>, &'a str),
    /// What stands before the `times`-th occurrence of text, or behind it; all of the string, or nothing of it, if there are fewer.
    Peel {
        /// The text.
        delimiter: &'a str,
        /// Which occurrence, from 1; counted from the end if `from_right`.
        times: usize,
        /// Count from the end.
        from_right: bool,
        /// Give what stands behind instead of before.
        behind: bool,
    },
    /// The string at another place: `Gather(indices)` gives `strings[indices[i]]`.
    Gather(&'a [i64]),
}

impl Rewrite<'_> {
    /// Strings of the result.
    fn len(&self, strings: &Strings<'_>) -> Result<usize, KernelError> {
        match self {
            Self::Gather(indices) => {
                let len = strings.len();
                let bad = indices.iter().find(|&&at| at < 0 || at as u64 >= len as u64);
                bad.map_or(Ok(indices.len()), |&at| Err(KernelError::Bounds { what: "index", at, len }))
            }
            Self::Join(other, _) if other.len() != strings.len() => {
                Err(KernelError::Shapes { left: vec![strings.len()], right: vec![other.len()] })
            }
            Self::Peel { times: 0, .. } => Err(KernelError::argument("the first occurrence is number 1")),
            _ => Ok(strings.len()),
        }
    }

    /// The string at place `i` of the result, behind what is in `out`.
    fn apply(&self, strings: &Strings<'_>, i: usize, out: &mut String) {
        let text = strings.get(i);
        match self {
            Self::Case(case) => change_case(*case, text, out),
            Self::Strip("") => out.push_str(text.trim()),
            Self::Strip(characters) => out.push_str(text.trim_matches(|c| characters.contains(c))),
            Self::Replace { pattern: Pattern::Literal(pattern), with, limit } => {
                let limit = if *limit == 0 { usize::MAX } else { *limit };
                if pattern.is_empty() {
                    out.push_str(text)
                } else {
                    out.push_str(&text.replacen(pattern, with, limit))
                }
            }
            Self::Replace { pattern: Pattern::Regex(regex), with, limit } => {
                out.push_str(&regex.replacen(text, *limit, *with));
            }
            Self::Characters { start, len } => out.extend(text.chars().skip(*start).take(*len)),
            Self::Reversed => out.extend(text.chars().rev()),
            Self::Repeat(times) => (0..*times).for_each(|_| out.push_str(text)),
            Self::Between(before, behind) => {
                [before, text, behind].into_iter().for_each(|text| out.push_str(text))
            }
            Self::Join(other, between) => {
                [text, between, other.get(i)].into_iter().for_each(|text| out.push_str(text))
            }
            Self::Peel { delimiter, times, from_right, behind } => {
                out.push_str(peel(text, (delimiter, *times), *from_right, *behind));
            }
            Self::Gather(indices) => out.push_str(strings.get(indices[i] as usize)),
        }
    }
}

fn peel<'t>(text: &'t str, (delimiter, times): (&str, usize), from_right: bool, behind: bool) -> &'t str {
    let place = if from_right {
        text.rmatch_indices(delimiter).nth(times - 1)
    } else {
        text.match_indices(delimiter).nth(times - 1)
    };
    match (place, behind) {
        (Some((at, _)), false) => &text[..at],
        (Some((at, found)), true) => &text[at + found.len()..],
        (None, false) => text,
        (None, true) => "",
    }
}

fn change_case(case: Case, text: &str, out: &mut String) {
    match case {
        Case::Lower => out.push_str(&text.to_lowercase()),
        Case::Upper => out.push_str(&text.to_uppercase()),
        Case::Swapped => text.chars().for_each(|c| {
            if c.is_uppercase() { out.extend(c.to_lowercase()) } else { out.extend(c.to_uppercase()) }
        }),
        Case::Capitalized => {
            let mut characters = text.chars();
            out.extend(characters.next().into_iter().flat_map(char::to_uppercase));
            out.push_str(&characters.as_str().to_lowercase());
        }
        Case::Title => {
            let mut inside = false;
            for c in text.chars() {
                if inside {
                    out.extend(c.to_lowercase())
                } else {
                    out.extend(c.to_uppercase())
                }
                inside = c.is_alphabetic();
            }
        }
    }
}

/// Bytes of each result of a range; the sum is what `write` needs for that range.
///
/// # Errors
/// `Bounds`, `OutputSize`, `Shapes`; `Argument` for a rewrite that makes no sense; `TooLarge` if strings are repeated past the limit.
pub fn sizes(
    what: &Rewrite<'_>,
    strings: &Strings<'_>,
    range: Range<usize>,
    out: &mut [i64],
) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    check_range(&range, what.len(strings)?)?;
    if let Rewrite::Repeat(times) = what {
        // The one result that is not at hand in a buffer: many times a string may not be made to be measured.
        let max = crate::limits::ELEMENTS_MAX;
        for (i, out) in range.zip(out) {
            let bytes = strings.bytes(i).len().checked_mul(*times).filter(|&bytes| bytes <= max);
            *out = bytes.ok_or(KernelError::TooLarge { max })? as i64;
        }
        return Ok(());
    }
    let mut room = String::new();
    for (i, out) in range.zip(out) {
        room.clear();
        what.apply(strings, i, &mut room);
        *out = room.len() as i64;
    }
    Ok(())
}

/// Writes the results of a range into room for exactly them: offsets from 0, and bytes.
///
/// # Errors
/// As `sizes`; `OutputSize` for room of another size.
pub fn write(
    what: &Rewrite<'_>,
    strings: &Strings<'_>,
    range: Range<usize>,
    room: StringsRoom<'_>,
) -> Result<(), KernelError> {
    KernelError::check_output(range.len().saturating_add(1), room.offsets.len())?;
    check_range(&range, what.len(strings)?)?;
    let mut text = String::new();
    let mut at = 0;
    room.offsets[0] = 0;
    for (i, offset) in range.zip(&mut room.offsets[1..]) {
        text.clear();
        what.apply(strings, i, &mut text);
        let got = room.bytes.len();
        let place = room.bytes.get_mut(at..at + text.len());
        place.ok_or(KernelError::OutputSize { needed: at + text.len(), got })?.copy_from_slice(text.as_bytes());
        at += text.len();
        *offset = at as i64;
    }
    KernelError::check_output(at, room.bytes.len())
}
