//! Limits of files.

/// Files that one pattern may mean.
pub const FILES_MAX: usize = 100_000;
/// Bytes of a file that is read or written as a whole.
pub const FILE_BYTES_MAX: u64 = 64 << 30;
/// Rows that are decoded or encoded before others may run.
pub const BATCH_ROWS: usize = 8192;
/// Rows of one group of a Parquet file that is written.
pub const GROUP_ROWS: usize = 1 << 20;
/// Rows of one batch of an Arrow IPC file that is written.
pub const ARROW_ROWS: usize = 1 << 16;
/// Batches and dictionaries of one Arrow IPC file.
pub const ARROW_PARTS_MAX: usize = 1 << 22;
/// Values that a batch of an Arrow IPC file may say that a column has.
pub const ARROW_LENGTH_MAX: i64 = 1 << 40;
/// How many bytes one compressed byte of an Arrow IPC file may become; zstd's shortest block is below it.
pub const ARROW_EXPANDS_MAX: u64 = 1 << 16;
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
/// Calls that work on HDF5 files at the same time.
#[cfg(feature = "hdf5")]
pub const DESK_MAX: usize = 256;
/// Groups and datasets that one request looks at in one HDF5 file.
#[cfg(feature = "hdf5")]
pub const OBJECTS_MAX: usize = 1 << 20;
/// Groups inside groups that are looked into.
#[cfg(feature = "hdf5")]
pub const DEEP_MAX: usize = 8;
/// Values of an HDF5 file that are checked one by one after they were read at once.
#[cfg(feature = "hdf5")]
pub const ROWS_AT_ONCE: usize = 1 << 20;
/// Columns, keys or levels of one object.
#[cfg(feature = "hdf5")]
pub const PARTS_MAX: usize = 1 << 16;
