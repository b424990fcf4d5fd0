//! Rendez against its model: a list of sleepers, and for each who was woken the list of those who slept then.

use super::waits::{Id, Waits};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::task::Poll;
use windlass_wait::Rendez;

#[derive(Clone, Debug)]
enum Op {
    Sleep,
    Poll(u8),
    Cancel(u8),
    WakeOne,
    WakeAll,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => Just(Op::Sleep),
        5 => any::<u8>().prop_map(Op::Poll),
        2 => any::<u8>().prop_map(Op::Cancel),
        2 => Just(Op::WakeOne),
        1 => Just(Op::WakeAll),
    ]
}

#[derive(Default)]
struct Model {
    asleep: Vec<Id>,
    /// Who was woken, and who else slept when that wake was made.
    woken: BTreeMap<Id, Vec<Id>>,
}

impl Model {
    /// Wakes the first of these that sleeps still.
    fn wake(&mut self, among: Vec<Id>) -> bool {
        let Some(id) = among.iter().copied().find(|id| self.asleep.contains(id)) else { return false };
        self.asleep.retain(|asleep| *asleep != id);
        self.woken.insert(id, among);
        true
    }
}

proptest! {
    #[test]
    fn volume_Y6_a_rendez_is_as_its_model_whoever_gives_up(ops in vec(op(), 0..120)) {
        let rendez = Rendez::new();
        let mut waits = Waits::new();
        let mut model = Model::default();
        for op in ops {
            match op {
                Op::Sleep => drop(waits.add(rendez.sleep())),
                Op::Poll(random) => {
                    let Some(id) = waits.pick(random) else { continue };
                    let ready = waits.poll(id) == Poll::Ready(Ok(()));
                    prop_assert_eq!(ready, model.woken.remove(&id).is_some());
                    if !ready && !model.asleep.contains(&id) {
                        model.asleep.push(id);
                    }
                }
                Op::Cancel(random) => {
                    let Some(id) = waits.pick(random) else { continue };
                    waits.cancel(id);
                    model.asleep.retain(|asleep| *asleep != id);
                    if let Some(among) = model.woken.remove(&id) {
                        model.wake(among);
                    }
                }
                Op::WakeOne => {
                    let among = model.asleep.clone();
                    prop_assert_eq!(rendez.wake_one(), usize::from(model.wake(among)));
                }
                Op::WakeAll => {
                    let among = model.asleep.clone();
                    prop_assert_eq!(rendez.wake_all(), among.len());
                    while model.wake(among.clone()) {}
                }
            }
            prop_assert_eq!(rendez.sleepers(), model.asleep.len());
            waits.check_woken(|id| model.woken.contains_key(&id));
        }
    }
}
