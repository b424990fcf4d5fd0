//! Memory: what two processes share, and how neither can harm the other through it.
//!
//! Lives here, in the order data moves: `segment` (sealed memory files), `frozen` (memory nobody writes any more),
//!   `lender` (loans), `ring` (entries between two sides), `words` (the single integers beside the rings), `park`
//!   and `doorbell` (sleeping and waking), `reaper` (many threads, one consumer), `claim` (whose turn it is), `forked`
//!   (is this still the process that connected), `passing` (descriptors over a socket), `hooks` (where a simulation interferes).
//! May touch: system calls on memory files, futexes, eventfds and sockets. Knows no call, no fault and no module.
//! Holds: bytes that a peer may be writing are copied and never borrowed; no value that a peer writes is an index, a
//!   panic or a wait without end. Records are drawn in docs/formats.md.
//! Not here: what entries mean (`windlass-contract`), sessions and their limits (`windlass-runtime`).
//!
//! This is one of the homes of `unsafe`: mapped memory, and copies of it.
#![allow(unsafe_code, reason = "mapped memory has no safe form; each block says who keeps its promise")]
#![deny(unsafe_op_in_unsafe_fn)]

pub mod claim;
pub mod courtesy;
pub mod doorbell;
pub mod forked;
pub mod frozen;
pub mod hooks;
pub mod lender;
pub mod lent;
pub mod park;
pub mod passing;
pub mod processors;
pub mod reaper;
pub mod ring;
pub mod segment;
pub mod volatile;
pub mod words;

pub mod cells;
pub mod limits;
pub mod word;

mod copy;
mod mapping;
mod sync;

pub use claim::{Claim, ClaimWord};
pub use courtesy::Courtesy;
pub use doorbell::Doorbell;
pub use forked::ForkGuard;
pub use frozen::{Frozen, FrozenError};
pub use lender::{LendError, Lender, Room};
pub use lent::{Lent, View};
pub use mapping::{map_ahead, populate};
pub use processors::Processors;
pub use reaper::{Reaper, Waited};
pub use segment::{Access, RangeError, Role, Segment, SegmentError, SegmentId, Span};

#[cfg(not(target_endian = "little"))]
compile_error!("shared records are little-endian and are read in place");
