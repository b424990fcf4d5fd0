//! Limits of the package: every wait has one.

use std::time::Duration;

/// How long a thread waits before it looks whether a signal came (Ctrl-C).
pub const SIGNAL_SLICE: Duration = Duration::from_millis(50);

/// How long after a call's own deadline the node's answer is awaited. Past that the node is taken for stuck.
pub const DEADLINE_GRACE: Duration = Duration::from_secs(1);

/// Characters of a value that a message about it shows.
pub const SHOWN_CHARS: usize = 60;

/// Bytes of a buffer that its `repr` shows.
pub const SHOWN_BYTES: usize = 16;
