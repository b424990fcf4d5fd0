//! Spawned tasks: they go on beside calls and after them, end when asked, and end alone.

use crate::stage::Stage;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use windlass::prelude::*;

static ENDED: AtomicU32 = AtomicU32::new(0);

/// What tasks and methods share.
#[derive(Default)]
struct Watch {
    beats: Cell<u64>,
    tidied: Cell<u64>,
    gone: Cell<bool>,
}

/// Spawns.
#[derive(Default)]
pub struct Crew {
    watch: Rc<Watch>,
    hands: RefCell<BTreeMap<u64, Task<u64>>>,
}

impl Drop for Crew {
    fn drop(&mut self) {
        ENDED.fetch_add(1, Ordering::SeqCst);
    }
}

#[module(export = false)]
impl Crew {
    #[create]
    fn create() -> Self {
        Self::default()
    }
    /// Does `value` after `us`, and waits for it.
    #[method]
    async fn later(&self, cx: &Context<'_>, us: u64, value: u64) -> Result<u64, Fault> {
        let work = async move |cx: Context<'_>| {
            let slept = cx.sleep(Duration::from_micros(us)).await;
            (slept.is_ok(), value)
        };
        let mut task = cx.spawn(Spawn::named("later").background(), work)?;
        let (slept, value) = task.join(cx).await?;
        if slept { Ok(value) } else { Err(Fault::module(1, "it did not sleep")) }
    }
    /// Begins a task that beats until it is asked to end; answers its number.
    #[method]
    fn begin(&self, cx: &Context<'_>) -> Result<u64, Fault> {
        let watch = self.watch.clone();
        let beat = async move |cx: Context<'_>| {
            let mut beats = 0;
            while cx.sleep(Duration::from_micros(100)).await.is_ok() {
                beats += 1;
                watch.beats.set(watch.beats.get() + 1);
            }
            watch.tidied.set(watch.tidied.get() + 1);
            beats
        };
        let task = cx.spawn(Spawn::named("beat"), beat)?;
        let number = task.number();
        self.hands.borrow_mut().insert(number, task);
        Ok(number)
    }
    /// Asks a task to end and answers its beats.
    #[method]
    async fn end(&self, cx: &Context<'_>, number: u64) -> Result<u64, Fault> {
        let task = self.hands.borrow_mut().remove(&number);
        let mut task = task.ok_or_else(|| Fault::module(2, "no such task"))?;
        task.cancel();
        task.join(cx).await
    }
    #[method]
    fn beats(&self) -> (u64, u64) {
        (self.watch.beats.get(), self.watch.tidied.get())
    }
    #[method]
    async fn fall(&self, cx: &Context<'_>) -> Result<(), Fault> {
        let watch = self.watch.clone();
        #[allow(clippy::panic, reason = "this is what it is for")]
        let fall = async move |cx: Context<'_>| {
            let _dropped_with_the_task = Guard(watch);
            let _ends = cx.sleep(Duration::from_micros(50)).await;
            panic!("overboard");
        };
        let mut task: Task<()> = cx.spawn(Spawn::named("fall"), fall)?;
        let fault = match task.join(cx).await {
            Ok(()) => return Err(Fault::module(3, "it did not panic")),
            Err(fault) => fault,
        };
        if !self.watch.gone.get() {
            return Err(Fault::module(4, "its state was not dropped"));
        }
        match task.join(cx).await {
            Err(again) if again.is(Code::NotRegistered) => Err(fault),
            other => Err(Fault::module(5, format!("joined twice: {other:?}"))),
        }
    }
    /// A task with a weight of its own, and the lanes while it lives: name, weight, tasks.
    #[method]
    async fn weighted(&self, cx: &Context<'_>, weight: u32) -> Result<Vec<(String, u32, u64)>, Fault> {
        let nap = async |cx: Context<'_>| drop(cx.sleep(Duration::from_secs(3600)).await);
        let mut task = cx.spawn(Spawn::named("nap").background().weight(weight), nap)?;
        cx.sleep(Duration::from_micros(10)).await?;
        let lanes = cx.lanes().await?;
        task.cancel();
        task.join(cx).await?;
        Ok(lanes.into_iter().map(|lane| (lane.name, lane.weight, lane.tasks)).collect())
    }
    /// As many as the container may have, and one more.
    #[method]
    fn crowd(&self, cx: &Context<'_>) -> Result<u64, Fault> {
        for count in 0.. {
            let idle = async |cx: Context<'_>| drop(cx.sleep(Duration::from_secs(3600)).await);
            if let Err(fault) = cx.spawn(Spawn::named("idle"), idle) {
                return if fault.is(Code::QueueFull) { Ok(count) } else { Err(fault) };
            }
        }
        Ok(0)
    }
}

struct Guard(Rc<Watch>);
impl Drop for Guard {
    fn drop(&mut self) {
        self.0.gone.set(true);
    }
}

fn crew(stage: &Stage, name: &str) -> crew::Blocking {
    crew::Blocking::create(&stage.client(), name).unwrap()
}

#[test]
fn a_task_is_joined_outlives_its_call_and_ends_when_asked() {
    let stage = Stage::of(&[Crew::TABLE]);
    let crew = crew(&stage, "crew");
    assert_eq!(crew.later(500, 7).unwrap(), 7);
    let number = crew.begin().unwrap();
    while crew.beats().unwrap().0 < 3 {
        std::thread::yield_now();
    }
    assert!(crew.end(number).unwrap() >= 3);
    assert_eq!(crew.beats().unwrap().1, 1, "it cleaned up");
    assert_eq!(crew.end(number).unwrap_err().code, 1002);
    let fault = crew.fall().unwrap_err();
    assert!(fault.is(Code::Panicked) && !fault.message.contains("overboard"), "{fault:?}");
    assert_eq!(crew.later(0, 8).unwrap(), 8, "the rest goes on");
}

#[test]
fn a_container_outlives_its_tasks_and_its_end_asks_them_to_end() {
    let stage = Stage::of(&[Crew::TABLE]);
    let crew = crew(&stage, "crew");
    for _ in 0..3 {
        crew.begin().unwrap();
    }
    let before = ENDED.load(Ordering::SeqCst);
    stage.admin().destroy_pool("crew").unwrap();
    while ENDED.load(Ordering::SeqCst) == before {
        std::thread::yield_now();
    }
    assert!(stage.admin().find_pool("crew").unwrap_err().is(Code::UnknownPool));
}

#[test]
fn a_node_with_tasks_flushes_and_stops() {
    let stage = Stage::of(&[Crew::TABLE]);
    let crew = crew(&stage, "crew");
    crew.begin().unwrap();
    stage.admin().flush().unwrap();
    stage.admin().stop(60_000).unwrap();
    let _end = stage.ended();
}

#[test]
fn a_task_with_a_weight_has_a_lane_of_its_own_that_goes_with_its_container() {
    let stage = Stage::of(&[Crew::TABLE]);
    let crew = crew(&stage, "crew");
    let lanes = crew.weighted(300).unwrap();
    assert!(lanes.contains(&("weight 300".to_owned(), 300, 1)), "{lanes:?}");
    assert_eq!(crew.weighted(300).unwrap().len(), lanes.len(), "the same lane");
    assert!(crew.weighted(u32::MAX).unwrap_err().is(Code::BadArguments));
    stage.admin().destroy_pool("crew").unwrap();
    let crew = self::crew(&stage, "next");
    let lanes = crew.weighted(7).unwrap();
    assert_eq!(lanes.iter().filter(|(name, ..)| name.starts_with("weight")).count(), 1, "{lanes:?}");
}

#[test]
fn tasks_are_bounded() {
    let stage = Stage::of(&[Crew::TABLE]);
    let crew = crew(&stage, "crew");
    assert!(crew.crowd().unwrap() >= 1000);
    stage.admin().destroy_pool("crew").unwrap();
}
