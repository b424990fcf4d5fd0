//! Segments: sealed memory files that two processes map, each byte with its agreed writer.
//!
//! Lives here: `SegmentId`, `Role`, `Access`, `Segment`, `Span` (proof that a range lies inside).
//! From: the node creates and seals; a client opens what it received. To: `ring.rs`, `words.rs`, the runtime.
//! Holds: a mapped segment cannot shrink under its reader; a node or result segment has no route by which a client
//!   writes it. Bytes that a peer may write are copied (`copy.rs`), never borrowed, except by `unsafe`.
//! Not here: loans (`lender.rs`), memory nobody writes any more (`frozen.rs`). Drawn in docs/formats.md.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::copy;
use crate::limits::SEGMENT_BYTES_MAX;
use crate::mapping::{Fork, Mapping};
use crate::word::{Word32, Word64};

/// Which segment of a session: the number that slots and buffer entries carry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SegmentId(pub u32);

impl SegmentId {
    /// The client's own small segment: words, submit ring, argument cells.
    pub const CLIENT: SegmentId = SegmentId(0);
    /// The node's small segment: words, completion ring, reply cells.
    pub const NODE: SegmentId = SegmentId(NODE_BIT);
    /// No segment.
    pub const NONE: SegmentId = SegmentId(u32::MAX);
    /// The first heap segment; the node counts up from here.
    pub const FIRST_HEAP: SegmentId = SegmentId(1);
    /// The first frozen segment; the client counts up from here.
    pub const FIRST_FROZEN: SegmentId = SegmentId(FROZEN_BIT);
    /// The first result segment; the node counts up from here.
    pub const FIRST_RESULT: SegmentId = SegmentId(NODE_BIT | 1);

    /// Whether the node writes it: its own small segment, or a result segment.
    pub fn is_node_written(self) -> bool {
        self != SegmentId::NONE && self.0 & NODE_BIT != 0
    }

    /// Whether it is a client's frozen memory, which nobody writes.
    pub fn is_frozen(self) -> bool {
        self.0 & (NODE_BIT | FROZEN_BIT) == FROZEN_BIT
    }

    /// Whether it is a heap segment, written by the client (and by the node in place).
    pub fn is_heap(self) -> bool {
        self != SegmentId::CLIENT && self.0 & (NODE_BIT | FROZEN_BIT) == 0
    }

    /// The id after this one among ids of its kind; `None` when the kind is used up, and for `CLIENT` and `NONE`.
    pub fn next(self) -> Option<SegmentId> {
        let next = SegmentId(self.0.checked_add(1)?);
        let same_kind = (self.is_heap() && next.is_heap())
            || (self.is_frozen() && next.is_frozen())
            || (self.is_node_written() && next.is_node_written());
        same_kind.then_some(next)
    }
}

const NODE_BIT: u32 = 1 << 31;
const FROZEN_BIT: u32 = 1 << 30;

/// What a segment is for, which decides its seals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The client's small segment: the client writes it.
    Client,
    /// The node's small segment: only the node's mapping, made before the seal, can write it.
    Node,
    /// Room for large arguments: the client writes it, the node may write in place.
    Heap,
    /// Room for large replies: as `Node`.
    Result,
}

impl Role {
    fn seals(self) -> SealFlags {
        let fixed = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        match self {
            Role::Client | Role::Heap => fixed,
            Role::Node | Role::Result => fixed | SealFlags::FUTURE_WRITE,
        }
    }
}

/// How this process maps a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Reading only; a store would be a fault of the processor, so the types here refuse it first.
    Read,
    /// Reading and writing.
    ReadWrite,
}

/// Why a segment could not be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// A segment has at least one byte.
    #[error("a segment of no bytes")]
    Empty,
    /// Longer than any segment may be.
    #[error("a segment of {bytes} bytes, the limit is {max}")]
    TooLong {
        /// Bytes asked for.
        bytes: usize,
        /// `limits::SEGMENT_BYTES_MAX`.
        max: usize,
    },
    /// The machine, or this process's share of it, has no memory left for it.
    #[error("no memory for a segment of {bytes} bytes")]
    NoMemory {
        /// Bytes asked for.
        bytes: usize,
    },
    /// The descriptor is not a memory file that can be sealed.
    #[error("the descriptor is not a memory file")]
    NotMemory,
    /// The file could shrink while it is mapped, which would kill its reader.
    #[error("the memory file is not sealed against shrinking")]
    Unsealed,
    /// The file is shorter than its sender said.
    #[error("the memory file has {real} bytes, {said} were promised")]
    Short {
        /// Bytes the file has.
        real: u64,
        /// Bytes its sender named, rounded up to pages.
        said: u64,
    },
    /// The kernel refused a step.
    #[error("{step} of a segment failed")]
    System {
        /// The system call.
        step: &'static str,
        /// Its error.
        #[source]
        source: io::Error,
    },
}

/// A range that does not lie inside its segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("bytes {offset} + {len} are outside a segment of {bytes} bytes")]
pub struct RangeError {
    /// First byte of the range.
    pub offset: u64,
    /// Length of the range in bytes.
    pub len: u64,
    /// Length of the segment in bytes.
    pub bytes: u64,
}

/// A range that was checked against its segment's size. It carries no name of that segment, so `copy_out` and its
/// siblings check once more, cheaply, and a span used on the wrong segment is a panic and never a wild access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    offset: u64,
    len: u64,
}

const _: () = assert!(size_of::<Span>() == 16, "a span travels in two registers");

impl Span {
    /// First byte, from the start of the segment.
    pub fn offset(self) -> u64 {
        self.offset
    }

    /// Length in bytes.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a span is a range, not a collection; an empty one is ordinary"
    )]
    pub fn len(self) -> u64 {
        self.len
    }
}

/// One mapping of one segment. Shared behind an `Arc`; unmapped when the last holder drops it.
///
/// A forked child does not have the mapping: using it there is a fault, so callers check for a fork first.
pub struct Segment {
    mapping: Mapping,
    access: Access,
}

impl Segment {
    /// Makes a segment: a memory file named `name`, `bytes` rounded up to whole pages, reserved, mapped writable
    /// here and sealed for its role. The node keeps the `Segment` and hands out the descriptor.
    ///
    /// Cost: five system calls and the zeroing of every page.
    ///
    /// # Errors
    /// `Empty`, `TooLong`, `NoMemory`, `System`.
    pub fn create(name: &str, bytes: usize, role: Role) -> Result<(Segment, OwnedFd), SegmentError> {
        Segment::make(name, bytes, role, true)
    }

    /// The same with no page reserved: each comes, zeroed, when it is touched first, and who touches one when the machine has no memory
    /// left is ended by the system, as with memory of a process's own. For what is admitted before and too long to be zeroed at once.
    ///
    /// Cost: four system calls.
    ///
    /// # Errors
    /// As `create`.
    pub fn create_sparse(name: &str, bytes: usize, role: Role) -> Result<(Segment, OwnedFd), SegmentError> {
        Segment::make(name, bytes, role, false)
    }

    fn make(name: &str, bytes: usize, role: Role, reserved: bool) -> Result<(Segment, OwnedFd), SegmentError> {
        let bytes = whole_pages(bytes)?;
        let system = |step| move |errno: Errno| refused_by_kernel(step, bytes, errno);
        let fd = rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
            .map_err(system("memfd_create"))?;
        rustix::fs::ftruncate(&fd, bytes as u64).map_err(system("ftruncate"))?;
        if reserved {
            retry_on_intr(|| rustix::fs::fallocate(&fd, FallocateFlags::empty(), 0, bytes as u64))
                .map_err(system("fallocate"))?;
        }
        let mapping = Mapping::new(fd.as_fd(), bytes, true, Fork::Absent).map_err(system("mmap"))?;
        // After the mapping above: FUTURE_WRITE leaves it writable and refuses every later one.
        rustix::fs::fcntl_add_seals(&fd, role.seals()).map_err(system("sealing"))?;
        Ok((Segment { mapping, access: Access::ReadWrite }, fd))
    }

    /// Maps a segment that another process made. Its real size and its seal against shrinking are checked first.
    /// The descriptor is not needed afterwards.
    ///
    /// # Errors
    /// `Empty`, `TooLong`, `NotMemory`, `Unsealed`, `Short`, `System` (also when writing is sealed off).
    pub fn open(fd: BorrowedFd<'_>, bytes: usize, access: Access) -> Result<Segment, SegmentError> {
        let bytes = whole_pages(bytes)?;
        let seals = rustix::fs::fcntl_get_seals(fd).map_err(|_| SegmentError::NotMemory)?;
        if !seals.contains(SealFlags::SHRINK) {
            return Err(SegmentError::Unsealed);
        }
        let stat = rustix::fs::fstat(fd).map_err(|errno| refused_by_kernel("fstat", bytes, errno))?;
        let real = u64::try_from(stat.st_size).unwrap_or(0);
        if real < bytes as u64 {
            return Err(SegmentError::Short { real, said: bytes as u64 });
        }
        let mapping = Mapping::new(fd, bytes, access == Access::ReadWrite, Fork::Absent)
            .map_err(|errno| refused_by_kernel("mmap", bytes, errno))?;
        Ok(Segment { mapping, access })
    }

    /// Whether each page of a memory file is there.
    ///
    /// Cost: one system call.
    pub fn is_dense(fd: BorrowedFd<'_>) -> bool {
        rustix::fs::fstat(fd).is_ok_and(|stat| i128::from(stat.st_blocks) * 512 >= i128::from(stat.st_size))
    }

    /// Length in bytes, a whole number of pages.
    pub fn bytes(&self) -> usize {
        self.mapping.bytes()
    }

    /// How this process mapped it.
    pub fn access(&self) -> Access {
        self.access
    }

    /// Makes every page present in this process now, so that the first touch costs no fault.
    ///
    /// Cost: one system call; about a microsecond per four pages.
    ///
    /// # Errors
    /// `NoMemory`, or `System` on kernels before 5.14, where it is a loss of speed only.
    pub fn warm(&self) -> Result<(), SegmentError> {
        let writable = self.access == Access::ReadWrite;
        self.mapping.populate(writable).map_err(|errno| refused_by_kernel("madvise", self.bytes(), errno))
    }

    /// Checks a range that a peer named. The sum is made without overflow.
    ///
    /// # Errors
    /// `RangeError` when any byte of it lies outside.
    #[inline]
    pub fn span(&self, offset: u64, len: u64) -> Result<Span, RangeError> {
        let bytes = self.bytes() as u64;
        match offset.checked_add(len) {
            Some(end) if end <= bytes => Ok(Span { offset, len }),
            _ => Err(RangeError { offset, len, bytes }),
        }
    }

    /// Copies bytes that a peer may be writing into private memory.
    ///
    /// Shape: what arrives is some mix of what stood there during the copy; check it afterwards, in `into`.
    ///
    /// # Panics
    /// If `span` is of another segment, or `into` has another length.
    #[inline]
    pub fn copy_out(&self, span: Span, into: &mut [u8]) {
        assert!(into.len() as u64 == span.len, "the room must have the span's length");
        let shared = self.at(span);
        // SAFETY: `at` checked the span against this mapping; `into` is a unique borrow of private memory.
        //   Breaks if: the file could shrink; it is sealed against that.
        unsafe { copy::copy_out(shared, into.as_mut_ptr(), into.len()) }
    }

    /// Appends bytes that a peer may be writing to `into`, without zeroing the room first; capacity is reused.
    ///
    /// # Panics
    /// If `span` is of another segment.
    #[inline]
    pub fn copy_out_vec(&self, span: Span, into: &mut Vec<u8>) {
        let shared = self.at(span);
        let len = span.len as usize;
        into.reserve(len);
        // SAFETY: `reserve` made room for `len` bytes past the current length, which belong to the vector alone;
        //   they are written before `set_len` counts them. The shared side is as in `copy_out`.
        unsafe {
            let end = into.as_mut_ptr().add(into.len());
            copy::copy_out(shared, end, len);
            into.set_len(into.len() + len);
        }
    }

    /// Copies private bytes into memory that a peer may be reading or writing.
    ///
    /// # Panics
    /// If `span` is of another segment, `from` has another length, or the segment is mapped for reading only.
    #[inline]
    pub fn copy_in(&self, span: Span, from: &[u8]) {
        assert!(from.len() as u64 == span.len, "the bytes must have the span's length");
        self.assert_writable();
        let shared = self.at(span);
        // SAFETY: `at` checked the span against this mapping, which is writable (above); `from` is private memory.
        unsafe { copy::copy_in(from.as_ptr(), shared, from.len()) }
    }

    /// Writes zeros over a range: before recycled room goes to another owner.
    ///
    /// # Panics
    /// If `span` is of another segment, or the segment is mapped for reading only.
    pub fn zero(&self, span: Span) {
        self.assert_writable();
        let shared = self.at(span);
        // SAFETY: `at` checked the span against this mapping, which is writable (above).
        unsafe { copy::zero(shared, span.len as usize) }
    }

    /// The aligned 32-bit word at byte `at`.
    ///
    /// # Panics
    /// If it is not aligned or not inside: `at` comes from our own layout, never from a peer.
    #[inline]
    pub fn word32(&self, at: usize) -> Word32<'_> {
        Word32::new(self, at)
    }

    /// The aligned 64-bit word at byte `at`.
    ///
    /// # Panics
    /// As `word32`.
    #[inline]
    pub fn word64(&self, at: usize) -> Word64<'_> {
        Word64::new(self, at)
    }

    /// Borrows bytes in place.
    ///
    /// # Safety
    /// No process, this one included, writes any byte of the span while the slice lives. For memory that a client
    /// can write nobody can promise that; use `copy_out`.
    ///
    /// # Panics
    /// If `span` is of another segment.
    pub unsafe fn slice(&self, span: Span) -> &[u8] {
        // SAFETY: `at` checked the range, it stays mapped while `self` lives, every bit pattern is a byte, and the
        //   caller promises that nobody writes it.
        unsafe { std::slice::from_raw_parts(self.at(span), span.len as usize) }
    }

    /// Borrows bytes in place for writing.
    ///
    /// # Safety
    /// No process reads or writes any byte of the span, except through this slice, while it lives.
    ///
    /// # Panics
    /// If `span` is of another segment, or the segment is mapped for reading only.
    #[expect(
        clippy::mut_from_ref,
        reason = "uniqueness of the span is the caller's promise, as for a raw pointer"
    )]
    pub unsafe fn slice_mut(&self, span: Span) -> &mut [u8] {
        self.assert_writable();
        // SAFETY: as in `slice`, and the mapping is writable (above); the caller promises that it is the only one.
        unsafe { std::slice::from_raw_parts_mut(self.at(span), span.len as usize) }
    }

    /// The first byte of the mapping, for system calls that read or write it in place.
    pub fn as_ptr(&self) -> *mut u8 {
        self.mapping.base().as_ptr()
    }

    /// The address of a span's first byte, checked once more against this segment.
    #[inline]
    fn at(&self, span: Span) -> *mut u8 {
        let bytes = self.bytes() as u64;
        assert!(span.offset <= bytes, "the span is of another segment");
        assert!(span.len <= bytes - span.offset, "the span is of another segment");
        // SAFETY: the offset is at most the mapping's length (above), so the pointer stays in it or one past it.
        unsafe { self.mapping.base().as_ptr().add(span.offset as usize) }
    }

    #[inline]
    fn assert_writable(&self) {
        assert!(self.access == Access::ReadWrite, "the segment is mapped for reading only");
    }
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Segment").field("bytes", &self.bytes()).field("access", &self.access).finish()
    }
}

/// Rounds up to whole pages, within the limit.
fn whole_pages(bytes: usize) -> Result<usize, SegmentError> {
    if bytes == 0 {
        return Err(SegmentError::Empty);
    }
    if bytes > SEGMENT_BYTES_MAX {
        return Err(SegmentError::TooLong { bytes, max: SEGMENT_BYTES_MAX });
    }
    Ok(bytes.next_multiple_of(rustix::param::page_size()))
}

fn refused_by_kernel(step: &'static str, bytes: usize, errno: Errno) -> SegmentError {
    match errno {
        Errno::NOMEM | Errno::NOSPC => SegmentError::NoMemory { bytes },
        _ => SegmentError::System { step, source: errno.into() },
    }
}
