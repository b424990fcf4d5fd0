//! What a node, its modules and its clients agree on.
//!
//! Lives here, in the order data moves: ids (`ids`), the records of a call (`slot`, `head`, `completion`), of a
//! connection (`hello`, `control`), of a stream (`frame`), the described shapes (`schema`), the one error (`fault`), and the edge to a
//! module's code: the C table (`abi`), what a method may ask (`context`, and with it `nested`, `files`, `sockets`, `spawn`),
//! its buffers (`buffers`, lent to operations by `lending`) and streams (`streams`), named values (`symbols`, with arrays in `array`) and commands over
//! them (`commands`), what passes with a process that serves a pool (`provide`), and the glue that macro output calls (`describe`, `serve`).
//! From: bytes that a peer wrote, already copied into private memory. To: typed values, or a `Fault` that says why not.
//! Holds: every decoder here is total: any bytes give a value or a named error, never a panic.
//! Not here: who may call (`runtime`), shared memory itself (`memory`), the macros (`macros`).

pub mod abi;
pub mod admin;
pub mod aggregate;
pub mod array;
pub mod buffers;
pub mod commands;
pub mod completion;
pub mod context;
pub mod control;
pub mod describe;
pub mod fault;
pub mod files;
pub mod frame;
#[cfg(any(test, fuzzing, feature = "fuzzing"))]
pub mod fuzzing;
pub mod head;
pub mod hello;
pub mod ids;
pub mod lending;
pub mod limits;
pub mod module;
pub mod nested;
pub mod node_dir;
pub mod provide;
pub mod schema;
pub mod serve;
pub mod slot;
pub mod sockets;
pub mod spawn;
pub mod streams;
pub mod symbols;
mod waits;

pub use fault::{Code, Fault, Outcome, Retry};
pub use ids::{CallId, MethodId, MethodRef, PoolId};
pub use schema::{Described, MethodSchema, ModuleDescriptor, Schema};
