//! Admin: what the node answers about itself, and how pools come and go.
//!
//! Lives here: `control`, the catalog of pools (`create_pool`, `destroy_pool`); `part` (what each worker does of it), `modes` (with
//! whom pools share workers), `moves` (a container goes to another worker), `moved` (what each worker does then), `redeal`
//! (shares of a container go to other workers), `relief` (of a worker that is held), `report` (what each
//! says about itself), `restart` (what outlives the node).
//! From: `Context::control` of pool 0, and the node's own start, on the first worker. To: orders to all workers.
//! Holds: the same name with the same module and parameters is the same pool; with others it is a Fault. A pool that cannot be
//! made leaves nothing behind.

mod modes;
pub(crate) mod moved;
mod moves;
pub(crate) mod part;
mod redeal;
pub(crate) mod relief;
pub(crate) mod report;
pub(crate) mod restart;

use crate::core::Core;
use crate::events::Kind;
use crate::host::library::{State, Table};
use crate::limits::{CONTAINERS_MAX, EVENT_WAIT_MS_MAX, POOLS_MAX, UNHELD_NS};
use crate::mail::orders::{Order, Plan, Told, ask_each, sleep, tell, together};
use crate::place::claim::Claim;
use crate::place::mode::{Mode, Spread};
use crate::place::policy::{Placement, choose, choose_back};
use crate::place::{Module, Places, Pool, Provided};
use crate::shared::{Shared, WorkerId};
use crate::stats::Costs;
use report::{Counts, Report};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use windlass_contract::admin::{EventFacts, ModuleFacts, NodeFacts, PoolFacts, Request, Response};
use windlass_contract::{Code, Fault, MethodId, ModuleDescriptor, PoolId, node_dir};
use windlass_lane::TaskOptions;

/// Answers an encoded request. `root` is that of the call that asks, `mark` its place among the calls that its worker took.
pub(crate) async fn control(core: Rc<Core>, root: u64, mark: u64, request: Vec<u8>) -> Result<Vec<u8>, Fault> {
    let request: Request = postcard::from_bytes(&request)
        .map_err(|_| Fault::new(Code::BadArguments, "this is not a request to the node"))?;
    let response = answer(&core, root, mark, request).await?;
    postcard::to_allocvec(&response).map_err(|error| Fault::new(Code::Internal, error.to_string()))
}

async fn answer(core: &Rc<Core>, root: u64, mark: u64, request: Request) -> Result<Response, Fault> {
    Ok(match request {
        Request::Find(name) => {
            let pool = {
                let places = core.places.borrow();
                places.by_text(&name).cloned().ok_or_else(|| places.unknown(&name))?
            };
            Response::Pool(facts_of(core, &pool).await?)
        }
        Request::Describe(name) => Response::Descriptor(describe(core, &name)?),
        Request::Create { name, module, parameters } => Response::Pool(
            apart(core, Wanted { name, module, parameters, spread: None, back: None, provided: None }).await?,
        ),
        Request::Spread { name, module, parameters, containers, placement, mode } => {
            let placement = placement.parse()?;
            let mode = if mode.is_empty() { Mode::usual(placement) } else { mode.parse()? };
            let spread = Some((containers, Spread { placement, mode }));
            Response::Pool(
                apart(core, Wanted { name, module, parameters, spread, back: None, provided: None }).await?,
            )
        }
        Request::Modes(name) => Response::Modes(modes::all(core, &name)?),
        Request::SetMode { name, mode } => Response::Modes(modes::set(core, name, &mode).await?),
        Request::Destroy(name) => {
            destroy_pool(core, &name).await?;
            Response::Done
        }
        Request::Pools => {
            let sums = report::pools(core).await?;
            Response::Pools(core.places.borrow().pools().map(|pool| pool_facts(pool, &sums)).collect())
        }
        Request::Modules => Response::Modules(modules(core)),
        Request::Sessions => Response::Sessions(report::all_sessions(core).await?),
        Request::Node => Response::Node(node_facts(core, &report::sum(core).await?)),
        Request::Methods => Response::Methods(report::all_methods(core).await?),
        Request::Flush => {
            flush(core, root, mark).await?;
            restart::take_states(core, false).await?;
            Response::Done
        }
        Request::Stop(milliseconds) => {
            core.stop_asked.set(Some(milliseconds));
            Response::Done
        }
        Request::Load(path) => {
            let module = load(core, Path::new(&path)).await?;
            Response::Modules(vec![module_facts(core, &module)])
        }
        Request::Stages => {
            if !core.stages.on() {
                let text = "this node takes no stamps between its rooms; start it with `NodeConfig::stages`";
                return Err(Fault::new(Code::Unsupported, text));
            }
            Response::Stages(report::all_stages(core).await?)
        }
        Request::Tasks => Response::Tasks(report::all_tasks(core).await?),
        Request::Workers => Response::Workers(report::all_workers(core).await?),
        Request::Refused => Response::Refused(core.places.borrow().all_refused().collect()),
        Request::Containers => Response::Containers(report::all_containers(core).await?),
        Request::Samples { pool, method } => {
            let (pool, method) = method_of(core, &pool, &method)?;
            Response::Samples(report::all_samples(core, pool, method).await?)
        }
        Request::Log(changes) => {
            let none = || Fault::new(Code::Unsupported, "the program of this node has its log to itself");
            let log = core.log.as_ref().ok_or_else(none)?;
            if !changes.is_empty() {
                log.change(&changes)?;
                tracing::info!(levels = %log.text(), "levels of the log were changed");
            }
            Response::Log(log.text())
        }
        Request::Events { after, wait_ms } => {
            let (lost, events) = events(core, after, wait_ms).await;
            Response::Events(lost, events)
        }
        Request::Provide { name, descriptor, parameters, key } => {
            let module = ModuleDescriptor::decode(&descriptor)
                .map_err(|error| Fault::new(Code::ModuleRefused, error.to_string()))?;
            let provided = Provided { descriptor: descriptor.into(), key, origin: "another process".to_owned() };
            let (module, provided) = (module.name, Some(Arc::new(provided)));
            let wanted = Wanted { name, module, parameters, spread: None, back: None, provided };
            let facts = apart(core, wanted).await?;
            end_unheld(core, PoolId::from_bits(facts.id))?;
            Response::Pool(facts)
        }
        Request::Latency { pool, method } => {
            let (pool, method) = method_of(core, &pool, &method)?;
            Response::Latency(report::latency(core, pool, method).await?)
        }
        Request::Lanes => Response::Lanes(report::all_lanes(core).await?),
    })
}

/// What has happened after this event; waits for something for a while.
async fn events(core: &Rc<Core>, after: u64, wait_ms: u64) -> (u64, Vec<EventFacts>) {
    let until = core.now().saturating_add(wait_ms.min(EVENT_WAIT_MS_MAX) * 1_000_000);
    let mut late = Box::pin(sleep(core, until));
    std::future::poll_fn(|cx| {
        let (lost, events) = core.shared.events.after(after, cx.waker());
        let late = late.as_mut().poll(cx).is_ready();
        if late || !events.is_empty() || core.draining.get() { Poll::Ready((lost, events)) } else { Poll::Pending }
    })
    .await
}

fn describe(core: &Rc<Core>, name: &str) -> Result<Vec<u8>, Fault> {
    let places = core.places.borrow();
    let module = match places.by_text(name) {
        Some(pool) => &pool.module,
        None => places.module(name).ok_or_else(|| places.unknown(name))?,
    };
    Ok(module.encoded.to_vec())
}

/// A method of a pool, by their names.
fn method_of(core: &Rc<Core>, pool: &str, method: &str) -> Result<(PoolId, MethodId), Fault> {
    let places = core.places.borrow();
    let found = places.by_text(pool).ok_or_else(|| places.unknown(pool))?;
    let methods = &found.module.descriptor.methods;
    let named = methods.iter().find(|one| one.name == method).map(|one| (found.id, one.id));
    named.ok_or_else(|| {
        let names: Vec<&str> = methods.iter().map(|one| one.name.as_str()).collect();
        Fault::new(Code::UnknownMethod, format!("pool {pool} has no method {method}; it has {}", names.join(", ")))
    })
}

fn pool_facts(pool: &Pool, sums: &BTreeMap<u64, (u64, u64)>) -> PoolFacts {
    let (calls, live) = sums.get(&pool.id.bits()).copied().unwrap_or_default();
    PoolFacts {
        id: pool.id.bits(),
        name: pool.name.clone(),
        module: pool.module.descriptor.name.clone(),
        version: pool.module.descriptor.version.clone(),
        parameters: parameters_text(pool),
        containers: pool.spots.len() as u32,
        calls,
        live,
    }
}

/// The facts of one pool; the other workers are asked only if they have containers of it.
async fn facts_of(core: &Rc<Core>, pool: &Pool) -> Result<PoolFacts, Fault> {
    if pool.spots.iter().all(|spot| spot.here.is_some() && !spot.is_shared()) {
        let Report::Containers(all) = report::local(core, report::Of::Containers) else {
            return Err(Fault::new(Code::Internal, "a report of containers is of containers"));
        };
        let of_pool = all.iter().filter(|one| one.pool_id == pool.id.bits());
        let sum = of_pool.fold((0, 0), |sum, one| (sum.0 + one.calls, sum.1 + one.live));
        return Ok(pool_facts(pool, &BTreeMap::from([(pool.id.bits(), sum)])));
    }
    Ok(pool_facts(pool, &report::pools(core).await?))
}

/// The create parameters as `key=value, ..`.
fn parameters_text(pool: &Pool) -> String {
    let Some(create) = pool.module.descriptor.methods.iter().find(|method| method.id == MethodId::CREATE) else {
        return String::new();
    };
    let mut rest = pool.parameters.as_slice();
    let mut parts = Vec::new();
    for (one, schema, default) in create.values() {
        let mut bytes = if rest.is_empty() { default.unwrap_or_default() } else { rest };
        if let Ok(value) = schema.decode_json(&mut bytes) {
            parts.push(format!("{}={value}", one.name));
        }
        if !rest.is_empty() {
            rest = bytes;
        }
    }
    parts.join(", ")
}

fn module_facts(core: &Rc<Core>, module: &Module) -> ModuleFacts {
    let descriptor = &module.descriptor;
    ModuleFacts {
        name: descriptor.name.clone(),
        version: descriptor.version.clone(),
        summary: descriptor.docs.lines().next().unwrap_or_default().to_owned(),
        origin: module.origin.clone(),
        methods: descriptor.methods.iter().map(|method| method.name.clone()).collect(),
        pools: core.places.borrow().pools().filter(|pool| pool.module.descriptor.name == descriptor.name).count()
            as u32,
    }
}

fn modules(core: &Rc<Core>) -> Vec<ModuleFacts> {
    let all: Vec<Rc<Module>> = core.places.borrow().modules().cloned().collect();
    all.iter().map(|module| module_facts(core, module)).collect()
}

fn node_facts(core: &Rc<Core>, sum: &Counts) -> NodeFacts {
    let stalls = |desk: &crate::shared::Desk| desk.pulse.as_ref().map_or(0, |pulse| pulse.stalls());
    NodeFacts {
        name: core.name.clone(),
        pid: std::process::id(),
        up_s: core.now().saturating_sub(core.started) as f64 / 1e9,
        version: env!("CARGO_PKG_VERSION").into(),
        workers: core.shared.desks.len() as u32,
        sessions: core.shared.sessions() as u32,
        pools: core.places.borrow().pools().count() as u32,
        tasks: sum.tasks,
        calls: sum.calls,
        faults: sum.faults,
        copied_bytes: sum.copied_bytes,
        frozen_bytes: sum.frozen_bytes,
        segment_bytes: core.shared.segment_bytes.load(Ordering::Relaxed),
        turns: sum.turns,
        parks: sum.parks,
        overruns: sum.overruns,
        stalls: core.shared.desks.iter().map(stalls).sum(),
        backend: core.operations_by.0.to_owned(),
        backend_why: core.operations_by.1.clone(),
    }
}

/// Waits until every call accepted before this one has ended on every worker, but for those of `root` itself, and no container
/// has work left.
async fn flush(core: &Rc<Core>, root: u64, mark: u64) -> Result<(), Fault> {
    let others: Vec<_> = core.shared.workers().filter(|worker| *worker != core.worker).collect();
    // The others begin to wait now; this worker's part needs the mark of the call that asks.
    let theirs = ask_each(core, others, |_| Order::Flush(root));
    let mine = part::flush(core, root, mark);
    let (mut theirs, mut mine) = (Box::pin(theirs), Box::pin(mine));
    let (mut told, mut done) = (None, None);
    std::future::poll_fn(|cx| {
        if told.is_none()
            && let Poll::Ready(answer) = theirs.as_mut().poll(cx)
        {
            told = Some(answer);
        }
        if done.is_none()
            && let Poll::Ready(answer) = mine.as_mut().poll(cx)
        {
            done = Some(answer);
        }
        if done.is_some() && told.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done.transpose()?;
    told.transpose().map(|_| ())
}

/// Adds a module from a library file, on every worker.
///
/// # Errors
/// `ModuleRefused`.
pub(crate) async fn load(core: &Rc<Core>, path: &Path) -> Result<Rc<Module>, Fault> {
    let (table, origin) = (Table::open(path)?, path.display().to_string());
    // Here first: if it is refused, no other worker hears of it.
    part::load(core, table, origin.clone())?;
    let others: Vec<_> = core.shared.workers().filter(|worker| *worker != core.worker).collect();
    ask_each(core, others, |_| Order::Load(table, origin.clone())).await?;
    let descriptor = ModuleDescriptor::decode(table.describe())
        .map_err(|error| Fault::new(Code::ModuleRefused, error.to_string()))?;
    let module = core.places.borrow().module(&descriptor.name).cloned();
    core.tell(Kind::ModuleLoaded, format_args!("{} from {origin}", descriptor.name), None);
    module.ok_or_else(|| Fault::new(Code::Internal, "a module that was added is there"))
}

/// A pool that is wanted.
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) module: String,
    /// Encoded create parameters.
    pub(crate) parameters: Vec<u8>,
    /// How many containers, and how they get their workers; nothing: one, or as the pool that is there has it.
    pub(crate) spread: Option<(u32, Spread)>,
    /// What it brings, if it was there before the node restarted.
    pub(crate) back: Option<restart::Comeback>,
    /// Its module, if another process is to serve it.
    pub(crate) provided: Option<Arc<Provided>>,
}

/// Makes a pool as a task of its own: once it is begun it is made or undone on all workers, also when whoever asked goes.
async fn apart(core: &Rc<Core>, wanted: Wanted) -> Result<PoolFacts, Fault> {
    let inner = core.clone();
    let made =
        core.lanes.spawn(TaskOptions::new("making a pool"), async move { create_pool(&inner, wanted).await });
    let made = made.map_err(|error| Fault::new(Code::NoMemory, format!("no task to make a pool: {error}")))?;
    made.await.ok().unwrap_or_else(|| Err(Fault::new(Code::Draining, "the node ends")))
}

/// Makes a pool, or answers the one that is there with the same module, parameters and containers. Each container is made on its
/// own worker; if one cannot be made, none is.
///
/// # Errors
/// `PoolExists`, `UnknownModule`, `CreateFailed` with the module's own words, and what its `create` answers.
pub(crate) async fn create_pool(core: &Rc<Core>, wanted: Wanted) -> Result<PoolFacts, Fault> {
    let name = wanted.name.clone();
    check_name(&name)?;
    if let Some((containers, _)) = wanted.spread
        && (containers == 0 || containers as usize > CONTAINERS_MAX)
    {
        let text = format!("{containers} containers: a pool has 1 to {CONTAINERS_MAX}");
        return Err(Fault::new(Code::BadArguments, text));
    }
    let mut wanted = wanted;
    let (back, anew) = (wanted.back.take(), core.places.borrow().refused_id(&name));
    let id = back.as_ref().map(|back| back.id);
    let there = {
        let mut places = core.places.borrow_mut();
        let known = places.module(&wanted.module).filter(|_| wanted.provided.is_none());
        let parameters = match known {
            Some(known) => with_defaults(&known.descriptor, wanted.parameters),
            None => wanted.parameters,
        };
        let wanted = Wanted { parameters, ..wanted };
        match places.by_text(&name).cloned() {
            Some(there) => Err((there, wanted)),
            None => Ok(plan(&core.shared, &mut places, wanted, id)?),
        }
    };
    let (mut plan, containers) = match there {
        Err((there, wanted)) => {
            same_or_fault(&there, &wanted)?;
            return facts_of(core, &there).await;
        }
        Ok(plan) => plan,
    };
    let making = Making { core, name: &name };
    plan.workers = match plan.provided {
        // Here it is ended as well, when its provider goes.
        Some(_) => vec![core.worker],
        None if id.is_some() => choose_back(core, plan.spread, containers)?,
        None => choose(core, plan.spread, containers)?,
    };
    redeal::deal(core, &mut plan);
    let orders = |plan: &Plan| {
        let of = |at: u32| {
            let make = move |to| (to, Order::Make(at, Box::new(plan.clone())));
            plan.workers_of(at).into_iter().map(make)
        };
        (0..plan.workers.len() as u32).flat_map(of).collect()
    };
    let made: Result<Vec<_>, Fault> = together(core, orders(&plan)).await.into_iter().collect();
    let taken = match (made, back) {
        (Ok(_), Some(back)) => restart::take_up(core, plan.pool, &plan.workers, back.state).await,
        (made, _) => made.map(drop),
    };
    let is_back = id.is_some();
    let opened = match taken {
        Ok(()) => open(core, &plan).await,
        Err(fault) => Err(fault),
    };
    if let Err(fault) = opened {
        ask_each(core, core.shared.workers(), |_| Order::Forget(plan.pool)).await?;
        return Err(fault);
    }
    drop(making);
    if plan.spread.mode == Mode::Dedicated {
        redeal::begin(core);
    }
    let pool = core.places.borrow().by_id(plan.pool).cloned();
    let pool = pool.ok_or_else(|| Fault::new(Code::Internal, "a pool that was opened is there"))?;
    if !is_back && pool.id != PoolId::ADMIN {
        if let Err(fault) = restart::keep(core, &pool).await {
            // A pool that would not come back is none.
            ask_each(core, core.shared.workers(), |_| Order::Close(plan.pool)).await?;
            return Err(fault);
        }
        if let Some(before) = anew {
            restart::refuse(core, before, name.clone(), None).await?;
        }
    }
    tracing::info!(pool = name, module = %plan.module, id = %plan.pool, containers, "pool made");
    core.tell(if is_back { Kind::PoolBack } else { Kind::PoolMade }, &name, None);
    facts_of(core, &pool).await
}

/// Lets every worker know of a pool whose containers are made. One that is stalled and has none of them is told and not waited
/// for: it reads its letters before it takes the next call.
async fn open(core: &Rc<Core>, plan: &Plan) -> Result<Vec<Told>, Fault> {
    let has_some: BTreeSet<_> = (0..plan.workers.len() as u32).flat_map(|at| plan.workers_of(at)).collect();
    let waits = |worker: &WorkerId| has_some.contains(worker) || !core.shared.desk(*worker).is_stalled();
    let (awaited, told): (Vec<_>, Vec<_>) = core.shared.workers().partition(waits);
    told.into_iter().for_each(|worker| tell(core, worker, Order::Open(Box::new(plan.clone()))));
    ask_each(core, awaited, |_| Order::Open(Box::new(plan.clone()))).await
}

fn check_name(name: &str) -> Result<(), Fault> {
    if !node_dir::is_name(name) {
        let text = format!("{name:?} cannot name a pool: 1 to 64 of letters, digits, _, - and .");
        return Err(Fault::new(Code::BadArguments, text));
    }
    if name.split_once('.').is_some_and(|(node, counter)| is_number(node) && is_number(counter)) {
        let text = format!("{name:?} cannot name a pool: it reads as a pool's id");
        return Err(Fault::new(Code::BadArguments, text));
    }
    Ok(())
}

/// Takes name and id for a pool that is not there.
fn plan(shared: &Shared, places: &mut Places, wanted: Wanted, id: Option<PoolId>) -> Result<(Plan, u32), Fault> {
    let Wanted { name, module, parameters, spread, provided, .. } = wanted;
    let usual = Spread { placement: Placement::default(), mode: Mode::default() };
    let (containers, spread) = spread.unwrap_or((1, usual));
    let known = match &provided {
        Some(provided) => Some(Module::provided(provided)?),
        None => places.module(&module).cloned(),
    };
    let Some(known) = known else {
        let names: Vec<&str> = places.modules().map(|one| one.descriptor.name.as_str()).collect();
        let text = format!("no module {module}; there is {}", names.join(", "));
        return Err(Fault::new(Code::UnknownModule, text));
    };
    if places.making.contains_key(&name) {
        let text = format!("pool {name} is being made at this moment");
        return Err(Fault::new(Code::PoolExists, text).with_retry(windlass_contract::Retry::After(10)));
    }
    if places.pools().count() + places.making.len() >= POOLS_MAX {
        return Err(Fault::new(Code::NoMemory, format!("the node has {POOLS_MAX} pools already")));
    }
    let pool = id.unwrap_or_else(|| places.next_id());
    places.making.insert(name.clone(), pool);
    let (costs, workers) = (Arc::new(Costs::new(known.methods())), Vec::new());
    let is_sync = known.provided.is_none() && known.table.is_sync();
    // Those of shares come with them.
    let claims = (0..containers).map(|_| Claim::of(shared, &known).filter(|_| !is_sync)).collect();
    let states = (0..containers).map(|_| is_sync.then(|| State::empty(known.table))).collect();
    let shares = Vec::new();
    let plan = Plan { pool, name, module, parameters, spread, costs, workers, claims, shares, states, provided };
    Ok((plan, containers))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The create parameters with the defaults of those that were left out, so that what is the same is told to be the same.
/// Bytes that do not decode, or lack one without a default, stay as they are: `create` refuses them in words.
fn with_defaults(module: &ModuleDescriptor, parameters: Vec<u8>) -> Vec<u8> {
    let Some(create) = module.methods.iter().find(|method| method.id == MethodId::CREATE) else {
        return parameters;
    };
    let (mut rest, mut defaults) = (parameters.as_slice(), Vec::new());
    for (_, schema, default) in create.values() {
        match (rest.is_empty(), default) {
            (false, _) if schema.decode_json(&mut rest).is_ok() => {}
            (true, Some(default)) => defaults.extend_from_slice(default),
            (false, _) | (true, None) => return parameters,
        }
    }
    [parameters, defaults].concat()
}

/// Takes the name out of those being made, whatever happens.
struct Making<'a> {
    core: &'a Rc<Core>,
    name: &'a str,
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        self.core.places.borrow_mut().making.remove(self.name);
    }
}

fn same_or_fault(there: &Pool, wanted: &Wanted) -> Result<(), Fault> {
    let module = &there.module.descriptor.name;
    let same = *module == wanted.module
        && wanted.provided.is_none()
        && there.parameters == wanted.parameters
        && wanted.spread.is_none_or(|(containers, spread)| {
            // Its mode may have been changed.
            there.spots.len() == containers as usize && there.placement == spread.placement
        });
    if same {
        return Ok(());
    }
    let spread = match there.spots.len() {
        1 if wanted.spread.is_none_or(|(containers, _)| containers == 1) => String::new(),
        count => format!(" and {count} containers ({})", there.placement),
    };
    let text = format!(
        "pool {} exists with module {module} and parameters ({}){spread}; destroy it first, or choose another name",
        there.name,
        parameters_text(there)
    );
    Err(Fault::new(Code::PoolExists, text))
}

/// Ends a pool that another process was to serve, if it does not hold it in time.
fn end_unheld(core: &Rc<Core>, id: PoolId) -> Result<(), Fault> {
    let inner = core.clone();
    let look = async move {
        sleep(&inner, inner.now().saturating_add(UNHELD_NS)).await;
        let held = {
            let places = inner.places.borrow();
            let pool = places.by_id(id);
            let relays =
                pool.into_iter().flat_map(|pool| pool.here()).filter_map(|container| container.relay.as_ref());
            relays.into_iter().any(|relay| relay.is_held())
        };
        if !held {
            end_served(&inner, id).await;
        }
    };
    let task = core.lanes.spawn(TaskOptions::new("waiting for a provider"), look);
    let task = task.map_err(|error| Fault::new(Code::NoMemory, format!("no task for a served pool: {error}")))?;
    task.detach();
    Ok(())
}

/// Ends a pool whose provider is gone.
pub(crate) async fn end_served(core: &Rc<Core>, id: PoolId) {
    let Some(pool) = core.places.borrow().by_id(id).cloned() else { return };
    match ask_each(core, core.shared.workers(), |_| Order::Close(id)).await {
        Ok(_) => {
            tracing::info!(pool = %pool.name, "a pool ended with the process that served it");
            core.tell(Kind::PoolEnded, &pool.name, None);
        }
        Err(fault) => tracing::error!(pool = %pool.name, %fault, "a pool whose provider is gone does not end"),
    }
}

/// Ends a pool on every worker, when all of its containers agree.
async fn destroy_pool(core: &Rc<Core>, name: &str) -> Result<(), Fault> {
    let refused = core.places.borrow().refused_id(name);
    if let Some(id) = refused {
        restart::forget(core, name).await?;
        restart::refuse(core, id, name.to_owned(), None).await?;
        tracing::info!(pool = %name, "a pool that did not come back is forgotten");
        return Ok(());
    }
    let pool = {
        let places = core.places.borrow();
        places.by_text(name).cloned().ok_or_else(|| places.unknown(name))?
    };
    if pool.id == PoolId::ADMIN {
        return Err(Fault::new(Code::Denied, "pool admin lives as long as the node"));
    }
    moves::settled(core, pool.id).await?;
    // Where its containers are by now.
    let pool = {
        let places = core.places.borrow();
        places.by_id(pool.id).cloned().ok_or_else(|| places.unknown(name))?
    };
    let homes: BTreeSet<_> = pool.spots.iter().map(|spot| spot.worker).collect();
    ask_each(core, homes, |_| Order::Destroy(pool.id)).await?;
    // Before it ends: a pool that is still kept would come back.
    restart::forget(core, &pool.name).await?;
    ask_each(core, core.shared.workers(), |_| Order::Close(pool.id)).await?;
    if pool.mode.get() == Mode::Dedicated {
        redeal::begin(core);
    }
    tracing::info!(pool = %pool.name, "pool ended");
    core.tell(Kind::PoolEnded, &pool.name, None);
    Ok(())
}
