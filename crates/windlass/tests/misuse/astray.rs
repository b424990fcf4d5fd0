// Marks outside a module.
#![allow(unused_variables)]

use windlass::prelude::*;

struct Counter;

impl Counter {
    #[method(id = 10)]
    fn get(&self) {}
    #[create]
    fn create() -> Self {
        Self
    }
}

#[hook]
fn destroy() {}

fn main() {}
