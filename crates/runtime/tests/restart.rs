//! A node that comes back: with which pools, in which state, and what callers are told of those that cannot.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]

mod stage;

use stage::{Stage, pool};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use windlass::prelude::*;
use windlass_runtime::{Catalog, KeptPool, KeptState, NodeConfig, NodeEnd, PoolSpec};

/// A catalog in memory, which outlives the nodes of a test.
#[derive(Debug, Default)]
struct Table {
    pools: Mutex<BTreeMap<String, KeptPool>>,
    states: Mutex<BTreeMap<String, KeptState>>,
    /// Operations that succeed before one fails; 0 = all do.
    fails_after: AtomicU64,
}

impl Table {
    fn step(&self) -> Result<(), Fault> {
        match self.fails_after.load(Ordering::SeqCst) {
            0 => Ok(()),
            1 => Err(Fault::new(Code::Io, "the disk is full")),
            more => {
                self.fails_after.store(more - 1, Ordering::SeqCst);
                Ok(())
            }
        }
    }
}

impl Catalog for Table {
    fn pools(&self) -> Result<Vec<KeptPool>, Fault> {
        let mut pools: Vec<_> = self.pools.lock().unwrap().values().cloned().collect();
        pools.sort_by_key(|pool| pool.id);
        Ok(pools)
    }
    fn keep(&self, pool: &KeptPool) -> Result<(), Fault> {
        self.step()?;
        self.states.lock().unwrap().remove(&pool.name);
        self.pools.lock().unwrap().insert(pool.name.clone(), pool.clone());
        Ok(())
    }
    fn change(&self, pool: &KeptPool) -> Result<(), Fault> {
        self.step()?;
        self.pools.lock().unwrap().insert(pool.name.clone(), pool.clone());
        Ok(())
    }
    fn forget(&self, name: &str) -> Result<(), Fault> {
        self.step()?;
        self.states.lock().unwrap().remove(name);
        self.pools.lock().unwrap().remove(name);
        Ok(())
    }
    fn keep_states(&self, states: &[KeptState]) -> Result<(), Fault> {
        self.step()?;
        let pools = self.pools.lock().unwrap();
        let kept = states.iter().filter(|state| pools.contains_key(&state.pool));
        self.states.lock().unwrap().extend(kept.map(|state| (state.pool.clone(), state.clone())));
        Ok(())
    }
    fn states(&self, pool: &str) -> Result<Option<KeptState>, Fault> {
        Ok(self.states.lock().unwrap().get(pool).cloned())
    }
    fn begin(&self) -> Result<(), Fault> {
        self.states.lock().unwrap().values_mut().for_each(|state| state.at_stop = false);
        Ok(())
    }
}

/// Counts; its state can be given away, and taken over by whoever has it to itself.
#[derive(Default)]
pub struct Tally {
    count: u64,
    step: u64,
}

#[module(export = false)]
impl Tally {
    #[create]
    fn create(#[arg(default = 1)] step: u64) -> Self {
        Self { count: 0, step }
    }
    #[method(aggregate = sum)]
    fn add(&mut self) -> u64 {
        self.count += self.step;
        self.count
    }
    #[method(aggregate = sum)]
    fn count(&mut self) -> u64 {
        self.count
    }
    #[hook]
    fn export(&self, _cx: &Context<'_>) -> Result<Vec<u8>, Fault> {
        match self.count {
            13 => Err(Fault::module(13, "not now")),
            count => Ok(count.to_le_bytes().to_vec()),
        }
    }
    #[hook]
    fn import(&mut self, _cx: &Context<'_>, from: &str, state: &[u8]) -> Result<(), Fault> {
        let bytes = state.try_into().map_err(|_| Fault::module(1, format!("{} bytes of {from}", state.len())))?;
        self.count = u64::from_le_bytes(bytes);
        Ok(())
    }
}

/// Remembers, and cannot give it away.
#[derive(Default)]
pub struct Notes(Vec<String>);

#[module(export = false)]
impl Notes {
    #[create]
    fn create() -> Self {
        Self::default()
    }
    #[method]
    fn note(&mut self, text: &str) -> u64 {
        self.0.push(text.into());
        self.0.len() as u64
    }
}

/// Keeps nothing.
pub struct Adder;

#[module(export = false, stateless)]
impl Adder {
    #[create]
    fn create() -> Self {
        Self
    }
    #[method]
    fn add(&mut self, left: u64, right: u64) -> u64 {
        left + right
    }
}

/// Counts, wherever it is called.
#[derive(Default)]
pub struct Common {
    count: AtomicU64,
}

#[module(export = false, sync)]
impl Common {
    #[create]
    fn create() -> Self {
        Self::default()
    }
    #[method(key = name)]
    fn add(&self, name: u64) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed) + name
    }
    #[method]
    fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
    #[hook]
    fn export(&self, _cx: &Context<'_>) -> Result<Vec<u8>, Fault> {
        Ok(self.count.load(Ordering::Relaxed).to_le_bytes().into())
    }
    #[hook]
    fn import(&self, _cx: &Context<'_>, _from: &str, state: &[u8]) -> Result<(), Fault> {
        let state = state.try_into().map_err(|_| Fault::module(1, "a count is eight bytes"))?;
        self.count.store(u64::from_le_bytes(state), Ordering::Relaxed);
        Ok(())
    }
}

fn node(catalog: &Arc<Table>, change: impl FnOnce(&mut NodeConfig)) -> Result<Stage, Fault> {
    Stage::try_with(|config| {
        config.workers = 2;
        config.modules.extend([Tally::TABLE, Notes::TABLE, Adder::TABLE, Common::TABLE]);
        config.catalog = Some(catalog.clone());
        change(config);
    })
}

fn again(catalog: &Arc<Table>) -> Stage {
    node(catalog, |_| {}).unwrap()
}

fn stopped(stage: Stage) {
    stage.stop(Duration::from_secs(10));
    assert_eq!(stage.ended(), NodeEnd::Stopped);
}

fn tally(stage: &Stage, name: &str) -> tally::Blocking {
    tally::Blocking::connect(&stage.address(), name).unwrap()
}

#[test]
fn tasks_K49_after_an_orderly_stop_every_pool_is_back_as_it_was() {
    let catalog = Arc::new(Table::default());
    let first = again(&catalog);
    let made = first.admin().create_spread("many", "tally", &[], 3, "round_robin").unwrap();
    let one = tally::Blocking::create(&first.client(), "one", 5).unwrap();
    adder::Blocking::create(&first.client(), "adder").unwrap();
    for at in 0..3 {
        for _ in 0..=at {
            tally(&first, "many").toward(Query::Id(at)).add().unwrap();
        }
    }
    one.add().unwrap();
    stopped(first);

    let second = again(&catalog);
    let many = tally(&second, "many");
    assert_eq!(many.pool().id(), PoolId::from_bits(made.id), "it has its id");
    for at in 0..3 {
        assert_eq!(many.toward(Query::Id(at)).count().unwrap(), at + 1, "each container has its own state");
    }
    assert_eq!(tally(&second, "one").add().unwrap(), 10, "its parameters are those it was made with");
    assert_eq!(adder::Blocking::connect(&second.address(), "adder").unwrap().add(1, 2).unwrap(), 3);
    // A pool that is made now has an id that none had before.
    let new = second.admin().create_spread("new", "tally", &[], 1, "round_robin").unwrap();
    assert!(new.id > made.id);
    second.admin().destroy_pool("many").unwrap();
    stopped(second);

    let third = again(&catalog);
    assert!(third.admin().find_pool("many").unwrap_err().is(Code::UnknownPool), "it was destroyed");
    assert_eq!(tally(&third, "one").count().unwrap(), 10);
    assert_eq!(third.admin().pools().unwrap().len(), 4);
}

#[test]
fn tasks_K49_a_state_that_was_not_taken_down_is_never_silently_empty() {
    let catalog = Arc::new(Table::default());
    let first = again(&catalog);
    let notes = notes::Blocking::create(&first.client(), "notes").unwrap();
    let count = tally::Blocking::create(&first.client(), "count", 1).unwrap();
    notes.note("dear diary").unwrap();
    count.add().unwrap();
    // As if it were killed: it ends at once and takes nothing down.
    drop(first);

    let second = again(&catalog);
    for name in ["notes", "count"] {
        let fault = second.admin().find_pool(name).unwrap_err();
        assert!(fault.is(Code::NotRestored) && fault.message.contains("keeps state"), "{fault:?}");
    }
    // A stub of the first node's pool, by its id.
    let stale = second.client().pool_of(notes.pool().id());
    let fault = notes::Blocking::on(stale).note("again").unwrap_err();
    assert!(fault.is(Code::NotRestored) && fault.outcome == Outcome::NotStarted, "{fault:?}");
    let listed = second.admin().refused().unwrap();
    assert!(listed.iter().any(|pool| pool.name == "notes" && pool.why.contains("keeps state")), "{listed:?}");
    // It stays so however often the node starts, until somebody decides.
    stopped(second);
    let third = again(&catalog);
    assert!(third.admin().find_pool("notes").unwrap_err().is(Code::NotRestored));
    let anew = notes::Blocking::create(&third.client(), "notes").unwrap();
    assert_eq!(anew.note("a new one").unwrap(), 1);
    third.admin().destroy_pool("count").unwrap();
    assert!(third.admin().find_pool("count").unwrap_err().is(Code::UnknownPool));
    assert!(third.admin().refused().unwrap().is_empty());
}

#[test]
fn tasks_K49_a_flush_is_what_a_node_that_was_killed_comes_back_to() {
    let catalog = Arc::new(Table::default());
    let first = again(&catalog);
    let count = tally::Blocking::create(&first.client(), "count", 1).unwrap();
    count.add().unwrap();
    first.admin().flush().unwrap();
    count.add().unwrap();
    drop(first);
    let second = again(&catalog);
    assert_eq!(tally(&second, "count").count().unwrap(), 1);
    // The state of a stop is older than what the next node did.
    tally(&second, "count").add().unwrap();
    stopped(second);
    let third = again(&catalog);
    assert_eq!(tally(&third, "count").add().unwrap(), 3);
    drop(third);
    assert!(!catalog.states("count").unwrap().unwrap().at_stop);
    assert_eq!(tally(&again(&catalog), "count").count().unwrap(), 2);
}

#[test]
fn tasks_K49_a_state_that_cannot_be_read_or_given_is_told_in_the_modules_words() {
    let catalog = Arc::new(Table::default());
    let first = again(&catalog);
    let count = tally::Blocking::create(&first.client(), "count", 13).unwrap();
    first.admin().flush().unwrap();
    count.add().unwrap();
    // 13 cannot be exported: what was taken down before stays, and the flush says no word of it to its caller.
    stopped(first);
    assert_eq!(tally(&again(&catalog), "count").count().unwrap(), 0, "as the flush left it");
    catalog.states.lock().unwrap().get_mut("count").unwrap().containers[0] = vec![1, 2, 3];
    let fault = again(&catalog).admin().find_pool("count").unwrap_err();
    assert!(fault.is(Code::NotRestored) && fault.message.contains("3 bytes of"), "{fault:?}");
    catalog.states.lock().unwrap().get_mut("count").unwrap().containers.push(vec![0; 8]);
    let fault = again(&catalog).admin().find_pool("count").unwrap_err();
    assert!(fault.message.contains("of 2 containers"), "{fault:?}");
    catalog.pools.lock().unwrap().get_mut("count").unwrap().module = "gone".into();
    let fault = again(&catalog).admin().find_pool("count").unwrap_err();
    assert!(fault.is(Code::NotRestored) && fault.message.contains("no module gone"), "{fault:?}");
    catalog.pools.lock().unwrap().get_mut("count").unwrap().library = "/nowhere/libgone.so".into();
    let fault = again(&catalog).admin().find_pool("count").unwrap_err();
    assert!(fault.is(Code::NotRestored) && fault.message.contains("/nowhere/libgone.so"), "{fault:?}");
}

#[test]
fn tasks_K49_K61_configured_pools_are_those_that_are_kept_or_the_node_says_so() {
    let catalog = Arc::new(Table::default());
    let with = |step: &'static str| {
        node(&catalog, |config| {
            config.pools.extend([pool("count", "tally", &[("step", step)]), PoolSpec::new("notes", "notes")]);
        })
    };
    let first = with("2").unwrap();
    tally(&first, "count").add().unwrap();
    stopped(first);
    let second = with("2").unwrap();
    assert_eq!(tally(&second, "count").add().unwrap(), 4);
    let lost = second.admin().find_pool("notes").unwrap_err();
    assert!(lost.is(Code::NotRestored), "the configuration does not make an empty one in its place: {lost:?}");
    stopped(second);
    let other = with("3").map(drop).unwrap_err();
    assert!(other.is(Code::PoolExists) && other.message.contains("step=2"), "{other:?}");
    assert_eq!(tally(&with("2").unwrap(), "count").count().unwrap(), 4, "nothing was lost by that");
}

#[test]
fn tasks_K51_a_pool_that_the_catalog_does_not_take_is_not_made_and_one_it_does_not_let_go_stays() {
    let catalog = Arc::new(Table::default());
    let stage = again(&catalog);
    tally::Blocking::create(&stage.client(), "first", 1).unwrap();
    catalog.fails_after.store(1, Ordering::SeqCst);
    let fault = tally::Blocking::create(&stage.client(), "second", 1).unwrap_err();
    assert!(fault.is(Code::Io) && fault.message.contains("the disk is full"), "{fault:?}");
    assert!(stage.admin().find_pool("second").unwrap_err().is(Code::UnknownPool));
    assert!(stage.admin().destroy_pool("first").unwrap_err().is(Code::Io));
    assert_eq!(tally(&stage, "first").add().unwrap(), 1);
    assert!(stage.admin().flush().unwrap_err().is(Code::Io));
    catalog.fails_after.store(0, Ordering::SeqCst);
    tally::Blocking::create(&stage.client(), "second", 1).unwrap();
    stage.admin().destroy_pool("first").unwrap();
    assert_eq!(catalog.pools().unwrap().len(), 1);
}

#[test]
fn the_hooks_of_a_restart_are_not_for_callers() {
    let stage = again(&Arc::default());
    let count = tally::Blocking::create(&stage.client(), "count", 1).unwrap();
    for (id, name) in [(6, "restart"), (7, "export"), (8, "import")] {
        let id = windlass_contract::MethodId(id);
        let reference = windlass_contract::MethodRef { id, schema: 0, name, idempotent: false };
        let fault = count.pool().call(reference).wait().unwrap_err();
        assert!(fault.is(Code::Unsupported) && fault.message.contains(name), "{fault:?}");
    }
}

#[test]
fn a_pool_comes_back_in_the_mode_that_it_was_given_and_with_its_state() {
    let catalog = Arc::new(Table::default());
    let pools = |config: &mut NodeConfig| {
        config.workers = 3;
        config.pools.push(PoolSpec { containers: 3, ..PoolSpec::new("count", "tally") });
        config.pools.push(PoolSpec::new("adds", "adder"));
    };
    let stage = node(&catalog, pools).unwrap();
    let tally = tally::Blocking::connect(&stage.address(), "count").unwrap();
    assert_eq!(tally.toward(Query::Broadcast).add().unwrap(), 3);
    // Taken down before the mode changes: the change keeps it.
    stage.admin().flush().unwrap();
    let set = stage.admin().set_pool_mode("count", "bundled").unwrap();
    assert_eq!((set.moved, set.stays.len()), (2, 0), "{set:?}");
    assert_eq!(catalog.states.lock().unwrap().len(), 1);
    stopped(stage);
    let stage = node(&catalog, pools).unwrap();
    let facts = stage.admin().pool_modes("count").unwrap().remove(0);
    assert_eq!((facts.mode.as_str(), facts.placement.as_str()), ("bundled", "round_robin"), "{facts:?}");
    assert!(facts.workers.iter().all(|worker| *worker == facts.workers[0]), "{facts:?}");
    let tally = tally::Blocking::connect(&stage.address(), "count").unwrap();
    assert_eq!(tally.toward(Query::Broadcast).count().unwrap(), 3);
    // A mode that cannot be kept is not set.
    catalog.fails_after.store(1, Ordering::SeqCst);
    let fault = stage.admin().set_pool_mode("count", "shared").unwrap_err();
    assert!(fault.is(Code::Io), "{fault:?}");
    assert_eq!(stage.admin().pool_modes("count").unwrap()[0].mode, "bundled");
    catalog.fails_after.store(0, Ordering::SeqCst);
    stopped(stage);
}

#[test]
fn a_pool_that_had_workers_to_itself_comes_back_before_others_and_is_never_refused_for_want_of_them() {
    let catalog = Arc::new(Table::default());
    let first = node(&catalog, |config| config.workers = 3).unwrap();
    let admin = first.admin();
    admin.create_spread("adds", "adder", &[], 6, "round_robin").unwrap();
    admin.create_spread("count", "tally", &[], 1, "round_robin").unwrap();
    let set = admin.set_pool_mode("count", "dedicated").unwrap();
    assert_eq!((set.moved, set.stays.len()), (2, 0), "{set:?}");
    stopped(first);
    for workers in [3, 1] {
        let again = node(&catalog, |config| config.workers = workers).unwrap();
        let homes = |name: &str| again.admin().pool_modes(name).unwrap().remove(0);
        let own = homes("count");
        assert_eq!(own.mode, "dedicated");
        // One worker cannot be had alone; the pool is there all the same.
        assert_eq!(homes("adds").workers.contains(&own.workers[0]), workers == 1, "{own:?}");
        tally(&again, "count").add().unwrap();
        stopped(again);
    }
}

#[test]
fn a_container_that_workers_share_comes_back_with_its_state_on_all_of_them() {
    let catalog = Arc::new(Table::default());
    let three = |config: &mut NodeConfig| config.workers = 3;
    let stage = node(&catalog, three).unwrap();
    stage.admin().create_spread("all", "common", &[], 1, "round_robin").unwrap();
    let client = common::Blocking::connect(&stage.address(), "all").unwrap();
    for name in 0..30 {
        client.add(name).unwrap();
    }
    stopped(stage);
    let stage = node(&catalog, three).unwrap();
    let client = common::Blocking::connect(&stage.address(), "all").unwrap();
    assert_eq!(client.count().unwrap(), 30);
    for name in 0..30 {
        assert_eq!(client.add(name).unwrap(), 30 + 2 * name, "by every worker");
    }
    let containers = stage.admin().containers().unwrap();
    assert_eq!(containers.iter().filter(|one| one.pool == "all").count(), 3, "{containers:?}");
    stopped(stage);
}
