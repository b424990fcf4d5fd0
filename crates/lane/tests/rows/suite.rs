//! Rows of making, ordering, listing and sleeping.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]

use crate::Make;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use windlass_lane::limits::TIMERS_MAX;
use windlass_lane::{Exit, LaneId, LaneOptions, SpawnError, TaskOptions, TaskState, WaitError};

type Log = Rc<RefCell<Vec<&'static str>>>;

pub fn volume_T1_a_task_has_an_id_a_name_and_a_lane(make: Make) {
    make().run(|cx| async move {
        let lane = cx.add_lane(LaneOptions::new("side")).unwrap();
        let first = cx.spawn("first", async { 1 }).unwrap();
        let second = cx.spawn_as(TaskOptions::new(String::from("second")).on(lane), async { 2 }).unwrap();
        assert_ne!(first.id(), second.id());
        let tasks = cx.tasks();
        let seen: Vec<_> =
            tasks.iter().map(|task| (task.name.as_str(), task.lane, task.lane_name.as_str())).collect();
        assert_eq!(
            seen,
            [
                ("main", LaneId::LATENCY, "latency"),
                ("first", LaneId::LATENCY, "latency"),
                ("second", lane, "side")
            ]
        );
        assert!(tasks.iter().any(|task| task.id == second.id()));
        let gone = first.id();
        assert_eq!((first.await, second.await), (Exit::Ok(1), Exit::Ok(2)));
        assert!(cx.tasks().iter().all(|task| task.id != gone));
        cx.remove_lane(lane).unwrap();
        let late = cx.spawn_as(TaskOptions::new("late").on(lane), async {});
        assert!(matches!(late, Err(SpawnError::NoLane)));
    });
}

pub fn volume_T2_spawn_queues_and_spawn_now_runs_until_the_first_wait(make: Make) {
    let log = Log::default();
    let seen = log.clone();
    make().run(|cx| async move {
        let step = |text: &'static str| {
            let log = log.clone();
            move || log.borrow_mut().push(text)
        };
        let two_steps = |first: &'static str, second: &'static str| {
            let (first, second, cx) = (step(first), step(second), cx.clone());
            async move {
                first();
                cx.yield_now().await;
                second();
            }
        };
        let queued = cx.spawn("queued", two_steps("queued runs", "queued ends")).unwrap();
        step("after spawn")();
        let now = cx.spawn_now(TaskOptions::new("now"), two_steps("now runs", "now ends")).unwrap();
        step("after spawn_now")();
        assert_eq!(cx.tasks().iter().filter(|task| task.state == TaskState::Running).count(), 1);
        queued.await;
        now.await;
    });
    let expected = ["after spawn", "now runs", "after spawn_now", "queued runs", "now ends", "queued ends"];
    assert_eq!(*seen.borrow(), expected);
}

pub fn volume_T3_a_spawn_past_the_cap_is_an_error_that_may_be_tried_again(make: Make) {
    let mut world = make();
    world.engine.set_tasks_max(3);
    world.run(|cx| async move {
        let first = cx.spawn("first", async {}).unwrap();
        let _second = cx.spawn("second", async {}).unwrap();
        let witness = Rc::new(());
        let held = witness.clone();
        let refused = cx.spawn("third", async move { drop(held) });
        assert!(matches!(refused, Err(SpawnError::TooManyTasks)));
        assert_eq!(Rc::strong_count(&witness), 1, "what was refused is dropped");
        assert!(matches!(cx.spawn_now(TaskOptions::new("now"), async {}), Err(SpawnError::TooManyTasks)));
        assert_eq!(cx.tasks().len(), 3);
        first.await;
        cx.spawn("third", async {}).expect("there is room again").await;
    });
}

pub fn volume_T4_yield_tells_how_many_others_ran(make: Make) {
    make().run(|cx| async move {
        assert_eq!(cx.yield_now().await, 0, "it is alone");
        for _ in 0..5 {
            cx.spawn("other", async {}).unwrap().detach();
        }
        assert_eq!(cx.yield_now().await, 5);
        assert_eq!(cx.yield_now().await, 0);
        let inner = cx.clone();
        let other = cx.spawn("twice", async move { inner.yield_now().await }).unwrap();
        assert_eq!(cx.yield_now().await, 1);
        assert_eq!(other.await, Exit::Ok(1), "the first task ran between its two runs");
    });
}

pub fn volume_T6_a_system_task_is_not_waited_for(make: Make) {
    let mut world = make();
    let dropped = Rc::new(Cell::new(false));
    let told = dropped.clone();
    world.run(|cx| async move {
        let guard = OnDrop(told);
        let forever = async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        };
        cx.spawn_as(TaskOptions::new("listener").system(), forever).unwrap().detach();
        cx.yield_now().await;
        assert!(cx.tasks().iter().any(|task| task.system && task.name == "listener"));
    });
    assert!(!dropped.get(), "it lives as long as its engine");
    drop(world);
    assert!(dropped.get());
}

struct OnDrop(Rc<Cell<bool>>);
impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

pub fn volume_T7_a_sleeper_resumes_not_before_its_time_and_others_run(make: Make) {
    let log = Log::default();
    let seen = log.clone();
    make().run(|cx| async move {
        for (name, ms) in [("c", 12), ("a", 3), ("b", 6)] {
            let (inner, log) = (cx.clone(), log.clone());
            let sleeper = async move {
                let at = inner.now() + ms * 1_000_000;
                inner.sleep(Duration::from_millis(ms)).await.unwrap();
                assert!(inner.now() >= at);
                log.borrow_mut().push(name);
            };
            cx.spawn(name, sleeper).unwrap().detach();
        }
        cx.yield_now().await;
        log.borrow_mut().push("others run");
        let mut ticks = cx.every(Duration::from_millis(1));
        let began = cx.now();
        for beat in 1..=3 {
            ticks.next().await.unwrap();
            assert!(cx.now() >= began + beat * 1_000_000);
        }
        // A sleep that is given up leaves no timer behind.
        drop(cx.sleep(Duration::from_secs(3600)));
        let mut given_up = Box::pin(cx.sleep(Duration::from_secs(3600)));
        std::future::poll_fn(|cx| {
            assert!(given_up.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
    });
    assert_eq!(*seen.borrow(), ["others run", "a", "b", "c"]);
}

pub fn volume_T7_a_million_timers_can_be_set_and_one_more_is_an_error(make: Make) {
    make().run(|cx| async move {
        let far = cx.now() + 3_600_000_000_000;
        let mut sleeps: Vec<_> =
            (0..TIMERS_MAX as u64).map(|at| Box::pin(cx.sleep_until(far + at % 977))).collect();
        std::future::poll_fn(|context| {
            assert!(sleeps.iter_mut().all(|sleep| sleep.as_mut().poll(context).is_pending()));
            std::task::Poll::Ready(())
        })
        .await;
        assert_eq!(cx.sleep_until(far).await, Err(WaitError::TooManyTimers));
        sleeps.pop();
        cx.sleep(Duration::from_millis(1)).await.expect("one was given back");
    });
}

pub fn volume_T9_two_engines_share_nothing(make: Make) {
    let (mut one, mut other) = (make(), make());
    let main = |cx: windlass_lane::Cx, name: &'static str, log: Log| async move {
        for _ in 0..3 {
            log.borrow_mut().push(name);
            cx.yield_now().await;
            assert_eq!(cx.tasks().len(), 1, "it sees its own tasks alone");
        }
        if name == "one" {
            panic!("the one ends badly");
        }
    };
    let log = Log::default();
    let (first, second) = (one.engine.cx(), other.engine.cx());
    let first = first.spawn("one", main(first.clone(), "one", log.clone())).unwrap();
    let second = second.spawn("other", main(second.clone(), "other", log.clone())).unwrap();
    assert_eq!(first.id(), second.id(), "each counts for itself");
    let mut ended = [false, false];
    while ended != [true, true] {
        for (at, world) in [&mut one, &mut other].into_iter().enumerate() {
            if !ended[at] {
                ended[at] = world.engine.turn(&mut *world.driver).unwrap() == windlass_lane::Next::Ended;
            }
        }
    }
    assert!(matches!(one.engine.last_end(), Some((_, windlass_lane::Status::Panicked))));
    assert!(matches!(other.engine.last_end(), Some((_, windlass_lane::Status::Ok(0)))));
    assert_eq!(log.borrow().iter().filter(|name| **name == "other").count(), 3);
}

pub fn volume_T11_the_list_tells_state_and_counters_of_each_task(make: Make) {
    let mut world = make();
    let inner = world.engine.cx();
    world.run(|cx| async move {
        let sleeper = cx.clone();
        let waits = async move {
            sleeper.yield_now().await;
            sleeper.sleep(Duration::from_secs(3600)).await
        };
        let waits = cx.spawn("waits", waits).unwrap();
        while cx.yield_now().await > 0 {}
        let ready = cx.spawn("ready", async {}).unwrap();
        let tasks = cx.tasks();
        let of = |name: &str| tasks.iter().find(|task| task.name == name).expect("it lives");
        assert_eq!(
            ["main", "waits", "ready"].map(|name| of(name).state),
            [TaskState::Running, TaskState::Waiting, TaskState::Ready]
        );
        assert_eq!((of("waits").polls, of("waits").operations, of("ready").polls), (2, 1, 0));
        assert!(of("main").polls > 1 && of("main").cpu_ns > 0);
        let lines = windlass_lane::dump(&tasks, cx.now());
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().any(|line| line.contains("waits on latency: waiting, 2 polls")), "{lines:?}");
        waits.cancel();
        assert!(cx.tasks().iter().any(|task| task.name == "waits" && task.cancelled));
        assert_eq!(waits.await, Exit::Ok(Err(WaitError::Cancelled)));
        ready.await;
    });
    assert!(inner.tasks().is_empty());
}

pub fn volume_T12_a_task_with_a_large_state_takes_heap_and_no_stack(make: Make) {
    make().run(|cx| async move {
        let mut tasks = Vec::new();
        for number in 0..64u8 {
            let inner = cx.clone();
            let large = async move {
                let state = [number; 64 * 1024];
                inner.yield_now().await;
                state.iter().map(|byte| u64::from(*byte)).sum::<u64>()
            };
            tasks.push(cx.spawn("large", large).unwrap());
        }
        for (number, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await, Exit::Ok(number as u64 * 64 * 1024));
        }
    });
}

pub fn volume_T13_cells_are_used_again_under_a_new_generation(make: Make) {
    make().run(|cx| async move {
        let mut ids = std::collections::BTreeSet::new();
        let mut places = std::collections::BTreeSet::new();
        for _ in 0..2000 {
            let pair = [cx.spawn("one", async {}).unwrap(), cx.spawn("two", async {}).unwrap()];
            for task in pair {
                assert!(ids.insert(task.id()), "an id is used once");
                places.insert(task.id().to_bits() as u32);
                let again = windlass_lane::TaskId::from_bits(task.id().to_bits());
                assert_eq!(again, task.id());
                task.await;
            }
        }
        assert_eq!((ids.len(), places.len()), (4000, 2));
    });
}
