//! Two modules written by hand, as `#[module]` would write them: `Ledger` waits, so its methods take `&self`; `Tally` never
//! does, so its methods may take `&mut self`. `Ledger` keeps every default hook, `Tally` overrides them.

mod ledger;
mod tally;

pub use ledger::{Facts, Ledger, METHODS, Start};
pub use tally::Tally;

use std::cell::Cell;
use windlass_contract::head::{BufferKind, Direction};
use windlass_contract::schema::{MethodFlags, Parameter, Shape};
use windlass_contract::{MethodId, MethodSchema, ModuleDescriptor, Schema};

thread_local! {
    /// Instances and panic payloads dropped on this thread.
    pub static DROPPED: Cell<u32> = const { Cell::new(0) };
}

fn count_drop() {
    DROPPED.with(|dropped| dropped.set(dropped.get() + 1));
}

fn value(name: &str, schema: Schema) -> Parameter {
    Parameter { name: name.into(), shape: Shape::Value { schema, default: None, since: false } }
}

fn buffer(name: &str, direction: Direction, kind: BufferKind) -> Parameter {
    Parameter { name: name.into(), shape: Shape::Buffer { direction, kind } }
}

fn described(module: &str, methods: Vec<(u32, &str, Vec<Parameter>, Schema, MethodFlags)>) -> ModuleDescriptor {
    let method = |(id, name, parameters, reply, flags): (u32, &str, Vec<Parameter>, Schema, MethodFlags)| {
        let hashes = MethodSchema::hashes_of(module, name, &parameters, &reply);
        MethodSchema { id: MethodId(id), name: name.into(), docs: String::new(), parameters, reply, flags, hashes }
    };
    ModuleDescriptor {
        commands: Vec::new(),
        lanes: Vec::new(),
        name: module.into(),
        version: "1.0.0".into(),
        docs: String::new(),
        all_sync: module == "tally",
        methods: methods.into_iter().map(method).collect(),
    }
}
