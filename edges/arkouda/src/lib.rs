//! The Arkouda edge: Arkouda's own client talks to a Windlass node.
//!
//! Lives here, in the order data moves: `edge` (the socket), `peer` (one connection), `wire` (ZeroMQ's frames), `request` (three
//!   levels of quoting), `core` (the way of a request), `token`, `own` (commands about the server; `facts`), `calls` (commands of
//!   modules, by the node's `directory` of them; `bulk`: those that carry bytes; `users`: whose session), `reply` (two shapes).
//! From: Arkouda clients, over TCP. To: the node, as an ordinary client of it.
//! Holds: whatever a peer sends, it gets words or its connection ends; others are not delayed, the node is not harmed; every command
//!   is an ordinary call, by schema.
//! Not here: what a command does (`modules/array`), flags and files (`bin/windlass`).

pub mod limits;
pub mod request;

mod bulk;
mod calls;
mod core;
mod directory;
mod edge;
mod facts;
mod own;
mod peer;
mod reply;
mod token;
mod users;
mod wire;

#[cfg(fuzzing)]
pub use wire::fuzz as fuzz_wire;

pub use edge::{Edge, EdgeError, Options, Stopper};
pub use facts::VERSION;
pub use token::Token;
