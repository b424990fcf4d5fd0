// What is added later stands last and has a default.
#![allow(unused_variables)]

use windlass::prelude::*;

struct Counter;

#[module]
impl Counter {
    #[create]
    fn create(#[arg(since, default = 1)] limit: u64, name: String) -> Self {
        Self
    }
    #[method]
    fn without_default(&self, #[arg(since)] times: u64) {}
    #[method]
    fn not_last(&self, #[arg(since, default = 1)] times: u64, by: u64) {}
}

fn main() {}
