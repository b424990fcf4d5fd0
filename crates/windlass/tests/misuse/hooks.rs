// Hooks that do not exist, or wait.
#![allow(unused_variables)]

use windlass::prelude::*;

struct Counter;

#[module]
impl Counter {
    #[create]
    fn create() -> Self {
        Self
    }
    #[hook]
    fn destory(&self, cx: &Context<'_>) -> Result<(), Fault> {
        Ok(())
    }
    #[hook]
    async fn flush_work(&self) -> u64 {
        0
    }
}

fn main() {}
