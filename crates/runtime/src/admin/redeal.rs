//! Redeal: the shares of a container go to other workers while its pool serves.
//!
//! Lives here: `deal` (of a pool that is to be), `redeal` (of one container), `redeal_all` (of all whose shares are elsewhere than they
//! should be), `begin` (the same as a task of its own).
//! From: `admin` when a pool is made or ends, `modes`, `moves`, `relief`. To: orders to all workers (`moved`).
//! Holds: what workers share stays where it is, so nothing is exported; calls are held back and drained as for a container that
//! moves, because keys change their workers. If anything fails before the home has taken its share, all is as before.
//! Not here: which workers have shares (`policy`); shares of a worker that is held (`relief`).

use super::moves::{Mover, all_within, give, plan};
use crate::core::Core;
use crate::events::Kind;
use crate::limits::MOVE_HOLD_NS;
use crate::mail::orders::{Order, Plan, ask, ask_each, together_until};
use crate::place::claim::Claim;
use crate::place::held::Which;
use crate::place::policy::{sharers, shares_at};
use crate::place::share::{self, Share, Where};
use crate::place::{Module, Pool, Spot};
use crate::shared::{Shared, WorkerId};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use windlass_contract::{Code, Fault, PoolId};
use windlass_lane::TaskOptions;

/// Deals the containers of a pool that is to be, if its module lets workers share them.
pub(super) fn deal(core: &Rc<Core>, plan: &mut Plan) {
    if plan.states.iter().all(Option::is_none) {
        return;
    }
    let module = core.places.borrow().module(&plan.module).cloned();
    let Some(module) = module else { return };
    let of = |home: &WorkerId| {
        let workers = shares_at(core, plan.pool, plan.spread, &plan.workers, *home);
        shares(&core.shared, &module, &workers, &[])
    };
    plan.shares = plan.workers.iter().map(of).collect();
}

/// One share for each of these workers; those that have one keep its claim.
fn shares(shared: &Shared, module: &Module, workers: &[WorkerId], before: &[Share]) -> Arc<[Share]> {
    let mut claims: BTreeMap<WorkerId, Option<Arc<Claim>>> =
        before.iter().map(|share| (share.worker, share.claim.clone())).collect();
    let mut of = |worker: &WorkerId| {
        let claim = claims.entry(*worker).or_insert_with(|| Claim::of(shared, module)).clone();
        Share { worker: *worker, claim }
    };
    workers.iter().map(&mut of).collect()
}

/// Deals all shares that are elsewhere than they should be, as a task of its own.
pub(super) fn begin(core: &Rc<Core>) {
    let any = core.places.borrow().pools().any(|pool| pool.spots.iter().any(Spot::is_shared));
    if core.draining.get() || !any {
        return;
    }
    let inner = core.clone();
    let task = async move {
        match Mover::take(&inner).await {
            Ok(mover) => {
                for (pool, place, fault) in mover.redeal_all().await.1 {
                    tracing::info!(%pool, container = place, %fault, "shares of a container stay where they are");
                }
            }
            Err(fault) => tracing::warn!(%fault, "shares of containers stay where they are"),
        }
    };
    match core.lanes.spawn(TaskOptions::new("dealing shares"), task) {
        Ok(task) => task.detach(),
        Err(error) => tracing::warn!(%error, "no task to deal the shares of containers"),
    }
}

impl Mover<'_> {
    /// Deals the shares of all containers whose workers are not those that they should be; answers of how many, and why others stay.
    pub(super) async fn redeal_all(&self) -> (u32, Vec<(PoolId, u32, Fault)>) {
        let pools: Vec<Rc<Pool>> = self.core.places.borrow().pools().cloned().collect();
        let (mut dealt, mut stays) = (0, Vec::new());
        for pool in pools {
            for (place, spot) in (0..).zip(&pool.spots).filter(|(_, spot)| spot.is_shared()) {
                let wanted = sharers(self.core, &pool, spot.worker);
                if share::workers(&spot.shares) == wanted.iter().copied().collect() {
                    continue;
                }
                match self.redeal(pool.id, place, wanted).await {
                    Ok(()) => dealt += 1,
                    Err(fault) => stays.push((pool.id, place, fault)),
                }
            }
        }
        (dealt, stays)
    }

    /// Deals a container's shares to these workers, at least one; its home goes to the first of them, unless it is among them.
    ///
    /// # Errors
    /// Why they stay where they are.
    pub(super) async fn redeal(&self, id: PoolId, place: u32, to: Vec<WorkerId>) -> Result<(), Fault> {
        let core = self.core;
        if core.draining.get() {
            return Err(Fault::new(Code::Draining, "the node stops"));
        }
        let gone = || Fault::new(Code::UnknownPool, "the pool ended meanwhile");
        let pool = core.places.borrow().by_id(id).cloned().ok_or_else(gone)?;
        let spot = pool.spots.get(place as usize).ok_or_else(gone)?;
        let (before, after) = (share::workers(&spot.shares), to.iter().copied().collect::<BTreeSet<_>>());
        if let Some(held) = before.union(&after).find(|worker| core.shared.desk(**worker).is_stalled()) {
            return Err(Fault::new(Code::Unsupported, format!("worker {held} is held by a piece of work")));
        }
        let _moving = self.moving(id);
        let home = if after.contains(&spot.worker) { spot.worker } else { to[0] };
        let shares = shares(&core.shared, &pool.module, &to, &spot.shares);
        let there = Where { worker: home, claim: None, shares };
        for worker in before.difference(&after) {
            ask(core, *worker, Order::Probe(id, place)).await?;
        }
        let mut plan = plan(&pool, place, None);
        if let (Some(worker), Some(of)) =
            (plan.workers.get_mut(place as usize), plan.shares.get_mut(place as usize))
        {
            (*worker, *of) = (there.worker, there.shares.clone());
        }
        let coming: Vec<WorkerId> = after.difference(&before).copied().collect();
        let made = ask_each(core, coming.clone(), |_| Order::Make(place, Box::new(plan.clone()))).await;
        let dealt = match made {
            Ok(_) => self.switch_all(id, place, before, &there).await,
            Err(fault) => Err(fault),
        };
        if let Err(fault) = dealt {
            core.shared.workers().for_each(|worker| give(core, worker, Order::Release(id, place)));
            coming.into_iter().for_each(|worker| give(core, worker, Order::Unmake(id, place)));
            return Err(fault);
        }
        tracing::info!(pool = %pool.name, container = place, workers = ?after, "shares of a container were dealt");
        let on: Vec<String> = after.iter().map(WorkerId::to_string).collect();
        core.tell(Kind::SharesDealt, format_args!("{} {place}: workers {}", pool.name, on.join(", ")), None);
        Ok(())
    }

    async fn switch_all(
        &self,
        id: PoolId,
        place: u32,
        before: BTreeSet<WorkerId>,
        there: &Where,
    ) -> Result<(), Fault> {
        let core = self.core;
        all_within(core, core.shared.workers(), |_| Order::Hold(id, place, Which::New)).await?;
        // What a worker had sent before is posted when it answers this; so the drain comes behind it.
        all_within(core, core.shared.workers(), |_| Order::Fence).await?;
        ask_each(core, before, |_| Order::Drain(id, place)).await?;
        let switch = || Order::Switch(id, place, there.clone());
        // The home first: it is the one that may say no.
        ask(core, there.worker, switch()).await?;
        let rest = core.shared.workers().filter(|worker| *worker != there.worker);
        // Those that have shares before those that send to them. A worker that is held at this moment reads this before it takes
        // the next call; nobody waits for it.
        let (sharers, others): (Vec<_>, Vec<_>) = rest.partition(|worker| there.is_at(*worker));
        for some in [sharers.clone(), others] {
            let orders = some.into_iter().map(|worker| (worker, switch())).collect();
            let until = core.now().saturating_add(MOVE_HOLD_NS);
            let told = together_until(core, orders, Some(until)).await;
            for failed in told.into_iter().flatten().filter_map(Result::err) {
                // The pool has ended on the way.
                tracing::debug!(pool = %id, fault = %failed, "a worker was not told where a container's shares are");
            }
        }
        let all = sharers.into_iter().chain([there.worker]);
        all.for_each(|worker| give(core, worker, Order::Release(id, place)));
        Ok(())
    }
}
