//! What `#[module]` promises, end to end: modules made by the macros, in a node, called by the clients that came with them.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]

#[path = "../stage/mod.rs"]
mod stage;

mod backend;
mod blocked;
mod data;
mod falls;
mod files;
mod locks;
mod memory;
mod nesting;
mod order;
mod periods;
mod shape;
mod sockets;
mod spawning;
mod stalls;
mod terms;
mod versions;
