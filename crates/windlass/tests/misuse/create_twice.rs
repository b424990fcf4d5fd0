// Two ways to make a container.
#![allow(unused_variables)]

use windlass::prelude::*;

struct Counter;

#[module]
impl Counter {
    #[create]
    fn create() -> Self {
        Self
    }
    #[create]
    fn create_full() -> Self {
        Self
    }
}

fn main() {}
