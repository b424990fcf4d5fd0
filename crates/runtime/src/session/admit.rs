//! Admit: who may call. The only place that builds `Admitted`.
//!
//! Holds: a call that skipped this room cannot reach `place`, because `Admitted` has no other maker.
//! Not here: policies; their chain stands in this room when it comes.

use crate::core::Core;
use crate::reply::Refused;
use crate::transport::Arrived;
use std::rc::Rc;
use windlass_contract::limits::DEPTH_MAX;
use windlass_contract::{Code, Fault, MethodId, PoolId, admin, provide};

/// What of pool 0 is open to those who come over TCP: what every client needs before it can call another pool.
const FAR_ADMIN: [MethodId; 2] = [admin::FIND, admin::DESCRIBE];

/// A call that may go on.
pub(crate) struct Admitted(Arrived);

impl Admitted {
    /// The call.
    pub(crate) fn into_call(self) -> Arrived {
        self.0
    }
}

/// Admits a client's call.
///
/// # Errors
/// `Draining` while the node stops.
#[inline(always)]
pub(crate) fn admit(core: &Rc<Core>, arrived: Arrived) -> Result<Admitted, Refused> {
    // What a provider brings ends calls that were admitted before.
    if core.draining.get() && !provide::is_reserved(arrived.slot.method) {
        return Err(Refused::new(
            arrived.reply,
            Fault::new(Code::Draining, "the node is stopping and takes no new calls"),
        ));
    }
    if arrived.slot.flags & windlass_contract::slot::FLAG_ROOT != 0 {
        let text = "a client's call is its own root: roots are given by the node";
        return Err(Refused::new(arrived.reply, Fault::new(Code::Denied, text)));
    }
    if arrived.slot.pool == PoolId::ADMIN
        && arrived.reply.asker().is_some_and(|(session, _)| session.far)
        && !FAR_ADMIN.contains(&arrived.slot.method)
    {
        let text =
            "pool 0 (admin) is closed over TCP, but for `find_pool` and `describe`; use the node's own socket";
        return Err(Refused::new(arrived.reply, Fault::new(Code::Denied, text)));
    }
    Ok(Admitted(arrived))
}

/// Admits a call that another worker admitted: what a session may is asked where the session is.
pub(crate) fn admit_guest(arrived: Arrived) -> Admitted {
    Admitted(arrived)
}

/// Admits a call that a method makes. It goes on while the node drains: its root was admitted before.
///
/// # Errors
/// `TooDeep` past `DEPTH_MAX`.
pub(crate) fn admit_nested(core: &Rc<Core>, arrived: Arrived) -> Result<Admitted, Refused> {
    let depth = arrived.root.map_or(0, |(_, depth)| depth);
    if depth > DEPTH_MAX {
        let text =
            format!("calls nest {depth} deep ({DEPTH_MAX} at most): do two pools call each other in a circle?");
        return Err(Refused::new(arrived.reply, Fault::new(Code::TooDeep, text)));
    }
    let root = arrived.root.map_or(0, |(root, _)| root);
    let nested = core.live.borrow().nested_of(root) + core.mail.aways.borrow().nested_of(root);
    if nested >= crate::limits::NESTED_MAX {
        let text = "this root has as many nested calls under way as it may have";
        return Err(Refused::new(arrived.reply, Fault::new(Code::QueueFull, text)));
    }
    Ok(Admitted(arrived))
}
