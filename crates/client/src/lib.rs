//! The client: sessions, typed and schema-driven calls, blocking and async.
//!
//! Lives here, in the order data moves: `connect` (hello to session; `connecting`: as a future; `again`: once more), `client` (what a user holds), `outgoing` (a call put
//!   together; `prepared`: looked at; `batch`: several), `session` (published), `table` (what is out; `slots`: room that was reserved; `taking`: room that is waited for), `reap` (answers taken), `pending` (waited for), `reply`
//!   (read); beside it memory (`heap`, `frozen`), the control socket (`wire`), futures (`background`; `attending`: by a loop of the program's own), waits without a thread (`hand`), `dynamic`, `streams` (values beside a call),
//!   `stages` (where the time of calls goes), `provide` (calls the other way); below it `link`: shared memory, or a `stream` (a Unix socket, TCP).
//! From: generated clients, the command line, edges, Python. To: a node, over shared memory or a socket.
//! Holds: no call is lost in silence: each ends with a value or a Fault, however the node behaves; nothing that the node
//!   writes can make this process panic or read outside what it was given.
//! Not here: unsafe code (`windlass-memory`), what the bytes mean (`windlass-contract`).

pub mod dynamic;
pub mod limits;

mod again;
mod attending;
mod background;
mod batch;
mod client;
mod clock;
mod connect;
mod connecting;
mod counters;
mod frozen;
mod hand;
mod heap;
#[cfg(test)]
mod in_a_child;
mod link;
mod outgoing;
mod pending;
mod prepared;
mod provide;
mod reap;
mod reply;
mod session;
mod slots;
mod small;
mod spin;
mod stages;
mod stream;
mod streams;
mod table;
mod taking;
mod wire;

pub use attending::Attending;
pub use batch::Batch;
pub use client::{Client, Pool};
pub use connect::Connect;
pub use connecting::Connecting;
pub use counters::Counters;
pub use frozen::FrozenLoan;
/// What a task's values to a method come from; `futures_core::Stream`.
pub use futures_core::Stream;
pub use heap::Loan;
pub use outgoing::{Outgoing, Payload};
pub use pending::Pending;
pub use prepared::Prepared;
pub use provide::Provider;
pub use reply::{Reply, ResultView};
pub use slots::CallSlot;
pub use stages::ClientStages;
pub use stream::pipe::Pipe;
pub use streams::{AsyncItems, EncodedStream, EncodedValues, Items, Streaming};
/// What node and client agree on, for callers by schema who may name this crate alone.
pub use windlass_contract as contract;
pub use windlass_contract::frame::Token;
pub use windlass_contract::slot::Query;

const _: () = {
    const fn crosses_threads<T: Send + Sync>() {}
    crosses_threads::<Client>();
    crosses_threads::<Pool>();
    crosses_threads::<Loan>();
    crosses_threads::<FrozenLoan>();
    crosses_threads::<ResultView>();
    const fn moves_to_threads<T: Send + Unpin>() {}
    moves_to_threads::<Pending>();
    moves_to_threads::<Connecting>();
    moves_to_threads::<Reply>();
    moves_to_threads::<Outgoing>();
};
