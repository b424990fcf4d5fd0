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
