//! Commands by their full names: `foo<int64,2>` with texts by key, as edges and the command line have them.
//!
//! Lives here: `Commands` (the command map of a node, and calls of what it finds).
//! From: `CommandMap` of the contract, filled with what the node serves. To: the same `Outgoing` that any call uses.
//! Holds: the map is what the node had when it was read; `open` again when modules or pools have changed.

use std::collections::BTreeMap;

use windlass_contract::commands::{Answered, CommandMap, Found};
use windlass_contract::{Code, Fault, MethodRef, Outcome};

use super::DynamicPool;
use crate::client::{Client, Pool};
use crate::outgoing::Outgoing;
use crate::reply::Reply;

/// The commands of a node.
#[derive(Clone, Debug)]
pub struct Commands {
    map: CommandMap,
    pools: BTreeMap<String, Pool>,
}

impl Commands {
    /// Asks the node for its pools and their commands. `map` comes empty, with the ranks and dtypes that are to be listed.
    ///
    /// Cost: two calls, and two for every pool.
    ///
    /// # Errors
    /// As `DynamicPool::open`.
    pub fn open(client: &Client, mut map: CommandMap) -> Result<Self, Fault> {
        let admin = DynamicPool::open(client, windlass_contract::admin::MODULE)?;
        let listed = admin.call("pools", &[], &[])?.value;
        let bad = || Fault::new(Code::BadReply, "the list of pools has no names").with_outcome(Outcome::Ended);
        let mut pools = BTreeMap::new();
        for one in listed.as_array().ok_or_else(bad)? {
            let name = one.get("name").and_then(serde_json::Value::as_str).ok_or_else(bad)?;
            let pool = DynamicPool::open(client, name)?;
            if !pool.module().commands.is_empty() {
                map.add(name, pool.module());
                pools.insert(name.to_owned(), pool.pool().clone());
            }
        }
        Ok(Self { map, pools })
    }

    /// What there is.
    pub fn map(&self) -> &CommandMap {
        &self.map
    }

    /// Finds a command by its full name.
    ///
    /// # Errors
    /// `UnknownCommand`, `NoInstance`.
    pub fn find(&self, full_name: &str) -> Result<Found<'_>, Fault> {
        self.map.find(full_name)
    }

    /// Puts a call together without sending it; `Commands::read` reads its reply.
    ///
    /// # Errors
    /// `BadArguments` names the key that is missing or does not fit.
    pub fn outgoing(&self, found: &Found<'_>, given: &[(&str, &str)]) -> Result<Outgoing, Fault> {
        let bytes = found.encode(given)?;
        let method = &found.offer.method;
        let called = MethodRef {
            id: method.id,
            schema: method.hash(),
            name: "a command",
            idempotent: method.flags.idempotent,
        };
        let pool = self.pools.get(&found.offer.pool);
        let pool = pool.ok_or_else(|| Fault::new(Code::UnknownPool, format!("no pool {}", found.offer.pool)))?;
        Ok(pool.call(called).encoded(&bytes))
    }

    /// Reads what a command answered.
    ///
    /// # Errors
    /// `BadReply` when it is not what the method's schema says.
    pub fn read(found: &Found<'_>, reply: &Reply) -> Result<Answered, Fault> {
        Answered::read(&found.offer.method.reply, reply.value_bytes())
    }

    /// Finds a command, calls it and waits.
    ///
    /// # Errors
    /// As `find`, `outgoing` and `Outgoing::wait`.
    ///
    /// # Example
    /// ```ignore
    /// let commands = Commands::open(&client, CommandMap::new(3))?;
    /// let answered = commands.call("foo<int64,2>", &[("a", "id_4QzzlPq8_1"), ("idx", "[\"0\",\"1\"]"), ("value", "5")])?;
    /// assert_eq!(answered.to_string(), "created id_4QzzlPq8_2 int64 4 2 [2,2] 8");
    /// ```
    pub fn call(&self, full_name: &str, given: &[(&str, &str)]) -> Result<Answered, Fault> {
        let found = self.find(full_name)?;
        let reply = self.outgoing(&found, given)?.wait()?;
        Self::read(&found, &reply)
    }
}
