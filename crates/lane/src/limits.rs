//! Limits of the lanes of one worker.

/// Tasks alive at once.
pub const TASKS_MAX: usize = 1 << 20;
/// Task cells that are made at once when none is free.
pub const CELLS_PER_CHUNK: usize = 1 << 10;
/// Bytes of a future that lie in its task's own memory; a larger one is put into memory that may be refused.
pub const IN_PLACE_BYTES: usize = 512;
/// Work that waits to start, per lane.
pub const WAITING_MAX: usize = 1 << 16;
/// Timers set at once.
pub const TIMERS_MAX: usize = 1 << 20;
/// Lanes at once.
pub const LANES_MAX: usize = 1 << 10;
/// The greatest weight of a lane.
pub const WEIGHT_MAX: u32 = 10_000;
/// What a lane's guaranteed shares may sum up to, in thousandths: the rest is what weights divide.
pub const SHARES_MAX: u32 = 900;
/// The background lane of a node gets at least one part of so many while it has work.
pub const SHARE: u32 = 8;
/// How long a task may run before it should yield, nanoseconds.
pub const QUANTUM_NS: u64 = 1_000_000;
/// How long a lane is served before the next is looked at, nanoseconds.
pub const SLICE_NS: u64 = 100_000;
/// The least that a piece of work is charged, nanoseconds: what costs nothing must not go on for ever.
pub const CHARGE_MIN_NS: u64 = 20;
/// Bytes of a name that is made at run time.
pub const NAME_BYTES: usize = 64;
/// Names of which overruns are told apart; those of further names are counted together.
pub const OVERRUN_NAMES_MAX: usize = 256;
/// Tasks that a report of a stall names.
pub const STALLED_NAMED_MAX: usize = 16;
/// How long a worker runs pieces before it looks at timers, operations and sockets again, nanoseconds.
pub const TURN_NS: u64 = 250_000;
/// Pieces of work in one turn of an engine.
pub const WORK_PER_TURN: usize = 256;
/// Rounds in which the tasks of an ending engine may spawn and be dropped in turn.
pub const LAST_ROUNDS: usize = 1 << 10;
/// How long a cancelled task may clean up before its future is dropped, nanoseconds.
pub const CANCEL_GRACE_NS: u64 = 2_000_000_000;
/// Threads of a pool for work that blocks.
pub const BLOCKING_THREADS_MAX: usize = 8;
/// Pieces that wait for such a thread or run on one.
pub const BLOCKING_WAITING_MAX: usize = 1024;
/// Operations of one worker that are known at once: waiting, under way, or done and not taken.
pub const OPERATIONS_WAITING_MAX: usize = 1 << 16;
/// Operations handed to the driver in one turn.
pub const OPERATIONS_PER_TURN: usize = 1 << 12;
/// Operations that have gathered when the worker should hand them over instead of doing the next piece of work: a device
/// that waits for a large batch idles meanwhile, and one system call for each operation costs more than it brings.
pub const OPERATIONS_GATHERED: usize = 8;
