//! Part: what each worker does of what the catalog decides.
//!
//! From: `mail::orders`, on the worker that is to do it. To: this worker's `Places`, and `host`.
//! Holds: a container is made, asked and dropped by the worker whose it is; one that is made is in no pool until all of its
//! pool are.

use crate::core::Core;
use crate::host::library::Table;
use crate::host::{self, asked, periodic, relay};
use crate::limits::{FLUSH_AGAIN_NS, FLUSH_WORK_NS};
use crate::mail::orders::{self, Plan};
use crate::place::share::Where;
use crate::place::{Container, Method, Module, Placed, Pool, Spot, held};
use crate::reply::{Wait, waited};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use windlass_contract::{Code, Fault, MethodId, Outcome, PoolId};
use windlass_lane::Class;

/// Makes a container of a pool that does not stand yet.
///
/// # Errors
/// `CreateFailed` with the module's own words, and what its `create` answers.
pub(crate) async fn make(core: &Rc<Core>, place: u32, plan: Plan) -> Result<(), Fault> {
    let module = known(core, &plan)?;
    let missing = || Fault::new(Code::Internal, "a plan says where each container is");
    let there = plan.where_is(place).ok_or_else(missing)?;
    let Plan { pool, name, parameters, costs, workers, mut states, .. } = plan;
    let state = states.get_mut(place as usize).and_then(Option::take);
    let mine = there.shares.iter().find(|share| share.worker == core.worker);
    let claim = mine.map_or(there.claim, |share| share.claim.clone());
    let container = Container::new(core, (pool, place), name.clone(), module, costs, claim, state);
    container.dealt.set(&there.shares, core.worker);
    // Before anything of it waits in one; those of the second class are made when they are first needed.
    for (at, group) in container.module.descriptor.lanes.iter().enumerate() {
        let name = asked::lane_name(&container, &group.name);
        for number in (0..group.lanes).filter(|number| container.dealt.has_lane(*number)) {
            container.home.group_lane(Class::Latency, at, number, &name)?;
        }
    }
    let is_shared = !there.shares.is_empty();
    if container.relay.is_some() || is_shared && (there.worker != core.worker || !container.instance.is_empty()) {
        // Its state is in another process; or workers share it, and its home makes it, or has.
        core.places.borrow_mut().made.insert((pool, place), container);
        return Ok(());
    }
    let name = if workers.len() > 1 { format!("{name}: container {place}") } else { name };
    call_inherited(core, &container, MethodId::CREATE, parameters).await.map_err(|fault| {
        // What it spawned before it failed has no pool to work for.
        container.home.cancel_all();
        let text = format!("{name}: {}", fault.message);
        Fault { message: text, ..fault }
    })?;
    if container.instance.is_empty() {
        let module = &container.module.descriptor.name;
        let text = format!("{name}: `create` of module {module} answered without a container");
        return Err(Fault::new(Code::CreateFailed, text));
    }
    core.places.borrow_mut().made.insert((pool, place), container);
    Ok(())
}

/// Gives a container that was made, and is in no pool yet, the state that it is to go on from.
///
/// # Errors
/// The module's: `Unsupported` when it has no hook for it.
pub(crate) async fn take_up(
    core: &Rc<Core>,
    pool: PoolId,
    place: u32,
    state: Option<(String, Vec<u8>)>,
) -> Result<(), Fault> {
    let container = core.places.borrow().made.get(&(pool, place)).cloned();
    let container = container.ok_or_else(|| Fault::new(Code::Internal, "a container that was made is there"))?;
    let (id, arguments) = match state {
        None => (MethodId::RESTART, Vec::new()),
        Some(state) => {
            let encoded = postcard::to_allocvec(&(state.0.as_str(), state.1.as_slice()));
            let encoded = encoded.map_err(|error| Fault::new(Code::Internal, error.to_string()))?;
            (MethodId::IMPORT, encoded)
        }
    };
    let answer = call_inherited(core, &container, id, arguments).await;
    answer.map(drop).map_err(|fault| {
        let without = id == MethodId::RESTART && fault.is(Code::Unsupported);
        let why = if without { "it keeps state, and none was taken down".to_owned() } else { fault.message };
        Fault::new(Code::NotRestored, why)
    })
}

/// The state of a container.
///
/// # Errors
/// The module's: `Unsupported` when it has no hook for it.
pub(crate) async fn export(core: &Rc<Core>, pool: PoolId, place: u32) -> Result<Vec<u8>, Fault> {
    let container = {
        let places = core.places.borrow();
        let spot = places.by_id(pool).and_then(|pool| pool.spots.get(place as usize));
        spot.and_then(|spot| spot.here.clone())
    };
    let container = container.ok_or_else(|| Fault::new(Code::UnknownPool, "the pool ended meanwhile"))?;
    let answer = call_inherited(core, &container, MethodId::EXPORT, Vec::new()).await?;
    postcard::from_bytes(&answer)
        .map_err(|error| Fault::new(Code::BadReply, format!("the state of a container: {error}")))
}

fn known(core: &Rc<Core>, plan: &Plan) -> Result<Rc<Module>, Fault> {
    if let Some(provided) = &plan.provided {
        return Module::provided(provided);
    }
    let module = plan.module.as_str();
    let places = core.places.borrow();
    places.module(module).cloned().ok_or_else(|| {
        let names: Vec<&str> = places.modules().map(|one| one.descriptor.name.as_str()).collect();
        Fault::new(Code::UnknownModule, format!("no module {module}; there is {}", names.join(", ")))
    })
}

/// A pool stands: this worker knows where its containers are, and its own begin.
///
/// # Errors
/// `QueueFull` when there is no timer for a periodic method.
pub(crate) fn open(core: &Rc<Core>, plan: Plan) -> Result<(), Fault> {
    let module = known(core, &plan)?;
    let mut places = core.places.borrow_mut();
    let mut spots = Vec::new();
    let all: Vec<Where> = (0..plan.workers.len() as u32).filter_map(|place| plan.where_is(place)).collect();
    let Plan { pool: id, name, parameters, spread, costs, states, .. } = plan;
    let mut states = states.into_iter();
    for (place, there) in (0..).zip(all) {
        let here = places.made.remove(&(id, place));
        debug_assert_eq!(here.is_some(), there.is_at(core.worker), "what is opened was made");
        let Where { worker, claim, shares } = there;
        spots.push(Spot { worker, here, held: Rc::default(), claim, shares, state: states.next().flatten() });
    }
    drop(places);
    let pool = Pool::new(id, name, module, parameters, spread, costs, spots);
    for container in pool.at_home(core.worker) {
        periodic::begin(core, container)?;
    }
    core.shared.desk(core.worker).containers.fetch_add(pool.here().count() as u32, Ordering::Relaxed);
    core.places.borrow_mut().insert(pool);
    Ok(())
}

/// A pool does not come about: what was made for it ends, and what that spawned.
pub(crate) fn forget(core: &Rc<Core>, pool: PoolId) {
    let mut made = Vec::new();
    let mut places = core.places.borrow_mut();
    while let Some(key) = places.made.range((pool, 0)..=(pool, u32::MAX)).next().map(|(key, _)| *key) {
        made.extend(places.made.remove(&key));
    }
    drop(places);
    // They may come back to the tables while they end.
    made.iter().for_each(|container| container.home.cancel_all());
    drop(made);
    close(core, pool);
}

/// Asks this worker's containers of a pool whether it may end.
///
/// # Errors
/// The module's, which keeps the pool.
pub(crate) async fn destroy(core: &Rc<Core>, id: PoolId) -> Result<(), Fault> {
    let pool = core.places.borrow().by_id(id).cloned();
    let Some(pool) = pool else { return Ok(()) };
    for container in pool.at_home(core.worker) {
        call_inherited(core, container, MethodId::DESTROY, Vec::new()).await?;
    }
    Ok(())
}

/// A pool ends: no call finds it any more.
pub(crate) fn close(core: &Rc<Core>, id: PoolId) {
    let pool = core.places.borrow_mut().remove(id);
    let Some(pool) = pool else { return };
    for container in pool.here() {
        container.home.cancel_all();
        if let Some(relay) = &container.relay {
            relay::close(core, relay);
        }
    }
    // Those that waited for one that moved are told that the pool is gone.
    pool.spots.iter().enumerate().for_each(|(at, spot)| held::go_on(core, &spot.held, at));
    core.shared.desk(core.worker).containers.fetch_sub(pool.here().count() as u32, Ordering::Relaxed);
}

/// Takes a module that was loaded.
///
/// # Errors
/// `ModuleRefused`.
pub(crate) fn load(core: &Rc<Core>, table: Table, origin: String) -> Result<(), Fault> {
    let module = Module::new(table, origin)?;
    core.places.borrow_mut().add_module(module)
}

/// Waits until every call that this worker took by its `mark`th has ended, but for those of `root` itself, and its containers
/// say that no work of theirs remains.
///
/// # Errors
/// `DeadlineExceeded` names a container that has work left for too long.
pub(crate) async fn flush(core: &Rc<Core>, root: u64, mark: u64) -> Result<(), Fault> {
    let since = core.now();
    loop {
        calls_end(core, root, mark).await;
        let Some((container, left)) = work_left(core) else { return Ok(()) };
        let now = core.now();
        if now.saturating_sub(since) > FLUSH_WORK_NS {
            let text = format!(
                "{container:?} says that {left} units of its work remain, {} s after the flush began; ask its module why",
                FLUSH_WORK_NS / 1_000_000_000
            );
            return Err(Fault::new(Code::DeadlineExceeded, text).with_outcome(Outcome::Ended));
        }
        orders::sleep(core, now.saturating_add(FLUSH_AGAIN_NS)).await;
    }
}

/// A container of this worker that has work left, and how much.
fn work_left(core: &Rc<Core>) -> Option<(Rc<Container>, u64)> {
    let places = core.places.borrow();
    let here: Vec<_> = places.pools().flat_map(|pool| pool.at_home(core.worker).cloned()).collect();
    drop(places);
    let left = here.into_iter().map(|container| {
        let left = asked::work_left(core, &container);
        (container, left)
    });
    left.into_iter().find(|(_, left)| *left > 0)
}

async fn calls_end(core: &Rc<Core>, root: u64, mark: u64) {
    std::future::poll_fn(|cx| {
        let busy = core.live.borrow().any_before(mark, root)
            || core.mail.aways.borrow().any_before(mark, root)
            || core.lanes.any_waiting(|call| call.arrived <= mark && call.root != root);
        if !busy {
            return std::task::Poll::Ready(());
        }
        core.flushers.borrow_mut().push(cx.waker().clone());
        std::task::Poll::Pending
    })
    .await;
}

/// Calls an inherited method of a container, as the node itself.
pub(super) async fn call_inherited(
    core: &Rc<Core>,
    container: &Rc<Container>,
    id: MethodId,
    arguments: Vec<u8>,
) -> Result<Vec<u8>, Fault> {
    let method = match container.module.method(id) {
        Some(method) => method.clone(),
        None => Method::inherited(id),
    };
    let wait = Rc::new(Wait::default());
    host::queue(core, Placed::by_node(container.clone(), method, arguments, wait.clone()));
    let answer = waited(wait).await;
    answer.map_err(|fault| {
        // What its files and sockets said is the reason itself.
        if id == MethodId::CREATE && fault.code < Code::NotRegistered as u16 && fault.outcome == Outcome::Ended {
            return Fault { code: Code::CreateFailed as u16, ..fault };
        }
        fault
    })
}
