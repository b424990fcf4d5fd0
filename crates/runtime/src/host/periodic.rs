//! Periodic methods: calls that the node makes of a container by itself.
//!
//! From: `admin` when a pool stands, and the worker's timers. To: `host::queue`, as a call that no session asked for.
//! Holds: a container's periodic method never runs twice at once: while one call is out, its beats are skipped; beats that were
//! missed are not made up for. It ends with its pool, and when the node drains.

use crate::core::{Alarm, Core};
use crate::place::{Container, Method, Placed};
use crate::reply::Wait;
use std::rc::{Rc, Weak};
use std::task::Waker;
use windlass_contract::{Code, Fault};
use windlass_driver::Nanos;
use windlass_memory::hooks::{Plant, planted};

/// When a method is due, and how its last call went.
pub(crate) struct Beat {
    container: Weak<Container>,
    method: Rc<Method>,
    at: Nanos,
    last: Option<Rc<Wait>>,
}

impl std::fmt::Debug for Beat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is due at {}", self.method.name, self.at)
    }
}

/// Sets the first beat of each periodic method, one period from now.
///
/// # Errors
/// `QueueFull` when the node has as many timers as it may have.
pub(crate) fn begin(core: &Rc<Core>, container: &Rc<Container>) -> Result<(), Fault> {
    for method in container.module.periodic() {
        let at = core.now().saturating_add(method.flags.period_ns);
        let beat = Beat { container: Rc::downgrade(container), method: method.clone(), at, last: None };
        core.timers.borrow_mut().set(at, Alarm::Period(beat)).ok_or_else(|| {
            let text = format!("no timer for {}: the node has as many as it may have", method.name);
            Fault::new(Code::QueueFull, text)
        })?;
    }
    Ok(())
}

/// A method is due: it is called, unless its last call is still out, and its next beat is set.
pub(crate) fn due(core: &Rc<Core>, beat: Beat, now: Nanos) {
    let Some(container) = beat.container.upgrade() else { return };
    // Calls may keep a container whose pool is gone.
    if core.draining.get() || core.places.borrow().by_id(container.pool).is_none() {
        return;
    }
    let period = beat.method.flags.period_ns.max(1);
    let missed = now.saturating_sub(beat.at) / period;
    let at = beat.at.saturating_add(period.saturating_mul(missed + 1));
    let is_out = beat.last.as_ref().is_some_and(|last| !ended(&container, &beat.method, last));
    let is_out = is_out && !planted(Plant::DoubledPeriod);
    let wait = match is_out {
        true => beat.last.clone(),
        // Not if it is about to move, or was given to another worker. If it stays, the next beat calls it.
        false => (!container.leaving.get() && !container.is_elsewhere()).then(Rc::default),
    };
    let next = Beat { container: beat.container, method: beat.method.clone(), at, last: wait.clone() };
    // The beat that fired gave its timer back a moment ago, so there is room.
    if core.timers.borrow_mut().set(at, Alarm::Period(next)).is_none() {
        tracing::error!(pool = %container.pool_name, method = %beat.method.name, "no timer: the method is not called again");
    }
    if let (false, Some(wait)) = (is_out, wait) {
        super::queue(core, Placed::by_node(container, beat.method, Vec::new(), wait));
    }
}

/// Whether a call has ended; a Fault is told to the log, because nobody else hears it.
fn ended(container: &Container, method: &Method, last: &Wait) -> bool {
    match last.take(Waker::noop()) {
        None => false,
        Some(Ok(_)) => true,
        Some(Err(fault)) => {
            tracing::warn!(pool = %container.pool_name, method = %method.name, %fault, "a periodic call failed");
            true
        }
    }
}
