//! Directory: what the node's pools offer, as it was last asked.
//!
//! Lives here: `Directory`, and how it is read.
//! From: `calls`, at the start and when a command is not found. To: `contract::commands::CommandMap`.
//! Holds: a module that has commands and no pool gets one, called like it, so that what is linked in or loaded can be called.

use std::collections::BTreeMap;
use windlass_client::Client;
use windlass_client::dynamic::DynamicPool;
use windlass_contract::commands::CommandMap;
use windlass_contract::{Code, Fault, MethodSchema, ModuleDescriptor, PoolId, admin};

/// The module whose methods carry arrays as bytes.
const BULK_MODULE: &str = "transfer";

/// What there is to be called.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// Commands by base name.
    pub(crate) commands: CommandMap,
    /// Pools by name.
    pub(crate) pools: BTreeMap<String, PoolId>,
    /// The pool whose methods carry bytes, and those methods by name.
    pub(crate) bulk: Option<(PoolId, BTreeMap<String, MethodSchema>)>,
}

impl Directory {
    /// The pool whose methods carry bytes.
    pub(crate) fn bulk_pool(&self) -> Option<PoolId> {
        self.bulk.as_ref().map(|(pool, _)| *pool)
    }

    /// Asks the node. Blocks.
    ///
    /// # Errors
    /// The node's.
    pub(crate) fn read(client: &Client, rank_max: u8) -> Result<Directory, Fault> {
        let node = DynamicPool::open(client, admin::MODULE)?;
        let list = |method: &str| -> Result<Vec<serde_json::Value>, Fault> {
            match node.call(method, &[], &[])?.value {
                serde_json::Value::Array(all) => Ok(all),
                other => Err(Fault::new(Code::BadReply, format!("{method} is no list: {other}"))),
            }
        };
        for module in list("modules")? {
            let (Some(name), Some(0)) = (module["name"].as_str(), module["pools"].as_u64()) else { continue };
            if described(client, name)?.commands.is_empty() {
                continue;
            }
            let arguments = [("name", name), ("module", name), ("parameters", "[]")];
            let arguments = arguments.map(|(key, text)| (key.to_owned(), text.to_owned()));
            if let Err(fault) = node.call("create_pool", &arguments, &[]) {
                tracing::warn!(
                    module = name,
                    "arkouda: its commands have no pool, and none could be made: {fault}"
                );
            }
        }
        let mut directory = Directory { commands: CommandMap::new(rank_max), ..Directory::default() };
        for pool in list("pools")? {
            let (Some(name), Some(id)) = (pool["name"].as_str(), pool["id"].as_u64()) else { continue };
            let module = described(client, name)?;
            let id = PoolId::from_bits(id);
            directory.commands.add(name, &module);
            if module.name == BULK_MODULE && directory.bulk.is_none() {
                let methods = module.methods.iter().map(|method| (method.name.clone(), method.clone())).collect();
                directory.bulk = Some((id, methods));
            }
            directory.pools.insert(name.to_owned(), id);
        }
        for name in &directory.commands.twice {
            tracing::warn!(command = name, "arkouda: two pools offer it; the first serves it");
        }
        Ok(directory)
    }
}

/// The description of a pool or module of this name.
fn described(client: &Client, name: &str) -> Result<ModuleDescriptor, Fault> {
    let node = DynamicPool::open(client, admin::MODULE)?;
    let reply = node.call("describe", &[("name".into(), name.to_owned())], &[])?;
    let bytes: Vec<u8> = serde_json::from_value(reply.value)
        .map_err(|error| Fault::new(Code::BadReply, format!("a description is no bytes: {error}")))?;
    ModuleDescriptor::decode(&bytes).map_err(|error| Fault::new(Code::BadReply, error.to_string()))
}
