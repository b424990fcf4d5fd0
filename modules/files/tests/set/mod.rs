//! Set: a node with `files`, a folder, and what commands tell of what they read.
//!
//! Not here: the commands themselves; each test file adds those of its own formats.

use crate::stage::Stage;
use serde_json::Value;
use std::path::PathBuf;
use tempfile::TempDir;
use windlass_contract::Fault;
use windlass_files::Files;

/// A node, its files, and a folder.
pub struct Set {
    pub stage: Stage,
    pub folder: TempDir,
}

/// What a read told of one column or object.
#[derive(Clone, Debug)]
pub struct Told {
    pub name: String,
    pub sort: String,
    pub created: String,
}

impl Told {
    /// The symbol, of an object that is one.
    pub fn symbol(&self) -> String {
        Stage::names(&self.created).remove(0)
    }
    /// Parts of an object, in the reply's JSON.
    pub fn parts(&self) -> Value {
        serde_json::from_str(&self.created).unwrap()
    }
    /// The symbol of one part.
    pub fn part(&self, name: &str) -> String {
        let parts = self.parts();
        let said = parts[name].as_str().unwrap_or_else(|| panic!("{name} of {self:?}"));
        Stage::names(said.split("+|+").last().unwrap()).remove(0)
    }
}

impl Set {
    pub fn new() -> Self {
        Self::with(256 << 20)
    }
    /// Of a node whose sessions may have so many bytes of symbols.
    pub fn with(symbol_bytes_max: u64) -> Self {
        let more = [(Files::TABLE, "files"), (windlass_transfer::Transfer::TABLE, "transfer")];
        Self { stage: Stage::beside(symbol_bytes_max, &more), folder: tempfile::tempdir().unwrap() }
    }
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
    /// What a command tells of each column or object that it reads, and its whole reply.
    pub fn told(&self, command: &str, given: &[(&str, &str)]) -> Result<(Vec<Told>, Value), Fault> {
        let reply = self.stage.commands.call(command, given)?.to_string();
        let reply: Value = serde_json::from_str(&reply).unwrap();
        let items: Vec<Value> = serde_json::from_str(reply["items"].as_str().unwrap()).unwrap();
        let text = |item: &Value, key: &str| item[key].as_str().unwrap().to_owned();
        let told = |item: &Value| Told {
            name: text(item, "dataset_name"),
            sort: text(item, "arkouda_type"),
            created: text(item, "created"),
        };
        Ok((items.iter().map(told).collect(), reply))
    }
    /// Names of what is in a file of any format.
    pub fn names(&self, files: &str) -> Vec<String> {
        self.listed("lsany", &[("filename", &self.path(files)), ("col_delim", ",")])
    }
    /// Names that a command lists.
    pub fn listed(&self, command: &str, given: &[(&str, &str)]) -> Vec<String> {
        serde_json::from_str(&self.stage.call(command, given).to_string()).unwrap()
    }
    /// Symbols that the session has.
    pub fn symbols(&self) -> u64 {
        self.stage.call("symbolBytes", &[]).to_string().split(' ').next_back().unwrap().parse().unwrap()
    }
    /// What is in the folder, in order.
    pub fn entries(&self) -> Vec<PathBuf> {
        let mut all: Vec<PathBuf> =
            std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        all.sort();
        all
    }
}
