//! An engine: tasks with no node.
//!
//! Lives here: `Engine` (a worker that runs tasks and nothing else), `Next`, `EngineError`, `Stalled`.
//! From: a program, or a test that steps it. To: `Lanes`, `Timers`, `Io`: what a node's worker is made of too.
//! Holds: it reaches the world through the `Driver` it is handed, so another backend steps it in another time; when
//! nothing can wake any of its tasks it says so, names them and ends, and the process goes on.

use crate::blocking::Blocking;
use crate::cells::{Status, TaskFacts, TaskId};
use crate::cx::{Cx, Job};
use crate::gate::Bell;
use crate::io::Io;
use crate::lanes::{Lanes, Work};
use crate::limits::{CANCEL_GRACE_NS, STALLED_NAMED_MAX, TURN_NS, WORK_PER_TURN};
use crate::pulse::Pulse;
use crate::task::{Exit, SpawnError, TaskHandle, TaskOptions};
use crate::{Name, Timers};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::io as system;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use windlass_driver::real::RealDriver;
use windlass_driver::{Driver, Nanos, Ready};

/// What the caller of `turn` is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Call again.
    Again,
    /// Every task but the system's has ended.
    Ended,
}

/// Tasks live and nothing that the engine knows of can wake them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stalled {
    /// How many.
    pub tasks: usize,
    /// Some of them, `limits::STALLED_NAMED_MAX` at most.
    pub named: Vec<(TaskId, String)>,
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tasks wait and nothing can wake them:", self.tasks)?;
        for (at, (id, name)) in self.named.iter().enumerate() {
            write!(f, "{} {name} ({id})", if at == 0 { "" } else { "," })?;
        }
        if self.named.len() < self.tasks { f.write_str(", ..") } else { Ok(()) }
    }
}

/// Why an engine cannot go on.
#[derive(Debug)]
pub enum EngineError {
    /// See there.
    Stalled(Stalled),
    /// The first task was not taken.
    Spawn(SpawnError),
    /// The machine refuses to sleep or to look.
    System(system::Error),
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stalled(stalled) => stalled.fmt(f),
            Self::Spawn(error) => error.fmt(f),
            Self::System(error) => write!(f, "the driver: {error}"),
        }
    }
}

impl std::error::Error for EngineError {}

impl From<system::Error> for EngineError {
    fn from(error: system::Error) -> Self {
        Self::System(error)
    }
}

/// An engine never queues anything but tasks.
pub(crate) enum Nothing {}

impl crate::lanes::Job for Nothing {
    fn name(&self) -> Name {
        match *self {}
    }
}

/// What a timer is for.
pub(crate) enum Alarm {
    Wake(Waker),
    /// A cancelled task has had its grace.
    Grace(TaskId),
}

/// What an engine and its tasks share.
pub(crate) struct Shared {
    pub(crate) lanes: Lanes<Nothing>,
    pub(crate) timers: RefCell<Timers<Alarm>>,
    pub(crate) io: Io,
    pub(crate) clock: Rc<dyn Fn() -> Nanos>,
    pub(crate) chance: Cell<u64>,
    /// Tasks that wait for something outside.
    pub(crate) outside: Cell<usize>,
    pub(crate) blocking: Blocking<Job, ()>,
}

/// A worker that runs tasks and nothing else.
pub struct Engine {
    shared: Rc<Shared>,
    ready: Vec<Ready>,
}

impl Engine {
    /// An engine without tasks, whose chance is seeded by the driver's. `bell` ends the driver's sleep when a task is woken from
    /// another thread; without one such a wake is seen when the driver wakes for another reason.
    pub fn new(driver: &mut dyn Driver, bell: Option<Bell>) -> Self {
        Self::watched(driver, bell, None)
    }

    /// As `new`, with a pulse for a watchdog.
    pub fn watched(driver: &mut dyn Driver, bell: Option<Bell>, pulse: Option<Arc<Pulse>>) -> Self {
        let shared = Shared {
            lanes: Lanes::new(bell.clone()).watched_by(pulse),
            timers: RefCell::default(),
            io: Io::default(),
            clock: driver.clock(),
            chance: Cell::new(driver.chance()),
            outside: Cell::new(0),
            blocking: Blocking::new(|job: Job| job(), bell),
        };
        Self { shared: Rc::new(shared), ready: Vec::new() }
    }

    /// What tasks see of it; for spawning from outside.
    pub fn cx(&self) -> Cx {
        Cx::new(&self.shared)
    }

    /// At most so many tasks from now on, and never more than `limits::TASKS_MAX`.
    pub fn set_tasks_max(&self, tasks_max: usize) {
        self.shared.lanes.set_tasks_max(tasks_max);
    }

    /// Runs `main` and all that it spawns, until every task but the system's has ended. Answers how `main` ended; `last_end`
    /// tells how the last of them did.
    ///
    /// # Errors
    /// `Stalled` when tasks are left that nothing can wake; the driver's; `Spawn` when `main` was not taken. What is left
    /// of the tasks is dropped with the engine.
    pub fn run<F>(
        &mut self,
        driver: &mut dyn Driver,
        main: impl FnOnce(Cx) -> F,
    ) -> Result<Exit<F::Output>, EngineError>
    where
        F: Future + 'static,
    {
        let main = main(self.cx());
        let mut handle = self.shared.lanes.spawn(TaskOptions::new("main"), main).map_err(EngineError::Spawn)?;
        while self.turn(driver)? == Next::Again {}
        Ok(Self::ended(&mut handle))
    }

    fn ended<T>(handle: &mut TaskHandle<T>) -> Exit<T> {
        let mut cx = std::task::Context::from_waker(Waker::noop());
        match std::pin::Pin::new(handle).poll(&mut cx) {
            std::task::Poll::Ready(exit) => exit,
            std::task::Poll::Pending => Exit::Cancelled,
        }
    }

    /// One turn: runs what can run, hands over and reaps operations, fires timers, and sleeps if there is nothing to do.
    ///
    /// # Errors
    /// `Stalled`, and the driver's.
    pub fn turn(&mut self, driver: &mut dyn Driver) -> Result<Next, EngineError> {
        let mut worked = self.work(driver);
        worked |= self.shared.io.exchange(driver)?;
        worked |= self.fire(driver);
        worked |= self.collect();
        if self.shared.lanes.live() == 0 {
            return Ok(Next::Ended);
        }
        if !worked {
            self.park(driver)?;
        }
        Ok(Next::Again)
    }

    fn work(&self, driver: &dyn Driver) -> bool {
        let lanes = &self.shared.lanes;
        if lanes.is_idle() {
            return false;
        }
        let mut now = driver.now();
        let until = now.saturating_add(TURN_NS);
        for _ in 0..WORK_PER_TURN {
            if now > until {
                break;
            }
            match lanes.next(now) {
                Some(Work::Resume(piece)) => piece.run(),
                Some(Work::Start(nothing)) => match nothing {},
                None => break,
            }
            now = driver.now();
            if self.shared.io.is_due() {
                break;
            }
        }
        lanes.rest(now);
        true
    }

    fn fire(&self, driver: &dyn Driver) -> bool {
        let shared = &self.shared;
        let asked = shared.lanes.take_asked();
        if asked.is_empty() && shared.timers.borrow().next_at().is_none() {
            return false;
        }
        let now = driver.now();
        for task in asked {
            let at = now.saturating_add(CANCEL_GRACE_NS);
            if shared.timers.borrow_mut().set(at, Alarm::Grace(task)).is_none() {
                // No timer for its grace: it has none.
                shared.lanes.abort(task);
            }
        }
        let mut any = false;
        loop {
            let due = shared.timers.borrow_mut().due(now);
            match due {
                None => return any,
                Some(Alarm::Wake(waker)) => waker.wake(),
                Some(Alarm::Grace(task)) => {
                    if shared.lanes.abort(task) {
                        tracing::warn!(task = %task, "a cancelled task did not end in its grace and is dropped");
                    }
                }
            }
            any = true;
        }
    }

    /// Answers of blocking jobs wake their tasks by themselves; this counts them.
    fn collect(&self) -> bool {
        let mut any = false;
        while self.shared.blocking.collect().is_some() {
            any = true;
        }
        any
    }

    fn park(&mut self, driver: &mut dyn Driver) -> Result<(), EngineError> {
        let shared = &self.shared;
        if shared.io.has_news() || !shared.lanes.about_to_park() {
            return Ok(());
        }
        let until = shared.timers.borrow().next_at();
        let something_comes =
            until.is_some() || driver.under_way() > 0 || shared.blocking.out() > 0 || shared.outside.get() > 0;
        if !something_comes {
            shared.lanes.unparked();
            return Err(EngineError::Stalled(self.stalled()));
        }
        let parked = driver.park(until, &mut self.ready);
        shared.lanes.unparked();
        // Nothing is watched but by the driver itself.
        self.ready.clear();
        parked?;
        shared.io.exchange(driver)?;
        Ok(())
    }

    fn stalled(&self) -> Stalled {
        let waiting = self.shared.lanes.tasks(usize::MAX).into_iter().filter(|facts| !facts.system);
        let named: Vec<_> = waiting.take(STALLED_NAMED_MAX).map(|facts| (facts.id, facts.name)).collect();
        Stalled { tasks: self.shared.lanes.live(), named }
    }

    /// How the last task ended that was not a system task.
    pub fn last_end(&self) -> Option<(TaskId, Status)> {
        self.shared.lanes.last_end()
    }

    /// What is known of the tasks alive.
    pub fn tasks(&self) -> Vec<TaskFacts> {
        self.shared.lanes.tasks(usize::MAX)
    }

    /// The tasks alive as lines of text.
    pub fn dump(&self) -> Vec<String> {
        dump(&self.tasks(), (self.shared.clock)())
    }
}

/// Runs `main` and all that it spawns on this thread, over the real driver, until every task but the system's has ended.
///
/// # Errors
/// As `Engine::run`.
///
/// # Example
/// ```
/// use std::time::Duration;
/// let exit = windlass_lane::run(|cx| async move {
///     let sleeper = cx.clone();
///     let slow = cx.spawn("slow", async move { sleeper.sleep(Duration::from_millis(2)).await.map(|()| 40) })?;
///     let quick = cx.spawn("quick", async { 2 })?;
///     Ok::<_, windlass_lane::SpawnError>((slow.await, quick.await))
/// });
/// let windlass_lane::Exit::Ok(Ok((slow, quick))) = exit? else { panic!("it ended badly") };
/// assert_eq!((slow.ok(), quick.ok()), (Some(Ok(40)), Some(2)));
/// # Ok::<(), windlass_lane::EngineError>(())
/// ```
pub fn run<F>(main: impl FnOnce(Cx) -> F) -> Result<Exit<F::Output>, EngineError>
where
    F: Future + 'static,
{
    let mut driver = RealDriver::new()?;
    let remote = driver.remote();
    let mut engine = Engine::new(&mut driver, Some(Arc::new(move || remote.ring())));
    engine.run(&mut driver, main)
}

impl Drop for Engine {
    /// Drops every task here, whoever else holds a part of the engine.
    fn drop(&mut self) {
        self.shared.lanes.close();
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "engine with {} tasks", self.shared.lanes.alive())
    }
}

/// Tasks as lines of text, one each, for a log.
pub fn dump(tasks: &[TaskFacts], now: Nanos) -> Vec<String> {
    let ms = |ns: u64| ns as f64 / 1e6;
    let line = |task: &TaskFacts| {
        format!(
            "task {} {} on {}{}: {}{}, {} polls, {:.3} ms run, {:.3} ms ready, {} operations, {:.0} ms old",
            task.id,
            if task.name.is_empty() { "(no name)" } else { &task.name },
            task.lane_name,
            if task.system { " (system)" } else { "" },
            task.state.name(),
            if task.cancelled { ", asked to end" } else { "" },
            task.polls,
            ms(task.cpu_ns),
            ms(task.wait_ns),
            task.operations,
            ms(now.saturating_sub(task.started)),
        )
    };
    tasks.iter().map(line).collect()
}
