//! The lanes of one worker: what it runs next.
//!
//! Lives here: `Lanes`, `Work`, `Job`.
//! From: work is pushed, tasks are spawned, wakers queue them again (`gate`). To: the worker, one piece at a time.
//! Holds: it belongs to one thread; nothing of it is borrowed while a task or a job runs, so both may come back here; a
//! spawn that is refused has made nothing.

use crate::Name;
use crate::cells::{Cells, NOBODY, Status, Table, TaskFacts, TaskId, TaskState};
use crate::gate::{Bell, Gate, Header, Here, Own, Piece, put};
use crate::lane::{LaneError, LaneFacts, LaneId, LaneOptions};
use crate::limits::{IN_PLACE_BYTES, LAST_ROUNDS, QUANTUM_NS, TASKS_MAX};
use crate::overruns::Overrun;
use crate::pulse::Pulse;
use crate::stride::Stride;
use crate::task::{SpawnError, Task, TaskHandle, TaskOptions};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use windlass_driver::Nanos;
use windlass_driver::heap::try_box;
use windlass_driver::held::Held;
use windlass_driver::home::Home;

/// Work that is queued before it is a task.
pub trait Job {
    /// What it is called in lists and logs.
    fn name(&self) -> Name;
}

impl<T: Job> Job for Rc<T> {
    fn name(&self) -> Name {
        (**self).name()
    }
}

/// What to do next.
pub enum Work<J> {
    /// Begin this.
    Start(J),
    /// Go on with this task.
    Resume(Piece),
}

impl<J> fmt::Debug for Work<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start(_) => "Start",
            Self::Resume(_) => "Resume",
        })
    }
}

/// The queues of one worker. `J` is what a piece of unstarted work is.
pub struct Lanes<J: Job + 'static> {
    own: Here,
    /// Unstarted work, by lane; its places are in the lanes' queues.
    jobs: RefCell<Vec<VecDeque<J>>>,
    pulse: Option<Arc<Pulse>>,
}

impl<J: Job + 'static> Lanes<J> {
    /// The two lanes that are always there, empty; `bell` is rung when a task is woken from elsewhere while the worker sleeps.
    pub fn new(bell: Option<Bell>) -> Self {
        let own = Own { stride: RefCell::new(Stride::new()), table: Table::new() };
        Self { own: Home::new(own, Gate::new(bell)), jobs: RefCell::default(), pulse: None }
    }

    /// Lets a watchdog see what runs.
    pub fn watched_by(mut self, pulse: Option<Arc<Pulse>>) -> Self {
        self.pulse = pulse;
        self
    }

    /// At most so many tasks from now on, and never more than `limits::TASKS_MAX`.
    pub fn set_tasks_max(&self, tasks_max: usize) {
        self.own.table.tasks_max.set(tasks_max.min(TASKS_MAX));
    }

    pub(crate) fn table(&self) -> &Table {
        &self.own.table
    }

    fn gate(&self) -> &Gate {
        self.own.shared()
    }

    /// Makes a lane.
    ///
    /// # Errors
    /// `TooMany`, `BadWeight`, `TooMuchGuaranteed`.
    pub fn add_lane(&self, options: LaneOptions) -> Result<LaneId, LaneError> {
        self.own.stride.borrow_mut().add(options)
    }

    /// Removes a lane that has neither tasks nor work.
    ///
    /// Cost: in proportion to the tasks that lived at once.
    ///
    /// # Errors
    /// `Unknown`, `InUse`.
    pub fn remove_lane(&self, lane: LaneId) -> Result<(), LaneError> {
        let tasks = self.own.table.tasks_by_lane().get(&lane.index).copied().unwrap_or(0);
        self.own.stride.borrow_mut().remove(lane, tasks)
    }

    /// All lanes and what they have done.
    pub fn lanes(&self) -> Vec<LaneFacts> {
        self.own.stride.borrow_mut().facts(&self.own.table.tasks_by_lane())
    }

    /// Queues work behind all that came before it in its lane.
    ///
    /// # Errors
    /// Gives the work back with `QueueFull` or `NoLane`.
    pub fn push(&self, lane: impl Into<LaneId>, work: J) -> Result<(), (J, SpawnError)> {
        let id = lane.into();
        let mut stride = self.own.stride.borrow_mut();
        let Some(lane) = stride.lane_mut(id) else { return Err((work, SpawnError::NoLane)) };
        if !lane.has_room() {
            return Err((work, SpawnError::QueueFull));
        }
        lane.waiting += 1;
        let mut jobs = self.jobs.borrow_mut();
        if jobs.len() <= usize::from(id.index) {
            jobs.resize_with(usize::from(id.index) + 1, VecDeque::new);
        }
        jobs[usize::from(id.index)].push_back(work);
        let given_back = stride.queue(id.index, None);
        debug_assert!(given_back.is_none(), "the lane is there");
        Ok(())
    }

    /// Makes a task; its first poll is queued behind all that came before it in its lane.
    ///
    /// Cost: one allocation by async-task, of the future and about 100 bytes, which ends the process if memory is out. A
    /// future of more than `limits::IN_PLACE_BYTES` has an allocation of its own, which may be refused.
    ///
    /// # Errors
    /// `TooManyTasks`, `NoMemory`, `NoLane`, `Closed`; nothing was made then, and the future is dropped.
    pub fn spawn<F>(&self, options: TaskOptions, future: F) -> Result<TaskHandle<F::Output>, SpawnError>
    where
        F: Future + 'static,
    {
        let lane = options.lane.index;
        let (piece, handle) = self.make(options, future)?;
        let given_back = self.own.stride.borrow_mut().queue(lane, Some(piece.0));
        debug_assert!(given_back.is_none(), "the lane is there");
        Ok(handle)
    }

    /// Makes a task and polls it once, here and now, before this returns. It is queued only when it is woken.
    ///
    /// Cost: that of `spawn`, and of what the task does; the time counts for the piece that runs now.
    ///
    /// # Errors
    /// As `spawn`.
    pub fn spawn_now<F>(&self, options: TaskOptions, future: F) -> Result<TaskHandle<F::Output>, SpawnError>
    where
        F: Future + 'static,
    {
        let (piece, handle) = self.make(options, future)?;
        let table = &self.own.table;
        let before = (table.running.get(), table.waited.get());
        enter(table, handle.id(), 0);
        piece.run();
        // Its time counts for the piece that goes on.
        leave(table, &mut table.cells.borrow_mut(), 0);
        table.running.set(before.0);
        table.waited.set(before.1);
        Ok(handle)
    }

    fn make<F>(&self, options: TaskOptions, future: F) -> Result<(Piece, TaskHandle<F::Output>), SpawnError>
    where
        F: Future + 'static,
    {
        let TaskOptions { name, lane, system } = options;
        let table = &self.own.table;
        if table.closed.get() {
            return Err(SpawnError::Closed);
        }
        if table.alive() >= table.tasks_max.get() {
            return Err(SpawnError::TooManyTasks);
        }
        let stride = self.own.stride.borrow();
        let now = stride.began;
        if stride.lane(lane).is_none() {
            return Err(SpawnError::NoLane);
        }
        drop(stride);
        if size_of::<F>() > IN_PLACE_BYTES {
            let future = try_box(future).map_err(|_dropped| SpawnError::NoMemory)?;
            let id = table.admit(name, lane.index, system, now).ok_or(SpawnError::NoMemory)?;
            return Ok(self.set_up(id, lane.index, Box::into_pin(future)));
        }
        let id = table.admit(name, lane.index, system, now).ok_or(SpawnError::NoMemory)?;
        Ok(self.set_up(id, lane.index, future))
    }

    #[inline]
    fn set_up<F>(&self, id: TaskId, lane: u16, future: F) -> (Piece, TaskHandle<F::Output>)
    where
        F: Future + 'static,
    {
        let held = Held::new(future, Task::new(self.own.clone(), id));
        let header = Header { gate: self.own.away(), id, lane };
        let (runnable, task) = async_task::Builder::new().metadata(header).spawn(move |_| held, put);
        (Piece(runnable), TaskHandle::new(task.fallible(), id, self.own.clone()))
    }

    /// The next piece, or nothing; the one before it ended at `now`. One reading of the clock serves both.
    #[inline]
    pub fn next(&self, now: Nanos) -> Option<Work<J>> {
        let own = &*self.own;
        let mut stride = own.stride.borrow_mut();
        let stride = &mut *stride;
        let mut cells = own.table.cells.borrow_mut();
        charge(&own.table, stride, &mut cells, now);
        self.gate().collect(stride);
        let (lane, work, since) = stride.pick()?;
        let work = match work {
            None => {
                let job = self.jobs.borrow_mut().get_mut(usize::from(lane)).and_then(VecDeque::pop_front);
                let job = job.unwrap_or_else(|| unreachable!("each place in a queue has its work"));
                stride.job = job.name();
                Work::Start(job)
            }
            Some(ready) => {
                enter(&own.table, ready.metadata().id, now.saturating_sub(since));
                Work::Resume(Piece(ready))
            }
        };
        if let Some(pulse) = &self.pulse {
            pulse.begins(&running_name(&own.table, stride, &mut cells), own.table.current());
        }
        Some(work)
    }

    /// Whether the piece that was taken last is of this lane.
    #[inline]
    pub fn serves(&self, lane: LaneId) -> bool {
        self.own.stride.borrow().serving() == lane.index
    }

    /// The last piece ended at `now`, and none follows it at once.
    pub fn rest(&self, now: Nanos) {
        let table = &self.own.table;
        charge(table, &mut self.own.stride.borrow_mut(), &mut table.cells.borrow_mut(), now);
        if let Some(pulse) = &self.pulse {
            pulse.rests();
        }
    }

    /// When the piece that runs now began.
    pub fn began(&self) -> Nanos {
        self.own.stride.borrow().began
    }

    /// Whether the piece that runs now has used its quantum at `now` and should yield.
    pub fn is_due(&self, now: Nanos) -> bool {
        now.saturating_sub(self.began()) > QUANTUM_NS
    }

    /// How long a task that lives has run until `now`, the piece that runs now included if that is the task's.
    pub fn ran(&self, task: TaskId, now: Nanos) -> Nanos {
        let table = &self.own.table;
        let before = table.cells.borrow_mut().account(task).map_or(0, |account| account.cpu_ns);
        let runs = if table.running.get() == task { now.saturating_sub(self.began()) } else { 0 };
        before + runs
    }

    /// How many pieces of work have not begun.
    pub fn waiting(&self) -> usize {
        self.jobs.borrow().iter().map(VecDeque::len).sum()
    }

    /// Whether there is such work that has not begun.
    pub fn any_waiting(&self, is_it: impl FnMut(&J) -> bool) -> bool {
        self.jobs.borrow().iter().flatten().any(is_it)
    }

    /// What stands in a lane's queue; nothing of a lane that is gone.
    pub fn queued(&self, lane: LaneId) -> usize {
        self.own.stride.borrow().lane(lane).map_or(0, |lane| lane.queue.len())
    }

    /// Whether one more piece of unstarted work would be taken.
    pub fn has_room(&self, lane: impl Into<LaneId>) -> bool {
        self.own.stride.borrow().lane(lane.into()).is_some_and(|lane| lane.has_room())
    }

    /// Whether one more task would be taken, as far as their number goes.
    pub fn has_room_for_task(&self) -> bool {
        self.own.table.alive() < self.own.table.tasks_max.get() && !self.own.table.closed.get()
    }

    /// Whether nothing is to be done.
    pub fn is_idle(&self) -> bool {
        self.own.stride.borrow().is_empty() && !self.gate().has_outside()
    }

    /// Says that the worker is about to sleep, then looks once more: `true` if it may. Call `unparked` after.
    pub fn about_to_park(&self) -> bool {
        self.gate().about_to_park(&self.own)
    }

    /// Says that the worker is awake.
    pub fn unparked(&self) {
        self.gate().unparked();
    }

    /// Tasks alive.
    pub fn alive(&self) -> usize {
        self.own.table.alive()
    }

    /// Tasks alive that somebody waits for at the end: all but system tasks.
    pub fn live(&self) -> usize {
        self.own.table.live.get()
    }

    /// Pieces of work that ended so far.
    pub fn pieces(&self) -> u64 {
        self.own.table.pieces.get()
    }

    /// The task that runs now.
    pub fn current(&self) -> Option<TaskId> {
        self.own.table.current()
    }

    /// How the last task ended that was not a system task.
    pub fn last_end(&self) -> Option<(TaskId, Status)> {
        self.own.table.last.get()
    }

    /// Tasks that panicked so far.
    pub fn panics(&self) -> u64 {
        self.own.table.panics.get()
    }

    /// How often a watchdog found the worker held for too long.
    pub fn stalls(&self) -> u64 {
        self.pulse.as_ref().map_or(0, |pulse| pulse.stalls())
    }

    /// Pieces that ran over their quantum so far.
    pub fn overruns(&self) -> u64 {
        self.own.stride.borrow().overruns.all
    }

    /// Of which names they were.
    pub fn overruns_by_name(&self) -> Vec<(String, Overrun)> {
        self.own.stride.borrow().overruns.facts()
    }

    /// The task that runs begins a timer or an operation.
    pub fn count_operation(&self) {
        self.own.table.with_current(|cell| cell.operations += 1);
    }

    /// Asks a task to end; answers whether it was the first to ask a task that lives.
    pub fn cancel(&self, task: TaskId) -> bool {
        self.own.table.cancel(task)
    }

    /// Drops a task's future when it would run next; answers whether it lives.
    pub fn abort(&self, task: TaskId) -> bool {
        self.own.table.abort(task)
    }

    /// Tasks that were asked to end since this was last asked: their grace begins.
    pub fn take_asked(&self) -> Vec<TaskId> {
        std::mem::take(&mut *self.own.table.asked.borrow_mut())
    }

    /// What is known of the tasks alive, at most so many, in order of their cells.
    ///
    /// Cost: in proportion to the cells and to what is queued; for operators and reports.
    pub fn tasks(&self, most: usize) -> Vec<TaskFacts> {
        let mut facts = self.own.table.facts(most);
        let mut stride = self.own.stride.borrow_mut();
        let queued = stride.queued().map(|ready| ready.metadata().id.index);
        let ready: std::collections::BTreeSet<u32> = queued.collect();
        let lanes = stride.facts(&BTreeMap::new());
        for fact in &mut facts {
            if fact.state == TaskState::Waiting && ready.contains(&fact.id.index) {
                fact.state = TaskState::Ready;
            }
            if let Some(lane) = lanes.iter().find(|lane| lane.id.index == fact.lane.index) {
                fact.lane = lane.id;
                fact.lane_name.clone_from(&lane.name);
            }
        }
        facts
    }

    /// Ends all: every task's future is dropped here, and nothing is taken any more. Work that has not begun is dropped.
    pub fn close(&self) {
        self.own.table.closed.set(true);
        let jobs = self.jobs.take();
        let mut left = self.own.stride.borrow_mut().drain();
        drop(jobs);
        for _ in 0..LAST_ROUNDS {
            left.extend(self.gate().take());
            // Foreign code: a dropped future may wake others, which come by the gate's list from now on.
            left.clear();
            let all = self.own.table.all();
            if all.is_empty() {
                break;
            }
            // One that another thread is waking this moment comes in a later round.
            for (_, waker) in all {
                waker.into_iter().for_each(std::task::Waker::wake);
            }
            std::hint::spin_loop();
        }
        drop(self.gate().close());
        self.own.table.let_go();
    }
}

/// A task is about to be polled that stood in its queue for so long. Its cell is not looked at before it was.
#[inline]
fn enter(table: &Table, id: TaskId, waited: Nanos) {
    table.running.set(id);
    table.waited.set(waited);
}

/// It was polled; its time is entered into its account, if it lives on.
#[inline]
fn leave(table: &Table, cells: &mut Cells, ran: Nanos) {
    if let Some(account) = cells.account(table.running.replace(NOBODY)) {
        account.polls += 1;
        account.wait_ns += table.waited.get();
        account.cpu_ns += ran;
    }
}

/// The piece that ran has ended at `now`, if one did.
#[inline(always)]
fn charge(table: &Table, stride: &mut Stride, cells: &mut Cells, now: Nanos) {
    let ran = stride.charge(now);
    table.pieces.set(stride.pieces);
    if ran > QUANTUM_NS {
        let name = running_name(table, stride, cells);
        stride.overruns.count(&name, ran);
    }
    leave(table, cells, ran);
}

/// The name of what runs, or of the task that ended just now.
#[cold]
fn running_name(table: &Table, stride: &Stride, cells: &mut Cells) -> Name {
    let Some(id) = table.current() else { return stride.job.clone() };
    match table.ended_name.replace((NOBODY, Name::default())) {
        (ended, name) if ended == id => name,
        _ => cells.name_of(id).unwrap_or(Name::Static("(a task that ended)")),
    }
}

impl<J: Job + 'static> Drop for Lanes<J> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<J: Job + 'static> fmt::Debug for Lanes<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lanes with {} tasks", self.alive())
    }
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
