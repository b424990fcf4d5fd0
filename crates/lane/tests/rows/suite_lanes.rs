//! What lanes promise in time, where time is exact: on the simulated backend alone.

use crate::Make;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use windlass_lane::limits::QUANTUM_NS;
use windlass_lane::{Class, Cx, LaneOptions, TaskOptions};

fn work(cx: &Cx, ns: u64) {
    let until = cx.now() + ns;
    while cx.now() < until {}
}

pub fn two_lanes_at_weights_three_to_one_divide_the_time_so(make: Make) {
    let mut world = make();
    let cx = world.engine.cx();
    let end = cx.now() + 200_000_000;
    let mut lanes = Vec::new();
    for (name, weight, piece_ns) in [("three", 300, 20_000), ("one", 100, 35_000)] {
        let lane = cx.add_lane(LaneOptions { weight, ..LaneOptions::new(name) }).unwrap();
        for _ in 0..3 {
            let inner = cx.clone();
            let busy = async move {
                while inner.now() < end {
                    work(&inner, piece_ns);
                    inner.yield_now().await;
                }
            };
            cx.spawn_as(TaskOptions::new(name).on(lane), busy).unwrap().detach();
        }
        lanes.push(lane);
    }
    world.run(|_| async {});
    let ran = |lane| cx.lanes().iter().find(|facts| facts.id == lane).unwrap().ran_ns as f64;
    let share = ran(lanes[0]) / (ran(lanes[0]) + ran(lanes[1]));
    assert!((share - 0.75).abs() < 0.02, "{share}");
}

/// How late a task of its own lane runs after its timer: the 99th percentile.
fn lateness(make: Make, hogs: usize, class: Class) -> u64 {
    let (late, over) = (Rc::new(RefCell::new(Vec::new())), Rc::new(Cell::new(false)));
    let (told, ended) = (late.clone(), over.clone());
    make().run(|cx| async move {
        let victim = cx.add_lane(LaneOptions::new("victim")).unwrap();
        let hog = cx.add_lane(LaneOptions { class, ..LaneOptions::new("hog") }).unwrap();
        let (inner, done) = (cx.clone(), ended.clone());
        let beat = async move {
            for _ in 0..500 {
                let at = inner.now() + 150_000;
                inner.sleep_until(at).await.unwrap();
                told.borrow_mut().push(inner.now() - at);
            }
            done.set(true);
        };
        cx.spawn_as(TaskOptions::new("beat").on(victim), beat).unwrap().detach();
        for _ in 0..hogs {
            let (inner, done) = (cx.clone(), ended.clone());
            let busy = async move {
                while !done.get() {
                    work(&inner, 80_000);
                    inner.yield_now().await;
                }
            };
            cx.spawn_as(TaskOptions::new("hog").on(hog), busy).unwrap().detach();
        }
    });
    let mut late = late.take();
    late.sort_unstable();
    late[late.len() * 99 / 100]
}

pub fn a_hog_moves_its_neighbour_by_less_than_a_quantum(make: Make) {
    let alone = lateness(make, 0, Class::Latency);
    for class in [Class::Latency, Class::Background] {
        let beside = lateness(make, 8, class);
        assert!(
            beside.saturating_sub(alone) < QUANTUM_NS,
            "{class:?}: {alone} ns alone, {beside} ns beside a hog"
        );
    }
}

pub fn a_long_loop_in_morsels_lets_others_run_every_quantum(make: Make) {
    make().run(|cx| async move {
        let inner = cx.clone();
        let longest = Rc::new(Cell::new(0));
        let seen = longest.clone();
        let over = Rc::new(Cell::new(false));
        let (ended, began) = (over.clone(), cx.now());
        let other = async move {
            let mut last = began;
            while !ended.get() {
                seen.set(seen.get().max(inner.now() - last));
                last = inner.now();
                inner.yield_now().await;
            }
        };
        let other = cx.spawn("other", other).unwrap();
        let (mut sum, mut morsels) = (0, cx.morsels(0..100_000, 1000));
        while let Some(piece) = morsels.next().await {
            sum += piece.len();
            work(&cx, 300_000);
        }
        over.set(true);
        other.await;
        assert_eq!(sum, 100_000);
        assert!(longest.get() < 2 * QUANTUM_NS, "{} ns", longest.get());
    });
}
