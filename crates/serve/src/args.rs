//! Args: the flags of a node.
//!
//! Lives here: `ServeArgs`, for `windlass serve` and for programs that are a node of their own modules.
//! To: `config::Sources`, which puts them over environment and file.
//! Not here: what the values mean (`keys`).

use crate::config::Sources;
use std::path::PathBuf;

/// What `serve` is told. Every flag wins over the environment, which wins over the file.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ServeArgs {
    /// The node's name; clients find it by this name [default: local]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The node's directory, with socket, lock and the catalog of its pools: started there again, the node comes back with them
    /// [default: the usual place of its name, and no catalog]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Begin without the pools that are kept in the directory; their catalog is put aside as `catalog.redb.discarded`
    #[arg(long, requires = "state")]
    pub fresh: bool,
    /// The configuration file [default: $WINDLASS_CONFIG, or windlass.toml here if it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A module library to load; may be given more than once
    #[arg(long = "module", value_name = "LIB.so")]
    pub modules: Vec<PathBuf>,
    /// Workers: threads that run calls [default: one less than there are processors]
    #[arg(long, value_name = "N")]
    pub workers: Option<usize>,
    /// Threads that help the workers with large arrays: auto, or a number [default: auto, one less than there are processors]
    #[arg(long, value_name = "N")]
    pub helpers: Option<String>,
    /// Processors the workers keep to, between commas, one each in turn [default: any]
    #[arg(long, value_name = "0,1")]
    pub cpus: Option<String>,
    /// NUMA nodes that the workers keep to, between commas, one each in turn; not together with --cpus [default: any]
    #[arg(long, value_name = "0,1", conflicts_with = "cpus")]
    pub numa: Option<String>,
    /// Listen for TCP connections on a loopback address, port 0 for any; clients show the token of the file `token` in the
    /// node's directory [default: nowhere]
    #[arg(long, value_name = "HOST:PORT")]
    pub tcp: Option<String>,
    /// Level of the log, or levels by crate and module: warn,runtime=debug,echo=trace [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub log: Option<String>,
    /// How lines of the log look: text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Where the log goes; a date is put behind the name [default: standard error]
    #[arg(long, value_name = "PATH")]
    pub log_file: Option<PathBuf>,
    /// How long calls may take to end when the node is told to stop [default: 5000]
    #[arg(long, value_name = "MS")]
    pub drain_ms: Option<u64>,
    /// Stop when this process, which must be the one that started the node, ends
    #[arg(long, value_name = "PID")]
    pub with_parent: Option<u32>,
}

impl ServeArgs {
    /// The sources of settings that these flags name and are.
    pub fn sources(&self) -> Sources {
        let mut flags = Vec::new();
        let mut set = |key, text: Option<String>| flags.extend(text.map(|text| (key, text)));
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        set("name", self.name.clone());
        set("state", path(&self.state));
        set("workers", self.workers.map(|workers| workers.to_string()));
        set("helpers", self.helpers.clone());
        set("cpus", self.cpus.clone());
        set("numa", self.numa.clone());
        set("tcp.listen", self.tcp.clone());
        set("log.level", self.log.clone());
        set("log.format", self.log_format.clone());
        set("log.file", path(&self.log_file));
        set("drain_ms", self.drain_ms.map(|ms| ms.to_string()));
        Sources::find(self.config.clone(), flags)
    }
}
