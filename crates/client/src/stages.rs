//! Stages: when calls begin, are published and end, for whoever asks where the time of a call goes.
//!
//! Lives here: `Stamps` (what a call carries), `Stages` (their sums), `ClientStages` (the sums as they are handed out).
//! From: `outgoing`, `session`, `pending`. To: `Client::stages`.
//! Holds: as in the node (`runtime/src/stages.rs`): sums only, over the calls that were answered with a value, so the means of
//!   all stages together are the mean of the whole. Off, a boundary costs one branch.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock;
use crate::session::Session;
use crate::table::Answer;

/// What a call carries until it ends; zeros when no stamps are taken.
#[derive(Clone, Copy, Default)]
pub(crate) struct Stamps {
    /// It was begun to be put together.
    pub(crate) begun: u64,
    /// Its slot was about to be seen by the node.
    pub(crate) published: u64,
}

/// Sums of `CLOCK_MONOTONIC` stamps in nanoseconds, modulo 2^64, over the calls of one client that were answered with a value.
/// Only differences of sums mean anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientStages {
    /// Calls summed up.
    pub calls: u64,
    /// When they were begun: `Pool::call`.
    pub begun: u64,
    /// When their slots were published, before the doorbell.
    pub published: u64,
    /// When their answers were in the caller's hands.
    pub ended: u64,
}

/// The same, while they grow.
#[derive(Default)]
pub(crate) struct Stages {
    calls: AtomicU64,
    begun: AtomicU64,
    published: AtomicU64,
    ended: AtomicU64,
}

impl Stages {
    fn add(&self, stamps: Stamps) {
        // Wraps, as it is meant to.
        self.begun.fetch_add(stamps.begun, Ordering::Relaxed);
        self.published.fetch_add(stamps.published, Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
        // Last, so that as little as can be of the call lies behind its last stamp.
        self.ended.fetch_add(clock::stamp(), Ordering::Relaxed);
    }

    pub(crate) fn take(&self) -> ClientStages {
        ClientStages {
            calls: self.calls.swap(0, Ordering::Relaxed),
            begun: self.begun.swap(0, Ordering::Relaxed),
            published: self.published.swap(0, Ordering::Relaxed),
            ended: self.ended.swap(0, Ordering::Relaxed),
        }
    }
}

impl Session {
    /// A call's answer is about to be in its caller's hands.
    #[inline]
    pub(crate) fn ended(&self, stamps: Stamps, answer: &Answer) {
        if let Some(stages) = &self.stages
            && answer.is_ok()
        {
            stages.add(stamps);
        }
    }
}
