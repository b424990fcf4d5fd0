//! Admin: pool 0 of every node. What an operator asks and orders, as ordinary calls.
//!
//! Holds: it has no state and no power of its own: each method puts one request to the node through `Context::control`,
//! which is granted to pool 0 alone.
//! It names contract and macros themselves (`face`), not the facade: the facade's own `node` brings this module along.
//! Not here: the answers (`runtime/src/admin.rs`), their shapes (`contract/src/admin.rs`).

mod face;

use windlass_contract::admin::{
    ContainerFacts, EventFacts, LaneFacts, LatencyFacts, MethodFacts, ModeFacts, ModuleFacts, NodeFacts,
    PoolFacts, RefusedPool, Request, Response, SampleFacts, SessionFacts, StageFacts, TaskFacts, WorkerFacts,
};
use windlass_contract::context::Context;
use windlass_contract::provide::Key;
use windlass_contract::{Code, Fault};
use windlass_macros::module;

/// The node's own pool.
pub struct Admin;

/// Pools, modules, sessions, statistics, flush and stop.
#[module(crate = "crate::face")]
impl Admin {
    /// Made by the node when it starts.
    #[create]
    fn create() -> Self {
        Self
    }

    /// The pool of this name, or of this id.
    #[method(id = 10, idempotent)]
    async fn find_pool(&self, cx: &Context<'_>, name: &str) -> Result<PoolFacts, Fault> {
        pool(ask(cx, Request::Find(name.into())).await?)
    }

    /// The descriptor, in postcard, of the module of this pool or, failing that, of the module of this name.
    #[method(id = 11, idempotent)]
    async fn describe(&self, cx: &Context<'_>, name: &str) -> Result<Vec<u8>, Fault> {
        match ask(cx, Request::Describe(name.into())).await? {
            Response::Descriptor(bytes) => Ok(bytes),
            other => Err(unexpected(&other)),
        }
    }

    /// Makes a pool, or answers the one that exists with the same module and parameters. `parameters` are the encoded
    /// arguments of the module's `create`. Errors: `PoolExists` when the name has another module or parameters.
    #[method(id = 12, idempotent)]
    async fn create_pool(
        &self,
        cx: &Context<'_>,
        name: &str,
        module: &str,
        parameters: &[u8],
    ) -> Result<PoolFacts, Fault> {
        let (name, module, parameters) = (name.into(), module.into(), parameters.into());
        pool(ask(cx, Request::Create { name, module, parameters }).await?)
    }

    /// Ends a pool: it takes no new calls, and is gone when the last one has ended.
    #[method(id = 13)]
    async fn destroy_pool(&self, cx: &Context<'_>, name: &str) -> Result<(), Fault> {
        done(ask(cx, Request::Destroy(name.into())).await?)
    }

    /// All pools.
    #[method(id = 14, idempotent)]
    async fn pools(&self, cx: &Context<'_>) -> Result<Vec<PoolFacts>, Fault> {
        match ask(cx, Request::Pools).await? {
            Response::Pools(all) => Ok(all),
            other => Err(unexpected(&other)),
        }
    }

    /// All modules.
    #[method(id = 15, idempotent)]
    async fn modules(&self, cx: &Context<'_>) -> Result<Vec<ModuleFacts>, Fault> {
        modules(ask(cx, Request::Modules).await?)
    }

    /// All sessions.
    #[method(id = 16, idempotent)]
    async fn sessions(&self, cx: &Context<'_>) -> Result<Vec<SessionFacts>, Fault> {
        match ask(cx, Request::Sessions).await? {
            Response::Sessions(all) => Ok(all),
            other => Err(unexpected(&other)),
        }
    }

    /// The node as a whole.
    #[method(id = 17, idempotent)]
    async fn node(&self, cx: &Context<'_>) -> Result<NodeFacts, Fault> {
        match ask(cx, Request::Node).await? {
            Response::Node(facts) => Ok(facts),
            other => Err(unexpected(&other)),
        }
    }

    /// What every method that was called has done.
    #[method(id = 18, idempotent)]
    async fn methods(&self, cx: &Context<'_>) -> Result<Vec<MethodFacts>, Fault> {
        match ask(cx, Request::Methods).await? {
            Response::Methods(all) => Ok(all),
            other => Err(unexpected(&other)),
        }
    }

    /// Waits until every call accepted before this one has ended.
    #[method(id = 19, idempotent)]
    async fn flush(&self, cx: &Context<'_>) -> Result<(), Fault> {
        done(ask(cx, Request::Flush).await?)
    }

    /// Stops the node, letting calls end for so many milliseconds.
    #[method(id = 20, idempotent)]
    async fn stop(&self, cx: &Context<'_>, #[arg(default = 5000)] deadline_ms: u64) -> Result<(), Fault> {
        done(ask(cx, Request::Stop(deadline_ms)).await?)
    }

    /// Opens a module library. Errors: `ModuleRefused` says what does not fit.
    #[method(id = 21)]
    async fn load(&self, cx: &Context<'_>, path: &str) -> Result<Vec<ModuleFacts>, Fault> {
        modules(ask(cx, Request::Load(path.into())).await?)
    }

    /// When calls passed from room to room, in sums of stamps since this was last asked. Errors: `Unsupported` when the node
    /// takes no stamps.
    #[method(id = 22)]
    async fn stages(&self, cx: &Context<'_>) -> Result<Vec<StageFacts>, Fault> {
        match ask(cx, Request::Stages).await? {
            Response::Stages(all) => Ok(all),
            other => Err(unexpected(&other)),
        }
    }

    /// The tasks that live, 4096 at most, with what they have done.
    #[method(id = 23, idempotent)]
    async fn tasks(&self, cx: &Context<'_>) -> Result<Vec<TaskFacts>, Fault> {
        match ask(cx, Request::Tasks).await? {
            Response::Tasks(all) => Ok(all),
            other => Err(unexpected(&other)),
        }
    }

    /// As `create_pool`, with so many containers; `placement` says which workers they get: `round_robin`, `least_loaded`,
    /// `dedicated`, `pinned:WORKER` or `numa:NODE`. Errors: `PoolExists` when the name has another module, parameters, containers or
    /// placement.
    #[method(id = 26, idempotent)]
    async fn create_spread(
        &self,
        cx: &Context<'_>,
        name: &str,
        module: &str,
        parameters: &[u8],
        containers: u32,
        placement: &str,
    ) -> Result<PoolFacts, Fault> {
        let (name, module, placement) = (name.into(), module.into(), placement.into());
        let (parameters, mode) = (parameters.into(), String::new());
        pool(ask(cx, Request::Spread { name, module, parameters, containers, placement, mode }).await?)
    }

    /// As `create_spread`, in a mode (`set_pool_mode`): `shared`, `dedicated` or `bundled`. A pool that is there keeps the mode that
    /// it has. Errors: as `create_spread`; `BadArguments` when no worker is as the mode wants it.
    #[method(id = 52, idempotent)]
    #[allow(clippy::too_many_arguments, reason = "each is a value of its own")]
    async fn create_in_mode(
        &self,
        cx: &Context<'_>,
        name: &str,
        module: &str,
        parameters: &[u8],
        containers: u32,
        placement: &str,
        mode: &str,
    ) -> Result<PoolFacts, Fault> {
        let (name, module, placement, mode) = (name.into(), module.into(), placement.into(), mode.into());
        let parameters = parameters.into();
        pool(ask(cx, Request::Spread { name, module, parameters, containers, placement, mode }).await?)
    }

    /// Changes with whom the containers of a pool share their workers, while it runs. `shared`: with any others. `dedicated`: with
    /// none; containers of other pools are not placed on its workers any more, and those that are there move away. `bundled`: all on
    /// one worker, with those of all other bundled pools, so that calls among them never leave it. A container moves if its module
    /// is `stateless` or has the hooks `export` and `import`, and it runs no task of its own; the answer names those that stay, and
    /// why. Calls wait while their container moves. Errors: `BadArguments` for a mode that cannot be.
    #[method(id = 50)]
    async fn set_pool_mode(&self, cx: &Context<'_>, name: &str, mode: &str) -> Result<ModeFacts, Fault> {
        let all = modes(ask(cx, Request::SetMode { name: name.into(), mode: mode.into() }).await?)?;
        all.into_iter().next().ok_or_else(|| Fault::new(Code::Internal, "a pool whose mode was set has one"))
    }

    /// The modes of all pools, or of one.
    #[method(id = 51, idempotent)]
    async fn pool_modes(
        &self,
        cx: &Context<'_>,
        #[arg(default = String::new())] name: String,
    ) -> Result<Vec<ModeFacts>, Fault> {
        modes(ask(cx, Request::Modes(name)).await?)
    }

    /// All workers: what each has and has done.
    #[method(id = 24, idempotent)]
    async fn workers(&self, cx: &Context<'_>) -> Result<Vec<WorkerFacts>, Fault> {
        match ask(cx, Request::Workers).await? {
            Response::Workers(all) => Ok(all),
            other => Err(unexpected(&other)),
        }
    }

    /// All containers of all pools, and whose home is where.
    #[method(id = 25, idempotent)]
    async fn containers(&self, cx: &Context<'_>) -> Result<Vec<ContainerFacts>, Fault> {
        match ask(cx, Request::Containers).await? {
            Response::Containers(all) => Ok(all),
            other => Err(unexpected(&other)),
        }
    }

    /// Pools that did not come back when the node restarted, and what their callers are told.
    #[method(id = 45, idempotent)]
    async fn refused(&self, cx: &Context<'_>) -> Result<Vec<RefusedPool>, Fault> {
        match ask(cx, Request::Refused).await? {
            Response::Refused(all) => Ok(all),
            other => Err(unexpected(&other)),
        }
    }

    /// How long the calls of a method took in all containers of a pool, their waits included: mean, quantiles, longest, and how many
    /// calls there were in each range of time. Errors: `UnknownPool`, `UnknownMethod`.
    #[method(id = 49, idempotent)]
    async fn latency(&self, cx: &Context<'_>, pool: &str, method: &str) -> Result<LatencyFacts, Fault> {
        match ask(cx, Request::Latency { pool: pool.into(), method: method.into() }).await? {
            Response::Latency(facts) => Ok(facts),
            other => Err(unexpected(&other)),
        }
    }

    /// What the log writes, after these changes (none: as it is): a level for all, then `name=level` of the node's crates and of
    /// modules, between commas, as in `info,runtime=debug,echo=trace`. A change lasts until the node ends or reads its configuration
    /// again. Errors: `BadArguments`; `Unsupported` for a program that has its log to itself.
    #[method(id = 48)]
    async fn log(
        &self,
        cx: &Context<'_>,
        #[arg(default = String::new())] changes: String,
    ) -> Result<String, Fault> {
        match ask(cx, Request::Log(changes)).await? {
            Response::Log(levels) => Ok(levels),
            other => Err(unexpected(&other)),
        }
    }

    /// What has happened to the node after the event of this number: how many events are lost, because only the last 1024 are
    /// kept, and the others in order, as many as fit a reply. If nothing has, waits for it for so many milliseconds, 10,000 at most.
    #[method(id = 47, idempotent)]
    async fn events(
        &self,
        cx: &Context<'_>,
        #[arg(default = 0)] after: u64,
        #[arg(default = 0)] wait_ms: u64,
    ) -> Result<(u64, Vec<EventFacts>), Fault> {
        match ask(cx, Request::Events { after, wait_ms }).await? {
            Response::Events(lost, events) => Ok((lost, events)),
            other => Err(unexpected(&other)),
        }
    }

    /// Makes a pool whose calls are run by the process that asks: it holds the pool and takes them (`contract::provide`). `descriptor`
    /// is that of the module in postcard, `key` 16 bytes of its own choice. Errors: `PoolExists`, `ModuleRefused`.
    #[method(id = 46)]
    async fn provide_pool(
        &self,
        cx: &Context<'_>,
        name: &str,
        descriptor: &[u8],
        parameters: &[u8],
        key: &[u8],
    ) -> Result<PoolFacts, Fault> {
        let wrong = || Fault::new(Code::BadArguments, format!("a key has 16 bytes, this one has {}", key.len()));
        let key = Key::of(key).ok_or_else(wrong)?;
        let (name, descriptor, parameters) = (name.into(), descriptor.into(), parameters.into());
        pool(ask(cx, Request::Provide { name, descriptor, parameters, key }).await?)
    }

    /// The last calls of a method that ended with a value, up to 64 of each container, oldest first: what its cost is learnt
    /// from. Errors: `UnknownPool`, `UnknownMethod`.
    #[method(id = 40, idempotent)]
    async fn samples(&self, cx: &Context<'_>, pool: &str, method: &str) -> Result<Vec<SampleFacts>, Fault> {
        match ask(cx, Request::Samples { pool: pool.into(), method: method.into() }).await? {
            Response::Samples(all) => Ok(all),
            other => Err(unexpected(&other)),
        }
    }

    /// The lanes of all workers: what waits in each, and what it has done.
    #[method(id = 41, idempotent)]
    async fn lanes(&self, cx: &Context<'_>) -> Result<Vec<LaneFacts>, Fault> {
        match ask(cx, Request::Lanes).await? {
            Response::Lanes(all) => Ok(all),
            other => Err(unexpected(&other)),
        }
    }
}

async fn ask(cx: &Context<'_>, request: Request) -> Result<Response, Fault> {
    let broken =
        |error: postcard::Error| Fault::new(Code::Internal, format!("admin and its node disagree: {error}"));
    let answer = cx.control(postcard::to_allocvec(&request).map_err(broken)?).await?;
    postcard::from_bytes(&answer).map_err(broken)
}

fn pool(response: Response) -> Result<PoolFacts, Fault> {
    match response {
        Response::Pool(facts) => Ok(facts),
        other => Err(unexpected(&other)),
    }
}

fn modules(response: Response) -> Result<Vec<ModuleFacts>, Fault> {
    match response {
        Response::Modules(all) => Ok(all),
        other => Err(unexpected(&other)),
    }
}

fn modes(response: Response) -> Result<Vec<ModeFacts>, Fault> {
    match response {
        Response::Modes(all) => Ok(all),
        other => Err(unexpected(&other)),
    }
}

fn done(response: Response) -> Result<(), Fault> {
    match response {
        Response::Done => Ok(()),
        other => Err(unexpected(&other)),
    }
}

fn unexpected(response: &Response) -> Fault {
    Fault::new(Code::Internal, format!("the node answered something else: {response:?}"))
}
