//! Lanes: what a worker runs next, in which order, and for how long.
//!
//! Lives here, in the order a piece of work meets them: `lanes` (`Lanes`: spawn, push, next), `task` (a future with a cell),
//! `cells` (where tasks are known), `gate` (where wakers put them), `lane` and `stride` (queues, weights, shares), `overruns`,
//! `timers`, `blocking` (threads for work that blocks), `pulse` (a watchdog's view), `io` (where tasks and the driver meet); and a
//! worker of nothing but tasks: `engine`, `cx` (what its tasks can do), `morsels`.
//! From: `runtime::place` pushes work; wakers push tasks, from any thread. To: `runtime::worker`, which takes one piece at a time.
//! Holds: a lane starts work in the order it came; a guaranteed share is had; a spawn past the cap is an error, never an
//! abort; a panic ends its task and nothing else; one thread a worker, and no thread-locals.
//! Not here: calls, sessions.

mod blocking;
mod cells;
mod cx;
mod engine;
mod gate;
pub mod io;
mod lane;
mod lanes;
pub mod limits;
mod morsels;
mod name;
mod overruns;
mod pulse;
mod stride;
mod task;
mod timers;

pub use blocking::{Blocking, BlockingError};
pub use cells::{Status, TaskFacts, TaskId, TaskState};
pub use cx::{Cx, Outside, Sleep, Ticks, WaitError, WorkError, Yield};
pub use engine::{Engine, EngineError, Next, Stalled, dump, run};
pub use gate::{Bell, Piece};
pub use lane::{Class, LaneError, LaneFacts, LaneId, LaneOptions};
pub use lanes::{Job, Lanes, Work};
pub use morsels::Morsels;
pub use name::Name;
pub use overruns::Overrun;
pub use pulse::{Pulse, Watchdog};
pub use task::{Exit, SpawnError, TaskHandle, TaskOptions};
pub use timers::{TimerId, Timers};
