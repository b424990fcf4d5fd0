//! Providing: what a node and a process that serves a pool say to each other.
//!
//! Lives here: the four methods that every served pool has besides its own (`hold`, `next`, `fetch`, `give`), and the shapes of
//!   what they carry: `Key`, `Told`, `Invocation`, `Given`.
//! From: the node's `host::relay`, and the client's `provide`. To: each other, as the arguments and replies of ordinary calls, so
//!   that served pools need no bytes of their own on any way.
//! Holds: whoever calls these methods shows the key with which the pool was made. An invocation is answered once; what is answered
//!   after its caller has given it up is dropped.
//! Not here: who runs the methods.

use crate::admin::PoolFacts;
use crate::head::{BufferKind, Direction};
use crate::schema::{Described, Schema};
use crate::{Fault, MethodId, MethodRef, admin};
use serde::{Deserialize, Serialize};

/// The lowest number that no module's own method may have.
pub const RESERVED_FIRST: u32 = 0xFFFF_FF00;
/// Number of `hold`.
pub const HOLD: MethodId = MethodId(RESERVED_FIRST);
/// Number of `next`.
pub const NEXT: MethodId = MethodId(RESERVED_FIRST + 1);
/// Number of `fetch`.
pub const FETCH: MethodId = MethodId(RESERVED_FIRST + 2);
/// Number of `give`.
pub const GIVE: MethodId = MethodId(RESERVED_FIRST + 3);

/// Whether a number is one of the four.
#[inline]
pub const fn is_reserved(method: MethodId) -> bool {
    method.0 >= RESERVED_FIRST
}

/// Shows that a call comes from whoever provides the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key(pub u64, pub u64);

/// What `next` is answered with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Told {
    /// A call to run.
    Run(Invocation),
    /// The caller of this one has given it up: what runs is to end, and is not to be answered.
    Cancel(u64),
}

/// A call to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    /// Its number, by which it is answered.
    pub number: u64,
    /// The method.
    pub method: MethodId,
    /// The hash of the method's schema that the caller knows.
    pub schema: u64,
    /// The arguments in postcard.
    pub arguments: Vec<u8>,
    /// Its buffers, in order.
    pub buffers: Vec<Piece>,
    /// Nanoseconds that it may take, if it has a deadline.
    pub time_left_ns: Option<u64>,
}

/// A buffer of a call to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Which way.
    pub direction: Direction,
    /// How its bytes arrive.
    pub kind: BufferKind,
    /// Bytes, or room in bytes.
    pub length: u64,
    /// Its bytes, if it brings any and they are few; else `fetch` brings them.
    pub inline: Option<Vec<u8>>,
}

/// The answer to a call that was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// Its number.
    pub number: u64,
    /// The reply in postcard, or why there is none.
    pub outcome: Result<Vec<u8>, Fault>,
    /// What became of its buffers, in order; none with a Fault.
    pub filled: Vec<Filled>,
}

/// What became of a buffer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filled {
    /// Bytes used.
    pub used: u64,
    /// The bytes, if they are few; else `give` has brought them.
    pub inline: Option<Vec<u8>>,
}

/// Bytes of a buffer that travel with its call, at most; longer ones are fetched and given one by one.
pub const INLINE_BYTES_MAX: u64 = 4096;

/// `hold(key)`: lasts as long as the service. When it ends, so does the pool.
pub fn hold() -> MethodRef {
    admin::of_any_module(HOLD, "hold", &[("key", Schema::Bytes)], &Schema::Unit)
}

/// `next(key, given) -> bytes`: answers the call that was run before (postcard of `Given`; nothing: there is none), then waits for
/// the next (postcard of `Told`).
pub fn next() -> MethodRef {
    let values = [("key", Schema::Bytes), ("given", Schema::Bytes)];
    admin::of_any_module(NEXT, "next", &values, &Schema::Bytes)
}

/// `fetch(key, number, buffer, data: Out) -> u64`: the bytes that a buffer of a call brings.
pub fn fetch() -> MethodRef {
    admin::of_any_module(
        FETCH,
        "fetch",
        &[("key", Schema::Bytes), ("number", Schema::U64), ("buffer", Schema::U32)],
        &Schema::U64,
    )
}

/// `give(key, number, buffer, data: In)`: the bytes that a buffer of a call takes.
pub fn give() -> MethodRef {
    admin::of_any_module(
        GIVE,
        "give",
        &[("key", Schema::Bytes), ("number", Schema::U64), ("buffer", Schema::U32)],
        &Schema::Unit,
    )
}

impl Key {
    /// As an argument.
    pub fn bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.0.to_le_bytes());
        bytes[8..].copy_from_slice(&self.1.to_le_bytes());
        bytes
    }

    /// Of such an argument; one that is no key fits no pool.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let (first, second) = bytes.split_at_checked(8)?;
        Some(Self(u64::from_le_bytes(first.try_into().ok()?), u64::from_le_bytes(second.try_into().ok()?)))
    }
}

/// `admin.provide_pool(name: str, descriptor: bytes, parameters: bytes, key: bytes) -> PoolFacts`: makes a pool whose calls are run
/// by whoever holds it. `descriptor` is the postcard of its `ModuleDescriptor`. Errors: `PoolExists`, `ModuleRefused`.
pub fn provide_pool() -> MethodRef {
    let values = [
        ("name", Schema::Str),
        ("descriptor", Schema::Bytes),
        ("parameters", Schema::Bytes),
        ("key", Schema::Bytes),
    ];
    admin::of_admin(46, "provide_pool", &values, &PoolFacts::schema())
}
