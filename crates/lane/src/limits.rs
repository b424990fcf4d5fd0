//! Limits of the lanes of one worker.

/// Tasks alive at once.
pub const TASKS_MAX: usize = 1 << 20;
/// Work that waits to start, per class.
pub const WAITING_MAX: usize = 1 << 16;
/// Timers set at once.
pub const TIMERS_MAX: usize = 1 << 20;
/// The background class gets at least one pick of so many while it has work.
pub const SHARE: u32 = 8;
/// How long a task may run before it should yield, nanoseconds.
pub const QUANTUM_NS: u64 = 1_000_000;
/// Operations of one worker that are known at once: waiting, under way, or done and not taken.
pub const OPERATIONS_WAITING_MAX: usize = 1 << 16;
/// Operations handed to the driver in one turn.
pub const OPERATIONS_PER_TURN: usize = 1 << 12;
/// Operations that have gathered when the worker should hand them over instead of doing the next piece of work: a device
/// that waits for a large batch idles meanwhile, and one system call for each operation costs more than it brings.
pub const OPERATIONS_GATHERED: usize = 8;
