//! What lanes promise: time by weight, and a neighbour that is not felt.

use crate::{Failure, ours::Ours};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use windlass_bench::{Row, machine};
use windlass_lane::limits::QUANTUM_NS;
use windlass_lane::{Cx, LaneOptions, TaskOptions};

/// Works for so long, by the clock.
fn work(cx: &Cx, ns: u64) {
    let until = cx.now() + ns;
    while cx.now() < until {
        std::hint::spin_loop();
    }
}

/// Two lanes at weights 3 and 1 that never run out of work, for so many milliseconds.
pub fn shares(ms: u64) -> Result<Vec<Row>, Failure> {
    let mut ours = Ours::new()?;
    let cx = ours.cx();
    let end = cx.now() + ms * 1_000_000;
    let mut lanes = Vec::new();
    // The pieces of the two differ, so that time and not turns is divided.
    for (name, weight, piece_ns) in [("3", 300, 20_000), ("1", 100, 35_000)] {
        let lane = cx.add_lane(LaneOptions { weight, ..LaneOptions::new(name) })?;
        for _ in 0..4 {
            let inner = cx.clone();
            let busy = async move {
                while inner.now() < end {
                    work(&inner, piece_ns);
                    inner.yield_now().await;
                }
            };
            cx.spawn_as(TaskOptions::new(name).on(lane), busy)?.detach();
        }
        lanes.push(lane);
    }
    ours.run()?;
    let facts = cx.lanes();
    let mut rows = Vec::new();
    let of = |lane| facts.iter().find(|facts| facts.id == lane).map_or(0, |facts| facts.ran_ns);
    let all: u64 = lanes.iter().map(|lane| of(*lane)).sum();
    let share = of(lanes[0]) as f64 / all as f64 * 100.0;
    println!("weights 3:1 got {share:.1} : {:.1} % of {ms} ms  (target: 75 +- 2 %)", 100.0 - share);
    for (lane, name) in lanes.iter().zip(["share-weight-3", "share-weight-1"]) {
        rows.push(Row {
            n: facts.iter().find(|facts| facts.id == *lane).map(|facts| facts.pieces),
            cpu_us_per_op: Some(of(*lane) as f64 / 1000.0),
            ops_per_s: Some(of(*lane) as f64 / all as f64 * 100.0),
            rounds: Some(1),
            ..Row::of_ours("lane", name, &machine::line())
        });
    }
    Ok(rows)
}

/// How late a lane's task runs after its timer, beside nobody and beside a lane that always has work.
pub fn hog(beats: u64) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for with_hog in [false, true] {
        let mut ours = Ours::new()?;
        let cx = ours.cx();
        let late = Rc::new(RefCell::new(Vec::new()));
        let over = Rc::new(Cell::new(false));
        let victim = cx.add_lane(LaneOptions::new("victim"))?;
        let hog = cx.add_lane(LaneOptions::new("hog"))?;
        let (inner, told, ended) = (cx.clone(), late.clone(), over.clone());
        let beat = async move {
            for _ in 0..beats {
                let at = inner.now() + 200_000;
                if inner.sleep_until(at).await.is_err() {
                    break;
                }
                told.borrow_mut().push(inner.now() - at);
            }
            ended.set(true);
        };
        cx.spawn_as(TaskOptions::new("beat").on(victim), beat)?.detach();
        for _ in 0..if with_hog { 8 } else { 0 } {
            let (inner, ended) = (cx.clone(), over.clone());
            let busy = async move {
                while !ended.get() {
                    work(&inner, 100_000);
                    inner.yield_now().await;
                }
            };
            cx.spawn_as(TaskOptions::new("hog").on(hog), busy)?.detach();
        }
        if !with_hog {
            // Awake as the other is, so that only the hog differs: a task that yields and does nothing.
            let (inner, ended) = (cx.clone(), over.clone());
            let awake = async move {
                while !ended.get() {
                    inner.yield_now().await;
                }
            };
            cx.spawn("awake", awake)?.detach();
        }
        ours.run()?;
        let mut late = late.borrow_mut();
        late.sort_unstable();
        let at = |share: usize| late.get(late.len() * share / 100).copied().unwrap_or(0) as f64 / 1000.0;
        rows.push(Row {
            n: Some(beats),
            p50_us: Some(at(50)),
            p99_us: Some(at(99)),
            rounds: Some(1),
            ..Row::of_ours("lane", if with_hog { "beside-a-hog" } else { "beside-nobody" }, &machine::line())
        });
    }
    let p99 = |at: usize| rows[at].p99_us.unwrap_or(f64::NAN);
    println!(
        "a lane's p99 lateness: {:.1} us alone, {:.1} us beside a hog: moved by {:.1} us  (target: < one quantum, {} us)",
        p99(0),
        p99(1),
        p99(1) - p99(0),
        Duration::from_nanos(QUANTUM_NS).as_micros()
    );
    Ok(rows)
}
