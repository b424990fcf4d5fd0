//! The bench harness: how a figure of Windlass is asked for, measured, checked and printed.
//!
//! Lives here, in the order a figure moves:
//! - `operation`: the one operation that every contender performs, and its checksum;
//! - `protocol`: the lines that driver and contender exchange;
//! - `meter`: issues questions, checks answers, keeps the latencies (in the contender);
//! - `contender`: the `main` of every contender binary;
//! - `process`, `vitals`: a pair of processes, started, asked, watched, ended (in the driver);
//! - `place`, `machine`: where a pair runs, and on what;
//! - `plan`, `drive`: which cells are measured, and the interleaved rounds that measure them;
//! - `stages`, `idle`, `io`, `rate`: benches with a shape of their own: where the time of a call goes, what a silent node costs,
//!   how fast files are, how many calls a second there are by windows and clients;
//! - `figures`: medians of rounds; `row`, `table`, `targets`, `plot`: what becomes of them.
//!
//! Not here: contenders. Floors are in `bench/floor`, rivals in `bench/compare`, ours in its own crate; the driver
//! learns what a binary offers by asking it (`BIN kinds`).
#![allow(
    clippy::disallowed_methods,
    reason = "benches read the clock, write their own result files and watch processes"
)]

pub mod contender;
pub mod drive;
pub mod figures;
pub mod idle;
pub mod io;
pub mod limits;
pub mod machine;
pub mod meter;
pub mod operation;
pub mod place;
pub mod plan;
pub mod plot;
pub mod process;
pub mod protocol;
pub mod rate;
pub mod row;
pub mod stages;
pub mod table;
pub mod targets;
pub mod vitals;

pub use contender::{Caller, Contender, Door, Failure};
pub use meter::Meter;
pub use operation::{Questions, checksum};
pub use place::Placement;
pub use protocol::{Answer, Ask, Kind, Report};
pub use row::Row;
pub use stages::Stages;
