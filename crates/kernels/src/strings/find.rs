//! Where a pattern stands: first how often in each string, then where.

use super::ask::check_range;
use super::{Pattern, Strings};
use crate::error::KernelError;
use std::ops::Range;

/// Matches in each string of a range; their sum is the room that `find_all` needs.
///
/// # Errors
/// `Bounds`, `OutputSize`.
pub fn count_matches(
    pattern: &Pattern,
    strings: &Strings<'_>,
    range: Range<usize>,
    out: &mut [i64],
) -> Result<(), KernelError> {
    KernelError::check_output(range.len(), out.len())?;
    check_range(&range, strings.len())?;
    for (i, out) in range.zip(out) {
        *out = pattern.matches(strings.get(i)).count() as i64;
    }
    Ok(())
}

/// Where each match begins in its string and how long it is, in bytes, string after string.
///
/// # Errors
/// `Bounds`; `OutputSize` if there is not exactly the room that `count_matches` told.
pub fn find_all(
    pattern: &Pattern,
    strings: &Strings<'_>,
    range: Range<usize>,
    (starts, lengths): (&mut [i64], &mut [i64]),
) -> Result<(), KernelError> {
    KernelError::check_output(starts.len(), lengths.len())?;
    check_range(&range, strings.len())?;
    let mut found = 0;
    for i in range {
        for place in pattern.matches(strings.get(i)) {
            if let (Some(start), Some(length)) = (starts.get_mut(found), lengths.get_mut(found)) {
                (*start, *length) = (place.start as i64, place.len() as i64);
            }
            found += 1;
        }
    }
    KernelError::check_output(found, starts.len())
}
