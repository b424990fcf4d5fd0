//! Claims about sleeping and waking (Y1).

use super::{Bench, Log, start};
use crate::Rendez;
use std::rc::Rc;

fn sleepers(bench: &dyn Bench, number: usize) -> (Rc<Rendez>, Log) {
    let (rendez, log) = (Rc::new(Rendez::new()), Log::new());
    for name in 0..number {
        let (rendez, log) = (rendez.clone(), log.clone());
        start(bench, async move {
            for _ in 0..2 {
                rendez.sleep().await.expect("room to sleep");
                log.add(name);
            }
        });
    }
    assert_eq!((rendez.sleepers(), log.len()), (number, 0));
    (rendez, log)
}

pub fn volume_Y1_sleepers_are_woken_in_the_order_in_which_they_fell_asleep(bench: &dyn Bench) {
    let (rendez, log) = sleepers(bench, 4);
    for name in [0, 1, 2, 3, 0, 1, 2, 3] {
        assert_eq!(rendez.wake_one(), 1);
        bench.run();
        assert_eq!(log.take(), [name]);
    }
    assert_eq!((rendez.wake_one(), rendez.wake_all()), (0, 0));
}

pub fn volume_Y1_a_wake_with_nobody_asleep_is_lost(bench: &dyn Bench) {
    let rendez = Rendez::new();
    assert_eq!((rendez.wake_one(), rendez.wake_all()), (0, 0));
    let (rendez, log) = sleepers(bench, 1);
    assert_eq!(rendez.wake_one(), 1);
    assert_eq!(rendez.wake_one(), 0, "who was woken sleeps no more, before it runs");
    bench.run();
    assert_eq!(log.take(), [0], "the second wake is no permit for the second sleep");
    assert_eq!(rendez.sleepers(), 1);
    rendez.wake_one();
    bench.run();
    assert_eq!(log.take(), [0]);
}

pub fn volume_Y1_waking_all_wakes_those_who_sleep_now_and_says_how_many(bench: &dyn Bench) {
    let (rendez, log) = sleepers(bench, 3);
    assert_eq!(rendez.wake_all(), 3);
    bench.run();
    let mut woken = log.take();
    woken.sort_unstable();
    assert_eq!(woken, [0, 1, 2], "each once, although each sleeps again at once");
    assert_eq!(rendez.wake_all(), 3);
    bench.run();
    assert_eq!(log.len(), 3);
}
