//! The simulated backend: time, disk, network and chance from one seed.
//!
//! Lives here, in the order data moves: `driver` (`SimDriver`, one per simulated process), `world` (`SimWorld`, what all
//! of them share: the clock, what happens next, the trace), `disk`, `net`, `outside` (descriptors of the rest of a program),
//! `operations` and `transfers` (what an operation does to them),
//! `weather` (how rough it is), `dice` (chance, split by purpose).
//! From: whoever steps workers on one thread (`windlass-sim`, tests). To: the same `Driver` trait that a worker is handed.
//! Holds: everything is a function of the seed and of what the callers do; nothing here reads the machine's clock or chance.
//! Time passes when a driver reads it (a drawn cost) and when everybody sleeps (to what happens next), never by itself.
//! Not here: who turns next (`windlass-sim`).

mod dice;
mod disk;
mod driver;
mod net;
mod operations;
mod outside;
mod trace;
mod transfers;
mod weather;
mod world;

pub use dice::{Dice, Rate};
pub use disk::{DiskFault, DiskWork};
pub use driver::SimDriver;
pub use outside::SimFd;
pub use trace::Trace;
pub use weather::{DiskWeather, NetWeather, Weather};
pub use world::{Machine, SimWorld};
