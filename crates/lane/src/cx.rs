//! Cx: what a task of an engine can do.
//!
//! Lives here: `Cx` (cheap to clone; every task of one engine may have it), `Yield`, `Sleep`, `Ticks`, `WaitError`, `Outside`.
//! From: `Engine` gives it to its first task. To: lanes, timers, operations.
//! Holds: what a task waits for through it resolves when the task is asked to end, but inside `shield`; a wait that is
//! dropped leaves no timer behind.
//! Not here: locks and channels (`wait`), files and sockets (`io`).

use crate::blocking::BlockingError;
use crate::cells::{TaskFacts, TaskId};
use crate::engine::{Alarm, Shared};
use crate::io::Io;
use crate::lane::{LaneError, LaneFacts, LaneId, LaneOptions};
use crate::task::{SpawnError, TaskHandle, TaskOptions};
use crate::{Name, TimerId};
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use windlass_driver::Nanos;

/// Work of a blocking thread.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// Why a wait did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitError {
    /// The task was asked to end.
    Cancelled,
    /// `limits::TIMERS_MAX` timers are set.
    TooManyTimers,
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancelled => "the task was asked to end",
            Self::TooManyTimers => "the worker has as many timers as it may have",
        })
    }
}

impl std::error::Error for WaitError {}

/// Why work that blocks has no answer.
#[derive(Debug)]
pub enum WorkError {
    /// It was not taken.
    NotTaken(BlockingError),
    /// It panicked and said this.
    Panicked(String),
}

impl fmt::Display for WorkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTaken(error) => error.fmt(f),
            Self::Panicked(text) => write!(f, "the work panicked: {text}"),
        }
    }
}

impl std::error::Error for WorkError {}

/// What a task of an engine can do.
#[derive(Clone)]
pub struct Cx(Rc<Shared>);

impl Cx {
    pub(crate) fn new(shared: &Rc<Shared>) -> Self {
        Self(shared.clone())
    }

    /// Monotonic nanoseconds of the driver's clock.
    pub fn now(&self) -> Nanos {
        (self.0.clock)()
    }

    /// 64 random bits, from a seed of the driver's.
    pub fn chance(&self) -> u64 {
        let mut state = self.0.chance.get();
        let number = windlass_driver::splitmix(&mut state);
        self.0.chance.set(state);
        number
    }

    /// Makes a task of the latency lane; it begins when its turn comes.
    ///
    /// # Errors
    /// See `SpawnError`; the future is dropped then.
    pub fn spawn<F>(&self, name: impl Into<Name>, future: F) -> Result<TaskHandle<F::Output>, SpawnError>
    where
        F: Future + 'static,
    {
        self.spawn_as(TaskOptions::new(name), future)
    }

    /// Makes a task of this lane, or a system task.
    ///
    /// # Errors
    /// As `spawn`.
    pub fn spawn_as<F>(&self, options: TaskOptions, future: F) -> Result<TaskHandle<F::Output>, SpawnError>
    where
        F: Future + 'static,
    {
        self.0.lanes.spawn(options, future)
    }

    /// Makes a task and runs it at once, inside this call, until it waits, yields or ends.
    ///
    /// # Errors
    /// As `spawn`.
    pub fn spawn_now<F>(&self, options: TaskOptions, future: F) -> Result<TaskHandle<F::Output>, SpawnError>
    where
        F: Future + 'static,
    {
        self.0.lanes.spawn_now(options, future)
    }

    /// Makes a lane. See `LaneOptions`.
    ///
    /// # Errors
    /// See `LaneError`.
    pub fn add_lane(&self, options: LaneOptions) -> Result<LaneId, LaneError> {
        self.0.lanes.add_lane(options)
    }

    /// Removes a lane without tasks.
    ///
    /// # Errors
    /// See `LaneError`.
    pub fn remove_lane(&self, lane: LaneId) -> Result<(), LaneError> {
        self.0.lanes.remove_lane(lane)
    }

    /// All lanes.
    pub fn lanes(&self) -> Vec<LaneFacts> {
        self.0.lanes.lanes()
    }

    /// What is known of the tasks alive.
    pub fn tasks(&self) -> Vec<TaskFacts> {
        self.0.lanes.tasks(usize::MAX)
    }

    /// The task that runs now.
    pub fn id(&self) -> Option<TaskId> {
        self.0.lanes.current()
    }

    /// Where operations are started. See `io`.
    pub fn io(&self) -> Io {
        self.0.lanes.count_operation();
        self.0.io.clone()
    }

    /// Lets others run; answers how many pieces of work did. 0: nothing else can run.
    pub fn yield_now(&self) -> Yield<'_> {
        Yield { cx: self, before: None }
    }

    /// Whether the running piece has used its quantum. Reads the clock.
    pub fn is_due(&self) -> bool {
        self.0.lanes.is_due(self.now())
    }

    /// Lets others run if the quantum is used.
    pub async fn yield_if_due(&self) {
        if self.is_due() {
            self.yield_now().await;
        }
    }

    /// Resumes not before so long from now.
    ///
    /// # Errors
    /// `Cancelled` as soon as the task is asked to end; `TooManyTimers`.
    pub fn sleep(&self, time: Duration) -> Sleep {
        self.sleep_until(self.now().saturating_add(nanos(time)))
    }

    /// Resumes not before this moment of the driver's clock.
    ///
    /// # Errors
    /// As `sleep`.
    pub fn sleep_until(&self, at: Nanos) -> Sleep {
        Sleep { cx: self.clone(), at, set: None }
    }

    /// Beats at this period, the first one period from now.
    pub fn every(&self, period: Duration) -> Ticks {
        let period = nanos(period).max(1);
        Ticks { cx: self.clone(), at: self.now().saturating_add(period), period }
    }

    /// Whether the running task was asked to end, outside of any `shield`.
    pub fn is_cancelled(&self) -> bool {
        self.0.lanes.table().with_current(|cell| cell.cancelled && cell.shields == 0).unwrap_or(false)
    }

    /// Resolves when the running task is asked to end.
    pub async fn cancelled(&self) {
        // A cancel wakes the task itself, so no waker needs to be kept.
        poll_fn(|_| if self.is_cancelled() { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    /// Waits for `future` until the task is asked to end; the future is dropped then.
    ///
    /// # Errors
    /// `Cancelled`.
    pub async fn unless_cancelled<F: Future>(&self, future: F) -> Result<F::Output, WaitError> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if self.is_cancelled() {
                return Poll::Ready(Err(WaitError::Cancelled));
            }
            future.as_mut().poll(cx).map(Ok)
        })
        .await
    }

    /// What must finish although the task is asked to end: its waits do not see that. A task that is still not done after its
    /// grace (`limits::CANCEL_GRACE_NS`) is dropped all the same.
    pub async fn shield<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let shields = |more: bool| {
                self.0.lanes.table().with_current(|cell| {
                    cell.shields = if more { cell.shields + 1 } else { cell.shields.saturating_sub(1) };
                });
            };
            shields(true);
            let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
            shields(false);
            polled.unwrap_or_else(|payload| std::panic::resume_unwind(payload))
        })
        .await
    }

    /// Says that the task waits for a wake from outside the engine, from a thread of the caller's own: while this is held, an
    /// engine with nothing to do sleeps instead of calling that a stall.
    pub fn outside(&self) -> Outside {
        self.0.outside.set(self.0.outside.get() + 1);
        Outside(self.0.clone())
    }

    /// Runs work that blocks on a thread of a small pool.
    ///
    /// # Errors
    /// `NotTaken` when the pool is full or has no thread; `Panicked`.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, WorkError> {
        let cell = Arc::new(Mutex::new((None, None::<Waker>)));
        let told = cell.clone();
        let job = Box::new(move || {
            let answer = catch_unwind(AssertUnwindSafe(work)).map_err(crate::task::text_of);
            let waker = {
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                told.0 = Some(answer);
                told.1.take()
            };
            waker.into_iter().for_each(Waker::wake);
        });
        self.0.blocking.submit(job).map_err(|(_, error)| WorkError::NotTaken(error))?;
        self.0.lanes.count_operation();
        let answer = poll_fn(move |cx| {
            let mut cell = cell.lock().unwrap_or_else(PoisonError::into_inner);
            match cell.0.take() {
                Some(answer) => Poll::Ready(answer),
                None => {
                    cell.1 = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        });
        answer.await.map_err(WorkError::Panicked)
    }
}

impl fmt::Debug for Cx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "of an engine with {} tasks", self.0.lanes.alive())
    }
}

fn nanos(time: Duration) -> Nanos {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A task's turn given up once.
#[must_use = "nobody else runs unless it is awaited"]
pub struct Yield<'a> {
    cx: &'a Cx,
    /// Pieces that had ended before.
    before: Option<u64>,
}

impl Future for Yield<'_> {
    type Output = usize;
    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<usize> {
        let pieces = self.cx.0.lanes.pieces();
        match self.before {
            None => {
                self.before = Some(pieces);
                context.waker().wake_by_ref();
                Poll::Pending
            }
            // The piece that yielded has ended too.
            Some(before) => {
                Poll::Ready(usize::try_from(pieces.wrapping_sub(before).saturating_sub(1)).unwrap_or(usize::MAX))
            }
        }
    }
}

impl fmt::Debug for Yield<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.before.is_some() { "others run" } else { "about to let others run" })
    }
}

/// A wait for a moment.
#[must_use = "nothing is waited for unless it is awaited"]
pub struct Sleep {
    cx: Cx,
    at: Nanos,
    set: Option<TimerId>,
}

impl Future for Sleep {
    type Output = Result<(), WaitError>;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.cx.is_cancelled() {
            return Poll::Ready(Err(WaitError::Cancelled));
        }
        if self.cx.now() >= self.at {
            return Poll::Ready(Ok(()));
        }
        let at = self.at;
        let first = self.set.is_none();
        let shared = self.cx.0.clone();
        let mut timers = shared.timers.borrow_mut();
        let before = self.set.take().and_then(|set| timers.cancel(set));
        self.set = timers.set(at, Alarm::Wake(context.waker().clone()));
        drop(timers);
        // A waker may be the last to know its task.
        drop(before);
        if first {
            shared.lanes.count_operation();
        }
        if self.set.is_none() { Poll::Ready(Err(WaitError::TooManyTimers)) } else { Poll::Pending }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(set) = self.set.take() {
            let gone = self.cx.0.timers.borrow_mut().cancel(set);
            drop(gone);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "until {}", self.at)
    }
}

/// Beats at a period.
#[derive(Debug)]
pub struct Ticks {
    cx: Cx,
    at: Nanos,
    period: Nanos,
}

impl Ticks {
    /// Waits for the next beat; answers how many were missed before it, which are not made up for.
    ///
    /// # Errors
    /// As `Cx::sleep`.
    pub async fn next(&mut self) -> Result<u64, WaitError> {
        self.cx.sleep_until(self.at).await?;
        let missed = self.cx.now().saturating_sub(self.at) / self.period;
        self.at = self.at.saturating_add(self.period.saturating_mul(missed + 1));
        Ok(missed)
    }
}

/// While it is held, the engine knows that a wake may come from outside.
pub struct Outside(Rc<Shared>);

impl Drop for Outside {
    fn drop(&mut self) {
        self.0.outside.set(self.0.outside.get().saturating_sub(1));
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a wake may come from outside")
    }
}
