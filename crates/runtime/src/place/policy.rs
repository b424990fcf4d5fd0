//! Policy: which workers the containers of a new pool get.
//!
//! Lives here: `Placement`, `choose` (of a pool that is to be), `choose_again` (of one whose containers are to go elsewhere).
//! From: `admin` when a pool is made or its mode changes. To: orders to those workers.
//! Holds: a worker that is stalled, and one that is dedicated to another pool, gets no container while there is another.

use super::Pool;
use super::mode::{Mode, Spread};
use crate::core::Core;
use crate::limits::HEAVY_NS;
use crate::shared::WorkerId;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::atomic::Ordering;
use windlass_contract::{Code, Fault, PoolId};

/// How the containers of a pool are spread over workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Placement {
    /// One worker after another.
    #[default]
    RoundRobin,
    /// Each container on the worker that has the least to do: what its calls are expected to cost, and containers.
    LeastLoaded,
    /// Each on a worker of its own that gets no container of another pool while others can have it.
    Dedicated,
    /// All on this worker.
    Pinned(u16),
    /// One after another on the workers that keep to this NUMA node.
    Numa(u16),
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RoundRobin => f.write_str("round_robin"),
            Self::LeastLoaded => f.write_str("least_loaded"),
            Self::Dedicated => f.write_str("dedicated"),
            Self::Pinned(worker) => write!(f, "pinned:{worker}"),
            Self::Numa(node) => write!(f, "numa:{node}"),
        }
    }
}

impl FromStr for Placement {
    type Err = Fault;
    /// Reads what `Display` writes; nothing is `round_robin`.
    fn from_str(text: &str) -> Result<Self, Fault> {
        match text {
            "" | "round_robin" => return Ok(Self::RoundRobin),
            "least_loaded" => return Ok(Self::LeastLoaded),
            "dedicated" => return Ok(Self::Dedicated),
            _ => {}
        }
        let number = |prefix| text.strip_prefix(prefix).and_then(|number: &str| number.parse().ok());
        let pinned = number("pinned:").map(Self::Pinned);
        pinned.or_else(|| number("numa:").map(Self::Numa)).ok_or_else(|| {
            let text = format!(
                "there is no placement {text:?}: it is round_robin, least_loaded, dedicated, pinned:WORKER or numa:NODE"
            );
            Fault::new(Code::BadArguments, text)
        })
    }
}

/// What the workers of a node have, as far as it matters to whoever is placed.
struct Workers {
    /// Those that pools of the mode `dedicated` have.
    taken: BTreeSet<WorkerId>,
    /// Those that have a container of any pool but `admin`.
    used: BTreeSet<WorkerId>,
}

impl Workers {
    /// As they are without the pool of this id.
    fn without(core: &Core, but: Option<PoolId>) -> Self {
        let (mut taken, mut used) = (BTreeSet::new(), BTreeSet::new());
        for pool in core.places.borrow().pools().filter(|pool| pool.id != PoolId::ADMIN && Some(pool.id) != but) {
            used.extend(workers_of(pool));
            if pool.mode.get() == Mode::Dedicated {
                taken.extend(workers_of(pool));
            }
        }
        Self { taken, used }
    }
}

/// The workers of `count` containers of a pool that is to be, in order of their ids.
///
/// # Errors
/// `BadArguments` for a worker or a NUMA node that does not exist, and when no worker is as the mode wants it.
pub(crate) fn choose(core: &Rc<Core>, spread: Spread, count: u32) -> Result<Vec<WorkerId>, Fault> {
    let (shared, workers) = (&core.shared, Workers::without(core, None));
    match spread.mode {
        // Each on a worker of its own.
        Mode::Dedicated if spread.placement == Placement::Dedicated => {
            let is_free = |worker: &WorkerId| !workers.used.contains(worker);
            let free: Vec<_> = open(core, &workers.taken).into_iter().filter(is_free).collect();
            if free.len() < count as usize {
                let (free, all) = (free.len(), shared.desks.len());
                return bad(format!("{count} workers of its own: {free} of {all} are free"));
            }
            // The last ones: the first has the listener and `admin` to serve.
            Ok(free.into_iter().rev().take(count as usize).collect())
        }
        Mode::Dedicated => {
            let is_free = |worker: &WorkerId| *worker != WorkerId::FIRST && !workers.used.contains(worker);
            let free: Vec<_> = open(core, &workers.taken).into_iter().filter(is_free).collect();
            let all = allowed(core, spread.placement)?;
            let free: Vec<_> = free.into_iter().filter(|worker| all.contains(worker)).collect();
            if free.is_empty() {
                return bad(
                    "no worker is free of other pools; make the pool shared, then change its mode, which moves what can move"
                        .to_owned(),
                );
            }
            Ok(among(core, spread.placement, &free, count))
        }
        Mode::Bundled => {
            let worker = match bundle(core, None) {
                Some(worker) => worker,
                None => spread_over(core, spread.placement, &workers.taken, 1)?[0],
            };
            if !allowed(core, spread.placement)?.contains(&worker) {
                return bad(format!(
                    "the bundled pools are on worker {worker}, which {} is not",
                    spread.placement
                ));
            }
            Ok(vec![worker; count as usize])
        }
        Mode::Shared => spread_over(core, spread.placement, &workers.taken, count),
    }
}

/// The same for a pool that comes back. It is not refused because others have the workers that its mode wants: it shares some
/// then, and keeps its mode for whoever comes after it.
///
/// # Errors
/// `BadArguments` for a worker or a NUMA node that does not exist any more.
pub(crate) fn choose_back(core: &Rc<Core>, spread: Spread, count: u32) -> Result<Vec<WorkerId>, Fault> {
    choose(core, spread, count).or_else(|fault| {
        let shared = choose(core, Spread { mode: Mode::Shared, ..spread }, count)?;
        tracing::warn!(mode = %spread.mode, %fault, "a pool that comes back shares its workers for now; set its mode once more");
        Ok(shared)
    })
}

/// The workers of containers of a pool that stands, when it is to be as if it had been made now; those of other pools
/// that are dedicated, and these, are left out if there are others.
///
/// # Errors
/// `BadArguments` when there is none but those.
pub(crate) fn choose_again(
    core: &Rc<Core>,
    pool: &Pool,
    but: &BTreeSet<WorkerId>,
    count: u32,
) -> Result<Vec<WorkerId>, Fault> {
    let mut taken = Workers::without(core, Some(pool.id)).taken;
    taken.extend(but);
    let all = allowed(core, pool.placement)?;
    let is_open = |worker: &WorkerId| !taken.contains(worker) && !core.shared.desk(*worker).is_stalled();
    let open: Vec<WorkerId> = all.into_iter().filter(is_open).collect();
    if open.is_empty() {
        return bad(format!("no other worker is there for a pool that is placed {}", pool.placement));
    }
    Ok(among(core, pool.placement, &open, count))
}

/// The workers that have shares of a container of a `sync` module, whose home is this worker: that one first, then all others that
/// its pool may be on. A pool that is pinned or bundled is on one worker, one that is dedicated keeps to its containers' homes; a
/// worker that is stalled, or that another pool has to itself, gets no share.
pub(crate) fn shares_at(
    core: &Core,
    id: PoolId,
    spread: Spread,
    homes: &[WorkerId],
    home: WorkerId,
) -> Vec<WorkerId> {
    let all = core.shared.desks.len();
    let may: Vec<WorkerId> = match (spread.mode, spread.placement) {
        (Mode::Bundled, _) | (_, Placement::Pinned(_)) => Vec::new(),
        (Mode::Dedicated, _) => homes.to_vec(),
        (Mode::Shared, placement) => {
            let taken = taken(core, Some(id));
            let allowed = allowed(core, placement).unwrap_or_default();
            allowed.into_iter().filter(|worker| !taken.contains(worker)).collect()
        }
    };
    let is_open =
        |worker: &WorkerId| *worker != home && may.contains(worker) && !core.shared.desk(*worker).is_stalled();
    let others = (1..all).map(|step| WorkerId(((home.index() + step) % all) as u16));
    std::iter::once(home).chain(others.filter(is_open)).collect()
}

/// The same for a container of a pool that stands, with its home there.
pub(crate) fn sharers(core: &Core, pool: &Pool, home: WorkerId) -> Vec<WorkerId> {
    let homes: Vec<WorkerId> = pool.spots.iter().map(|spot| spot.worker).collect();
    shares_at(core, pool.id, pool.spread(), &homes, home)
}

/// The worker of the bundled pools, but for that of this id: the one that has most of them.
pub(crate) fn bundle(core: &Core, but: Option<PoolId>) -> Option<WorkerId> {
    let places = core.places.borrow();
    let bundled = places.pools().filter(|pool| pool.mode.get() == Mode::Bundled && Some(pool.id) != but);
    most(bundled.flat_map(workers_of))
}

/// The worker that comes most often; of equals, the first.
pub(crate) fn most(workers: impl Iterator<Item = WorkerId>) -> Option<WorkerId> {
    let mut counts: BTreeMap<WorkerId, usize> = BTreeMap::new();
    workers.for_each(|worker| *counts.entry(worker).or_default() += 1);
    counts.into_iter().max_by_key(|(worker, count)| (*count, Reverse(*worker))).map(|(worker, _)| worker)
}

/// The workers that pools of the mode `dedicated` have, but for the pool of this id.
pub(crate) fn taken(core: &Core, but: Option<PoolId>) -> BTreeSet<WorkerId> {
    Workers::without(core, but).taken
}

fn bad<T>(text: String) -> Result<T, Fault> {
    Err(Fault::new(Code::BadArguments, text))
}

/// The workers that are not taken and not stalled; all of them if there is none.
fn open(core: &Core, taken: &BTreeSet<WorkerId>) -> Vec<WorkerId> {
    let is_open = |worker: &WorkerId| !taken.contains(worker) && !core.shared.desk(*worker).is_stalled();
    let open: Vec<WorkerId> = core.shared.workers().filter(is_open).collect();
    if open.is_empty() { core.shared.workers().collect() } else { open }
}

/// The workers that a placement allows.
fn allowed(core: &Core, placement: Placement) -> Result<Vec<WorkerId>, Fault> {
    let shared = &core.shared;
    match placement {
        Placement::Pinned(worker) if usize::from(worker) >= shared.desks.len() => {
            bad(format!("there is no worker {worker}; the node has {}", shared.desks.len()))
        }
        Placement::Pinned(worker) => Ok(vec![WorkerId(worker)]),
        Placement::Numa(node) => shared.topology.of_node(node),
        _ => Ok(shared.workers().collect()),
    }
}

/// By a placement, over workers that are open if it allows any of them.
fn spread_over(
    core: &Rc<Core>,
    placement: Placement,
    taken: &BTreeSet<WorkerId>,
    count: u32,
) -> Result<Vec<WorkerId>, Fault> {
    let (all, open) = (allowed(core, placement)?, open(core, taken));
    let both: Vec<WorkerId> = all.iter().copied().filter(|worker| open.contains(worker)).collect();
    Ok(among(core, placement, if both.is_empty() { &all } else { &both }, count))
}

/// So many of these workers, of which there is at least one.
fn among(core: &Rc<Core>, placement: Placement, workers: &[WorkerId], count: u32) -> Vec<WorkerId> {
    if let [only] = workers {
        return vec![*only; count as usize];
    }
    if placement != Placement::LeastLoaded {
        return in_turn(core, workers, count);
    }
    let load = |worker: &WorkerId| {
        let desk = core.shared.desk(*worker);
        let due = desk.due_ns.load(Ordering::Relaxed) / HEAVY_NS;
        (due.saturating_add(desk.containers.load(Ordering::Relaxed).into()), *worker)
    };
    let mut loads: Vec<(u64, WorkerId)> = workers.iter().map(load).collect();
    let mut least = || {
        let first = loads.iter_mut().min();
        first.map_or(WorkerId::FIRST, |(load, worker)| {
            *load = load.saturating_add(1);
            *worker
        })
    };
    (0..count).map(|_| least()).collect()
}

/// So many of these workers, one after another, from where the last pool ended.
fn in_turn(core: &Rc<Core>, workers: &[WorkerId], count: u32) -> Vec<WorkerId> {
    let places = core.places.borrow();
    let from = places.cursor.get();
    places.cursor.set(from.wrapping_add(count as usize));
    (0..count as usize).map(|at| workers[from.wrapping_add(at) % workers.len()]).collect()
}

pub(crate) fn workers_of(pool: &Rc<Pool>) -> impl Iterator<Item = WorkerId> {
    pool.spots.iter().map(|spot| spot.worker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placement_reads_as_it_is_written() {
        for one in [
            Placement::RoundRobin,
            Placement::LeastLoaded,
            Placement::Dedicated,
            Placement::Pinned(3),
            Placement::Numa(1),
        ] {
            assert_eq!(one.to_string().parse::<Placement>().unwrap(), one);
        }
        assert_eq!("".parse::<Placement>().unwrap(), Placement::RoundRobin);
        for wrong in ["pinned", "pinned:x", "numa", "numa:", "numa:-1", "pinned:70000"] {
            assert!(wrong.parse::<Placement>().unwrap_err().is(Code::BadArguments), "{wrong}");
        }
    }
}
