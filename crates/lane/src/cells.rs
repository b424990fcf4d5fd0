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

/// What each poll of a task touches: kept apart, so that it is half a line of the processor's cache.
#[derive(Default)]
#[repr(align(32))]
pub(crate) struct Account {
    pub(crate) polls: u64,
    pub(crate) cpu_ns: u64,
    pub(crate) wait_ns: u64,
    generation: u32,
    /// Of a free cell: the one that was free before it, or `NONE`.
    next_free: u32,
}

/// No cell.
const NONE: u32 = u32::MAX;
const _: () = assert!(TASKS_MAX < NONE as usize, "no cell has the number of none");
const _: () = assert!(size_of::<Account>() == 32, "two accounts are a line");

/// What else is known of one task.
#[derive(Default)]
pub(crate) struct TaskCell {
    pub(crate) taken: bool,
    pub(crate) system: bool,
    pub(crate) cancelled: bool,
    /// Its future is dropped when it would run again.
    pub(crate) aborted: bool,
    pub(crate) lane: u16,
    /// Depth of sections that a cancel does not reach.
    pub(crate) shields: u32,
    pub(crate) name: Name,
    /// The task's own; a task that nobody else can wake stays known by it.
    pub(crate) waker: Option<Waker>,
    pub(crate) started: Nanos,
    pub(crate) operations: u64,
}

impl Account {
    fn new() -> Self {
        Self { generation: 1, ..Self::default() }
    }
}

/// The generation of a cell after this one; never 0, which is nobody's.
fn next(generation: u32) -> u32 {
    generation.wrapping_add(1).max(1)
}

struct Chunk {
    accounts: Box<[Account; CELLS_PER_CHUNK]>,
    cells: Box<[TaskCell; CELLS_PER_CHUNK]>,
}

/// So many of something new, if memory for them can be had.
fn filled<T>(new: fn() -> T) -> Option<Box<[T; CELLS_PER_CHUNK]>> {
    let mut all = Vec::new();
    all.try_reserve_exact(CELLS_PER_CHUNK).ok()?;
    all.resize_with(CELLS_PER_CHUNK, new);
    all.into_boxed_slice().try_into().ok()
}

/// The slab, in chunks that stay where they are.
pub(crate) struct Cells {
    chunks: Vec<Chunk>,
    free: u32,
    made: u32,
}

impl Default for Cells {
    fn default() -> Self {
        Self { chunks: Vec::new(), free: NONE, made: 0 }
    }
}

impl Cells {
    /// A free cell, if memory for it can be had.
    #[inline]
    fn take(&mut self) -> Option<(u32, &mut Account, &mut TaskCell)> {
        if self.free == NONE {
            self.grow()?;
        }
        let index = self.free;
        let chunk = self.chunks.get_mut(index as usize / CELLS_PER_CHUNK)?;
        let at = index as usize % CELLS_PER_CHUNK;
        self.free = chunk.accounts[at].next_free;
        Some((index, &mut chunk.accounts[at], &mut chunk.cells[at]))
    }

    /// One free cell more.
    #[cold]
    fn grow(&mut self) -> Option<()> {
        if self.made as usize >= self.chunks.len() * CELLS_PER_CHUNK {
            self.chunks.try_reserve(1).ok()?;
            let (accounts, cells) = (filled(Account::new)?, filled(TaskCell::default)?);
            self.chunks.push(Chunk { accounts, cells });
        }
        let index = self.made;
        self.chunks.last_mut()?.accounts[index as usize % CELLS_PER_CHUNK].next_free = self.free;
        (self.free, self.made) = (index, index + 1);
        Some(())
    }

    #[inline]
    fn chunk(&mut self, id: TaskId) -> Option<(&mut Chunk, usize)> {
        let at = id.index as usize % CELLS_PER_CHUNK;
        let chunk = self.chunks.get_mut(id.index as usize / CELLS_PER_CHUNK)?;
        (chunk.accounts[at].generation == id.generation).then_some((chunk, at))
    }

    /// What is known of a task, if it lives.
    #[inline]
    pub(crate) fn get(&mut self, id: TaskId) -> Option<&mut TaskCell> {
        self.chunk(id).map(|(chunk, at)| &mut chunk.cells[at])
    }

    /// Its account, if it lives.
    #[inline]
    pub(crate) fn account(&mut self, id: TaskId) -> Option<&mut Account> {
        self.chunk(id).map(|(chunk, at)| &mut chunk.accounts[at])
    }

    /// The name of a task that lives, or has ended and left its cell to nobody yet.
    pub(crate) fn name_of(&mut self, id: TaskId) -> Option<Name> {
        if let Some(cell) = self.get(id) {
            return Some(cell.name.clone());
        }
        let after = TaskId { generation: next(id.generation), ..id };
        self.get(after).filter(|cell| !cell.taken).map(|cell| cell.name.clone())
    }

    fn iter<'a>(&'a self) -> impl Iterator<Item = (TaskId, &'a Account, &'a TaskCell)> {
        let both = |chunk: &'a Chunk| chunk.accounts.iter().zip(chunk.cells.iter());
        let all = self.chunks.iter().flat_map(both).take(self.made as usize).enumerate();
        all.filter(|(_, (_, cell))| cell.taken).map(|(index, (account, cell))| {
            (TaskId { index: index as u32, generation: account.generation }, account, cell)
        })
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
        let (index, account, cell) = cells.take()?;
        (account.polls, account.cpu_ns, account.wait_ns, cell.operations) = (0, 0, 0, 0);
        (cell.taken, cell.system, cell.lane) = (true, system, lane);
        (cell.cancelled, cell.aborted, cell.shields) = (false, false, 0);
        (cell.name, cell.started) = (name, now);
        let count = if system { &self.system } else { &self.live };
        count.set(count.get() + 1);
        Some(TaskId { index, generation: account.generation })
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
        let Some((chunk, at)) = cells.chunk(id) else { return };
        let (account, cell) = (&mut chunk.accounts[at], &mut chunk.cells[at]);
        (account.generation, account.next_free, cell.taken) = (next(id.generation), free, false);
        let system = cell.system;
        let has_more = cell.waker.is_some() || cell.aborted || matches!(cell.name, Name::Shared(_));
        let waker = if has_more { self.empty(cell, id) } else { None };
        cells.free = id.index;
        drop(cells);
        let count = if system { &self.system } else { &self.live };
        count.set(count.get().saturating_sub(1));
        if !system {
            self.last.set(Some((id, status)));
        }
        // Dropped where nothing is borrowed: a waker may be the last to know its task.
        drop(waker);
    }

    /// Takes out of a cell what not every task has; answers the waker.
    fn empty(&self, cell: &mut TaskCell, id: TaskId) -> Option<Waker> {
        if cell.aborted {
            self.aborting.set(self.aborting.get() - 1);
        }
        // A name that was made is not kept for as long as the cell is free.
        if matches!(cell.name, Name::Shared(_)) {
            let name = std::mem::take(&mut cell.name);
            if self.running.get() == id {
                self.ended_name.set((id, name));
            }
        }
        cell.waker.take()
    }

    /// Tasks alive on each lane that has some. Looks at every cell.
    pub(crate) fn tasks_by_lane(&self) -> BTreeMap<u16, usize> {
        let mut tasks = BTreeMap::new();
        for (_, _, cell) in self.cells.borrow().iter() {
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
        self.cells.borrow().iter().map(|(id, _, cell)| (id, cell.waker.clone())).collect()
    }

    /// What is known of each task; lanes and readiness are the caller's to fill in.
    pub(crate) fn facts(&self, most: usize) -> Vec<TaskFacts> {
        let running = self.running.get();
        let facts = |(id, account, cell): (TaskId, &Account, &TaskCell)| TaskFacts {
            id,
            name: cell.name.to_string(),
            lane: LaneId { index: cell.lane, generation: 0 },
            lane_name: String::new(),
            state: if running == id { TaskState::Running } else { TaskState::Waiting },
            system: cell.system,
            cancelled: cell.cancelled,
            started: cell.started,
            // The poll under way is not in its account yet.
            polls: account.polls + u64::from(running == id),
            cpu_ns: account.cpu_ns,
            wait_ns: account.wait_ns + if running == id { self.waited.get() } else { 0 },
            operations: cell.operations,
        };
        self.cells.borrow().iter().take(most).map(facts).collect()
    }
}
