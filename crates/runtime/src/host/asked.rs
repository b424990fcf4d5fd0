//! Asked: what a module's hooks say about its calls, and what goes when they say nothing.
//!
//! Lives here: `expected` (what a call will cost), `group_lane` (which lane of its group it waits in), `Untold` with `told` (samples on their way to their modules), `schedule`,
//! `may_fan`, `work_left`.
//! From: `host` before and after a call, `place` for a query, `admin` for a flush. To: the container's hooks (`library::ask`).
//! Holds: a hook that a module does not have is not asked; one that fails changes nothing but what it was asked for, and is
//! told in the log once per container. Samples are told between pieces of work, when no method of a container runs.

use super::library::{ask, may_ask};
use crate::core::Core;
use crate::limits::SAMPLES_UNTOLD_MAX;
use crate::place::{Container, Method};
use crate::transport::Arrived;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use windlass_contract::module::{Cost, Event, Lane, LaneCall, Sample};
use windlass_contract::serve::arguments_hash;
use windlass_contract::{Code, Fault, Outcome};
use windlass_lane::{Class, LaneId};

/// Asks for a value.
///
/// # Errors
/// What the hook answers; `BadReply` for bytes that are no answer.
fn value<T: DeserializeOwned>(
    core: &Core,
    of: &Container,
    event: Event,
    question: &impl Serialize,
) -> Result<T, Fault> {
    let bad = |error: postcard::Error| Fault::new(Code::BadReply, format!("the hook for {event:?}: {error}"));
    let question = postcard::to_allocvec(question).map_err(bad)?;
    let answer = ask(core, of, event, &question)?;
    postcard::from_bytes(&answer).map_err(bad)
}

/// The same, where something else goes if there is no answer: why there is none stands in the log, once.
fn or_told<T: DeserializeOwned>(
    core: &Core,
    of: &Container,
    event: Event,
    question: &impl Serialize,
) -> Option<T> {
    match value(core, of, event, question) {
        Ok(answer) => Some(answer),
        Err(fault) => {
            if of.told.get() & event.bit() == 0 {
                of.told.set(of.told.get() | event.bit());
                let (pool, container) = (&of.pool_name, of.place);
                tracing::warn!(%pool, container, ?event, %fault, "a hook failed; this is not said again");
            }
            None
        }
    }
}

/// What a call of this container is expected to cost, nanoseconds: by the module's own word, or by what was learnt.
#[inline]
pub(crate) fn expected(core: &Core, of: &Container, method: &Method, bytes: u64) -> u64 {
    let Some(stats) = of.stats(method) else { return 0 };
    let learnt = stats.expected();
    if of.module.table.owns(Event::Estimate) && may_ask(of) {
        let cost: Option<Cost> = or_told(core, of, Event::Estimate, &(method.id.0, bytes, learnt));
        return cost.unwrap_or(learnt).of(bytes);
    }
    learnt.of(bytes)
}

/// The lane that a call waits in, of its group, by the word of its module or by key and load.
///
/// # Errors
/// `BadReply` when the word is none of them; `QueueFull` when the worker has as many lanes as it may have.
pub(crate) fn group_lane(
    core: &Core,
    of: &Container,
    method: &Method,
    call: &Arrived,
    group: usize,
) -> Result<LaneId, Fault> {
    let Some(facts) = of.module.descriptor.lanes.get(group) else { return Ok(LaneId::LATENCY) };
    let key = method.flags.key.as_ref().and_then(|_| of.module.table.key(method.id, call.arguments()));
    let mut chosen = Lane::Usual;
    if of.module.table.owns(Event::Lane) && may_ask(of) {
        let (method, bytes, lanes, group) = (method.id.0, call.bytes(), facts.lanes, group as u32);
        let asked = LaneCall { method, bytes, key, group, lanes };
        chosen = or_told(core, of, Event::Lane, &asked).unwrap_or_default();
    }
    let class = if method.flags.background { Class::Background } else { Class::Latency };
    let by_hash = |hash: u64| of.dealt.lane_of(hash, facts.lanes);
    let number = match (chosen, key) {
        (Lane::Number(number), _) if number >= facts.lanes => {
            let (pool, name) = (&of.pool_name, &facts.name);
            let text = format!("`lane_of` of {pool} chose lane {number} of {} in group {name}", facts.lanes);
            return Err(Fault::new(Code::BadReply, text).with_outcome(Outcome::NotStarted));
        }
        (Lane::Number(number), _) => number,
        (Lane::ByHash(hash), _) | (Lane::Usual, Some(hash)) => by_hash(hash),
        (Lane::LeastLoaded, _) | (Lane::Usual, None) => of.home.least_loaded(class, group, facts.lanes, &of.dealt),
    };
    of.home.group_lane(class, group, number, &lane_name(of, &facts.name))
}

/// What the lanes of a group are called: by pool, container and group.
pub(crate) fn lane_name(of: &Container, group: &str) -> String {
    format!("{}/{} {group}", of.pool_name, of.place)
}

/// Calls that have ended and that their modules were not told of.
#[derive(Default)]
pub(crate) struct Untold(RefCell<VecDeque<Ended>>);

struct Ended {
    of: Weak<Container>,
    method: Rc<Method>,
    sample: Sample,
}

/// A call of this container has ended.
pub(crate) fn ended(core: &Core, of: &Rc<Container>, method: &Rc<Method>, sample: Sample, fault: bool) {
    let Some(stats) = of.stats(method) else { return };
    if stats.record(sample, fault) {
        of.costs.tell(method.index(), stats.expected());
    }
    let table = of.module.table;
    if !fault && (table.owns(Event::Sample) || (table.owns(Event::Train) && stats.is_to_be_trained())) {
        let mut untold = core.untold.0.borrow_mut();
        if untold.len() < SAMPLES_UNTOLD_MAX {
            untold.push_back(Ended { of: Rc::downgrade(of), method: method.clone(), sample });
        }
    }
}

/// Tells modules of their calls, and asks them for a fit when enough have ended; nothing of them runs now.
pub(crate) fn tell(core: &Core) {
    // As many as there are now: telling makes no more.
    let untold = std::mem::take(&mut *core.untold.0.borrow_mut());
    for Ended { of, method, sample } in untold {
        let Some(of) = of.upgrade().filter(|of| may_ask(of)) else { continue };
        if of.module.table.owns(Event::Sample) {
            let _nothing: Option<()> = or_told(core, &of, Event::Sample, &sample);
        }
        if let Some(stats) = of.stats(&method)
            && of.module.table.owns(Event::Train)
            && stats.is_to_be_trained()
        {
            let fit: Option<Option<Cost>> = or_told(core, &of, Event::Train, &stats.samples());
            stats.train(fit.flatten());
            of.costs.tell(method.index(), stats.expected());
        }
    }
}

/// Whether modules are to be told of something.
#[inline]
pub(crate) fn is_untold(core: &Core) -> bool {
    !core.untold.0.borrow().is_empty()
}

/// Which of `count` containers a dynamic call goes to, by the word of one of them. Nothing: it has failed, and the node's own
/// choice goes.
///
/// # Errors
/// `UnknownContainer` when the word is none of them.
pub(crate) fn schedule(
    core: &Core,
    by: &Container,
    method: &Method,
    call: &Arrived,
    count: usize,
) -> Result<Option<usize>, Fault> {
    let arguments = call.arguments();
    let key = method.flags.key.as_ref().and_then(|_| by.module.table.key(method.id, arguments));
    let hash = key.unwrap_or_else(|| arguments_hash(arguments));
    let chosen: Option<u32> = or_told(core, by, Event::Schedule, &(method.id.0, hash, count as u32));
    match chosen {
        Some(at) if at as usize >= count => {
            let text =
                format!("`schedule` of {} chose container {at} of {count} for {}", by.pool_name, method.name);
            Err(Fault::new(Code::UnknownContainer, text))
        }
        chosen => Ok(chosen.map(|at| at as usize)),
    }
}

/// Asks one of the containers that a call is to go to whether it may.
///
/// # Errors
/// The module's, which is the call's answer.
pub(crate) fn may_fan(core: &Core, by: &Container, method: &Method, replicas: usize) -> Result<(), Fault> {
    let started: Result<(), Fault> = value(core, by, Event::ReplicaStart, &(method.id.0, replicas as u32));
    started.map_err(|fault| fault.with_outcome(Outcome::NotStarted))
}

/// What of a container's work remains before a flush is done.
pub(crate) fn work_left(core: &Core, of: &Container) -> u64 {
    if !of.module.table.owns(Event::FlushWork) || !may_ask(of) {
        return 0;
    }
    or_told(core, of, Event::FlushWork, &()).unwrap_or(0)
}
