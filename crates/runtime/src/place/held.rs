//! Held: calls that wait while the container that they go to moves.
//!
//! Lives here: `Held` (of one container, on one worker), `Which` (calls wait), `keep`, `begin`, `release`, `refuse_all`.
//! From: `find`, for a container that is about to move. To: `find` once more, when it is known where it is.
//! Holds: calls go on in the order they came, before any that come later. Their time runs on while they wait. There are never more
//! than `HELD_MAX` of one container; one that is given up does not begin. What passes beside a call with streams waits if that call
//! waits, and goes to it if it does not: the container stays until that call has ended, which it may not without this.

use super::{Container, Found, Method, find_again};
use crate::core::Core;
use crate::host::streams;
use crate::limits::HELD_MAX;
use crate::reply::Refused;
use crate::transport::Arrived;
use std::cell::RefCell;
use std::rc::Rc;
use windlass_contract::slot::NO_DEADLINE;
use windlass_contract::{Code, Fault, PoolId, Retry};
use windlass_driver::Nanos;

/// Which calls to a container wait while it moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// All: it is not in use, and its worker reads nothing.
    All,
    /// Those that begin: what passes beside a call that is there already goes to it.
    New,
}

/// A call that waits, and since when.
struct Waiting {
    call: Arrived,
    /// The number of its streams, or of those that it is about.
    stream: Option<u64>,
    since: Nanos,
}

/// Calls that wait, oldest first.
struct Queue {
    which: Which,
    waiting: Vec<Waiting>,
}

/// The calls to one container that wait; nothing while it stays where it is.
#[derive(Default)]
pub(crate) struct Held(RefCell<Option<Queue>>);

impl Held {
    /// Whether calls wait from now on.
    #[inline(always)]
    pub(crate) fn is_on(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Whether a call waits. One that passes bytes beside a call with streams does if that call does, or something beside it.
    #[inline(always)]
    pub(super) fn holds(&self, method: &Method, call: &Arrived) -> bool {
        match &*self.0.borrow() {
            None => false,
            Some(queue) => !queue.lets_by(method, call),
        }
    }

    /// The same, on the worker that has the container: there a call with streams, of which nothing is known, has ended, and what is late
    /// for it begins nowhere before the container has moved.
    #[inline(always)]
    pub(super) fn holds_here(
        &self,
        core: &Core,
        container: &Rc<Container>,
        method: &Method,
        call: &Arrived,
    ) -> bool {
        match &*self.0.borrow() {
            None => false,
            Some(queue) => !queue.lets_by(method, call) || !streams::has_call(core, container, call),
        }
    }
}

impl Queue {
    #[cold]
    fn lets_by(&self, method: &Method, call: &Arrived) -> bool {
        if self.which == Which::All || !streams::is_beside(method) {
            return false;
        }
        let Some(number) = streams::number(call.arguments()) else { return false };
        !self.waiting.iter().any(|one| one.stream == Some(number) && one.call.owner == call.owner)
    }
}

fn of(core: &Core, pool: PoolId, place: usize) -> Option<Rc<Held>> {
    let places = core.places.borrow();
    places.by_id(pool).and_then(|pool| pool.spots.get(place)).map(|spot| spot.held.clone())
}

/// Calls of this worker to a container wait from now on.
pub(crate) fn begin(core: &Core, pool: PoolId, place: u32, which: Which) {
    if let Some(held) = of(core, pool, place as usize) {
        held.0.borrow_mut().get_or_insert_with(|| Queue { which, waiting: Vec::new() });
    }
}

/// A call waits until its container has moved.
pub(crate) fn keep(core: &Rc<Core>, call: Arrived, place: usize) {
    let Some(held) = of(core, call.slot.pool, place) else {
        let unknown = core.places.borrow().unknown(&call.slot.pool.to_string());
        return Refused::new(call.reply, unknown).answer();
    };
    let count = held.0.borrow().as_ref().map_or(0, |queue| queue.waiting.len());
    if count >= HELD_MAX {
        let text = format!("{HELD_MAX} calls wait already for a container that moves to another worker");
        let fault = Fault::new(Code::QueueFull, text).with_retry(Retry::After(10));
        return Refused::new(call.reply, fault).answer();
    }
    let places = core.places.borrow();
    places.held.set(places.held.get() + 1);
    let method = places.by_id(call.slot.pool).and_then(|pool| pool.module.method(call.slot.method));
    let stream = method.filter(|method| method.by_stream).and_then(|_| streams::number(call.arguments()));
    let mut queue = held.0.borrow_mut();
    let queue = queue.get_or_insert_with(|| Queue { which: Which::New, waiting: Vec::new() });
    queue.waiting.push(Waiting { call, stream, since: core.now() });
}

fn take(core: &Core, held: &Held) -> Vec<Waiting> {
    let waiting = held.0.take().map(|queue| queue.waiting).unwrap_or_default();
    let places = core.places.borrow();
    places.held.set(places.held.get() - waiting.len());
    waiting
}

/// Calls to a container wait no more: those that do go on to where it is now.
pub(crate) fn release(core: &Rc<Core>, pool: PoolId, place: u32) {
    if let Some(held) = of(core, pool, place as usize) {
        go_on(core, &held, place as usize);
    }
}

/// The same, of a pool that may have ended.
pub(crate) fn go_on(core: &Rc<Core>, held: &Held, place: usize) {
    let now = core.now();
    for Waiting { mut call, since, .. } in take(core, held) {
        if call.slot.time_left_ns != NO_DEADLINE {
            call.slot.time_left_ns = call.slot.time_left_ns.saturating_sub(now.saturating_sub(since));
        }
        let found: Result<Found, Refused> = find_again(core, call, place);
        crate::path::again(core, found);
    }
}

/// The node ends: what waits does not begin.
pub(crate) fn refuse_all(core: &Rc<Core>) {
    if core.places.borrow().held.get() == 0 {
        return;
    }
    let all: Vec<Rc<Held>> = {
        let places = core.places.borrow();
        places.pools().flat_map(|pool| pool.spots.iter().map(|spot| spot.held.clone())).collect()
    };
    for held in all {
        for Waiting { call, .. } in take(core, &held) {
            let fault = Fault::new(Code::Draining, "the node stops");
            Refused::new(call.reply, fault).answer();
        }
    }
}
