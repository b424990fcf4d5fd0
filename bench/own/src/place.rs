//! Placement: which cores a pair's two processes may run on.
//!
//! Lives here: `Placement`, and pinning by inheritance: the driver pins itself, starts the child, unpins itself, so
//! every thread the child ever starts is placed too.
//! Holds: every published row names its placement; hand-over across cores and on one core differ tenfold.

use rustix::{
    io::Errno,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Where server and client of a pair run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Placement {
    /// Both on the first core.
    #[serde(rename = "one-core")]
    OneCore,
    /// The server on the first core, the client on the second.
    #[serde(rename = "two-cores")]
    TwoCores,
    /// Wherever the kernel puts them.
    #[serde(rename = "unpinned")]
    Unpinned,
}

/// The side of a pair that is being started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Answers.
    Server,
    /// Asks and measures.
    Client,
}

/// Why a process cannot be placed.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Two cores are needed and fewer are allowed.
    #[error("placement two-cores needs two cores; this process may use {0}")]
    TooFewCores(usize),
    /// The kernel refused.
    #[error("the kernel refused an affinity: {0}")]
    Refused(#[from] Errno),
}

impl Placement {
    /// All of them, in the order they are measured.
    pub const ALL: [Self; 3] = [Self::OneCore, Self::TwoCores, Self::Unpinned];

    /// Runs `start` on this thread with the affinity that `side` is to inherit, then gives the thread its own back.
    ///
    /// # Errors
    /// Too few cores, or the kernel refuses.
    pub fn inherit<T>(self, side: Side, start: impl FnOnce() -> T) -> Result<T, PlaceError> {
        let before = sched_getaffinity(None)?;
        let cores = cores_of(&before);
        let core = match (self, side) {
            (Self::Unpinned, _) => return Ok(start()),
            (Self::OneCore, _) | (Self::TwoCores, Side::Server) => cores.first(),
            (Self::TwoCores, Side::Client) => cores.get(1),
        };
        let Some(&core) = core else { return Err(PlaceError::TooFewCores(cores.len())) };
        let mut pinned = CpuSet::new();
        pinned.set(core);
        sched_setaffinity(None, &pinned)?;
        let started = start();
        sched_setaffinity(None, &before)?;
        Ok(started)
    }
}

/// The cores this thread may run on, lowest first.
///
/// # Errors
/// The kernel does not say.
pub fn cores() -> Result<Vec<usize>, PlaceError> {
    Ok(cores_of(&sched_getaffinity(None)?))
}

fn cores_of(set: &CpuSet) -> Vec<usize> {
    (0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect()
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::OneCore => "one-core",
            Self::TwoCores => "two-cores",
            Self::Unpinned => "unpinned",
        })
    }
}

impl FromStr for Placement {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "one" | "one-core" => Ok(Self::OneCore),
            "two" | "two-cores" => Ok(Self::TwoCores),
            "unpinned" => Ok(Self::Unpinned),
            _ => Err(format!("`{word}` is no placement; there are one, two and unpinned")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placements_read_back_from_their_short_and_long_names() {
        for placement in Placement::ALL {
            assert_eq!(placement.to_string().parse(), Ok(placement));
        }
        assert_eq!("one".parse(), Ok(Placement::OneCore));
        assert_eq!("two".parse(), Ok(Placement::TwoCores));
        assert!("three".parse::<Placement>().expect_err("unknown").contains("`three`"));
    }

    #[test]
    fn one_core_is_inherited_and_given_back() {
        let before = cores().expect("known");
        let inside = Placement::OneCore.inherit(Side::Client, cores).expect("placed").expect("known");
        assert_eq!(inside, before[..1]);
        assert_eq!(cores().expect("known"), before);
    }
}
