//! The queues of one worker.
//!
//! Holds: `Lanes` belongs to one thread; only the inboxes, where wakers put runnable tasks, are shared.

use crate::limits::{SHARE, TASKS_MAX, WAITING_MAX};
use async_task::{Runnable, Task};
use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use windlass_driver::hooks::{Plant, planted};
use windlass_driver::real::Remote;

/// Which queue work stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Class {
    /// Before the other, but for its guaranteed share.
    #[default]
    Latency,
    /// At least one pick in `limits::SHARE`.
    Background,
}

/// What to do next.
pub enum Work<J> {
    /// Begin this.
    Start(J),
    /// Go on with this task.
    Resume(Runnable),
}

impl<J> fmt::Debug for Work<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start(_) => "Start",
            Self::Resume(_) => "Resume",
        })
    }
}

/// Why a task or work was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpawnError {
    /// `limits::TASKS_MAX` tasks are alive.
    TooManyTasks,
    /// `limits::WAITING_MAX` pieces wait in this class.
    QueueFull,
}

/// A spawned task; dropping the handle cancels the task, `detach` lets it run.
#[must_use]
pub struct TaskHandle(Task<()>);

impl TaskHandle {
    /// Lets the task run to its end by itself.
    pub fn detach(self) {
        self.0.detach();
    }
    /// Whether it has ended.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl fmt::Debug for TaskHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskHandle")
    }
}

/// Where wakers put runnable tasks; the worker's thread takes them out.
struct Inbox {
    woken: Mutex<VecDeque<Runnable>>,
    count: AtomicUsize,
    parked: Arc<AtomicBool>,
    remote: Option<Remote>,
}

impl Inbox {
    fn put(&self, runnable: Runnable) {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).push_back(runnable);
        // ORDER: SeqCst on both sides with `Lanes::about_to_park`: either the worker sees the count, or we see it parked.
        self.count.fetch_add(1, Ordering::SeqCst);
        if self.parked.load(Ordering::SeqCst)
            && let Some(remote) = &self.remote
        {
            remote.ring();
        }
    }
}

struct Lane<J> {
    queue: VecDeque<Work<J>>,
    waiting: usize,
    inbox: Arc<Inbox>,
}

/// The queues of one worker. `J` is what a piece of unstarted work is.
pub struct Lanes<J> {
    latency: Lane<J>,
    background: Lane<J>,
    picks: u32,
    alive: Rc<Cell<usize>>,
    parked: Arc<AtomicBool>,
}

impl<J> Lanes<J> {
    /// Empty queues; `remote` is rung when a task is woken from elsewhere while the worker is parked.
    pub fn new(remote: Option<Remote>) -> Self {
        let parked = Arc::new(AtomicBool::new(false));
        let lane = || Lane {
            queue: VecDeque::new(),
            waiting: 0,
            inbox: Arc::new(Inbox {
                woken: Mutex::default(),
                count: AtomicUsize::new(0),
                parked: parked.clone(),
                remote: remote.clone(),
            }),
        };
        Self { latency: lane(), background: lane(), picks: 0, alive: Rc::default(), parked: parked.clone() }
    }

    fn lane(&mut self, class: Class) -> &mut Lane<J> {
        match class {
            Class::Latency => &mut self.latency,
            Class::Background => &mut self.background,
        }
    }

    /// Queues work behind all that came before it in its class.
    ///
    /// # Errors
    /// Gives the work back with `QueueFull`.
    pub fn push(&mut self, class: Class, work: J) -> Result<(), (J, SpawnError)> {
        let lane = self.lane(class);
        if lane.waiting >= WAITING_MAX {
            return Err((work, SpawnError::QueueFull));
        }
        lane.waiting += 1;
        lane.queue.push_back(Work::Start(work));
        Ok(())
    }

    /// Makes a task; its first poll is queued behind all that came before it.
    ///
    /// Cost: one allocation.
    ///
    /// # Errors
    /// `TooManyTasks` at the cap.
    pub fn spawn(
        &mut self,
        class: Class,
        future: impl Future<Output = ()> + 'static,
    ) -> Result<TaskHandle, SpawnError> {
        if self.alive.get() >= TASKS_MAX || windlass_driver::hooks::fails() {
            return Err(SpawnError::TooManyTasks);
        }
        self.alive.set(self.alive.get() + 1);
        let alive = Alive(self.alive.clone());
        let inbox = self.lane(class).inbox.clone();
        let counted = async move {
            let _alive = alive;
            future.await;
        };
        let (runnable, task) = async_task::spawn_local(counted, move |runnable| inbox.put(runnable));
        runnable.schedule();
        Ok(TaskHandle(task))
    }

    /// The next piece, or nothing.
    pub fn pick(&mut self) -> Option<Work<J>> {
        self.latency.collect();
        self.background.collect();
        self.picks = self.picks.wrapping_add(1);
        let background_first = self.picks.is_multiple_of(SHARE) && !planted(Plant::StarvedLane);
        if background_first && let Some(work) = self.background.pop() {
            return Some(work);
        }
        self.latency.pop().or_else(|| self.background.pop())
    }

    /// Work that has not begun, in order within its class.
    pub fn waiting(&self) -> impl Iterator<Item = &J> {
        self.latency.queue.iter().chain(&self.background.queue).filter_map(|work| match work {
            Work::Start(work) => Some(work),
            Work::Resume(_) => None,
        })
    }

    /// Whether one more piece of unstarted work would be taken.
    pub fn has_room(&self, class: Class) -> bool {
        let lane = match class {
            Class::Latency => &self.latency,
            Class::Background => &self.background,
        };
        lane.waiting < WAITING_MAX
    }

    /// Whether nothing is to be done.
    pub fn is_idle(&self) -> bool {
        [&self.latency, &self.background]
            .iter()
            .all(|lane| lane.queue.is_empty() && lane.inbox.count.load(Ordering::Relaxed) == 0)
    }

    /// Says that the worker is about to sleep, then looks once more: `true` if it may. Call `unparked` after.
    pub fn about_to_park(&self) -> bool {
        self.parked.store(true, Ordering::SeqCst);
        let idle = [&self.latency, &self.background]
            .iter()
            .all(|lane| lane.queue.is_empty() && lane.inbox.count.load(Ordering::SeqCst) == 0);
        if !idle {
            self.unparked();
        }
        idle
    }

    /// Says that the worker is awake.
    pub fn unparked(&self) {
        self.parked.store(false, Ordering::Relaxed);
    }

    /// Tasks alive.
    pub fn alive(&self) -> usize {
        self.alive.get()
    }
}

impl<J> fmt::Debug for Lanes<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lanes with {} + {} queued", self.latency.queue.len(), self.background.queue.len())
    }
}

struct Alive(Rc<Cell<usize>>);
impl Drop for Alive {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl<J> Lane<J> {
    fn collect(&mut self) {
        if self.inbox.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut woken = self.inbox.woken.lock().unwrap_or_else(PoisonError::into_inner);
        self.inbox.count.fetch_sub(woken.len(), Ordering::SeqCst);
        self.queue.extend(woken.drain(..).map(Work::Resume));
    }

    fn pop(&mut self) -> Option<Work<J>> {
        let work = self.queue.pop_front()?;
        if matches!(work, Work::Start(_)) {
            self.waiting -= 1;
        }
        Some(work)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "a test wakes from a thread of its own")]
    #![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn tasks_start_in_the_order_they_came() {
        let mut lanes: Lanes<u32> = Lanes::new(None);
        let seen = Rc::new(RefCell::new(Vec::new()));
        for number in 0..4 {
            let seen = seen.clone();
            lanes.spawn(Class::Latency, async move { seen.borrow_mut().push(number) }).unwrap().detach();
        }
        while let Some(Work::Resume(task)) = lanes.pick() {
            task.run();
        }
        assert_eq!(*seen.borrow(), [0, 1, 2, 3]);
        assert_eq!(lanes.alive(), 0);
    }

    #[test]
    fn tasks_K16_the_background_class_keeps_its_share_under_load() {
        let mut lanes: Lanes<Class> = Lanes::new(None);
        for _ in 0..800 {
            lanes.push(Class::Latency, Class::Latency).unwrap();
            lanes.push(Class::Background, Class::Background).unwrap();
        }
        let picks: Vec<Class> = (0..800)
            .map(|_| if let Some(Work::Start(class)) = lanes.pick() { class } else { panic!("empty") })
            .collect();
        let background = picks.iter().filter(|class| **class == Class::Background).count();
        assert_eq!(background, 800 / SHARE as usize);
    }

    #[test]
    fn a_wake_from_another_thread_is_seen_before_the_worker_parks() {
        let mut lanes: Lanes<()> = Lanes::new(None);
        let (send, receive) = std::sync::mpsc::channel();
        let mut first = true;
        let future = std::future::poll_fn(move |cx| {
            if std::mem::take(&mut first) {
                send.send(cx.waker().clone()).unwrap();
                return std::task::Poll::Pending;
            }
            std::task::Poll::Ready(())
        });
        lanes.spawn(Class::Latency, future).unwrap().detach();
        let Some(Work::Resume(task)) = lanes.pick() else { panic!("no task") };
        task.run();
        assert!(lanes.about_to_park());
        let waker = receive.recv().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || waker.wake());
        });
        assert!(!lanes.about_to_park());
        let Some(Work::Resume(task)) = lanes.pick() else { panic!("the wake was lost") };
        task.run();
        assert_eq!(lanes.alive(), 0);
    }
}
