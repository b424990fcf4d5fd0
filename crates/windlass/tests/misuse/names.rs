// Names that callers could not use.
#![allow(unused_variables)]

use windlass::prelude::*;

struct Counter;

#[module]
impl Counter {
    #[create]
    fn create() -> Self {
        Self
    }
    #[method]
    fn get(&self) {}
    #[method]
    fn get(&self) {}
    #[method]
    fn connect(&self) {}
    #[method]
    #[allow(non_snake_case)]
    fn getAll(&self) {}
}

fn main() {}
