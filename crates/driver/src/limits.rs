//! Limits of one driver.

/// Descriptors registered at once.
pub const HANDLES_MAX: usize = 1 << 16;
/// Operations under way at once; a driver that has as many gives the next one back.
pub const OPERATIONS_MAX: usize = 1 << 12;
/// Bytes of a path or a name.
pub const NAME_MAX: usize = 4096;
/// Addresses that a name is taken to stand for.
pub const ADDRESSES_MAX: usize = 16;
/// Connections that may wait to be accepted.
pub const BACKLOG: i32 = 1024;
