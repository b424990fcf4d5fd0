//! Waiting: how tasks of one thread wait for each other.
//!
//! Lives here, each with one meaning: `Rendez` (sleep until somebody says go on), `QLock` and `RWLock` (a value that one task, or
//! many readers, have at a time), `Semaphore` (so many at a time), `channel` and `Select` (values from tasks to tasks),
//! `Barrier` (n tasks meet, again and again), `Latch` (opens once), `Pool` (buffers that come back by themselves).
//! From: tasks of any executor, in a node, in a module or in a test; a wait is a future. To: the wakers of these tasks, called on
//! the thread that they share.
//! Holds: who waits is served in the order of waiting, at each primitive. A wait that is dropped leaves its queue, and what was
//! handed to it already goes on to the next. No user's code (a waker, a maker, a value's drop) runs while a primitive is
//! borrowed, so it may use that primitive again. Each list has a limit, and refuses by a typed error.
//! May touch: nothing outside itself: no clock, no I/O, no thread, no thread-local. It is right under the simulator as it is.
//! Not here: waits for time, files, sockets or other nodes (`driver`, through `Context`); waiting between threads (`memory`).
//!
//! The locks, `Rendez`, `Barrier` and `Latch` are `Send` when their value is, and never `Sync`: they may move to another thread
//! with what they are part of, while nobody waits. What travels between tasks (ends of channels, permits, buffers) counts its
//! references without atomics, and stays on its thread, as do all waits and guards:
//! ```compile_fail
//! fn for_threads<T: Sync>(_: T) {}
//! for_threads(windlass_wait::QLock::new(0));
//! ```
//! ```compile_fail
//! fn to_thread<T: Send>(_: T) {}
//! to_thread(windlass_wait::QLock::new(0).try_lock());
//! ```

#![forbid(unsafe_code)]

mod barrier;
mod channel;
#[cfg(feature = "conformance")]
#[doc(hidden)]
pub mod conformance;
mod error;
mod gate;
mod latch;
pub mod limits;
mod list;
mod pool;
mod qlock;
mod rendez;
mod rwlock;
mod semaphore;

pub use barrier::{Barrier, BarrierError, Meeting, Met};
pub use channel::{
    ChannelError, Operation, Receiver, Receiving, RecvError, Select, SelectError, Selecting, SendError, Sender,
    Sending, TryRecvError, TrySendError, channel,
};
pub use error::WaitError;
pub use latch::{Latch, Opening};
pub use pool::{
    Closing, GetError, Getting, MakeError, Marks, MarksError, Pool, PoolError, PoolStats, Pooled, TryGetError,
    Zero,
};
pub use qlock::{Locking, QGuard, QLock};
pub use rendez::{Rendez, Sleeping};
pub use rwlock::{RWLock, ReadGuard, Reading, WriteGuard, Writing};
pub use semaphore::{AcquireError, Acquiring, Permit, Semaphore};
