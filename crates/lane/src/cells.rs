//! Cells: where the tasks of one worker are known.
//!
//! Lives here: `TaskId`, `Table` (all that is known of tasks, on their thread), `Cells` (the slab), `TaskFacts`, `Status`.
//! From: `Lanes` makes tasks; each poll is counted here. To: lists, joins, cancels.
//! Holds: cells of ended tasks are used again, the last one first, under a new generation from the moment of that end, so an
//! old id finds nothing; room for a cell is had before anything of a task is made; no cell is borrowed while code of a task runs.

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

/// No task: no cell ever has this generation.
pub(crate) const NOBODY: TaskId = TaskId { index: 0, generation: 0 };

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

/// One task. What each poll touches comes first.
#[derive(Default)]
#[repr(C)]
pub(crate) struct TaskCell {
    pub(crate) polls: u64,
    pub(crate) cpu_ns: u64,
    pub(crate) wait_ns: u64,
    pub(crate) generation: u32,
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
    pub(crate) operations: u64,
}

impl TaskCell {
    fn new() -> Self {
        Self { generation: 1, ..Self::default() }
    }
}

/// The generation of a cell after this one; never 0, which is nobody's.
fn next(generation: u32) -> u32 {
    generation.wrapping_add(1).max(1)
}

type Chunk = Box<[TaskCell; CELLS_PER_CHUNK]>;

/// The slab, in chunks that stay where they are.
#[derive(Default)]
pub(crate) struct Cells {
    chunks: Vec<Chunk>,
    free: Option<u32>,
    made: u32,
}

impl Cells {
    /// A free cell, if memory for it can be had.
    #[inline]
    fn take(&mut self) -> Option<(u32, &mut TaskCell)> {
        let index = match self.free {
            Some(index) => index,
            None => self.grow()?,
        };
        let free = self.free;
        let cell = self.chunks.get_mut(index as usize / CELLS_PER_CHUNK)?;
        let cell = &mut cell[index as usize % CELLS_PER_CHUNK];
        if free.is_some() {
            self.free = cell.next_free;
        }
        Some((index, cell))
    }

    /// One cell more.
    #[cold]
    fn grow(&mut self) -> Option<u32> {
        if self.made as usize >= self.chunks.len() * CELLS_PER_CHUNK {
            self.chunks.try_reserve(1).ok()?;
            let mut chunk = Vec::new();
            chunk.try_reserve_exact(CELLS_PER_CHUNK).ok()?;
            chunk.resize_with(CELLS_PER_CHUNK, TaskCell::new);
            self.chunks.push(chunk.into_boxed_slice().try_into().ok()?);
        }
        self.made += 1;
        Some(self.made - 1)
    }

    #[inline]
    fn at(&mut self, index: u32) -> Option<&mut TaskCell> {
        let index = index as usize;
        Some(&mut self.chunks.get_mut(index / CELLS_PER_CHUNK)?[index % CELLS_PER_CHUNK])
    }

    #[inline]
    pub(crate) fn get(&mut self, id: TaskId) -> Option<&mut TaskCell> {
        self.at(id.index).filter(|cell| cell.generation == id.generation)
    }

    /// The name of a task that lives, or has ended and left its cell to nobody yet.
    pub(crate) fn name_of(&mut self, id: TaskId) -> Option<Name> {
        let cell = self.at(id.index)?;
        let is_its = cell.generation == id.generation || (!cell.taken && cell.generation == next(id.generation));
        is_its.then(|| cell.name.clone())
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
    /// The task that runs, or `NOBODY`.
    pub(crate) running: Cell<TaskId>,
    /// How long it stood in its queue before.
    pub(crate) waited: Cell<Nanos>,
    /// Pieces that have ended.
    pub(crate) pieces: Cell<u64>,
    /// Tasks alive that are to be dropped instead of run.
    pub(crate) aborting: Cell<usize>,
    /// Tasks alive that somebody waits for at the end, and those that nobody does.
    pub(crate) live: Cell<usize>,
    pub(crate) system: Cell<usize>,
    pub(crate) tasks_max: Cell<usize>,
    pub(crate) closed: Cell<bool>,
    /// The name of a task that ended while it ran, if its cell does not have it any more.
    pub(crate) ended_name: Cell<(TaskId, Name)>,
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
            running: Cell::new(NOBODY),
            waited: Cell::default(),
            pieces: Cell::default(),
            aborting: Cell::default(),
            live: Cell::default(),
            system: Cell::default(),
            tasks_max: Cell::new(TASKS_MAX),
            closed: Cell::default(),
            ended_name: Cell::new((NOBODY, Name::default())),
            last: Cell::default(),
            asked: RefCell::default(),
            panics: Cell::default(),
        }
    }

    /// Whether this task is to be dropped instead of run.
    #[inline]
    pub(crate) fn is_aborted(&self, id: TaskId) -> bool {
        self.aborting.get() > 0 && self.with(id, |cell| cell.aborted).unwrap_or(false)
    }

    /// A cell for a new task, counted as alive.
    #[inline(always)]
    pub(crate) fn admit(&self, name: Name, lane: u16, system: bool, now: Nanos) -> Option<TaskId> {
        if windlass_driver::hooks::fails() {
            return None;
        }
        let mut cells = self.cells.borrow_mut();
        let (index, cell) = cells.take()?;
        (cell.polls, cell.cpu_ns, cell.wait_ns, cell.operations) = (0, 0, 0, 0);
        (cell.taken, cell.system, cell.lane) = (true, system, lane);
        (cell.cancelled, cell.aborted, cell.shields) = (false, false, 0);
        (cell.name, cell.started) = (name, now);
        let count = if system { &self.system } else { &self.live };
        count.set(count.get() + 1);
        Some(TaskId { index, generation: cell.generation })
    }

    /// The task that runs, if one does.
    #[inline]
    pub(crate) fn current(&self) -> Option<TaskId> {
        Some(self.running.get()).filter(|id| *id != NOBODY)
    }

    #[inline]
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
        // A name that was made is not kept for as long as the cell is free.
        let made = matches!(cell.name, Name::Shared(_)).then(|| std::mem::take(&mut cell.name));
        (cell.taken, cell.generation, cell.next_free) = (false, next(id.generation), free);
        if cell.aborted {
            self.aborting.set(self.aborting.get() - 1);
        }
        cells.free = Some(id.index);
        drop(cells);
        if let Some(name) = made
            && self.running.get() == id
        {
            self.ended_name.set((id, name));
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
        // Nobody's id is found nowhere.
        self.with(self.running.get(), look)
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
            if !std::mem::replace(&mut cell.aborted, true) {
                self.aborting.set(self.aborting.get() + 1);
            }
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
        let running = self.running.get();
        let facts = |(id, cell): (TaskId, &TaskCell)| TaskFacts {
            id,
            name: cell.name.to_string(),
            lane: LaneId { index: cell.lane, generation: 0 },
            lane_name: String::new(),
            state: if running == id { TaskState::Running } else { TaskState::Waiting },
            system: cell.system,
            cancelled: cell.cancelled,
            started: cell.started,
            // The poll under way is not in its account yet.
            polls: cell.polls + u64::from(running == id),
            cpu_ns: cell.cpu_ns,
            wait_ns: cell.wait_ns + if running == id { self.waited.get() } else { 0 },
            operations: cell.operations,
        };
        self.cells.borrow().iter().take(most).map(facts).collect()
    }
}
