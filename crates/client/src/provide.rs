//! Providing: this process runs the calls of a pool.
//!
//! Lives here: `Provider` (a pool that this process holds), `Client::provide`.
//! From: whoever has a description of methods and a way to run them (`windlass_provide` runs modules). To: the node, by calls
//!   like any others: one is out for as long as the pool is held, and one for each call that may be run at once.
//! Holds: every call that was taken is answered by the next `next` of whoever took it; when the provider goes, the node ends
//!   the calls that it had, and the pool.
//! Not here: running methods, threads (the caller's), the shapes (`contract::provide`).

use std::sync::Mutex;
use std::time::Duration;

use windlass_contract::admin::PoolFacts;
use windlass_contract::provide::{self, Given, Invocation, Key, Told};
use windlass_contract::{Code, Fault, ModuleDescriptor};

use crate::client::{Client, Pool};
use crate::outgoing::Outgoing;
use crate::pending::Pending;
use crate::reply::{Reply, ResultView};
use crate::table::locked;

/// A pool whose calls this process runs. Shared by all threads and tasks that run them; the pool ends with it.
#[derive(Debug)]
pub struct Provider {
    pool: Pool,
    key: Key,
    /// Out for as long as the pool is held.
    hold: Mutex<Option<Pending>>,
}

impl Client {
    /// Makes a pool of the node whose calls this process runs: takes them by [`Provider::next`]. Other clients see an ordinary
    /// pool with these methods; places, deadlines, limits and counters are as those of any.
    ///
    /// `parameters` are what it was made with, for show (the encoded arguments of `create`).
    ///
    /// # Errors
    /// `PoolExists`; `ModuleRefused` for a description that does not hold together; `Denied` over TCP.
    pub fn provide(&self, pool: &str, module: &ModuleDescriptor, parameters: &[u8]) -> Result<Provider, Fault> {
        let refused = |error: &dyn std::fmt::Display| Fault::new(Code::ModuleRefused, error.to_string());
        let descriptor = module.encode().map_err(|error| refused(&error))?;
        let key = key()?;
        let asked = self.admin().call(provide::provide_pool()).argument(pool).argument_bytes(&descriptor);
        let facts: PoolFacts = asked.argument_bytes(parameters).argument_bytes(&key.bytes()).wait()?.value()?;
        let pool = self.pool_at(&facts);
        let hold = pool.call(provide::hold()).argument_bytes(&key.bytes()).send();
        Ok(Provider { pool, key, hold: Mutex::new(Some(hold)) })
    }
}

impl Provider {
    /// The pool.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Answers the call that this thread took before, if any, and waits for the next. `None`: the pool is over, because `stop` was
    /// called, it was destroyed, or the node is stopping.
    ///
    /// Cost: one call. As many calls run at once as there are threads or tasks in `next`.
    ///
    /// # Errors
    /// `NodeGone` when the node ends, as any call.
    pub fn next(&self, given: Option<&Given>) -> Result<Option<Told>, Fault> {
        read(self.ask(given)?.wait())
    }

    /// As `next`, without blocking the thread that awaits it.
    ///
    /// # Errors
    /// As `next`.
    pub async fn next_async(&self, given: Option<&Given>) -> Result<Option<Told>, Fault> {
        let asked = self.ask(given)?;
        read(asked.answered().await)
    }

    fn ask(&self, given: Option<&Given>) -> Result<Outgoing, Fault> {
        let bad =
            |error: postcard::Error| Fault::new(Code::BadReply, format!("an answer does not encode: {error}"));
        let given = given.map(postcard::to_allocvec).transpose().map_err(bad)?.unwrap_or_default();
        Ok(self.pool.call(provide::next()).argument_bytes(&self.key.bytes()).argument_bytes(&given))
    }

    /// The bytes that a buffer of a call brings, which were too many to come with it.
    ///
    /// Cost: one call, and a copy in the node.
    ///
    /// # Errors
    /// `Cancelled` when its caller has given the call up; `BadBuffer`.
    pub fn fetch(&self, call: &Invocation, buffer: usize) -> Result<ResultView, Fault> {
        let length = call.buffers.get(buffer).map_or(0, |piece| piece.length) as usize;
        let asked = self.about(provide::fetch(), call, buffer).output(length);
        asked.wait()?.take_view(0)
    }

    /// The bytes that a buffer of a call takes, when they are too many to go with its answer.
    ///
    /// Cost: one call, and two copies.
    ///
    /// # Errors
    /// As `fetch`.
    pub fn give(&self, call: &Invocation, buffer: usize, bytes: &[u8]) -> Result<(), Fault> {
        self.about(provide::give(), call, buffer).input(bytes).wait().map(drop)
    }

    fn about(&self, method: windlass_contract::MethodRef, call: &Invocation, buffer: usize) -> Outgoing {
        let asked = self.pool.call(method).argument_bytes(&self.key.bytes());
        asked.argument(&call.number).argument(&(buffer as u32))
    }

    /// Ends the pool: calls that wait have not started, those that run are answered `NodeGone`, and `next` answers `None`.
    pub fn stop(&self) {
        if let Some(hold) = locked(&self.hold).as_ref() {
            hold.cancel();
        }
    }

    /// Waits until the pool is over, for at most `time`; answers whether it is.
    ///
    /// # Errors
    /// What ended it, other than `stop`: `NodeGone`, `UnknownPool` when it was destroyed, `Draining`.
    pub fn over_within(&self, time: Duration) -> Result<bool, Fault> {
        let mut held = locked(&self.hold);
        let Some(hold) = held.as_mut() else { return Ok(true) };
        if !hold.wait_within(time) {
            return Ok(false);
        }
        match held.take().map_or(Ok(None), |hold| hold.wait().map(Some)) {
            Err(fault) if !fault.is(Code::Cancelled) => Err(fault),
            _ => Ok(true),
        }
    }
}

fn read(answer: Result<Reply, Fault>) -> Result<Option<Told>, Fault> {
    match answer {
        Ok(reply) => {
            let bytes: Vec<u8> = reply.value()?;
            let bad = |error| Fault::new(Code::BadReply, format!("what the node told a provider: {error}"));
            postcard::from_bytes(&bytes).map(Some).map_err(bad)
        }
        Err(fault) if [Code::UnknownPool, Code::Draining].iter().any(|code| fault.is(*code)) => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn key() -> Result<Key, Fault> {
    let mut bytes = [0; 16];
    let got = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    let none = || Fault::new(Code::Io, "the system gives no random bytes for a pool's key");
    got.ok().filter(|count| *count == bytes.len()).and_then(|_| Key::of(&bytes)).ok_or_else(none)
}
