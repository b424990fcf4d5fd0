// Blocking methods run on another thread, outside the lanes.
#![allow(unused_variables)]

use windlass::prelude::*;

struct Counter;

#[module]
impl Counter {
    #[create]
    fn create() -> Self {
        Self
    }
    #[method(blocking)]
    fn with_state(&self) {}
    #[method(blocking)]
    async fn with_waits() {}
    #[method(blocking, key = name)]
    fn with_key(name: String) {}
}

fn main() {}
