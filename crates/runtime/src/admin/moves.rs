//! Moves: one container goes from one worker to another while its pool serves.
//!
//! Lives here: `move_one`; `settled` (whoever is to end or keep a pool waits until nothing of it moves).
//! From: `modes`, `relief`. To: orders to all workers (`moved`).
//! Holds: a container that moves has no call; those that come wait where they come from, and go on in their order. All workers
//! hold them back, and all they had sent is with the container, before it drains: so none is passed by a later one. What passes beside
//! a call with streams that the container has goes on, so that this call may end. If anything fails, the container stays and
//! serves as before.
//! Not here: which container goes where (`modes`).

use crate::core::Core;
use crate::events::Kind;
use crate::limits::{MOVE_HOLD_NS, MOVE_LOOK_NS, MOVE_STATE_NS, MOVE_WAIT_NS};
use crate::mail::orders::{Order, Plan, Told, ask, sleep, tell, together_until};
use crate::place::Pool;
use crate::place::claim::Claim;
use crate::place::held::Which;
use crate::place::policy::sharers;
use crate::place::share::Where;
use crate::shared::WorkerId;
use std::rc::Rc;
use std::sync::Arc;
use windlass_contract::{Code, Fault, PoolId, Retry};
use windlass_driver::Nanos;

/// Waits until no container of a pool moves.
///
/// # Errors
/// `QueueFull` when that takes too long.
pub(crate) async fn settled(core: &Rc<Core>, pool: PoolId) -> Result<(), Fault> {
    until(core, || core.places.borrow().moving.get() != Some(pool)).await
}

/// Waits until something is so, but not for ever.
async fn until(core: &Rc<Core>, is_so: impl Fn() -> bool) -> Result<(), Fault> {
    let end = core.now().saturating_add(MOVE_WAIT_NS);
    while !is_so() {
        let now = core.now();
        if now >= end {
            let text = "containers move from worker to worker at this moment; ask once more";
            return Err(Fault::new(Code::QueueFull, text).with_retry(Retry::After(100)));
        }
        sleep(core, now.saturating_add(MOVE_LOOK_NS)).await;
    }
    Ok(())
}

/// The right to move containers: one has it at a time.
pub(crate) struct Mover<'a> {
    pub(super) core: &'a Rc<Core>,
}

impl<'a> Mover<'a> {
    /// Takes it, when it is there.
    ///
    /// # Errors
    /// `QueueFull` when that takes too long.
    pub(crate) async fn take(core: &'a Rc<Core>) -> Result<Self, Fault> {
        until(core, || !core.places.borrow().changing.get()).await?;
        core.places.borrow().changing.set(true);
        Ok(Self { core })
    }

    /// From now on, until what this gives goes, a container of the pool moves.
    pub(super) fn moving(&self, pool: PoolId) -> Moving<'_> {
        self.core.places.borrow().moving.set(Some(pool));
        Moving { core: self.core }
    }

    /// Moves a container to another worker.
    ///
    /// # Errors
    /// Why it stays.
    pub(crate) async fn move_one(&self, pool: PoolId, place: u32, to: WorkerId) -> Result<(), Fault> {
        let core = self.core;
        if core.draining.get() {
            return Err(Fault::new(Code::Draining, "the node stops"));
        }
        let stands = core.places.borrow().by_id(pool).cloned();
        let gone = || Fault::new(Code::UnknownPool, "the pool ended meanwhile");
        let stands = stands.ok_or_else(gone)?;
        let from = stands.spots.get(place as usize).map(|spot| spot.worker).ok_or_else(gone)?;
        if core.shared.desk(from).is_stalled() {
            return Err(Fault::new(Code::Unsupported, format!("worker {from} is held by a piece of work")));
        }
        if stands.spots.get(place as usize).is_some_and(|spot| spot.is_shared()) {
            let to = sharers(core, &stands, to);
            return self.redeal(pool, place, to).await;
        }
        let _moving = self.moving(pool);
        ask(core, from, Order::Probe(pool, place)).await?;
        let claim = Claim::of(&core.shared, &stands.module);
        let plan = plan(&stands, place, claim.clone());
        ask(core, to, Order::Make(place, Box::new(plan))).await?;
        let moved = self.hand_over(&stands, place, from, to, claim).await;
        if moved.is_err() {
            core.shared.workers().for_each(|worker| give(core, worker, Order::Release(pool, place)));
            give(core, to, Order::Unmake(pool, place));
        }
        if moved.is_ok() {
            tracing::info!(pool = %stands.name, container = place, %from, %to, "a container moved");
            core.tell(Kind::ContainerMoved, format_args!("{} {place}: worker {from} to {to}", stands.name), None);
        }
        moved
    }

    /// The new container takes the place of the old one.
    async fn hand_over(
        &self,
        stands: &Pool,
        place: u32,
        from: WorkerId,
        to: WorkerId,
        claim: Option<Arc<Claim>>,
    ) -> Result<(), Fault> {
        let (core, pool) = (self.core, stands.id);
        let stateless = stands.module.table.is_stateless();
        if stateless {
            within(core, to, Order::TakeUp(pool, place, None), MOVE_STATE_NS).await?;
        }
        all_within(core, core.shared.workers(), |_| Order::Hold(pool, place, Which::New)).await?;
        // What a worker had sent before is posted when it answers this; so the drain comes behind it.
        all_within(core, core.shared.workers(), |_| Order::Fence).await?;
        ask(core, from, Order::Drain(pool, place)).await?;
        if !stateless {
            let state = match within(core, from, Order::Export(pool, place), MOVE_STATE_NS).await? {
                Told::State(state) => (stands.module.descriptor.version.clone(), state),
                other => return Err(Fault::new(Code::Internal, format!("an export is answered with {other:?}"))),
            };
            within(core, to, Order::TakeUp(pool, place, Some(state)), MOVE_STATE_NS).await?;
        }
        // Its new home first: whoever sends it there finds it.
        let switch = || Order::Switch(pool, place, Where::alone(to, claim.clone()));
        ask(core, to, switch()).await?;
        ask(core, to, Order::Release(pool, place)).await?;
        // A worker that is held at this moment reads this before it takes the next call; nobody waits for it.
        let others = core.shared.workers().filter(|worker| *worker != to);
        let orders = others.map(|worker| (worker, switch())).collect();
        let until = core.now().saturating_add(MOVE_HOLD_NS);
        for failed in together_until(core, orders, Some(until)).await.into_iter().flatten().filter_map(Result::err)
        {
            // The pool has ended on the way.
            tracing::debug!(pool = %stands.name, fault = %failed, "a worker was not told where a container is");
        }
        Ok(())
    }
}

impl Drop for Mover<'_> {
    fn drop(&mut self) {
        self.core.places.borrow().changing.set(false);
    }
}

/// Until this goes, a container of the pool moves.
pub(super) struct Moving<'a> {
    core: &'a Rc<Core>,
}

impl Drop for Moving<'_> {
    fn drop(&mut self) {
        self.core.places.borrow().moving.set(None);
    }
}

/// The plan of a pool that stands, to make its container of this place once more, with this claim.
pub(super) fn plan(pool: &Pool, place: u32, claim: Option<Arc<Claim>>) -> Plan {
    let mut claims: Vec<_> = pool.spots.iter().map(|spot| spot.claim.clone()).collect();
    if let Some(of) = claims.get_mut(place as usize) {
        *of = claim;
    }
    Plan {
        pool: pool.id,
        name: pool.name.clone(),
        module: pool.module.descriptor.name.clone(),
        parameters: pool.parameters.clone(),
        spread: pool.spread(),
        costs: pool.costs.clone(),
        workers: pool.spots.iter().map(|spot| spot.worker).collect(),
        claims,
        shares: pool.spots.iter().map(|spot| spot.shares.clone()).collect(),
        states: pool.spots.iter().map(|spot| spot.state.clone()).collect(),
        provided: None,
    }
}

fn late(worker: WorkerId) -> Fault {
    Fault::new(Code::DeadlineExceeded, format!("worker {worker} did not answer in time"))
}

/// Has a worker carry out an order, but does not wait for longer than this.
pub(super) async fn within(core: &Rc<Core>, worker: WorkerId, order: Order, ns: Nanos) -> Result<Told, Fault> {
    let until = core.now().saturating_add(ns);
    let told = together_until(core, vec![(worker, order)], Some(until)).await;
    told.into_iter().next().flatten().unwrap_or_else(|| Err(late(worker)))
}

/// Has each of these workers hold calls back, or say that it has.
pub(super) async fn all_within(
    core: &Rc<Core>,
    workers: impl Iterator<Item = WorkerId>,
    order: impl Fn(WorkerId) -> Order,
) -> Result<(), Fault> {
    let orders: Vec<(WorkerId, Order)> = workers.map(|worker| (worker, order(worker))).collect();
    let asked: Vec<WorkerId> = orders.iter().map(|(worker, _)| *worker).collect();
    let until = core.now().saturating_add(MOVE_HOLD_NS);
    let told = together_until(core, orders, Some(until)).await;
    for (worker, told) in asked.into_iter().zip(told) {
        told.unwrap_or_else(|| Err(late(worker)))?;
    }
    Ok(())
}

/// Has a worker, which may be this one, carry out an order that waits for nothing, and does not wait for it.
pub(super) fn give(core: &Rc<Core>, worker: WorkerId, order: Order) {
    if worker != core.worker {
        return tell(core, worker, order);
    }
    // One of these cannot fail.
    let _done = crate::mail::orders::at_once(core, order);
}
