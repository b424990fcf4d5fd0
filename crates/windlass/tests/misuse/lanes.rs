// Lane groups that do not fit.

use windlass::prelude::*;

pub struct None1;

#[module(name = "none1", export = false)]
impl None1 {
    #[create]
    fn create() -> Self {
        Self
    }
    #[method(group = data)]
    fn write(&self) {}
    #[hook]
    fn lane_of(&self, call: LaneCall) -> Lane {
        Lane::Number(call.lanes)
    }
}

pub struct Other;

#[module(lanes(data = 4, idle = 2), export = false)]
impl Other {
    #[create]
    fn create() -> Self {
        Self
    }
    #[method(group = date)]
    fn write(&self) {}
    #[method(group = "data")]
    fn append(&self) {}
    #[method(group = data, blocking)]
    fn block() {}
}

pub struct Wide;

#[module(lanes(data = 1000), export = false)]
impl Wide {
    #[create]
    fn create() -> Self {
        Self
    }
}

pub struct Bare;

#[module(lanes = 4, export = false)]
impl Bare {
    #[create]
    fn create() -> Self {
        Self
    }
}

fn main() {}
