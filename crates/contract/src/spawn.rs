//! Spawned tasks: work of a container that goes on beside its calls, and after them.
//!
//! Lives here: `Context::spawn`, `Spawn` (how), `Task` (a handle on it), `Context::lanes`.
//! From: a method. To: the node, which runs the task on the container's worker as it runs calls.
//! Holds: a task counts as living work of its container, so the container outlives it; it is asked to end when its pool is
//! destroyed or the node stops. Its value stays with the module; a panic in it ends it alone.

use crate::abi::{Home, Left, OpKind, RawSpawn, Tell};
use crate::context::{Context, fault_of};
use crate::limits::{NAME_MAX, WEIGHT_MAX};
use crate::{Code, Fault, Outcome};
use std::fmt;
use std::rc::Rc;

/// How a task is spawned.
///
/// # Example
/// ```
/// use windlass_contract::spawn::Spawn;
///
/// let sweeper = Spawn::named("sweeper").background();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Spawn<'n> {
    name: &'n str,
    background: bool,
    weight: u32,
}

impl<'n> Spawn<'n> {
    /// Named, for lists of tasks and for the log; of the class of calls that are waited for.
    pub const fn named(name: &'n str) -> Self {
        Self { name, background: false, weight: 0 }
    }
    /// It goes behind what is waited for, but for a guaranteed share.
    #[must_use]
    pub const fn background(self) -> Self {
        Self { background: true, ..self }
    }
    /// In a lane of its own with this weight, shared with the container's other tasks of this class and weight: one of 300 gets
    /// three times the worker's time that one of 100 gets, while both have work; the lane of the calls has 100. 1 to
    /// `limits::WEIGHT_MAX`. Without it, a task shares the lane of its class with the calls.
    #[must_use]
    pub const fn weight(self, weight: u32) -> Self {
        Self { weight, ..self }
    }
}

/// A spawned task. Dropping the handle lets the task go on by itself.
pub struct Task<T> {
    number: u64,
    home: Home,
    left: Left<T>,
}

impl<T> Task<T> {
    /// Its number, as lists of tasks show it.
    pub fn number(&self) -> u64 {
        self.number
    }
    /// Asks it to end: what it waits for resolves to `Cancelled`, `cx.cancelled()` tells its loops, and after a grace it is
    /// dropped.
    pub fn cancel(&self) {
        self.home.tell(Tell::CancelTask, self.number);
    }
    /// Waits until it has ended and takes its value. A wait that is dropped may be repeated.
    ///
    /// # Errors
    /// `Cancelled` when it ended early because it was asked to, `Panicked`, `QueueFull` when it never began; `NotRegistered`
    /// when its value was taken already; and `Cancelled` or `DeadlineExceeded` when the waiting call is to end.
    pub async fn join(&mut self, cx: &Context<'_>) -> Result<T, Fault> {
        cx.operation(OpKind::Join, self.number, 0, Vec::new()).await?;
        let value = self.left.borrow_mut().take();
        value.ok_or_else(|| {
            let fault = Fault::new(Code::Lost, "the task ended without a value, although nothing ended it early");
            fault.with_outcome(Outcome::Ended)
        })
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.home.tell(Tell::ForgetTask, self.number);
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.number)
    }
}

/// A lane of the worker: a queue, its class, and what it is owed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LaneFacts {
    /// Its name.
    pub name: String,
    /// Whether it goes behind what is waited for.
    pub background: bool,
    /// Its part of the time that lanes of its class divide.
    pub weight: u32,
    /// What it is guaranteed of the worker's time, in thousandths.
    pub share: u32,
    /// Tasks that live on it.
    pub tasks: u64,
    /// Pieces of work that stand in it now.
    pub queued: u64,
    /// How long its pieces ran, nanoseconds.
    pub ran_ns: u64,
}

impl Context<'_> {
    /// The lanes of this worker.
    ///
    /// # Errors
    /// `Cancelled`, `DeadlineExceeded`.
    pub async fn lanes(&self) -> Result<Vec<LaneFacts>, Fault> {
        let done = self.operation(OpKind::Lanes, 0, 0, Vec::new()).await?;
        postcard::from_bytes(done.bytes.as_slice())
            .map_err(|_| Fault::new(Code::BadReply, "the host's list of lanes does not decode"))
    }

    /// Spawns a task of this container. It is given a context of its own, so it can wait, and outlives this call.
    ///
    /// State that it shares with the module's methods stands in an `Rc`: a task cannot borrow from the call.
    ///
    /// # Errors
    /// `QueueFull` when the container or the worker has as many tasks as it may have; `BadArguments` for a name or
    /// a weight out of range; `Draining` when the node ends.
    ///
    /// # Example
    /// ```
    /// use std::{cell::Cell, rc::Rc, time::Duration};
    /// use windlass_contract::{Fault, context::Context, spawn::Spawn};
    ///
    /// fn begin_beating(cx: &Context<'_>, beats: Rc<Cell<u64>>) -> Result<(), Fault> {
    ///     let beat = async move |cx: Context<'_>| {
    ///         while cx.sleep(Duration::from_secs(1)).await.is_ok() {
    ///             beats.set(beats.get() + 1);
    ///         }
    ///     };
    ///     cx.spawn(Spawn::named("beat").background(), beat).map(drop)
    /// }
    /// ```
    pub fn spawn<T: 'static>(
        &self,
        how: Spawn<'_>,
        run: impl AsyncFnOnce(Context<'_>) -> T + 'static,
    ) -> Result<Task<T>, Fault> {
        if how.name.is_empty() || how.name.len() > NAME_MAX || how.weight > WEIGHT_MAX {
            let text = format!("a task has a name of 1 to {NAME_MAX} bytes, and a weight of {WEIGHT_MAX} at most");
            return Err(Fault::new(Code::BadArguments, text));
        }
        let home = self.call.home().ok_or_else(|| Fault::new(Code::Unsupported, "this host spawns nothing"))?;
        let left = Left::<T>::default();
        let asked = RawSpawn::new(u32::from(how.background), how.weight, how.name, run, Rc::clone(&left));
        match self.call.spawn(&asked) {
            Ok(number) => Ok(Task { number, home, left }),
            Err(refused) => match fault_of(&refused) {
                Err(fault) => Err(fault),
                Ok(()) => Err(Fault::new(Code::Internal, "the host spawned nothing and did not say why")),
            },
        }
    }
}
