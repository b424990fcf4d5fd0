//! Semaphore against its model: a list of who asked for how many, of which the first goes on when so many are free.

use super::waits::{Id, Waits};
use proptest::collection::vec;
use proptest::prelude::*;
use std::task::Poll;
use windlass_wait::{AcquireError, Semaphore};

#[derive(Clone, Debug)]
enum Op {
    Ask(usize),
    Try(usize),
    Poll(u8),
    Cancel(u8),
    Release(u8),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (0..6usize).prop_map(Op::Ask),
        1 => (0..6usize).prop_map(Op::Try),
        5 => any::<u8>().prop_map(Op::Poll),
        2 => any::<u8>().prop_map(Op::Cancel),
        3 => any::<u8>().prop_map(Op::Release),
    ]
}

#[derive(Default)]
struct Model {
    free: usize,
    asked: Vec<(Id, usize)>,
    given: Vec<(Id, usize)>,
    /// All asks, by id.
    permits: Vec<usize>,
}

impl Model {
    fn settle(&mut self) {
        while let Some(&(id, permits)) = self.asked.first()
            && permits <= self.free
        {
            self.free -= permits;
            self.asked.remove(0);
            self.given.push((id, permits));
        }
    }

    fn is_given(&self, id: Id) -> bool {
        self.given.iter().any(|(given, _)| *given == id)
    }
}

proptest! {
    #[test]
    fn volume_Y6_a_semaphore_is_as_its_model_whoever_gives_up(total in 0..5usize, ops in vec(op(), 0..120)) {
        let semaphore = Semaphore::new(total);
        let mut waits = Waits::new();
        let mut held = Vec::new();
        let mut model = Model { free: total, ..Model::default() };
        for op in ops {
            match op {
                Op::Ask(permits) => {
                    if waits.add(semaphore.acquire(permits)).is_some() {
                        model.permits.push(permits);
                    }
                }
                Op::Try(permits) => {
                    let may = model.asked.is_empty() && permits <= model.free;
                    let got = semaphore.try_acquire(permits);
                    prop_assert_eq!(got.is_some(), may);
                    if let Some(permit) = got {
                        model.free -= permits;
                        held.push(permit);
                    }
                }
                Op::Poll(random) => {
                    let Some(id) = waits.pick(random) else { continue };
                    let permits = model.permits[id];
                    let polled = waits.poll(id);
                    if permits > total {
                        let refused = AcquireError::TooMany { asked: permits, total };
                        prop_assert_eq!(polled.map(|end| end.err()), Poll::Ready(Some(refused)));
                        continue;
                    }
                    if !model.is_given(id) && !model.asked.iter().any(|(asked, _)| *asked == id) {
                        model.asked.push((id, permits));
                        model.settle();
                    }
                    prop_assert_eq!(polled.is_ready(), model.is_given(id));
                    if let Poll::Ready(permit) = polled {
                        model.given.retain(|(given, _)| *given != id);
                        held.push(permit.expect("there are so many"));
                    }
                }
                Op::Cancel(random) => {
                    let Some(id) = waits.pick(random) else { continue };
                    waits.cancel(id);
                    model.asked.retain(|(asked, _)| *asked != id);
                    if model.is_given(id) {
                        model.free += model.permits[id];
                        model.given.retain(|(given, _)| *given != id);
                    }
                    model.settle();
                }
                Op::Release(random) => {
                    if let Some(at) = usize::from(random).checked_rem(held.len()) {
                        model.free += held[at].permits();
                        drop(held.remove(at));
                        model.settle();
                    }
                }
            }
            prop_assert_eq!((semaphore.free(), semaphore.waiting()), (model.free, model.asked.len()));
            waits.check_woken(|id| model.is_given(id));
        }
    }
}
