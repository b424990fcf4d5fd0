//! Operations as they cross: what a module asks for, and what became of it.
//!
//! Holds: a buffer that is handed over is the host's until the operation has ended, also when it was given up; a buffer of
//! the call's own is named by its place, and the call is not answered before the operation has let go of it.

use super::RawOwned;

/// Operations a host does for a task. `a`, `b`, `bytes`, the buffer and its range are those of `RawOp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum OpKind {
    /// Wait until `a` nanoseconds on the host's clock.
    Timer = 1,
    /// Call another method: `bytes` is a slot (64 bytes) and its arguments. Answers the reply bytes.
    Call = 2,
    /// Resolve the pool named `bytes`; answers its id in `value`.
    Resolve = 3,
    /// Ask the node itself: `bytes` in, bytes out. Pool 0 only.
    Control = 4,
    /// Let others run, then go on.
    Yield = 5,
    /// Open the file at path `bytes`; `a` is `OPEN_..` bits. Answers a handle.
    Open = 6,
    /// Read from file `a` at byte `b` into the buffer. Answers the bytes read, 0 at the end.
    ReadAt = 7,
    /// Write the buffer to file `a` at byte `b`. Answers the bytes written.
    WriteAt = 8,
    /// Make file `a` durable; `b` is 1 when its bytes are enough, without times and the like.
    Sync = 9,
    /// The length of file `a`.
    Length = 10,
    /// Cut or extend file `a` to `b` bytes.
    SetLength = 11,
    /// Reserve room for file `a` up to byte `b`.
    Reserve = 12,
    /// Remove the file at path `bytes`.
    Remove = 13,
    /// Rename durably: `bytes` is the old path, a zero byte, the new path.
    Rename = 14,
    /// Listen at address `bytes`. Answers a handle.
    Announce = 15,
    /// The next connection of listener `a`. Answers a handle.
    Accept = 16,
    /// Connect to address `bytes`. Answers a handle.
    Connect = 17,
    /// Receive from socket `a` into the buffer. Answers the bytes received, 0 at the end.
    Receive = 18,
    /// Send the buffer to socket `a`. Answers the bytes sent.
    Send = 19,
    /// End this side of socket `a`.
    Shutdown = 20,
    /// The own address of socket or listener `a`, in `bytes`.
    LocalAddress = 21,
    /// What name `bytes` stands for: addresses in `bytes`, one a line.
    Lookup = 22,
    /// Wait until spawned task `a` has ended.
    Join = 23,
    /// The lanes of this worker: the postcard of `Vec<LaneFacts>` in `bytes`.
    Lanes = 24,
    /// Open the streams of this call: number `a` among those of the session.
    StreamOpen = 25,
    /// Take `bytes` for the reader of stream `a`. They are taken at once; it ends when there is room for more.
    StreamPut = 26,
    /// The next bytes that came for stream `a`; `value` is 1 when none come behind them.
    StreamTake = 27,
    /// Nothing more is put into stream `a`; ends when its reader has all, and knows that it is all.
    StreamEnd = 28,
    /// Nothing more is taken from stream `a`.
    StreamClose = 29,
}

/// `RawOp::flags`: the operation goes on although its call was asked to end.
pub const OP_SHIELDED: u32 = 1;

/// `OpKind::Open`: the file may be written.
pub const OPEN_WRITE: u64 = 1;
/// It is made if missing.
pub const OPEN_CREATE: u64 = 2;
/// It must not exist.
pub const OPEN_FRESH: u64 = 4;
/// Its old content is dropped.
pub const OPEN_TRUNCATE: u64 = 8;
/// Around the page cache.
pub const OPEN_DIRECT: u64 = 16;
/// Each write is durable when it completes.
pub const OPEN_DURABLE: u64 = 32;
/// Nobody else may have it open this way.
pub const OPEN_EXCLUSIVE: u64 = 64;

/// An operation asked for.
#[derive(Debug)]
#[repr(C)]
pub struct RawOp {
    /// `OpKind`.
    pub kind: u32,
    /// `OP_..` bits.
    pub flags: u32,
    /// First number.
    pub a: u64,
    /// Second number.
    pub b: u64,
    /// Handed over to the host.
    pub bytes: RawOwned,
    /// The operation's buffer, handed over until it has ended; none when `place` names one.
    pub buffer: RawOwned,
    /// 1 and up: the call's own buffer of this place, counted from 1. 0: `buffer`.
    pub place: u32,
    /// Zero.
    pub reserved: u32,
    /// First byte of the buffer that the operation is about.
    pub from: u64,
    /// And the byte after its last.
    pub to: u64,
}

impl RawOp {
    /// An operation without a buffer.
    pub fn new(kind: OpKind, a: u64, b: u64, bytes: Vec<u8>) -> Self {
        Self {
            kind: kind as u32,
            flags: 0,
            a,
            b,
            bytes: RawOwned::new(bytes),
            buffer: RawOwned::empty(),
            place: 0,
            reserved: 0,
            from: 0,
            to: 0,
        }
    }
}

/// An operation done.
#[derive(Debug)]
#[repr(C)]
pub struct RawOpResult {
    /// 0, or the code of a Fault whose head and text are in `fault_head` and `bytes`.
    pub code: u32,
    /// `Outcome` and `Retry` of a Fault, in the low two bytes.
    pub fault_head: u32,
    /// A number, by kind.
    pub value: u64,
    /// Bytes, by kind; a Fault's text otherwise.
    pub bytes: RawOwned,
    /// The buffer that was handed over, if the operation has let go of it.
    pub buffer: RawOwned,
    /// 1 when the operation has let go of its buffer, whoever's it is.
    pub given_back: u32,
    /// Zero.
    pub reserved: u32,
}

impl RawOpResult {
    /// Nothing yet: what `op_poll` fills.
    pub const fn empty() -> Self {
        Self {
            code: 0,
            fault_head: 0,
            value: 0,
            bytes: RawOwned::empty(),
            buffer: RawOwned::empty(),
            given_back: 0,
            reserved: 0,
        }
    }
}
