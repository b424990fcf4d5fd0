//! Policy: which workers the containers of a new pool get.
//!
//! Lives here: `Placement`, `choose`.
//! From: `admin` when a pool is made. To: orders to those workers.
//! Holds: a worker that is stalled, and one that is dedicated to another pool, gets no container while there is another.

use super::Pool;
use crate::core::Core;
use crate::limits::HEAVY_NS;
use crate::shared::WorkerId;
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::atomic::Ordering;
use windlass_contract::{Code, Fault};

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

/// The workers of `count` containers, in order of their ids.
///
/// # Errors
/// `BadArguments` for a worker or a NUMA node that does not exist, and when no more workers can be dedicated.
pub(crate) fn choose(core: &Rc<Core>, placement: Placement, count: u32) -> Result<Vec<WorkerId>, Fault> {
    let shared = &core.shared;
    let bad = |text: String| Err(Fault::new(Code::BadArguments, text));
    let (mut taken, mut used) = (BTreeSet::new(), BTreeSet::new());
    for pool in core.places.borrow().pools().filter(|pool| pool.id != windlass_contract::PoolId::ADMIN) {
        used.extend(workers_of(pool));
        if pool.placement == Placement::Dedicated {
            taken.extend(workers_of(pool));
        }
    }
    let is_open = |worker: &WorkerId| !taken.contains(worker) && !shared.desk(*worker).is_stalled();
    let mut open: Vec<WorkerId> = shared.workers().filter(is_open).collect();
    if open.is_empty() {
        open = shared.workers().collect();
    }
    match placement {
        Placement::Pinned(worker) => {
            let worker = WorkerId(worker);
            if worker.index() >= shared.desks.len() {
                return bad(format!("there is no worker {worker}; the node has {}", shared.desks.len()));
            }
            Ok(vec![worker; count as usize])
        }
        Placement::Dedicated => {
            let free: Vec<_> = open.into_iter().filter(|worker| !used.contains(worker)).collect();
            if free.len() < count as usize {
                return bad(format!(
                    "{count} workers of its own: {} of {} are free",
                    free.len(),
                    shared.desks.len()
                ));
            }
            // The last ones: the first has the listener and `admin` to serve.
            Ok(free.into_iter().rev().take(count as usize).collect())
        }
        Placement::RoundRobin => Ok(in_turn(core, &open, count)),
        Placement::Numa(node) => {
            let near = shared.topology.of_node(node)?;
            let open: Vec<WorkerId> = near.iter().copied().filter(|worker| open.contains(worker)).collect();
            Ok(in_turn(core, if open.is_empty() { &near } else { &open }, count))
        }
        Placement::LeastLoaded => {
            let mut loads: Vec<(u64, WorkerId)> = open
                .into_iter()
                .map(|worker| {
                    let desk = shared.desk(worker);
                    let due = desk.due_ns.load(Ordering::Relaxed) / HEAVY_NS;
                    (due.saturating_add(desk.containers.load(Ordering::Relaxed).into()), worker)
                })
                .collect();
            let mut least = || {
                let first = loads.iter_mut().min();
                first.map_or(WorkerId::FIRST, |(load, worker)| {
                    *load = load.saturating_add(1);
                    *worker
                })
            };
            Ok((0..count).map(|_| least()).collect())
        }
    }
}

/// So many of these workers, one after another, from where the last pool ended.
fn in_turn(core: &Rc<Core>, workers: &[WorkerId], count: u32) -> Vec<WorkerId> {
    let places = core.places.borrow();
    let from = places.cursor.get();
    places.cursor.set(from.wrapping_add(count as usize));
    (0..count as usize).map(|at| workers[from.wrapping_add(at) % workers.len()]).collect()
}

fn workers_of(pool: &Rc<Pool>) -> impl Iterator<Item = WorkerId> {
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
