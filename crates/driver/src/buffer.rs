//! Buffers of operations: memory that a driver owns until the operation has ended.
//!
//! Lives here: `IoBuffer`. From: whoever starts an operation moves it in. To: its completion moves it back.
//! Holds: the bytes stay where they are while the buffer moves; nobody borrows them while an operation has them, because
//! the operation has the buffer. Memory that another process may write is copied, never borrowed.

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;
use windlass_memory::{Access, Frozen, Segment, Span};

/// What a file opened around the page cache wants offsets, lengths and buffers to be multiples of, bytes.
pub const ALIGN: usize = 4096;

/// Memory for one operation, and the range of it that the operation is about.
pub struct IoBuffer {
    memory: Memory,
    range: Range<usize>,
    /// Whoever keeps the memory, if it is not the buffer itself; dropped after it.
    owner: Option<Box<dyn Any>>,
}

enum Memory {
    Bytes(Vec<u8>),
    Aligned(Pages),
    Shared(Arc<Segment>, Span),
    Frozen(Arc<Frozen>, Range<usize>),
    Lent(NonNull<u8>, usize),
}

/// Zeroed memory that begins at a multiple of `ALIGN`.
struct Pages {
    at: NonNull<u8>,
    layout: std::alloc::Layout,
}

// SAFETY: the pages are owned, like a `Box<[u8]>`.
unsafe impl Send for Pages {}

impl Pages {
    fn new(len: usize) -> Option<Self> {
        if windlass_memory::hooks::fails() {
            return None;
        }
        let layout = std::alloc::Layout::from_size_align(len.max(1), ALIGN).ok()?;
        // SAFETY: the layout has at least one byte.
        let at = NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) })?;
        Some(Self { at, layout })
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout, freed once.
        unsafe { std::alloc::dealloc(self.at.as_ptr(), self.layout) }
    }
}

impl IoBuffer {
    /// A vector: its bytes up to its length.
    pub fn from_vec(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        Self { memory: Memory::Bytes(bytes), range, owner: None }
    }

    /// Zeroed memory aligned for direct files. `None` when there is no memory.
    ///
    /// Units: `len` in bytes.
    pub fn aligned(len: usize) -> Option<Self> {
        Some(Self { memory: Memory::Aligned(Pages::new(len)?), range: 0..len, owner: None })
    }

    /// A vector of zeroes. `None` when there is no memory.
    pub fn zeroed(len: usize) -> Option<Self> {
        if windlass_memory::hooks::fails() {
            return None;
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).ok()?;
        bytes.resize(len, 0);
        Some(Self::from_vec(bytes))
    }

    /// Part of a segment that this process may write, or that only this process writes.
    pub fn shared(segment: Arc<Segment>, span: Span) -> Self {
        let range = 0..span.len() as usize;
        Self { memory: Memory::Shared(segment, span), range, owner: None }
    }

    /// Frozen memory: to be written from, in place, and never read into.
    pub fn frozen(memory: Arc<Frozen>) -> Self {
        let range = 0..memory.len();
        Self { memory: Memory::Frozen(memory, range.clone()), range, owner: None }
    }

    /// Part of frozen memory; `None` when it is not of the memory.
    pub fn frozen_part(memory: Arc<Frozen>, part: Range<usize>) -> Option<Self> {
        let range = 0..memory.get(part.clone())?.len();
        Some(Self { memory: Memory::Frozen(memory, part), range, owner: None })
    }

    /// Whether nothing can be read into it.
    pub fn is_read_only(&self) -> bool {
        match &self.memory {
            Memory::Shared(segment, _) => segment.access() == Access::Read,
            Memory::Frozen(..) => true,
            _ => false,
        }
    }

    /// Memory of somebody else's, kept by `owner`.
    ///
    /// # Safety
    /// `len` bytes at `at` stay valid, and in place, until `owner` is dropped, and nobody else of this process reads or
    /// writes them until this buffer is dropped or taken apart; for an operation that only reads from its buffer, others may
    /// read too.
    pub unsafe fn lent(at: NonNull<u8>, len: usize, owner: Box<dyn Any>) -> Self {
        Self { memory: Memory::Lent(at, len), range: 0..len, owner: Some(owner) }
    }

    /// The same, and `owner` is kept as long as the buffer.
    #[must_use]
    pub fn kept_by(mut self, owner: Box<dyn Any>) -> Self {
        self.owner = Some(owner);
        self
    }

    /// Takes the buffer apart: who kept its memory, if somebody else did.
    pub fn into_owner(self) -> Option<Box<dyn Any>> {
        self.owner
    }

    /// All its bytes, whatever the range.
    pub fn capacity(&self) -> usize {
        match &self.memory {
            Memory::Bytes(bytes) => bytes.len(),
            Memory::Aligned(pages) => pages.layout.size(),
            Memory::Shared(_, span) => span.len() as usize,
            Memory::Frozen(_, part) => part.len(),
            Memory::Lent(_, len) => *len,
        }
    }

    /// Bytes of the range.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether the range has no bytes.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// What an operation is about, counted from the memory's first byte.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// Makes operations be about this range; `false`, and nothing changes, when it does not lie in the memory.
    #[must_use]
    pub fn set_range(&mut self, range: Range<usize>) -> bool {
        let fits = range.start <= range.end && range.end <= self.capacity();
        if fits {
            self.range = range;
        }
        fits
    }

    /// The range's bytes, if they are this process's alone.
    pub fn as_slice(&self) -> Option<&[u8]> {
        match &self.memory {
            Memory::Shared(..) => None,
            // SAFETY: `range` lies in the memory, which is initialised and borrowed with `self`; nobody else has it.
            _ => Some(unsafe { std::slice::from_raw_parts(self.as_ptr(), self.range.len()) }),
        }
    }

    /// The range's bytes, to be written, if they are this process's alone.
    pub fn as_mut_slice(&mut self) -> Option<&mut [u8]> {
        match &self.memory {
            Memory::Shared(..) | Memory::Frozen(..) => None,
            // SAFETY: as in `as_slice`, and `self` is borrowed mutably.
            _ => Some(unsafe { std::slice::from_raw_parts_mut(self.as_mut_ptr(), self.range.len()) }),
        }
    }

    /// Copies `from` over the range's first bytes; answers how many fitted, 0 if nothing may be written there.
    pub fn fill(&mut self, from: &[u8]) -> usize {
        if self.is_read_only() {
            return 0;
        }
        let len = from.len().min(self.range.len());
        match &self.memory {
            Memory::Shared(segment, span) => {
                if let Some(part) = part_of(segment, *span, self.range.start, len) {
                    segment.copy_in(part, &from[..len]);
                }
            }
            _ => match self.as_mut_slice() {
                Some(bytes) => bytes[..len].copy_from_slice(&from[..len]),
                None => return 0,
            },
        }
        len
    }

    /// Copies the range out; shorter than the range when `into` is.
    pub fn copy_out(&self, into: &mut [u8]) -> usize {
        let len = into.len().min(self.range.len());
        match &self.memory {
            Memory::Shared(segment, span) => {
                if let Some(part) = part_of(segment, *span, self.range.start, len) {
                    segment.copy_out(part, &mut into[..len]);
                }
            }
            _ => {
                if let Some(bytes) = self.as_slice() {
                    into[..len].copy_from_slice(&bytes[..len]);
                }
            }
        }
        len
    }

    /// Takes a vector back; the others are copied out, all their bytes.
    pub fn into_vec(mut self) -> Vec<u8> {
        if let Memory::Bytes(bytes) = self.memory {
            return bytes;
        }
        self.range = 0..self.capacity();
        let mut bytes = vec![0; self.range.len()];
        self.copy_out(&mut bytes);
        bytes
    }

    /// Whether the range begins and ends at multiples of `ALIGN` in the process's memory.
    pub fn is_aligned(&self) -> bool {
        (self.as_ptr() as usize).is_multiple_of(ALIGN) && self.len().is_multiple_of(ALIGN)
    }

    /// Where the range begins. Backends that only read hand it to the kernel while they own the buffer.
    pub(crate) fn as_ptr(&self) -> *const u8 {
        let base = match &self.memory {
            Memory::Bytes(bytes) => bytes.as_ptr(),
            Memory::Aligned(pages) => pages.at.as_ptr(),
            Memory::Shared(segment, span) => segment.as_ptr().wrapping_add(span.offset() as usize),
            Memory::Frozen(frozen, part) => frozen.as_ptr().wrapping_add(part.start),
            Memory::Lent(at, _) => at.as_ptr(),
        };
        base.wrapping_add(self.range.start)
    }

    /// Where the range begins. Backends hand it to the kernel while they own the buffer.
    pub(crate) fn as_mut_ptr(&mut self) -> *mut u8 {
        match &mut self.memory {
            Memory::Bytes(bytes) => bytes.as_mut_ptr().wrapping_add(self.range.start),
            _ => self.as_ptr().cast_mut(),
        }
    }
}

fn part_of(segment: &Segment, span: Span, from: usize, len: usize) -> Option<Span> {
    segment.span(span.offset().checked_add(from as u64)?, len as u64).ok()
}

impl fmt::Debug for IoBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.memory {
            Memory::Bytes(_) => "a vector",
            Memory::Aligned(_) => "aligned pages",
            Memory::Shared(..) => "shared memory",
            Memory::Frozen(..) => "frozen memory",
            Memory::Lent(..) => "lent memory",
        };
        write!(f, "bytes {:?} of {kind}", self.range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_memory::Role;

    #[test]
    fn a_range_outside_the_memory_is_refused_and_changes_nothing() {
        let mut buffer = IoBuffer::from_vec(vec![7; 10]);
        assert!(!buffer.set_range(4..11));
        assert_eq!(buffer.range(), 0..10);
        assert!(buffer.set_range(4..6));
        assert_eq!(buffer.fill(&[1, 2, 3]), 2);
        assert_eq!(buffer.into_vec(), [7, 7, 7, 7, 1, 2, 7, 7, 7, 7]);
    }

    #[test]
    fn shared_memory_is_copied_and_never_borrowed() {
        let (segment, _fd) = Segment::create("test", 4096, Role::Heap).unwrap();
        let segment = Arc::new(segment);
        let span = segment.span(100, 8).unwrap();
        let mut buffer = IoBuffer::shared(segment.clone(), span);
        assert!(buffer.as_slice().is_none());
        assert!(buffer.set_range(2..6));
        assert_eq!(buffer.fill(b"abcdef"), 4);
        let mut seen = [0; 8];
        segment.copy_out(span, &mut seen);
        assert_eq!(&seen, b"\0\0abcd\0\0");
    }

    #[test]
    fn frozen_memory_is_read_and_never_written() {
        let frozen = Arc::new(Frozen::make("test", 100, |bytes| bytes.fill(7)).unwrap());
        assert!(IoBuffer::frozen_part(frozen.clone(), 90..101).is_none());
        let mut buffer = IoBuffer::frozen_part(frozen, 10..20).unwrap();
        assert_eq!(buffer.as_slice(), Some(&[7; 10][..]));
        assert!(buffer.as_mut_slice().is_none());
        assert_eq!(buffer.fill(&[1]), 0);
    }

    #[test]
    fn an_owner_is_kept_as_long_as_the_buffer_and_comes_back() {
        let owner = std::rc::Rc::new(5);
        let buffer = IoBuffer::from_vec(vec![1]).kept_by(Box::new(owner.clone()));
        assert_eq!(std::rc::Rc::strong_count(&owner), 2);
        let back = buffer.into_owner().unwrap().downcast::<std::rc::Rc<i32>>().unwrap();
        assert_eq!(**back, 5);
    }

    #[test]
    fn aligned_memory_is_aligned_and_zero() {
        let buffer = IoBuffer::aligned(8192).unwrap();
        assert!(buffer.is_aligned());
        assert!(buffer.as_slice().unwrap().iter().all(|byte| *byte == 0));
        assert!(IoBuffer::aligned(usize::MAX / 2).is_none());
    }
}
