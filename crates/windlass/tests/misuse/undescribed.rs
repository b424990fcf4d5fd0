// Types without a schema, and errors that are no Fault: told at the author's own types.
#![allow(unused_variables)]

use windlass::prelude::*;

struct Counter;

struct Opaque;

#[module]
impl Counter {
    #[create]
    fn create() -> Self {
        Self
    }
    #[method]
    fn takes(&self, what: Opaque) {}
    #[method]
    fn fails(&self) -> Result<u64, Opaque> {
        Err(Opaque)
    }
}

fn main() {}
