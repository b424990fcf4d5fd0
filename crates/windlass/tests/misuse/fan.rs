// Buffers that several containers would write at once.

use windlass::prelude::*;

pub struct Shard;

#[module(export = false)]
impl Shard {
    #[create]
    fn create() -> Self {
        Self
    }
    #[method(aggregate = sum)]
    fn copy(&self, data: In<Bytes>, out: Out<Bytes>) -> u64 {
        (data.len() + out.len()) as u64
    }
    #[method(aggregate = sum)]
    fn bump(&self, data: InOut<SharedBytes>) -> u64 {
        data.len() as u64
    }
    #[method(aggregate = sum)]
    fn weigh(&self, data: In<Bytes>) -> u64 {
        data.len() as u64
    }
    #[method]
    fn fill(&self, _out: Out<Bytes>) {}
}

fn main() {}
