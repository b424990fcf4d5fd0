//! Lanes: what a worker runs next, in which order, and for how long.
//!
//! Lives here: `Lanes` (the queues of one worker: started work and woken tasks in arrival order, two classes with a
//! guaranteed share), `Timers`, `Quantum`, `io` (where tasks and the driver meet). From: `runtime::place` pushes work; wakers push tasks, from any thread.
//! To: `runtime::worker`, which takes one piece at a time.
//! Holds: a class starts work in the order it came; the background class gets at least one pick in `limits::SHARE`.
//! A spawn past the cap is an error, never an abort.
//! Not here: calls, sessions, I/O. Weights and several lanes a worker come with the scheduler's own work.

pub mod io;
mod lanes;
pub mod limits;
mod quantum;
mod timers;

pub use lanes::{Class, Lanes, SpawnError, TaskHandle, Work};
pub use quantum::Quantum;
pub use timers::{TimerId, Timers};
