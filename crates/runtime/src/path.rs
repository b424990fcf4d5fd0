//! The path: the six steps of a call, on one screen.
//!
//! 1. `client` writes a slot; the worker drains the ring (`worker`).
//! 2. `transport` copies and checks: slot, arguments, buffers. From here on nothing is a peer's memory.
//! 3. `session` admits; only it can build `Admitted`.
//! 4. `place` finds the container and the method, and checks the schema and the buffers against it.
//! 5. `host` queues it on a lane in arrival order; the lane starts it through the module's table.
//! 6. `reply` writes the completion; the credit returns.
//!
//! Holds: no step calls an earlier one. A refusal at any step is a Fault for the caller, and nothing else notices.

use crate::core::Core;
use crate::session::Session;
use crate::stages::Stage;
use crate::transport::{self, Taken};
use crate::{host, place, session};
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

#[inline(always)]
fn go_on(core: &Rc<Core>, admitted: session::Admitted) {
    match place::find(core, admitted) {
        Ok(placed) => {
            core.stamp(Stage::Placed);
            host::queue(core, placed);
        }
        Err(refused) => refused.answer(),
    }
}
