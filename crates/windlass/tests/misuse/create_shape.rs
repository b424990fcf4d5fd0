// Creates that cannot be one.
#![allow(unused_variables)]

use windlass::prelude::*;

struct Counter;

#[module]
impl Counter {
    #[create]
    fn create(&self) -> Self {
        Self
    }
}

struct Second;
#[module(export = false)]
impl Second {
    #[create]
    fn create(data: In<Bytes>) -> Self {
        Self
    }
}

struct Third;
#[module(export = false)]
impl Third {
    #[create(id = 0)]
    fn create() {}
}

struct Fourth;
#[module(export = false)]
impl Fourth {
    #[create]
    fn create() {}
}

fn main() {}
