//! Limits of the kernels.

/// Dimensions of one array.
pub const RANK_MAX: usize = 8;
/// Elements of one array; a shape that multiplies to more is refused before anything is allocated.
pub const ELEMENTS_MAX: usize = 1 << 48;
/// Elements copied at once out of a strided view into scratch on the stack; 8 KiB of eight-byte elements, so that
/// three of them stay in a 32 KiB first-level cache.
pub const BLOCK: usize = 1024;
/// Keys that one sort, group-by or grouping table takes.
pub const KEYS_MAX: usize = 1 << 40;
/// Bytes of the automaton of one regular expression.
pub const REGEX_BYTES_MAX: usize = 8 << 20;
/// Bits of one big integer.
pub const BIGINT_BITS_MAX: u64 = 1 << 20;
