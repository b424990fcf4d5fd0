// Keys are made of the method's values.
#![allow(unused_variables)]

use windlass::prelude::*;

struct Counter;

#[module]
impl Counter {
    #[create]
    fn create() -> Self {
        Self
    }
    #[method(key = nme)]
    fn misspelt(&self, name: &str, by: u64) {}
    #[method(key = data)]
    fn of_a_buffer(&self, name: &str, data: In<Bytes>) {}
    #[method(key = 7)]
    fn of_nothing(&self, name: &str) {}
    #[method(key = name)]
    fn without_values(&self) {}
    #[method(key)]
    fn forgotten(&self, name: &str) {}
    #[method(reentrant)]
    fn without_key(&self, name: &str) {}
}

fn main() {}
