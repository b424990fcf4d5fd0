//! Limits of waiting: every count and length that a caller can choose has its bound here.

/// Tasks that wait at one primitive, in one of its lists.
pub const WAITERS_MAX: usize = 1 << 20;
/// Places that an empty list keeps; a longer one gives its memory back.
pub const PLACES_KEPT: usize = 64;
/// Values that a channel may hold between a send and its receive.
pub const CAPACITY_MAX: usize = 1 << 20;
/// Operations of one `Select::first`.
pub const OPERATIONS_MAX: usize = 64;
/// Guards that may read at once; one more waits.
pub const READERS_MAX: usize = 1 << 20;
/// Buffers of one pool.
pub const BUFFERS_MAX: usize = 1 << 20;
/// Bytes of one buffer of `Pool::bytes`.
pub const BUFFER_BYTES_MAX: usize = 1 << 30;

const _: () =
    assert!(WAITERS_MAX < u32::MAX as usize, "a place in a list is a u32, and one value of it means none");
