//! What macro output calls to describe a module: parameters, methods, and the references that clients hold.
//!
//! From: `#[module]`, which knows names and types. To: `MethodSchema`, and `MethodRef`s that are made from it.
//! Holds: hashes follow from the types here and nowhere else, so a module and its own client never differ.
//! Not here: what a parameter is (`schema`), calling (`serve`).

use crate::schema::{LaneGroup, MethodFlags, ModuleDescriptor, Parameter, Shape};
use crate::{Described, MethodId, MethodRef, MethodSchema, buffers};
use serde::Serialize;

/// A value that every caller sends.
pub fn value<T: Described>(name: &str) -> Parameter {
    Parameter { name: name.into(), shape: Shape::Value { schema: T::schema(), default: None, since: false } }
}

/// A value that callers may leave out at the end; with `since`, one that older clients do not know.
pub fn value_or<T: Described + Serialize>(name: &str, default: &T, since: bool) -> Parameter {
    let default = Some(crate::serve::encoded(default));
    Parameter { name: name.into(), shape: Shape::Value { schema: T::schema(), default, since } }
}

/// A buffer.
pub fn buffer<'a, P: buffers::Parameter<'a>>(name: &str) -> Parameter {
    Parameter { name: name.into(), shape: Shape::Buffer { direction: P::DIRECTION, kind: P::KIND } }
}

/// A method that answers `R`, with the hashes that follow from its types.
pub fn method<R: Described>(
    module: &str,
    id: u32,
    name: &str,
    docs: &str,
    flags: MethodFlags,
    parameters: Vec<Parameter>,
) -> MethodSchema {
    let reply = R::schema();
    let hashes = MethodSchema::hashes_of(module, name, &parameters, &reply);
    MethodSchema { id: MethodId(id), name: name.into(), docs: docs.into(), parameters, reply, flags, hashes }
}

/// A lane group, for calls of the methods of these numbers.
pub fn lane_group(name: &str, lanes: u32, methods: &[u32]) -> LaneGroup {
    LaneGroup { name: name.into(), lanes, methods: methods.iter().copied().map(MethodId).collect() }
}

/// What a client holds of the methods called `names`, in that order.
///
/// Shape: one per name; a name that the descriptor does not have is left out, so `names` are to come from the same
/// source as the descriptor.
pub fn references(descriptor: &ModuleDescriptor, names: &[&'static str]) -> Vec<MethodRef> {
    let reference = |&name: &&'static str| {
        let method = descriptor.method(name)?;
        Some(MethodRef { id: method.id, schema: method.hash(), name, idempotent: method.flags.idempotent })
    };
    names.iter().filter_map(reference).collect()
}
