// An async method makes calls overlap, so none may hold the state exclusively.
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
    async fn wait(&self) {}
    #[method]
    fn add(&mut self, by: u64) {}
}

fn main() {}
