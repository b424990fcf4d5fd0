//! The catalog of one node, as a file in its directory.
//!
//! Lives here: `FileCatalog`, over redb: one file, written by transactions that are durable when they return.
//! From: `node`, when the node has a directory of its own (`--state`). To: the runtime, which asks it when pools come and go.
//! Holds: after a death at any moment the file has what the last whole transaction left. A file that is damaged, or of a later
//! version, is refused by name and never written.
//! Not here: what is kept when (`runtime::admin::restart`).
#![allow(
    clippy::disallowed_methods,
    reason = "the file is opened before the node starts, and moved aside by hand"
)]

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use windlass_contract::{Code, Fault};
use windlass_runtime::{Catalog, KeptPool, KeptState};

/// The file's name in the node's directory.
pub const FILE: &str = "catalog.redb";
/// What `--fresh` calls the file that was there.
pub const DISCARDED: &str = "catalog.redb.discarded";
/// Version of the records.
const VERSION: u64 = 1;

/// `format` → `VERSION`.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("windlass");
/// A pool's name → its record in postcard.
const POOLS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("pools");
/// A pool's name → what its containers exported, in postcard.
const STATES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("states");

/// Pools and states of one node, in a file. It is opened at the first operation, which comes when the node has its name: of two
/// nodes of one directory the second is refused by that.
#[derive(Debug)]
pub struct FileCatalog {
    directory: PathBuf,
    path: PathBuf,
    /// What is there is put aside when it is opened.
    fresh: bool,
    opened: OnceLock<Result<Database, Fault>>,
}

impl FileCatalog {
    /// The catalog of a directory; `fresh`: without what it has so far, which is put aside.
    pub fn new(directory: &Path, fresh: bool) -> Self {
        let (directory, path) = (directory.to_owned(), directory.join(FILE));
        Self { directory, path, fresh, opened: OnceLock::new() }
    }

    /// The file, opened, or made if there is none.
    ///
    /// # Errors
    /// `BadConfig` names a file that is damaged, of a later version, or open in another process, and what to do.
    fn database(&self) -> Result<&Database, Fault> {
        self.opened.get_or_init(|| self.open()).as_ref().map_err(Fault::clone)
    }

    fn open(&self) -> Result<Database, Fault> {
        let io = |what: &str, error: std::io::Error| Fault::new(Code::Io, format!("{what}: {error}"));
        std::fs::create_dir_all(&self.directory)
            .map_err(|error| io(&self.directory.display().to_string(), error))?;
        if self.fresh {
            let aside = self.directory.join(DISCARDED);
            match std::fs::rename(&self.path, &aside) {
                Ok(()) => tracing::warn!(catalog = %aside.display(), "the kept pools were put aside"),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(io(&format!("putting {} aside", self.path.display()), error)),
            }
        }
        let refused = |why: String| {
            let text = format!(
                "the catalog {}: {why}; mend or move the file, or start with --fresh, which puts it aside",
                self.path.display()
            );
            Fault::new(Code::BadConfig, text)
        };
        let database = Database::create(&self.path).map_err(|error| refused(error.to_string()))?;
        match version(&database) {
            Ok(VERSION) => Ok(database),
            Ok(other) => Err(refused(format!(
                "it is of version {other}, and this node reads {VERSION}; use the node that wrote it"
            ))),
            Err(error) => Err(refused(error.to_string())),
        }
    }

    fn failed(&self, error: redb::Error) -> Fault {
        Fault::new(Code::Io, format!("the catalog {}: {error}", self.path.display()))
    }

    fn write(&self, change: impl FnOnce(&redb::WriteTransaction) -> Result<(), redb::Error>) -> Result<(), Fault> {
        let database = self.database()?;
        let whole = || {
            let writing = database.begin_write()?;
            change(&writing)?;
            Ok(writing.commit()?)
        };
        whole().map_err(|error| self.failed(error))
    }

    fn all<T: serde::de::DeserializeOwned>(&self, of: TableDefinition<'_, &str, &[u8]>) -> Result<Vec<T>, Fault> {
        let database = self.database()?;
        let whole = || {
            let table = database.begin_read()?.open_table(of)?;
            let mut records = Vec::new();
            for entry in table.iter()? {
                let (name, bytes) = entry?;
                records.push((name.value().to_owned(), bytes.value().to_vec()));
            }
            Ok(records)
        };
        let records: Vec<(String, Vec<u8>)> = whole().map_err(|error| self.failed(error))?;
        let read = |(name, bytes): (String, Vec<u8>)| {
            postcard::from_bytes(&bytes).map_err(|error| {
                let text = format!("the catalog {}: the record of {name}: {error}", self.path.display());
                Fault::new(Code::BadConfig, text)
            })
        };
        records.into_iter().map(read).collect()
    }
}

/// The version of what is there; a new file gets ours, and its tables.
fn version(database: &Database) -> Result<u64, redb::Error> {
    let writing = database.begin_write()?;
    let found = writing.open_table(META)?.get("format")?.map(|value| value.value());
    let found = match found {
        Some(found) => found,
        None => {
            writing.open_table(META)?.insert("format", VERSION)?;
            VERSION
        }
    };
    if found == VERSION {
        writing.open_table(POOLS)?;
        writing.open_table(STATES)?;
    }
    writing.commit()?;
    Ok(found)
}

fn encoded<T: serde::Serialize>(record: &T) -> Result<Vec<u8>, Fault> {
    postcard::to_allocvec(record).map_err(|error| Fault::new(Code::Internal, error.to_string()))
}

impl Catalog for FileCatalog {
    fn pools(&self) -> Result<Vec<KeptPool>, Fault> {
        let mut pools: Vec<KeptPool> = self.all(POOLS)?;
        pools.sort_by_key(|pool| pool.id);
        Ok(pools)
    }

    fn keep(&self, pool: &KeptPool) -> Result<(), Fault> {
        let record = encoded(pool)?;
        self.write(|writing| {
            writing.open_table(POOLS)?.insert(pool.name.as_str(), record.as_slice())?;
            writing.open_table(STATES)?.remove(pool.name.as_str())?;
            Ok(())
        })
    }

    fn change(&self, pool: &KeptPool) -> Result<(), Fault> {
        let record = encoded(pool)?;
        self.write(|writing| {
            writing.open_table(POOLS)?.insert(pool.name.as_str(), record.as_slice())?;
            Ok(())
        })
    }

    fn forget(&self, name: &str) -> Result<(), Fault> {
        self.write(|writing| {
            writing.open_table(POOLS)?.remove(name)?;
            writing.open_table(STATES)?.remove(name)?;
            Ok(())
        })
    }

    fn keep_states(&self, states: &[KeptState]) -> Result<(), Fault> {
        let records = states.iter().map(|state| Ok((state.pool.as_str(), encoded(state)?)));
        let records: Vec<(&str, Vec<u8>)> = records.collect::<Result<_, Fault>>()?;
        self.write(|writing| {
            let (pools, mut kept) = (writing.open_table(POOLS)?, writing.open_table(STATES)?);
            for (name, record) in &records {
                if pools.get(*name)?.is_some() {
                    kept.insert(*name, record.as_slice())?;
                }
            }
            Ok(())
        })
    }

    fn states(&self, pool: &str) -> Result<Option<KeptState>, Fault> {
        Ok(self.all::<KeptState>(STATES)?.into_iter().find(|state| state.pool == pool))
    }

    fn begin(&self) -> Result<(), Fault> {
        let mut states: Vec<KeptState> = self.all(STATES)?;
        states.retain(|state| state.at_stop);
        if states.is_empty() {
            return Ok(());
        }
        states.iter_mut().for_each(|state| state.at_stop = false);
        self.keep_states(&states)
    }
}
