//! Sums, products, counts, truth and bits: reductions with a neutral value.

use super::Reducer;
use crate::element::{Element, Integer, Number};
use crate::error::KernelError;

/// Sum, in 64 bits for integers (wrapping) and in the float's own type, pairwise, so that rounding grows with the logarithm.
#[derive(Debug, Clone, Copy)]
pub struct Sum;

const LANES: usize = 16;
/// Values that are summed lane by lane; longer rows are halved.
const LEAF: usize = 256;

fn pairwise<T: Number>(values: &[T]) -> T::Wide {
    if values.len() > LEAF {
        let half = (values.len() / 2).next_multiple_of(LANES);
        let (left, right) = values.split_at(half);
        return pairwise(left).plus(pairwise(right));
    }
    let mut lanes = [T::Wide::ZERO; LANES];
    let (rows, rest) = values.as_chunks::<LANES>();
    for row in rows {
        for (lane, &value) in lanes.iter_mut().zip(row) {
            *lane = lane.plus(value.wide());
        }
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            lanes[lane] = lanes[lane].plus(lanes[lane + width]);
        }
    }
    rest.iter().fold(lanes[0], |sum, &value| sum.plus(value.wide()))
}

impl<T: Number> Reducer<T> for Sum {
    type Acc = T::Wide;
    type Out = T::Wide;
    fn start(&self) -> T::Wide {
        T::Wide::ZERO
    }
    #[inline(always)]
    fn push(&self, acc: &mut T::Wide, value: T, _at: usize) {
        *acc = acc.plus(value.wide());
    }
    fn run(&self, acc: &mut T::Wide, values: &[T], _at: usize) {
        *acc = acc.plus(pairwise(values));
    }
    fn merge(&self, acc: &mut T::Wide, next: &T::Wide) {
        *acc = acc.plus(*next);
    }
    fn finish(&self, acc: &T::Wide) -> Result<T::Wide, KernelError> {
        Ok(*acc)
    }
}

/// Product, in 64 bits for integers (wrapping) and in the float's own type.
#[derive(Debug, Clone, Copy)]
pub struct Prod;

impl<T: Number> Reducer<T> for Prod {
    type Acc = T::Wide;
    type Out = T::Wide;
    fn start(&self) -> T::Wide {
        T::Wide::ONE
    }
    #[inline(always)]
    fn push(&self, acc: &mut T::Wide, value: T, _at: usize) {
        *acc = acc.times(value.wide());
    }
    fn merge(&self, acc: &mut T::Wide, next: &T::Wide) {
        *acc = acc.times(*next);
    }
    fn finish(&self, acc: &T::Wide) -> Result<T::Wide, KernelError> {
        Ok(*acc)
    }
}

macro_rules! counted {
    ($($(#[$doc:meta])* $name:ident, $out:ty, $start:expr, ($acc:ident, $value:ident) $push:expr, ($a:ident, $b:ident) $merge:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl<T: Element> Reducer<T> for $name {
            type Acc = $out;
            type Out = $out;
            fn start(&self) -> $out {
                $start
            }
            #[inline(always)]
            fn push(&self, part: &mut $out, $value: T, _at: usize) {
                let $acc = *part;
                *part = $push;
            }
            fn merge(&self, part: &mut $out, next: &$out) {
                let ($a, $b) = (*part, *next);
                *part = $merge;
            }
            fn finish(&self, part: &$out) -> Result<$out, KernelError> {
                Ok(*part)
            }
        }
    )*};
}

counted! {
    /// Whether any value is true; false for none.
    Any, bool, false, (acc, value) acc | value.is_true(), (a, b) a | b;
    /// Whether all values are true; true for none.
    All, bool, true, (acc, value) acc & value.is_true(), (a, b) a & b;
    /// Values that are true: also the sum of bools.
    CountTrue, u64, 0, (acc, value) acc + u64::from(value.is_true()), (a, b) a + b;
    /// Values that are there: all but NaN.
    Count, u64, 0, (acc, value) acc + u64::from(!value.is_nan()), (a, b) a + b;
}

macro_rules! bitwise {
    ($($(#[$doc:meta])* $name:ident, $start:expr, $op:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl<T: Integer> Reducer<T> for $name {
            type Acc = T;
            type Out = T;
            fn start(&self) -> T {
                $start
            }
            #[inline(always)]
            fn push(&self, acc: &mut T, value: T, _at: usize) {
                *acc = acc.$op(value);
            }
            fn merge(&self, acc: &mut T, next: &T) {
                *acc = acc.$op(*next);
            }
            fn finish(&self, acc: &T) -> Result<T, KernelError> {
                Ok(*acc)
            }
        }
    )*};
}

bitwise! {
    /// The bits that all values have; all ones for none.
    BitAnd, T::ZERO.invert(), and;
    /// The bits that any value has; 0 for none.
    BitOr, T::ZERO, or;
    /// The bits that an odd number of values has; 0 for none.
    BitXor, T::ZERO, xor;
}

/// The first value.
#[derive(Debug, Clone, Copy)]
pub struct First;

impl<T: Element> Reducer<T> for First {
    type Acc = Option<T>;
    type Out = T;
    fn start(&self) -> Option<T> {
        None
    }
    #[inline(always)]
    fn push(&self, acc: &mut Option<T>, value: T, _at: usize) {
        acc.get_or_insert(value);
    }
    fn run(&self, acc: &mut Option<T>, values: &[T], _at: usize) {
        *acc = acc.or(values.first().copied());
    }
    fn merge(&self, acc: &mut Option<T>, next: &Option<T>) {
        *acc = acc.or(*next);
    }
    fn finish(&self, acc: &Option<T>) -> Result<T, KernelError> {
        acc.ok_or(KernelError::Empty { operation: "first" })
    }
}
