//! Host: runs a method through its module's table, on a lane, and finishes its call.
//!
//! Lives here: `queue`, `start`, `spawn`, `cancel`, `finish`; `call` (a call's state), `operation` (what a task waits for), `io`
//! (files and sockets), `asked` (what a module's hooks say about its calls), `home` (what of a container outlives a call), `blocking` (threads for methods that block), `periodic`
//! (methods that the node calls by itself), `relay` (calls that another process runs), `streams` (what passes beside a call), `library` (the C edge).
//! From: `place` with a placed call. To: `reply`.
//! Holds: every call that was queued is finished exactly once, also when its module panics, its future is dropped or its
//! client is dead; it is not finished while an operation has memory of its.

pub(crate) mod asked;
pub(crate) mod blocking;
pub(crate) mod call;
pub(crate) mod home;
mod io;
pub(crate) mod library;
pub(crate) mod operation;
pub(crate) mod periodic;
pub(crate) mod relay;
pub(crate) mod streams;

use crate::core::{Alarm, Core};
use crate::limits::{CANCEL_GRACE_NS, HEAVY_NS, SHIELDS_MAX};
use crate::place::keys::Entered;
use crate::place::{Method, Placed};
use crate::reply::{Answer, Refused, ReplySlot, Serving, Wait};
use crate::session::Session;
use crate::shared::WorkerId;
use crate::stats::add;
use call::{Call, Live, LiveKey, Outcome};
use std::rc::Rc;
use windlass_contract::module::Sample;
use windlass_contract::slot::{FLAG_DETACHED, NO_DEADLINE, Query};
use windlass_contract::{CallId, Code, Fault, Outcome as Ran};
use windlass_driver::Nanos;
use windlass_lane::limits::QUANTUM_NS;
use windlass_lane::{Class, LaneId, TaskOptions};

/// The lane of a call, and what it is expected to cost. A call that is heavy by that waits apart, so that quick ones pass it; what
/// its session sends to the same container behind it stays behind it.
///
/// # Errors
/// Of a module with lane groups, what `asked::group_lane` says.
#[inline(always)]
fn lane_of(core: &Rc<Core>, placed: &Placed) -> Result<(LaneId, u64, bool), Fault> {
    let (container, method) = (&placed.container, &placed.method);
    if method.flags.blocking {
        return Ok((LaneId::LATENCY, 0, false));
    }
    let cost_ns = asked::expected(core, container, method, placed.call.bytes());
    if let Some(group) = method.group {
        return Ok((asked::group_lane(core, container, method, &placed.call, group)?, cost_ns, false));
    }
    if method.flags.background {
        return Ok((LaneId::BACKGROUND, cost_ns, false));
    }
    if cost_ns <= HEAVY_NS && !container.is_behind(placed.call.owner) {
        return Ok((LaneId::LATENCY, cost_ns, false));
    }
    Ok((core.heavy, cost_ns, true))
}

/// Queues a placed call on its lane, behind all that came before it. A detached one is accepted here, where only the method
/// itself can still say no, so its caller is told.
#[inline(always)]
pub(crate) fn queue(core: &Rc<Core>, mut placed: Placed) {
    let using = match placed.container.begin_use() {
        Ok(using) => using,
        // It was relieved while this worker was held.
        Err(to) => return send_on(core, placed, to),
    };
    let (lane, cost_ns, heavy) = match lane_of(core, &placed) {
        Ok(found) => found,
        Err(fault) => return Refused::new(placed.call.reply, fault).answer(),
    };
    if !core.lanes.has_room(lane) {
        let fault = Fault::new(Code::QueueFull, "the lane has as many calls waiting as it may have");
        return Refused::new(placed.call.reply, fault).answer();
    }
    if placed.call.slot.flags & FLAG_DETACHED != 0 {
        placed.call.reply = match placed.call.reply.detach() {
            Ok(reply) => reply,
            Err(refused) => return refused.answer(),
        };
    }
    let call = Call::new(core, placed, using, lane, cost_ns, None);
    if heavy {
        call.container.goes_behind(call.owner);
        call.behind.set(true);
    }
    let queued = core.lanes.push(lane, call);
    if let Err((call, _full)) = queued {
        let fault = Fault::new(Code::QueueFull, "the lane has as many calls waiting as it may have");
        refuse(&call, fault);
    }
}

/// A call of a container that is at another worker now.
#[cold]
fn send_on(core: &Rc<Core>, mut placed: Placed, to: WorkerId) {
    placed.call.slot.query = Query::Id(placed.container.place.into());
    crate::mail::carry(core, placed.call, to, placed.container.place);
}

/// How a task is spawned.
pub(crate) struct Spawn {
    pub(crate) name: String,
    pub(crate) background: bool,
    /// 0: on the lane of its class.
    pub(crate) weight: u32,
}

/// Spawns a task of a call's container; answers its number. It begins in its turn, as a call does.
///
/// # Errors
/// `QueueFull`, `Draining`.
pub(crate) fn spawn(by: &Rc<Call>, how: Spawn, body: library::Body) -> Result<u64, Fault> {
    let core = &by.core;
    if core.draining.get() || core.over.get() {
        return Err(ended_early(Code::Draining).with_outcome(Ran::NotStarted));
    }
    let class = if how.background { Class::Background } else { Class::Latency };
    let lane = by.container.home.lane(class, how.weight)?;
    let wait = Rc::new(Wait::default());
    let method = Method::spawned(format!("{}/{}", by.container.pool_name, how.name), how.background);
    let placed = Placed::by_node(by.container.clone(), method, Vec::new(), wait.clone()).serving(by.owner);
    // Whoever spawns it uses the container.
    let using = by.container.begin_use().map_err(|_| ended_early(Code::Draining).with_outcome(Ran::NotStarted))?;
    let task = Call::new(core, placed, using, lane, 0, Some(body));
    let number = task.number;
    by.container.home.enter(number, wait)?;
    let queued = core.lanes.push(lane, task);
    if let Err((task, _full)) = queued {
        by.container.home.forget(number);
        let fault = Fault::new(Code::QueueFull, "the lane has as many calls waiting as it may have");
        refuse(&task, fault.clone());
        return Err(fault);
    }
    Ok(number)
}

/// Ends a call that has not run: it lets go of all it held, its key included.
fn refuse(call: &Rc<Call>, fault: Fault) {
    let core = &call.core;
    leave_behind(call);
    let reply = call.reply.borrow_mut().take().unwrap_or_else(ReplySlot::nobody);
    call.drop_buffers(&reply);
    drop(call.body.take());
    Refused::new(reply, fault).answer();
    if call.spawned {
        call.container.home.ended(call.number);
    }
    forget(call);
    leave_key(core, call);
    core.wake_flushers();
}

/// A call does not wait in its lane any more.
#[inline]
fn leave_behind(call: &Call) {
    if call.behind.replace(false) {
        call.container.came_from_behind(call.owner);
    }
}

/// Takes a call from among the living, with its timer.
fn forget(call: &Call) -> Option<Live> {
    if let Some(timer) = call.deadline_timer.take() {
        call.core.timers.borrow_mut().cancel(timer);
    }
    call.core.live.borrow_mut().remove(call.live.take()?)
}

/// Why a call is not to begin, if it is not.
fn too_late(core: &Core, call: &Call, now: Nanos) -> Option<Fault> {
    let given_up = || call.cancelled.get().or_else(|| call.reply.borrow().as_ref().and_then(ReplySlot::given_up));
    let why = match given_up() {
        _ if core.over.get() => ended_early(Code::Draining),
        Some(code) => ended_early(code),
        None if now >= call.deadline => Fault::new(Code::DeadlineExceeded, "its time was over before it began"),
        None => return None,
    };
    Some(why.with_outcome(Ran::NotStarted))
}

/// Begins a call: its key, then its method.
pub(crate) fn start(core: &Rc<Core>, call: Rc<Call>, now: Nanos) {
    leave_behind(&call);
    if let Some(fault) = too_late(core, &call, now) {
        return refuse(&call, fault);
    }
    if call.method.flags.key.is_none() || call.key.get().is_some() {
        return run(core, call, now);
    }
    let Some(key) = call.container.module.table.key(call.method.id, call.arguments()) else {
        return refuse(&call, Fault::new(Code::BadArguments, "the arguments do not decode to the method's key"));
    };
    let entered = call.container.keys.borrow_mut().enter(key, call.clone(), call.method.flags.reentrant);
    match entered {
        Entered::Runs(call) => {
            call.key.set(Some(key));
            run(core, call, now);
        }
        Entered::Waits => {
            call.key.set(Some(key));
            keep_alive(core, &call);
        }
        Entered::WouldDeadlock(call) => {
            let text = format!(
                "{}.{} needs a key that its own root (call {}) holds; mark the method reentrant, or call it outside",
                call.container.pool_name, call.method.name, call.root
            );
            refuse(&call, Fault::new(Code::WouldDeadlock, text));
        }
        Entered::Full(call) => {
            refuse(&call, Fault::new(Code::QueueFull, "as many calls wait for keys of this container as may"));
        }
    }
}

/// Runs the method: to its end here, or as a task.
fn run(core: &Rc<Core>, call: Rc<Call>, now: Nanos) {
    call.began.set(now);
    call.container.live.set(call.container.live.get() + 1);
    if let Some(relay) = call.container.relay.clone() {
        return relay::serve(core, &relay, call);
    }
    if windlass_contract::streams::is_of_streams(call.method.id) {
        return streams::serve(core, call);
    }
    if call.method.flags.blocking {
        return blocking::submit(core, call);
    }
    let Some(hosted) = library::start(&call) else { return };
    // It goes on: a task of its own polls it, for the first time here and now, in its turn among the calls.
    if !core.lanes.has_room_for_task() {
        let text = "the worker has as many tasks as it may have";
        call.outcome.set(Outcome::Fault(Fault::new(Code::QueueFull, text).with_outcome(Ran::Unknown)));
        // Dropped here, where nothing is borrowed: it finishes the call.
        return drop(hosted);
    }
    // Before that poll: it may end in it, and what it does there may look for it.
    keep_alive(core, &call);
    let spawned = core.lanes.spawn_now(TaskOptions::new(call.method.full.clone()).on(call.lane), hosted);
    match spawned {
        Ok(task) => {
            let mut live = core.live.borrow_mut();
            // One that has ended is not there any more; its handle is dropped.
            if let Some(entry) = call.live.get().and_then(|key| live.get_mut(key)) {
                entry.task = Some(task);
                // A call that handed it its key may have read the clock before it ran.
                core.read_at.set(0);
            }
        }
        Err(error) => tracing::error!(?error, call = call.number, "no task for a call although there was room"),
    }
}

/// Enters the call among the living, so that it can be cancelled, and sets its deadline.
fn keep_alive(core: &Rc<Core>, call: &Rc<Call>) {
    if call.live.get().is_some() {
        return;
    }
    let key = core.live.borrow_mut().insert(Live { call: call.clone(), task: None });
    call.live.set(Some(key));
    if let Some(reply) = call.reply.borrow().as_ref() {
        reply.set_live(Serving::Here(key));
    }
    if call.deadline != NO_DEADLINE {
        let timer = core.timers.borrow_mut().set(call.deadline, Alarm::Deadline(key));
        call.deadline_timer.set(timer);
    }
}

/// An operation has let go of a call's memory; a call that has ended and waited for that is finished.
pub(crate) fn let_go(call: &Rc<Call>) {
    call.held.set(call.held.get() - 1);
    if call.held.get() == 0 && call.ended.replace(false) {
        finish(call);
    }
}

/// Lets go of what operations had that nobody looked at any more; answers whether there was any.
pub(crate) fn let_go_late(core: &Rc<Core>) -> bool {
    let mut any = false;
    loop {
        let late = core.late.borrow_mut().pop();
        let Some(call) = late else { return any };
        let_go(&call);
        any = true;
    }
}

/// A call has ended; answers it and lets go of all it held. Called once per call that ran, and once more when an operation
/// still had memory of it.
pub(crate) fn finish(call: &Rc<Call>) {
    let core = &call.core;
    operation::give_up_all(call);
    if call.held.get() > 0 {
        call.held_ns.set(held_ns(core, call, core.now()));
        return call.ended.set(true);
    }
    streams::over(call);
    let outcome = call.outcome.take();
    let is_fault = !matches!(outcome, Outcome::Value);
    let answered = call.stamps.as_ref().map(|_| core.now());
    let reply = call.reply.borrow_mut().take().unwrap_or_else(ReplySlot::nobody);
    match outcome {
        Outcome::Value => {
            let entries = call.settle_buffers(&reply);
            let value = call.value.borrow();
            match &entries {
                Ok(entries) => reply.answer(&Answer::Value { bytes: &value, buffers: entries }),
                Err(fault) => reply.answer(&Answer::Fault(fault)),
            }
        }
        Outcome::Fault(fault) => {
            call.drop_buffers(&reply);
            reply.answer(&Answer::Fault(&fault));
        }
        Outcome::None => {
            call.drop_buffers(&reply);
            let fault = match call.cancelled.get() {
                Some(code) => ended_early(code).with_outcome(Ran::Unknown),
                None => Fault::new(Code::Lost, format!("{} ended without an answer", call.method.name)),
            };
            reply.answer(&Answer::Fault(&fault));
        }
    }
    // The caller has its answer by now: what is counted costs it nothing.
    let now = core.now();
    core.read_at.set(now);
    if let Some(stats) = call.container.stats(&call.method) {
        let held_ns = match call.held_ns.get() {
            0 => held_ns(core, call, now),
            held_ns => held_ns,
        };
        let (method, bytes, ran_ns) = (call.method.id.0, call.bytes(), now.saturating_sub(call.began.get()));
        let sample = Sample { method, bytes, ran_ns, held_ns };
        asked::ended(core, &call.container, &call.method, sample, is_fault);
        // When it passed from room to room, if it was stamped.
        if let (Some(way), Some(answered), false) = (&call.stamps, answered, is_fault) {
            stats.stages.add(way, answered, now);
        }
    }
    add(&core.counters.calls, u64::from(!call.spawned));
    add(&core.counters.faults, u64::from(is_fault && !call.spawned));
    call.container.live.set(call.container.live.get() - 1);
    if call.spawned {
        call.container.home.ended(call.number);
    }
    if let Some(Live { task: Some(task), .. }) = forget(call) {
        task.detach();
    }
    leave_key(core, call);
    core.wake_flushers();
}

/// For how long a call that ends now has held its worker. One that never was a task, or ended in its first poll, did all the
/// time; one of a thread holds no worker, so that what its thread took counts.
fn held_ns(core: &Core, call: &Call, now: Nanos) -> Nanos {
    let live = core.live.borrow();
    match call.live.get().and_then(|key| live.get(key)).and_then(|live| live.task.as_ref()) {
        Some(task) => core.lanes.ran(task.id(), now),
        None => now.saturating_sub(call.began.get()),
    }
}

fn leave_key(core: &Rc<Core>, call: &Rc<Call>) {
    let Some(key) = call.key.take() else { return };
    let next = call.container.keys.borrow_mut().leave(key);
    let Some(next) = next else { return };
    core.handed.borrow_mut().push_back(next);
    // The next one may end at once and hand the key on in turn: one frame runs them all, however many wait.
    if core.handing.replace(true) {
        return;
    }
    let from = core.now();
    loop {
        let next = core.handed.borrow_mut().pop_front();
        let Some(next) = next else { break };
        hand_over(core, next, from);
    }
    core.handing.set(false);
}

/// Begins a call that was handed its key. It waited its turn in the queue once, so it goes before what is queued, unless
/// such calls have had the worker for a quantum already, since `from`.
fn hand_over(core: &Rc<Core>, call: Rc<Call>, from: Nanos) {
    let now = core.now();
    if now.saturating_sub(from) <= QUANTUM_NS {
        return start(core, call, now);
    }
    let queued = core.lanes.push(call.lane, call);
    if let Err((call, _full)) = queued {
        start(core, call, now);
    }
}

/// What a call that was asked to end answers: it ended, unless who says this knows better.
pub(crate) fn ended_early(code: Code) -> Fault {
    let text = match code {
        Code::DeadlineExceeded => "the call's time ran out",
        Code::Draining => "the node stops",
        _ => return Fault::new(Code::Cancelled, "the caller asked the call to end"),
    };
    Fault::new(code, text).with_outcome(Ran::Ended)
}

/// A client asks one of its calls to end. One that has not begun does not begin; one that has ended is left as it is.
pub(crate) fn cancel_by_client(core: &Rc<Core>, from: &Rc<Session>, call: CallId) {
    match from.live(call) {
        Some(serving) => serving.end(core, Code::Cancelled),
        None => from.give_up(call),
    }
}

/// Asks a living call to end: what it waits for resolves, and after a grace its future is dropped.
pub(crate) fn cancel(core: &Rc<Core>, key: LiveKey, code: Code) {
    let Some((call, runs)) = core.live.borrow().get(key).map(|live| (live.call.clone(), live.task.is_some()))
    else {
        return;
    };
    if call.cancelled.get().is_some() {
        return;
    }
    call.cancelled.set(Some(code));
    if !runs && let Some(wanted) = call.key.get() {
        let waited = call.container.keys.borrow_mut().give_up(wanted, &call);
        if waited {
            call.key.set(None);
            return refuse(&call, ended_early(code).with_outcome(Ran::NotStarted));
        }
    }
    if let Some(relay) = call.container.relay.clone() {
        return relay::cancel(core, &relay, &call, code);
    }
    if windlass_contract::streams::is_of_streams(call.method.id) {
        return streams::cancel(core, &call, code);
    }
    if call.method.flags.blocking {
        return blocking::cancel(core, &call, code);
    }
    call.wake_all();
    let at = core.now().saturating_add(CANCEL_GRACE_NS);
    core.timers.borrow_mut().set(at, Alarm::Grace(key));
}

/// A cancelled call's grace is over: its future is dropped, which finishes it; but one that does what it shielded is given
/// some more.
pub(crate) fn grace_over(core: &Rc<Core>, key: LiveKey) {
    let call = core.live.borrow().get(key).map(|live| live.call.clone());
    if let Some(call) = call
        && call.operations.borrow().is_shielded()
        && call.graces.get() < SHIELDS_MAX
    {
        call.graces.set(call.graces.get() + 1);
        let at = core.now().saturating_add(CANCEL_GRACE_NS);
        core.timers.borrow_mut().set(at, Alarm::Grace(key));
        return;
    }
    drop_late(core, key);
}

/// Drops a call's future, which finishes it.
pub(crate) fn drop_late(core: &Rc<Core>, key: LiveKey) {
    let task = core.live.borrow_mut().get_mut(key).and_then(|live| live.task.take());
    if let Some(task) = task {
        tracing::warn!("a cancelled call did not end in its grace and is dropped");
        task.abort();
    }
}
