//! Several strings for one: split at a pattern.

use super::ask::check_range;
use super::{Pattern, Strings, StringsRoom};
use crate::error::KernelError;
use std::ops::Range;

/// Pieces of each string of a range (one more than matches), and the bytes of all pieces: the room that `split` needs.
///
/// # Errors
/// `Bounds`, `OutputSize`.
pub fn split_sizes(
    pattern: &Pattern,
    strings: &Strings<'_>,
    range: Range<usize>,
    pieces: &mut [i64],
) -> Result<usize, KernelError> {
    KernelError::check_output(range.len(), pieces.len())?;
    check_range(&range, strings.len())?;
    let mut bytes = 0;
    for (i, pieces) in range.zip(pieces) {
        let text = strings.get(i);
        let (mut count, mut gone) = (1, 0);
        for found in pattern.matches(text) {
            (count, gone) = (count + 1, gone + found.len());
        }
        bytes += text.len() - gone;
        *pieces = count;
    }
    Ok(bytes)
}

/// Writes the pieces of a range, string after string, into room for exactly them.
///
/// # Errors
/// `Bounds`; `OutputSize` for room of another size.
pub fn split(
    pattern: &Pattern,
    strings: &Strings<'_>,
    range: Range<usize>,
    room: StringsRoom<'_>,
) -> Result<(), KernelError> {
    check_range(&range, strings.len())?;
    let StringsRoom { offsets, bytes } = room;
    let (mut at, mut count) = (0, 0);
    let mut put = |piece: &str| -> Result<(), KernelError> {
        let (got, got_offsets) = (bytes.len(), offsets.len());
        let place = bytes.get_mut(at..at + piece.len());
        place.ok_or(KernelError::OutputSize { needed: at + piece.len(), got })?.copy_from_slice(piece.as_bytes());
        at += piece.len();
        count += 1;
        let offset = offsets.get_mut(count);
        *offset.ok_or(KernelError::OutputSize { needed: count + 1, got: got_offsets })? = at as i64;
        Ok(())
    };
    for i in range {
        let text = strings.get(i);
        let mut from = 0;
        for found in pattern.matches(text) {
            put(&text[from..found.start])?;
            from = found.end;
        }
        put(&text[from..])?;
    }
    KernelError::check_output(count + 1, offsets.len())?;
    offsets[0] = 0;
    KernelError::check_output(at, bytes.len())
}
