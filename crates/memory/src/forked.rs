//! Forked: whether this process is a child of the one that opened a session.
//!
//! Lives here: `ForkGuard`, one anonymous page that the kernel clears in a forked child.
//! From: a client makes one when it connects. To: every touch of session memory asks it first, because that memory
//!   is not there in a child (`mapping.rs`) and two processes must not speak as one client.
//! Holds: the answer costs one load and no system call; a child's child is forked as well.
//! Not here: what is done about it (client).

use core::sync::atomic::{AtomicU32, Ordering};
use std::io;
use std::ptr::NonNull;

use rustix::mm::{Advice, MapFlags, ProtFlags};

const HERE: u32 = 1;

/// A word that is set in the process that made it, and zero in every process forked from that.
pub struct ForkGuard {
    page: NonNull<AtomicU32>,
    bytes: usize,
}

impl ForkGuard {
    /// Makes one that answers `false` in this process.
    ///
    /// Cost: two system calls and a page of memory.
    ///
    /// # Errors
    /// The kernel's: no memory, or a kernel before 4.14.
    pub fn new() -> io::Result<ForkGuard> {
        let bytes = rustix::param::page_size();
        // SAFETY: a null hint lets the kernel choose a free range, so no memory of ours is replaced.
        let base = unsafe {
            rustix::mm::mmap_anonymous(
                std::ptr::null_mut(),
                bytes,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )?
        };
        let page = NonNull::new(base.cast::<AtomicU32>()).ok_or(io::ErrorKind::OutOfMemory)?;
        let guard = ForkGuard { page, bytes };
        // SAFETY: the range is the page mapped above; the advice changes what a child sees and nothing here.
        unsafe { rustix::mm::madvise(base, bytes, Advice::LinuxWipeOnFork)? };
        guard.word().store(HERE, Ordering::Relaxed);
        Ok(guard)
    }

    /// Whether this process is a fork of the one that made the guard.
    #[inline]
    pub fn forked(&self) -> bool {
        self.word().load(Ordering::Relaxed) != HERE
    }

    /// Makes it answer as in a child, for tests of what stands behind a guard and cannot fork.
    #[doc(hidden)]
    pub fn pretend_forked(&self) {
        self.word().store(0, Ordering::Relaxed);
    }

    #[inline]
    fn word(&self) -> &AtomicU32 {
        // SAFETY: the page is mapped from `new` to `drop`, in children as well (cleared, not absent), page-aligned and
        //   longer than a word; zero and one are values of the type.
        unsafe { self.page.as_ref() }
    }
}

impl Drop for ForkGuard {
    fn drop(&mut self) {
        // SAFETY: the range was mapped by `new` or inherited from it, and no borrow of it outlives `self`.
        let unmapped = unsafe { rustix::mm::munmap(self.page.as_ptr().cast(), self.bytes) };
        debug_assert!(unmapped.is_ok(), "munmap of an own page failed: {unmapped:?}");
    }
}

// SAFETY: the pointer leads to an atomic word in a mapping that the guard owns, usable from any thread.
unsafe impl Send for ForkGuard {}
// SAFETY: as for `Send`.
unsafe impl Sync for ForkGuard {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_that_made_it_is_not_forked() {
        let guard = ForkGuard::new().expect("a page");
        assert!(!guard.forked());
        guard.pretend_forked();
        assert!(guard.forked());
    }
}
