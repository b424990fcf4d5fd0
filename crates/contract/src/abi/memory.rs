//! Memory that a node and its modules hold together: counted, immutable while anybody else holds it, freed by its maker.
//!
//! Lives here: `RawMemory` and `MemoryFunctions` (what crosses), `Memory` (a counted hold, for any thread), `Room` (the only
//! hold there is, so it may write), `MemoryFile` and `SpentFile` (the sealed file that large memory stands in, so that another
//! process can read it), `Item` (types that such memory can be seen as).
//! Holds: 64-byte aligned, born zeroed; `&mut` exists only while the count is one, and no second hold can appear meanwhile,
//! because a hold is made from a hold and the one there is borrowed. What a process may still read without a hold
//! (`MemoryFile::abandon`) is never written again.
//! Not here: who may have how much of it (`runtime/src/symbols`), what its bytes mean (`array`).

use crate::array::Dtype;
use crate::limits::SHARED_ALIGN;
use std::alloc::Layout;
use std::any::Any;
use std::ffi::c_void;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use windlass_memory::{Role, Segment, SegmentError};

/// A hold as it crosses: three words of its maker's, and what to call with the third.
#[repr(C)]
pub struct RawMemory {
    /// First byte; null = no memory.
    pub ptr: *mut u8,
    /// Bytes.
    pub len: usize,
    /// The maker's count.
    pub held: *const c_void,
    /// The maker's functions, valid for ever.
    pub functions: *const MemoryFunctions,
}

/// What the maker of shared memory can be asked, from any thread.
#[repr(C)]
pub struct MemoryFunctions {
    /// One hold more.
    pub keep: unsafe extern "C" fn(*const c_void),
    /// One hold less; the last frees.
    pub release: unsafe extern "C" fn(*const c_void),
    /// 1 when there is one hold.
    pub is_unique: unsafe extern "C" fn(*const c_void) -> u32,
}

/// A hold on shared memory. Clones are holds on the same bytes; the last frees them.
pub struct Memory {
    at: NonNull<u8>,
    len: usize,
    held: *const c_void,
    functions: &'static MemoryFunctions,
}

// SAFETY: the bytes are only read while more than one hold exists, and `MemoryFunctions` may be called from any thread.
unsafe impl Send for Memory {}
// SAFETY: as above; shared references only read.
unsafe impl Sync for Memory {}

/// A sealed memory file that this process alone can write, and another one can read once it was given the descriptor.
///
/// Whoever has this value has the bytes, all of them zero; memory over it takes it.
#[derive(Debug)]
pub struct MemoryFile {
    segment: Segment,
    fd: OwnedFd,
    /// The session that it was reserved for.
    owner: u64,
    shown: AtomicBool,
    abandoned: AtomicBool,
}

impl MemoryFile {
    /// A file of at least so many bytes, zeroed, for a session. Its pages come when they are touched.
    ///
    /// Cost: five system calls.
    ///
    /// # Errors
    /// `SegmentError`: the machine has no memory or no descriptor for it.
    pub fn create(bytes: usize, owner: u64) -> Result<Self, SegmentError> {
        let (segment, fd) = Segment::create_sparse("windlass-memory", bytes, Role::Result)?;
        Ok(Self { segment, fd, owner, shown: AtomicBool::new(false), abandoned: AtomicBool::new(false) })
    }
    /// Its bytes, whole pages.
    pub fn bytes(&self) -> usize {
        self.segment.bytes()
    }
    /// The session that it was reserved for.
    pub fn owner(&self) -> u64 {
        self.owner
    }
    /// Whether its descriptor was given away.
    pub fn was_shown(&self) -> bool {
        self.shown.load(Ordering::Acquire)
    }
    /// The descriptor, to be given to a process that may read all of it from now on.
    pub fn show(&self) -> BorrowedFd<'_> {
        self.shown.store(true, Ordering::Release);
        self.fd.as_fd()
    }
    /// A process that reads it has gone without a word, and may read on: nobody writes these bytes any more.
    pub fn abandon(&self) {
        // ORDER: whoever calls this has a hold, whose end `is_unique` acquires; so whoever is alone afterwards sees it.
        self.abandoned.store(true, Ordering::Release);
    }
    /// Memory over its first bytes; `then` gets the file when the last hold has gone. `None` when it is shorter.
    pub fn into_room(self, len: usize, then: impl FnOnce(SpentFile) + Send + Sync + 'static) -> Option<Room> {
        if len > self.bytes() {
            return None;
        }
        let at = NonNull::new(self.segment.as_ptr())?;
        Some(Block::File(Some((self, Box::new(then)))).room(at, len))
    }
}

/// A file whose memory has no holder any more.
#[derive(Debug)]
pub struct SpentFile(MemoryFile);

impl SpentFile {
    /// Its bytes, whole pages.
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }
    /// Whether it is worth keeping for another symbol: its pages are there, and its descriptor was not given away.
    pub fn is_useful(&self) -> bool {
        !self.0.was_shown() && Segment::is_dense(self.0.fd.as_fd())
    }
    /// The same file for another session, zeroed; `None` once its descriptor was given away, because somebody may still read it.
    ///
    /// Cost: the zeroing of pages that are there, far less than new ones take.
    pub fn renewed(self, owner: u64) -> Option<MemoryFile> {
        let file = self.soiled(owner)?;
        let all = file.segment.span(0, file.segment.bytes() as u64).ok()?;
        file.segment.zero(all);
        Some(file)
    }
    /// The same, with what the symbol before has left in it: for a `LateRoom` with `Soil::Soiled`, which nobody reads before it is zeroed.
    pub fn soiled(self, owner: u64) -> Option<MemoryFile> {
        let mut file = self.0;
        file.owner = owner;
        (!file.was_shown()).then_some(file)
    }
}

type Then = Box<dyn FnOnce(SpentFile) + Send + Sync>;

/// What this side allocates, inside an `Arc` whose count is the number of holds.
enum Block {
    /// Memory of this process, and what is to happen when it goes: a charge that returns.
    Heap { at: NonNull<u8>, layout: Layout, _guard: Box<dyn Any + Send + Sync> },
    /// A file, and who gets it back; `None` while that happens.
    File(Option<(MemoryFile, Then)>),
}

// SAFETY: a block owns its allocation or its file, and what is to happen when it goes may go to any thread.
unsafe impl Send for Block {}
// SAFETY: nothing reads or writes bytes through `&Block`; a file's flags are atomic.
unsafe impl Sync for Block {}

impl Block {
    fn room(self, at: NonNull<u8>, len: usize) -> Room {
        Room(Memory { at, len, held: Arc::into_raw(Arc::new(self)).cast(), functions: &OURS })
    }
    fn may_be_written(&self) -> bool {
        match self {
            Self::File(Some((file, _))) => !file.abandoned.load(Ordering::Acquire),
            Self::Heap { .. } | Self::File(None) => true,
        }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        match self {
            // SAFETY: allocated in `Memory::allocate` with this layout, freed once.
            Self::Heap { at, layout, .. } => unsafe { std::alloc::dealloc(at.as_ptr(), *layout) },
            Self::File(held) => {
                if let Some((file, then)) = held.take() {
                    then(SpentFile(file));
                }
            }
        }
    }
}

static OURS: MemoryFunctions = MemoryFunctions { keep, release, is_unique };

unsafe extern "C" fn keep(held: *const c_void) {
    // SAFETY: `held` came from `Arc::into_raw` of a `Block` that a hold keeps alive.
    unsafe { Arc::increment_strong_count(held.cast::<Block>()) }
}
unsafe extern "C" fn release(held: *const c_void) {
    // SAFETY: as in `keep`; the caller gives up its own count.
    unsafe { Arc::decrement_strong_count(held.cast::<Block>()) }
}
unsafe extern "C" fn is_unique(held: *const c_void) -> u32 {
    // SAFETY: as in `keep`; the caller's hold stays counted, so the value made here is not dropped.
    let mut block = std::mem::ManuallyDrop::new(unsafe { Arc::from_raw(held.cast::<Block>()) });
    // ORDER: `Arc::get_mut` acquires what a hold that went released, so writes that follow come after its reads.
    u32::from(Arc::get_mut(&mut block).is_some_and(|block| block.may_be_written()))
}

impl Memory {
    /// Zeroed memory; `guard` is dropped when the last hold goes. `None` when there is no memory.
    ///
    /// For the node, which admits the bytes first, and for tests; methods ask `Symbols::reserve`.
    /// Units: `len` in bytes.
    pub fn allocate(len: usize, guard: Box<dyn Any + Send + Sync>) -> Option<Room> {
        let layout = Layout::from_size_align(len.max(1), SHARED_ALIGN).ok()?;
        // SAFETY: the layout has at least one byte.
        let at = NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) })?;
        Some(Block::Heap { at, layout, _guard: guard }.room(at, len))
    }

    /// The file that it stands in, if this side made it in one.
    pub fn file(&self) -> Option<&MemoryFile> {
        if !std::ptr::eq(self.functions, &raw const OURS) {
            return None;
        }
        // SAFETY: functions of ours stand beside a count of ours: `held` came from `Arc::into_raw` of a `Block`, which this hold
        //   keeps alive for as long as it is borrowed; nobody changes a block that is held.
        match unsafe { &*self.held.cast::<Block>() } {
            Block::File(Some((file, _))) => Some(file),
            Block::Heap { .. } | Block::File(None) => None,
        }
    }

    /// Hands the hold over.
    pub(crate) fn into_raw(self) -> RawMemory {
        let this = std::mem::ManuallyDrop::new(self);
        RawMemory { ptr: this.at.as_ptr(), len: this.len, held: this.held, functions: this.functions }
    }

    /// The bytes as values of `T`, as many as are whole.
    ///
    /// For `bool` the bytes must be 0 or 1: `Array` holds that.
    pub(crate) fn typed<T: Item>(&self) -> &[T] {
        // SAFETY: 64-byte aligned, initialised, live while `self` is; any bits are a value of `T`, and for `bool` the one caller,
        //   `Array`, proved them. Breaks if: an `Array` is made without that proof.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr().cast(), self.len / size_of::<T>()) }
    }

    /// The bytes to write, if this is the only hold.
    pub fn get_mut(&mut self) -> Option<&mut [u8]> {
        // SAFETY: `held` is this hold's own count.
        let unique = unsafe { (self.functions.is_unique)(self.held) } == 1;
        // SAFETY: the only hold, borrowed mutably: nobody else reads or writes, and nobody can make another hold.
        unique.then(|| unsafe { std::slice::from_raw_parts_mut(self.at.as_ptr(), self.len) })
    }

    /// The hold as one that may write; itself again when there are others.
    ///
    /// # Errors
    /// `Err(self)` while others hold the memory.
    pub fn into_room(self) -> Result<Room, Self> {
        // SAFETY: `held` is this hold's own count.
        if unsafe { (self.functions.is_unique)(self.held) } == 1 { Ok(Room(self)) } else { Err(self) }
    }
}

impl RawMemory {
    /// No memory.
    pub const fn none() -> Self {
        Self { ptr: std::ptr::null_mut(), len: 0, held: std::ptr::null(), functions: std::ptr::null() }
    }

    /// Takes the hold over; `None` when there is none.
    ///
    /// # Safety
    /// The three words and the functions are of one maker, and the hold is the caller's to take, once.
    pub unsafe fn take(&mut self) -> Option<Memory> {
        let raw = std::mem::replace(self, Self::none());
        // SAFETY: the caller's promise.
        let functions = unsafe { raw.functions.as_ref() }?;
        Some(Memory { at: NonNull::new(raw.ptr)?, len: raw.len, held: raw.held, functions })
    }
}

impl From<Memory> for RawMemory {
    fn from(shared: Memory) -> Self {
        shared.into_raw()
    }
}

impl Clone for Memory {
    fn clone(&self) -> Self {
        // SAFETY: this hold keeps the count alive; the new value owns the one that is added.
        unsafe { (self.functions.keep)(self.held) }
        Self { ..*self.alias() }
    }
}

impl Memory {
    // The same words, without a count.
    fn alias(&self) -> std::mem::ManuallyDrop<Self> {
        std::mem::ManuallyDrop::new(Self {
            at: self.at,
            len: self.len,
            held: self.held,
            functions: self.functions,
        })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: this hold's own count, given up once.
        unsafe { (self.functions.release)(self.held) }
    }
}

impl Deref for Memory {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: `len` initialised bytes, live while this hold is, written by nobody while a shared borrow of a hold exists.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr(), self.len) }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} shared bytes", self.len)
    }
}

/// Memory that has one hold: it may be written until it is frozen into a `Memory`.
#[derive(Debug)]
pub struct Room(Memory);

impl Room {
    /// Nobody writes it any more.
    pub fn freeze(self) -> Memory {
        self.0
    }

    /// How many.
    pub(crate) fn bytes(&self) -> usize {
        self.0.len
    }

    /// Zeroes some bytes.
    ///
    /// # Safety
    /// They lie in the room, and there is no reference to them.
    pub(super) unsafe fn zero(&self, at: usize, len: usize) {
        debug_assert!(at + len <= self.0.len);
        // SAFETY: the caller's promise; a room is the only hold, so that nobody else reads or writes.
        unsafe { std::ptr::write_bytes(self.0.at.as_ptr().add(at), 0, len) }
    }

    pub(crate) fn typed<T: Item>(&self) -> &[T] {
        self.0.typed()
    }

    /// The bytes as values of `T`. Memory of `bool` is born zeroed and written through this alone, or proved (`Array::new`).
    pub(crate) fn typed_mut<T: Item>(&mut self) -> &mut [T] {
        // SAFETY: as in `Memory::typed`, and the only hold, borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.0.at.as_ptr().cast(), self.0.len / size_of::<T>()) }
    }
}

impl Deref for Room {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Room {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: a room is the only hold (`allocate`, `into_room`), and it is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.0.at.as_ptr(), self.0.len) }
    }
}

/// A type that array memory can be seen as: of a fixed size, without padding, aligned to 64 bytes or less.
pub trait Item:
    crate::array::Value
    + crate::commands::Answer<Wire = crate::array::Scalar>
    + Copy
    + Default
    + Send
    + Sync
    + 'static
    + sealed::Sealed
{
    /// Its dtype.
    const DTYPE: Dtype;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! items {
    ($($rust:ty => $dtype:ident),* $(,)?) => {
        $(impl sealed::Sealed for $rust {}
        impl Item for $rust {
            const DTYPE: Dtype = Dtype::$dtype;
        })*
    };
}

items! {
    i8 => Int8, i16 => Int16, i32 => Int32, i64 => Int64, u8 => UInt8, u16 => UInt16, u32 => UInt32, u64 => UInt64,
    f32 => Float32, f64 => Float64, bool => Bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_aligned_zeroed_and_writable_only_by_its_one_holder() {
        let gone = Arc::new(());
        let mut room = Memory::allocate(100, Box::new(gone.clone())).unwrap();
        assert!((room.as_ptr() as usize).is_multiple_of(SHARED_ALIGN) && room.iter().all(|byte| *byte == 0));
        room[99] = 7;
        let mut one = room.freeze();
        let two = one.clone();
        assert!(one.get_mut().is_none());
        assert_eq!(two[99], 7);
        let one = one.into_room().unwrap_err();
        drop(one);
        let mut two = two.into_room().unwrap();
        two[99] = 8;
        let mut raw = RawMemory::from(two.freeze());
        // SAFETY: the hold that was just made, taken once.
        let back = unsafe { raw.take() }.unwrap();
        assert_eq!((back[99], Arc::strong_count(&gone)), (8, 2));
        drop(back);
        assert_eq!(Arc::strong_count(&gone), 1);
        // SAFETY: it was taken; nothing is left.
        assert!(unsafe { raw.take() }.is_none());
    }

    #[test]
    fn memory_in_a_file_comes_back_zeroed_unless_somebody_may_read_it() {
        use std::sync::Mutex;
        let back = Arc::new(Mutex::new(None));
        let over = |file: MemoryFile| {
            let back = back.clone();
            file.into_room(5000, move |file| *back.lock().unwrap() = Some(file)).unwrap()
        };
        let mut room = over(MemoryFile::create(5000, 7).unwrap());
        assert!(room.len() == 5000 && room.iter().all(|byte| *byte == 0));
        room.fill(9);
        let memory = room.freeze();
        assert_eq!(memory.file().map(MemoryFile::owner), Some(7));
        let other = memory.clone();
        assert!(other.into_room().is_err());
        drop(memory);
        let file: SpentFile = back.lock().unwrap().take().unwrap();
        assert!(file.is_useful());
        let mut room = over(file.renewed(8).unwrap());
        assert!(room.iter().all(|byte| *byte == 0));
        room.fill(1);
        let memory = room.freeze();
        memory.file().unwrap().show();
        // Shown, and given back: it is written in place again, but no other memory is made of it.
        let memory = memory.into_room().unwrap().freeze();
        memory.file().unwrap().abandon();
        assert!(memory.into_room().is_err(), "a reader went without a word");
        let file = back.lock().unwrap().take().unwrap();
        assert!(!file.is_useful() && file.renewed(9).is_none());
        drop(over(MemoryFile::create(1 << 20, 7).unwrap()));
        assert!(!back.lock().unwrap().take().unwrap().is_useful(), "its pages were never there");
        assert!(Memory::allocate(1, Box::new(())).unwrap().freeze().file().is_none());
        assert!(MemoryFile::create(100, 0).unwrap().into_room(1 << 20, drop).is_none());
    }
}
