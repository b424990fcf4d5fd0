// Functions of what workers share have it never to themselves.
#![allow(unused_variables)]

use std::sync::Mutex;
use windlass::prelude::*;

pub struct Alone {
    total: Mutex<u64>,
}

#[module(sync, export = false)]
impl Alone {
    #[create]
    fn create() -> Self {
        Self { total: Mutex::new(0) }
    }
    #[method]
    fn add(&mut self, by: u64) {}
    #[hook]
    fn import(&mut self, cx: &Context<'_>, from: &str, state: &[u8]) -> Result<(), Fault> {
        Ok(())
    }
}

pub struct Worded;

#[module(sync = 3, export = false)]
impl Worded {
    #[create]
    fn create() -> Self {
        Self
    }
}

fn main() {}
