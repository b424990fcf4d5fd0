//! Tally: a module with a state that outlives its node, and the catalog in memory that keeps it.
//!
//! Holds: what an operation of the catalog wrote is there after any death of the node: it is the disk of these runs.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use windlass::prelude::*;
use windlass_runtime::{Catalog, KeptPool, KeptState};

/// Counts.
#[derive(Default)]
pub struct Tally {
    count: u64,
}

#[module(export = false)]
impl Tally {
    #[create]
    fn create() -> Self {
        Self::default()
    }

    /// Adds one; answers the count.
    #[method]
    fn add(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// The count.
    #[method(idempotent)]
    fn count(&mut self) -> u64 {
        self.count
    }

    #[hook]
    fn export(&self, _cx: &Context<'_>) -> Result<Vec<u8>, Fault> {
        Ok(self.count.to_le_bytes().to_vec())
    }

    #[hook]
    fn import(&mut self, _cx: &Context<'_>, _from: &str, state: &[u8]) -> Result<(), Fault> {
        let bytes = state.try_into().map_err(|_| Fault::module(1, format!("{} bytes of state", state.len())))?;
        self.count = u64::from_le_bytes(bytes);
        Ok(())
    }
}

/// A catalog in memory.
#[derive(Debug, Default)]
pub(crate) struct Table(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    pools: BTreeMap<String, KeptPool>,
    states: BTreeMap<String, KeptState>,
}

impl Table {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Catalog for Table {
    fn is_quick(&self) -> bool {
        true
    }
    fn pools(&self) -> Result<Vec<KeptPool>, Fault> {
        let mut pools: Vec<_> = self.kept().pools.values().cloned().collect();
        pools.sort_by_key(|pool| pool.id);
        Ok(pools)
    }
    fn keep(&self, pool: &KeptPool) -> Result<(), Fault> {
        let mut kept = self.kept();
        kept.states.remove(&pool.name);
        kept.pools.insert(pool.name.clone(), pool.clone());
        Ok(())
    }
    fn change(&self, pool: &KeptPool) -> Result<(), Fault> {
        self.kept().pools.insert(pool.name.clone(), pool.clone());
        Ok(())
    }
    fn forget(&self, name: &str) -> Result<(), Fault> {
        let mut kept = self.kept();
        kept.states.remove(name);
        kept.pools.remove(name);
        Ok(())
    }
    fn keep_states(&self, states: &[KeptState]) -> Result<(), Fault> {
        let mut kept = self.kept();
        let known: Vec<_> = states.iter().filter(|state| kept.pools.contains_key(&state.pool)).cloned().collect();
        kept.states.extend(known.into_iter().map(|state| (state.pool.clone(), state)));
        Ok(())
    }
    fn states(&self, pool: &str) -> Result<Option<KeptState>, Fault> {
        Ok(self.kept().states.get(pool).cloned())
    }
    fn begin(&self) -> Result<(), Fault> {
        self.kept().states.values_mut().for_each(|state| state.at_stop = false);
        Ok(())
    }
}
