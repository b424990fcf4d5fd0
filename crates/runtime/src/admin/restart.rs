//! Restart: how a node comes back with its pools, and what it takes down for that.
//!
//! Lives here: `come_back` (at the start), `take_states` (at a flush and at an orderly stop), `keep`, `forget`.
//! From: the node's start and end, `admin` when a pool is made or ends. To: `catalog`, and orders to the workers.
//! Holds: a pool that cannot come back as it was is refused to callers, with why, until it is created anew or destroyed: it is
//! never silently empty. What was kept of it stays kept until then.

use super::moves::settled;
use super::{Wanted, create_pool, load};
use crate::catalog::{KeptPool, KeptState};
use crate::core::Core;
use crate::events::Kind;
use crate::mail::orders::{Order, Told, ask, ask_each, together};
use crate::place::Pool;
use crate::place::mode::{Mode, Spread};
use crate::shared::WorkerId;
use std::path::Path;
use std::rc::Rc;
use windlass_contract::{Code, Fault, Outcome, PoolId};

/// What a pool that comes back brings.
pub(crate) struct Comeback {
    /// The id that it had.
    pub(crate) id: PoolId,
    /// What its containers exported, if they did.
    pub(crate) state: Option<KeptState>,
}

/// Makes the kept pools, before any client is heard; those that cannot be as they were are refused from now on.
///
/// # Errors
/// What the catalog says. What a pool says is no error of the node's.
pub(crate) async fn come_back(core: &Rc<Core>) -> Result<(), Fault> {
    let Some(keeper) = &core.catalog else { return Ok(()) };
    let pools = keeper.ask(|catalog| catalog.pools()).await?;
    core.places.borrow_mut().begin_ids_after(pools.iter().map(|pool| pool.id));
    // Those that have workers to themselves first, so that others are not there before them.
    let is_apart =
        |pool: &KeptPool| pool.placement.parse().is_ok_and(|spread: Spread| spread.mode == Mode::Dedicated);
    let (apart, others): (Vec<_>, Vec<_>) = pools.into_iter().partition(is_apart);
    for pool in apart.into_iter().chain(others) {
        let (id, name) = (PoolId::from_bits(pool.id), pool.name.clone());
        match one(core, pool).await {
            Ok(()) => tracing::info!(pool = %name, "the pool is back"),
            Err(fault) => {
                tracing::error!(pool = %name, %fault, "the pool did not come back; callers are refused");
                core.tell(Kind::PoolRefused, &name, Some(&fault));
                refuse(core, id, name, Some(fault)).await?;
            }
        }
    }
    keeper.ask(|catalog| catalog.begin()).await
}

/// Makes one kept pool and gives its containers their states.
async fn one(core: &Rc<Core>, kept: KeptPool) -> Result<(), Fault> {
    let Some(keeper) = &core.catalog else { return Ok(()) };
    let lost =
        |name: &str, why: &str| Fault::new(Code::NotRestored, format!("pool {name} did not come back: {why}"));
    let is_there = core.places.borrow().module(&kept.module).is_some();
    if !is_there && !kept.library.is_empty() {
        load(core, Path::new(&kept.library)).await.map_err(|fault| lost(&kept.name, &fault.message))?;
    }
    let name = kept.name.clone();
    let asked = name.clone();
    let state = keeper.ask(move |catalog| catalog.states(&asked)).await?;
    if state.as_ref().is_some_and(|state| !state.at_stop) {
        tracing::warn!(pool = %name, "the node did not stop in order: the pool comes back as its last flush left it");
    }
    let spread: Spread = kept.placement.parse()?;
    let wanted = Wanted {
        name: kept.name,
        module: kept.module,
        parameters: kept.parameters,
        spread: Some((kept.containers, spread)),
        back: Some(Comeback { id: PoolId::from_bits(kept.id), state }),
        provided: None,
    };
    create_pool(core, wanted).await.map(drop).map_err(|fault| lost(&name, &fault.message))
}

/// Has the containers that were made for a pool take over what there is for them.
///
/// # Errors
/// The module's, or `Unsupported` when it has no hook for it.
pub(crate) async fn take_up(
    core: &Rc<Core>,
    pool: PoolId,
    homes: &[WorkerId],
    state: Option<KeptState>,
) -> Result<(), Fault> {
    let count = homes.len();
    let mut states = match state {
        Some(state) if state.containers.len() == count => {
            let version = state.version;
            state.containers.into_iter().map(|bytes| Some((version.clone(), bytes))).collect()
        }
        Some(state) => {
            let text = format!("its state is of {} containers, and it has {count}", state.containers.len());
            return Err(Fault::new(Code::NotRestored, text));
        }
        None => vec![None; count],
    };
    let orders = (0..).zip(homes.iter().zip(states.drain(..)));
    let orders = orders.map(|(at, (worker, state))| (*worker, Order::TakeUp(pool, at, state))).collect();
    together(core, orders).await.into_iter().collect::<Result<Vec<_>, Fault>>().map(drop)
}

/// From now on callers of this pool are refused with this Fault, on every worker; or, with nothing, it is forgotten.
pub(crate) async fn refuse(core: &Rc<Core>, id: PoolId, name: String, fault: Option<Fault>) -> Result<(), Fault> {
    // What went wrong has ended; the calls that are told of it have not begun.
    let fault = fault.map(|fault| fault.with_outcome(Outcome::NotStarted));
    ask_each(core, core.shared.workers(), |_| Order::Refuse(id, name.clone(), fault.clone())).await.map(drop)
}

/// Takes a pool down that was made.
///
/// # Errors
/// The catalog's.
pub(crate) async fn keep(core: &Rc<Core>, pool: &Pool) -> Result<(), Fault> {
    // One that another process serves ends with that.
    let Some(keeper) = core.catalog.as_ref().filter(|_| pool.module.provided.is_none()) else { return Ok(()) };
    let kept = record(pool);
    keeper.ask(move |catalog| catalog.keep(&kept)).await
}

/// Takes down how a pool is spread by now; its states stay.
///
/// # Errors
/// The catalog's.
pub(crate) async fn keep_as_it_is(core: &Rc<Core>, pool: &Pool) -> Result<(), Fault> {
    let Some(keeper) = core.catalog.as_ref().filter(|_| pool.module.provided.is_none()) else { return Ok(()) };
    let kept = record(pool);
    keeper.ask(move |catalog| catalog.change(&kept)).await
}

fn record(pool: &Pool) -> KeptPool {
    let library = if pool.module.is_linked() { String::new() } else { pool.module.origin.clone() };
    KeptPool {
        id: pool.id.bits(),
        name: pool.name.clone(),
        module: pool.module.descriptor.name.clone(),
        library,
        parameters: pool.parameters.clone(),
        containers: pool.spots.len() as u32,
        placement: pool.spread().to_string(),
    }
}

/// Forgets a pool that is to end.
///
/// # Errors
/// The catalog's.
pub(crate) async fn forget(core: &Rc<Core>, name: &str) -> Result<(), Fault> {
    let Some(keeper) = &core.catalog else { return Ok(()) };
    let name = name.to_owned();
    keeper.ask(move |catalog| catalog.forget(&name)).await
}

/// Takes down the state of every container whose module exports it. A pool of which one container fails keeps what it had.
///
/// # Errors
/// The catalog's.
pub(crate) async fn take_states(core: &Rc<Core>, at_stop: bool) -> Result<(), Fault> {
    let Some(keeper) = &core.catalog else { return Ok(()) };
    let pools: Vec<Rc<Pool>> =
        core.places.borrow().pools().filter(|pool| pool.id != PoolId::ADMIN).cloned().collect();
    let mut states = Vec::new();
    for pool in pools {
        match export(core, pool.id).await {
            Ok(containers) => states.push(KeptState {
                pool: pool.name.clone(),
                version: pool.module.descriptor.version.clone(),
                at_stop,
                containers,
            }),
            Err(fault) if fault.is(Code::Unsupported) => {}
            Err(fault) => tracing::error!(pool = %pool.name, %fault, "the pool's state was not taken down"),
        }
    }
    keeper.ask(move |catalog| catalog.keep_states(&states)).await
}

async fn export(core: &Rc<Core>, id: PoolId) -> Result<Vec<Vec<u8>>, Fault> {
    settled(core, id).await?;
    let pool = core.places.borrow().by_id(id).cloned();
    // It has ended: nothing of it is kept.
    let Some(pool) = pool else { return Err(Fault::new(Code::Unsupported, "the pool ended meanwhile")) };
    let mut containers = Vec::new();
    for (at, spot) in (0..).zip(&pool.spots) {
        match ask(core, spot.worker, Order::Export(pool.id, at)).await? {
            Told::State(state) => containers.push(state),
            other => return Err(Fault::new(Code::Internal, format!("an export is answered with {other:?}"))),
        }
    }
    Ok(containers)
}
