//! Several workers: calls that are carried, pools of several containers, queries, and what happens when somebody goes.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]

#[path = "../stage/mod.rs"]
mod stage;

mod carried;
mod common;
mod costs;
mod ledger;
mod modes;
mod numa;
mod pools;
mod relief;
mod rows;
mod shard;
mod sharing;
mod travel;
