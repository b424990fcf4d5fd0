// Commands over arrays: classes, variables, forms.
#![allow(unused_variables)]

use windlass::prelude::*;

struct Arrays;

#[module]
impl Arrays {
    #[create]
    fn create() -> Self {
        Self
    }
    #[method(each(T in Numric))]
    fn class<T: Item>(a: ArrayView<'_, T>) {}
    #[method(each(T in Numeric))]
    fn variable<U: Item>(a: ArrayView<'_, U>) {}
    #[method(each(T in Numeric), rank(3..=2))]
    fn ranks<T: Item>(a: ArrayView<'_, T>) {}
    #[method(each(T in Numeric), name = "a<b>")]
    fn name<T: Item>(a: ArrayView<'_, T>) {}
    #[method(each(T in Numeric), params(U))]
    fn params<T: Item>(a: ArrayView<'_, T>) {}
    #[method(each(T in Numeric))]
    fn elements<T: Item>(a: ArrayView<'_, String>) {}
    #[method(each(T in Numeric))]
    fn borrowed<T: Item>(a: &Array) {}
    #[method(each(T in Numeric), standard)]
    fn standard(cx: &Context, a: u64) {}
    #[method(each(T in Numeric))]
    fn dtype<T: Item>(to: Dtype) {}
    #[method(each(T in Numeric))]
    fn lifetime<'a, T: Item>(a: ArrayView<'a, T>) {}
    #[method]
    fn plain<T: Item>(a: u64) {}
}

fn main() {}
