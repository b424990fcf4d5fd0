//! Mapping: an address range that belongs to this process from `mmap` to drop.
//!
//! Lives here: `Mapping`, the only caller of `mmap`, `munmap` and `madvise` on files (`forked.rs` has a page of its own).
//! Holds: while it lives, `base..base + bytes` is mapped with the given access and nothing else uses the range.
//! Not here: what the bytes mean or who else writes them (`segment.rs`, `frozen.rs`).

use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags};

/// A shared mapping of the start of a file, at least one byte long.
pub(crate) struct Mapping {
    base: NonNull<u8>,
    bytes: usize,
    /// The process that mapped it, if the range is kept out of forked children.
    private_to: Option<u32>,
}

/// Whether a forked child sees the range.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fork {
    /// The child has the range too: harmless for memory that nobody writes.
    Inherited,
    /// The child has a hole there: two processes must not speak as one client.
    Absent,
}

impl Mapping {
    /// Maps the first `bytes` of `fd`, shared. `bytes` is not zero and the file is at least that long and sealed
    /// against shrinking by its owner's promise or by the kernel; touching past its end would be SIGBUS.
    pub(crate) fn new(fd: BorrowedFd<'_>, bytes: usize, writable: bool, fork: Fork) -> Result<Mapping, Errno> {
        if crate::hooks::fails() {
            return Err(Errno::NOMEM);
        }
        let prot = if writable { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::READ };
        // SAFETY: a null hint lets the kernel choose a free range, so no memory of ours is replaced; the kernel
        //   refuses a zero length. Breaks if: MAP_FIXED were added to the flags.
        let base = unsafe { rustix::mm::mmap(std::ptr::null_mut(), bytes, prot, MapFlags::SHARED, fd, 0)? };
        let base = NonNull::new(base.cast::<u8>()).ok_or(Errno::NOMEM)?;
        let mut mapping = Mapping { base, bytes, private_to: None };
        if fork == Fork::Absent {
            mapping.advise(Advice::LinuxDontFork)?;
            mapping.private_to = Some(std::process::id());
        }
        Ok(mapping)
    }

    /// The first byte. Valid for reads (and writes, if mapped writable) of `bytes()` while `self` lives.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Length in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes every page present now, for reading or writing, so that later touches neither fault nor fail.
    ///
    /// # Errors
    /// The kernel's: out of memory, or `INVAL` on kernels before 5.14.
    pub(crate) fn populate(&self, writable: bool) -> Result<(), Errno> {
        self.advise(if writable { Advice::LinuxPopulateWrite } else { Advice::LinuxPopulateRead })
    }

    fn advise(&self, advice: Advice) -> Result<(), Errno> {
        // SAFETY: the range is this mapping's own, and the advice used in this file (fork behaviour, population)
        //   never changes its contents. Breaks if: a discarding advice such as DONTNEED or REMOVE were passed.
        unsafe { rustix::mm::madvise(self.base.as_ptr().cast(), self.bytes, advice) }
    }
}

/// Makes the pages of private bytes present now, in one call where each would be a fault of its own. Where the kernel does not do that
/// (before 5.14), they come when they are touched, as they would have.
pub fn populate(bytes: &mut [u8]) {
    let page = rustix::param::page_size();
    let range = bytes.as_mut_ptr_range();
    let (start, end) = (range.start.addr().next_multiple_of(page), range.end.addr() / page * page);
    if start < end {
        let at = range.start.with_addr(start).cast();
        // SAFETY: whole pages of bytes that the caller has for itself; population never changes their contents.
        let _only_sooner = unsafe { rustix::mm::madvise(at, end - start, Advice::LinuxPopulateWrite) };
    }
}

/// Maps pages of shared memory for reading before somebody reads them; answers whether it is worth to go on. Of each run of `NEIGHBOURS`
/// bytes one page is asked for, and the kernel maps those beside it that are there: a third less than to ask for each. Where the kernel
/// maps fewer neighbours, the others come when they are touched. A page that the file does not have yet is made, as by reading it.
///
/// Cost: 60 us for each MiB.
pub fn map_ahead(bytes: &[u8]) -> bool {
    let page = rustix::param::page_size();
    let range = bytes.as_ptr_range();
    let mut from = range.start.addr();
    while from < range.end.addr() {
        // The last page of a run: a mapping that begins inside one has its first window moved, past the first page of the next.
        let to = (from + 1).next_multiple_of(NEIGHBOURS).min(range.end.addr());
        let place = range.start.with_addr((to - 1) / page * page).cast_mut().cast();
        // SAFETY: a page that holds bytes of the slice, which is mapped while it is borrowed; population changes no contents.
        if unsafe { rustix::mm::madvise(place, page, Advice::LinuxPopulateRead) }.is_err() {
            return false;
        }
        from = to;
    }
    true
}

/// What the kernel maps around a page that was read, bytes: its default.
const NEIGHBOURS: usize = 64 << 10;

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.private_to.is_some_and(|pid| pid != std::process::id()) {
            // A forked child never had this range; something of its own may stand there by now.
            return;
        }
        // SAFETY: the range was mapped by `new`, and every borrow of it ends before `self` does. Breaks if: a
        //   pointer from `base` is kept past the owner (`word.rs` keeps an `Arc` of the owner for that reason).
        let unmapped = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.bytes) };
        debug_assert!(unmapped.is_ok(), "munmap of an own mapping failed: {unmapped:?}");
    }
}

// SAFETY: a mapping is an address range of the process, usable from each of its threads; the type itself gives out
//   only a raw pointer. Breaks if: a method formed references to bytes that others write.
unsafe impl Send for Mapping {}
// SAFETY: as for `Send`.
unsafe impl Sync for Mapping {}
