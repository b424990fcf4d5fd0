//! A task: a future with a cell, its panics contained, its end told to who joins it.
//!
//! Lives here: `Exit`, `TaskHandle`, `TaskOptions`, `SpawnError`, `Task` (what goes along with a
//! future).
//! From: `Lanes::spawn`. To: `async-task`, which is the state machine: woken, running, ended.
//! Holds: a panic of a future, of its drop or of its payload's drop stays inside the task; its cell is free before its join
//! resolves; a handle that is dropped lets its task run.

use crate::Name;
use crate::cells::{Status, TaskId};
use crate::gate::{Header, Here};
use crate::lane::LaneId;
use async_task::FallibleTask;
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use windlass_driver::held::{Beside, End, Payload};
use windlass_driver::local::Local;

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit<T> {
    /// By itself, with this.
    Ok(T),
    /// By a panic that said this.
    Panicked(String),
    /// Its future was dropped before its end.
    Cancelled,
}

impl<T> Exit<T> {
    /// The value, if it ended by itself.
    pub fn ok(self) -> Option<T> {
        match self {
            Self::Ok(value) => Some(value),
            Self::Panicked(_) | Self::Cancelled => None,
        }
    }
}

impl<T: 'static> Exit<T> {
    #[inline]
    fn status(&self) -> Status {
        match self {
            Self::Ok(value) => Status::Ok((value as &dyn Any).downcast_ref::<i32>().copied().unwrap_or(0)),
            Self::Panicked(_) => Status::Panicked,
            Self::Cancelled => Status::Cancelled,
        }
    }
}

/// Why a task or work was not taken. All is as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpawnError {
    /// As many tasks are alive as may be: try again when one has ended.
    TooManyTasks,
    /// As many pieces wait in this lane as may: try again later.
    QueueFull,
    /// Memory was refused.
    NoMemory,
    /// There is no such lane.
    NoLane,
    /// The worker ends and takes nothing new.
    Closed,
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooManyTasks => "the worker has as many tasks as it may have",
            Self::QueueFull => "the lane has as much work waiting as it may have",
            Self::NoMemory => "no memory for another task",
            Self::NoLane => "there is no such lane",
            Self::Closed => "the worker ends and takes no new task",
        })
    }
}

impl std::error::Error for SpawnError {}

/// What a task is to be.
#[derive(Clone, Debug)]
pub struct TaskOptions {
    /// What it is called in lists.
    pub name: Name,
    /// Which queue it stands in when it can run.
    pub lane: LaneId,
    /// Whether nobody waits for it at the end.
    pub system: bool,
}

impl TaskOptions {
    /// A task of the latency lane.
    pub fn new(name: impl Into<Name>) -> Self {
        Self { name: name.into(), lane: LaneId::LATENCY, system: false }
    }
    /// On this lane.
    pub fn on(self, lane: impl Into<LaneId>) -> Self {
        Self { lane: lane.into(), ..self }
    }
    /// Not counted when all is asked to have ended.
    pub fn system(self) -> Self {
        Self { system: true, ..self }
    }
}

pub(crate) type Spawned<T> = FallibleTask<Left<T>, Header>;

/// A spawned task. Awaited, it tells how the task ended; dropped, it lets the task run on.
pub struct TaskHandle<T = ()> {
    task: Option<Spawned<T>>,
    id: TaskId,
    own: Here,
}

impl<T> TaskHandle<T> {
    pub(crate) fn new(task: Spawned<T>, id: TaskId, own: Here) -> Self {
        Self { task: Some(task), id, own }
    }
    /// The task's id.
    pub fn id(&self) -> TaskId {
        self.id
    }
    /// Lets the task run by itself; what dropping the handle does, in a word.
    #[inline]
    pub fn detach(self) {}
    /// Whether it has ended.
    pub fn is_finished(&self) -> bool {
        self.task.as_ref().is_none_or(FallibleTask::is_finished)
    }
    /// Asks the task to end: what it waits for through its `Cx` resolves, and `cx.cancelled()` tells it. It ends by itself,
    /// with its own clean-up. Answers whether it was the first to ask a task that lives.
    pub fn cancel(&self) -> bool {
        self.own.table.cancel(self.id)
    }
    /// Drops the task's future when it would run next, instead of running it. It ends as `Exit::Cancelled`.
    pub fn abort(&self) {
        self.own.table.abort(self.id);
    }
    /// Waits until it has ended. The same as awaiting the handle.
    pub async fn join(self) -> Exit<T> {
        self.await
    }
}

impl<T> Future for TaskHandle<T> {
    type Output = Exit<T>;
    /// Once it has answered it is not to be polled again.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Exit<T>> {
        let Some(task) = self.task.as_mut() else { return Poll::Ready(Exit::Cancelled) };
        let ended = std::task::ready!(Pin::new(task).poll(cx));
        self.task = None;
        Poll::Ready(ended.and_then(Left::take).unwrap_or(Exit::Cancelled))
    }
}

impl<T> Drop for TaskHandle<T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.detach();
        }
    }
}

impl<T> fmt::Debug for TaskHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id)
    }
}

/// What a task leaves for who joins it. Its value is dropped with its panics held in: async-task would end the process.
pub(crate) struct Left<T>(Option<Local<Exit<T>>>);

impl<T> Left<T> {
    fn new(exit: Exit<T>) -> Self {
        Self(Some(Local::new(exit)))
    }
    fn take(mut self) -> Option<Exit<T>> {
        self.0.take().and_then(Local::into_inner)
    }
}

impl<T> Drop for Left<T> {
    #[inline]
    fn drop(&mut self) {
        // What cannot panic when it is dropped needs no care; on another thread there is nothing to look at.
        let is_plain = |left: &Local<Exit<T>>| matches!(left.get(), Some(Exit::Ok(_) | Exit::Cancelled));
        if !std::mem::needs_drop::<T>() && self.0.as_ref().is_none_or(is_plain) {
            return;
        }
        self.drop_with_care();
    }
}

impl<T> Left<T> {
    fn drop_with_care(&mut self) {
        if let Some(exit) = self.0.take()
            && let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(exit)))
        {
            tracing::error!(
                panic = text_of(payload),
                "the value of a task that nobody took panicked when dropped"
            );
        }
    }
}

/// A task's own, beside its future.
pub(crate) struct Task {
    own: Here,
    id: TaskId,
    /// Whether the cell has the task's waker.
    known: bool,
}

impl Task {
    pub(crate) fn new(own: Here, id: TaskId) -> Self {
        Self { own, id, known: false }
    }

    #[cold]
    fn tell(&self, said: &str) {
        self.own.table.panics.set(self.own.table.panics.get() + 1);
        let name = self.own.table.with(self.id, |cell| cell.name.clone()).unwrap_or_default();
        tracing::error!(task = %self.id, name = %name, panic = said, "a task panicked and has ended; its lane goes on");
    }
}

impl<T: 'static> Beside<T> for Task {
    type Told = Left<T>;

    #[inline]
    fn drops(&mut self) -> bool {
        self.own.table.is_aborted(self.id)
    }

    #[inline]
    fn waits(&mut self, waker: &Waker) {
        // A task that nobody else can wake stays known by its own waker, so that it can be named, asked and dropped.
        if !self.known {
            self.known = true;
            let waker = waker.clone();
            self.own.table.with(self.id, |cell| cell.waker = Some(waker));
        }
    }

    #[inline]
    fn ended(&mut self, how: End<T>) -> Left<T> {
        let exit = match how {
            End::Value(value) => Exit::Ok(value),
            End::Dropped => Exit::Cancelled,
            End::Panicked(payload) => {
                let text = text_of(payload);
                self.tell(&text);
                Exit::Panicked(text)
            }
        };
        self.own.table.free(self.id, exit.status());
        Left::new(exit)
    }
}

/// What a panic said; the payload is dropped, and if that panics too, what it says is left where it is.
pub(crate) fn text_of(payload: Payload) -> String {
    let text = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (None, Some(text)) => text.clone(),
        (None, None) => "a panic without words".to_owned(),
    };
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
    text
}
