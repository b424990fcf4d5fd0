//! The edge to a module's code: one C table for linked-in and loaded code alike.
//!
//! Lives here: the raw records (`mod.rs`: `ModuleTable`, what the node calls; `HostTable`, what a module calls), operations
//! (`operation`) and memory that changes hands with them (`owned`), memory that is held together (`memory`, `late`, `symbols`), wakers that cross (`waker`), one call on the module's side
//! (`call`), what outlives it (`home`, `spawn`), and the shims that turn a safe [`crate::module::Module`] into a table
//! (`shim`). The only unsafe code of this crate.
//! Holds: both tables begin with size and version and only grow at the end. Memory is freed by the side that made
//! it. No panic crosses: it is caught on the module's side and becomes `Fault::Panicked`.
//! Not here: opening libraries and checking a table (`runtime/host/library.rs`).
#![allow(unsafe_code, reason = "one of the four homes: the C edge between node and module")]

mod buffer;
mod call;
mod home;
mod late;
mod memory;
mod operation;
mod owned;
mod pieces;
mod shim;
mod spawn;
mod symbols;
mod waker;

pub(crate) use buffer::Filling;
pub use buffer::RawBuffer;
pub use call::Incoming;
pub(crate) use home::Home;
pub use home::Tell;
pub use late::{LatePiece, LateRoom, Soil};
pub use memory::{Item, Memory, MemoryFile, MemoryFunctions, RawMemory, Room, SpentFile};
pub use operation::{
    OP_SHIELDED, OPEN_CREATE, OPEN_DIRECT, OPEN_DURABLE, OPEN_EXCLUSIVE, OPEN_FRESH, OPEN_TRUNCATE, OPEN_WRITE,
    OpKind, RawOp, RawOpResult,
};
pub use owned::{Pages, RawOwned};
pub(crate) use owned::{PagesReceipt, VecReceipt};
pub use pieces::RawPieces;
pub use shim::{Access, Exclusive, Shared, Started, table};
pub(crate) use spawn::Left;
pub use spawn::RawSpawn;
pub use symbols::RawSymbols;
pub(crate) use symbols::SymbolsAsked;
pub use waker::{HostWaker, LentWaker, WakerVtable, borrow_waker};

use std::ffi::c_void;

/// Version of both tables. A module built for another one is refused by name.
pub const TABLE_VERSION: u32 = 6;
/// Of `ModuleTable::hooks`: the module's methods take `&self`, so it may be asked while one of them runs.
pub const TABLE_SHARED: u32 = 1;
/// Of `ModuleTable::hooks`: a container keeps nothing between calls, so that one made anew is as good (`Hooks::STATELESS`).
pub const TABLE_STATELESS: u32 = 1 << 31;
/// Of `ModuleTable::hooks`: threads may share a container, so that its calls may run on several workers at once (`Hooks::SYNC`).
pub const TABLE_SYNC: u32 = 1 << 30;
/// The entry symbol of a module library is this, then the crate's name with `-` as `_`.
pub const ENTRY_PREFIX: &str = "windlass_module_";
/// What the entry symbol is: a function that gives the table, which lives as long as the library.
pub type Entry = extern "C" fn() -> &'static ModuleTable;

/// Bytes that the maker keeps: valid for the call they are passed to, or for ever where noted.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct RawBytes {
    /// First byte; dangling when `len` is 0.
    pub ptr: *const u8,
    /// Bytes.
    pub len: usize,
}

impl RawBytes {
    /// Lends a slice.
    pub fn of(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr(), len: bytes.len() }
    }

    /// The bytes.
    ///
    /// # Safety
    /// The maker's promise must hold for `'a`: `ptr` and `len` are of one live, unchanging run of bytes.
    pub unsafe fn get<'a>(self) -> &'a [u8] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: passed on to the caller, see above.
        unsafe { std::slice::from_raw_parts(self.ptr, self.len) }
    }
}

/// A Fault on its way to the host; the texts are read before the call returns.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct RawFault {
    /// The code, never 0.
    pub code: u16,
    /// `Outcome` as in a completion.
    pub outcome: u8,
    /// `Retry` as in a completion.
    pub retry: u8,
    /// For `Retry::After`.
    pub after_ms: u32,
    /// UTF-8.
    pub message: RawBytes,
    /// UTF-8.
    pub details: RawBytes,
}

/// One call as a module sees it. Valid until the future that serves it is dropped.
#[repr(C)]
pub struct RawCall {
    /// Bytes of this record, for growth.
    pub size: u32,
    /// The method.
    pub method: u32,
    /// What the host functions take.
    pub handle: *mut c_void,
    /// The host functions.
    pub host: *const HostTable,
    /// The arguments without their head, in memory that nobody writes.
    pub arguments: RawBytes,
    /// The buffers, in order of the parameters.
    pub buffers: *const RawBuffer,
    /// How many.
    pub buffer_count: usize,
    /// The pool.
    pub pool: u64,
    /// Node-unique number of this call.
    pub call: u64,
    /// Node-unique number of the outermost call.
    pub root: u64,
    /// How deep below it.
    pub depth: u32,
    /// Zero.
    pub reserved: u32,
    /// On the clock of `now_ns`; `u64::MAX` = none.
    pub deadline_ns: u64,
    /// What of the container outlives the call: the first argument of `HostTable::tell`; null where there is none.
    pub home: *mut c_void,
}

/// What a module may ask of the node. Every function may be called on the task's thread only, within its call.
#[repr(C)]
pub struct HostTable {
    /// Bytes of this table.
    pub size: u32,
    /// `TABLE_VERSION`.
    pub version: u32,
    /// Answers the call with a value; the first answer counts.
    pub reply: unsafe extern "C" fn(*mut c_void, RawBytes),
    /// Answers the call with a Fault; the first answer counts.
    pub fault: unsafe extern "C" fn(*mut c_void, *const RawFault),
    /// Answers a `create` call with the instance made.
    pub created: unsafe extern "C" fn(*mut c_void, *mut c_void),
    /// Monotonic nanoseconds.
    pub now_ns: unsafe extern "C" fn(*mut c_void) -> u64,
    /// 64 random bits, reproducible under simulation.
    pub random: unsafe extern "C" fn(*mut c_void) -> u64,
    /// 1 once the caller asked the call to end.
    pub cancelled: unsafe extern "C" fn(*mut c_void) -> u32,
    /// 1 when the task has used its quantum.
    pub yield_due: unsafe extern "C" fn(*mut c_void) -> u32,
    /// Logs a line: level (1 error .. 5 trace), text.
    pub log: unsafe extern "C" fn(*mut c_void, u32, RawBytes),
    /// 1 if a line of this level would be written.
    pub log_enabled: unsafe extern "C" fn(*mut c_void, u32) -> u32,
    /// Starts an operation; answers its token, never 0.
    pub op_start: unsafe extern "C" fn(*mut c_void, *mut RawOp) -> u64,
    /// 1 and the result, or 0 and the waker is kept.
    pub op_poll: unsafe extern "C" fn(*mut c_void, u64, *const HostWaker, *mut RawOpResult) -> u32,
    /// Gives an operation up.
    pub op_drop: unsafe extern "C" fn(*mut c_void, u64),
    /// Spawns a task of the container; answers its number, or 0 and the Fault in the result.
    pub spawn: unsafe extern "C" fn(*mut c_void, *const RawSpawn, *mut RawOpResult) -> u64,
    /// Tells a home something (`Tell`); its first argument is `RawCall::home`, on the container's thread.
    pub tell: unsafe extern "C" fn(*mut c_void, u32, u64),
    /// Asks about symbols: takes question and memory out of the record, leaves answer and memory in it.
    pub symbols: unsafe extern "C" fn(*mut c_void, *mut RawSymbols),
    /// Runs all pieces of work, on this thread and on threads of the node's that are free, and returns when all have ended: how many
    /// threads may take part, this one included.
    pub together: unsafe extern "C" fn(*mut c_void, *const RawPieces) -> u32,
}

/// A future of the other side. `data` null: it ended before it began, the call is answered.
#[repr(C)]
pub struct RawFuture {
    /// Its state.
    pub data: *mut c_void,
    /// 1 = ended, 0 = pending.
    pub poll: unsafe extern "C" fn(*mut c_void, *const HostWaker) -> u32,
    /// Frees the state; the only function after `poll` answered 1.
    pub drop: unsafe extern "C" fn(*mut c_void),
}

/// What the node knows of a module: about this many functions, for linked-in and loaded code alike.
#[derive(Debug)]
#[repr(C)]
pub struct ModuleTable {
    /// Bytes of this table.
    pub size: u32,
    /// `TABLE_VERSION`.
    pub version: u32,
    /// `hello::CONTRACT_HASH`.
    pub contract: u64,
    /// `target_bits()` of the build.
    pub target: u64,
    /// 1 when built with `panic=unwind`.
    pub unwinds: u32,
    /// `TABLE_SHARED`, `TABLE_STATELESS`, `TABLE_SYNC`, and the bits of the events that the module's own hooks answer (`Hooks::OWN`).
    pub hooks: u32,
    /// The postcard of the `ModuleDescriptor`, valid for ever.
    pub describe: unsafe extern "C" fn() -> RawBytes,
    /// Begins a `create`; answers through `HostTable::created`.
    pub create: unsafe extern "C" fn(*const RawCall) -> RawFuture,
    /// Ends an instance; no future of it lives.
    pub drop_instance: unsafe extern "C" fn(*mut c_void),
    /// Begins a call.
    pub start: unsafe extern "C" fn(*mut c_void, *const RawCall) -> RawFuture,
    /// Runs a `blocking` method to its end, on any thread.
    pub block: unsafe extern "C" fn(*const RawCall),
    /// Hash of the method's key for these arguments: 1 and the hash, or 0 when they do not decode.
    pub key: unsafe extern "C" fn(u32, RawBytes, *mut u64) -> u32,
    /// A monitor event (`module::Event`) about a call; answers through `reply`.
    pub event: unsafe extern "C" fn(*mut c_void, u32, *const RawCall),
}

/// What the machine code of a build needs: architecture, pointer width and instruction sets.
///
/// Shape: high 32 bits must be equal, low 32 bits of a module must be a subset of the node's machine.
pub const fn target_bits() -> u64 {
    let arch: u64 = if cfg!(target_arch = "x86_64") {
        1
    } else if cfg!(target_arch = "aarch64") {
        2
    } else {
        3
    };
    let mut bits = arch << 40 | (usize::BITS as u64) << 32;
    if cfg!(target_feature = "avx2") {
        bits |= 1;
    }
    if cfg!(target_feature = "avx512f") {
        bits |= 2;
    }
    bits
}
