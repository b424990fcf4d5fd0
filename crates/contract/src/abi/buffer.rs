//! One buffer of a call, raw: the host makes it, the module reads, fills and says how much it used.
//!
//! Holds: a slice is formed only for kind `Bytes`, over memory that the host promised nobody else writes.

use crate::head::{BufferKind, Direction};
use std::cell::Cell;
use windlass_memory::volatile;

/// One buffer of a call. The host owns the record, the module writes `used` only.
#[derive(Debug)]
#[repr(C)]
pub struct RawBuffer {
    ptr: *mut u8,
    len: u64,
    used: Cell<u64>,
    direction: u8,
    kind: u8,
    reserved: [u8; 6],
}

impl RawBuffer {
    /// Describes `len` bytes at `ptr`. `in-out` counts as wholly used until the module says otherwise, `out` as unused.
    ///
    /// # Safety
    /// Until the call's future is dropped: `ptr` is valid for reading `len` bytes, and for writing unless `direction` is
    /// `In`. For kind `Bytes` nobody else writes them, and nobody else reads them unless `direction` is `In`. For kind
    /// `Shared` others may read and write them.
    pub unsafe fn new(ptr: *mut u8, len: u64, direction: Direction, kind: BufferKind) -> Self {
        let used = if direction == Direction::InOut { len } else { 0 };
        Self { ptr, len, used: Cell::new(used), direction: direction as u8, kind: kind as u8, reserved: [0; 6] }
    }
    /// Bytes of the buffer.
    pub fn len(&self) -> usize {
        self.len as usize
    }
    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// Bytes used, as the module said; never more than `len`.
    pub fn used(&self) -> u64 {
        self.used.get().min(self.len)
    }
    /// Whether it is of this direction and kind.
    pub fn is(&self, direction: Direction, kind: BufferKind) -> bool {
        self.direction == direction as u8 && self.kind == kind as u8
    }
    /// Whether its memory begins at a multiple of 4096.
    pub(crate) fn is_aligned(&self) -> bool {
        (self.ptr as usize).is_multiple_of(crate::limits::PAGE_BYTES)
    }
    pub(crate) fn set_used(&self, bytes: u64) {
        self.used.set(bytes.min(self.len));
    }
    /// The bytes; nothing for shared memory.
    pub(crate) fn slice(&self) -> &[u8] {
        if self.len == 0 || self.kind != BufferKind::Bytes as u8 {
            return &[];
        }
        // SAFETY: kind `Bytes`: the promise of `new`.
        unsafe { std::slice::from_raw_parts(self.ptr, self.len()) }
    }
    /// The bytes for writing; nothing for shared memory and for `in`.
    ///
    /// # Safety
    /// No other slice of this buffer is alive: the caller owns the one typed wrapper of it, mutably.
    #[allow(clippy::mut_from_ref, reason = "uniqueness is the typed wrapper's, as the Safety section says")]
    pub(crate) unsafe fn slice_mut(&self) -> &mut [u8] {
        if self.len == 0 || self.kind != BufferKind::Bytes as u8 || self.direction == Direction::In as u8 {
            return &mut [];
        }
        // SAFETY: kind `Bytes` and writable: the promises of `new` and of this function's caller.
        unsafe { std::slice::from_raw_parts_mut(self.ptr, self.len()) }
    }
    /// Copies bytes out from `offset` on; answers how many.
    pub(crate) fn read_at(&self, offset: usize, into: &mut [u8]) -> usize {
        let count = self.len().saturating_sub(offset).min(into.len());
        if count > 0 {
            // SAFETY: `offset + count` lies within `len`; a volatile copy tolerates a concurrent writer.
            unsafe { volatile::copy_out(self.ptr.add(offset), &mut into[..count]) };
        }
        count
    }
    /// Copies bytes in from `offset` on; answers how many. Nothing is written to an `in` buffer.
    pub(crate) fn write_at(&self, offset: usize, from: &[u8]) -> usize {
        if self.direction == Direction::In as u8 {
            return 0;
        }
        let count = self.len().saturating_sub(offset).min(from.len());
        if count > 0 {
            // SAFETY: as in `read_at`; the direction says that the memory may be written.
            unsafe { volatile::copy_in(self.ptr.add(offset), &from[..count]) };
        }
        count
    }
}

/// The one mutable view of an `out` or `in-out` buffer of kind `Bytes`.
pub(crate) struct Filling<'a>(&'a RawBuffer);

impl<'a> Filling<'a> {
    /// Takes the buffer; `serve::Arguments` moves past it, so nobody takes it twice.
    pub(crate) fn new(raw: &'a RawBuffer) -> Self {
        Self(raw)
    }
    pub(crate) fn raw(&self) -> &'a RawBuffer {
        self.0
    }
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.slice()
    }
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: `self` is the only `Filling` of this buffer and is borrowed mutably.
        unsafe { self.0.slice_mut() }
    }
}
