//! Pools, their containers, and the modules they are made from.
//!
//! Holds: ids are never reused within a node's life; a container outlives its last call, because each call holds it.

use super::claim::Claim;
use super::held::Held;
use super::keys::Keys;
use super::method::Method;
use super::mode::{Mode, Spread};
use super::policy::Placement;
use super::share::{Dealt, Share, Where};
use crate::core::{Core, Descriptor};
use crate::host::home::Home;
use crate::host::library::{Instance, State, Table};
use crate::host::relay::{self, Relay};
use crate::host::streams;
use crate::shared::WorkerId;
use crate::stats::{Costs, MethodStats};
use crate::transport::Arrived;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use windlass_contract::admin::RefusedPool;
use windlass_contract::provide::{self, Key};
use windlass_contract::schema::MethodFlags;
use windlass_contract::{Code, Fault, MethodId, MethodSchema, ModuleDescriptor, PoolId};

/// The origin of modules that are a part of the node's own program.
pub(crate) const LINKED: &str = "linked";

/// A module, linked in or loaded.
pub(crate) struct Module {
    pub(crate) descriptor: ModuleDescriptor,
    pub(crate) encoded: Descriptor,
    pub(crate) table: Table,
    pub(crate) origin: String,
    /// Of a module that another process serves: what that shows.
    pub(crate) provided: Option<Key>,
    /// In order of their numbers.
    methods: Vec<Rc<Method>>,
}

impl Module {
    /// Reads a table's descriptor.
    ///
    /// # Errors
    /// `ModuleRefused` says what the module's author has to change.
    pub(crate) fn new(table: Table, origin: String) -> Result<Rc<Self>, Fault> {
        let encoded: Descriptor = table.describe().into();
        let descriptor = ModuleDescriptor::decode(&encoded)
            .map_err(|error| Fault::new(Code::ModuleRefused, format!("{origin}: {error}")))?;
        let mut schemas: Vec<&MethodSchema> = descriptor.methods.iter().collect();
        schemas.sort_by_key(|schema| schema.id);
        let mut methods: Vec<_> =
            schemas.iter().enumerate().map(|(at, schema)| Rc::new(Method::new(&descriptor, schema, at))).collect();
        if let Err(at) = methods.binary_search_by_key(&MethodId::MONITOR, |method| method.id) {
            methods.insert(at, Method::monitor());
        }
        if descriptor.methods.iter().any(|method| method.streams().next().is_some()) {
            if let Some(taken) = descriptor.methods.iter().find(|method| provide::is_reserved(method.id)) {
                let text = format!("{origin}: {}: {}", taken.name, reserved());
                return Err(Fault::new(Code::ModuleRefused, text));
            }
            methods.extend(streams::methods());
        }
        Ok(Rc::new(Self { descriptor, encoded, table, origin, provided: None, methods }))
    }

    /// A module that another process serves: described here, run there.
    ///
    /// # Errors
    /// `ModuleRefused` for what cannot be served from a process.
    pub(crate) fn provided(by: &Provided) -> Result<Rc<Self>, Fault> {
        let refused = |text: String| Fault::new(Code::ModuleRefused, text);
        let encoded = by.descriptor.clone();
        let mut descriptor = ModuleDescriptor::decode(&encoded).map_err(|error| refused(error.to_string()))?;
        for method in &mut descriptor.methods {
            if provide::is_reserved(method.id) {
                return Err(refused(format!("{}: {}", method.name, reserved())));
            }
            // Its process sees to these.
            method.flags = MethodFlags { background: method.flags.background, ..MethodFlags::default() };
        }
        descriptor.lanes.clear();
        descriptor.methods.sort_by_key(|schema| schema.id);
        let schemas = descriptor.methods.iter().enumerate();
        let mut methods: Vec<_> =
            schemas.map(|(at, schema)| Rc::new(Method::new(&descriptor, schema, at))).collect();
        if let Err(at) = methods.binary_search_by_key(&MethodId::MONITOR, |method| method.id) {
            methods.insert(at, Method::monitor());
        }
        methods.extend(relay::methods());
        let (table, origin, provided) = (relay::table()?, by.origin.clone(), Some(by.key));
        Ok(Rc::new(Self { descriptor, encoded, table, origin, provided, methods }))
    }
    /// Whether it is a part of the node's own program.
    pub(crate) fn is_linked(&self) -> bool {
        self.origin == LINKED
    }
    /// How many methods it has.
    pub(crate) fn methods(&self) -> usize {
        self.methods.len()
    }
    /// The methods that the node calls by itself.
    pub(crate) fn periodic(&self) -> impl Iterator<Item = &Rc<Method>> {
        self.methods.iter().filter(|method| method.flags.period_ns > 0)
    }
    /// The method of this number.
    pub(crate) fn method(&self, id: MethodId) -> Option<&Rc<Method>> {
        let at = self.methods.binary_search_by_key(&id, |method| method.id).ok()?;
        self.methods.get(at)
    }
}

/// Why a number is refused.
fn reserved() -> String {
    format!("numbers from {:#x} on are the node's", provide::RESERVED_FIRST)
}

/// A module that another process serves.
#[derive(Clone)]
pub(crate) struct Provided {
    /// The postcard of its descriptor.
    pub(crate) descriptor: Descriptor,
    /// What its provider shows.
    pub(crate) key: Key,
    /// Who serves it, in words.
    pub(crate) origin: String,
}

/// One shard of a pool.
pub(crate) struct Container {
    pub(crate) pool: PoolId,
    /// Its place in the pool: its id.
    pub(crate) place: u32,
    pub(crate) pool_name: String,
    pub(crate) module: Rc<Module>,
    pub(crate) instance: Instance,
    pub(crate) home: Rc<Home>,
    pub(crate) keys: RefCell<Keys>,
    /// Of a pool that another process serves.
    pub(crate) relay: Option<Rc<Relay>>,
    pub(crate) live: Cell<u64>,
    /// What its methods are expected to cost, told to all workers.
    pub(crate) costs: Arc<Costs>,
    /// Sessions whose heavy calls wait, with how many.
    behind: RefCell<BTreeMap<u64, u32>>,
    /// Events whose hook has failed, and of which the log was told.
    pub(crate) told: Cell<u32>,
    /// Which of its shares this worker has, if several workers may have it.
    pub(crate) dealt: Dealt,
    /// It is about to move: the node calls none of its methods by itself.
    pub(crate) leaving: Cell<bool>,
    /// By which others see whether it is in use, if they may.
    pub(super) claim: Option<Arc<Claim>>,
    /// Calls of it that are queued or live, if it has a claim.
    pub(super) users: Cell<u32>,
    /// One per method of the module, made on its first call.
    stats: Vec<OnceCell<MethodStats>>,
}

impl Container {
    pub(crate) fn new(
        core: &Rc<Core>,
        (pool, place): (PoolId, u32),
        name: String,
        module: Rc<Module>,
        costs: Arc<Costs>,
        claim: Option<Arc<Claim>>,
        state: Option<Arc<State>>,
    ) -> Rc<Self> {
        let stats = module.methods.iter().map(|_| OnceCell::new()).collect();
        let state = state.unwrap_or_else(|| State::empty(module.table));
        let (instance, home) = (Instance::of(state), Home::new(core));
        let (keys, live, pool_name) = (RefCell::default(), Cell::new(0), name);
        let (behind, told, dealt, leaving, users) = Default::default();
        let relay = module.provided.map(Relay::new);
        Rc::new(Self {
            pool,
            place,
            pool_name,
            module,
            instance,
            home,
            keys,
            relay,
            live,
            costs,
            behind,
            told,
            dealt,
            leaving,
            claim,
            users,
            stats,
        })
    }
    /// Whether heavy calls of this session wait, behind which its others stay.
    #[inline]
    pub(crate) fn is_behind(&self, session: u64) -> bool {
        let behind = self.behind.borrow();
        !behind.is_empty() && behind.contains_key(&session)
    }
    /// A call of this session waits among the heavy ones.
    pub(crate) fn goes_behind(&self, session: u64) {
        *self.behind.borrow_mut().entry(session).or_default() += 1;
    }
    /// It does not any more.
    pub(crate) fn came_from_behind(&self, session: u64) {
        let mut behind = self.behind.borrow_mut();
        if let Some(count) = behind.get_mut(&session) {
            *count -= 1;
            if *count == 0 {
                behind.remove(&session);
            }
        }
    }
    /// The method's counters.
    pub(crate) fn stats(&self, method: &Method) -> Option<&MethodStats> {
        self.stats.get(method.index()).map(|cell| cell.get_or_init(MethodStats::new))
    }
    /// The counters of all methods that were called.
    pub(crate) fn all_stats(&self) -> impl Iterator<Item = (&Method, &MethodStats)> {
        self.module.methods.iter().filter_map(|method| Some((&**method, self.stats.get(method.index())?.get()?)))
    }
}

impl Drop for Container {
    /// Nothing stays open that the state, which is dropped next, forgot to close.
    fn drop(&mut self) {
        self.home.close_all();
    }
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "container {} of {}", self.place, self.pool_name)
    }
}

/// A named instance of a module.
pub(crate) struct Pool {
    pub(crate) id: PoolId,
    pub(crate) name: String,
    pub(crate) module: Rc<Module>,
    /// Encoded create parameters.
    pub(crate) parameters: Vec<u8>,
    pub(crate) placement: Placement,
    /// With whom its containers share their workers; the first worker's word counts.
    pub(crate) mode: Cell<Mode>,
    /// What its methods are expected to cost.
    pub(crate) costs: Arc<Costs>,
    /// Its containers, in order of their ids; at least one.
    pub(crate) spots: Vec<Spot>,
    /// Calls of this worker that went where there was least to do, to spread them among equals.
    next: Cell<usize>,
}

/// Where a container is.
#[derive(Clone)]
pub(crate) struct Spot {
    pub(crate) worker: WorkerId,
    /// The container, if it is this worker's.
    pub(crate) here: Option<Rc<Container>>,
    /// Calls of this worker that wait for it while it moves.
    pub(crate) held: Rc<Held>,
    /// By which it is seen whether it is in use.
    pub(crate) claim: Option<Arc<Claim>>,
    /// Which workers run its calls, if several may; else nothing.
    pub(crate) shares: Arc<[Share]>,
    /// What those share.
    pub(crate) state: Option<Arc<State>>,
}

impl Spot {
    /// Whether several workers may have the container.
    #[inline(always)]
    pub(crate) fn is_shared(&self) -> bool {
        !self.shares.is_empty()
    }
}

impl Pool {
    pub(crate) fn new(
        id: PoolId,
        name: String,
        module: Rc<Module>,
        parameters: Vec<u8>,
        spread: Spread,
        costs: Arc<Costs>,
        spots: Vec<Spot>,
    ) -> Self {
        let (placement, mode, next) = (spread.placement, Cell::new(spread.mode), Cell::new(0));
        Self { id, name, module, parameters, placement, mode, costs, spots, next }
    }
    /// How it is spread now.
    pub(crate) fn spread(&self) -> Spread {
        Spread { placement: self.placement, mode: self.mode.get() }
    }
    /// The same pool, with a container elsewhere.
    pub(crate) fn moved(&self, place: usize, to: Where, here: Option<Rc<Container>>) -> Self {
        let (name, module, parameters) = (self.name.clone(), self.module.clone(), self.parameters.clone());
        let mut spots = self.spots.clone();
        if let Some(spot) = spots.get_mut(place) {
            let Where { worker, claim, shares } = to;
            (spot.worker, spot.here, spot.claim, spot.shares) = (worker, here, claim, shares);
        }
        Self {
            next: self.next.clone(),
            ..Self::new(self.id, name, module, parameters, self.spread(), self.costs.clone(), spots)
        }
    }
    /// The containers whose home this worker is.
    pub(crate) fn at_home(&self, worker: WorkerId) -> impl Iterator<Item = &Rc<Container>> {
        self.spots.iter().filter(move |spot| spot.worker == worker).filter_map(|spot| spot.here.as_ref())
    }
    /// The containers that this worker has, or a share of.
    pub(crate) fn here(&self) -> impl Iterator<Item = &Rc<Container>> {
        self.spots.iter().filter_map(|spot| spot.here.as_ref())
    }
    /// One more each time.
    pub(crate) fn turn(&self) -> usize {
        let turn = self.next.get();
        self.next.set(turn.wrapping_add(1));
        turn
    }
    /// The first container of this worker; if it has none, always the same of another's. So calls of one session that say no
    /// query meet one container, in order.
    pub(crate) fn local(&self, worker: WorkerId) -> usize {
        let mine = self.spots.iter().position(|spot| spot.worker == worker && spot.here.is_some());
        let mine = mine.or_else(|| self.spots.iter().position(|spot| spot.here.is_some()));
        mine.unwrap_or(worker.index() % self.spots.len())
    }
}

/// All pools and modules of a node.
#[derive(Default)]
pub(crate) struct Places {
    /// By the counter of their ids; ids are given in order and not reused.
    pools: Vec<Option<Rc<Pool>>>,
    names: BTreeMap<String, PoolId>,
    /// Names whose pool is being made.
    pub(crate) making: BTreeMap<String, PoolId>,
    /// Containers of this worker whose pool does not stand yet.
    pub(crate) made: BTreeMap<(PoolId, u32), Rc<Container>>,
    modules: BTreeMap<String, Rc<Module>>,
    /// Pools that did not come back: their names, and what their callers are told.
    refused: BTreeMap<PoolId, (String, Fault)>,
    next: u64,
    /// Where the next pool's containers begin, one worker after another.
    pub(crate) cursor: Cell<usize>,
    /// Calls of this worker that wait while containers move.
    pub(crate) held: Cell<usize>,
    /// The pool of which a container moves, on the first worker.
    pub(crate) moving: Cell<Option<PoolId>>,
    /// A mode is being changed, on the first worker.
    pub(crate) changing: Cell<bool>,
}

impl Places {
    pub(crate) fn by_id(&self, id: PoolId) -> Option<&Rc<Pool>> {
        if id.node() != 0 {
            return None;
        }
        self.pools.get(usize::try_from(id.counter()).ok()?)?.as_ref()
    }
    /// The pool of this name, or of this id as text.
    pub(crate) fn by_text(&self, text: &str) -> Option<&Rc<Pool>> {
        if let Some(id) = self.names.get(text) {
            return self.by_id(*id);
        }
        self.pools().find(|pool| pool.id.to_string() == text)
    }
    /// What a call is expected to cost wherever it runs, as far as this worker has heard, nanoseconds.
    pub(crate) fn expected(&self, call: &Arrived) -> u64 {
        let pool = self.by_id(call.slot.pool);
        let known = pool.and_then(|pool| Some((pool, pool.module.method(call.slot.method)?)));
        known.map_or(0, |(pool, method)| pool.costs.of(method.index(), call.bytes()))
    }
    /// `UnknownPool`, naming those that exist.
    pub(crate) fn unknown(&self, text: &str) -> Fault {
        let is = |(id, (name, _)): &(&PoolId, &(String, Fault))| *name == text || id.to_string() == text;
        if let Some((_, (_, fault))) = self.refused.iter().find(is) {
            return fault.clone();
        }
        let names: Vec<&str> = self.names.keys().map(String::as_str).collect();
        Fault::new(Code::UnknownPool, format!("no pool {text}; there is {}", names.join(", ")))
    }
    /// Callers of a pool are refused with this Fault; with none, no longer.
    pub(crate) fn refuse(&mut self, id: PoolId, name: String, fault: Option<Fault>) {
        match fault {
            Some(fault) => self.refused.insert(id, (name, fault)),
            None => self.refused.remove(&id),
        };
    }
    /// What callers of the pool of this name are refused with, if they are.
    pub(crate) fn refused(&self, name: &str) -> Option<&Fault> {
        self.refused.values().find(|(refused, _)| refused == name).map(|(_, fault)| fault)
    }
    /// The id of the pool of this name, if its callers are refused.
    pub(crate) fn refused_id(&self, name: &str) -> Option<PoolId> {
        self.refused.iter().find(|(_, (refused, _))| refused == name).map(|(id, _)| *id)
    }
    /// All pools whose callers are refused.
    pub(crate) fn all_refused(&self) -> impl Iterator<Item = RefusedPool> {
        self.refused.iter().map(|(id, (name, fault))| RefusedPool {
            id: id.bits(),
            name: name.clone(),
            why: fault.message.clone(),
        })
    }
    /// New pools get ids after these, which pools of an earlier life have.
    pub(crate) fn begin_ids_after(&mut self, ids: impl Iterator<Item = u64>) {
        let after = ids.map(|id| PoolId::from_bits(id).counter() + 1).max().unwrap_or(0);
        self.next = self.next.max(after);
    }
    /// A new pool's id. The first is `admin`'s.
    pub(crate) fn next_id(&mut self) -> PoolId {
        let id = PoolId::new(0, self.next);
        self.next += 1;
        id
    }
    pub(crate) fn insert(&mut self, pool: Pool) {
        self.names.insert(pool.name.clone(), pool.id);
        let at = pool.id.counter() as usize;
        if self.pools.len() <= at {
            self.pools.resize(at + 1, None);
        }
        self.pools[at] = Some(Rc::new(pool));
    }
    pub(crate) fn remove(&mut self, id: PoolId) -> Option<Rc<Pool>> {
        let pool = self.pools.get_mut(usize::try_from(id.counter()).ok()?)?.take()?;
        self.names.remove(&pool.name);
        Some(pool)
    }
    pub(crate) fn pools(&self) -> impl Iterator<Item = &Rc<Pool>> {
        self.names.values().filter_map(|id| self.by_id(*id))
    }
    pub(crate) fn module(&self, name: &str) -> Option<&Rc<Module>> {
        self.modules.get(name)
    }
    pub(crate) fn modules(&self) -> impl Iterator<Item = &Rc<Module>> {
        self.modules.values()
    }
    /// Adds a module.
    ///
    /// # Errors
    /// `ModuleRefused` when one of its name is there.
    pub(crate) fn add_module(&mut self, module: Rc<Module>) -> Result<(), Fault> {
        let name = module.descriptor.name.clone();
        if let Some(there) = self.modules.get(&name) {
            let text = format!("a module {name} {} is there already ({})", there.descriptor.version, there.origin);
            return Err(Fault::new(Code::ModuleRefused, text));
        }
        self.modules.insert(name, module);
        Ok(())
    }
    /// Forgets everything; the containers end with their last call, or when the caller drops them. They may come back here
    /// while they end, so that must be outside any borrow.
    #[must_use]
    pub(crate) fn take_all(&mut self) -> Vec<Option<Rc<Pool>>> {
        self.names.clear();
        std::mem::take(&mut self.pools)
    }
}
