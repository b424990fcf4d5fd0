//! Every bound of the harness in one place.
//!
//! Holds: no wait, loop or buffer of a bench is without one of these.

use std::time::Duration;

/// How long a server may take to say `ready`.
pub const READY_WAIT: Duration = Duration::from_secs(15);

/// How long one measured run may take before its pair is killed.
pub const RUN_WAIT: Duration = Duration::from_secs(60);

/// How long a contender may take to list its kinds.
pub const KINDS_WAIT: Duration = Duration::from_secs(10);

/// How long a process may take to end once its standard input is closed; then it is killed.
pub const END_WAIT: Duration = Duration::from_secs(2);

/// How long a contender's server may go on once its input is closed, before it ends itself.
pub const SERVER_GRACE: Duration = Duration::from_millis(500);

/// Clients that stay connected and silent while `idle` watches a node.
pub const SILENT_CLIENTS: usize = 100;

/// How long nothing happens before a call that is to wake an idle node.
pub const SILENCE: Duration = Duration::from_secs(1);

/// Longest line that a contender may print, in bytes.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// Largest request of the operation, in bytes.
pub const REQUEST_BYTES_MAX: u64 = 16 << 20;

/// Smallest request of the operation, in bytes: its first eight differ from call to call.
pub const REQUEST_BYTES_MIN: u64 = 8;

/// Most requests that may be outstanding in one run.
pub const OUTSTANDING_MAX: u32 = 4096;

/// Most operations of one run.
pub const OPERATIONS_MAX: u64 = 200_000;

/// Fewest operations of one measured run, so that a percentile means something.
pub const OPERATIONS_MIN: u64 = 64;

/// Longest latency that is told apart, in nanoseconds; longer ones count as this.
pub const LATENCY_NS_MAX: u64 = 60_000_000_000;
