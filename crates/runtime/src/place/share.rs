//! Share: which worker runs a call of a container that several workers have.
//!
//! Lives here: `Share` (one part of a container), `Where` (its home and its shares), `Dealt` (which of them a worker has), `deal` and
//! `deal_here` (a call gets its worker).
//! From: `find`, for a container of a `sync` module. To: `host`, or `mail` for a share of another worker.
//! Holds: the calls of one key go to one worker, in the order they came, so that a key is held there and nowhere else; what has no
//! key goes where there is least to do, and stays here where that is much the same, once it is known what it costs. Shares keep their numbers while
//! they go from worker to worker, so that a key of a share which stays never changes its worker.
//! Not here: which workers have shares (`policy`), and how they are dealt anew (`admin::redeal`).

use super::claim::Claim;
use super::{Container, Found, Method, Placed, Pool, Spot};
use crate::core::Core;
use crate::host::streams;
use crate::limits::HEAVY_NS;
use crate::shared::WorkerId;
use crate::transport::Arrived;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use windlass_contract::MethodId;
use windlass_contract::module::Event;
use windlass_contract::slot::Query;

/// One part of a container's calls: its worker.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    pub(crate) worker: WorkerId,
    /// By which others see whether that worker uses the container; shares of one worker have one.
    pub(crate) claim: Option<Arc<Claim>>,
}

/// Where a container is.
#[derive(Clone, Debug)]
pub(crate) struct Where {
    /// Its home: where its hooks and its periodic methods are called.
    pub(crate) worker: WorkerId,
    pub(crate) claim: Option<Arc<Claim>>,
    /// Of a container that several workers may have, by number; else nothing.
    pub(crate) shares: Arc<[Share]>,
}

impl Where {
    /// On one worker.
    pub(crate) fn alone(worker: WorkerId, claim: Option<Arc<Claim>>) -> Self {
        Self { worker, claim, shares: Arc::default() }
    }
    /// Whether this worker has it, or a share of it.
    pub(crate) fn is_at(&self, worker: WorkerId) -> bool {
        match self.shares.is_empty() {
            true => self.worker == worker,
            false => self.shares.iter().any(|share| share.worker == worker),
        }
    }
}

/// The workers that have shares, each once.
pub(crate) fn workers(shares: &[Share]) -> BTreeSet<WorkerId> {
    shares.iter().map(|share| share.worker).collect()
}

/// Which of a container's shares a worker has, of how many. Its lanes are dealt as they are: lane by lane, over and over.
#[derive(Default)]
pub(crate) struct Dealt(RefCell<(Vec<u32>, u32)>);

impl Dealt {
    /// These are dealt, and this worker looks for its own.
    pub(crate) fn set(&self, shares: &[Share], here: WorkerId) {
        let mine = (0..).zip(shares).filter(|(_, share)| share.worker == here).map(|(at, _)| at).collect();
        *self.0.borrow_mut() = (mine, shares.len() as u32);
    }

    /// Whether the lane of this number, of a group, is on this worker.
    pub(crate) fn has_lane(&self, number: u32) -> bool {
        let dealt = self.0.borrow();
        dealt.1 <= 1 || dealt.0.contains(&(number % dealt.1))
    }

    /// The lane of a hash, of so many of a group: one that is on this worker, if there is any.
    pub(crate) fn lane_of(&self, hash: u64, lanes: u32) -> u32 {
        let is_whole = self.0.borrow().1 <= 1;
        let mine = || (0..lanes).filter(|number| self.has_lane(*number));
        let count = if is_whole { 0 } else { mine().count() as u64 };
        let chosen = if count == 0 { None } else { mine().nth((hash / u64::from(lanes) % count) as usize) };
        chosen.unwrap_or((hash % u64::from(lanes)) as u32)
    }
}

/// A call to a container that has shares gets its worker.
pub(super) fn deal(
    core: &Rc<Core>,
    pool: &Pool,
    spot: &Spot,
    method: &Rc<Method>,
    mut call: Arrived,
    at: usize,
) -> Found {
    if spot.held.holds(method, &call) {
        call.slot.query = Query::Id(at as u64);
        return Found::Held(call, at);
    }
    let to = by_key(pool, spot, method, &call).unwrap_or_else(|| least(core, pool, spot, method, call.bytes()));
    match &spot.here {
        Some(container) if to == core.worker => here(core, spot, container, method, call, at),
        _ => {
            // What is resolved is not resolved again.
            call.slot.query = Query::Id(at as u64);
            Found::Away(call, to, at as u32)
        }
    }
}

/// A call that another worker sent here: it stays, but if its key has gone to another worker since.
pub(super) fn deal_here(
    core: &Rc<Core>,
    pool: &Pool,
    spot: &Spot,
    method: &Rc<Method>,
    call: Arrived,
    at: usize,
) -> Found {
    let is_here = match method.id {
        Method::FOLD => true,
        _ => by_key(pool, spot, method, &call).is_none_or(|worker| worker == core.worker),
    };
    match &spot.here {
        // Also while others wait: it was sent before them, and shares do not go before it has ended.
        Some(container) if is_here => here(core, spot, container, method, call, at),
        _ => deal(core, pool, spot, method, call, at),
    }
}

fn here(
    core: &Rc<Core>,
    spot: &Spot,
    container: &Rc<Container>,
    method: &Rc<Method>,
    mut call: Arrived,
    at: usize,
) -> Found {
    if streams::is_beside(method) && spot.held.holds_here(core, container, method, &call) {
        call.slot.query = Query::Id(at as u64);
        return Found::Held(call, at);
    }
    Found::Here(Placed { call, container: container.clone(), method: method.clone() })
}

/// The worker of a call's key; a call with streams and what rides beside it have the streams' number for one. Arguments that have none
/// are refused where the call would begin.
fn by_key(pool: &Pool, spot: &Spot, method: &Method, call: &Arrived) -> Option<WorkerId> {
    if method.by_stream {
        return Some(share_of(&spot.shares, streams::number(call.arguments())?).worker);
    }
    method.flags.key.as_ref()?;
    let hash = pool.module.table.key(method.id, call.arguments())?;
    Some(share_of(&spot.shares, hash).worker)
}

/// The share of a key.
fn share_of(shares: &[Share], hash: u64) -> &Share {
    &shares[(hash % shares.len() as u64) as usize]
}

impl Pool {
    /// Whether calls of this method may run on whichever worker has a share of a container, in any order.
    pub(crate) fn is_loose(&self, spot: &Spot, method: MethodId) -> bool {
        let Some(method) = self.module.method(method) else { return false };
        let group = method.group.and_then(|group| self.module.descriptor.lanes.get(group));
        method.flags.key.is_none()
            && !method.by_stream
            && group.is_none_or(|group| group.lanes as usize >= spot.shares.len())
    }
}

/// The worker that has the least to do, of those that have a lane of the method's group: by what that is expected to cost; of
/// equals this one, and of others that with few calls. One that is stalled is avoided. While nobody knows what the method costs, one
/// after another.
fn least(core: &Core, pool: &Pool, spot: &Spot, method: &Method, bytes: u64) -> WorkerId {
    let group = method.group.and_then(|group| pool.module.descriptor.lanes.get(group));
    let lanes = group.map_or(usize::MAX, |group| group.lanes as usize);
    let load = |worker: &WorkerId| {
        if *worker == core.worker {
            return (false, core.due_ns.get() / HEAVY_NS, false, 0);
        }
        let desk = core.shared.desk(*worker);
        let (sent, sent_ns) = core.mail.aways.borrow().at(*worker);
        let due_ns = desk.due_ns.load(Ordering::Relaxed).max(sent_ns);
        let calls = u64::from(desk.load.load(Ordering::Relaxed)).max(sent as u64);
        (desk.is_stalled(), due_ns / HEAVY_NS, true, calls)
    };
    let some = &spot.shares[..lanes.clamp(1, spot.shares.len())];
    let is_known = pool.costs.of(method.index(), bytes) > 0 || pool.module.table.owns(Event::Estimate);
    let turns = |worker: &WorkerId| *worker == core.worker || !core.shared.desk(*worker).is_stalled();
    let next = (!is_known).then(|| some[pool.turn() % some.len()].worker).filter(turns);
    let least = || some.iter().map(|share| share.worker).min_by_key(load);
    next.or_else(least).unwrap_or(spot.worker)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(workers: &[u16]) -> Vec<Share> {
        workers.iter().map(|worker| Share { worker: WorkerId(*worker), claim: None }).collect()
    }

    #[test]
    fn a_key_of_a_share_that_stays_keeps_its_worker() {
        let (before, after) = (shares(&[0, 1, 2]), shares(&[0, 1, 0]));
        for hash in 0..300 {
            let (from, to) = (share_of(&before, hash).worker, share_of(&after, hash).worker);
            assert!(from == to || (from, to) == (WorkerId(2), WorkerId(0)), "{hash}: {from} {to}");
        }
    }

    #[test]
    fn each_lane_of_a_group_is_on_one_worker_and_a_hash_meets_one_of_the_workers_own() {
        let all = shares(&[1, 0, 2, 0]);
        let dealt: Vec<(WorkerId, Dealt)> = (0..3).map(|worker| (WorkerId(worker), Dealt::default())).collect();
        dealt.iter().for_each(|(worker, dealt)| dealt.set(&all, *worker));
        for lane in 0..32 {
            let on: Vec<WorkerId> =
                dealt.iter().filter(|(_, dealt)| dealt.has_lane(lane)).map(|(worker, _)| *worker).collect();
            assert_eq!(on, [all[lane as usize % 4].worker]);
        }
        for (worker, dealt) in &dealt {
            let mut met = BTreeSet::new();
            for hash in 0..4096u64 {
                let lane = dealt.lane_of(hash, 8);
                assert!(lane < 8 && dealt.has_lane(lane), "{worker}: {hash} {lane}");
                met.insert(lane);
            }
            assert_eq!(met.len(), if *worker == WorkerId(0) { 4 } else { 2 }, "all of its own");
        }
    }

    #[test]
    fn a_group_with_fewer_lanes_than_shares_still_has_a_lane_for_a_key() {
        let dealt = Dealt::default();
        dealt.set(&shares(&[0, 1]), WorkerId(1));
        assert!(!dealt.has_lane(0));
        assert_eq!(dealt.lane_of(77, 1), 0);
    }

    #[test]
    fn a_container_of_one_worker_has_all_lanes() {
        let dealt = Dealt::default();
        for hash in 0..100 {
            assert_eq!(u64::from(dealt.lane_of(hash, 7)), hash % 7);
            assert!(dealt.has_lane(hash as u32));
        }
    }
}
