//! Travel: an idle session goes to the worker that most of its calls go to.
//!
//! Lives here: `Drift` (where its calls go), `Parcel` (a session on its way), `Session::{wants_away, pack}`, `unpack`.
//! From: the worker, between its turns. To: a letter, and the worker that it goes to.
//! Holds: a session goes only if nothing of it is under way here: no call, no detached call, nothing that was not announced. All else
//! goes with it: rings, words, segments, rooms, leases. What its client sends meanwhile waits in its ring, and its bell stays rung.
//! Not here: sessions over sockets, which stay: their bytes are brought by a task.

use super::memory::{Bundle, Memories};
use super::{CallSlot, Session, Who};
use crate::core::Core;
use crate::limits::{DRIFT_MAX, DRIFT_NS, DRIFTS};
use crate::shared::WorkerId;
use crate::transport::Via;
use crate::transport::ring::Ring;
use std::cell::Cell;
use std::rc::Rc;
use windlass_driver::Nanos;

/// Where a session's calls go lately: to which other worker, and by how much more than elsewhere.
pub(super) struct Drift {
    to: Cell<WorkerId>,
    by: Cell<i32>,
    /// Since when it is here.
    since: Cell<Nanos>,
}

impl Drift {
    pub(super) fn new(since: Nanos) -> Self {
        Self { to: Cell::new(WorkerId::FIRST), by: Cell::new(0), since: Cell::new(since) }
    }

    /// A call came; where it goes is not known yet.
    #[inline]
    pub(super) fn came(&self) {
        self.by.set((self.by.get() - 2).max(0));
    }

    /// It went to another worker. So two of three have to go there before a session drifts.
    fn went(&self, to: WorkerId) {
        if self.to.get() == to {
            self.by.set((self.by.get() + 3).min(DRIFT_MAX));
        } else if self.by.get() <= 3 {
            self.to.set(to);
            self.by.set(3);
        } else {
            self.by.set(self.by.get() - 3);
        }
    }

    fn target(&self, now: Nanos) -> Option<WorkerId> {
        let drifts = self.by.get() >= DRIFTS && now.saturating_sub(self.since.get()) >= DRIFT_NS;
        drifts.then(|| self.to.get())
    }
}

/// A session on its way to another worker.
pub(crate) struct Parcel {
    who: Who,
    ring: Box<Ring>,
    memory: Bundle,
    /// Of each call slot: its last generation.
    last: Vec<Option<u32>>,
    answered: u64,
}

impl Parcel {
    pub(crate) fn number(&self) -> u64 {
        self.who.number
    }
}

impl Session {
    /// One of its calls goes to another worker.
    pub(crate) fn went(&self, to: WorkerId) {
        self.drift.went(to);
    }

    /// Whether most of its calls go to another worker.
    #[inline]
    pub(crate) fn drifts(&self) -> bool {
        self.drift.by.get() >= DRIFTS
    }

    /// The worker that it should go to, if it may go now.
    pub(crate) fn wants_away(&self, now: Nanos) -> Option<WorkerId> {
        let to = self.drift.target(now)?;
        let nothing = self.in_flight.get() == 0 && self.detached.get() == 0 && !self.touched.get();
        (nothing && self.ring().is_some() && !self.has_ended() && !self.has_entry()).then_some(to)
    }

    /// Packs a session that may go; nobody but whoever calls this has it. Gives it back if something of it is in use after all.
    pub(crate) fn pack(this: Rc<Self>, core: &Core) -> Result<Parcel, Rc<Self>> {
        this.uncharge_retired(core);
        let is_whole = Rc::strong_count(&this) == 1 && Rc::strong_count(&this.detached) == 1;
        if !is_whole || !this.memories.is_whole() {
            return Err(this);
        }
        let mut this = Rc::try_unwrap(this)?;
        let slots = this.slots.take();
        let via = std::mem::replace(&mut this.via, Via::Gone);
        let Via::Ring(ring) = via else { unreachable!("`wants_away` looked: it shares memory") };
        let mut rooms = Vec::new();
        let mut last = Vec::new();
        for CallSlot { last: generation, reply, .. } in slots {
            last.push(generation);
            rooms.push(reply);
        }
        let memory = std::mem::take(&mut this.memories).pack(rooms);
        let (name, peer) = (std::mem::take(&mut this.name), this.peer);
        let who = Who { number: this.number, name, peer, far: this.far };
        Ok(Parcel { who, ring: Box::new(ring), memory, last, answered: this.answered.get() })
    }

    /// A session that has come from another worker.
    pub(crate) fn unpack(core: &Rc<Core>, parcel: Parcel) -> Rc<Self> {
        let Parcel { who, ring, memory, last, answered } = parcel;
        let (memories, rooms): (Memories, _) = memory.unpack();
        let slots = last.into_iter().zip(rooms);
        let slots = slots.map(|(last, reply)| CallSlot { last, reply, ..CallSlot::default() }).collect();
        let session = Self::assemble(core, who, Via::Ring(*ring), slots, memories);
        session.answered.set(answered);
        session
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls that go where these say, 0 being here.
    fn after(calls: impl IntoIterator<Item = u16>) -> Option<WorkerId> {
        let drift = Drift::new(0);
        for to in calls {
            drift.came();
            if to > 0 {
                drift.went(WorkerId(to));
            }
        }
        drift.target(DRIFT_NS)
    }

    #[test]
    fn a_session_drifts_to_where_more_than_two_of_three_calls_go_and_to_nobody_else() {
        let many = 10 * DRIFTS as usize;
        assert_eq!(after(std::iter::repeat_n(2, many)), Some(WorkerId(2)));
        assert_eq!(after([2, 2, 2, 2, 0].repeat(many)), Some(WorkerId(2)));
        assert_eq!(after([1, 2].repeat(many)), None, "half and half");
        assert_eq!(after([2, 0].repeat(many)), None, "half stay");
        assert_eq!(after([1, 2, 0].repeat(many)), None);
        assert_eq!(after(std::iter::repeat_n(2, 3)), None, "a few are not enough");
    }

    #[test]
    fn a_session_that_has_just_come_stays_for_a_while() {
        let drift = Drift::new(100);
        for _ in 0..1000 {
            drift.came();
            drift.went(WorkerId(1));
        }
        assert_eq!(drift.target(100 + DRIFT_NS - 1), None);
        assert_eq!(drift.target(100 + DRIFT_NS), Some(WorkerId(1)));
    }

    #[test]
    fn a_parcel_may_cross_to_another_thread() {
        fn crosses<T: Send>() {}
        crosses::<Parcel>();
    }
}
