//! One answer per string: lengths, tests, comparison, classes of characters.

use super::{Pattern, Strings};
use crate::elementwise::Compare;
use crate::error::KernelError;
use memchr::memmem;
use std::ops::Range;

fn each<O>(
    strings: &Strings<'_>,
    range: Range<usize>,
    out: &mut [O],
    f: impl Fn(&str) -> O,
) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    check_range(&range, strings.len())?;
    for (i, out) in range.zip(out) {
        *out = f(strings.get(i));
    }
    Ok(())
}

pub(crate) fn check_range(range: &Range<usize>, len: usize) -> Result<(), KernelError> {
    if range.start <= range.end && range.end <= len {
        Ok(())
    } else {
        Err(KernelError::Bounds { what: "range end", at: range.end as i64, len })
    }
}

/// Bytes of each string of a range. Cost: one subtraction per string.
///
/// # Errors
/// `Bounds`, `OutputSize`.
pub fn lengths(strings: &Strings<'_>, range: Range<usize>, out: &mut [i64]) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    check_range(&range, strings.len())?;
    let offsets = &strings.offsets()[range.start..=range.end];
    out.iter_mut().zip(offsets.windows(2)).for_each(|(out, pair)| *out = pair[1] - pair[0]);
    Ok(())
}

/// Characters (code points) of each string of a range.
///
/// # Errors
/// `Bounds`, `OutputSize`.
pub fn lengths_in_characters(
    strings: &Strings<'_>,
    range: Range<usize>,
    out: &mut [i64],
) -> Result<(), KernelError> {
    each(strings, range, out, |text| text.chars().count() as i64)
}

/// How a pattern has to stand in a string. For a regular expression: one of its matches from left to right has to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// Anywhere.
    Contains,
    /// At the start.
    StartsWith,
    /// At the end.
    EndsWith,
    /// As all of it.
    Is,
}

/// Whether the pattern stands in each string of a range.
///
/// # Errors
/// `Bounds`, `OutputSize`.
pub fn test(
    what: Test,
    pattern: &Pattern,
    strings: &Strings<'_>,
    range: Range<usize>,
    out: &mut [bool],
) -> Result<(), KernelError> {
    match what {
        Test::Contains => match pattern {
            Pattern::Literal(text) if !text.is_empty() => contains(text, strings, range, out),
            _ => each(strings, range, out, |text| pattern.occurs(text)),
        },
        Test::StartsWith => each(strings, range, out, |text| pattern.anchored(text, true, false)),
        Test::EndsWith => each(strings, range, out, |text| pattern.anchored(text, false, true)),
        Test::Is => each(strings, range, out, |text| pattern.anchored(text, true, true)),
    }
}

/// Looks through all strings of a range at once: a place that reaches from one string into the next is in neither.
fn contains(text: &str, strings: &Strings<'_>, range: Range<usize>, out: &mut [bool]) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    check_range(&range, strings.len())?;
    out.fill(false);
    let offsets = &strings.offsets()[range.start..=range.end];
    let (first, last) = (offsets[0] as usize, offsets[range.len()] as usize);
    let bytes = &strings.all().as_bytes()[first..last];
    let finder = memmem::Finder::new(text);
    let (mut at, mut string) = (0, 0);
    while let Some(found) = finder.find(&bytes[at..]) {
        let (start, end) = (at + found, at + found + text.len());
        while offsets[string + 1] as usize - first <= start {
            string += 1;
        }
        let ends = offsets[string + 1] as usize - first;
        // What is found once in a string needs no second look at it.
        at = if end <= ends { ends } else { start + 1 };
        out[string] |= end <= ends;
    }
    Ok(())
}

fn holds(op: Compare, left: &str, right: &str) -> bool {
    match op {
        Compare::Equal => left == right,
        Compare::NotEqual => left != right,
        Compare::Less => left < right,
        Compare::LessEqual => left <= right,
        Compare::Greater => left > right,
        Compare::GreaterEqual => left >= right,
    }
}

/// Compares the strings of a range with those at the same places.
///
/// # Errors
/// `Shapes` for different numbers of strings; `Bounds`, `OutputSize`.
pub fn compare_strings(
    op: Compare,
    left: &Strings<'_>,
    right: &Strings<'_>,
    range: Range<usize>,
    out: &mut [bool],
) -> Result<(), KernelError> {
    if left.len() != right.len() {
        return Err(KernelError::Shapes { left: vec![left.len()], right: vec![right.len()] });
    }
    KernelError::check_output(range.len(), out.len())?;
    check_range(&range, left.len())?;
    for (i, out) in range.zip(out) {
        *out = holds(op, left.get(i), right.get(i));
    }
    Ok(())
}

/// Compares the strings of a range with one.
///
/// # Errors
/// `Bounds`, `OutputSize`.
pub fn compare_with(
    op: Compare,
    left: &Strings<'_>,
    right: &str,
    range: Range<usize>,
    out: &mut [bool],
) -> Result<(), KernelError> {
    each(left, range, out, |text| holds(op, text, right))
}

/// What all characters of a string have to be. The empty string is of no class but `Empty`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CharClass {
    /// Letters.
    Alphabetic,
    /// Letters and numbers.
    Alphanumeric,
    /// Decimal digits 0 to 9.
    Digit,
    /// Numbers of any script.
    Numeric,
    /// White space.
    Space,
    /// No letter is upper case, and one is lower case.
    Lower,
    /// No letter is lower case, and one is upper case.
    Upper,
    /// Each run of letters begins with upper case and goes on in lower case, and there is one.
    Title,
    /// Nothing.
    Empty,
}

fn is_of(class: CharClass, text: &str) -> bool {
    let all = |f: fn(char) -> bool| !text.is_empty() && text.chars().all(f);
    match class {
        CharClass::Alphabetic => all(char::is_alphabetic),
        CharClass::Alphanumeric => all(char::is_alphanumeric),
        CharClass::Digit => all(|c| c.is_ascii_digit()),
        CharClass::Numeric => all(char::is_numeric),
        CharClass::Space => all(char::is_whitespace),
        CharClass::Lower => text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase),
        CharClass::Upper => text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase),
        CharClass::Empty => text.is_empty(),
        CharClass::Title => {
            let mut inside = false;
            let mut found = false;
            for c in text.chars() {
                if c.is_uppercase() == inside && (c.is_uppercase() || c.is_lowercase()) {
                    return false;
                }
                inside = c.is_uppercase() || c.is_lowercase();
                found |= inside;
            }
            found
        }
    }
}

/// Whether each string of a range is of a class.
///
/// # Errors
/// `Bounds`, `OutputSize`.
pub fn class(
    class: CharClass,
    strings: &Strings<'_>,
    range: Range<usize>,
    out: &mut [bool],
) -> Result<(), KernelError> {
    each(strings, range, out, |text| is_of(class, text))
}
