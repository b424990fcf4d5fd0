//! The path: the six steps of a call, on one screen.
//!
//! 1. `client` writes a slot; the worker drains the ring (`worker`).
//! 2. `transport` copies and checks: slot, arguments, buffers. From here on nothing is a peer's memory.
//! 3. `session` admits; only it can build `Admitted`.
//! 4. `place` finds the container and the method, and checks the schema and the buffers against it. For a container of another
//!    worker, `mail` carries the call there, where it goes on; its answer comes back the same way.
//! 5. `host` queues it on a lane in arrival order; the lane starts it through the module's table.
//! 6. `reply` writes the completion; the credit returns.
//!
//! Holds: no step calls an earlier one. A refusal at any step is a Fault for the caller, and nothing else notices.

use crate::core::Core;
use crate::place::Found;
use crate::session::Session;
use crate::stages::Stage;
use crate::transport::{self, Taken};
use crate::{host, mail, place, reply, session};
use std::rc::Rc;
use windlass_memory::ring::Entry;

/// An entry came from a session's submit ring.
pub(crate) fn arrive(core: &Rc<Core>, from: &Rc<Session>, entry: &Entry) {
    core.stamp(Stage::Taken);
    let arrived = match transport::take(core, from, entry) {
        Ok(Taken::Call(arrived)) => arrived,
        Ok(Taken::Done) => return,
        Err(refused) => return refused.answer(),
    };
    core.stamp(Stage::Arrived);
    go_in(core, arrived);
}

/// A call came in a stream, with its buffers.
pub(crate) fn arrived(core: &Rc<Core>, arrived: transport::Arrived) {
    core.stamp(Stage::Taken);
    core.stamp(Stage::Arrived);
    go_in(core, arrived);
}

#[inline(always)]
fn go_in(core: &Rc<Core>, arrived: transport::Arrived) {
    let admitted = match session::admit(core, arrived) {
        Ok(admitted) => admitted,
        Err(refused) => return refused.answer(),
    };
    core.stamp(Stage::Admitted);
    go_on(core, admitted);
}

/// A call that a method makes: a new call, with its root's identity.
pub(crate) fn nested(core: &Rc<Core>, arrived: transport::Arrived) {
    match session::admit_nested(core, arrived) {
        Ok(admitted) => go_on(core, admitted),
        Err(refused) => refused.answer(),
    }
}

/// A call that another worker sent: it was admitted there, and is placed in what this worker has. One whose module has a word in
/// where it goes may go on from here.
pub(crate) fn carried(core: &Rc<Core>, carried: mail::Carried) {
    let (arrived, container) = mail::arrive(core, carried);
    match place::find_here(core, session::admit_guest(arrived), container) {
        Ok(found) => elsewhere(core, found),
        Err(refused) => refused.answer(),
    }
}

#[inline(always)]
fn go_on(core: &Rc<Core>, admitted: session::Admitted) {
    match place::find(core, admitted) {
        Ok(Found::Here(placed)) => {
            core.stamp(Stage::Placed);
            host::queue(core, placed);
        }
        Ok(found) => elsewhere(core, found),
        Err(refused) => refused.answer(),
    }
}

/// A call that goes to a container of another worker, or to several.
fn elsewhere(core: &Rc<Core>, found: Found) {
    match found {
        Found::Here(placed) => host::queue(core, placed),
        Found::Away(call, worker, container) => mail::carry(core, call, worker, container),
        Found::Several(parts) => parts.into_iter().for_each(|part| elsewhere(core, part)),
        Found::Held(call, container) => place::held::keep(core, call, container),
    }
}

/// A call that waited while its container moved goes on.
pub(crate) fn again(core: &Rc<Core>, found: Result<Found, reply::Refused>) {
    match found {
        Ok(found) => elsewhere(core, found),
        Err(refused) => refused.answer(),
    }
}

/// The answers of several containers are to be folded: a call of the node's own, of the first of them.
pub(crate) fn fold(core: &Rc<Core>, call: transport::Arrived, container: usize) {
    match place::find_fold(core, call, container) {
        Ok(found) => elsewhere(core, found),
        Err(refused) => refused.answer(),
    }
}
