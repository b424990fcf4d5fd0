//! The bench of arrays: what an operation over many elements costs in a node, beside NumPy, pandas and Polars.
//!
//! Lives here, in the order a figure moves:
//! - `operation`, `size`: what is measured, the bytes that it has to touch, over how many elements;
//! - `floor`, `fresh`: what the machine can do: bandwidth over all cores, first touch of fresh pages;
//! - `worker`: a contender, a Python process that is asked a line and answers a line (`contenders/*.py`);
//! - `rounds`: contenders take turns, their answers are held against NumPy's; `small`: `a + 1` of a thousand elements;
//! - `spread`: what the rounds come to; `table`, `target`: what is printed of them.
//!
//! Holds: a contender that fails or disagrees is said and fails the bench; a size that does not fit is left out in words.
//! Not here: rows (`bench/own`), environments and wheels (`xtask`).
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock, starts threads and runs programs")]

pub mod floor;
pub mod fresh;
pub mod limits;
pub mod operation;
pub mod rounds;
pub mod size;
pub mod small;
pub mod spread;
pub mod table;
pub mod target;
pub mod worker;

/// Whatever ends the bench: shown to a person, never matched on.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
