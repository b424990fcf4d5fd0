// Numbers below ten are inherited (tasks K4), and each is given once.
#![allow(unused_variables)]

use windlass::prelude::*;

struct Counter;

#[module]
impl Counter {
    #[create]
    fn create() -> Self {
        Self
    }
    #[method(id = 9)]
    fn low(&self) {}
    #[method(id = 12)]
    fn first(&self) {}
    #[method(id = 12)]
    fn second(&self) {}
    #[method(id = 11)]
    fn third(&self) {}
    #[method]
    fn fourth(&self) {}
}

fn main() {}
