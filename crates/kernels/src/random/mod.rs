//! Random values that follow from a seed, a stream and an index, and from nothing else.
//!
//! Lives here: `philox` (the generator, counter-based), `Stream` (one sequence of a seed), distributions, permutations and choices;
//! `splitmix` (Arkouda's values by place), `pcg` (its values by seed).
//! Holds: element `i` of a stream is the same whoever makes it and when, so morsels run in any order and on any worker.
//! Not here: seeds; a caller that wants surprise asks the driver for one.

mod distributions;
mod pcg;
mod philox;
mod rejection;
mod splitmix;

pub use distributions::{Permutation, exponential, integers, normal, uniform};
pub use pcg::{Pcg, pcg_bools, pcg_integers, pcg_normal, pcg_uniform};
pub use philox::Stream;
pub use rejection::{Parameter, gamma, logistic, poisson};
pub use splitmix::Places;
