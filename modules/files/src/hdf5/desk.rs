//! Desk: work that a lane hands to a thread which may wait for the disk, and what came of it.
//!
//! Lives here: `run`, called on a lane; `step`, which the node runs on that thread. The two meet by a ticket, because a call inside the
//! node carries bytes, and what is worked on is memory that the node shares.
//! Holds: a ticket is taken once; what a cancelled call left goes when its work has ended; the desk has a limit.

use crate::files;
use crate::limits::DESK_MAX;
use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use windlass::prelude::*;

type Ended = Box<dyn Any + Send>;
type Work = Box<dyn FnOnce() -> Ended + Send>;

/// How far a ticket is.
enum State {
    Waiting(Work),
    Running,
    Ended(Ended),
}

static DESK: Mutex<BTreeMap<u64, State>> = Mutex::new(BTreeMap::new());

fn desk() -> MutexGuard<'static, BTreeMap<u64, State>> {
    // Nothing panics while it holds the lock, and each change of the map is one.
    DESK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A place at the desk, given back when the call goes.
struct Ticket(u64);

impl Drop for Ticket {
    fn drop(&mut self) {
        desk().remove(&self.0);
    }
}

/// Does `work` on a thread that may wait.
///
/// # Errors
/// Those of the work; `Internal` when it panicked; `QueueFull` when too many wait.
pub(super) async fn run<T: Send + 'static>(
    cx: &Context<'_>,
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let number = cx.random();
    {
        let mut desk = desk();
        if desk.len() >= DESK_MAX || desk.contains_key(&number) {
            return Err(Fault::new(Code::QueueFull, format!("{DESK_MAX} calls work on HDF5 files; try again")));
        }
        let boxed: Work = Box::new(move || Box::new(guarded(work)));
        desk.insert(number, State::Waiting(boxed));
    }
    let ticket = Ticket(number);
    files::Nested::on(cx, cx.pool()).hdf5_step(number).await?;
    let ended = desk().insert(ticket.0, State::Running);
    let lost = || Fault::new(Code::Internal, "work on an HDF5 file ended with nothing");
    let Some(State::Ended(ended)) = ended else { return Err(lost()) };
    *ended.downcast::<Result<T, Fault>>().map_err(|_| lost())?
}

/// A panic is a Fault with its words.
fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words");
        Err(Fault::new(Code::Internal, format!("the HDF5 library gave up: {words}"))
            .with_outcome(Outcome::Unknown))
    })
}

/// Does the work of a ticket.
///
/// # Errors
/// `NotFound` when no work waits for it.
pub(crate) fn step(number: u64) -> Result<(), Fault> {
    let taken = desk().get_mut(&number).map(|state| std::mem::replace(state, State::Running));
    let Some(State::Waiting(work)) = taken else {
        let text = "no work on an HDF5 file waits for this ticket; it is a step of other commands";
        return Err(Fault::new(Code::NotFound, text).with_outcome(Outcome::NotStarted));
    };
    let ended = work();
    // The call may have gone meanwhile; then nobody asks.
    if let Some(state) = desk().get_mut(&number) {
        *state = State::Ended(ended);
    }
    Ok(())
}
