//! Any reduction with NaN left out: `nansum`, `nanmean`, ..

use super::Reducer;
use crate::element::Element;
use crate::error::KernelError;

/// A reduction that does not see NaN. Indices (`ArgMin`) still count all values.
#[derive(Debug, Clone, Copy)]
pub struct SkipNan<R>(pub R);

impl<T: Element, R: Reducer<T>> Reducer<T> for SkipNan<R> {
    type Acc = R::Acc;
    type Out = R::Out;
    fn start(&self) -> R::Acc {
        self.0.start()
    }
    #[inline(always)]
    fn push(&self, acc: &mut R::Acc, value: T, at: usize) {
        if !value.is_nan() {
            self.0.push(acc, value, at);
        }
    }
    fn run(&self, acc: &mut R::Acc, values: &[T], at: usize) {
        // Looked at without leaving early, which vectorises; most data has none.
        if !values.iter().fold(false, |any, value| any | value.is_nan()) {
            return self.0.run(acc, values, at);
        }
        let mut start = 0;
        for clean in values.split(|value| value.is_nan()) {
            if !clean.is_empty() {
                self.0.run(acc, clean, at + start);
            }
            start += clean.len() + 1;
        }
    }
    fn merge(&self, acc: &mut R::Acc, next: &R::Acc) {
        self.0.merge(acc, next);
    }
    fn finish(&self, acc: &R::Acc) -> Result<R::Out, KernelError> {
        self.0.finish(acc)
    }
}
