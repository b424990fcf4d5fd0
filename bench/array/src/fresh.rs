//! Fresh pages: what it costs to write memory that nobody has written before, by all cores.
//!
//! Lives here: `shared` (pages of a new memory file, mapped shared), `private` (anonymous pages, as an allocator gets them).
//! Holds: every byte is written once, the mapping is new each time, and making and unmapping it are outside the clock.
//! Not here: bandwidth of warm memory (`floor`).
#![allow(unsafe_code, reason = "a floor needs the bare mapping; there is no safe writable mapping in rustix")]

use crate::Failure;
use crate::floor::{LOOK, in_threads, share_out, threads, turn_since};
use crate::spread::Turn;
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
use std::hint::black_box;
use std::ptr::{self, NonNull};
use std::time::Instant;

/// A mapping that belongs to this value alone.
struct Fresh {
    base: NonNull<u64>,
    bytes: usize,
}

impl Fresh {
    /// The words of it.
    fn words(&mut self) -> &mut [u64] {
        // SAFETY: the mapping is writable, page-aligned, `bytes` long and zero, every pattern is a word, and `&mut self` makes this the
        //   only reference. Nobody else has the file's descriptor. Breaks if: the file were shared or shortened.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr(), self.bytes / size_of::<u64>()) }
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        // SAFETY: the range is this mapping's own and no reference into it outlives `self`.
        let unmapped = unsafe { munmap(self.base.as_ptr().cast(), self.bytes) };
        debug_assert!(unmapped.is_ok(), "the range was mapped");
    }
}

/// Writes `n` fresh words of a memory file.
///
/// # Errors
/// The kernel refuses the memory, or a thread panics.
pub fn shared(n: u64) -> Result<Turn, Failure> {
    let bytes = bytes_of(n)?;
    let file = memfd_create("windlass-bench-fresh", MemfdFlags::CLOEXEC)?;
    ftruncate(&file, bytes as u64)?;
    // SAFETY: a null hint lets the kernel choose a free range, so no memory of ours is replaced.
    let base =
        unsafe { mmap(ptr::null_mut(), bytes, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, &file, 0)? };
    written(base, bytes)
}

/// Writes `n` fresh words of anonymous memory.
///
/// # Errors
/// As `shared`.
pub fn private(n: u64) -> Result<Turn, Failure> {
    let bytes = bytes_of(n)?;
    // SAFETY: as in `shared`.
    let base =
        unsafe { mmap_anonymous(ptr::null_mut(), bytes, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)? };
    written(base, bytes)
}

fn bytes_of(n: u64) -> Result<usize, Failure> {
    let bytes = usize::try_from(n)?.checked_mul(size_of::<u64>()).filter(|bytes| *bytes > 0);
    bytes.ok_or_else(|| format!("{n} words are no memory").into())
}

fn written(base: *mut std::ffi::c_void, bytes: usize) -> Result<Turn, Failure> {
    let base = NonNull::new(base.cast::<u64>()).ok_or("the kernel mapped nothing")?;
    let mut fresh = Fresh { base, bytes };
    let words = fresh.words();
    let mut rest = words;
    let mut parts = Vec::new();
    for len in share_out((bytes / size_of::<u64>()) as u64, threads()) {
        let (part, others) = rest.split_at_mut(len);
        parts.push(part);
        rest = others;
    }
    let begin = Instant::now();
    in_threads(parts, |part: &mut [u64]| black_box(part).fill(black_box(7)))?;
    let turn = turn_since(begin);
    if fresh.words().iter().step_by(LOOK).all(|&word| word == 7) {
        Ok(turn)
    } else {
        Err("fresh pages do not hold what was written".into())
    }
}
