//! The runtime: the life of a call inside a node. `path` shows all of it on one screen.
//!
//! Lives here, in the order of a call: `transport` (bytes arrive), `session` (who calls; only it builds `Admitted`),
//! `place` (which container, which lane), `host` (runs the method through its table), `reply`. Around them: `worker`
//! (one thread's turn), `mail` (what workers say to each other), `shared` (what they have in common), `node` (start and
//! stop), `spec` (a pool that it is to have), `by_hand` (a node that its caller turns), `topology` (which processors each worker keeps to), `admin` (what the node answers about itself), `stats`, `stages` (where the
//! time of calls goes), `symbols` (named values that live between calls), `catalog` (what outlives the node).
//! Holds: bytes of a peer are copied, then checked, then used, once, in `transport`. A `ReplySlot` is consumed exactly
//! once. A worker is a value: it reaches the world only through the `Driver` it is handed.
//! Not here: what a method does (`modules/`), the command line (`bin/windlass`), other nodes (`cluster`, later).

mod admin;
mod by_hand;
mod catalog;
mod core;
mod events;
mod host;
pub mod limits;
mod mail;
mod node;
mod path;
mod place;
mod reply;
mod session;
mod shared;
mod spec;
mod stages;
mod stats;
mod symbols;
mod team;
mod topology;
mod transport;
mod worker;

pub use by_hand::{ByHand, Held};
pub use catalog::{Catalog, KeptPool, KeptState};
pub use host::library::Table;
pub use node::{LogLevels, Node, NodeConfig, NodeEnd};
pub use place::mode::Mode;
pub use place::policy::Placement;
pub use spec::PoolSpec;
pub use worker::{Next, Worker};
