//! Placement: which cores a pair's two processes may run on.
//!
//! Lives here: `Placement`, and pinning by inheritance: the driver pins itself, starts the child, unpins itself, so
//! every thread the child ever starts is placed too; `Third`, who computes beside a pair.
//! Holds: every published row names its placement; hand-over across cores and on one core differ tenfold.

use rustix::{
    io::Errno,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};
use serde::{Deserialize, Serialize};
use std::{
    fmt, hint,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

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
    /// Both on the first core, beside a thread that computes there all the time. Measured when asked for.
    #[serde(rename = "crowded-core")]
    Crowded,
}

/// A thread that computes on the first core until it is dropped.
#[derive(Debug)]
pub struct Third {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
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
    /// Those that are measured unless others are asked for, in this order.
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
            (Self::OneCore | Self::Crowded, _) | (Self::TwoCores, Side::Server) => cores.first(),
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

    /// Who else is to run where a pair runs.
    ///
    /// # Errors
    /// As [`Placement::inherit`].
    pub fn third(self) -> Result<Option<Third>, PlaceError> {
        if self == Self::Crowded { self.inherit(Side::Server, Third::start).map(Some) } else { Ok(None) }
    }
}

impl Third {
    fn start() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let compute = move || {
            let mut sum = 0_u64;
            while !told.load(Ordering::Relaxed) {
                sum = hint::black_box(sum.wrapping_mul(31).wrapping_add(7));
            }
        };
        Self { over, thread: Some(thread::spawn(compute)) }
    }
}

impl Drop for Third {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            debug_assert!(ended.is_ok(), "it only computes");
        }
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
            Self::Crowded => "crowded-core",
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
            "crowded" | "crowded-core" => Ok(Self::Crowded),
            _ => Err(format!("`{word}` is no placement; there are one, two, unpinned and crowded")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placements_read_back_from_their_short_and_long_names() {
        for placement in Placement::ALL.into_iter().chain([Placement::Crowded]) {
            assert_eq!(placement.to_string().parse(), Ok(placement));
        }
        assert_eq!("one".parse(), Ok(Placement::OneCore));
        assert_eq!("two".parse(), Ok(Placement::TwoCores));
        assert_eq!("crowded".parse(), Ok(Placement::Crowded));
        assert!("three".parse::<Placement>().expect_err("unknown").contains("`three`"));
    }

    #[test]
    fn one_core_is_inherited_and_given_back() {
        let before = cores().expect("known");
        let inside = Placement::OneCore.inherit(Side::Client, cores).expect("placed").expect("known");
        assert_eq!(inside, before[..1]);
        assert_eq!(cores().expect("known"), before);
    }

    #[test]
    fn a_crowded_core_has_a_third_thread_which_ends_with_its_guard() {
        assert!(Placement::OneCore.third().expect("placed").is_none());
        let third = Placement::Crowded.third().expect("placed").expect("somebody");
        let over = Arc::clone(&third.over);
        drop(third);
        assert!(over.load(Ordering::Relaxed));
        assert_eq!(Arc::strong_count(&over), 1, "the thread has let go of its half");
    }
}
