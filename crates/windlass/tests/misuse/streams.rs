// Streams where there can be none.

use windlass::prelude::*;

pub struct Pipes;

#[module(export = false)]
impl Pipes {
    #[create]
    fn create(_rows: Stream<u64>) -> Self {
        Self
    }
    #[method]
    fn plain(&self, _rows: Stream<u64>) {}
    #[method]
    async fn two(&self, _rows: Stream<u64>, _more: Stream<u64>) {}
    #[method]
    async fn lent(&self, _rows: &Stream<u64>) {}
    #[method]
    async fn of_what(&self, _out: Sink) {}
    #[method(detached)]
    async fn unheard(&self, _out: Sink<u64>) {}
    #[method(aggregate = sum)]
    async fn folded(&self, _rows: Stream<u64>) -> u64 {
        0
    }
    #[method]
    async fn both(&self, _out: Sink<u64>, _room: Out<Bytes>) {}
}

fn main() {}
