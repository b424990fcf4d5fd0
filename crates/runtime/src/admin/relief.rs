//! Relief: containers of a worker that is held by a piece of work are made on another one.
//!
//! Lives here: `begin`.
//! From: the first worker, when the watchdog has named another. To: orders to all workers but that one.
//! Holds: only a container that keeps nothing, and that nobody uses, is relieved; the claim word decides that against its worker,
//! which sends on what it may still have for it. Calls that wait unread for that worker go to the new one, in their order, before any
//! that come later. A pool that is pinned, bundled or dedicated keeps to that.
//! Not here: connections that wait (`worker::door`); sessions and tasks, which stay.

use super::moves::{Mover, all_within, give, plan, within};
use super::redeal;
use crate::core::Core;
use crate::events::Kind;
use crate::limits::{MOVE_STATE_NS, RELIEF_LOOK_NS};
use crate::mail::orders::{Order, ask, sleep, tell};
use crate::mail::{self, Carried, Letter};
use crate::place::claim::Claim;
use crate::place::held::Which;
use crate::place::mode::Mode;
use crate::place::policy::{Placement, choose_again};
use crate::place::share::{self, Where};
use crate::place::{Pool, Spot};
use crate::shared::WorkerId;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use windlass_contract::{Code, Fault, PoolId};
use windlass_lane::TaskOptions;

/// Relieves a worker, as a task of its own.
pub(crate) fn begin(core: &Rc<Core>, held: WorkerId) {
    if core.draining.get() {
        return;
    }
    let inner = core.clone();
    let relief = async move { relieve(&inner, held).await };
    match core.lanes.spawn(TaskOptions::new("relieving a worker"), relief) {
        Ok(task) => task.detach(),
        Err(error) => tracing::warn!(worker = %held, %error, "no task to relieve a worker that is held"),
    }
}

async fn relieve(core: &Rc<Core>, held: WorkerId) {
    let mover = match Mover::take(core).await {
        Ok(mover) => mover,
        Err(fault) => return tracing::warn!(worker = %held, %fault, "a worker that is held is not relieved"),
    };
    let pools: Vec<Rc<Pool>> = core.places.borrow().pools().cloned().collect();
    let mut gave = false;
    for pool in pools {
        let shared = (0..).zip(&pool.spots).filter(|(_, spot)| spot.shares.iter().any(|one| one.worker == held));
        for (place, spot) in shared {
            if core.draining.get() || !core.shared.desk(held).is_stalled() {
                return;
            }
            match mover.relieve_share(&pool, place, spot, held).await {
                Ok(()) => gave = true,
                Err(fault) => {
                    tracing::debug!(pool = %pool.name, container = place, %fault, "a share of a worker that is held stays");
                }
            }
        }
        for (place, spot) in (0..).zip(&pool.spots).filter(|(_, spot)| spot.worker == held) {
            let Some(claim) = spot.claim.as_ref().filter(|claim| claim.is_free()) else { continue };
            if core.draining.get() || !core.shared.desk(held).is_stalled() {
                return;
            }
            let Some(to) = home_for(core, &pool, held) else { continue };
            match mover.relieve_one(&pool, place, claim, held, to).await {
                Ok(()) => {
                    tracing::info!(pool = %pool.name, container = place, worker = %held, %to, "a container of a worker that is held is made anew on another");
                    let text = format_args!("{} {place}: worker {held}, which is held, to {to}", pool.name);
                    core.tell(Kind::ContainerMoved, text, None);
                }
                Err(fault) => {
                    tracing::debug!(pool = %pool.name, container = place, %fault, "a container of a worker that is held stays");
                }
            }
        }
    }
    drop(mover);
    if gave {
        give_back(core, held).await;
    }
}

/// When a worker that was held turns again, it gets shares again.
async fn give_back(core: &Rc<Core>, held: WorkerId) {
    while core.shared.desk(held).is_stalled() && !core.draining.get() {
        sleep(core, core.now().saturating_add(RELIEF_LOOK_NS)).await;
    }
    redeal::begin(core);
}

/// The worker that a container of a pool may go to from one that is held.
fn home_for(core: &Rc<Core>, pool: &Rc<Pool>, held: WorkerId) -> Option<WorkerId> {
    let turns = |worker: &WorkerId| *worker != held && !core.shared.desk(*worker).is_stalled();
    match (pool.mode.get(), pool.placement) {
        (_, Placement::Pinned(_)) | (Mode::Bundled, _) => None,
        (Mode::Dedicated, _) => pool.spots.iter().map(|spot| spot.worker).find(turns),
        (Mode::Shared, _) => choose_again(core, pool, &BTreeSet::from([held]), 1).ok().map(|to| to[0]),
    }
}

impl Mover<'_> {
    /// Makes a container anew on another worker, in place of one that nobody uses.
    ///
    /// # Errors
    /// Why it stays.
    async fn relieve_one(
        &self,
        pool: &Pool,
        place: u32,
        claim: &Arc<Claim>,
        held: WorkerId,
        to: WorkerId,
    ) -> Result<(), Fault> {
        let (core, id) = (self.core, pool.id);
        let _moving = self.moving(id);
        let new = Claim::of(&core.shared, &pool.module);
        ask(core, to, Order::Make(place, Box::new(plan(pool, place, new.clone())))).await?;
        let relieved = match within(core, to, Order::TakeUp(id, place, None), MOVE_STATE_NS).await {
            Ok(_) => self.take_over(id, place, claim, held, to, &Where::alone(to, new)).await,
            Err(fault) => Err(fault),
        };
        if relieved.is_err() {
            give(core, to, Order::Unmake(id, place));
        }
        relieved
    }

    /// Gives the shares that a held worker has of a container to another one, if it uses the container not; if it does, those
    /// calls that wait unread for it and have no order go to others.
    ///
    /// # Errors
    /// Why they stay.
    async fn relieve_share(&self, pool: &Rc<Pool>, place: u32, spot: &Spot, held: WorkerId) -> Result<(), Fault> {
        let core = self.core;
        let no = |text: &str| Fault::new(Code::Unsupported, text);
        let turns = |worker: &WorkerId| *worker != held && !core.shared.desk(*worker).is_stalled();
        let to: Vec<WorkerId> = share::workers(&spot.shares).into_iter().filter(turns).collect();
        let first = *to.first().ok_or_else(|| no("no other worker has a share"))?;
        let claim = spot.shares.iter().find(|share| share.worker == held).and_then(|share| share.claim.as_ref());
        let claim = claim.ok_or_else(|| no("nobody sees whether it is in use"))?;
        if !claim.is_free() {
            let is_loose = |call: &Carried| {
                call.slot.pool == pool.id && call.container == place && pool.is_loose(spot, call.slot.method)
            };
            let letters = core.shared.desk(held).mailbox.take_loose(is_loose);
            for (letter, to) in letters.into_iter().zip(to.iter().cycle()) {
                send_on(core, letter, *to);
            }
            return Err(no("it is in use"));
        }
        let mut shares = spot.shares.to_vec();
        // Their new worker has one already, and its claim.
        let of = shares.iter().find(|share| share.worker == first).cloned();
        for (share, new) in shares.iter_mut().filter(|share| share.worker == held).zip(of.iter().cycle()) {
            *share = new.clone();
        }
        let home = if spot.worker == held { first } else { spot.worker };
        let there = Where { worker: home, claim: None, shares: shares.into() };
        let _moving = self.moving(pool.id);
        self.take_over(pool.id, place, claim, held, first, &there).await?;
        tracing::info!(pool = %pool.name, container = place, worker = %held, to = %first, "shares of a worker that is held go to another");
        let text = format_args!("{} {place}: those of worker {held}, which is held, to {first}", pool.name);
        core.tell(Kind::SharesDealt, text, None);
        Ok(())
    }

    async fn take_over(
        &self,
        id: PoolId,
        place: u32,
        claim: &Claim,
        held: WorkerId,
        to: WorkerId,
        there: &Where,
    ) -> Result<(), Fault> {
        let core = self.core;
        let taken = self.take_over_held(id, place, claim, held, to, there).await;
        if taken.is_err() {
            for worker in core.shared.workers().filter(|worker| *worker != held) {
                give(core, worker, Order::Release(id, place));
            }
        }
        taken
    }

    async fn take_over_held(
        &self,
        id: PoolId,
        place: u32,
        claim: &Claim,
        held: WorkerId,
        to: WorkerId,
        there: &Where,
    ) -> Result<(), Fault> {
        let core = self.core;
        let others = || core.shared.workers().filter(|worker| *worker != held);
        all_within(core, others(), |_| Order::Hold(id, place, Which::All)).await?;
        // What they had sent before is in the mailbox of the one that is held when they answer this.
        all_within(core, others(), |_| Order::Fence).await?;
        let mailbox = &core.shared.desk(held).mailbox;
        let letters = mailbox.take_calls(id, place, || claim.relieve(to));
        let in_use = || Fault::new(Code::Unsupported, "it is in use, or its worker reads its letters");
        let letters = letters.ok_or_else(in_use)?;
        let switch = || Order::Switch(id, place, there.clone());
        if let Err(fault) = ask(core, to, switch()).await {
            claim.give_back();
            let mut letters = letters;
            mailbox.post(&mut letters);
            return Err(fault);
        }
        letters.into_iter().for_each(|letter| send_on(core, letter, to));
        // They are there before any that was held back.
        ask(core, to, Order::Fence).await?;
        ask(core, to, Order::Release(id, place)).await?;
        tell(core, held, switch());
        let rest = || others().filter(|worker| *worker != to);
        if let Err(fault) = all_within(core, rest(), |_| switch()).await {
            // It reads this before it takes the next call.
            tracing::debug!(%fault, "a worker was not told in time where a container is");
        }
        // Those that have shares wait for it.
        rest()
            .filter(|worker| there.is_at(*worker))
            .for_each(|worker| give(core, worker, Order::Release(id, place)));
        Ok(())
    }
}

/// A letter about a call of a container that is at another worker now.
fn send_on(core: &Rc<Core>, letter: Letter, to: WorkerId) {
    if let Letter::Call(carried) = &letter {
        // Whoever sent it is to know where it is: it may want it to end.
        match carried.from == core.worker {
            true => mail::went(core, carried.away, to),
            false => core.mail.write(carried.from, Letter::Went(carried.away, to)),
        }
    }
    if to != core.worker {
        return core.mail.write(to, letter);
    }
    // A letter about a call is read here, whoever it is from.
    let _none_is_left = mail::read(core, letter);
}
