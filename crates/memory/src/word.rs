//! Words: single aligned integers inside a mapping, each with one writer.
//!
//! Lives here: `Word32`, `Word64` (borrowed), `OwnWord`, `PeerWord` (counted: they keep their segment mapped) and
//!   `MappedCells`, the words of a ring.
//! Holds: a word is read whole; ordering comes from a fence after a relaxed load, because an acquiring load may
//!   not be made on memory that is mapped for reading only; a word of a read-only mapping is never stored to.
//! Not here: what the words mean (`words.rs`, `ring.rs`, `park.rs`).

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::futex;

use crate::cells::{Bell, Cells, ENTRY_BYTES, ENTRY_WORDS, Sleeper, Slept, Word, WordMut};
use crate::segment::{Access, Segment};

/// A 32-bit word inside a segment.
#[derive(Clone, Copy)]
pub struct Word32<'a> {
    word: &'a AtomicU32,
    access: Access,
}

/// A 64-bit word inside a segment.
#[derive(Clone, Copy)]
pub struct Word64<'a> {
    word: &'a AtomicU64,
    access: Access,
}

/// The address of an aligned `T` at byte `at`, or a panic: offsets of words are ours, never a peer's.
fn place<T>(segment: &Segment, at: usize) -> NonNull<T> {
    assert!(at.is_multiple_of(align_of::<T>()), "a word stands at a multiple of its size");
    assert!(segment.bytes() >= size_of::<T>(), "a word lies inside its segment");
    assert!(at <= segment.bytes() - size_of::<T>(), "a word lies inside its segment");
    // SAFETY: `at` is inside the mapping (above), so the sum neither leaves it nor is null.
    unsafe { NonNull::new_unchecked(segment.as_ptr().add(at).cast::<T>()) }
}

impl<'a> Word32<'a> {
    pub(crate) fn new(segment: &'a Segment, at: usize) -> Word32<'a> {
        // SAFETY: `place` checked alignment and range; the mapping outlives the borrow of its segment; the other
        //   process changes the word only as a whole, and all access here is atomic.
        Word32 { word: unsafe { place::<AtomicU32>(segment, at).as_ref() }, access: segment.access() }
    }

    /// Reads it; what its writer did before storing the value is visible afterwards.
    #[inline]
    pub fn load(self) -> u32 {
        let value = self.word.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        value
    }

    /// Stores it; what this thread did before is visible to whoever reads the value.
    ///
    /// # Panics
    /// If the segment is mapped for reading only.
    #[inline]
    pub fn store(self, value: u32) {
        assert!(self.access == Access::ReadWrite, "this word belongs to the other side");
        self.word.store(value, Ordering::Release);
    }
}

impl<'a> Word64<'a> {
    pub(crate) fn new(segment: &'a Segment, at: usize) -> Word64<'a> {
        // SAFETY: as in `Word32::new`.
        Word64 { word: unsafe { place::<AtomicU64>(segment, at).as_ref() }, access: segment.access() }
    }

    /// As `Word32::load`.
    #[inline]
    pub fn load(self) -> u64 {
        let value = self.word.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        value
    }

    /// As `Word32::store`.
    ///
    /// # Panics
    /// If the segment is mapped for reading only.
    #[inline]
    pub fn store(self, value: u64) {
        assert!(self.access == Access::ReadWrite, "this word belongs to the other side");
        self.word.store(value, Ordering::Release);
    }
}

/// A counted place in a segment: keeps the mapping alive, so the pointer stays good.
struct Place<T> {
    word: NonNull<T>,
    segment: Arc<Segment>,
}

impl<T> Place<T> {
    fn new(segment: &Arc<Segment>, at: usize) -> Place<T> {
        Place { word: place(segment, at), segment: Arc::clone(segment) }
    }
}

impl<T> Clone for Place<T> {
    fn clone(&self) -> Place<T> {
        Place { word: self.word, segment: Arc::clone(&self.segment) }
    }
}

impl Place<AtomicU32> {
    #[inline(always)]
    fn get(&self) -> &AtomicU32 {
        // SAFETY: checked by `place` when made, and `segment` keeps the mapping. Breaks if: the `Arc` were dropped
        //   before the pointer; both live and die in this struct.
        unsafe { self.word.as_ref() }
    }
}

// SAFETY: the pointer leads to an atomic word in a mapping that the `Arc` keeps, usable from any thread.
unsafe impl<T: Sync> Send for Place<T> {}
// SAFETY: as for `Send`.
unsafe impl<T: Sync> Sync for Place<T> {}

/// A word that this side writes and the other side reads.
#[derive(Clone)]
pub struct OwnWord(Place<AtomicU32>);

/// A word that the other side writes: it may hold anything.
#[derive(Clone)]
pub struct PeerWord(Place<AtomicU32>);

impl OwnWord {
    /// The word at byte `at` of a segment this process may write.
    ///
    /// # Panics
    /// If the segment is mapped for reading only, or `at` is not an aligned place inside it.
    pub fn new(segment: &Arc<Segment>, at: usize) -> OwnWord {
        assert!(segment.access() == Access::ReadWrite, "an own word needs a writable mapping");
        OwnWord(Place::new(segment, at))
    }
}

impl PeerWord {
    /// The word at byte `at` of a segment.
    ///
    /// # Panics
    /// If `at` is not an aligned place inside it.
    pub fn new(segment: &Arc<Segment>, at: usize) -> PeerWord {
        PeerWord(Place::new(segment, at))
    }
}

impl Word for OwnWord {
    #[inline(always)]
    fn load(&self) -> u32 {
        self.0.get().load(Ordering::Relaxed)
    }
}

impl WordMut for OwnWord {
    #[inline(always)]
    fn store(&self, value: u32) {
        self.0.get().store(value, Ordering::Release);
    }
}

impl Bell for OwnWord {
    fn wake(&self) {
        // The sleepers are in another process, so the futex is a shared one. Waking cannot fail on a mapped word.
        let woken = futex::wake(self.0.get(), futex::Flags::empty(), i32::MAX as u32);
        debug_assert!(woken.is_ok(), "waking an own word failed: {woken:?}");
    }
}

impl Word for PeerWord {
    #[inline(always)]
    fn load(&self) -> u32 {
        self.0.get().load(Ordering::Relaxed)
    }
}

impl Sleeper for PeerWord {
    fn sleep(&self, seen: u32, timeout: Option<Duration>) -> Slept {
        let timeout = timeout.and_then(|timeout| {
            // A time too long for the kernel's type is for ever.
            Some(futex::Timespec {
                tv_sec: timeout.as_secs().try_into().ok()?,
                tv_nsec: timeout.subsec_nanos().into(),
            })
        });
        match futex::wait(self.0.get(), futex::Flags::empty(), seen, timeout.as_ref()) {
            Err(Errno::TIMEDOUT) => Slept::TimedOut,
            Err(Errno::AGAIN) => Slept::Changed,
            // Woken, or interrupted by a signal: either way the caller looks again.
            _ => Slept::Woken,
        }
    }
}

/// The entries of a ring in a segment: `depth` times eight 64-bit words.
pub struct MappedCells {
    place: Place<AtomicU64>,
    mask: usize,
}

impl MappedCells {
    /// The `depth` entries from byte `at`.
    ///
    /// # Panics
    /// If `depth` is not a power of two, or the range is not aligned or not inside the segment: `ring.rs` checked.
    pub(crate) fn new(segment: &Arc<Segment>, at: usize, depth: u32) -> MappedCells {
        assert!(depth.is_power_of_two(), "a position is masked to its entry");
        assert!(segment.span(at as u64, u64::from(depth) * ENTRY_BYTES).is_ok(), "a ring lies inside its segment");
        MappedCells { place: Place::new(segment, at), mask: depth as usize - 1 }
    }

    #[inline(always)]
    fn cell(&self, position: u32, word: usize) -> &AtomicU64 {
        let at = (position as usize & self.mask) * ENTRY_WORDS + word % ENTRY_WORDS;
        // SAFETY: both masks keep `at` below `depth * 8`, the count of words that `new` found inside the mapping and
        //   aligned; `place` keeps it mapped. Breaks if: `mask` changed after `new`.
        unsafe { self.place.word.add(at).as_ref() }
    }
}

impl Cells for MappedCells {
    fn depth(&self) -> u32 {
        self.mask as u32 + 1
    }

    fn is_writable(&self) -> bool {
        self.place.segment.access() == Access::ReadWrite
    }

    #[inline(always)]
    fn load(&self, position: u32, word: usize) -> u64 {
        self.cell(position, word).load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn store(&self, position: u32, word: usize, value: u64) {
        debug_assert!(self.is_writable(), "only a producer stores, and its ring was writable");
        self.cell(position, word).store(value, Ordering::Relaxed);
    }

    #[inline(always)]
    fn publish(&self, position: u32, word: usize, value: u64) {
        debug_assert!(self.is_writable(), "only a producer stores, and its ring was writable");
        self.cell(position, word).store(value, Ordering::Release);
    }
}
