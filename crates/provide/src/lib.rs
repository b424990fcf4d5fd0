//! Serving from a process: a module runs here, and anybody calls it through a node.
//!
//! ```no_run
//! use windlass_provide::Serve;
//! # fn serve(greeter: &'static windlass_provide::ModuleTable) -> Result<(), windlass_client::contract::Fault> {
//! let client = windlass_client::Client::connect("local")?;
//! let serving = client.serve("greeter", greeter)?; // from now on the node has a pool `greeter`
//! serving.work()                                   // runs its calls on this thread until the pool is over
//! # }
//! ```
//!
//! Lives here: `Serve` (`Client::serve`), `Serving` (a module that is being served), `Host` (where it runs), `call` (one call, from
//!   the node's words to an answer).
//! From: the node, by `windlass_client::Provider`. To: a container of the module in this process, on a host of its own: the same
//!   runtime that a node has, so `Context`, timers, files, keys, lanes and `&mut self` are what they are there.
//! Holds: as many calls run at once as threads or tasks are in `work`; when the process ends, its calls end as `NodeGone`.
//! Not here: the wire (`contract::provide`), what the node does with it (`runtime::host::relay`).

mod call;
mod host;

pub use windlass_contract::abi::ModuleTable;

use crate::call::Running;
use crate::host::Host;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use windlass_client::{Client, Pool, Provider};
use windlass_contract::provide::Told;
use windlass_contract::{Code, Fault};

/// A client that serves.
pub trait Serve {
    /// Serves a module as a pool of the node, made with default parameters.
    ///
    /// # Errors
    /// As `serve_with`.
    fn serve(&self, pool: &str, module: &'static ModuleTable) -> Result<Serving, Fault> {
        self.serve_with(pool, module, &[])
    }

    /// Serves a module as a pool of the node. `parameters` are those of its `create`, as text by name.
    ///
    /// Cost: a container of the module in this process, and a thread that runs it. Nothing is served before somebody works.
    ///
    /// # Errors
    /// `PoolExists` when the node has one of this name; `BadConfig` for a parameter that is none; what `create` says;
    /// `ModuleRefused`; `Denied` over TCP.
    fn serve_with(
        &self,
        pool: &str,
        module: &'static ModuleTable,
        parameters: &[(&str, &str)],
    ) -> Result<Serving, Fault>;
}

impl Serve for Client {
    fn serve_with(
        &self,
        pool: &str,
        module: &'static ModuleTable,
        parameters: &[(&str, &str)],
    ) -> Result<Serving, Fault> {
        let host = Host::start(module, parameters)?;
        let provider = self.provide(pool, host.module(), host.parameters())?;
        Ok(Serving { inner: Arc::new(Inner { provider, host, running: Running::default() }) })
    }
}

/// A module that is being served. Cheap to clone; the pool ends with `stop`, or with the last clone.
#[derive(Clone, Debug)]
pub struct Serving {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    provider: Provider,
    host: Host,
    running: Running,
}

impl Serving {
    /// The pool, as everybody calls it.
    pub fn pool(&self) -> &Pool {
        self.inner.provider.pool()
    }

    /// Runs calls on this thread, one after another, until the pool is over. Any number of threads may work.
    ///
    /// # Errors
    /// `NodeGone` when the node ends; what of this process's own host is broken.
    pub fn work(&self) -> Result<(), Fault> {
        let Inner { provider, host, running } = &*self.inner;
        let mut given = None;
        while let Some(told) = provider.next(given.take().as_ref())? {
            match told {
                Told::Cancel(number) => running.cancel(number),
                Told::Run(call) => given = Some(call::run(provider, host, running, &call)),
            }
        }
        Ok(())
    }

    /// As `work`, as a task of any executor: no thread is blocked, but for calls with buffers of more than 4 KiB, whose bytes
    /// are fetched and given while it waits.
    ///
    /// # Errors
    /// As `work`.
    pub async fn work_async(&self) -> Result<(), Fault> {
        let Inner { provider, host, running } = &*self.inner;
        let mut given = None;
        while let Some(told) = provider.next_async(given.take().as_ref()).await? {
            match told {
                Told::Cancel(number) => running.cancel(number),
                Told::Run(call) => given = Some(call::run_async(provider, host, running, &call).await),
            }
        }
        Ok(())
    }

    /// Works on so many threads of its own, which end with the pool.
    ///
    /// # Errors
    /// `Io` when the system gives no thread; those that were started work on.
    pub fn work_on(&self, threads: usize) -> Result<Vec<JoinHandle<Result<(), Fault>>>, Fault> {
        let start = |number: usize| {
            let serving = self.clone();
            #[allow(clippy::disallowed_methods, reason = "threads of the caller's process, at its word")]
            let started = std::thread::Builder::new()
                .name(format!("{}-{number}", self.pool().name()))
                .spawn(move || serving.work());
            started.map_err(|error| Fault::new(Code::Io, format!("no thread to serve with: {error}")))
        };
        (0..threads).map(start).collect()
    }

    /// Ends the pool: calls that nobody has taken have not started, those that run are answered `NodeGone`, and `work` returns.
    pub fn stop(&self) {
        self.inner.provider.stop();
    }

    /// Waits until the pool is over, for at most `time`; answers whether it is.
    ///
    /// # Errors
    /// What ended it, if that was not `stop`.
    pub fn over_within(&self, time: Duration) -> Result<bool, Fault> {
        self.inner.provider.over_within(time)
    }
}
