//! Buffers as a method sees them: the type says how the bytes arrive.
//!
//! Lives here: `In`, `Out`, `InOut` over `Bytes` (a true slice) or `SharedBytes` (memory its owner may be writing).
//! From: the raw buffers of a call. To: the method, for the length of the call.
//! Holds: a `&[u8]` exists only over bytes that nobody writes; shared memory is copied in and out, never referenced.
use crate::abi::{Filling, RawBuffer};
use crate::head::{BufferKind, Direction};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// Bytes behind a true slice: copied on arrival, frozen, or room the node lent.
pub enum Bytes {}
/// Live memory of the caller, in place.
pub enum SharedBytes {}

/// How the bytes of a buffer arrive.
pub trait Kind: sealed::Sealed {
    /// As in a buffer entry.
    const KIND: BufferKind;
}
impl Kind for Bytes {
    const KIND: BufferKind = BufferKind::Bytes;
}
impl Kind for SharedBytes {
    const KIND: BufferKind = BufferKind::Shared;
}
mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Bytes {}
    impl Sealed for super::SharedBytes {}
}

/// A buffer parameter, for macro output: what it is, and how it is made from the raw record.
pub trait Parameter<'a>: Sized {
    /// Which way.
    const DIRECTION: Direction;
    /// How.
    const KIND: BufferKind;
    /// Takes the raw buffer, if it is of this direction and kind.
    fn take(raw: &'a RawBuffer) -> Option<Self>;
}

macro_rules! buffer {
    ($(#[$doc:meta])* $name:ident $direction:ident) => {
        $(#[$doc])*
        pub struct $name<'a, K: Kind> {
            filling: Filling<'a>,
            kind: PhantomData<K>,
        }

        impl<'a, K: Kind> Parameter<'a> for $name<'a, K> {
            const DIRECTION: Direction = Direction::$direction;
            const KIND: BufferKind = K::KIND;
            fn take(raw: &'a RawBuffer) -> Option<Self> {
                raw.is(Direction::$direction, K::KIND).then(|| Self { filling: Filling::new(raw), kind: PhantomData })
            }
        }

        impl<K: Kind> $name<'_, K> {
            pub(crate) fn raw(&self) -> &RawBuffer {
                self.filling.raw()
            }
            /// Whether the memory begins at a multiple of 4096, as a file opened `direct` needs it.
            pub fn is_aligned(&self) -> bool {
                self.filling.raw().is_aligned()
            }
            /// Bytes of the buffer.
            pub fn len(&self) -> usize {
                self.filling.raw().len()
            }
            /// Whether it has no bytes.
            pub fn is_empty(&self) -> bool {
                self.filling.raw().is_empty()
            }
        }

        impl<K: Kind> fmt::Debug for $name<'_, K> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} of {} bytes", stringify!($name), self.len())
            }
        }

        impl Deref for $name<'_, Bytes> {
            type Target = [u8];
            fn deref(&self) -> &[u8] {
                self.filling.bytes()
            }
        }

        impl $name<'_, SharedBytes> {
            /// Copies bytes out, from `offset` on; answers how many (fewer at the end). The owner may be writing them.
            pub fn read_at(&self, offset: usize, into: &mut [u8]) -> usize {
                self.filling.raw().read_at(offset, into)
            }
            /// Copies all bytes out; when memory is out, the process ends. See `try_to_vec`.
            pub fn to_vec(&self) -> Vec<u8> {
                let mut bytes = vec![0; self.len()];
                self.read_at(0, &mut bytes);
                bytes
            }
            /// Copies all bytes out; `None` when there is no memory for as many as the caller sent.
            pub fn try_to_vec(&self) -> Option<Vec<u8>> {
                let mut bytes = Vec::new();
                bytes.try_reserve_exact(self.len()).ok()?;
                bytes.resize(self.len(), 0);
                self.read_at(0, &mut bytes);
                Some(bytes)
            }
        }
    };
}

macro_rules! writable {
    ($name:ident) => {
        impl<K: Kind> $name<'_, K> {
            /// Says that the first `bytes` are used; more than there are counts as all.
            pub fn set_len(&mut self, bytes: usize) {
                self.filling.raw().set_used(bytes as u64);
            }
        }
        impl DerefMut for $name<'_, Bytes> {
            fn deref_mut(&mut self) -> &mut [u8] {
                self.filling.bytes_mut()
            }
        }
        impl $name<'_, SharedBytes> {
            /// Copies bytes in, from `offset` on; answers how many fitted.
            pub fn write_at(&mut self, offset: usize, from: &[u8]) -> usize {
                self.filling.raw().write_at(offset, from)
            }
        }
    };
}

buffer! {
    /// The caller's bytes, read by the method.
    In In
}
buffer! {
    /// Room that the method fills. Say how much with `set_len`; nothing is used until then.
    Out Out
}
buffer! {
    /// The caller's bytes, changed by the method. All of them are used unless `set_len` says less.
    InOut InOut
}
writable!(Out);
writable!(InOut);

impl Out<'_, Bytes> {
    /// Copies `from` to the front and says that it is used; `None` when the room is too small.
    pub fn fill(&mut self, from: &[u8]) -> Option<()> {
        self.get_mut(..from.len())?.copy_from_slice(from);
        self.set_len(from.len());
        Some(())
    }
}
