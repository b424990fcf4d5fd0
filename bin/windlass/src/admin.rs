//! Admin: the node's own methods, one function each.
//!
//! From: the commands. To: pool 0, as any other call; the shapes are those of the module `admin` this command was built with,
//! so a node that has other ones says so (`SchemaMismatch`).

use serde::de::DeserializeOwned;
use std::time::Duration;
use windlass_admin::Admin;
use windlass_client::{Client, Outgoing};
use windlass_contract::admin::{
    ContainerFacts, EventFacts, LaneFacts, LatencyFacts, MethodFacts, ModeFacts, ModuleFacts, NodeFacts,
    PoolFacts, RefusedPool, SampleFacts, SessionFacts, TaskFacts, WorkerFacts,
};
use windlass_contract::module::Module;
use windlass_contract::{Code, Fault, MethodRef, ModuleDescriptor};

/// Begins a call of a method of `admin`.
fn method(client: &Client, name: &'static str) -> Result<Outgoing, Fault> {
    let descriptor = Admin::descriptor();
    let known = descriptor.method(name);
    let known = known.ok_or_else(|| Fault::new(Code::Internal, format!("admin has no method {name}")))?;
    let called = MethodRef { id: known.id, schema: known.hash(), name, idempotent: known.flags.idempotent };
    Ok(client.admin().call(called))
}

fn value<T: DeserializeOwned>(outgoing: Outgoing) -> Result<T, Fault> {
    outgoing.wait()?.value()
}

/// All pools.
pub fn pools(client: &Client) -> Result<Vec<PoolFacts>, Fault> {
    value(method(client, "pools")?)
}

/// Pools that did not come back.
pub fn refused(client: &Client) -> Result<Vec<RefusedPool>, Fault> {
    value(method(client, "refused")?)
}

/// How long the calls of a method took.
pub fn latency(client: &Client, pool: &str, name: &str) -> Result<LatencyFacts, Fault> {
    value(method(client, "latency")?.argument(pool).argument(name))
}

/// What the log writes, after these changes.
pub fn log(client: &Client, changes: &str) -> Result<String, Fault> {
    value(method(client, "log")?.argument(changes))
}

/// What has happened after this event, and how much before it is lost; waits for something for so long.
pub fn events(client: &Client, after: u64, wait: Duration) -> Result<(u64, Vec<EventFacts>), Fault> {
    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    value(method(client, "events")?.argument(&after).argument(&wait_ms))
}

/// All modules.
pub fn modules(client: &Client) -> Result<Vec<ModuleFacts>, Fault> {
    value(method(client, "modules")?)
}

/// All sessions.
pub fn sessions(client: &Client) -> Result<Vec<SessionFacts>, Fault> {
    value(method(client, "sessions")?)
}

/// The node.
pub fn node(client: &Client) -> Result<NodeFacts, Fault> {
    value(method(client, "node")?)
}

/// All methods that were called.
pub fn methods(client: &Client) -> Result<Vec<MethodFacts>, Fault> {
    value(method(client, "methods")?)
}

/// The tasks that live.
pub fn tasks(client: &Client) -> Result<Vec<TaskFacts>, Fault> {
    value(method(client, "tasks")?)
}

/// The module of a pool, or the module of this name.
pub fn describe(client: &Client, name: &str) -> Result<ModuleDescriptor, Fault> {
    let bytes: Vec<u8> = value(method(client, "describe")?.argument(name))?;
    ModuleDescriptor::decode(&bytes).map_err(|error| Fault::new(Code::BadReply, error.to_string()))
}

/// All workers.
pub fn workers(client: &Client) -> Result<Vec<WorkerFacts>, Fault> {
    value(method(client, "workers")?)
}

/// The last calls of a method.
pub fn samples(client: &Client, pool: &str, name: &str) -> Result<Vec<SampleFacts>, Fault> {
    value(method(client, "samples")?.argument(pool).argument(name))
}

/// The lanes of all workers.
pub fn lanes(client: &Client) -> Result<Vec<LaneFacts>, Fault> {
    value(method(client, "lanes")?)
}

/// All containers.
pub fn containers(client: &Client) -> Result<Vec<ContainerFacts>, Fault> {
    value(method(client, "containers")?)
}

/// Makes a pool; `parameters` are encoded. With so many containers, a placement and a mode, if they are said.
pub fn create(
    client: &Client,
    name: &str,
    module: &str,
    parameters: &[u8],
    spread: Option<(u32, &str, &str)>,
) -> Result<PoolFacts, Fault> {
    let call = |of| Ok::<_, Fault>(method(client, of)?.argument(name).argument(module).argument(parameters));
    match spread {
        None => value(call("create_pool")?),
        Some((containers, placement, "")) => {
            value(call("create_spread")?.argument(&containers).argument(placement))
        }
        Some((containers, placement, mode)) => {
            value(call("create_in_mode")?.argument(&containers).argument(placement).argument(mode))
        }
    }
}

/// Changes a pool's mode.
pub fn set_mode(client: &Client, name: &str, mode: &str) -> Result<ModeFacts, Fault> {
    value(method(client, "set_pool_mode")?.argument(name).argument(mode))
}

/// The modes of all pools, or of the one of this name.
pub fn modes(client: &Client, name: &str) -> Result<Vec<ModeFacts>, Fault> {
    value(method(client, "pool_modes")?.argument(name))
}

/// Ends a pool.
pub fn destroy(client: &Client, name: &str) -> Result<(), Fault> {
    value(method(client, "destroy_pool")?.argument(name))
}

/// Waits until every call accepted so far has ended.
pub fn flush(client: &Client) -> Result<(), Fault> {
    value(method(client, "flush")?)
}

/// Asks the node to stop, letting calls end for so long.
pub fn stop(client: &Client, deadline: Duration) -> Result<(), Fault> {
    let milliseconds = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
    value(method(client, "stop")?.argument(&milliseconds))
}

/// Opens a module library.
pub fn load(client: &Client, path: &str) -> Result<Vec<ModuleFacts>, Fault> {
    value(method(client, "load")?.argument(path))
}
