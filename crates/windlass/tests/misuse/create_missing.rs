// A module without a way to make a container.
#![allow(unused_variables)]

use windlass::prelude::*;

struct Counter;

#[module]
impl Counter {
    #[method]
    fn get(&self) -> u64 {
        0
    }
}

fn main() {}
