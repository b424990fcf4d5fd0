//! Place: which container a call goes to, and whether it fits the method.
//!
//! Lives here: `find`, `Found`, `Placed`; `resolve` (a query that the module has a word in), `pool` (pools, containers, modules: `Places`), `method`, `keys` (serial calls of one key),
//! `fan` (a call to several containers), `policy` (which workers a pool's containers get), `mode` (with whom they share them), `held`
//! (calls that wait while a container moves), `claim` (whether a container is in use), `share` (which worker runs a call of a container that several have).
//! From: `session` with an admitted call. To: `host`, or `mail` for a container of another worker.
//! Holds: pool, method, schema hash and buffers are checked before anything of the module runs; each refusal names what exists.

pub(crate) mod claim;
pub(crate) mod fan;
pub(crate) mod held;
pub(crate) mod keys;
mod method;
pub(crate) mod mode;
pub(crate) mod policy;
mod pool;
mod resolve;
pub(crate) mod share;

pub(crate) use method::Method;
pub(crate) use pool::{Container, LINKED, Module, Places, Pool, Provided, Spot};

use crate::core::Core;
use crate::host;
use crate::limits::HEAVY_NS;
use crate::reply::{Refused, ReplySlot, Wait};
use crate::session::Admitted;
use crate::shared::WorkerId;
use crate::transport::Arrived;
use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use windlass_contract::slot::{Kind, NO_DEADLINE, Place, Query, Slot};
use windlass_contract::{CallId, Code, Fault, MethodId};
use windlass_memory::SegmentId;

/// A call that has a container and fits its method.
pub(crate) struct Placed {
    pub(crate) call: Arrived,
    pub(crate) container: Rc<Container>,
    pub(crate) method: Rc<Method>,
}

/// Where a call goes.
pub(crate) enum Found {
    /// To a container of this worker.
    Here(Placed),
    /// To the pool's container of this place, which another worker has.
    Away(Arrived, WorkerId, u32),
    /// To several containers: its parts.
    Several(Vec<Found>),
    /// To the container of this place, which is about to move: it waits.
    Held(Arrived, usize),
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
            call: Arrived {
                slot,
                reply,
                arguments,
                skip: 0,
                backing,
                root: None,
                owner: crate::symbols::NODE,
                number: 0,
            },
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
pub(crate) fn find(core: &Rc<Core>, admitted: Admitted) -> Result<Found, Refused> {
    let call = admitted.into_call();
    let places = core.places.borrow();
    let found = check(&places, &call).and_then(|(pool, method)| {
        if resolve::is_asked(pool, call.slot.query) {
            return Ok((pool, method, 0..0));
        }
        let to = targets(core, pool, call.slot.query)?;
        Ok((pool, method, to))
    });
    match found {
        Ok((pool, method, to)) if to.is_empty() => {
            let (pool, method) = (pool.clone(), method.clone());
            drop(places);
            resolve::resolve(core, call, &pool, &method)
        }
        Ok((pool, method, to)) if to.len() == 1 => Ok(at(core, pool, method, call, to.start)),
        Ok((pool, method, to)) => {
            let (pool, method) = (pool.clone(), method.clone());
            drop(places);
            fan::begin(core, call, &pool, &method, to).map(Found::Several)
        }
        Err(fault) => Err(Refused::new(call.reply, fault)),
    }
}

/// A call to the container of this place.
#[inline(always)]
fn at(core: &Rc<Core>, pool: &Pool, method: &Rc<Method>, mut call: Arrived, at: usize) -> Found {
    let spot = &pool.spots[at];
    if spot.is_shared() {
        return share::deal(core, pool, spot, method, call, at);
    }
    match &spot.here {
        Some(container) if !spot.held.holds_here(core, container, method, &call) => {
            Found::Here(Placed { container: container.clone(), method: method.clone(), call })
        }
        _ => {
            // What is resolved is not resolved again.
            call.slot.query = Query::Id(at as u64);
            let waits = spot.here.is_some() || spot.held.holds(method, &call);
            beyond(call, spot, at, waits)
        }
    }
}

/// A call that does not go to a container of this worker now.
fn beyond(call: Arrived, spot: &Spot, at: usize, waits: bool) -> Found {
    match waits {
        true => Found::Held(call, at),
        false => Found::Away(call, spot.worker, at as u32),
    }
}

/// A call that waited while its container moved.
///
/// # Errors
/// As `find`: the pool may have ended meanwhile.
pub(crate) fn find_again(core: &Rc<Core>, call: Arrived, place: usize) -> Result<Found, Refused> {
    if call.slot.method == Method::FOLD {
        return find_fold(core, call, place);
    }
    let places = core.places.borrow();
    let found = check(&places, &call).map(|(pool, method)| (pool.clone(), method.clone()));
    drop(places);
    match found {
        Ok((pool, method)) => Ok(at(core, &pool, &method, call, place)),
        Err(fault) => Err(Refused::new(call.reply, fault)),
    }
}

/// Finds the container that another worker chose, and the method; or resolves a query that was sent here because a container
/// of this worker has a word in it.
///
/// # Errors
/// As `find`: the pool may have ended on the way.
pub(crate) fn find_here(core: &Rc<Core>, admitted: Admitted, at: u32) -> Result<Found, Refused> {
    let call = admitted.into_call();
    let places = core.places.borrow();
    let found = check_guest(&places, &call).and_then(|(pool, method)| {
        if resolve::is_asked(pool, call.slot.query) {
            return Ok((None, pool.clone(), method));
        }
        let spot = pool.spots.get(at as usize).filter(|spot| spot.here.is_some() || spot.worker != core.worker);
        let spot = spot.ok_or_else(|| {
            Fault::new(Code::UnknownContainer, format!("container {at} of {} is not on this worker", pool.name))
        })?;
        Ok((Some(spot.clone()), pool.clone(), method))
    });
    drop(places);
    match found {
        Ok((Some(spot), pool, method)) if spot.is_shared() => {
            Ok(share::deal_here(core, &pool, &spot, &method, call, at as usize))
        }
        // Also while others wait: it was sent before them, and the container does not go before it has ended.
        Ok((Some(Spot { here: Some(container), held, .. }), _, method)) => {
            match host::streams::is_beside(&method) && held.holds_here(core, &container, &method, &call) {
                true => Ok(Found::Held(call, at as usize)),
                false => Ok(Found::Here(Placed { call, container, method })),
            }
        }
        // It has moved since.
        Ok((Some(spot), _, method)) => {
            let waits = spot.held.holds(&method, &call);
            Ok(beyond(call, &spot, at as usize, waits))
        }
        Ok((None, pool, method)) => resolve::resolve(core, call, &pool, &method),
        Err(fault) => Err(Refused::new(call.reply, fault)),
    }
}

/// Finds the container that folds the answers of a call to several.
///
/// # Errors
/// `UnknownPool` when the pool has ended meanwhile.
pub(crate) fn find_fold(core: &Rc<Core>, call: Arrived, at: usize) -> Result<Found, Refused> {
    let places = core.places.borrow();
    match places.by_id(call.slot.pool).and_then(|pool| pool.spots.get(at)) {
        Some(Spot { here: Some(container), held, .. }) if !held.is_on() => {
            Ok(Found::Here(Placed { container: container.clone(), method: Method::fold(), call }))
        }
        Some(spot) => Ok(beyond(call, spot, at, spot.held.is_on())),
        None => Err(Refused::new(call.reply, places.unknown(&call.slot.pool.to_string()))),
    }
}

/// What another worker sent is a call like any other, or the event that folds answers, which no client can ask for.
fn check_guest<'a>(places: &'a Places, call: &Arrived) -> Result<(&'a Rc<Pool>, Rc<Method>), Fault> {
    if call.slot.method == Method::FOLD {
        let pool = places.by_id(call.slot.pool).ok_or_else(|| places.unknown(&call.slot.pool.to_string()))?;
        return Ok((pool, Method::fold()));
    }
    check(places, call).map(|(pool, method)| (pool, method.clone()))
}

fn check<'a>(places: &'a Places, call: &Arrived) -> Result<(&'a Rc<Pool>, &'a Rc<Method>), Fault> {
    let slot = &call.slot;
    let pool = places.by_id(slot.pool).ok_or_else(|| places.unknown(&slot.pool.to_string()))?;
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
    Ok((pool, method))
}

/// Which of the pool's containers a call goes to: at least one.
fn targets(core: &Core, pool: &Pool, query: Query) -> Result<Range<usize>, Fault> {
    let count = pool.spots.len();
    if count == 1 && matches!(query, Query::Local) {
        return Ok(0..1);
    }
    let one = |at: usize| Some(at..at.saturating_add(1));
    let to = match query {
        Query::Local | Query::Node(0) => one(pool.local(core.worker)),
        Query::Hash(hash) => one((hash % count as u64) as usize),
        Query::Dynamic => one(least(core, pool)),
        Query::Broadcast => Some(0..count),
        Query::Id(id) => usize::try_from(id).ok().and_then(one),
        Query::Range { first, count: wanted @ 1.. } => {
            Some(first as usize..(first as usize).saturating_add(wanted as usize))
        }
        Query::Range { .. } | Query::Node(_) => None,
    };
    to.filter(|to| to.end <= count).ok_or_else(|| {
        Fault::new(
            Code::UnknownContainer,
            format!("{query:?} meets none of the {count} containers of {}", pool.name),
        )
    })
}

/// The container that has the least to do: that of a worker whose calls are expected to cost the least, of these one with few,
/// and of these the one with few itself. A worker that is stalled is avoided.
fn least(core: &Core, pool: &Pool) -> usize {
    let load = |at: &usize| {
        let spot = &pool.spots[*at];
        let desk = core.shared.desk(spot.worker);
        let (stalled, due_ns, calls, live) = match &spot.here {
            Some(container) => {
                let calls = (core.lanes.waiting() + core.lanes.alive()) as u64;
                (false, core.due_ns.get(), calls, container.live.get())
            }
            None => {
                let (sent, sent_ns) = core.mail.aways.borrow().at(spot.worker);
                let due_ns = desk.due_ns.load(Ordering::Relaxed).max(sent_ns);
                (desk.is_stalled(), due_ns, u64::from(desk.load.load(Ordering::Relaxed)).max(sent as u64), 0)
            }
        };
        // What differs by less than a heavy call is much the same.
        (stalled, due_ns / HEAVY_NS, calls, live)
    };
    let (count, from) = (pool.spots.len(), pool.turn() % pool.spots.len());
    // Of equals, one after another.
    (0..count).map(|at| (from + at) % count).min_by_key(load).unwrap_or(0)
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
