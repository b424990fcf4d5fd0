// Terms that contradict the signature.
#![allow(unused_variables)]

use windlass::prelude::*;

struct Counter;

#[module]
impl Counter {
    #[create]
    fn create() -> Self {
        Self
    }
    #[method(period = "100ms")]
    fn periodic(&self, by: u64) {}
    #[method(detached)]
    fn answered(&self) -> u64 {
        0
    }
    #[method(detached)]
    fn filled(&self, out: Out<Bytes>) {}
    #[method(aggregate)]
    fn folded(&self) -> u64 {
        0
    }
}

fn main() {}
