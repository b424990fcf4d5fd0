//! Target: which node a command talks to.

use windlass_client::Client;
use windlass_contract::Fault;

/// The node.
#[derive(Clone, Debug, clap::Args)]
pub struct Target {
    /// The node: its name, or its directory (a path with a `/`)
    #[arg(long, value_name = "NAME", env = "WINDLASS_NODE", default_value = windlass_contract::node_dir::DEFAULT_NODE)]
    pub node: String,
}

impl Target {
    /// Connects to it.
    ///
    /// # Errors
    /// `NotConnected` says how to start one.
    pub fn connect(&self) -> Result<Client, Fault> {
        Client::options().name("windlass").connect(&self.node)
    }
}
