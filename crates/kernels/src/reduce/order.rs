//! The least and the greatest, and where they stand.
//!
//! Holds: NaN is found first, as NumPy has it; of equal values the first one counts. None of no values has a result.

use super::Reducer;
use crate::element::{Element, Number};
use crate::error::KernelError;
use std::cmp::Ordering;

const LANES: usize = 16;

/// The best of a row by `better(a, b)`, which must be associative; lane by lane.
#[inline(always)]
fn best<T: Copy>(values: &[T], better: impl Fn(T, T) -> T) -> Option<T> {
    let (rows, rest) = values.as_chunks::<LANES>();
    let mut acc = None;
    if let [first, rows @ ..] = rows {
        let mut lanes = *first;
        for row in rows {
            for (lane, &value) in lanes.iter_mut().zip(row) {
                *lane = better(*lane, value);
            }
        }
        acc = lanes.into_iter().reduce(&better);
    }
    rest.iter().copied().fold(acc, |acc, value| Some(acc.map_or(value, |acc| better(acc, value))))
}

macro_rules! extreme {
    ($($(#[$doc:meta])* $name:ident, $method:ident, $text:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl<T: Number> Reducer<T> for $name {
            type Acc = Option<T>;
            type Out = T;
            fn start(&self) -> Option<T> {
                None
            }
            #[inline(always)]
            fn push(&self, acc: &mut Option<T>, value: T, _at: usize) {
                *acc = Some(acc.map_or(value, |acc| acc.$method(value)));
            }
            fn run(&self, acc: &mut Option<T>, values: &[T], _at: usize) {
                let next = best(values, T::$method);
                Reducer::<T>::merge(self, acc, &next);
            }
            fn merge(&self, acc: &mut Option<T>, next: &Option<T>) {
                *acc = match (*acc, *next) {
                    (Some(a), Some(b)) => Some(a.$method(b)),
                    (a, b) => a.or(b),
                };
            }
            fn finish(&self, acc: &Option<T>) -> Result<T, KernelError> {
                acc.ok_or(KernelError::Empty { operation: $text })
            }
        }
    )*};
}

extreme! {
    /// The least value; NaN if one is.
    Min, least, "min";
    /// The greatest value; NaN if one is.
    Max, greatest, "max";
}

/// Order in which NaN is the least of all.
#[inline(always)]
fn nan_first<T: Element>(a: T, b: T) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        (a, b) => b.cmp(&a),
    }
}

/// Order in which NaN is the greatest of all, turned around.
#[inline(always)]
fn nan_last_reversed<T: Element>(a: T, b: T) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => b.partial_cmp(&a).unwrap_or(Ordering::Equal),
        (a, b) => b.cmp(&a),
    }
}

macro_rules! place {
    ($($(#[$doc:meta])* $name:ident, $method:ident, $order:ident, $text:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl<T: Number> Reducer<T> for $name {
            type Acc = Option<(T, usize)>;
            type Out = u64;
            fn start(&self) -> Self::Acc {
                None
            }
            #[inline(always)]
            fn push(&self, acc: &mut Self::Acc, value: T, at: usize) {
                if acc.is_none_or(|(kept, _)| $order(value, kept).is_lt()) {
                    *acc = Some((value, at));
                }
            }
            fn run(&self, acc: &mut Self::Acc, values: &[T], at: usize) {
                // The best of the row is found by lanes; where it stands only if it beats what was there before.
                let Some(best) = best(values, T::$method) else { return };
                if acc.is_none_or(|(kept, _)| $order(best, kept).is_lt()) {
                    let found = values.iter().position(|&value| $order(value, best).is_eq());
                    *acc = found.map(|offset| (best, at + offset));
                }
            }
            fn merge(&self, acc: &mut Self::Acc, next: &Self::Acc) {
                if let Some((value, at)) = *next {
                    self.push(acc, value, at);
                }
            }
            fn finish(&self, acc: &Self::Acc) -> Result<u64, KernelError> {
                acc.map(|(_, at)| at as u64).ok_or(KernelError::Empty { operation: $text })
            }
        }
    )*};
}

place! {
    /// Where the least value stands first; the first NaN, if there is one.
    ArgMin, least, nan_first, "argmin";
    /// Where the greatest value stands first; the first NaN, if there is one.
    ArgMax, greatest, nan_last_reversed, "argmax";
}
