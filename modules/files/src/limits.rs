//! Limits of files.

/// Files that one pattern may mean.
pub const FILES_MAX: usize = 100_000;
/// Bytes of a file that is read or written as a whole.
pub const FILE_BYTES_MAX: u64 = 64 << 30;
/// Rows that are decoded or encoded before others may run.
pub const BATCH_ROWS: usize = 8192;
/// Rows of one group of a Parquet file that is written.
pub const GROUP_ROWS: usize = 1 << 20;
/// Sentences about files that could not be read, in one reply.
pub const ERRORS_TOLD_MAX: usize = 10;
/// Bytes of a checkpoint that are read or written at once.
pub const PIECE_BYTES: usize = 4 << 20;
/// How long a checkpoint waits for a symbol that a command changes.
pub const BUSY_WAIT: std::time::Duration = std::time::Duration::from_secs(60);
/// Shortest time between two looks whether a checkpoint is due.
pub const LOOK_EVERY_MIN: std::time::Duration = std::time::Duration::from_millis(20);
/// Longest time between two looks.
pub const LOOK_EVERY_MAX: std::time::Duration = std::time::Duration::from_secs(1);
