//! Comparison of two operands of one dtype.
//!
//! Holds: NaN equals nothing; `int64` beside `uint64` is compared by value (`compare_mixed`), not through floats.

use super::map2;
use crate::element::Element;
use crate::error::KernelError;
use crate::view::View;
use std::cmp::Ordering;
use std::ops::Range;

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// a == b
    Equal,
    /// a != b
    NotEqual,
    /// a < b
    Less,
    /// a <= b
    LessEqual,
    /// a > b
    Greater,
    /// a >= b
    GreaterEqual,
}

impl Compare {
    /// Every comparison.
    pub const ALL: [Self; 6] =
        [Self::Equal, Self::NotEqual, Self::Less, Self::LessEqual, Self::Greater, Self::GreaterEqual];

    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterEqual => order.is_ge(),
        }
    }
}

/// `out[i] = a[i] op b[i]` over a range of flat indices. Cost: one pass, vectorised.
///
/// # Errors
/// `Shapes`, `Bounds`, `OutputSize`.
pub fn compare<T: Element>(
    op: Compare,
    a: &View<'_, T>,
    b: &View<'_, T>,
    range: Range<usize>,
    out: &mut [bool],
) -> Result<(), KernelError> {
    let ab = (a, b);
    match op {
        Compare::Equal => map2(ab, range, out, |a, b| a == b),
        Compare::NotEqual => map2(ab, range, out, |a, b| a != b),
        Compare::Less => map2(ab, range, out, |a, b| a < b),
        Compare::LessEqual => map2(ab, range, out, |a, b| a <= b),
        Compare::Greater => map2(ab, range, out, |a, b| a > b),
        Compare::GreaterEqual => map2(ab, range, out, |a, b| a >= b),
    }
}

/// As `compare` for the one pair of integers without a common integer type.
///
/// # Errors
/// `Shapes`, `Bounds`, `OutputSize`.
pub fn compare_mixed(
    op: Compare,
    a: &View<'_, i64>,
    b: &View<'_, u64>,
    range: Range<usize>,
    out: &mut [bool],
) -> Result<(), KernelError> {
    map2((a, b), range, out, |a, b| op.holds(if a < 0 { Ordering::Less } else { (a as u64).cmp(&b) }))
}

/// Whether two floats are close, as `numpy.isclose`: `|a - b| <= absolute + relative * |b|`, infinities by equality.
///
/// # Errors
/// `Shapes`, `Bounds`, `OutputSize`.
pub fn is_close(
    a: &View<'_, f64>,
    b: &View<'_, f64>,
    (relative, absolute, nan_equal): (f64, f64, bool),
    range: Range<usize>,
    out: &mut [bool],
) -> Result<(), KernelError> {
    map2((a, b), range, out, |a, b| {
        a == b
            || b.is_finite() && (a - b).abs() <= absolute + relative * b.abs()
            || nan_equal && a.is_nan() && b.is_nan()
    })
}
