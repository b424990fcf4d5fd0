//! Every bound of the bench of arrays.
//!
//! Holds: no wait, loop or buffer of it is without one of these.

use std::time::Duration;

/// How long one request to a contender may take: making inputs and the longest operation over 1e9 elements are within.
pub const ANSWER_WAIT: Duration = Duration::from_secs(900);

/// How long a contender may take to end once its input is closed; then it is killed.
pub const END_WAIT: Duration = Duration::from_secs(20);

/// Longest line that a contender may print, in bytes.
pub const LINE_BYTES_MAX: u64 = 64 * 1024;

/// Fewest and most elements of an array.
pub const ELEMENTS: std::ops::RangeInclusive<u64> = 1_000..=1_000_000_000;

/// Most rounds.
pub const ROUNDS_MAX: u32 = 1000;

/// Threads of a floor.
pub const THREADS_MAX: usize = 256;

/// Of the memory that the kernel calls available, the share that a run may count on: others go on living.
pub const MEMORY_SHARE: f64 = 0.9;
