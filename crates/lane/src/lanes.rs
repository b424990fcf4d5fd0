//! The lanes of one worker: what it runs next.
//!
//! Lives here: `Lanes`, `Work`, `Job`.
//! From: work is pushed, tasks are spawned, wakers queue them again (`gate`). To: the worker, one piece at a time.
//! Holds: it belongs to one thread; nothing of it is borrowed while a task or a job runs, so both may come back here; a
//! spawn that is refused has made nothing.

use crate::Name;
use crate::cells::{Cells, Status, Table, TaskFacts, TaskId, TaskState};
use crate::gate::{Bell, Gate, Header, Own, Piece, put};
use crate::lane::{LaneError, LaneFacts, LaneId, LaneOptions};
use crate::limits::{IN_PLACE_BYTES, LAST_ROUNDS, QUANTUM_NS, TASKS_MAX};
use crate::overruns::Overrun;
use crate::pulse::Pulse;
use crate::stride::Stride;
use crate::task::{SpawnError, Task, TaskHandle, TaskOptions};
use std::cell::{RefCell, RefMut};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use windlass_driver::Nanos;
use windlass_driver::heap::try_box;
use windlass_driver::held::Held;

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
    gate: Arc<Gate>,
    own: Rc<Own>,
    table: Rc<Table>,
    /// Unstarted work, by lane; its places are in the lanes' queues.
    jobs: RefCell<Vec<VecDeque<J>>>,
    pulse: Option<Arc<Pulse>>,
}

impl<J: Job + 'static> Lanes<J> {
    /// The two lanes that are always there, empty; `bell` is rung when a task is woken from elsewhere while the worker sleeps.
    pub fn new(bell: Option<Bell>) -> Self {
        let table = Rc::new(Table::new());
        let own = Rc::new(Own { stride: RefCell::new(Stride::new()), table: table.clone() });
        Self { gate: Arc::new(Gate::new(&own, bell)), own, table, jobs: RefCell::default(), pulse: None }
    }

    /// Lets a watchdog see what runs.
    pub fn watched_by(mut self, pulse: Option<Arc<Pulse>>) -> Self {
        self.pulse = pulse;
        self
    }

    /// At most so many tasks from now on, and never more than `limits::TASKS_MAX`.
    pub fn set_tasks_max(&self, tasks_max: usize) {
        self.table.tasks_max.set(tasks_max.min(TASKS_MAX));
    }

    pub(crate) fn table(&self) -> &Rc<Table> {
        &self.table
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
        let tasks = self.table.tasks_by_lane().get(&lane.index).copied().unwrap_or(0);
        self.own.stride.borrow_mut().remove(lane, tasks)
    }

    /// All lanes and what they have done.
    pub fn lanes(&self) -> Vec<LaneFacts> {
        self.own.stride.borrow().facts(&self.table.tasks_by_lane())
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
        let given_back = stride.queue(id.index, None, self.table.now.get());
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
        let (piece, handle) = self.make(options, future)?;
        put(piece.0);
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
        let (current, aborts) = (self.table.current.get(), self.table.aborts.get());
        self.enter(handle.id().index, self.table.now.get());
        piece.run();
        self.table.current.set(current);
        self.table.aborts.set(aborts);
        Ok(handle)
    }

    fn make<F>(&self, options: TaskOptions, future: F) -> Result<(Piece, TaskHandle<F::Output>), SpawnError>
    where
        F: Future + 'static,
    {
        let TaskOptions { name, lane, system } = options;
        if self.table.closed.get() {
            return Err(SpawnError::Closed);
        }
        if self.table.alive() >= self.table.tasks_max.get() {
            return Err(SpawnError::TooManyTasks);
        }
        if self.own.stride.borrow().lane(lane).is_none() {
            return Err(SpawnError::NoLane);
        }
        if size_of::<F>() > IN_PLACE_BYTES {
            let future = try_box(future).map_err(|_dropped| SpawnError::NoMemory)?;
            let id = self.table.admit(name, lane.index, system).ok_or(SpawnError::NoMemory)?;
            return Ok(self.set_up(id, lane.index, Box::into_pin(future)));
        }
        let id = self.table.admit(name, lane.index, system).ok_or(SpawnError::NoMemory)?;
        Ok(self.set_up(id, lane.index, future))
    }

    #[inline]
    fn set_up<F>(&self, id: TaskId, lane: u16, future: F) -> (Piece, TaskHandle<F::Output>)
    where
        F: Future + 'static,
    {
        let held = Held::new(future, Task::new(self.table.clone(), id));
        let header = Header { gate: self.gate.clone(), index: id.index, lane };
        let (runnable, task) = async_task::Builder::new().metadata(header).spawn(move |_| held, put);
        (Piece(runnable), TaskHandle::new(task.fallible(), id, self.table.clone()))
    }

    /// A task is about to be polled.
    #[inline]
    fn enter(&self, index: u32, since: Nanos) {
        let mut cells = self.table.cells.borrow_mut();
        let Some((id, cell)) = cells.living(index) else { return };
        cell.polls += 1;
        cell.wait_ns += self.table.now.get().saturating_sub(since);
        self.table.aborts.set(cell.aborted);
        self.table.current.set(Some(id));
    }

    /// The next piece, or nothing; the one before it ended at `now`. One reading of the clock serves both.
    #[inline]
    pub fn next(&self, now: Nanos) -> Option<Work<J>> {
        let table = &*self.table;
        let mut stride = self.own.stride.borrow_mut();
        let mut cells = self.leave_current(&mut stride, now);
        self.gate.collect(&mut stride, table);
        let (lane, work, since) = stride.pick()?;
        stride.began = now;
        table.pieces.set(table.pieces.get().wrapping_add(1));
        let work = match work {
            None => {
                let job = self.jobs.borrow_mut().get_mut(usize::from(lane)).and_then(VecDeque::pop_front);
                let job = job.unwrap_or_else(|| unreachable!("each place in a queue has its work"));
                stride.job = job.name();
                Work::Start(job)
            }
            Some(ready) => {
                if let Some((id, cell)) = cells.living(ready.metadata().index) {
                    cell.polls += 1;
                    cell.wait_ns += now.saturating_sub(since);
                    table.aborts.set(cell.aborted);
                    table.current.set(Some(id));
                }
                Work::Resume(Piece(ready))
            }
        };
        drop(cells);
        if let Some(pulse) = &self.pulse {
            pulse.begins(&self.running_name(&stride), table.current.get());
        }
        Some(work)
    }

    /// The last piece ended at `now`, and none follows it at once.
    pub fn rest(&self, now: Nanos) {
        drop(self.leave_current(&mut self.own.stride.borrow_mut(), now));
        if let Some(pulse) = &self.pulse {
            pulse.rests();
        }
    }

    #[inline]
    fn leave_current(&self, stride: &mut Stride, now: Nanos) -> RefMut<'_, Cells> {
        let table = &*self.table;
        table.now.set(now);
        let ran = stride.charge(now);
        if ran > QUANTUM_NS {
            let name = self.running_name(stride);
            stride.overruns.count(&name, ran);
        }
        let mut cells = table.cells.borrow_mut();
        if let Some(id) = table.current.take()
            && let Some(cell) = cells.get(id)
        {
            cell.cpu_ns += ran;
        }
        cells
    }

    /// The name of what runs, or of the task that ended just now.
    #[cold]
    fn running_name(&self, stride: &Stride) -> Name {
        match self.table.current.get() {
            None => stride.job.clone(),
            Some(id) => {
                self.table.with(id, |cell| cell.name.clone()).unwrap_or_else(|| self.table.ended_name.take())
            }
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

    /// How many pieces of work have not begun.
    pub fn waiting(&self) -> usize {
        self.jobs.borrow().iter().map(VecDeque::len).sum()
    }

    /// Whether there is such work that has not begun.
    pub fn any_waiting(&self, is_it: impl FnMut(&J) -> bool) -> bool {
        self.jobs.borrow().iter().flatten().any(is_it)
    }

    /// Whether one more piece of unstarted work would be taken.
    pub fn has_room(&self, lane: impl Into<LaneId>) -> bool {
        self.own.stride.borrow().lane(lane.into()).is_some_and(|lane| lane.has_room())
    }

    /// Whether one more task would be taken, as far as their number goes.
    pub fn has_room_for_task(&self) -> bool {
        self.table.alive() < self.table.tasks_max.get() && !self.table.closed.get()
    }

    /// Whether nothing is to be done.
    pub fn is_idle(&self) -> bool {
        self.own.stride.borrow().is_empty() && !self.gate.has_outside()
    }

    /// Says that the worker is about to sleep, then looks once more: `true` if it may. Call `unparked` after.
    pub fn about_to_park(&self) -> bool {
        self.gate.about_to_park(&self.own)
    }

    /// Says that the worker is awake.
    pub fn unparked(&self) {
        self.gate.unparked();
    }

    /// Tasks alive.
    pub fn alive(&self) -> usize {
        self.table.alive()
    }

    /// Tasks alive that somebody waits for at the end: all but system tasks.
    pub fn live(&self) -> usize {
        self.table.live.get()
    }

    /// Pieces of work that began so far.
    pub fn pieces(&self) -> u64 {
        self.table.pieces.get()
    }

    /// The task that runs now.
    pub fn current(&self) -> Option<TaskId> {
        self.table.current.get()
    }

    /// How the last task ended that was not a system task.
    pub fn last_end(&self) -> Option<(TaskId, Status)> {
        self.table.last.get()
    }

    /// Tasks that panicked so far.
    pub fn panics(&self) -> u64 {
        self.table.panics.get()
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
        self.table.with_current(|cell| cell.operations += 1);
    }

    /// Asks a task to end; answers whether it was the first to ask a task that lives.
    pub fn cancel(&self, task: TaskId) -> bool {
        self.table.cancel(task)
    }

    /// Drops a task's future when it would run next; answers whether it lives.
    pub fn abort(&self, task: TaskId) -> bool {
        self.table.abort(task)
    }

    /// Tasks that were asked to end since this was last asked: their grace begins.
    pub fn take_asked(&self) -> Vec<TaskId> {
        std::mem::take(&mut *self.table.asked.borrow_mut())
    }

    /// What is known of the tasks alive, at most so many, in order of their cells.
    ///
    /// Cost: in proportion to the cells and to what is queued; for operators and reports.
    pub fn tasks(&self, most: usize) -> Vec<TaskFacts> {
        let mut facts = self.table.facts(most);
        let stride = self.own.stride.borrow();
        let queued = stride.queued().map(|ready| ready.metadata().index);
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
        self.table.closed.set(true);
        let jobs = self.jobs.take();
        let mut left = self.own.stride.borrow_mut().drain();
        drop(jobs);
        for _ in 0..LAST_ROUNDS {
            left.extend(self.gate.take());
            // Foreign code: a dropped future may wake others, which come by the gate's list from now on.
            left.clear();
            let all = self.table.all();
            if all.is_empty() {
                break;
            }
            // One that another thread is waking this moment comes in a later round.
            for (_, waker) in all {
                waker.into_iter().for_each(std::task::Waker::wake);
            }
            std::hint::spin_loop();
        }
        drop(self.gate.close());
        self.table.let_go();
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
