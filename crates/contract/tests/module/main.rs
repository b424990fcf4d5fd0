//! The module table, driven by a hand-made host: what the node may count on, whatever the module does.
//!
//! Lives here: the host (`host`), two modules written by hand (`sample`), and claims about the table and its calls (`calls`),
//! about waiting (`waits`) and memory that is lent meanwhile (`lending`), arguments and buffers (`arguments`), hooks and events (`hooks`).
#![allow(unsafe_code, reason = "a hand-made host on the C edge")]
#![allow(non_snake_case, reason = "requirement rows stand in names as they are written")]

mod arguments;
mod calls;
mod hooks;
mod host;
mod lending;
mod sample;
mod waits;

use host::Instance;
use sample::{DROPPED, Ledger, Start};
use windlass_contract::abi::table;

/// Postcard, as a client sends it.
fn encoded<T: serde::Serialize>(value: T) -> Vec<u8> {
    postcard::to_allocvec(&value).expect("arguments encode")
}

fn ledger(total: i64) -> Instance {
    Instance::create(table::<Ledger>(), encoded(Start { total })).expect("it begins")
}

fn dropped() -> u32 {
    DROPPED.with(|dropped| dropped.get())
}
