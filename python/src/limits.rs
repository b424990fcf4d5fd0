//! Limits of the package: every wait has one.

use std::time::Duration;

/// How long a thread waits before it looks whether a signal came (Ctrl-C).
pub const SIGNAL_SLICE: Duration = Duration::from_millis(50);

/// How long after a call's own deadline the node's answer is awaited. Past that the node is taken for stuck.
pub const DEADLINE_GRACE: Duration = Duration::from_secs(1);

/// Items, and their bytes, that a coroutine is ahead of the node with.
pub const GIVEN_ITEMS: usize = 256;
/// See `GIVEN_ITEMS`.
pub const GIVEN_BYTES: usize = 64 << 10;

/// Items, and their bytes, that an event loop is given at once.
pub const READ_ITEMS: usize = 256;
/// See `READ_ITEMS`.
pub const READ_BYTES: usize = 64 << 10;

/// Characters of a value that a message about it shows.
pub const SHOWN_CHARS: usize = 60;

/// Bytes of a buffer that its `repr` shows.
pub const SHOWN_BYTES: usize = 16;

/// Bytes of a view from which a thread maps its pages ahead: below, a first pass ends before such a thread is of use.
pub const AHEAD_FROM: usize = 32 << 20;

/// Bytes that are mapped ahead between two looks whether the view is still there.
pub const AHEAD_PIECE: usize = 1 << 20;

/// Threads of a process that map ahead at once; a view more is mapped by whoever reads it.
pub const AHEAD_THREADS_MAX: u32 = 4;
