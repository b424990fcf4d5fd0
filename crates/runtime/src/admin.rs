//! Admin: what the node answers about itself, and how pools come and go.
//!
//! From: `Context::control` of pool 0, and the node's own start. To: the tables of `place` and `session`.
//! Holds: the same name with the same module and parameters is the same pool; with others it is a Fault. A pool that cannot be
//! made leaves nothing behind.

use crate::core::Core;
use crate::host::library::Table;
use crate::host::{self, periodic};
use crate::limits::{POOLS_MAX, TASKS_LISTED_MAX};
use crate::place::{Container, Module, Placed, Pool};
use crate::reply::{Wait, waited};
use std::path::Path;
use std::rc::Rc;
use windlass_contract::admin::{
    MethodFacts, ModuleFacts, NodeFacts, PoolFacts, Request, Response, StageFacts, TaskFacts,
};
use windlass_contract::{Code, Fault, MethodId, ModuleDescriptor, Outcome, PoolId, node_dir};

/// Answers an encoded request. `root` and `number` are those of the call that asks.
pub(crate) async fn control(core: Rc<Core>, root: u64, number: u64, request: Vec<u8>) -> Result<Vec<u8>, Fault> {
    let request: Request = postcard::from_bytes(&request)
        .map_err(|_| Fault::new(Code::BadArguments, "this is not a request to the node"))?;
    let response = answer(&core, root, number, request).await?;
    postcard::to_allocvec(&response).map_err(|error| Fault::new(Code::Internal, error.to_string()))
}

async fn answer(core: &Rc<Core>, root: u64, number: u64, request: Request) -> Result<Response, Fault> {
    Ok(match request {
        Request::Find(name) => {
            let places = core.places.borrow();
            Response::Pool(pool_facts(places.by_text(&name).ok_or_else(|| places.unknown(&name))?))
        }
        Request::Describe(name) => Response::Descriptor(describe(core, &name)?),
        Request::Create { name, module, parameters } => {
            Response::Pool(create_pool(core, &name, &module, parameters).await?)
        }
        Request::Destroy(name) => {
            destroy_pool(core, &name).await?;
            Response::Done
        }
        Request::Pools => Response::Pools(core.places.borrow().pools().map(|pool| pool_facts(pool)).collect()),
        Request::Modules => Response::Modules(modules(core)),
        Request::Sessions => {
            let mut sessions: Vec<_> = core.sessions.borrow().all.values().map(|one| one.facts()).collect();
            sessions.sort_by_key(|facts| facts.id);
            Response::Sessions(sessions)
        }
        Request::Node => Response::Node(node_facts(core)),
        Request::Methods => Response::Methods(methods(core)),
        Request::Flush => {
            flush(core, root, number).await;
            Response::Done
        }
        Request::Stop(milliseconds) => {
            core.stop_asked.set(Some(milliseconds));
            Response::Done
        }
        Request::Load(path) => {
            let module = load(core, Path::new(&path))?;
            Response::Modules(vec![module_facts(core, &module)])
        }
        Request::Stages => Response::Stages(stages(core)?),
        Request::Tasks => Response::Tasks(tasks(core)),
    })
}

fn describe(core: &Rc<Core>, name: &str) -> Result<Vec<u8>, Fault> {
    let places = core.places.borrow();
    let module = match places.by_text(name) {
        Some(pool) => &pool.module,
        None => places.module(name).ok_or_else(|| places.unknown(name))?,
    };
    Ok(module.encoded.to_vec())
}

fn pool_facts(pool: &Pool) -> PoolFacts {
    let calls = |container: &Rc<Container>| -> u64 {
        container.all_stats().map(|(_, stats)| stats.calls.get() + stats.faults.get()).sum()
    };
    PoolFacts {
        id: pool.id.bits(),
        name: pool.name.clone(),
        module: pool.module.descriptor.name.clone(),
        version: pool.module.descriptor.version.clone(),
        parameters: parameters_text(pool),
        containers: pool.containers.len() as u32,
        calls: pool.containers.iter().map(calls).sum(),
        live: pool.containers.iter().map(|container| container.live.get()).sum(),
    }
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

fn methods(core: &Rc<Core>) -> Vec<MethodFacts> {
    let us = |ns: u64| ns as f64 / 1000.0;
    let mut facts = Vec::new();
    for pool in core.places.borrow().pools() {
        for (method, stats) in pool.containers.iter().flat_map(|container| container.all_stats()) {
            let cost = stats.cost();
            facts.push(MethodFacts {
                pool: pool.name.clone(),
                method: method.name.clone(),
                calls: stats.calls.get(),
                faults: stats.faults.get(),
                p50_us: us(stats.quantile_ns(0.5)),
                p99_us: us(stats.quantile_ns(0.99)),
                max_us: us(stats.quantile_ns(1.0)),
                fixed_us: cost.fixed_ns / 1000.0,
                per_kib_us: cost.per_byte_ns * 1.024,
            });
        }
    }
    facts
}

/// The sums of every method that was called since they were last asked.
fn stages(core: &Rc<Core>) -> Result<Vec<StageFacts>, Fault> {
    if !core.stages.on() {
        let text = "this node takes no stamps between its rooms; start it with `NodeConfig::stages`";
        return Err(Fault::new(Code::Unsupported, text));
    }
    let places = core.places.borrow();
    let of_pool = |pool: &Rc<Pool>| -> Vec<StageFacts> {
        let all = pool.containers.iter().flat_map(|container| container.all_stats());
        all.filter_map(|(method, stats)| stats.stages.take(&pool.name, &method.name)).collect()
    };
    Ok(places.pools().flat_map(of_pool).collect())
}

fn tasks(core: &Rc<Core>) -> Vec<TaskFacts> {
    let now = core.now();
    let us = |ns: u64| ns as f64 / 1000.0;
    let facts = |task: windlass_lane::TaskFacts| TaskFacts {
        id: task.id.to_string(),
        name: task.name,
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

fn node_facts(core: &Rc<Core>) -> NodeFacts {
    let counters = &core.counters;
    NodeFacts {
        name: core.name.clone(),
        pid: std::process::id(),
        up_s: core.now().saturating_sub(core.started) as f64 / 1e9,
        version: env!("CARGO_PKG_VERSION").into(),
        sessions: core.sessions.borrow().all.len() as u32,
        pools: core.places.borrow().pools().count() as u32,
        tasks: core.lanes.alive() as u64,
        calls: counters.calls.get(),
        faults: counters.faults.get(),
        copied_bytes: counters.copied_bytes.get(),
        frozen_bytes: counters.frozen_bytes.get(),
        segment_bytes: counters.segment_bytes.get(),
        turns: counters.turns.get(),
        parks: counters.parks.get(),
        overruns: core.lanes.overruns(),
        stalls: core.lanes.stalls(),
        backend: core.operations_by.0.to_owned(),
        backend_why: core.operations_by.1.clone(),
    }
}

/// Waits until every call accepted before `number` has ended, but for those of `root` itself.
async fn flush(core: &Rc<Core>, root: u64, number: u64) {
    std::future::poll_fn(|cx| {
        let busy = core.live.borrow().any_before(number, root)
            || core.lanes.any_waiting(|call| call.number <= number && call.root != root);
        if !busy {
            return std::task::Poll::Ready(());
        }
        core.flushers.borrow_mut().push(cx.waker().clone());
        std::task::Poll::Pending
    })
    .await;
}

/// Adds a module from a library file.
///
/// # Errors
/// `ModuleRefused`.
pub(crate) fn load(core: &Rc<Core>, path: &Path) -> Result<Rc<Module>, Fault> {
    let module = Module::new(Table::open(path)?, path.display().to_string())?;
    core.places.borrow_mut().add_module(module.clone())?;
    Ok(module)
}

/// Makes a pool, or answers the one that is there with the same module and parameters.
///
/// # Errors
/// `PoolExists`, `UnknownModule`, `CreateFailed` with the module's own words, and what its `create` answers.
pub(crate) async fn create_pool(
    core: &Rc<Core>,
    name: &str,
    module: &str,
    parameters: Vec<u8>,
) -> Result<PoolFacts, Fault> {
    if !node_dir::is_name(name) {
        let text = format!("{name:?} cannot name a pool: 1 to 64 of letters, digits, _, - and .");
        return Err(Fault::new(Code::BadArguments, text));
    }
    if name.split_once('.').is_some_and(|(node, counter)| is_number(node) && is_number(counter)) {
        let text = format!("{name:?} cannot name a pool: it reads as a pool's id");
        return Err(Fault::new(Code::BadArguments, text));
    }
    let (id, module, parameters) = {
        let mut places = core.places.borrow_mut();
        let known = places.module(module);
        let parameters = match known {
            Some(known) => with_defaults(&known.descriptor, parameters),
            None => parameters,
        };
        if let Some(there) = places.by_text(name) {
            return same_or_fault(there, module, &parameters);
        }
        let found = places.module(module).cloned().ok_or_else(|| {
            let names: Vec<&str> = places.modules().map(|one| one.descriptor.name.as_str()).collect();
            Fault::new(Code::UnknownModule, format!("no module {module}; there is {}", names.join(", ")))
        })?;
        if places.making.contains_key(name) {
            let text = format!("pool {name} is being made at this moment");
            return Err(Fault::new(Code::PoolExists, text).with_retry(windlass_contract::Retry::After(10)));
        }
        if places.pools().count() + places.making.len() >= POOLS_MAX {
            return Err(Fault::new(Code::NoMemory, format!("the node has {POOLS_MAX} pools already")));
        }
        let id = places.next_id();
        places.making.insert(name.to_owned(), id);
        (id, found, parameters)
    };
    let making = Making { core, name };
    let container = Container::new(core, id, name.to_owned(), module.clone());
    call_inherited(core, &container, MethodId::CREATE, parameters.clone()).await.map_err(|fault| {
        // What it spawned before it failed has no pool to work for.
        container.home.cancel_all();
        let text = format!("{name}: {}", fault.message);
        Fault { message: text, ..fault }
    })?;
    if container.instance.is_empty() {
        let text = format!("{name}: `create` of module {} answered without a container", module.descriptor.name);
        return Err(Fault::new(Code::CreateFailed, text));
    }
    drop(making);
    let pool = Pool { id, name: name.to_owned(), module, parameters, containers: vec![container] };
    let facts = pool_facts(&pool);
    for container in &pool.containers {
        periodic::begin(core, container)?;
    }
    core.places.borrow_mut().insert(pool);
    tracing::info!(pool = name, module = %facts.module, id = %id, "pool made");
    Ok(facts)
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

fn same_or_fault(there: &Pool, module: &str, parameters: &[u8]) -> Result<PoolFacts, Fault> {
    if there.module.descriptor.name == module && there.parameters == parameters {
        return Ok(pool_facts(there));
    }
    let text = format!(
        "pool {} exists with module {} and parameters ({}); destroy it first, or choose another name",
        there.name,
        there.module.descriptor.name,
        parameters_text(there)
    );
    Err(Fault::new(Code::PoolExists, text))
}

async fn destroy_pool(core: &Rc<Core>, name: &str) -> Result<(), Fault> {
    let pool = {
        let places = core.places.borrow();
        places.by_text(name).cloned().ok_or_else(|| places.unknown(name))?
    };
    if pool.id == PoolId::ADMIN {
        return Err(Fault::new(Code::Denied, "pool admin lives as long as the node"));
    }
    for container in &pool.containers {
        call_inherited(core, container, MethodId::DESTROY, Vec::new()).await?;
    }
    core.places.borrow_mut().remove(pool.id);
    pool.containers.iter().for_each(|container| container.home.cancel_all());
    tracing::info!(pool = %pool.name, "pool ended");
    Ok(())
}

/// Calls an inherited method of a container, as the node itself.
async fn call_inherited(
    core: &Rc<Core>,
    container: &Rc<Container>,
    id: MethodId,
    arguments: Vec<u8>,
) -> Result<Vec<u8>, Fault> {
    let method = match container.module.method(id) {
        Some(method) => method.clone(),
        None => crate::place::Method::inherited(id),
    };
    let wait = Rc::new(Wait::default());
    host::queue(core, Placed::by_node(container.clone(), method, arguments, wait.clone()));
    let answer = waited(wait).await;
    answer.map_err(|fault| {
        // What its files and sockets said is the reason itself.
        if id == MethodId::CREATE && fault.code < Code::NotRegistered as u16 && fault.outcome == Outcome::Ended {
            return Fault { code: Code::CreateFailed as u16, ..fault };
        }
        fault
    })
}
