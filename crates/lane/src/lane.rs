//! A lane: one queue in arrival order, and what it is owed.
//!
//! Lives here: `Class`, `LaneId`, `LaneOptions`, `Lane` (queue and account), `LaneFacts`.
//! From: `Lanes` queues work; wakers queue tasks. To: `stride`, which chooses among lanes.
//! Holds: work of a lane starts in the order it came; virtual time of a lane grows by cost / weight and never stands still
//! while it is served; a lane that slept has saved nothing up.

use crate::Name;
use crate::gate::Ready;
use crate::limits::{CHARGE_MIN_NS, SHARE, SLICE_NS, WAITING_MAX, WEIGHT_MAX};
use std::collections::VecDeque;
use windlass_driver::Nanos;
use windlass_driver::hooks::{Plant, planted};

/// Which lanes are served first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, PartialOrd, Ord)]
pub enum Class {
    /// Before the other, but for what that is guaranteed.
    #[default]
    Latency,
    /// When no latency lane has work, and as much as its lanes are guaranteed.
    Background,
}

/// A lane of one `Lanes`; of a lane that is gone, never a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneId {
    pub(crate) index: u16,
    pub(crate) generation: u16,
}

impl LaneId {
    /// The first of the two lanes that are always there: class latency.
    pub const LATENCY: Self = Self { index: 0, generation: 0 };
    /// The second: class background, with one part in `limits::SHARE` guaranteed.
    pub const BACKGROUND: Self = Self { index: 1, generation: 0 };

    /// As a number, for edges that carry numbers.
    pub fn to_bits(self) -> u32 {
        u32::from(self.generation) << 16 | u32::from(self.index)
    }
    /// Back from that number; any number is some lane, and a wrong one is `LaneError::Unknown`.
    pub fn from_bits(bits: u32) -> Self {
        Self { index: bits as u16, generation: (bits >> 16) as u16 }
    }
}

impl From<Class> for LaneId {
    fn from(class: Class) -> Self {
        match class {
            Class::Latency => Self::LATENCY,
            Class::Background => Self::BACKGROUND,
        }
    }
}

/// What a lane is to be.
#[derive(Clone, Debug)]
pub struct LaneOptions {
    /// What it is called in lists.
    pub name: Name,
    /// Its part of the time that lanes of its class divide: 3 gets three times what 1 gets. 1 to `limits::WEIGHT_MAX`.
    pub weight: u32,
    /// Before or after the others.
    pub class: Class,
    /// What it gets at least of the worker's time while it has work, in thousandths, whatever the others' classes and weights.
    pub share: u32,
}

impl LaneOptions {
    /// A latency lane of weight 100 with nothing guaranteed.
    pub fn new(name: impl Into<Name>) -> Self {
        Self { name: name.into(), weight: 100, class: Class::Latency, share: 0 }
    }
    pub(crate) fn latency() -> Self {
        Self::new("latency")
    }
    pub(crate) fn background() -> Self {
        Self { class: Class::Background, share: 1000 / SHARE, ..Self::new("background") }
    }
}

/// Why a lane was not made or not removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneError {
    /// `limits::LANES_MAX` lanes are there.
    TooMany,
    /// The weight is not 1 to `limits::WEIGHT_MAX`.
    BadWeight,
    /// More would be guaranteed than `limits::SHARES_MAX` thousandths.
    TooMuchGuaranteed,
    /// There is no such lane (any more).
    Unknown,
    /// Tasks live or work waits on it, or it is one of the two that are always there.
    InUse,
}

impl std::fmt::Display for LaneError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooMany => {
                write!(f, "the worker has {} lanes, as many as it may have", crate::limits::LANES_MAX)
            }
            Self::BadWeight => write!(f, "a lane's weight is 1 to {WEIGHT_MAX}"),
            Self::TooMuchGuaranteed => {
                write!(f, "lanes may be guaranteed {} thousandths together", crate::limits::SHARES_MAX)
            }
            Self::Unknown => f.write_str("there is no such lane"),
            Self::InUse => f.write_str("the lane has tasks or work, or is one that is always there"),
        }
    }
}

impl std::error::Error for LaneError {}

/// What a lane has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneFacts {
    /// Which.
    pub id: LaneId,
    /// Its name.
    pub name: String,
    /// Its class.
    pub class: Class,
    /// Its weight.
    pub weight: u32,
    /// What it is guaranteed, in thousandths.
    pub share: u32,
    /// Tasks alive on it.
    pub tasks: usize,
    /// What stands in its queue now.
    pub queued: usize,
    /// Pieces it ran.
    pub pieces: u64,
    /// How long they ran, nanoseconds.
    pub ran_ns: u64,
}

/// Virtual nanoseconds of a lane of weight 1 per nanosecond.
const ONE: u64 = 1 << 20;

pub(crate) struct Lane {
    pub(crate) options: LaneOptions,
    pub(crate) generation: u16,
    /// Tasks, and places of unstarted work (`None`), each with the time at which it was queued.
    pub(crate) queue: VecDeque<(Option<Ready>, Nanos)>,
    /// Of them unstarted work.
    pub(crate) waiting: usize,
    /// Whether it stands among the lanes with work.
    pub(crate) listed: bool,
    /// Virtual time among the lanes of its class.
    pub(crate) pass: u64,
    stride: u64,
    /// When the lane may claim its guaranteed share again, on the clock of `Stride::busy`: it has paid for what it had.
    claim: u64,
    /// And the others have had their part since it woke, in pieces or in time.
    turn: (u64, u64),
    pub(crate) pieces: u64,
    pub(crate) ran_ns: u64,
}

impl Lane {
    /// The weight must be checked.
    pub(crate) fn new(options: LaneOptions, generation: u16) -> Self {
        let stride = ONE / u64::from(options.weight.max(1));
        let (waiting, listed, pass, claim, turn, pieces, ran_ns) = Default::default();
        let queue = VecDeque::new();
        Self { options, generation, queue, waiting, listed, pass, stride, claim, turn, pieces, ran_ns }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.waiting < WAITING_MAX
    }

    /// It was served so many pieces, for so long in all; `busy` counts that already.
    pub(crate) fn charge(&mut self, pieces: u64, ran: Nanos, busy: u64) {
        self.pieces += pieces;
        self.ran_ns += ran;
        let cost = ran.max(pieces.saturating_mul(CHARGE_MIN_NS));
        self.pass = self.pass.saturating_add(cost.saturating_mul(self.stride));
        if self.options.share > 0 {
            let paid = |cost: u64| cost.saturating_mul(1000) / u64::from(self.options.share);
            // What it had while nobody else wanted it is not held against it.
            let most = busy.saturating_add(paid(cost.max(SLICE_NS)));
            self.claim = self.claim.saturating_add(paid(cost)).min(most);
        }
    }

    /// It has work again: it begins where its class is, and may claim its share when the others have had their part of a round,
    /// in pieces, or of one slice, in time.
    pub(crate) fn wakes(&mut self, virtual_now: u64, pieces: u64, busy: u64) {
        self.pass = self.pass.max(virtual_now);
        if self.options.share > 0 {
            let share = u64::from(self.options.share);
            let others = 1000 - share.min(1000);
            self.claim = self.claim.max(busy);
            self.turn = (pieces + others / share, busy.saturating_add(others * SLICE_NS / share));
        }
    }

    /// Since when it may claim its guaranteed share, if it may.
    pub(crate) fn claims(&self, pieces: u64, busy: u64) -> Option<u64> {
        let had_theirs = pieces >= self.turn.0 || busy >= self.turn.1;
        (self.options.share > 0 && had_theirs && self.claim <= busy && !planted(Plant::StarvedLane))
            .then_some(self.claim)
    }

    pub(crate) fn facts(&self, index: u16, tasks: usize) -> LaneFacts {
        LaneFacts {
            id: LaneId { index, generation: self.generation },
            name: self.options.name.to_string(),
            class: self.options.class,
            weight: self.options.weight,
            share: self.options.share,
            tasks,
            queued: self.queue.len(),
            pieces: self.pieces,
            ran_ns: self.ran_ns,
        }
    }
}
