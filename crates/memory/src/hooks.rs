//! Hooks: where a simulation makes allocations fail and plants bugs.
//!
//! Lives here: `fails` (asked at each door that may answer "no memory"), `planted` (asked where a known bug can be put in).
//! Holds: without the feature `hooks`, which no product is built with, both answer `false` at compile time and nothing of
//! them is left. With it, what they answer is set for one thread, so that runs beside each other do not meet.
//! Not here: which seeds find a planted bug (`sim/`), real lack of memory.
//!
//! Source: decisions/0011-planted-bugs.md.

/// A bug that can be planted, to see that the simulator finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Plant {
    /// A cancel is published and the sleeping worker is not rung.
    LostWake,
    /// Argument bytes that reach past their segment are cut to it instead of refused.
    SkippedRangeCheck,
    /// A call that ended in a Fault keeps its place among those in flight.
    UnreturnedCredit,
    /// The latest of those who wait for a key gets it.
    WrongKeyOrder,
    /// A cancelled call is answered twice.
    DoubleCompletion,
    /// Operations that had not begun when their handle was closed are never ended.
    ForgottenWaiter,
    /// A sync is acknowledged and not done.
    UnflushedWrite,
    /// Loans of a call that is given up return before the node has let go of them.
    ReusedBuffer,
    /// The background class has no share while other work waits.
    StarvedLane,
    /// What a call that ended in a Fault had lent is never returned.
    LeakedLoan,
    /// A transfer that stopped early is taken as whole.
    TakenAsWhole,
    /// A call that did not end in its grace is answered, and its future is not dropped.
    KeptFuture,
    /// A periodic method is called although its last call is out.
    DoubledPeriod,
}

impl Plant {
    /// Each of them.
    pub const ALL: [Plant; 13] = [
        Plant::LostWake,
        Plant::SkippedRangeCheck,
        Plant::UnreturnedCredit,
        Plant::WrongKeyOrder,
        Plant::DoubleCompletion,
        Plant::ForgottenWaiter,
        Plant::UnflushedWrite,
        Plant::ReusedBuffer,
        Plant::StarvedLane,
        Plant::LeakedLoan,
        Plant::TakenAsWhole,
        Plant::KeptFuture,
        Plant::DoubledPeriod,
    ];

    /// Its name at the command line.
    pub fn name(self) -> &'static str {
        match self {
            Plant::LostWake => "lost-wake",
            Plant::SkippedRangeCheck => "skipped-range-check",
            Plant::UnreturnedCredit => "unreturned-credit",
            Plant::WrongKeyOrder => "wrong-key-order",
            Plant::DoubleCompletion => "double-completion",
            Plant::ForgottenWaiter => "forgotten-waiter",
            Plant::UnflushedWrite => "unflushed-write",
            Plant::ReusedBuffer => "reused-buffer",
            Plant::StarvedLane => "starved-lane",
            Plant::LeakedLoan => "leaked-loan",
            Plant::TakenAsWhole => "taken-as-whole",
            Plant::KeptFuture => "kept-future",
            Plant::DoubledPeriod => "doubled-period",
        }
    }
}

#[cfg(feature = "hooks")]
mod set {
    use super::Plant;
    use std::cell::Cell;

    thread_local! {
        static PLANTED: Cell<Option<Plant>> = const { Cell::new(None) };
        static DOORS: Cell<u64> = const { Cell::new(0) };
        static FAILS_AT: Cell<u64> = const { Cell::new(u64::MAX) };
    }

    /// Plants a bug for this thread, or takes it out.
    pub fn plant(bug: Option<Plant>) {
        PLANTED.set(bug);
    }

    /// Whether this bug is planted.
    #[inline]
    pub fn planted(bug: Plant) -> bool {
        PLANTED.get() == Some(bug)
    }

    /// The `n`-th door from now, counted from 0, refuses memory on this thread; `None`: none does.
    pub fn fail_at(n: Option<u64>) {
        DOORS.set(0);
        FAILS_AT.set(n.unwrap_or(u64::MAX));
    }

    /// Doors that this thread has passed since `fail_at`.
    pub fn doors() -> u64 {
        DOORS.get()
    }

    /// A door: whether memory is refused here.
    #[inline]
    pub fn fails() -> bool {
        let door = DOORS.get();
        DOORS.set(door + 1);
        door == FAILS_AT.get()
    }
}

#[cfg(feature = "hooks")]
pub use set::{doors, fail_at, fails, plant, planted};

/// Whether this bug is planted: never, without the feature.
#[cfg(not(feature = "hooks"))]
#[inline(always)]
pub const fn planted(_: Plant) -> bool {
    false
}

/// A door: whether memory is refused here. Never, without the feature.
#[cfg(not(feature = "hooks"))]
#[inline(always)]
pub const fn fails() -> bool {
    false
}

#[cfg(all(test, feature = "hooks"))]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_door_refuses_once_and_only_the_planted_bug_is_there() {
        fail_at(Some(2));
        assert_eq!([fails(), fails(), fails(), fails()], [false, false, true, false]);
        assert_eq!(doors(), 4);
        fail_at(None);
        plant(Some(Plant::LostWake));
        assert!(planted(Plant::LostWake) && !planted(Plant::LeakedLoan));
        plant(None);
        assert!(Plant::ALL.iter().all(|bug| !planted(*bug)));
    }
}
