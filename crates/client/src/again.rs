//! Connecting again: clients and stubs outlive the session that they were made with.
//!
//! Lives here: `Common` (what all clones of a client share), `Life` (one session's, until nobody uses it), `At` (where a pool is
//!   now), `Client::reconnect`.
//! From: `client`, whose clones and pools look here at each call. To: `connect`, with the terms of the first time.
//! Holds: a session is never put in the place of one that goes on; pools are found by name before the first call goes out by the
//!   new session; a call stays with the session that it was begun on, as do loans, views and leases.
//! Not here: how a session ends (`session`).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread;

use arc_swap::ArcSwap;
use windlass_contract::{Code, Fault, Outcome, PoolId};

use crate::background::Background;
use crate::client::Client;
use crate::clock::Until;
use crate::connect::Connect;
use crate::connecting::Working;
use crate::limits::{AGAIN_FIRST, AGAIN_LONGEST};
use crate::session::Session;
use crate::table::locked;

/// What all clones of a client share.
pub(crate) struct Common {
    /// The session that new calls go by.
    now: ArcSwap<Life>,
    /// How it was connected; `None` for a connection of the caller's own, which cannot be made again here.
    terms: Option<Connect>,
    /// One thread connects again, the others wait for what comes of it.
    again: Mutex<()>,
    pools: Mutex<Known>,
}

/// One session, until the last client, call and batch of it is gone; views and loans keep the session itself.
pub(crate) struct Life {
    session: Arc<Session>,
}

/// Where a pool is. Shared by its clones.
pub(crate) struct At {
    pub(crate) name: Arc<str>,
    id: AtomicU64,
    /// The node of this session had no pool of this name, or refused it, when it was asked.
    lost: AtomicBool,
}

/// The pools that were found by name and are still held.
#[derive(Default)]
struct Known {
    pools: Vec<Weak<At>>,
    /// Whether some of them are not in this session's node.
    lost: bool,
    /// How many there may be before those that nobody holds are left out.
    room: usize,
}

impl Life {
    pub(crate) fn of(session: Session) -> Arc<Life> {
        Arc::new(Life { session: Arc::new(session) })
    }

    #[inline]
    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.session
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if !self.session.forked() {
            self.session.leave();
            Background::close(&self.session);
        }
    }
}

impl At {
    pub(crate) fn of(id: PoolId, name: Arc<str>) -> Arc<At> {
        Arc::new(At { name, id: AtomicU64::new(id.bits()), lost: AtomicBool::new(false) })
    }

    #[inline]
    pub(crate) fn id(&self) -> PoolId {
        // ORDER: it is stored before the session that it belongs to, and read after that was.
        PoolId::from_bits(self.id.load(Ordering::Relaxed))
    }

    fn is_at(&self, id: PoolId) {
        self.id.store(id.bits(), Ordering::Relaxed);
    }

    /// What a call of it is told when it is nowhere.
    pub(crate) fn nowhere(&self) -> Fault {
        let text = format!(
            "the node has come back without the pool {:?}: make it, or ask for it once it is there, and go on",
            self.name
        );
        Fault::new(Code::UnknownPool, text)
    }
}

impl Known {
    fn add(&mut self, at: &Arc<At>) {
        if self.lost {
            self.settle(at);
        }
        if self.pools.len() >= self.room {
            self.pools.retain(|held| held.strong_count() > 0);
            self.room = self.pools.len() * 2 + 8;
        }
        self.pools.push(Arc::downgrade(at));
    }

    /// A pool is there again: who held it before its node came back without it may call it.
    fn settle(&self, found: &At) {
        for at in self.pools.iter().filter_map(Weak::upgrade) {
            if at.name == found.name && at.lost.swap(false, Ordering::Relaxed) {
                at.is_at(found.id());
            }
        }
    }
}

impl Common {
    pub(crate) fn new(life: Arc<Life>, terms: Option<Connect>) -> Common {
        Common { now: ArcSwap::new(life), terms, again: Mutex::default(), pools: Mutex::default() }
    }

    /// The session that a new call goes by.
    ///
    /// Cost: some nanoseconds, and no lock.
    #[inline]
    pub(crate) fn now(&self) -> Arc<Life> {
        self.now.load_full()
    }

    /// A pool that is to be found again under its name.
    pub(crate) fn found(&self, id: PoolId, name: &str) -> Arc<At> {
        let at = At::of(id, name.into());
        locked(&self.pools).add(&at);
        at
    }
}

impl Client {
    /// Connects again on the first terms, if the session has ended: this client, its clones, and every pool and stub that was got
    /// from them go on as before, in the new session. Waits for the node to come back for as long as a connection may take
    /// (`Connect::timeout`). Does nothing while the session goes on, so every thread that was told of its end may ask.
    ///
    /// Pools are found by their names; calls of one that does not exist any more end as `UnknownPool` until it is made or found
    /// again. What belonged to the old session stays with it and is refused by the new one: loans, frozen loans, and symbols of the session. Calls
    /// that were out have ended as `NodeGone`: of those with outcome `NotStarted` it is certain that they did not run.
    ///
    /// # Errors
    /// `NotConnected` when no node answers in that time, and as `Connect::open`; `Unsupported` for a connection of the caller's own
    /// (`Connect::over`); `Forked`. Afterwards the client is as it was before, and may ask again.
    ///
    /// # Example
    /// ```no_run
    /// # use windlass_contract::{Code, Fault, Outcome, MethodRef, MethodId};
    /// # fn main() -> Result<(), Fault> {
    /// # let put = MethodRef { id: MethodId(20), schema: 0, name: "put", idempotent: false };
    /// let client = windlass_client::Client::connect("local")?;
    /// let store = client.pool("store")?;
    /// if let Err(fault) = store.call(put).argument("a").wait() {
    ///     if !fault.is(Code::NodeGone) {
    ///         return Err(fault);
    ///     }
    ///     client.reconnect()?;
    ///     if fault.outcome == Outcome::NotStarted {
    ///         store.call(put).argument("a").wait()?;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn reconnect(&self) -> Result<(), Fault> {
        let common = self.common();
        let ended = common.now();
        if ended.session().forked() {
            return Err(crate::session::forked());
        }
        if ended.session().is_alive() {
            return Ok(());
        }
        drop(ended);
        let _one_at_a_time = locked(&common.again);
        if common.now().session().is_alive() {
            return Ok(());
        }
        let Some(terms) = &common.terms else {
            let text = "a connection of the caller's own cannot be made again: connect over a new one";
            return Err(Fault::new(Code::Unsupported, text));
        };
        let life = patiently(terms)?;
        self.find_again(&life)?;
        common.now.store(life);
        Ok(())
    }

    /// As `reconnect`, without blocking the thread that awaits it.
    ///
    /// Cost: a thread for as long as it takes. Dropping the future does not stop it.
    ///
    /// # Errors
    /// As `reconnect`, and `Io` when the system gives no thread.
    pub async fn reconnect_async(&self) -> Result<(), Fault> {
        if self.common().now().session().hand.is_some() {
            return self.reconnect();
        }
        let client = self.clone();
        Working::new(move || client.reconnect()).await
    }

    /// Does `work`, and once more in a new session for as long as the end of the old one has kept it from starting: Faults with the
    /// outcome `NotStarted` after which the session is over. What has or may have run is not run again.
    ///
    /// # Errors
    /// What `work` says, and as `reconnect`.
    ///
    /// # Example
    /// ```no_run
    /// # use windlass_contract::{Fault, MethodRef, MethodId};
    /// # fn main() -> Result<(), Fault> {
    /// # let ping = MethodRef { id: MethodId(20), schema: 0, name: "ping", idempotent: true };
    /// let client = windlass_client::Client::connect("local")?;
    /// let echo = client.pool("echo")?;
    /// let reply = client.reconnecting(|| echo.call(ping).argument(&1_u64).wait())?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn reconnecting<T>(&self, mut work: impl FnMut() -> Result<T, Fault>) -> Result<T, Fault> {
        let until = Until::after(self.common().now().session().timeout);
        loop {
            let life = self.common().now();
            let fault = match work() {
                Ok(done) => return Ok(done),
                Err(fault) => fault,
            };
            if fault.outcome != Outcome::NotStarted || until.left().is_zero() || life.session().is_alive() {
                return Err(fault);
            }
            self.reconnect()?;
        }
    }

    /// Asks the new session where the pools are that the old one knew.
    fn find_again(&self, life: &Arc<Life>) -> Result<(), Fault> {
        let pools: Vec<Arc<At>> = locked(&self.common().pools).pools.iter().filter_map(Weak::upgrade).collect();
        let mut found = HashMap::new();
        for at in &pools {
            if found.contains_key(&at.name) {
                continue;
            }
            let now = match Client::find_by(life, &at.name) {
                Ok(facts) => Now::At(PoolId::from_bits(facts.id)),
                Err(fault) if !life.session().is_alive() => return Err(fault),
                // Its id may be another pool's now.
                Err(fault) if fault.is(Code::UnknownPool) => Now::Nowhere,
                // The node knows it, and says to whoever calls it why it is refused.
                Err(_) => Now::Refused,
            };
            found.insert(Arc::clone(&at.name), now);
        }
        let lost = |at: &At| matches!(found.get(&at.name), Some(Now::Nowhere | Now::Refused));
        locked(&self.common().pools).lost = pools.iter().any(|at| lost(at));
        for at in &pools {
            at.lost.store(lost(at), Ordering::Relaxed);
            match found.get(&at.name) {
                Some(Now::At(id)) => at.is_at(*id),
                Some(Now::Nowhere) => at.is_at(NOWHERE),
                Some(Now::Refused) | None => {}
            }
        }
        Ok(())
    }
}

/// What a new session's node says of a pool.
enum Now {
    At(PoolId),
    Refused,
    Nowhere,
}

/// No node makes a pool of this id.
pub(crate) const NOWHERE: PoolId = PoolId::from_bits(u64::MAX);

/// Connects, and waits for a node that is not there yet.
fn patiently(terms: &Connect) -> Result<Arc<Life>, Fault> {
    let until = Until::after(terms.patience());
    let mut pause = AGAIN_FIRST;
    loop {
        match terms.clone().establish() {
            Err(fault) if is_away(&fault) && !terms.is_by_hand() && !until.left().is_zero() => {
                #[allow(clippy::disallowed_methods, reason = "a client has no driver to ask")]
                thread::sleep(pause.min(until.left()));
                pause = (pause * 2).min(AGAIN_LONGEST);
            }
            Err(fault) => return Err(fault),
            Ok(session) => return Ok(Life::of(session)),
        }
    }
}

/// Whether a node that is just starting or ending may have said so.
fn is_away(fault: &Fault) -> bool {
    [Code::NotConnected, Code::Draining, Code::NodeGone].iter().any(|code| fault.is(*code))
}
