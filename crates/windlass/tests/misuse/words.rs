// Words that no attribute has.
#![allow(unused_variables)]

use windlass::prelude::*;

struct Counter;

#[module(exports = false)]
impl Counter {
    #[create]
    fn create() -> Self {
        Self
    }
    #[method(blockng)]
    fn near(&self) {}
    #[method(colour = "red")]
    fn far(&self) {}
    #[method(local, local)]
    fn twice(&self) {}
    #[method(local = "yes")]
    fn valued(&self) {}
    #[method = 10]
    fn equals(&self) {}
    #[method(prio = "high")]
    fn class(&self) {}
    #[method(period = "often")]
    fn often(&self) {}
    #[method]
    fn of_arguments(&self, #[arg(defalt = 1)] one: u64, #[arg(default)] two: u64, #[other] three: u64) {}
    #[method]
    fn of_buffers(&self, #[arg(default = 1)] data: In<Bytes>) {}
    #[method]
    #[hook]
    fn both(&self) {}
}

fn main() {}
