// What workers are to share, and cannot.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Mutex;
use windlass::prelude::*;

pub struct Cells {
    total: Cell<u64>,
}

#[module(lanes(data = 4), sync, export = false)]
impl Cells {
    #[create]
    fn create() -> Self {
        Self { total: Cell::new(0) }
    }
    #[method(group = data)]
    fn add(&self) {}
}

pub struct Counted {
    total: Rc<u64>,
}

#[module(sync, export = false)]
impl Counted {
    #[create]
    fn create() -> Self {
        Self { total: Rc::new(0) }
    }
    #[method]
    async fn add(&self) {}
}

pub struct Open {
    file: Mutex<Option<windlass::File>>,
}

#[module(sync, export = false)]
impl Open {
    #[create]
    fn create() -> Self {
        Self { file: Mutex::new(None) }
    }
    #[method]
    async fn write(&self) {}
}

fn main() {}
