//! Host: where a served module runs, in this process.
//!
//! Holds: a host is a node that nobody else reaches: its directory is its own, and goes with it.

use std::fmt;
use std::time::Duration;
use tempfile::TempDir;
use windlass_admin::Admin;
use windlass_client::{Client, Pool};
use windlass_contract::abi::ModuleTable;
use windlass_contract::schema::parse_text;
use windlass_contract::{Code, Fault, MethodId, ModuleDescriptor};
use windlass_runtime::{Node, NodeConfig, PoolSpec, Table};

/// How long the calls of a host may take when it ends.
const LAST: Duration = Duration::from_millis(500);

/// One module, running.
pub struct Host {
    module: ModuleDescriptor,
    parameters: Vec<u8>,
    pool: Pool,
    // Its client goes before it.
    node: Option<Node>,
    _directory: TempDir,
}

impl Host {
    /// Starts one.
    ///
    /// # Errors
    /// As `Serve::serve_with`, but for the node's.
    pub fn start(table: &'static ModuleTable, given: &[(&str, &str)]) -> Result<Self, Fault> {
        let broken = |error| Fault::new(Code::ModuleRefused, format!("its descriptor: {error}"));
        let module = ModuleDescriptor::decode(Table::linked(table)?.describe()).map_err(broken)?;
        if let Some(method) = module.methods.iter().find(|method| method.flags.period_ns > 0) {
            let text = format!(
                "{}.{} is periodic: a node calls it by itself, a process that serves does not",
                module.name, method.name
            );
            return Err(Fault::new(Code::Unsupported, text));
        }
        let parameters = encoded(&module, given)?;
        let io = |error: std::io::Error| Fault::new(Code::Io, format!("no directory to serve from: {error}"));
        let directory = tempfile::Builder::new().prefix("windlass-serve-").tempdir().map_err(io)?;
        let mut config = NodeConfig::new("served", Admin::TABLE);
        config.directory = directory.path().join("node");
        config.modules.push(table);
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        config.pools.push(PoolSpec { parameters: given, ..PoolSpec::new("served", &module.name) });
        let at = config.directory.display().to_string();
        let node = Node::start(config)?;
        let client = Client::options().name("serving").calls(1024).connect(&at)?;
        let pool = client.pool("served")?;
        Ok(Self { module, parameters, pool, node: Some(node), _directory: directory })
    }

    /// What it is.
    pub fn module(&self) -> &ModuleDescriptor {
        &self.module
    }

    /// What it was made with, encoded.
    pub fn parameters(&self) -> &[u8] {
        &self.parameters
    }

    /// Where its calls go.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }
}

/// Create parameters as a node keeps them.
fn encoded(module: &ModuleDescriptor, given: &[(&str, &str)]) -> Result<Vec<u8>, Fault> {
    let Some(create) = module.methods.iter().find(|method| method.id == MethodId::CREATE) else {
        return Ok(Vec::new());
    };
    let mut bytes = Vec::new();
    for (one, schema, default) in create.values() {
        let named = given.iter().find(|(name, _)| *name == one.name);
        let bad =
            |error: &dyn fmt::Display| Fault::new(Code::BadConfig, format!("parameter {}: {error}", one.name));
        match (named, default) {
            (Some((_, text)), _) => {
                let value = parse_text(schema, text).map_err(|error| bad(&error))?;
                schema.encode_json(&value, &mut bytes).map_err(|error| bad(&error))?;
            }
            (None, Some(default)) => bytes.extend_from_slice(default),
            (None, None) => return Err(bad(&"it has no default, so it has to be given")),
        }
    }
    Ok(bytes)
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(node) = self.node.take() {
            node.stop(LAST);
            let end = node.wait();
            tracing::debug!(?end, module = %self.module.name, "a served module has ended");
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host of {}", self.module.name)
    }
}
