//! Report: what a worker says about itself, and what the node makes of all reports.
//!
//! Lives here: `Of`, `Report`, `local` (this worker's), `gather` (everybody's).
//! From: `admin`. To: facts that cross to whoever asked.
//! Holds: a worker reports what is its own; sums and histograms are put together where they were asked for. A worker that is
//! stalled, or does not answer soon, is left out.

use crate::core::Core;
use crate::limits::{REPORT_NS, TASKS_LISTED_MAX};
use crate::mail::orders::{Order, Told, together_until};
use crate::place::{Container, Pool};
use crate::shared::WorkerId;
use crate::stats::MethodReport;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use windlass_contract::admin::{
    ContainerFacts, LaneFacts, LatencyFacts, MethodFacts, SampleFacts, SessionFacts, StageFacts, TaskFacts,
    WorkerFacts,
};
use windlass_contract::module::Sample;
use windlass_contract::{Fault, MethodId, PoolId};
use windlass_lane::Class;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of {
    Containers,
    Methods,
    Sessions,
    Tasks,
    Stages,
    Worker,
    Samples(PoolId, MethodId),
    Lanes,
}

/// What a worker says.
#[derive(Debug)]
pub(crate) enum Report {
    Containers(Vec<ContainerFacts>),
    Methods(Vec<MethodReport>),
    Sessions(Vec<SessionFacts>),
    Tasks(Vec<TaskFacts>),
    Stages(Vec<StageFacts>),
    Worker(Box<Counts>),
    Samples(Vec<SampleFacts>),
    Lanes(Vec<LaneFacts>),
}

/// What a worker has counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    worker: u16,
    pub(crate) tasks: u64,
    pub(crate) queued: u64,
    pub(crate) calls: u64,
    pub(crate) faults: u64,
    pub(crate) copied_bytes: u64,
    pub(crate) frozen_bytes: u64,
    pub(crate) turns: u64,
    pub(crate) parks: u64,
    pub(crate) overruns: u64,
    pub(crate) carried: u64,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.tasks += other.tasks;
        self.queued += other.queued;
        self.calls += other.calls;
        self.faults += other.faults;
        self.copied_bytes += other.copied_bytes;
        self.frozen_bytes += other.frozen_bytes;
        self.turns += other.turns;
        self.parks += other.parks;
        self.overruns += other.overruns;
        self.carried += other.carried;
    }
}

/// This worker's report.
pub(crate) fn local(core: &Rc<Core>, of: Of) -> Report {
    match of {
        Of::Containers => Report::Containers(containers(core)),
        Of::Methods => Report::Methods(methods(core)),
        Of::Sessions => Report::Sessions(core.sessions.borrow().all.values().map(|one| one.facts()).collect()),
        Of::Tasks => Report::Tasks(tasks(core)),
        Of::Stages => Report::Stages(stages(core)),
        Of::Worker => Report::Worker(Box::new(counts(core))),
        Of::Samples(pool, method) => Report::Samples(samples(core, pool, method)),
        Of::Lanes => Report::Lanes(lanes(core)),
    }
}

/// The reports of all workers that answer soon, in order.
///
/// # Errors
/// `QueueFull` when too many orders are out.
async fn gather(core: &Rc<Core>, of: Of) -> Result<Vec<Report>, Fault> {
    let shared = &core.shared;
    let asked = shared.workers().filter(|worker| *worker == core.worker || !shared.desk(*worker).is_stalled());
    let orders = asked.map(|worker| (worker, Order::Report(of))).collect();
    let told = together_until(core, orders, Some(core.now().saturating_add(REPORT_NS))).await;
    let told: Vec<Told> = told.into_iter().flatten().collect::<Result<_, Fault>>()?;
    let report = |told| if let Told::Report(report) = told { Some(report) } else { None };
    Ok(told.into_iter().filter_map(report).collect())
}

/// Calls answered and calls alive of each pool.
///
/// # Errors
/// As `gather`.
pub(crate) async fn pools(core: &Rc<Core>) -> Result<BTreeMap<u64, (u64, u64)>, Fault> {
    let mut sums: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for one in all_containers(core).await? {
        let sum = sums.entry(one.pool_id).or_default();
        *sum = (sum.0 + one.calls, sum.1 + one.live);
    }
    Ok(sums)
}

/// The containers of all pools, by pool and id.
///
/// # Errors
/// As `gather`.
pub(crate) async fn all_containers(core: &Rc<Core>) -> Result<Vec<ContainerFacts>, Fault> {
    let reports = gather(core, Of::Containers).await?;
    let lists =
        reports.into_iter().filter_map(|one| if let Report::Containers(list) = one { Some(list) } else { None });
    let mut all: Vec<_> = lists.flatten().collect();
    all.sort_by_key(|one| (one.pool_id, one.id));
    Ok(all)
}

/// The sessions of all workers, by number.
///
/// # Errors
/// As `gather`.
pub(crate) async fn all_sessions(core: &Rc<Core>) -> Result<Vec<SessionFacts>, Fault> {
    let reports = gather(core, Of::Sessions).await?;
    let lists =
        reports.into_iter().filter_map(|one| if let Report::Sessions(list) = one { Some(list) } else { None });
    let mut all: Vec<_> = lists.flatten().collect();
    all.sort_by_key(|facts| facts.id);
    Ok(all)
}

/// The tasks of all workers.
///
/// # Errors
/// As `gather`.
pub(crate) async fn all_tasks(core: &Rc<Core>) -> Result<Vec<TaskFacts>, Fault> {
    let reports = gather(core, Of::Tasks).await?;
    let lists =
        reports.into_iter().filter_map(|one| if let Report::Tasks(list) = one { Some(list) } else { None });
    Ok(lists.flatten().take(TASKS_LISTED_MAX).collect())
}

/// What each method of each pool did, its containers together.
///
/// # Errors
/// As `gather`.
pub(crate) async fn all_methods(core: &Rc<Core>) -> Result<Vec<MethodFacts>, Fault> {
    Ok(method_sums(core).await?.values().map(MethodReport::facts).collect())
}

/// How long the calls of one method took, on all workers.
///
/// # Errors
/// As `gather`.
pub(crate) async fn latency(core: &Rc<Core>, pool: PoolId, method: MethodId) -> Result<LatencyFacts, Fault> {
    let name = core.places.borrow().by_id(pool).map(|pool| pool.name.clone()).unwrap_or_default();
    let sums = method_sums(core).await?;
    let none = LatencyFacts { calls: 0, mean_us: 0.0, quantiles_us: Vec::new(), max_us: 0.0, ranges: Vec::new() };
    Ok(sums.get(&(name, method.0)).map_or(none, MethodReport::latency))
}

async fn method_sums(core: &Rc<Core>) -> Result<BTreeMap<(String, u32), MethodReport>, Fault> {
    let mut sums: BTreeMap<(String, u32), MethodReport> = BTreeMap::new();
    for report in gather(core, Of::Methods).await? {
        let Report::Methods(list) = report else { continue };
        for one in list {
            let key = (one.pool.clone(), one.id);
            match sums.get_mut(&key) {
                Some(sum) => sum.add(&one),
                None => {
                    sums.insert(key, one);
                }
            }
        }
    }
    Ok(sums)
}

/// The sums of stamps of each method of each pool, which begin anew.
///
/// # Errors
/// As `gather`.
pub(crate) async fn all_stages(core: &Rc<Core>) -> Result<Vec<StageFacts>, Fault> {
    let mut sums: BTreeMap<(String, String), StageFacts> = BTreeMap::new();
    for report in gather(core, Of::Stages).await? {
        let Report::Stages(list) = report else { continue };
        for one in list {
            let key = (one.pool.clone(), one.method.clone());
            match sums.get_mut(&key) {
                Some(sum) => crate::stages::add(sum, &one),
                None => {
                    sums.insert(key, one);
                }
            }
        }
    }
    Ok(sums.into_values().collect())
}

/// The last calls of a method, by container.
///
/// # Errors
/// As `gather`.
pub(crate) async fn all_samples(
    core: &Rc<Core>,
    pool: PoolId,
    method: MethodId,
) -> Result<Vec<SampleFacts>, Fault> {
    let reports = gather(core, Of::Samples(pool, method)).await?;
    let lists =
        reports.into_iter().filter_map(|one| if let Report::Samples(list) = one { Some(list) } else { None });
    let mut all: Vec<_> = lists.flatten().collect();
    all.sort_by_key(|one| one.container);
    Ok(all)
}

/// The lanes of all workers.
///
/// # Errors
/// As `gather`.
pub(crate) async fn all_lanes(core: &Rc<Core>) -> Result<Vec<LaneFacts>, Fault> {
    let reports = gather(core, Of::Lanes).await?;
    let lists =
        reports.into_iter().filter_map(|one| if let Report::Lanes(list) = one { Some(list) } else { None });
    Ok(lists.flatten().collect())
}

/// What all workers have counted, together.
///
/// # Errors
/// As `gather`.
pub(crate) async fn sum(core: &Rc<Core>) -> Result<Counts, Fault> {
    let mut sum = Counts::default();
    all_counts(core).await?.iter().for_each(|counts| sum.add(counts));
    Ok(sum)
}

async fn all_counts(core: &Rc<Core>) -> Result<Vec<Counts>, Fault> {
    let reports = gather(core, Of::Worker).await?;
    Ok(reports
        .into_iter()
        .filter_map(|one| if let Report::Worker(counts) = one { Some(*counts) } else { None })
        .collect())
}

/// The workers; of one that is stalled, what the others see of it.
///
/// # Errors
/// As `gather`.
pub(crate) async fn all_workers(core: &Rc<Core>) -> Result<Vec<WorkerFacts>, Fault> {
    let counts = all_counts(core).await?;
    let facts = |worker: WorkerId| {
        let desk = core.shared.desk(worker);
        let told = counts.iter().find(|one| one.worker == worker.0).copied();
        let of = told.unwrap_or_default();
        WorkerFacts {
            id: u32::from(worker.0),
            sessions: desk.sessions.load(Ordering::Relaxed),
            containers: desk.containers.load(Ordering::Relaxed),
            tasks: of.tasks,
            queued: of.queued,
            calls: of.calls,
            faults: of.faults,
            carried: of.carried,
            turns: of.turns,
            parks: of.parks,
            overruns: of.overruns,
            stalled: desk.is_stalled() || told.is_none(),
            stalls: desk.pulse.as_ref().map_or(0, |pulse| pulse.stalls()),
        }
    };
    Ok(core.shared.workers().map(facts).collect())
}

fn containers(core: &Rc<Core>) -> Vec<ContainerFacts> {
    let places = core.places.borrow();
    let of_pool = |pool: &Rc<Pool>| -> Vec<ContainerFacts> {
        let facts = |container: &Rc<crate::place::Container>| ContainerFacts {
            pool_id: pool.id.bits(),
            pool: pool.name.clone(),
            id: container.place,
            worker: u32::from(core.worker.0),
            placement: pool.placement.to_string(),
            calls: container.all_stats().map(|(_, stats)| stats.calls.get() + stats.faults.get()).sum(),
            live: container.live.get(),
        };
        pool.here().map(facts).collect()
    };
    places.pools().flat_map(of_pool).collect()
}

fn methods(core: &Rc<Core>) -> Vec<MethodReport> {
    let places = core.places.borrow();
    let of_pool = |pool: &Rc<Pool>| -> Vec<MethodReport> {
        let all = pool.here().flat_map(|container| container.all_stats());
        all.map(|(method, stats)| stats.report(&pool.name, method.id.0, &method.name)).collect()
    };
    places.pools().flat_map(of_pool).collect()
}

fn stages(core: &Rc<Core>) -> Vec<StageFacts> {
    let places = core.places.borrow();
    let of_pool = |pool: &Rc<Pool>| -> Vec<StageFacts> {
        let all = pool.here().flat_map(|container| container.all_stats());
        all.filter_map(|(method, stats)| stats.stages.take(&pool.name, &method.name)).collect()
    };
    places.pools().flat_map(of_pool).collect()
}

fn tasks(core: &Rc<Core>) -> Vec<TaskFacts> {
    let now = core.now();
    let us = |ns: u64| ns as f64 / 1000.0;
    let facts = |task: windlass_lane::TaskFacts| TaskFacts {
        id: task.id.to_string(),
        name: task.name,
        worker: u32::from(core.worker.0),
        lane: task.lane_name,
        state: task.state.name().to_owned(),
        cancelled: task.cancelled,
        system: task.system,
        age_us: us(now.saturating_sub(task.started)),
        polls: task.polls,
        cpu_us: us(task.cpu_ns),
        wait_us: us(task.wait_ns),
        operations: task.operations,
    };
    core.lanes.tasks(TASKS_LISTED_MAX).into_iter().map(facts).collect()
}

fn samples(core: &Rc<Core>, pool: PoolId, method: MethodId) -> Vec<SampleFacts> {
    let places = core.places.borrow();
    let Some(pool) = places.by_id(pool) else { return Vec::new() };
    let us = |ns: u64| ns as f64 / 1000.0;
    let of_container = |container: &Rc<Container>| -> Vec<SampleFacts> {
        let stats = container.module.method(method).and_then(|method| container.stats(method));
        let facts = |one: Sample| SampleFacts {
            container: container.place,
            bytes: one.bytes,
            ran_us: us(one.ran_ns),
            held_us: us(one.held_ns),
        };
        stats.map(|stats| stats.samples().into_iter().map(facts).collect()).unwrap_or_default()
    };
    pool.here().flat_map(of_container).collect()
}

fn lanes(core: &Rc<Core>) -> Vec<LaneFacts> {
    let facts = |lane: windlass_lane::LaneFacts| LaneFacts {
        worker: u32::from(core.worker.0),
        lane: lane.name,
        class: if lane.class == Class::Background { "background" } else { "latency" }.to_owned(),
        weight: lane.weight,
        share: lane.share,
        tasks: lane.tasks as u64,
        queued: lane.queued as u64,
        pieces: lane.pieces,
        ran_us: lane.ran_ns as f64 / 1000.0,
    };
    core.lanes.lanes().into_iter().map(facts).collect()
}

fn counts(core: &Rc<Core>) -> Counts {
    let counters = &core.counters;
    Counts {
        worker: core.worker.0,
        tasks: core.lanes.alive() as u64,
        queued: core.lanes.lanes().iter().map(|lane| lane.queued as u64).sum(),
        calls: counters.calls.get(),
        faults: counters.faults.get(),
        copied_bytes: counters.copied_bytes.get(),
        frozen_bytes: counters.frozen_bytes.get(),
        turns: counters.turns.get(),
        parks: counters.parks.get(),
        overruns: core.lanes.overruns(),
        carried: counters.carried.get(),
    }
}
