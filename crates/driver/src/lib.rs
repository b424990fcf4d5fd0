//! The driver: everything that is not a function of what came before enters here.
//!
//! Lives here: `Driver` (the trait: time, chance, readiness, operations, one place to sleep), `operation` and `buffer` (what
//! it does in the background, and with whose memory), `handles` (registered descriptors, for every backend), `real` (the
//! backend on this machine), `socket` (the node's listening socket), `lock` (one node of a name), `threads` (the only place
//! that starts one), `numa` (which processors are near which memory), `local`, `home` and `held` (values and futures that stay on their thread), `heap` (memory that may be
//! refused).
//! From: the kernel. To: a worker's turn, which is handed a `&mut dyn Driver`.
//! Holds: nothing outside this crate reads a clock, a random source or a file, or starts a thread; so a worker can be
//! stepped by another backend, in another time.
//! Not here: tasks that wait (`lane`).
#![allow(
    clippy::disallowed_methods,
    reason = "this crate is where the machine's clock, files and threads are reached"
)]
#![allow(unsafe_code, reason = "one of the four homes: buffers that the kernel fills while nobody borrows them")]

pub mod buffer;
pub mod handles;
pub mod heap;
pub mod held;
pub mod home;
pub mod limits;
pub mod local;
pub mod lock;
pub mod numa;
pub mod operation;
pub mod real;
pub mod sim;
pub mod socket;
pub mod threads;
pub mod token;

pub use buffer::IoBuffer;
pub use operation::{Address, Completion, Handle, IoError, OpId, OpenHow, Operation, Tag, Value};
pub use windlass_memory::hooks;

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::rc::Rc;

/// Nanoseconds on the driver's monotonic clock; its zero is the driver's choice.
pub type Nanos = u64;

/// What a readiness event is about; the worker chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(pub u64);

/// How a descriptor is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Told once for each time something arrives; need not be read. For doorbells.
    Edge,
    /// Told as long as something waits to be read, and when the peer hangs up. For sockets and process descriptors.
    Level,
}

/// Something happened at a watched descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// As given to `watch`.
    pub token: Token,
    /// There is something to read.
    pub readable: bool,
    /// The other side is gone.
    pub hung_up: bool,
}

/// A worker's access to the world.
pub trait Driver {
    /// Monotonic nanoseconds, never 0. The real driver's are the machine's `CLOCK_MONOTONIC`, so that what two processes
    /// read compares. Cost: no system call.
    fn now(&self) -> Nanos;
    /// The same clock as a value, for code that runs while the driver is borrowed.
    fn clock(&self) -> Rc<dyn Fn() -> Nanos>;
    /// 64 random bits.
    fn chance(&mut self) -> u64;
    /// Which backend does its operations, and why not a better one, if there is one: for logs and statistics.
    fn operations_by(&self) -> (&'static str, &str);
    /// Begins to watch a descriptor.
    ///
    /// # Errors
    /// The system's, when it has no room for another.
    fn watch(&mut self, fd: BorrowedFd<'_>, token: Token, how: Watch) -> io::Result<()>;
    /// Stops watching. Call it before the descriptor is closed.
    ///
    /// # Errors
    /// The system's, when the descriptor was not watched.
    fn unwatch(&mut self, fd: BorrowedFd<'_>) -> io::Result<()>;
    /// Lets other threads of this processor run before this one goes on; it does not sleep. A backend without other threads
    /// does nothing.
    fn give_way(&mut self) {}
    /// Appends what is ready, without waiting.
    ///
    /// # Errors
    /// The system's.
    fn poll(&mut self, ready: &mut Vec<Ready>) -> io::Result<()>;
    /// Begins an operation. Its completion carries `tag` and its buffer, exactly once, also when it cannot begin
    /// (a wrong handle, a busy socket): that is an error in the completion.
    ///
    /// Cost: no system call; `flush` hands over what was begun.
    ///
    /// # Errors
    /// Gives the operation back while `limits::OPERATIONS_MAX` are under way: try again after a completion.
    fn start(&mut self, operation: Operation, tag: Tag) -> Result<OpId, Operation>;
    /// Asks an operation to end early. It completes all the same, with `Cancelled` or with what it came to before; an
    /// operation that has completed is left alone.
    fn cancel(&mut self, operation: OpId);
    /// Closes a handle: operations under way on it end with `Closed`, or with what they came to before; later ones with
    /// `NotRegistered`.
    ///
    /// # Errors
    /// `NotRegistered`.
    fn close(&mut self, handle: Handle) -> Result<(), IoError>;
    /// Takes over a connected stream socket that this process made itself (`socket::stream_pair`).
    ///
    /// # Errors
    /// The system's `Unsupported` by a backend that has no descriptors of the machine's; `TooManyHandles`.
    fn adopt(&mut self, socket: OwnedFd) -> Result<Handle, IoError> {
        drop(socket);
        Err(IoError::System(io::ErrorKind::Unsupported.into()))
    }
    /// Hands what was begun to the machine.
    ///
    /// Cost: one system call for hundreds of operations; those on paths and names wake a thread each.
    ///
    /// # Errors
    /// The system's.
    fn flush(&mut self) -> io::Result<()>;
    /// Appends what has completed, without waiting, and without a system call when nothing is under way.
    ///
    /// # Errors
    /// The system's.
    fn reap(&mut self, done: &mut Vec<Completion>) -> io::Result<()>;
    /// Operations under way.
    fn under_way(&self) -> usize;
    /// Sleeps until something is ready, an operation has completed (`reap` tells which), somebody rings the `Remote`, or
    /// `until`; the one place where a worker sleeps. What was begun is handed over first.
    ///
    /// # Errors
    /// The system's.
    fn park(&mut self, until: Option<Nanos>, ready: &mut Vec<Ready>) -> io::Result<()>;
}

/// The next of a run of 64-bit numbers (splitmix64) from a seed: for spreading and names, not for secrets.
pub fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
