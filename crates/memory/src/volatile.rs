//! Volatile: copies to and from raw shared memory, for the C edge between node and module, which has addresses only.
//!
//! From: `contract/abi/buffer.rs`. Holds: as in `copy.rs`; a concurrent writer makes torn bytes and nothing worse.
//! Not here: ranges of a segment; those are `Segment::copy_out` and `copy_in`, which check.

/// Copies `into.len()` bytes from shared memory.
///
/// # Safety
/// `shared` is mapped readable for `into.len()` bytes and does not overlap `into`.
pub unsafe fn copy_out(shared: *const u8, into: &mut [u8]) {
    // SAFETY: the caller's promise; `into` is private and as long as said.
    unsafe { crate::copy::copy_out(shared, into.as_mut_ptr(), into.len()) }
}

/// Copies `from.len()` bytes to shared memory.
///
/// # Safety
/// `shared` is mapped writable for `from.len()` bytes and does not overlap `from`.
pub unsafe fn copy_in(shared: *mut u8, from: &[u8]) {
    // SAFETY: the caller's promise; `from` is private and as long as said.
    unsafe { crate::copy::copy_in(from.as_ptr(), shared, from.len()) }
}
