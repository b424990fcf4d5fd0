//! Stages: when calls pass from room to room, for whoever asks where the time of a call goes.
//!
//! Lives here: `Stage` (a boundary on the way in), `Stages` (the stamps of the call that comes in now), `Way` (what a placed
//! call takes along of them), `Sums` (those of a method's calls).
//! From: `Core::stamp` at each boundary (`path`), `host::finish` at the end. To: `admin`, which hands the sums out.
//! Holds: only sums are kept, so the means of stages telescope: together they are the mean of the whole. A call counts when a
//! client asked it and it was answered with a value, and then at every boundary; the client counts the same calls.
//! Off, a boundary costs one branch that is always taken the same way.
//! Not here: the client's boundaries (`client/src/stages.rs`), means and shares (`bench/own/src/stages.rs`).

use crate::reply::ReplySlot;
use std::cell::Cell;
use windlass_contract::admin::StageFacts;
use windlass_driver::Nanos;

/// A boundary on a call's way in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stage {
    /// Taken from the submit ring.
    Taken,
    /// Copied and checked.
    Arrived,
    /// Admitted.
    Admitted,
    /// Given to a container and its method.
    Placed,
}

/// When one call passed each `Stage`.
pub(crate) type Way = [Nanos; Stage::Placed as usize + 1];

/// The stamps of the call that comes in now: one at a time does, from ring to lane, and nothing runs in between.
#[derive(Debug)]
pub(crate) struct Stages {
    on: bool,
    passing: Cell<Way>,
}

impl Stages {
    pub(crate) fn new(on: bool) -> Self {
        Self { on, passing: Cell::default() }
    }
    /// Whether stamps are taken.
    #[inline]
    pub(crate) fn on(&self) -> bool {
        self.on
    }
    /// The call passes this boundary now.
    pub(crate) fn mark(&self, stage: Stage, now: Nanos) {
        let mut way = self.passing.get();
        way[stage as usize] = now;
        self.passing.set(way);
    }
    /// What a placed call takes along until it ends; nothing unless a client waits for it.
    ///
    /// Cost: one allocation, counted in the stage `host`; none when off.
    #[inline]
    pub(crate) fn way(&self, reply: &ReplySlot) -> Option<Box<Way>> {
        if !self.on {
            return None;
        }
        reply.asker().map(|_| Box::new(self.passing.get()))
    }
}

/// Sums of the stamps of one method's calls, modulo 2^64.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    calls: Cell<u64>,
    sums: [Cell<u64>; 6],
}

impl Sums {
    /// One more call: its way in, when its method ended, and when its completion was published.
    pub(crate) fn add(&self, way: &Way, answered: Nanos, replied: Nanos) {
        self.calls.set(self.calls.get() + 1);
        for (sum, stamp) in self.sums.iter().zip(way.iter().chain([&answered, &replied])) {
            sum.set(sum.get().wrapping_add(*stamp));
        }
    }
    /// The sums, which begin anew; nothing when no call was counted.
    pub(crate) fn take(&self, pool: &str, method: &str) -> Option<StageFacts> {
        let calls = self.calls.take();
        let [taken, arrived, admitted, placed, answered, replied] = self.sums.each_ref().map(Cell::take);
        let (pool, method) = (pool.to_owned(), method.to_owned());
        (calls > 0).then_some(StageFacts {
            pool,
            method,
            calls,
            taken,
            arrived,
            admitted,
            placed,
            answered,
            replied,
        })
    }
}

/// Adds the sums of other containers, modulo 2^64.
pub(crate) fn add(to: &mut StageFacts, more: &StageFacts) {
    to.calls += more.calls;
    for (sum, more) in [
        (&mut to.taken, more.taken),
        (&mut to.arrived, more.arrived),
        (&mut to.admitted, more.admitted),
        (&mut to.placed, more.placed),
        (&mut to.answered, more.answered),
        (&mut to.replied, more.replied),
    ] {
        *sum = sum.wrapping_add(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_wrap_and_their_differences_are_those_of_the_stamps() {
        let sums = Sums::default();
        for _ in 0..3 {
            let near = u64::MAX - 100;
            sums.add(&[near, near + 10, near + 30, near + 60], near + 90, near + 100);
        }
        let facts = sums.take("p", "m").unwrap();
        assert_eq!(facts.calls, 3);
        assert_eq!(facts.arrived.wrapping_sub(facts.taken), 30);
        assert_eq!(facts.replied.wrapping_sub(facts.taken), 300);
        assert_eq!(sums.take("p", "m"), None, "taking begins anew");
    }
}
