//! The client: what a user holds of a session, and of a pool.
//!
//! Lives here: `Client`, `Pool`.
//! From: `connect`. To: calls (`outgoing`), loans (`heap`, `frozen`).
//! Holds: a client may be cloned and used from any thread; the last one lets the background thread end.
//! Not here: typed clients (generated), calls by schema (`dynamic`), what happens after a session's end (`again`).

use std::sync::{Arc, LazyLock};

use windlass_contract::admin::{self, PoolFacts};
use windlass_contract::hello::Welcome;
use windlass_contract::slot::Query;
use windlass_contract::{Code, Fault, MethodRef, ModuleDescriptor, PoolId};

use crate::again::{At, Common, Life, NOWHERE};
use crate::batch::Batch;
use crate::connect::Connect;
use crate::connecting::Connecting;
use crate::counters::Counters;
use crate::frozen::FrozenLoan;
use crate::heap::Loan;
use crate::outgoing::Outgoing;
use crate::session::Session;
use crate::stages::{ClientStages, Stages};

static FIND: LazyLock<MethodRef> = LazyLock::new(admin::find);
static DESCRIBE: LazyLock<MethodRef> = LazyLock::new(admin::describe);

/// A connection to a node. Cheap to clone; all clones share one session, on any number of threads, and one anew after
/// [`Client::reconnect`].
#[derive(Clone)]
pub struct Client {
    common: Arc<Common>,
}

impl Client {
    pub(crate) fn of(session: Session, terms: Option<Connect>) -> Client {
        Client { common: Arc::new(Common::new(Life::of(session), terms)) }
    }

    pub(crate) fn common(&self) -> &Common {
        &self.common
    }

    /// The session that a new call goes by.
    pub(crate) fn session(&self) -> Arc<Session> {
        Arc::clone(self.common.now().session())
    }

    /// Connects to the node of this name, or whose directory this is (a path with a `/`).
    ///
    /// # Errors
    /// `NotConnected` when no node answers there; what the node says when it refuses.
    ///
    /// # Example
    /// ```no_run
    /// # fn main() -> Result<(), windlass_contract::Fault> {
    /// let client = windlass_client::Client::connect("local")?;
    /// let pool = client.pool("echoes")?;
    /// println!("{} has the methods {:?}", pool.name(), pool.describe()?.methods);
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect(node: &str) -> Result<Client, Fault> {
        Client::options().connect(node)
    }

    /// As `connect`, without blocking the thread that awaits it.
    ///
    /// # Errors
    /// As `connect`, and `Io` when the system gives no thread.
    pub fn connect_async(node: &str) -> Connecting {
        Client::options().connect_async(node)
    }

    /// Connects with other than the usual terms.
    pub fn options() -> Connect {
        Connect::new()
    }

    /// The pool of this name.
    ///
    /// Cost: one call.
    ///
    /// # Errors
    /// `UnknownPool`, naming those that exist.
    pub fn pool(&self, name: &str) -> Result<Pool, Fault> {
        Ok(self.pool_at(&Self::find_by(&self.common.now(), name)?))
    }

    /// Where the pool of this name is, as one session's node says.
    ///
    /// # Errors
    /// As `pool`.
    pub(crate) fn find_by(life: &Arc<Life>, name: &str) -> Result<PoolFacts, Fault> {
        Outgoing::new(Arc::clone(life), PoolId::ADMIN, *FIND).argument(name).wait()?.value()
    }

    /// As `pool`, without blocking a thread.
    ///
    /// # Errors
    /// As `pool`.
    pub async fn pool_async(&self, name: &str) -> Result<Pool, Fault> {
        let reply = self.admin().call(*FIND).argument(name).answered().await?;
        Ok(self.pool_at(&reply.value()?))
    }

    /// A pool of which the node has said where it is. `reconnect` finds it under its name.
    pub fn pool_at(&self, facts: &PoolFacts) -> Pool {
        self.held(self.common.found(PoolId::from_bits(facts.id), &facts.name))
    }

    /// The pool of this id, without asking whether it exists; also after `reconnect` the pool of this id.
    pub fn pool_of(&self, id: PoolId) -> Pool {
        self.held(At::of(id, id.to_string().into()))
    }

    /// The node's own pool.
    pub fn admin(&self) -> Pool {
        static ADMIN: LazyLock<Arc<At>> = LazyLock::new(|| At::of(PoolId::ADMIN, admin::MODULE.into()));
        self.held(Arc::clone(&ADMIN))
    }

    fn held(&self, at: Arc<At>) -> Pool {
        Pool { at, client: self.clone(), query: Query::Local }
    }

    /// Begins a batch: calls of this session that are published together, the node woken once.
    pub fn batch(&self) -> Batch {
        Batch::new(self.common.now())
    }

    /// Lends `bytes` of shared memory to be filled and sent without a copy.
    ///
    /// Cost: constant time; a request to the node when the session's heap has to grow.
    ///
    /// # Errors
    /// `TooLarge` above `Welcome::loan_bytes_max`; `NoMemory` when the session's limit is reached; `Forked`; `NodeGone`.
    pub fn lend(&self, bytes: usize) -> Result<Loan, Fault> {
        Loan::lend(&self.session(), bytes)
    }

    /// Freezes a copy of `bytes`: memory that the node reads in place, however often it is sent.
    ///
    /// # Errors
    /// As `lend`, and `BadFrozen` for no bytes at all.
    pub fn freeze(&self, bytes: &[u8]) -> Result<FrozenLoan, Fault> {
        self.freeze_with(bytes.len(), |room| room.copy_from_slice(bytes))
    }

    /// Freezes `bytes` that `fill` writes; they are zero before.
    ///
    /// # Errors
    /// As `freeze`.
    pub fn freeze_with(&self, bytes: usize, fill: impl FnOnce(&mut [u8])) -> Result<FrozenLoan, Fault> {
        FrozenLoan::make(&self.session(), bytes, fill)
    }

    /// What the node granted: limits, its generation and process.
    pub fn welcome(&self) -> Welcome {
        self.session().welcome().clone()
    }

    /// Whether the node still answers this session.
    ///
    /// Cost: one system call.
    pub fn is_alive(&self) -> bool {
        self.session().is_alive()
    }

    /// Moves a client by hand (`Connect::by_hand`): takes what answers there are, wakes who waits for them, publishes what found
    /// no room before. Answers how many calls were answered.
    ///
    /// Cost: no system call when nothing is there.
    pub fn pump(&self) -> u32 {
        self.session().pump()
    }

    /// Whether `pump` would find something: an answer, or that the node has ended the session in words.
    ///
    /// Cost: no system call.
    pub fn has_news(&self) -> bool {
        self.session().has_news()
    }

    /// Ends this session as the death of its process does: nothing more is written or sent, what the system closes is
    /// closed. Every pending call ends as `NodeGone`.
    pub fn vanish(&self) {
        self.session().vanish();
    }

    /// What this client did so far.
    pub fn counters(&self) -> Counters {
        self.session().counts().read()
    }

    /// The stamps of this client's calls in sums since this was last asked, which begin anew; ask while no call is out. `None`
    /// unless `Connect::stages` turned stamps on.
    pub fn stages(&self) -> Option<ClientStages> {
        self.session().stages.as_ref().map(Stages::take)
    }

    /// Bytes of loans that are out now, those of pending calls included.
    pub fn lent_bytes(&self) -> u64 {
        self.session().heap().lent_bytes()
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client(session {} of {})", self.welcome().session, self.session().node)
    }
}

/// A pool, as one client calls it. Cheap to clone.
#[derive(Clone)]
pub struct Pool {
    at: Arc<At>,
    client: Client,
    query: Query,
}

impl Pool {
    /// Begins a call.
    #[inline]
    pub fn call(&self, method: MethodRef) -> Outgoing {
        // The session first: where the pool is in it was stored before.
        let life = self.client.common.now();
        let id = self.at.id();
        let call = Outgoing::new(life, id, method).query(self.query);
        if id == NOWHERE { call.refused(self.at.nowhere()) } else { call }
    }

    /// The session that a call would go by now, its pool there and its query.
    ///
    /// # Errors
    /// `UnknownPool` when the node has come back without the pool.
    pub(crate) fn now(&self) -> Result<(Arc<Life>, PoolId, Query), Fault> {
        let life = self.client.common.now();
        match self.at.id() {
            NOWHERE => Err(self.at.nowhere()),
            id => Ok((life, id, self.query)),
        }
    }

    /// The same pool, but its calls go to these containers: one by its id or by a hash, a range, all of them. Without this:
    /// to a container of the worker that has this session.
    pub fn toward(&self, query: Query) -> Pool {
        Pool { query, ..self.clone() }
    }

    /// The client it is called by.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Its id.
    pub fn id(&self) -> PoolId {
        self.at.id()
    }

    /// Its name, or its id as text (`0.7`), which a node takes for a name, if it was made by `Client::pool_of`.
    pub fn name(&self) -> &str {
        &self.at.name
    }

    /// The described methods of its module.
    ///
    /// Cost: one call.
    ///
    /// # Errors
    /// `UnknownPool`; `BadReply` when the node's description does not hold together.
    pub fn describe(&self) -> Result<ModuleDescriptor, Fault> {
        let bytes: Vec<u8> = self.client.admin().call(*DESCRIBE).argument(self.name()).wait()?.value()?;
        ModuleDescriptor::decode(&bytes).map_err(|error| Fault::new(Code::BadReply, error.to_string()))
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pool({} {})", self.name(), self.id())
    }
}
