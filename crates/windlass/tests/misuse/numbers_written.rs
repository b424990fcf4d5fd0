// Numbers that are none.
#![allow(unused_variables)]

use windlass::prelude::*;

struct Counter;

const TEN: u32 = 10;

#[module]
impl Counter {
    #[create]
    fn create() -> Self {
        Self
    }
    #[method(id = TEN)]
    fn named(&self) {}
    #[method(id = 4294967296)]
    fn beyond(&self) {}
    #[method(id)]
    fn forgotten(&self) {}
}

fn main() {}
