//! A node as a program: flags, configuration, log, ready line, signals.
//!
//! Lives here, in the order of a start: `args` (flags), `config` (file, environment and flags put together; `keys`: the
//! table of settings; `units`), `catalog` (what outlives the node), `logging` (`levels`), `node` (start, ready line, end; `signals`).
//! From: `main` of `windlass` and of every program that is a node of its own modules. To: `windlass_runtime::Node`.
//! Holds: the ready line is the only thing on standard output; a node that cannot start says why and ends with the exit code
//! of its Fault.
//! Not here: commands that talk to a running node (`bin/windlass`).

mod args;
pub mod catalog;
pub mod config;
pub mod keys;
mod levels;
mod logging;
mod node;
mod signals;
pub mod units;

pub use args::ServeArgs;
pub use levels::Levels;
pub use node::{Program, Started, main, run, run_beside};
/// A module table that was looked at: its descriptor, before it is served.
pub use windlass_runtime::Table;
