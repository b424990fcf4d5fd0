//! Orders: what one worker has another do that is no call.
//!
//! Lives here: `Order`, `Told`, `ask` (one worker), `Orders` (those that are out).
//! From: `admin`, on the worker that has the catalog. To: `admin`'s parts there, as a task of that worker.
//! Holds: an order is carried out once and answered once; whoever asked and does not wait any more is not told.

use super::Letter;
use crate::admin::{moved, part, report};
use crate::core::{Alarm, Core};
use crate::host::library::{State, Table};
use crate::limits::ORDERS_MAX;
use crate::place::Provided;
use crate::place::claim::Claim;
use crate::place::held::{self, Which};
use crate::place::mode::Spread;
use crate::place::share::{self, Share, Where};
use crate::shared::WorkerId;
use crate::stats::Costs;
use slotmap::SlotMap;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use windlass_contract::{Code, Fault, PoolId};
use windlass_driver::Nanos;
use windlass_lane::{TaskOptions, TimerId};

slotmap::new_key_type! {
    /// An order that another worker has.
    pub(crate) struct OrderKey;
}

/// What a worker is to do.
pub(crate) enum Order {
    /// Make a container of a pool that does not stand yet.
    Make(u32, Box<Plan>),
    /// A pool stands: its containers are at these workers.
    Open(Box<Plan>),
    /// A pool does not come about: drop what was made for it.
    Forget(PoolId),
    /// Ask the containers of a pool whether it may end.
    Destroy(PoolId),
    /// A pool ends.
    Close(PoolId),
    /// A container that was made takes over the state that this version exported, or comes back without any.
    TakeUp(PoolId, u32, Option<(String, Vec<u8>)>),
    /// A container's state.
    Export(PoolId, u32),
    /// Whether a container could move: it runs nothing of its own, and its state can be had, or there is none.
    Probe(PoolId, u32),
    /// Drop a container that was made for a pool that stands and is not to be of it.
    Unmake(PoolId, u32),
    /// These calls to a container wait from now on.
    Hold(PoolId, u32, Which),
    /// Nothing: what was written before is posted once this is answered.
    Fence,
    /// Wait until a container runs nothing.
    Drain(PoolId, u32),
    /// A container is there now; calls to it go on. Where it is, or a share of it, they wait until they are released.
    Switch(PoolId, u32, Where),
    /// A container stays, or has come: calls to it go on.
    Release(PoolId, u32),
    /// Callers of a pool that did not come back are refused with this Fault; with none, no longer.
    Refuse(PoolId, String, Option<Fault>),
    /// A module was loaded.
    Load(Table, String),
    /// Wait for what was accepted so far, but for calls of this root.
    Flush(u64),
    /// Tell.
    Report(report::Of),
}

/// A pool that stands, or is to.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) pool: PoolId,
    pub(crate) name: String,
    pub(crate) module: String,
    /// Encoded create parameters.
    pub(crate) parameters: Vec<u8>,
    pub(crate) spread: Spread,
    /// What its methods are expected to cost: one for all workers.
    pub(crate) costs: Arc<Costs>,
    /// Where its containers are, in order of their ids.
    pub(crate) workers: Vec<WorkerId>,
    /// By which others may see whether they are in use, if they may.
    pub(crate) claims: Vec<Option<Arc<Claim>>>,
    /// Which workers run their calls, and what they share; nothing where a container has one worker.
    pub(crate) shares: Vec<Arc<[Share]>>,
    pub(crate) states: Vec<Option<Arc<State>>>,
    /// Its module, if another process serves it.
    pub(crate) provided: Option<Arc<Provided>>,
}

impl Plan {
    /// Where a container of it is to be.
    pub(crate) fn where_is(&self, place: u32) -> Option<Where> {
        let at = place as usize;
        let worker = *self.workers.get(at)?;
        let (claim, shares) = (self.claims.get(at).cloned().flatten(), self.shares.get(at).cloned());
        Some(Where { worker, claim, shares: shares.unwrap_or_default() })
    }
    /// The workers that are to have a container, each once.
    pub(crate) fn workers_of(&self, place: u32) -> BTreeSet<WorkerId> {
        let Some(there) = self.where_is(place) else { return BTreeSet::new() };
        share::workers(&there.shares).into_iter().chain([there.worker]).collect()
    }
}

/// What came of an order.
#[derive(Debug)]
pub(crate) enum Told {
    /// It is done.
    Done,
    /// What was asked.
    Report(report::Report),
    /// What a container exported.
    State(Vec<u8>),
}

/// An answer that is awaited.
#[derive(Default)]
pub(crate) struct Awaited {
    told: Option<Result<Told, Fault>>,
    waker: Option<Waker>,
}

/// The orders of one worker that others have.
pub(crate) type Orders = SlotMap<OrderKey, Rc<RefCell<Awaited>>>;

/// Has a worker, which may be this one, carry out an order.
///
/// # Errors
/// What the order came to; `QueueFull` when too many are out.
pub(crate) async fn ask(core: &Rc<Core>, worker: WorkerId, order: Order) -> Result<Told, Fault> {
    if worker == core.worker {
        return carry_out(core.clone(), order).await;
    }
    let awaited = Rc::new(RefCell::new(Awaited::default()));
    let key = enter(core, awaited.clone())?;
    // Whoever is dropped while it waits is not told: the answer then finds nobody.
    let _out = Out { core, key };
    core.mail.write(worker, Letter::Order(core.worker, key, order));
    std::future::poll_fn(|cx| {
        let mut awaited = awaited.borrow_mut();
        match awaited.told.take() {
            Some(told) => Poll::Ready(told),
            None => {
                awaited.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    })
    .await
}

fn enter(core: &Core, awaited: Rc<RefCell<Awaited>>) -> Result<OrderKey, Fault> {
    let mut orders = core.mail.orders.borrow_mut();
    if orders.len() >= ORDERS_MAX {
        return Err(Fault::new(Code::QueueFull, "the workers have as many orders as they may have"));
    }
    Ok(orders.insert(awaited))
}

/// Has another worker carry out an order, and does not wait for it.
pub(crate) fn tell(core: &Core, worker: WorkerId, order: Order) {
    core.mail.write(worker, Letter::Order(core.worker, OrderKey::default(), order));
}

struct Out<'a> {
    core: &'a Rc<Core>,
    key: OrderKey,
}

impl Drop for Out<'_> {
    fn drop(&mut self) {
        self.core.mail.orders.borrow_mut().remove(self.key);
    }
}

/// Has each of these workers carry out an order, all at once; the first error, when all are done.
///
/// # Errors
/// As `ask`.
pub(crate) async fn ask_each(
    core: &Rc<Core>,
    workers: impl IntoIterator<Item = WorkerId>,
    order: impl Fn(WorkerId) -> Order,
) -> Result<Vec<Told>, Fault> {
    let asked: Vec<_> = workers.into_iter().map(|worker| (worker, order(worker))).collect();
    together(core, asked).await.into_iter().collect()
}

/// Carries out orders at the same time; their answers, in order, when all are there.
pub(crate) async fn together(core: &Rc<Core>, orders: Vec<(WorkerId, Order)>) -> Vec<Result<Told, Fault>> {
    together_until(core, orders, None).await.into_iter().flatten().collect()
}

/// The same, but not for longer than until then: what is not there by then is nothing.
pub(crate) async fn together_until(
    core: &Rc<Core>,
    orders: Vec<(WorkerId, Order)>,
    until: Option<Nanos>,
) -> Vec<Option<Result<Told, Fault>>> {
    let asked = |(worker, order)| (Some(Box::pin(ask(core, worker, order))), None);
    let mut waiting: Vec<_> = orders.into_iter().map(asked).collect();
    let mut timer = Timer { core, set: None };
    std::future::poll_fn(|cx| {
        for (future, answer) in waiting.iter_mut() {
            if let Some(Poll::Ready(told)) = future.as_mut().map(|future| future.as_mut().poll(cx)) {
                (*future, *answer) = (None, Some(told));
            }
        }
        let late = until.is_some_and(|until| core.now() >= until);
        if late || waiting.iter().all(|(future, _)| future.is_none()) {
            return Poll::Ready(());
        }
        timer.wake_at(until, cx.waker());
        Poll::Pending
    })
    .await;
    waiting.into_iter().map(|(_, answer)| answer).collect()
}

/// Waits until then, by a timer of this worker.
pub(crate) async fn sleep(core: &Rc<Core>, until: Nanos) {
    let mut timer = Timer { core, set: None };
    std::future::poll_fn(|cx| {
        if core.now() >= until {
            return Poll::Ready(());
        }
        timer.wake_at(Some(until), cx.waker());
        Poll::Pending
    })
    .await;
}

/// A timer that goes with whoever waits for it.
struct Timer<'a> {
    core: &'a Rc<Core>,
    set: Option<TimerId>,
}

impl Timer<'_> {
    fn wake_at(&mut self, until: Option<Nanos>, waker: &Waker) {
        let Some(until) = until else { return };
        let mut timers = self.core.timers.borrow_mut();
        if let Some(before) = self.set.take() {
            timers.cancel(before);
        }
        self.set = timers.set(until, Alarm::Wake(waker.clone()));
    }
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        if let Some(set) = self.set.take() {
            self.core.timers.borrow_mut().cancel(set);
        }
    }
}

/// An order has come. One that waits for something is a task of this worker's; the others are carried out at once.
pub(super) fn take(core: &Rc<Core>, from: WorkerId, key: OrderKey, order: Order) {
    let order = match at_once(core, order) {
        Ok(told) => return core.mail.write(from, Letter::Told(key, told)),
        Err(order) => order,
    };
    let inner = core.clone();
    let future = async move {
        let told = carry_out(inner.clone(), order).await;
        inner.mail.write(from, Letter::Told(key, told));
    };
    match core.lanes.spawn(TaskOptions::new("an order of another worker"), future) {
        Ok(task) => task.detach(),
        Err(error) => {
            let fault =
                Fault::new(Code::NoMemory, format!("worker {}: no task for an order: {error}", core.worker));
            core.mail.write(from, Letter::Told(key, Err(fault)));
        }
    }
}

/// What an order came to.
pub(super) fn told(core: &Core, key: OrderKey, told: Result<Told, Fault>) {
    let awaited = core.mail.orders.borrow().get(key).cloned();
    let Some(awaited) = awaited else { return };
    let mut awaited = awaited.borrow_mut();
    awaited.told = Some(told);
    if let Some(waker) = awaited.waker.take() {
        waker.wake();
    }
}

async fn carry_out(core: Rc<Core>, order: Order) -> Result<Told, Fault> {
    match at_once(&core, order) {
        Ok(told) => return told,
        Err(Order::Make(place, plan)) => part::make(&core, place, *plan).await?,
        Err(Order::Destroy(pool)) => part::destroy(&core, pool).await?,
        Err(Order::TakeUp(pool, place, state)) => part::take_up(&core, pool, place, state).await?,
        Err(Order::Probe(pool, place)) => moved::probe(&core, pool, place).await?,
        Err(Order::Drain(pool, place)) => moved::drain(&core, pool, place).await?,
        Err(Order::Export(pool, place)) => return part::export(&core, pool, place).await.map(Told::State),
        Err(Order::Flush(root)) => part::flush(&core, root, core.arrivals.get()).await?,
        Err(_) => unreachable!("`at_once` carries out the others"),
    }
    Ok(Told::Done)
}

/// Carries out an order that waits for nothing; gives others back.
pub(crate) fn at_once(core: &Rc<Core>, order: Order) -> Result<Result<Told, Fault>, Order> {
    let done = |result: Result<(), Fault>| Ok(result.map(|()| Told::Done));
    match order {
        Order::Open(plan) => done(part::open(core, *plan)),
        Order::Forget(pool) => {
            part::forget(core, pool);
            done(Ok(()))
        }
        Order::Close(pool) => {
            part::close(core, pool);
            done(Ok(()))
        }
        Order::Refuse(pool, name, fault) => {
            core.places.borrow_mut().refuse(pool, name, fault);
            done(Ok(()))
        }
        Order::Unmake(pool, place) => {
            moved::unmake(core, pool, place);
            done(Ok(()))
        }
        Order::Hold(pool, place, which) => {
            held::begin(core, pool, place, which);
            done(Ok(()))
        }
        Order::Fence => done(Ok(())),
        Order::Switch(pool, place, to) => done(moved::switch(core, pool, place, to)),
        Order::Release(pool, place) => {
            moved::release(core, pool, place);
            done(Ok(()))
        }
        Order::Load(table, origin) => done(part::load(core, table, origin)),
        Order::Report(of) => Ok(Ok(Told::Report(report::local(core, of)))),
        waits @ (Order::Make(..)
        | Order::TakeUp(..)
        | Order::Export(..)
        | Order::Probe(..)
        | Order::Drain(..)
        | Order::Destroy(_)
        | Order::Flush(_)) => Err(waits),
    }
}
