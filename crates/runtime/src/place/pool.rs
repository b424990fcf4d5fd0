//! Pools, their containers, and the modules they are made from.
//!
//! Holds: ids are never reused within a node's life; a container outlives its last call, because each call holds it.

use super::keys::Keys;
use crate::core::{Core, Descriptor};
use crate::host::home::Home;
use crate::host::library::{Instance, Table};
use crate::stats::MethodStats;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use windlass_contract::head::{BufferKind, Direction};
use windlass_contract::schema::MethodFlags;
use windlass_contract::{Code, Fault, MethodId, MethodSchema, ModuleDescriptor, PoolId};

/// A method, ready to be called.
pub(crate) struct Method {
    pub(crate) id: MethodId,
    pub(crate) name: String,
    /// With its module's name before it: what its tasks are called.
    pub(crate) full: Rc<str>,
    pub(crate) hashes: Vec<u64>,
    pub(crate) buffers: Vec<(String, Direction, BufferKind)>,
    pub(crate) flags: MethodFlags,
    /// Where its counters stand in a container; `usize::MAX` for an inherited one that nothing is counted of.
    index: usize,
}

/// A module, linked in or loaded.
pub(crate) struct Module {
    pub(crate) descriptor: ModuleDescriptor,
    pub(crate) encoded: Descriptor,
    pub(crate) table: Table,
    pub(crate) origin: String,
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
        let mut methods: Vec<_> = schemas
            .iter()
            .enumerate()
            .map(|(at, schema)| Rc::new(Method::new(&descriptor.name, schema, at)))
            .collect();
        if let Err(at) = methods.binary_search_by_key(&MethodId::MONITOR, |method| method.id) {
            methods.insert(at, Method::monitor());
        }
        Ok(Rc::new(Self { descriptor, encoded, table, origin, methods }))
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

impl Method {
    /// An inherited method that the module did not declare: its hooks answer it.
    pub(crate) fn inherited(id: MethodId) -> Rc<Self> {
        let (name, flags) = (Self::inherited_name(id), MethodFlags::default());
        let (name, full) = (name.into(), name.into());
        Rc::new(Self { id, name, full, hashes: Vec::new(), buffers: Vec::new(), flags, index: usize::MAX })
    }

    /// What an inherited method is called; 7 and 8 are reserved.
    pub(crate) fn inherited_name(id: MethodId) -> &'static str {
        match id {
            MethodId::CREATE => "create",
            MethodId::DESTROY => "destroy",
            MethodId::NODE_FAILURE => "node_failure",
            MethodId::RECOVER => "recover",
            MethodId::MIGRATE => "migrate",
            MethodId::UPGRADE => "upgrade",
            MethodId::RESTART => "restart",
            MethodId::MONITOR => "monitor",
            _ => "reserved",
        }
    }

    /// What a spawned task is called by; it is no method of the module, and nothing is counted of it.
    pub(crate) fn spawned(name: String, background: bool) -> Rc<Self> {
        let flags = MethodFlags { background, ..MethodFlags::default() };
        let (id, full) = (MethodId(u32::MAX), name.as_str().into());
        Rc::new(Self { id, name, full, hashes: Vec::new(), buffers: Vec::new(), flags, index: usize::MAX })
    }

    /// Method 9, which every module answers by its hook.
    fn monitor() -> Rc<Self> {
        let reference = windlass_contract::admin::monitor();
        let (hashes, flags) = (vec![reference.schema], MethodFlags::default());
        let (name, full) = (reference.name.into(), reference.name.into());
        Rc::new(Self { id: reference.id, name, full, hashes, buffers: Vec::new(), flags, index: usize::MAX })
    }

    fn new(module: &str, schema: &MethodSchema, index: usize) -> Self {
        Self {
            id: schema.id,
            name: schema.name.clone(),
            full: format!("{module}.{}", schema.name).into(),
            hashes: schema.hashes.clone(),
            buffers: schema.buffers().map(|(one, direction, kind)| (one.name.clone(), direction, kind)).collect(),
            flags: schema.flags.clone(),
            index,
        }
    }
}

/// One shard of a pool.
pub(crate) struct Container {
    pub(crate) pool: PoolId,
    pub(crate) pool_name: String,
    pub(crate) module: Rc<Module>,
    pub(crate) instance: Instance,
    pub(crate) home: Rc<Home>,
    pub(crate) keys: RefCell<Keys>,
    pub(crate) live: Cell<u64>,
    /// One per method of the module, made on its first call.
    stats: Vec<OnceCell<MethodStats>>,
}

impl Container {
    pub(crate) fn new(core: &Rc<Core>, pool: PoolId, pool_name: String, module: Rc<Module>) -> Rc<Self> {
        let stats = module.methods.iter().map(|_| OnceCell::new()).collect();
        let (instance, home) = (Instance::empty(module.table), Home::new(core));
        let (keys, live) = (RefCell::default(), Cell::new(0));
        Rc::new(Self { pool, pool_name, module, instance, home, keys, live, stats })
    }
    /// The method's counters.
    pub(crate) fn stats(&self, method: &Method) -> Option<&MethodStats> {
        self.stats.get(method.index).map(|cell| cell.get_or_init(MethodStats::new))
    }
    /// The counters of all methods that were called.
    pub(crate) fn all_stats(&self) -> impl Iterator<Item = (&Method, &MethodStats)> {
        self.module.methods.iter().filter_map(|method| Some((&**method, self.stats.get(method.index)?.get()?)))
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
        write!(f, "container of {}", self.pool_name)
    }
}

/// A named instance of a module.
pub(crate) struct Pool {
    pub(crate) id: PoolId,
    pub(crate) name: String,
    pub(crate) module: Rc<Module>,
    /// Encoded create parameters.
    pub(crate) parameters: Vec<u8>,
    pub(crate) containers: Vec<Rc<Container>>,
}

/// All pools and modules of a node.
#[derive(Default)]
pub(crate) struct Places {
    /// By the counter of their ids; ids are given in order and not reused.
    pools: Vec<Option<Rc<Pool>>>,
    names: BTreeMap<String, PoolId>,
    /// Names whose pool is being made.
    pub(crate) making: BTreeMap<String, PoolId>,
    modules: BTreeMap<String, Rc<Module>>,
    next: u64,
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
    /// `UnknownPool`, naming those that exist.
    pub(crate) fn unknown(&self, text: &str) -> Fault {
        let names: Vec<&str> = self.names.keys().map(String::as_str).collect();
        Fault::new(Code::UnknownPool, format!("no pool {text}; there is {}", names.join(", ")))
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
