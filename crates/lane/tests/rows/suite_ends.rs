//! Rows of ending: statuses, panics, stalls, cancels.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]

use crate::Make;
use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;
use windlass_lane::{EngineError, Exit, SpawnError, Status, WaitError};

pub fn volume_T5_a_join_tells_how_a_task_ended_and_the_last_status_is_kept(make: Make) {
    let mut world = make();
    world.run(|cx| async move {
        let value = cx.spawn("value", async { String::from("done") }).unwrap();
        let panics = cx.spawn("panics", async { panic!("it said {}", "why") }).unwrap();
        let dropped = cx.spawn("dropped", pending::<()>()).unwrap();
        dropped.abort();
        assert_eq!(value.await, Exit::Ok(String::from("done")));
        let panics: Exit<()> = panics.join().await;
        assert_eq!(panics, Exit::Panicked("it said why".into()));
        assert_eq!(dropped.await, Exit::Cancelled);
        let late = cx.clone();
        let last = async move {
            late.sleep(Duration::from_millis(2)).await.unwrap();
            41i32
        };
        cx.spawn("last", last).unwrap().detach();
    });
    assert!(matches!(world.engine.last_end(), Some((_, Status::Ok(41)))), "{:?}", world.engine.last_end());
}

pub fn volume_T8_a_panic_ends_its_task_and_nothing_else(make: Make) {
    let mut world = make();
    let sum = world.run(|cx| async move {
        let mut tasks = Vec::new();
        for number in 0..80u64 {
            let inner = cx.clone();
            let work = async move {
                for _ in 0..5 {
                    inner.yield_now().await;
                    assert!(number != 7, "task {number} has had enough");
                }
                number
            };
            tasks.push(cx.spawn("one of 80", work).unwrap());
        }
        let mut sum = 0;
        for (number, task) in tasks.into_iter().enumerate() {
            match task.await {
                Exit::Ok(value) => sum += value,
                exit => assert_eq!((number, exit), (7, Exit::Panicked("task 7 has had enough".into()))),
            }
        }
        sum
    });
    assert_eq!(sum, (0..80).sum::<u64>() - 7);
}

struct PanicsWhenDropped(&'static str);
impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("{}", self.0);
        }
    }
}

pub fn volume_T8_a_panic_in_a_drop_or_of_a_payload_stays_inside_too(make: Make) {
    make().run(|cx| async move {
        let mut held = Some(PanicsWhenDropped("in its drop"));
        let value = std::future::poll_fn(move |_| {
            let _it_stays = &mut held;
            std::task::Poll::Ready(7)
        });
        let dropped = cx.spawn("drop", value).unwrap();
        assert_eq!(dropped.await, Exit::Panicked("in its drop".into()));
        let payload =
            cx.spawn("payload", async { std::panic::panic_any(PanicsWhenDropped("of its payload")) }).unwrap();
        let exit: Exit<()> = payload.await;
        assert_eq!(exit, Exit::Panicked("a panic without words".into()));
        let mut held = Some(PanicsWhenDropped("while it is aborted"));
        let aborted = cx
            .spawn(
                "aborted",
                std::future::poll_fn(move |_| {
                    let _it_stays = &mut held;
                    std::task::Poll::<()>::Pending
                }),
            )
            .unwrap();
        cx.yield_now().await;
        aborted.abort();
        assert_eq!(aborted.await, Exit::Panicked("while it is aborted".into()));
        assert_eq!(cx.spawn("next", async { 1 }).unwrap().await, Exit::Ok(1));
    });
}

pub fn volume_T10_tasks_that_nothing_can_wake_are_named_and_the_process_goes_on(make: Make) {
    let mut world = make();
    let dropped = Rc::new(RefCell::new(Vec::new()));
    let told = dropped.clone();
    let ended = world.engine.run(&mut *world.driver, |cx| async move {
        for name in ["waits for a lost wake", "waits too"] {
            let guard = Tells(told.clone(), name);
            let lost = async move {
                let _guard = guard;
                pending::<()>().await;
            };
            cx.spawn(name, lost).unwrap().detach();
        }
        cx.sleep(Duration::from_millis(1)).await.unwrap();
    });
    let Err(EngineError::Stalled(stalled)) = ended else { panic!("{ended:?}") };
    assert_eq!(stalled.tasks, 2);
    let names: Vec<&str> = stalled.named.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["waits for a lost wake", "waits too"]);
    assert!(stalled.to_string().starts_with("2 tasks wait and nothing can wake them: waits for a lost wake ("));
    drop(world);
    assert_eq!(dropped.borrow().len(), 2, "their futures were dropped with the engine");
    assert_eq!(make().run(|_| async { 5 }), 5, "the next one runs");
}

struct Tells(Rc<RefCell<Vec<&'static str>>>, &'static str);
impl Drop for Tells {
    fn drop(&mut self) {
        self.0.borrow_mut().push(self.1);
    }
}

pub fn a_cancel_is_a_request_that_waits_hear_and_shields_do_not(make: Make) {
    make().run(|cx| async move {
        let inner = cx.clone();
        let task = async move {
            let hour = Duration::from_secs(3600);
            let slept = inner.shield(inner.sleep(Duration::from_millis(5))).await;
            assert_eq!(slept, Ok(()), "a shielded wait does not hear it");
            assert!(inner.is_cancelled());
            assert_eq!(inner.sleep(hour).await, Err(WaitError::Cancelled));
            assert_eq!(inner.unless_cancelled(pending::<()>()).await, Err(WaitError::Cancelled));
            inner.cancelled().await;
            "cleaned up"
        };
        let task = cx.spawn("task", task).unwrap();
        cx.yield_now().await;
        assert!(task.cancel());
        assert!(!task.cancel(), "the second says nothing new");
        assert_eq!(task.await, Exit::Ok("cleaned up"));
        let inner = cx.clone();
        let waits = cx.spawn("waits", async move { inner.cancelled().await }).unwrap();
        cx.yield_now().await;
        waits.cancel();
        assert_eq!(waits.await, Exit::Ok(()));
    });
}

pub fn a_cancelled_task_that_does_not_end_is_dropped_after_its_grace(make: Make) {
    make().run(|cx| async move {
        let deaf = cx.spawn("deaf", pending::<()>()).unwrap();
        cx.yield_now().await;
        let asked = cx.now();
        deaf.cancel();
        assert_eq!(deaf.await, Exit::Cancelled);
        assert!(cx.now() >= asked + windlass_lane::limits::CANCEL_GRACE_NS);
    });
}

pub fn an_aborted_task_is_dropped_when_it_would_run_next(make: Make) {
    make().run(|cx| async move {
        let ran = Rc::new(Cell::new(false));
        let told = ran.clone();
        let task = cx.spawn("task", async move { told.set(true) }).unwrap();
        task.abort();
        assert_eq!(Rc::strong_count(&ran), 2, "not here, where the caller may hold what it holds");
        assert_eq!(task.await, Exit::Cancelled);
        assert!(!ran.get());
        assert_eq!(Rc::strong_count(&ran), 1);
    });
}

pub fn an_engine_that_ends_drops_what_it_has_where_it_is(make: Make) {
    let world = make();
    let cx = world.engine.cx();
    let dropped = Rc::new(RefCell::new(Vec::new()));
    let (guard, inner) = (Tells(dropped.clone(), "first"), cx.clone());
    struct Spawns(windlass_lane::Cx, Rc<RefCell<Vec<&'static str>>>);
    impl Drop for Spawns {
        fn drop(&mut self) {
            let late = self.0.spawn("late", async {});
            self.1.borrow_mut().push(if matches!(late, Err(SpawnError::Closed)) { "refused" } else { "taken" });
        }
    }
    let spawns = Spawns(cx.clone(), dropped.clone());
    cx.spawn("first", async move {
        let _guards = (guard, inner);
        pending::<()>().await
    })
    .unwrap()
    .detach();
    cx.spawn("second", async move {
        let _guard = spawns;
        pending::<()>().await
    })
    .unwrap()
    .detach();
    drop(world);
    assert_eq!(*dropped.borrow(), ["first", "refused"]);
    assert!(matches!(cx.spawn("after", async {}), Err(SpawnError::Closed)));
}
