//! One page that two processes share: words to wait on, a request, a reply.
//!
//! Lives here: `Shared` (the mapping, made by the server and opened by the client through its descriptor in `/proc`),
//! `Page` (atomics only, so no write of a peer can break a reader's reference).
//! Holds: nothing has a name in a file system, so nothing is left behind by a killed process.
#![allow(unsafe_code, reason = "a floor needs the bare mapping; there is no safe shared mapping in rustix")]

use rustix::{
    fs::{MemfdFlags, ftruncate, memfd_create},
    mm::{MapFlags, ProtFlags, mmap, munmap},
};
use std::{
    fs::OpenOptions,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    ptr::{self, NonNull},
    sync::atomic::{AtomicU32, AtomicU64},
};
use windlass_bench::Failure;

/// Most bytes of a request on the page.
pub const REQUEST_BYTES: usize = 64;

/// A cache line of one direction: a word that says how many there have been, and a word that travels with it.
#[repr(C, align(64))]
pub struct Line {
    /// Counts what was handed over in this direction, wrapping.
    pub count: AtomicU32,
    /// Bytes of the request that is handed over, at most [`REQUEST_BYTES`].
    pub bytes: AtomicU32,
    /// The head of a request, or a reply.
    pub word: AtomicU64,
}

/// What the two processes share. Every field is atomic and zero is a valid value of each.
#[repr(C, align(4096))]
pub struct Page {
    /// Client to server.
    pub asked: Line,
    /// Server to client.
    pub answered: Line,
    /// The request's bytes as words.
    pub request: [AtomicU64; REQUEST_BYTES / 8],
}

const _: () = assert!(size_of::<Page>() == 4096, "one page is mapped");

/// The mapping of a page. Unmapped when dropped.
pub struct Shared {
    page: NonNull<Page>,
    descriptor: OwnedFd,
}

impl Shared {
    /// Makes a page of zeroes.
    pub fn create() -> Result<Self, Failure> {
        let descriptor = memfd_create("windlass-bench-floor", MemfdFlags::CLOEXEC)?;
        ftruncate(&descriptor, size_of::<Page>() as u64)?;
        Self::map(descriptor)
    }

    /// Opens the page that another process made and named by [`Self::address`].
    pub fn open(address: &str) -> Result<Self, Failure> {
        let descriptor: OwnedFd = OpenOptions::new().read(true).write(true).open(address)?.into();
        if rustix::fs::fstat(&descriptor)?.st_size < size_of::<Page>() as i64 {
            return Err(format!("{address} is shorter than a page").into());
        }
        Self::map(descriptor)
    }

    /// Where another process of this user finds the page, for as long as this process lives.
    pub fn address(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.descriptor().as_raw_fd())
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    fn map(descriptor: OwnedFd) -> Result<Self, Failure> {
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: the kernel chooses the address, so no mapping of ours is replaced; the length is that of `Page`, and
        //   both callers saw to it that the file has as many bytes.
        //   Breaks if: somebody shortens the memfd; only these two processes hold it and neither does.
        let address = unsafe { mmap(ptr::null_mut(), size_of::<Page>(), protection, flags, &descriptor, 0)? };
        let page = NonNull::new(address.cast()).ok_or("the kernel mapped a page at address 0")?;
        Ok(Self { page, descriptor })
    }

    /// The page.
    pub fn page(&self) -> &Page {
        // SAFETY: mapped, page-aligned and of the length of `Page` from `map` until `drop`; every field is an atomic, so
        //   the other process may write it at any time.
        //   Breaks if: a field of `Page` becomes something that is not valid in every bit pattern.
        unsafe { self.page.as_ref() }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `map` made, of the same length, and references to it borrow `self`.
        //   Breaks if: `page()` handed out a reference that outlives `self`; its signature does not.
        let unmapped = unsafe { munmap(self.page.as_ptr().cast(), size_of::<Page>()) };
        if let Err(error) = unmapped {
            eprintln!("cannot unmap the shared page: {error}");
        }
    }
}
