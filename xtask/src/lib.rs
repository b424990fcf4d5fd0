//! The project's own commands, as a library that `main.rs` and the tests share.
//!
//! Order of the rooms: `repo` finds files and crates, `child` runs a command, `report` reads what a test runner
//! said, `ledger` counts; `layers`, `sources`, `uses`, `faults` are the checks; `suite`, `rows`, `tdrv`, `bench`, `simulator`,
//! `arkouda`, `python`, `arrays` put them together.
//! Holds: a check that could not look is a failure, never a pass.
//! Not here: any code of the product. xtask uses no crate of ours, so it builds first and in seconds.
#![allow(clippy::disallowed_methods, reason = "a build tool reads files, starts threads and reads the clock")]

pub mod arkouda;
pub mod arrays;
pub mod bench;
pub mod child;
pub mod faults;
pub mod layers;
pub mod ledger;
pub mod python;
pub mod repo;
pub mod report;
pub mod rows;
pub mod simulator;
pub mod sources;
pub mod suite;
pub mod tdrv;
pub mod uses;
