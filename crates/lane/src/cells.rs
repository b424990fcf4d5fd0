//! Cells: where the tasks of one worker are known.
//!
//! Lives here: `TaskId`, `Table` (all that is known of tasks, on their thread), `Cells` (the slab), `TaskFacts`, `Status`.
//! From: `Lanes` makes tasks; each poll is counted here. To: lists, joins, cancels.
//! Holds: cells of ended tasks are used again, the last one first, under a new generation, so an old id finds nothing; room
//! for a cell is had before anything of a task is made; no cell is borrowed while code of a task runs.

use crate::Name;
use crate::lane::LaneId;
use crate::limits::{CELLS_PER_CHUNK, TASKS_MAX};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::task::Waker;
use windlass_driver::Nanos;

/// A task of one `Lanes`; never a later task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl TaskId {
    /// As a number, for edges that carry numbers. Never 0.
    pub fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }
    /// Back from that number; any number is some task, and a wrong one is found nowhere.
    pub fn from_bits(bits: u64) -> Self {
        Self { index: bits as u32, generation: (bits >> 32) as u32 }
    }
}

impl fmt::Display for TaskId {
    /// `17.3`: the cell, and which of the tasks that had it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.index, self.generation))
    }
}

/// How a task ended, without its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// By itself; with its value if that was an `i32`, else 0.
    Ok(i32),
    /// By a panic.
    Panicked,
    /// Dropped before its end.
    Cancelled,
}

/// What a task does at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// It stands in its lane's queue.
    Ready,
    /// It waits for something.
    Waiting,
    /// It runs: it is the one that asks.
    Running,
}

impl TaskState {
    /// In one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Waiting => "waiting",
            Self::Running => "running",
        }
    }
}

/// What is known of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskFacts {
    /// Which.
    pub id: TaskId,
    /// Its name.
    pub name: String,
    /// Its lane.
    pub lane: LaneId,
    /// Its lane's name.
    pub lane_name: String,
    /// What it does.
    pub state: TaskState,
    /// Whether nobody waits for it at the end.
    pub system: bool,
    /// Whether it was asked to end.
    pub cancelled: bool,
    /// When it was made.
    pub started: Nanos,
    /// How often it ran.
    pub polls: u64,
    /// How long, nanoseconds.
    pub cpu_ns: u64,
    /// How long it stood ready in its queue, nanoseconds.
    pub wait_ns: u64,
    /// Timers and operations that it began.
    pub operations: u64,
}

/// One task.
#[derive(Default)]
pub(crate) struct TaskCell {
    generation: u32,
    pub(crate) taken: bool,
    pub(crate) system: bool,
    pub(crate) cancelled: bool,
    /// Its future is dropped when it would run again.
    pub(crate) aborted: bool,
    pub(crate) lane: u16,
    /// Depth of sections that a cancel does not reach.
    pub(crate) shields: u32,
    next_free: Option<u32>,
    pub(crate) name: Name,
    /// The task's own; a task that nobody else can wake stays known by it.
    pub(crate) waker: Option<Waker>,
    pub(crate) started: Nanos,
    pub(crate) polls: u64,
    pub(crate) cpu_ns: u64,
    pub(crate) wait_ns: u64,
    pub(crate) operations: u64,
}

/// The slab, in chunks that stay where they are.
#[derive(Default)]
pub(crate) struct Cells {
    chunks: Vec<Box<[TaskCell]>>,
    free: Option<u32>,
    made: u32,
}

impl Cells {
    /// A free cell, if memory for it can be had.
    fn take(&mut self) -> Option<u32> {
        if let Some(index) = self.free {
            self.free = self.at(index)?.next_free.take();
            return Some(index);
        }
        if self.made as usize >= self.chunks.len() * CELLS_PER_CHUNK {
            self.chunks.try_reserve(1).ok()?;
            let mut chunk = Vec::new();
            chunk.try_reserve_exact(CELLS_PER_CHUNK).ok()?;
            chunk.resize_with(CELLS_PER_CHUNK, TaskCell::default);
            self.chunks.push(chunk.into_boxed_slice());
        }
        self.made += 1;
        Some(self.made - 1)
    }

    #[inline]
    fn at(&mut self, index: u32) -> Option<&mut TaskCell> {
        let index = index as usize;
        self.chunks.get_mut(index / CELLS_PER_CHUNK)?.get_mut(index % CELLS_PER_CHUNK)
    }

    #[inline]
    pub(crate) fn get(&mut self, id: TaskId) -> Option<&mut TaskCell> {
        self.at(id.index).filter(|cell| cell.taken && cell.generation == id.generation)
    }

    /// The cell of a task that is known to live, by its place.
    #[inline]
    pub(crate) fn living(&mut self, index: u32) -> Option<(TaskId, &mut TaskCell)> {
        let cell = self.at(index).filter(|cell| cell.taken)?;
        Some((TaskId { index, generation: cell.generation }, cell))
    }

    fn iter(&self) -> impl Iterator<Item = (TaskId, &TaskCell)> {
        let all = self.chunks.iter().flat_map(|chunk| chunk.iter()).take(self.made as usize).enumerate();
        all.filter(|(_, cell)| cell.taken)
            .map(|(index, cell)| (TaskId { index: index as u32, generation: cell.generation }, cell))
    }
}

/// What is known of the tasks of one worker, on its thread.
pub(crate) struct Table {
    pub(crate) cells: RefCell<Cells>,
    /// The clock as it was last read.
    pub(crate) now: Cell<Nanos>,
    /// The task that runs.
    pub(crate) current: Cell<Option<TaskId>>,
    /// Whether it runs only to be dropped.
    pub(crate) aborts: Cell<bool>,
    /// Pieces of work that began.
    pub(crate) pieces: Cell<u64>,
    /// Tasks alive that somebody waits for at the end, and those that nobody does.
    pub(crate) live: Cell<usize>,
    pub(crate) system: Cell<usize>,
    pub(crate) tasks_max: Cell<usize>,
    pub(crate) closed: Cell<bool>,
    /// The name of the task that ended while it ran, until the next piece.
    pub(crate) ended_name: Cell<Name>,
    /// How the last task ended that was not a system task.
    pub(crate) last: Cell<Option<(TaskId, Status)>>,
    /// Tasks that were asked to end and whose grace nobody counts yet.
    pub(crate) asked: RefCell<Vec<TaskId>>,
    /// Tasks that ended by a panic.
    pub(crate) panics: Cell<u64>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self {
            cells: RefCell::default(),
            now: Cell::default(),
            current: Cell::default(),
            aborts: Cell::default(),
            pieces: Cell::default(),
            live: Cell::default(),
            system: Cell::default(),
            tasks_max: Cell::new(TASKS_MAX),
            closed: Cell::default(),
            ended_name: Cell::default(),
            last: Cell::default(),
            asked: RefCell::default(),
            panics: Cell::default(),
        }
    }

    /// A cell for a new task, counted as alive.
    pub(crate) fn admit(&self, name: Name, lane: u16, system: bool) -> Option<TaskId> {
        if windlass_driver::hooks::fails() {
            return None;
        }
        let mut cells = self.cells.borrow_mut();
        let index = cells.take()?;
        let cell = cells.at(index)?;
        // Whoever frees a cell leaves it as new but for its numbers.
        cell.generation = cell.generation.wrapping_add(1).max(1);
        (cell.taken, cell.system, cell.lane) = (true, system, lane);
        (cell.name, cell.started) = (name, self.now.get());
        let id = TaskId { index, generation: cell.generation };
        drop(cells);
        let count = if system { &self.system } else { &self.live };
        count.set(count.get() + 1);
        Some(id)
    }

    pub(crate) fn alive(&self) -> usize {
        self.live.get() + self.system.get()
    }

    /// A task has ended: its cell is free.
    #[inline]
    pub(crate) fn free(&self, id: TaskId, status: Status) {
        let mut cells = self.cells.borrow_mut();
        let free = cells.free;
        let Some(cell) = cells.get(id) else { return };
        let (system, waker) = (cell.system, cell.waker.take());
        let name = std::mem::take(&mut cell.name);
        (cell.taken, cell.cancelled, cell.aborted, cell.shields) = (false, false, false, 0);
        (cell.polls, cell.cpu_ns, cell.wait_ns, cell.operations) = (0, 0, 0, 0);
        cell.next_free = free;
        cells.free = Some(id.index);
        drop(cells);
        if self.current.get() == Some(id) {
            self.ended_name.set(name);
        }
        let count = if system { &self.system } else { &self.live };
        count.set(count.get().saturating_sub(1));
        if !system {
            self.last.set(Some((id, status)));
        }
        // Dropped where nothing is borrowed: a waker may be the last to know its task.
        drop(waker);
    }

    /// Tasks alive on each lane that has some. Looks at every cell.
    pub(crate) fn tasks_by_lane(&self) -> BTreeMap<u16, usize> {
        let mut tasks = BTreeMap::new();
        for (_, cell) in self.cells.borrow().iter() {
            *tasks.entry(cell.lane).or_default() += 1;
        }
        tasks
    }

    /// Something of a living task, if it lives.
    pub(crate) fn with<R>(&self, id: TaskId, look: impl FnOnce(&mut TaskCell) -> R) -> Option<R> {
        self.cells.borrow_mut().get(id).map(look)
    }

    /// Something of the task that runs, if one does.
    pub(crate) fn with_current<R>(&self, look: impl FnOnce(&mut TaskCell) -> R) -> Option<R> {
        self.with(self.current.get()?, look)
    }

    /// Asks a task to end; answers whether it was the first to ask.
    pub(crate) fn cancel(&self, id: TaskId) -> bool {
        let woken =
            self.with(id, |cell| (!std::mem::replace(&mut cell.cancelled, true)).then(|| cell.waker.clone()));
        let Some(Some(waker)) = woken else { return false };
        self.asked.borrow_mut().push(id);
        waker.into_iter().for_each(Waker::wake);
        true
    }

    /// Lets a task's future be dropped instead of run again.
    pub(crate) fn abort(&self, id: TaskId) -> bool {
        let woken = self.with(id, |cell| {
            cell.aborted = true;
            cell.waker.clone()
        });
        let found = woken.is_some();
        woken.flatten().into_iter().for_each(Waker::wake);
        found
    }

    /// Gives the memory of the cells back, at the end; a waker that is kept somewhere keeps this table.
    pub(crate) fn let_go(&self) {
        if self.alive() == 0 {
            let cells = self.cells.take();
            drop(cells);
        }
    }

    /// Ids and wakers of all that live.
    pub(crate) fn all(&self) -> Vec<(TaskId, Option<Waker>)> {
        self.cells.borrow().iter().map(|(id, cell)| (id, cell.waker.clone())).collect()
    }

    /// What is known of each task; lanes and readiness are the caller's to fill in.
    pub(crate) fn facts(&self, most: usize) -> Vec<TaskFacts> {
        let current = self.current.get();
        let facts = |(id, cell): (TaskId, &TaskCell)| TaskFacts {
            id,
            name: cell.name.to_string(),
            lane: LaneId { index: cell.lane, generation: 0 },
            lane_name: String::new(),
            state: if current == Some(id) { TaskState::Running } else { TaskState::Waiting },
            system: cell.system,
            cancelled: cell.cancelled,
            started: cell.started,
            polls: cell.polls,
            cpu_ns: cell.cpu_ns,
            wait_ns: cell.wait_ns,
            operations: cell.operations,
        };
        self.cells.borrow().iter().take(most).map(facts).collect()
    }
}
