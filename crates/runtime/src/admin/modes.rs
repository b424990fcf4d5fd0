//! Modes: with whom the containers of a pool share their workers, changed while it runs.
//!
//! Lives here: `all` (as they are), `set` (which containers have to go where, and what became of that).
//! From: `admin`. To: `moves`, one container after another; `restart`, which keeps the mode.
//! Holds: the mode counts for whoever is placed from the moment it is set, also while containers move and when some stay;
//! whatever stays is named with why. A mode that cannot be is refused before anything moves.
//! Not here: how one container moves (`moves`).

use super::moves::Mover;
use super::restart;
use crate::core::Core;
use crate::place::Pool;
use crate::place::mode::Mode;
use crate::place::policy::{Placement, bundle, choose_again, most, taken, workers_of};
use crate::shared::WorkerId;
use std::collections::BTreeSet;
use std::rc::Rc;
use windlass_contract::admin::{ModeFacts, StayFacts};
use windlass_contract::{Code, Fault, PoolId};
use windlass_lane::TaskOptions;

/// The modes of all pools but `admin`, or of one.
///
/// # Errors
/// `UnknownPool`.
pub(super) fn all(core: &Core, name: &str) -> Result<Vec<ModeFacts>, Fault> {
    let places = core.places.borrow();
    if name.is_empty() {
        return Ok(places.pools().filter(|pool| pool.id != PoolId::ADMIN).map(|pool| facts(pool)).collect());
    }
    Ok(vec![facts(places.by_text(name).ok_or_else(|| places.unknown(name))?)])
}

fn facts(pool: &Pool) -> ModeFacts {
    ModeFacts {
        pool: pool.name.clone(),
        mode: pool.mode.get().to_string(),
        placement: pool.placement.to_string(),
        workers: pool.spots.iter().map(|spot| u32::from(spot.worker.0)).collect(),
        moved: 0,
        stays: Vec::new(),
    }
}

/// Changes a pool's mode as a task of its own: once it is begun it is done, also when whoever asked goes.
///
/// # Errors
/// As `change`.
pub(super) async fn set(core: &Rc<Core>, name: String, mode: &str) -> Result<Vec<ModeFacts>, Fault> {
    let (mode, inner) = (mode.parse()?, core.clone());
    let task = async move { change(&inner, &name, mode).await };
    let task = core.lanes.spawn(TaskOptions::new("changing a pool's mode"), task);
    let task = task.map_err(|error| Fault::new(Code::NoMemory, format!("no task for a pool's mode: {error}")))?;
    let facts = task.await.ok().unwrap_or_else(|| Err(Fault::new(Code::Draining, "the node ends")))?;
    Ok(vec![facts])
}

/// A container that is to go to another worker, or cannot.
struct Wish {
    pool: PoolId,
    place: u32,
    to: Result<WorkerId, Fault>,
}

/// # Errors
/// `UnknownPool`; `Denied` for `admin`; `BadArguments` for a mode that cannot be; the catalog's, and the mode is what it was.
async fn change(core: &Rc<Core>, name: &str, mode: Mode) -> Result<ModeFacts, Fault> {
    let mover = Mover::take(core).await?;
    let pool = {
        let places = core.places.borrow();
        places.by_text(name).cloned().ok_or_else(|| places.unknown(name))?
    };
    if pool.id == PoolId::ADMIN {
        return Err(Fault::new(Code::Denied, "pool admin shares the first worker, and stays there"));
    }
    let before = pool.mode.get();
    if mode == Mode::Dedicated {
        leaves_others_room(core, &pool)?;
    }
    let to = if mode == Mode::Bundled { Some(bundle_for(core, &pool)?) } else { None };
    pool.mode.set(mode);
    if let Err(fault) = restart::keep_as_it_is(core, &pool).await {
        pool.mode.set(before);
        return Err(fault);
    }
    tracing::info!(pool = %pool.name, %mode, "a pool's mode was set");
    let wishes = match (mode, to) {
        (Mode::Bundled, Some(to)) => all_to(&pool, to),
        (Mode::Dedicated, _) => apart(core, &pool),
        _ if before == Mode::Bundled => anew(core, &pool),
        _ => Vec::new(),
    };
    let (mut moved, mut stays) = (0, Vec::new());
    for Wish { pool, place, to } in wishes {
        let went = match to {
            Ok(to) => mover.move_one(pool, place, to).await,
            Err(fault) => Err(fault),
        };
        match went {
            Ok(()) => moved += 1,
            Err(fault) => stays.extend(stay(core, pool, place, fault)),
        }
    }
    let dealt = mover.redeal_all().await;
    moved += dealt.0;
    for (pool, place, fault) in dealt.1 {
        stays.extend(stay(core, pool, place, fault));
    }
    // As it is by now.
    let places = core.places.borrow();
    let pool = places.by_id(pool.id).ok_or_else(|| places.unknown(name))?;
    Ok(ModeFacts { moved, stays, ..facts(pool) })
}

/// What is told of a container that stays; nothing if its pool has ended.
fn stay(core: &Core, pool: PoolId, place: u32, fault: Fault) -> Option<StayFacts> {
    let places = core.places.borrow();
    let pool = places.by_id(pool)?;
    let worker = u32::from(pool.spots.get(place as usize)?.worker.0);
    tracing::info!(pool = %pool.name, container = place, worker, %fault, "a container stays where it is");
    Some(StayFacts { pool: pool.name.clone(), container: place, worker, why: fault.message })
}

/// Whether a worker is left for other pools.
fn leaves_others_room(core: &Core, pool: &Rc<Pool>) -> Result<(), Fault> {
    let mut gone = taken(core, Some(pool.id));
    gone.extend(workers_of(pool));
    let all = core.shared.desks.len();
    if gone.len() < all {
        return Ok(());
    }
    let text = format!(
        "{} cannot have its workers to itself: none of the node's {all} would be left for other pools; give the node more \
         (--workers), or make the pool bundled, or with fewer containers",
        pool.name
    );
    Err(Fault::new(Code::BadArguments, text))
}

/// The worker of a pool that is to be bundled.
fn bundle_for(core: &Rc<Core>, pool: &Rc<Pool>) -> Result<WorkerId, Fault> {
    let others = taken(core, Some(pool.id));
    let there = bundle(core, Some(pool.id));
    let own = || most(workers_of(pool).filter(|worker| !others.contains(worker)));
    let to = match there.or_else(own) {
        Some(worker) => worker,
        None => choose_again(core, pool, &BTreeSet::new(), 1)?[0],
    };
    let elsewhere = match pool.placement {
        Placement::Pinned(worker) => worker != to.0,
        Placement::Numa(node) => !core.shared.topology.of_node(node)?.contains(&to),
        _ => false,
    };
    if elsewhere {
        let text = format!("{} is placed {}, and the bundled pools are on worker {to}", pool.name, pool.placement);
        return Err(Fault::new(Code::BadArguments, text));
    }
    Ok(to)
}

fn all_to(pool: &Pool, to: WorkerId) -> Vec<Wish> {
    let places = (0..).zip(&pool.spots).filter(|(_, spot)| spot.worker != to);
    places.map(|(place, _)| Wish { pool: pool.id, place, to: Ok(to) }).collect()
}

/// What goes where when a pool leaves the bundle. A single container is well where it is.
fn anew(core: &Rc<Core>, pool: &Pool) -> Vec<Wish> {
    let count = pool.spots.len() as u32;
    if count == 1 {
        return Vec::new();
    }
    let homes = match choose_again(core, pool, &BTreeSet::new(), count) {
        Ok(homes) => homes,
        // They are well where they are.
        Err(_) => return Vec::new(),
    };
    let wishes = (0..).zip(pool.spots.iter().zip(homes)).filter(|(_, (spot, to))| spot.worker != *to);
    wishes.map(|(place, (_, to))| Wish { pool: pool.id, place, to: Ok(to) }).collect()
}

/// What goes where so that a pool has its workers to itself: its own containers leave workers that another one has to itself,
/// those of others leave its workers.
fn apart(core: &Rc<Core>, pool: &Rc<Pool>) -> Vec<Wish> {
    let others = taken(core, Some(pool.id));
    let (mut wishes, mut homes) = (Vec::new(), BTreeSet::new());
    let of_others: Vec<u32> =
        (0..).zip(&pool.spots).filter(|(_, spot)| others.contains(&spot.worker)).map(|(place, _)| place).collect();
    wishes.extend(again(core, pool, &BTreeSet::new(), of_others));
    homes.extend(workers_of(pool).filter(|worker| !others.contains(worker)));
    homes.extend(wishes.iter().filter_map(|wish| wish.to.as_ref().ok()));
    let pools: Vec<Rc<Pool>> = core.places.borrow().pools().cloned().collect();
    // The bundle goes as one.
    let is_bundled = |one: &&Rc<Pool>| one.mode.get() == Mode::Bundled;
    let bundled: Vec<&Rc<Pool>> = pools.iter().filter(is_bundled).collect();
    if let Some(first) =
        bundled.first().filter(|_| bundled.iter().any(|one| workers_of(one).any(|at| homes.contains(&at))))
    {
        let to = choose_again(core, first, &homes, 1).map(|to| to[0]);
        for one in &bundled {
            let there = (0..).zip(&one.spots).filter(|(_, spot)| to.as_ref().ok() != Some(&spot.worker));
            wishes.extend(there.map(|(place, _)| Wish { pool: one.id, place, to: to.clone() }));
        }
    }
    let is_other =
        |one: &&Rc<Pool>| one.id != pool.id && one.id != PoolId::ADMIN && one.mode.get() == Mode::Shared;
    for one in pools.iter().filter(is_other) {
        let there = (0..).zip(&one.spots).filter(|(_, spot)| homes.contains(&spot.worker));
        let there: Vec<u32> = there.map(|(place, _)| place).collect();
        wishes.extend(again(core, one, &homes, there));
    }
    wishes
}

/// These containers of a pool are to go to other workers than those.
fn again(core: &Rc<Core>, pool: &Rc<Pool>, but: &BTreeSet<WorkerId>, places: Vec<u32>) -> Vec<Wish> {
    if places.is_empty() {
        return Vec::new();
    }
    let homes = match pool.placement {
        Placement::Pinned(worker) => {
            Err(Fault::new(Code::Unsupported, format!("its pool is pinned to worker {worker}")))
        }
        _ => choose_again(core, pool, but, places.len() as u32),
    };
    let to = |at: usize| homes.as_ref().map(|homes| homes[at]).map_err(Fault::clone);
    places.into_iter().enumerate().map(|(at, place)| Wish { pool: pool.id, place, to: to(at) }).collect()
}
