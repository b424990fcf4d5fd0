//! Moved: what each worker does when a container moves.
//!
//! From: `mail::orders`, on the worker that is to do it. To: this worker's `Places`, `place::held`, `host`.
//! Holds: a container that leaves has no call, and begins none; the new one is in its pool before a call is sent to it.
//! Not here: the order of these steps (`moves`).

use super::part::call_inherited;
use crate::core::Core;
use crate::host::periodic;
use crate::limits::{MOVE_DRAIN_NS, MOVE_LOOK_MAX_NS, MOVE_LOOK_NS};
use crate::mail::orders::sleep;
use crate::place::share::Where;
use crate::place::{Container, held};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use windlass_contract::{Code, Fault, MethodId, PoolId};

fn here(core: &Core, pool: PoolId, place: u32) -> Result<Rc<Container>, Fault> {
    let places = core.places.borrow();
    let spot = places.by_id(pool).and_then(|pool| pool.spots.get(place as usize));
    let container = spot.and_then(|spot| spot.here.clone());
    container.ok_or_else(|| Fault::new(Code::UnknownPool, "the pool ended meanwhile"))
}

/// Whether a container could move.
///
/// # Errors
/// Why not.
pub(crate) async fn probe(core: &Rc<Core>, pool: PoolId, place: u32) -> Result<(), Fault> {
    let container = here(core, pool, place)?;
    let no = |text: String| Err(Fault::new(Code::Unsupported, text));
    if container.relay.is_some() {
        return no("another process serves it".to_owned());
    }
    match container.home.tasks() {
        0 => {}
        count => return no(format!("it runs tasks of its own ({count})")),
    }
    // What workers share goes nowhere.
    if container.module.table.is_stateless() || container.module.table.is_sync() {
        return Ok(());
    }
    call_inherited(core, &container, MethodId::EXPORT, Vec::new()).await.map(drop).map_err(|fault| {
        match fault.is(Code::Unsupported) {
            true => Fault::new(Code::Unsupported, "its module keeps state and has no hook `export`"),
            false => fault,
        }
    })
}

/// Waits until a container runs nothing; the node begins nothing in it from now on.
///
/// # Errors
/// `DeadlineExceeded` when it takes too long.
pub(crate) async fn drain(core: &Rc<Core>, pool: PoolId, place: u32) -> Result<(), Fault> {
    let container = here(core, pool, place)?;
    container.leaving.set(true);
    let until = core.now().saturating_add(MOVE_DRAIN_NS);
    let mut look = MOVE_LOOK_NS;
    loop {
        let live = container.live.get();
        if live == 0 && !core.lanes.any_waiting(|call| Rc::ptr_eq(&call.container, &container)) {
            return Ok(());
        }
        let now = core.now();
        if now >= until {
            let text = format!("it is busy: {live} calls had not ended after {} ms", MOVE_DRAIN_NS / 1_000_000);
            return Err(Fault::new(Code::DeadlineExceeded, text));
        }
        sleep(core, now.saturating_add(look).min(until)).await;
        look = (look * 2).min(MOVE_LOOK_MAX_NS);
    }
}

/// Drops a container that was made and is not to be of its pool.
pub(crate) fn unmake(core: &Rc<Core>, pool: PoolId, place: u32) {
    let made = core.places.borrow_mut().made.remove(&(pool, place));
    // It may come back to the tables while it ends.
    made.iter().for_each(|container| container.home.cancel_all());
}

/// A container is there now: whoever calls it goes there. On the workers that have it calls wait on, until they are released.
///
/// # Errors
/// `QueueFull` when there is no timer for a periodic method: it is not there then.
pub(crate) fn switch(core: &Rc<Core>, id: PoolId, place: u32, to: Where) -> Result<(), Fault> {
    let pool = core.places.borrow().by_id(id).cloned();
    let Some(pool) = pool else {
        unmake(core, id, place);
        return Err(Fault::new(Code::UnknownPool, "the pool ended meanwhile"));
    };
    let Some(spot) = pool.spots.get(place as usize) else {
        return Err(Fault::new(Code::Internal, "a container that moves is in its pool"));
    };
    let (is_mine, was_home, is_home) =
        (to.is_at(core.worker), spot.worker == core.worker, to.worker == core.worker);
    // A share that stays is what it was.
    let stays = spot.here.clone().filter(|_| is_mine && spot.is_shared());
    let made = core.places.borrow_mut().made.remove(&(id, place));
    let new = if is_mine && stays.is_none() { made } else { None };
    if is_mine && stays.is_none() && new.is_none() {
        return Err(Fault::new(Code::Internal, "a container that moves here was made"));
    }
    let (containers, old) = (&core.shared.desk(core.worker).containers, spot.here.clone());
    let here = new.clone().or(stays.clone());
    if let Some(here) = here.as_ref().filter(|_| is_home && (new.is_some() || !was_home)) {
        periodic::begin(core, here)?;
    }
    if let Some(here) = &here {
        here.dealt.set(&to.shares, core.worker);
    }
    let moved = pool.moved(place as usize, to, here);
    core.places.borrow_mut().insert(moved);
    containers.fetch_add(u32::from(new.is_some()), Ordering::Relaxed);
    if let Some(old) = old.as_ref().filter(|_| stays.is_none()) {
        containers.fetch_sub(1, Ordering::Relaxed);
        old.home.cancel_all();
    }
    if !is_mine {
        held::release(core, id, place);
    }
    // The container that left ends here, outside any borrow.
    drop((old, pool));
    Ok(())
}

/// A container is where it is: what waits for it goes on.
pub(crate) fn release(core: &Rc<Core>, pool: PoolId, place: u32) {
    if let Ok(container) = here(core, pool, place) {
        container.leaving.set(false);
    }
    held::release(core, pool, place);
}
