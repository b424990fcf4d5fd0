//! Barrier and Latch against their models: a list of who has come, and a count.

use super::waits::{Id, Waits};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::task::Poll;
use windlass_wait::{Barrier, Latch, Met};

#[derive(Clone, Debug)]
enum Op {
    Wait,
    Poll(u8),
    Cancel(u8),
    Arrive,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => Just(Op::Wait),
        5 => any::<u8>().prop_map(Op::Poll),
        2 => any::<u8>().prop_map(Op::Cancel),
        1 => Just(Op::Arrive),
    ]
}

proptest! {
    #[test]
    fn volume_Y6_a_barrier_is_as_its_model_whoever_gives_up(size in 1..5usize, ops in vec(op(), 0..120)) {
        let barrier = Barrier::new(size).expect("a barrier");
        let mut waits = Waits::new();
        let (mut come, mut met, mut generation): (Vec<Id>, BTreeMap<Id, Met>, u64) = (vec![], BTreeMap::new(), 0);
        for op in ops {
            match op {
                Op::Wait => drop(waits.add(barrier.wait())),
                Op::Poll(random) => {
                    let Some(id) = waits.pick(random) else { continue };
                    let polled = waits.poll(id);
                    if !come.contains(&id) && !met.contains_key(&id) {
                        come.push(id);
                    }
                    if come.len() == size {
                        let last = id;
                        met.extend(come.drain(..).map(|id| (id, Met { generation, leader: id == last })));
                        generation += 1;
                    }
                    match met.remove(&id) {
                        Some(expected) => prop_assert_eq!(polled, Poll::Ready(Ok(expected))),
                        None => prop_assert!(polled.is_pending()),
                    }
                }
                Op::Cancel(random) => {
                    let Some(id) = waits.pick(random) else { continue };
                    waits.cancel(id);
                    come.retain(|other| *other != id);
                    met.remove(&id);
                }
                Op::Arrive => {}
            }
            prop_assert_eq!((barrier.arrived(), barrier.generation()), (come.len(), generation));
            waits.check_woken(|id| met.contains_key(&id));
        }
    }

    #[test]
    fn volume_Y6_a_latch_is_as_its_model_whoever_gives_up(count in 0..4usize, ops in vec(op(), 0..60)) {
        let latch = Latch::new(count);
        let mut waits = Waits::new();
        let mut missing = count;
        for op in ops {
            match op {
                Op::Wait => drop(waits.add(latch.wait())),
                Op::Poll(random) => {
                    let Some(id) = waits.pick(random) else { continue };
                    prop_assert_eq!(waits.poll(id).is_ready(), missing == 0);
                }
                Op::Cancel(random) => {
                    let Some(id) = waits.pick(random) else { continue };
                    waits.cancel(id);
                }
                Op::Arrive => {
                    missing = missing.saturating_sub(1);
                    prop_assert_eq!(latch.arrive(), missing);
                }
            }
            waits.check_woken(|_| missing == 0);
        }
    }
}
