//! Tasks with no node: straight-line code that waits, thousands of tasks on one thread.
//!
//! Lives here: `run`, what tasks of it can do (`Cx`), `io` (files and sockets), `wait` (locks, channels, barriers, pools).
//! Not here: modules and calls; in a node the same lanes run methods, which have a `Context`.
//!
//! ```
//! use windlass::tasks::{run, wait::channel};
//!
//! let exit = run(|cx| async move {
//!     let (send, receive) = channel(0).expect("room");
//!     cx.spawn("counts", async move { for number in 1..=3 { send.send(number).await.ok(); } }).expect("room");
//!     let mut sum = 0;
//!     while let Ok(number) = receive.recv().await { sum += number }
//!     sum
//! });
//! assert_eq!(exit.unwrap().ok(), Some(6));
//! ```

pub use windlass_driver::{Address, IoBuffer, IoError, OpenHow};
pub use windlass_lane::{
    Class, Cx, Engine, EngineError, Exit, LaneError, LaneFacts, LaneId, LaneOptions, Morsels, Next, Sleep,
    SpawnError, Stalled, Status, TaskFacts, TaskHandle, TaskId, TaskOptions, TaskState, Ticks, WaitError,
    WorkError, dump, io, run,
};
pub use windlass_wait as wait;
