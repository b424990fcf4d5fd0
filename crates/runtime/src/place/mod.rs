//! Place: which container a call goes to, and whether it fits the method.
//!
//! Lives here: `find`, `Placed`; `pool` (pools, containers, modules: `Places`), `keys` (serial calls of one key).
//! From: `session` with an admitted call. To: `host`.
//! Holds: pool, method, schema hash and buffers are checked before anything of the module runs; each refusal names what exists.

pub(crate) mod keys;
mod pool;

pub(crate) use pool::{Container, Method, Module, Places, Pool};

use crate::core::Core;
use crate::reply::{Refused, ReplySlot, Wait};
use crate::session::Admitted;
use crate::transport::Arrived;
use std::rc::Rc;
use windlass_contract::slot::{Kind, NO_DEADLINE, Place, Query, Slot};
use windlass_contract::{CallId, Code, Fault, MethodId};
use windlass_memory::SegmentId;

/// A call that has a container and fits its method.
pub(crate) struct Placed {
    pub(crate) call: Arrived,
    pub(crate) container: Rc<Container>,
    pub(crate) method: Rc<Method>,
}

impl Placed {
    /// A call that the node itself makes of `container`; `wait` hears its answer.
    pub(crate) fn by_node(
        container: Rc<Container>,
        method: Rc<Method>,
        arguments: Vec<u8>,
        wait: Rc<Wait>,
    ) -> Self {
        let slot = Slot {
            call: CallId::new(0, 0),
            pool: container.pool,
            method: method.id,
            kind: Kind::Call,
            query: Query::Local,
            flags: 0,
            schema: 0,
            time_left_ns: NO_DEADLINE,
            arguments: Place { segment: SegmentId::NONE, length: 0, offset: 0 },
        };
        let (reply, backing) = (ReplySlot::wait(wait), Vec::new());
        Self {
            call: Arrived { slot, reply, arguments, skip: 0, backing, root: None, owner: crate::symbols::NODE },
            container,
            method,
        }
    }

    /// The same, for a session.
    pub(crate) fn serving(mut self, session: u64) -> Self {
        self.call.owner = session;
        self
    }
}

/// Finds container and method.
///
/// # Errors
/// `UnknownPool`, `UnknownContainer`, `UnknownMethod`, `SchemaMismatch`, `BadBuffer`.
#[inline(always)]
pub(crate) fn find(core: &Rc<Core>, admitted: Admitted) -> Result<Placed, Refused> {
    let call = admitted.into_call();
    match check(core, &call) {
        Ok((container, method)) => Ok(Placed { call, container, method }),
        Err(fault) => Err(Refused::new(call.reply, fault)),
    }
}

fn check(core: &Rc<Core>, call: &Arrived) -> Result<(Rc<Container>, Rc<Method>), Fault> {
    let slot = &call.slot;
    let places = core.places.borrow();
    let pool = places.by_id(slot.pool).ok_or_else(|| places.unknown(&slot.pool.to_string()))?;
    let container = container(pool, slot.query)?;
    if slot.method == MethodId::CREATE || slot.method == MethodId::DESTROY {
        return Err(Fault::new(Code::Denied, "pools are made and ended through `admin`"));
    }
    let method = pool.module.method(slot.method).ok_or_else(|| unknown_method(pool, slot.method))?;
    if !method.hashes.contains(&slot.schema) {
        return Err(Fault::new(
            Code::SchemaMismatch,
            format!(
                "the client was built against another shape of {}.{} (hash {:#018x}, here {:#018x})",
                pool.module.descriptor.name,
                method.name,
                slot.schema,
                method.hashes.last().copied().unwrap_or(0)
            ),
        ));
    }
    check_buffers(call, method)?;
    Ok((container.clone(), method.clone()))
}

fn container(pool: &Pool, query: Query) -> Result<&Rc<Container>, Fault> {
    let count = pool.containers.len();
    let at = match query {
        Query::Local | Query::Hash(_) | Query::Broadcast | Query::Dynamic | Query::Node(0) => Some(0),
        Query::Id(id) => usize::try_from(id).ok(),
        Query::Range { first, count: 1.. } => usize::try_from(first).ok(),
        Query::Range { .. } | Query::Node(_) => None,
    };
    at.and_then(|at| pool.containers.get(at)).ok_or_else(|| {
        Fault::new(
            Code::UnknownContainer,
            format!("{query:?} meets none of the {count} containers of {}", pool.name),
        )
    })
}

fn unknown_method(pool: &Pool, id: MethodId) -> Fault {
    if (MethodId::NODE_FAILURE.0..MethodId::MONITOR.0).contains(&id.0) {
        let (module, name) = (&pool.module.descriptor.name, Method::inherited_name(id));
        let text = format!("module {module} does not offer the inherited method {} ({name}) to callers", id.0);
        return Fault::new(Code::Unsupported, text);
    }
    let names: Vec<String> =
        pool.module.descriptor.methods.iter().map(|method| format!("{} {}", method.id.0, method.name)).collect();
    Fault::new(
        Code::UnknownMethod,
        format!("module {} has no method {}; it has {}", pool.module.descriptor.name, id.0, names.join(", ")),
    )
}

fn check_buffers(call: &Arrived, method: &Method) -> Result<(), Fault> {
    if call.backing.len() != method.buffers.len() {
        let text = format!("{} buffers came, {} takes {}", call.backing.len(), method.name, method.buffers.len());
        return Err(Fault::new(Code::BadBuffer, text));
    }
    for (at, (backing, (name, direction, kind))) in call.backing.iter().zip(&method.buffers).enumerate() {
        if backing.direction != *direction || backing.kind != *kind {
            let text = format!(
                "buffer {at} came as {:?} of {:?}, {}'s `{name}` is {direction:?} of {kind:?}",
                backing.direction, backing.kind, method.name
            );
            return Err(Fault::new(Code::BadBuffer, text));
        }
    }
    Ok(())
}
