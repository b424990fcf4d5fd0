//! Limits of one device.

/// Ranges that one allocation may be made of, when no run is long enough.
pub const RANGES_MAX: usize = 64;
/// Least and greatest bytes of a block, powers of two.
pub const BLOCK_BYTES: std::ops::RangeInclusive<u64> = 512..=1 << 20;
/// Bytes of a device.
pub const CAPACITY_MAX: u64 = 1 << 46;
/// Allocations of a device in memory.
pub const ALLOCATIONS_MAX: usize = 1 << 20;
/// Bytes of memory that a device in memory takes at once, when it is first written there.
pub const CHUNK_BYTES: u64 = 4 << 20;
/// Bytes that are copied before others may run.
pub const PIECE_BYTES: u64 = 1 << 20;
/// Changes that wait to be made durable.
pub const PENDING_MAX: usize = 4096;
/// Least and greatest bytes of a table area in a file.
pub const TABLE_BYTES: std::ops::RangeInclusive<u64> = 1 << 20..=64 << 20;
/// One table area for so many times its bytes of data.
pub const DATA_PER_TABLE: u64 = 256;
/// Allocations that one `list` answers.
pub const LIST_MAX: usize = 256;
/// Runs of the own class that are looked at before one of a larger class is split.
pub const LOOKS_MAX: usize = 16;
