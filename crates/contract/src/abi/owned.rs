//! Memory that changes hands over the edge: freed by the side that made it, whoever holds it last.
//!
//! Lives here: `RawOwned` (what crosses), `Pages` (memory aligned for direct files), `VecReceipt` and `PagesReceipt` (what the
//! giver remembers, so that it can have its own memory back without a copy).
//! Holds: `free` is called once, by whoever holds the bytes when nobody wants them any more.

use crate::limits::PAGE_BYTES;
use std::alloc::Layout;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// Bytes that change hands; whoever holds them calls `free` once.
#[repr(C)]
pub struct RawOwned {
    ptr: *mut u8,
    len: usize,
    cap: usize,
    free: Option<unsafe extern "C" fn(*mut u8, usize, usize)>,
}

/// What the giver of a vector remembers of it.
#[derive(Debug)]
pub struct VecReceipt(Parts);
/// What the giver of pages remembers of them.
#[derive(Debug)]
pub struct PagesReceipt(Parts);

#[derive(Debug, PartialEq)]
struct Parts {
    ptr: *mut u8,
    len: usize,
    cap: usize,
}

unsafe extern "C" fn free_vec(ptr: *mut u8, len: usize, cap: usize) {
    // SAFETY: `RawOwned::new` took these three from one vector of this side's allocator, and `Drop` calls once.
    drop(unsafe { Vec::from_raw_parts(ptr, len, cap) });
}

unsafe extern "C" fn free_pages(ptr: *mut u8, len: usize, _: usize) {
    if let Some(at) = NonNull::new(ptr) {
        drop(Pages { at, len });
    }
}

impl RawOwned {
    /// No bytes.
    pub const fn empty() -> Self {
        Self { ptr: std::ptr::null_mut(), len: 0, cap: 0, free: None }
    }
    /// Hands over a vector.
    pub fn new(bytes: Vec<u8>) -> Self {
        let mut bytes = std::mem::ManuallyDrop::new(bytes);
        Self { ptr: bytes.as_mut_ptr(), len: bytes.len(), cap: bytes.capacity(), free: Some(free_vec) }
    }
    /// Hands over pages.
    pub fn of_pages(pages: Pages) -> Self {
        let pages = std::mem::ManuallyDrop::new(pages);
        Self { ptr: pages.at.as_ptr(), len: pages.len, cap: pages.len, free: Some(free_pages) }
    }
    /// Whether nothing was handed over.
    pub fn is_none(&self) -> bool {
        self.free.is_none()
    }
    /// Where the bytes are, if there are any. The holder alone may read and write them.
    pub fn as_ptr(&self) -> Option<NonNull<u8>> {
        NonNull::new(self.ptr).filter(|_| self.free.is_some())
    }
    /// How many.
    pub fn len(&self) -> usize {
        self.len
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: the maker handed over `len` initialised bytes and keeps no access; they live until `free`.
        unsafe { std::slice::from_raw_parts(self.ptr, self.len) }
    }

    fn parts(&self) -> Parts {
        Parts { ptr: self.ptr, len: self.len, cap: self.cap }
    }
    fn is_freed_by(&self, free: unsafe extern "C" fn(*mut u8, usize, usize)) -> bool {
        self.free.is_some_and(|ours| std::ptr::fn_addr_eq(ours, free))
    }
}

impl VecReceipt {
    /// Hands a vector over and remembers it.
    pub(crate) fn lend(bytes: Vec<u8>) -> (RawOwned, Self) {
        let owned = RawOwned::new(bytes);
        let receipt = Self(owned.parts());
        (owned, receipt)
    }
    /// The vector in its own memory; `None` when these are other bytes.
    pub(crate) fn back(self, owned: RawOwned) -> Option<Vec<u8>> {
        if !owned.is_freed_by(free_vec) || owned.parts() != self.0 {
            return None;
        }
        let owned = std::mem::ManuallyDrop::new(owned);
        // SAFETY: this side's `free_vec` would free these three parts, so `new` took them from one vector of this side, which
        //   nobody has freed: whoever frees takes `free` out first. They are used once, because `owned` is not dropped.
        Some(unsafe { Vec::from_raw_parts(owned.ptr, owned.len, owned.cap) })
    }
}

impl PagesReceipt {
    /// Hands pages over and remembers them.
    pub(crate) fn lend(pages: Pages) -> (RawOwned, Self) {
        let owned = RawOwned::of_pages(pages);
        let receipt = Self(owned.parts());
        (owned, receipt)
    }
    /// The pages; `None` when these are other bytes.
    pub(crate) fn back(self, owned: RawOwned) -> Option<Pages> {
        if !owned.is_freed_by(free_pages) || owned.parts() != self.0 {
            return None;
        }
        // The parts are those that `of_pages` took, and are used once, as in `VecReceipt::back`.
        let owned = std::mem::ManuallyDrop::new(owned);
        Some(Pages { at: NonNull::new(owned.ptr)?, len: owned.len })
    }
}

impl Drop for RawOwned {
    fn drop(&mut self) {
        if let Some(free) = self.free.take() {
            // SAFETY: `free` came with these parts from their maker; `take` makes this the only call.
            unsafe { free(self.ptr, self.len, self.cap) }
        }
    }
}

impl fmt::Debug for RawOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes handed over", self.len)
    }
}

/// Bytes that begin at a multiple of 4096 in memory, for files that are opened `direct`.
pub struct Pages {
    at: NonNull<u8>,
    len: usize,
}

// SAFETY: the bytes are owned, like a `Box<[u8]>`.
unsafe impl Send for Pages {}
// SAFETY: shared references only read.
unsafe impl Sync for Pages {}

impl Pages {
    /// Zeroed memory; `None` when there is none.
    ///
    /// Units: `len` in bytes.
    pub fn zeroed(len: usize) -> Option<Self> {
        if windlass_memory::hooks::fails() {
            return None;
        }
        let layout = Self::layout(len)?;
        // SAFETY: the layout has at least one byte.
        let at = NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) })?;
        Some(Self { at, len })
    }
    fn layout(len: usize) -> Option<Layout> {
        Layout::from_size_align(len.max(1), PAGE_BYTES).ok()
    }
}

impl Deref for Pages {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: `len` initialised bytes at `at`, owned.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr(), self.len) }
    }
}
impl DerefMut for Pages {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`, and borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.at.as_ptr(), self.len) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        if let Some(layout) = Self::layout(self.len) {
            // SAFETY: allocated in `zeroed` with this layout, freed once.
            unsafe { std::alloc::dealloc(self.at.as_ptr(), layout) }
        }
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} aligned bytes", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_comes_back_in_its_own_memory_and_another_does_not_pass_for_it() {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(b"winch");
        let at = bytes.as_ptr();
        let (owned, receipt) = VecReceipt::lend(bytes);
        let back = receipt.back(owned).unwrap();
        assert_eq!((back.as_ptr(), &back[..], back.capacity()), (at, &b"winch"[..], 64));
        let (owned, receipt) = VecReceipt::lend(back);
        assert!(receipt.back(RawOwned::new(b"winch".to_vec())).is_none());
        drop(owned);
        let (_owned, receipt) = VecReceipt::lend(vec![1]);
        assert!(receipt.back(RawOwned::empty()).is_none());
    }

    #[test]
    fn pages_are_aligned_zero_and_come_back() {
        let mut pages = Pages::zeroed(8192).unwrap();
        assert!((pages.as_ptr() as usize).is_multiple_of(PAGE_BYTES) && pages.iter().all(|byte| *byte == 0));
        pages[8191] = 9;
        let (owned, receipt) = PagesReceipt::lend(pages);
        assert_eq!(receipt.back(owned).unwrap()[8191], 9);
        assert!(Pages::zeroed(usize::MAX / 2).is_none());
        drop(RawOwned::of_pages(Pages::zeroed(0).unwrap()));
    }
}
