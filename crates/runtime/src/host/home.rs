//! A container's home: what it has open and which tasks it spawned, whatever call they began in.
//!
//! Lives here: `Home`. From: operations that open, `spawn`, and what a module tells. To: the driver's handles, tasks' waits.
//! Holds: a handle that is not here is not this container's; all that is open is closed when the container ends; a task is
//! known here until it has ended and nobody will ask for its end.

use crate::core::Core;
use crate::limits::{CONTAINER_HANDLES_MAX, CONTAINER_TASKS_MAX};
use crate::place::share::Dealt;
use crate::reply::Wait;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::{Rc, Weak};
use windlass_contract::{Code, Fault};
use windlass_driver::{Handle, IoError};
use windlass_lane::io::Io;
use windlass_lane::{Class, LaneError, LaneId, LaneOptions};

/// What of a container outlives a call.
pub(crate) struct Home {
    core: Weak<Core>,
    io: Io,
    handles: RefCell<BTreeSet<u64>>,
    tasks: RefCell<BTreeMap<u64, Known>>,
    /// Lanes of its own, by class and weight.
    lanes: RefCell<BTreeMap<(Class, u32), LaneId>>,
    /// Lanes of its module's groups, by class, group and number.
    groups: RefCell<BTreeMap<(Class, usize, u32), LaneId>>,
    /// Calls that went where least waits, to spread them among equals.
    turn: Cell<u32>,
}

/// A spawned task.
struct Known {
    wait: Rc<Wait>,
    ended: bool,
    /// Nobody will ask for its end.
    forgotten: bool,
}

impl Home {
    /// Nothing open, no tasks.
    pub(crate) fn new(core: &Rc<Core>) -> Rc<Self> {
        let (handles, tasks, lanes, groups, turn) = Default::default();
        Rc::new(Self { core: Rc::downgrade(core), io: core.io.clone(), handles, tasks, lanes, groups, turn })
    }

    /// Whether something more may be opened.
    ///
    /// # Errors
    /// `HandleLimit`.
    pub(crate) fn room(&self) -> Result<(), Fault> {
        if self.handles.borrow().len() >= CONTAINER_HANDLES_MAX {
            let text = format!("the container has {CONTAINER_HANDLES_MAX} files and sockets open already");
            return Err(Fault::new(Code::HandleLimit, text));
        }
        Ok(())
    }

    /// Takes what was opened.
    pub(crate) fn take(&self, handle: Handle) -> u64 {
        self.handles.borrow_mut().insert(handle.to_bits());
        handle.to_bits()
    }

    /// The handle of this number, if this container has it open.
    ///
    /// # Errors
    /// `NotRegistered`.
    pub(crate) fn handle(&self, bits: u64) -> Result<Handle, IoError> {
        match self.handles.borrow().contains(&bits) {
            true => Ok(Handle::from_bits(bits)),
            false => Err(IoError::NotRegistered),
        }
    }

    /// Closes a handle; one that is not here is left alone.
    pub(crate) fn close(&self, bits: u64) {
        let was_here = self.handles.borrow_mut().remove(&bits);
        if was_here {
            self.io.close(Handle::from_bits(bits));
        }
    }

    /// The lane for tasks of this class and weight, made when it is first asked for.
    ///
    /// # Errors
    /// `QueueFull` when the worker has as many lanes as it may have, `BadArguments` for a weight that none has.
    pub(crate) fn lane(&self, class: Class, weight: u32) -> Result<LaneId, Fault> {
        if weight == 0 {
            return Ok(class.into());
        }
        if let Some(lane) = self.lanes.borrow().get(&(class, weight)) {
            return Ok(*lane);
        }
        let lane = self.add(LaneOptions { weight, class, ..LaneOptions::new(format!("weight {weight}")) })?;
        self.lanes.borrow_mut().insert((class, weight), lane);
        Ok(lane)
    }

    fn add(&self, options: LaneOptions) -> Result<LaneId, Fault> {
        let core = self.core.upgrade().ok_or_else(|| super::ended_early(Code::Draining))?;
        // Lanes whose container has ended go when their last task has.
        core.idle_lanes.borrow_mut().retain(|lane| core.lanes.remove_lane(*lane).is_err());
        core.lanes.add_lane(options).map_err(|error| {
            let code = if error == LaneError::BadWeight { Code::BadArguments } else { Code::QueueFull };
            Fault::new(code, error.to_string())
        })
    }

    /// A lane of a group, made when it is first asked for; it is called `name` with its number.
    ///
    /// # Errors
    /// `QueueFull` when the worker has as many lanes as it may have.
    pub(crate) fn group_lane(&self, class: Class, group: usize, number: u32, name: &str) -> Result<LaneId, Fault> {
        if let Some(lane) = self.groups.borrow().get(&(class, group, number)) {
            return Ok(*lane);
        }
        let lane = self.add(LaneOptions { class, ..LaneOptions::new(format!("{name} {number}")) })?;
        self.groups.borrow_mut().insert((class, group, number), lane);
        Ok(lane)
    }

    /// Of so many lanes of a group, but for those that another worker has, that in which least waits; of equals, one after another.
    pub(crate) fn least_loaded(&self, class: Class, group: usize, lanes: u32, dealt: &Dealt) -> u32 {
        let Some(core) = self.core.upgrade() else { return 0 };
        let from = self.turn.get();
        self.turn.set(from.wrapping_add(1));
        let groups = self.groups.borrow();
        let waits = |number: &u32| groups.get(&(class, group, *number)).map_or(0, |lane| core.lanes.queued(*lane));
        let all = (0..lanes).map(|at| from.wrapping_add(at) % lanes);
        all.filter(|number| dealt.has_lane(*number)).min_by_key(waits).unwrap_or(0)
    }

    /// Enters a task that is about to be spawned.
    ///
    /// # Errors
    /// `QueueFull`.
    pub(crate) fn enter(&self, number: u64, wait: Rc<Wait>) -> Result<(), Fault> {
        let mut tasks = self.tasks.borrow_mut();
        if tasks.len() >= CONTAINER_TASKS_MAX {
            let text = format!("the container has {CONTAINER_TASKS_MAX} tasks that run or wait to be joined");
            return Err(Fault::new(Code::QueueFull, text));
        }
        tasks.insert(number, Known { wait, ended: false, forgotten: false });
        Ok(())
    }

    /// The end of a task, to be waited for; `None` when nobody may ask for it.
    pub(crate) fn wait_of(&self, number: u64) -> Option<Rc<Wait>> {
        self.tasks.borrow().get(&number).filter(|task| !task.forgotten).map(|task| task.wait.clone())
    }

    /// A task has ended.
    pub(crate) fn ended(&self, number: u64) {
        let mut tasks = self.tasks.borrow_mut();
        if let Some(task) = tasks.get_mut(&number) {
            task.ended = true;
            if task.forgotten {
                tasks.remove(&number);
            }
        }
    }

    /// Nobody will ask for its end: its handle is gone, or it was joined.
    pub(crate) fn forget(&self, number: u64) {
        let mut tasks = self.tasks.borrow_mut();
        if let Some(task) = tasks.get_mut(&number) {
            task.forgotten = true;
            if task.ended {
                tasks.remove(&number);
            }
        }
    }

    /// How many tasks have not ended.
    pub(crate) fn tasks(&self) -> usize {
        self.tasks.borrow().values().filter(|task| !task.ended).count()
    }

    /// Asks a task to end.
    pub(crate) fn cancel(&self, number: u64) {
        let wait = self.tasks.borrow().get(&number).filter(|task| !task.ended).map(|task| task.wait.clone());
        let serving = wait.and_then(|wait| wait.give_up(Code::Cancelled));
        if let (Some(serving), Some(core)) = (serving, self.core.upgrade()) {
            serving.end(&core, Code::Cancelled);
        }
    }

    /// Asks all tasks to end.
    pub(crate) fn cancel_all(&self) {
        let numbers: Vec<u64> = self.tasks.borrow().keys().copied().collect();
        for number in numbers {
            self.cancel(number);
        }
    }

    /// Closes all that is open: the container has ended.
    pub(crate) fn close_all(&self) {
        let open = std::mem::take(&mut *self.handles.borrow_mut());
        for bits in open {
            self.io.close(Handle::from_bits(bits));
        }
        if let Some(core) = self.core.upgrade() {
            let own = self.lanes.take().into_values().chain(self.groups.take().into_values());
            core.idle_lanes.borrow_mut().extend(own);
        }
    }
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} handles, {} tasks", self.handles.borrow().len(), self.tasks.borrow().len())
    }
}
