//! QLock and RWLock against one model: a list of who asked, of which the first goes on when nobody stands in its way.

use super::waits::{Id, Waits};
use proptest::collection::vec;
use proptest::prelude::*;
use std::task::Poll;
use windlass_wait::{QGuard, QLock, RWLock, ReadGuard, WriteGuard};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Read,
    Write,
}

#[derive(Clone, Debug)]
enum Op {
    Ask(Kind),
    Try(Kind),
    Poll(u8),
    Cancel(u8),
    Release(u8),
}

fn op(kind: impl Strategy<Value = Kind> + Clone) -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => kind.clone().prop_map(Op::Ask),
        1 => kind.prop_map(Op::Try),
        5 => any::<u8>().prop_map(Op::Poll),
        2 => any::<u8>().prop_map(Op::Cancel),
        3 => any::<u8>().prop_map(Op::Release),
    ]
}

#[derive(Default)]
struct Model {
    asked: Vec<(Id, Kind)>,
    /// It is theirs; they do not know yet.
    given: Vec<(Id, Kind)>,
    held: Vec<Kind>,
    /// All asks, by id: what they are for.
    kinds: Vec<Kind>,
}

impl Model {
    fn free_for(&self, kind: Kind) -> bool {
        let mut having = self.given.iter().map(|(_, kind)| *kind).chain(self.held.iter().copied());
        match kind {
            Kind::Read => having.all(|other| other == Kind::Read),
            Kind::Write => having.next().is_none(),
        }
    }

    fn settle(&mut self) {
        while let Some(&(id, kind)) = self.asked.first()
            && self.free_for(kind)
        {
            self.asked.remove(0);
            self.given.push((id, kind));
        }
    }

    fn is_given(&self, id: Id) -> bool {
        self.given.iter().any(|(given, _)| *given == id)
    }

    fn may_try(&self, kind: Kind) -> bool {
        self.asked.is_empty() && self.free_for(kind)
    }

    /// A poll; answers whether it is ready.
    fn poll(&mut self, id: Id) -> bool {
        let kind = self.kinds[id];
        if !self.is_given(id) && !self.asked.iter().any(|(asked, _)| *asked == id) {
            self.asked.push((id, kind));
            self.settle();
        }
        let ready = self.is_given(id);
        if ready {
            self.given.retain(|(given, _)| *given != id);
            self.held.push(kind);
        }
        ready
    }

    fn cancel(&mut self, id: Id) {
        self.asked.retain(|(asked, _)| *asked != id);
        self.given.retain(|(given, _)| *given != id);
        self.settle();
    }
}

/// What a lock gives; dropping it gives it back.
#[allow(dead_code, reason = "they are held, and not looked at")]
enum Guard<'a> {
    One(QGuard<'a, u32>),
    Read(ReadGuard<'a, u32>),
    Write(WriteGuard<'a, u32>),
}

/// Either lock.
enum Lock {
    Q(QLock<u32>),
    RW(RWLock<u32>),
}

impl Lock {
    async fn ask(&self, kind: Kind) -> Guard<'_> {
        match (self, kind) {
            (Self::Q(lock), _) => Guard::One(lock.lock().await.expect("room to wait")),
            (Self::RW(lock), Kind::Read) => Guard::Read(lock.read().await.expect("room to wait")),
            (Self::RW(lock), Kind::Write) => Guard::Write(lock.write().await.expect("room to wait")),
        }
    }

    fn attempt(&self, kind: Kind) -> Option<Guard<'_>> {
        match (self, kind) {
            (Self::Q(lock), _) => lock.try_lock().map(Guard::One),
            (Self::RW(lock), Kind::Read) => lock.try_read().map(Guard::Read),
            (Self::RW(lock), Kind::Write) => lock.try_write().map(Guard::Write),
        }
    }

    fn waiting(&self) -> usize {
        match self {
            Self::Q(lock) => lock.waiting(),
            Self::RW(lock) => lock.waiting(),
        }
    }
}

fn check(lock: &Lock, ops: Vec<Op>) -> Result<(), TestCaseError> {
    let mut waits = Waits::new();
    let mut guards = Vec::new();
    let mut model = Model::default();
    for op in ops {
        match op {
            Op::Ask(kind) => {
                if waits.add(lock.ask(kind)).is_some() {
                    model.kinds.push(kind);
                }
            }
            Op::Try(kind) => {
                let got = lock.attempt(kind);
                prop_assert_eq!(got.is_some(), model.may_try(kind));
                if let Some(guard) = got {
                    guards.push(guard);
                    model.held.push(kind);
                }
            }
            Op::Poll(random) => {
                let Some(id) = waits.pick(random) else { continue };
                let polled = waits.poll(id);
                prop_assert_eq!(polled.is_ready(), model.poll(id));
                if let Poll::Ready(guard) = polled {
                    guards.push(guard);
                }
            }
            Op::Cancel(random) => {
                let Some(id) = waits.pick(random) else { continue };
                waits.cancel(id);
                model.cancel(id);
            }
            Op::Release(random) => {
                if let Some(at) = usize::from(random).checked_rem(guards.len()) {
                    drop(guards.remove(at));
                    model.held.remove(at);
                    model.settle();
                }
            }
        }
        prop_assert_eq!(lock.waiting(), model.asked.len());
        waits.check_woken(|id| model.is_given(id));
    }
    Ok(())
}

proptest! {
    #[test]
    fn volume_Y6_a_lock_is_as_its_model_whoever_gives_up(ops in vec(op(Just(Kind::Write)), 0..120)) {
        check(&Lock::Q(QLock::new(0)), ops)?;
    }

    #[test]
    fn volume_Y6_a_lock_for_readers_and_writers_is_as_its_model_whoever_gives_up(
        ops in vec(op(prop_oneof![2 => Just(Kind::Read), 1 => Just(Kind::Write)]), 0..120),
    ) {
        check(&Lock::RW(RWLock::new(0)), ops)?;
    }
}
