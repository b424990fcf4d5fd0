//! Claims about meeting (Y5).

use super::{Bench, Log, pause, start};
use crate::{Barrier, Latch};
use std::cell::Cell;
use std::rc::Rc;

pub fn volume_Y5_nobody_passes_a_barrier_before_all_have_come(bench: &dyn Bench) {
    let (barrier, log) = (Rc::new(Barrier::new(3).expect("a barrier")), Log::new());
    for name in 0..3 {
        assert_eq!((barrier.arrived(), log.len()), (name, 0));
        let (barrier, log) = (barrier.clone(), log.clone());
        start(bench, async move {
            let met = barrier.wait().await.expect("room to wait");
            assert_eq!((met.generation, met.leader), (0, name == 2), "who comes last leads");
            log.add(name);
        });
    }
    assert_eq!((barrier.arrived(), barrier.generation(), log.len()), (0, 1, 3));
}

pub fn volume_Y5_each_batch_has_one_leader_and_the_next_may_follow_at_once(bench: &dyn Bench) {
    const TASKS: usize = 4;
    const ROUNDS: u64 = 10;
    let barrier = Rc::new(Barrier::new(TASKS).expect("a barrier"));
    let (leaders, in_round) = (Log::new(), Rc::new(Cell::new([0; ROUNDS as usize])));
    for name in 0..TASKS {
        let (barrier, leaders, in_round) = (barrier.clone(), leaders.clone(), in_round.clone());
        bench.spawn(Box::pin(async move {
            for round in 0..ROUNDS {
                let mut counts = in_round.get();
                counts[round as usize] += 1;
                in_round.set(counts);
                if name == 0 {
                    pause().await;
                }
                let met = barrier.wait().await.expect("room to wait");
                assert_eq!(met.generation, round, "a batch has its members, and they its number");
                assert_eq!(in_round.get()[round as usize], TASKS, "all of this round had come");
                if met.leader {
                    leaders.add(round);
                }
            }
        }));
    }
    bench.run();
    assert_eq!(leaders.take(), (0..ROUNDS).collect::<Vec<_>>());
    assert_eq!((barrier.generation(), barrier.arrived()), (ROUNDS, 0));
}

pub fn volume_Y5_a_latch_opens_once_and_stays_open(bench: &dyn Bench) {
    let (latch, log) = (Rc::new(Latch::new(2)), Log::new());
    let waiter = |name| {
        let (latch, log) = (latch.clone(), log.clone());
        async move {
            latch.wait().await.expect("room to wait");
            log.add(name);
        }
    };
    start(bench, waiter(0));
    start(bench, waiter(1));
    assert_eq!((latch.arrive(), latch.is_open()), (1, false));
    bench.run();
    assert_eq!(log.len(), 0);
    assert_eq!((latch.arrive(), latch.is_open()), (0, true));
    bench.run();
    assert_eq!(log.len(), 2);
    assert_eq!(latch.arrive(), 0, "more change nothing");
    start(bench, waiter(2));
    assert_eq!(log.take().last(), Some(&2), "who comes late does not wait");
}
