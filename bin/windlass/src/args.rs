//! Args: the commands, their flags, and their help with examples.
//!
//! Holds: a flag or command that does not exist is refused with the nearest that does (clap's doing).
//! Not here: flags of `serve` (`windlass_serve::ServeArgs`), which programs with modules of their own share.

use crate::target::Target;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;
use windlass_serve::ServeArgs;

/// Windlass: a runtime for data services.
#[derive(Debug, Parser)]
#[command(name = "windlass", version, after_help = ROOT)]
pub struct Args {
    /// Write data and errors as JSON
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a node until it is told to stop
    #[command(after_help = SERVE)]
    Serve(ServeCommand),
    /// Start a node, send it real data, and show the figures
    #[cfg(feature = "demo")]
    #[command(after_help = DEMO)]
    Demo(DemoArgs),
    /// Call a method of a pool
    #[command(after_help = CALL)]
    Call(CallArgs),
    /// Make and end pools
    #[command(after_help = POOL, arg_required_else_help = true)]
    Pool(PoolArgs),
    /// Show what the module of a pool can do
    #[command(after_help = DESCRIBE)]
    Describe(DescribeArgs),
    /// List pools, containers, modules, sessions, methods, workers, lanes or tasks
    #[command(after_help = LS)]
    Ls(ListArgs),
    /// Show what the node has done and what its methods take
    #[command(after_help = STAT)]
    Stat(StatArgs),
    /// Show the levels of the node's log, and change them while it runs
    #[command(after_help = LOG)]
    Log(LogArgs),
    /// Show what has happened to the node: pools, modules, sessions, workers that are held
    #[command(after_help = EVENTS)]
    Events(EventsArgs),
    /// Wait until every call accepted so far has ended
    #[command(after_help = FLUSH)]
    Flush(Target),
    /// Stop a node and wait until it has ended
    #[command(after_help = STOP)]
    Stop(StopArgs),
    /// Load a module library into a running node
    #[command(after_help = LOAD)]
    Load(LoadArgs),
    /// Explain an error by its number or name, or list all of them
    #[command(after_help = ERRORS)]
    Errors(ErrorsArgs),
    /// Write a new module
    #[command(after_help = NEW, arg_required_else_help = true)]
    New(NewArgs),
    /// Print a configuration file with every key and its default
    #[command(after_help = CONFIG)]
    Config,
    /// Print completions for a shell
    #[command(after_help = COMPLETIONS)]
    Completions(CompletionArgs),
}

#[derive(Debug, ClapArgs)]
pub struct ServeCommand {
    #[command(flatten)]
    pub node: ServeArgs,
    /// Let Arkouda's own client in at this address [default: tcp://127.0.0.1:5555]
    #[cfg(feature = "arkouda")]
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "tcp://127.0.0.1:5555")]
    pub arkouda: Option<String>,
    /// Arkouda clients have to show the token of this file, which only its owner may read
    #[cfg(feature = "arkouda")]
    #[arg(long, value_name = "FILE", requires = "arkouda")]
    pub arkouda_token: Option<PathBuf>,
}

#[cfg(feature = "demo")]
#[derive(Debug, ClapArgs)]
pub struct DemoArgs {
    /// Use only so many rows
    #[arg(long, value_name = "N")]
    pub rows: Option<usize>,
    /// The flights file [default: data/flights-3m.parquet of the checkout this command was built from, or of this folder]
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub struct CallArgs {
    /// The pool and its method
    #[arg(value_name = "POOL.METHOD")]
    pub method: String,
    /// Arguments by name; lists and structures are written in JSON
    #[arg(value_name = "KEY=VALUE")]
    pub arguments: Vec<String>,
    /// Bytes of a buffer parameter, from a file; `-` is standard input
    #[arg(long, value_name = "PARAM=PATH")]
    pub file: Vec<String>,
    /// Where the bytes of a result buffer go; `-` is standard output. Without this its first bytes are shown
    #[arg(long, value_name = "PARAM=PATH")]
    pub out: Vec<String>,
    /// Room for a result buffer, like 16MiB [default: 1 MiB, or twice the bytes that are sent]
    #[arg(long, value_name = "PARAM=BYTES")]
    pub room: Vec<String>,
    /// Values for the stream that the method reads, one to a line as JSON; `-`, and nothing, is standard input
    #[arg(long, value_name = "PATH")]
    pub items: Option<String>,
    /// How long the call may take, like 5s or 250ms
    #[arg(long, value_name = "TIME", value_parser = windlass_serve::units::duration)]
    pub deadline: Option<Duration>,
    /// Which containers of the pool: local, dynamic, id:N, hash:N, range:FROM..TO or broadcast [default: local]
    #[arg(long, value_name = "QUERY", value_parser = crate::call::query)]
    pub query: Option<windlass_contract::slot::Query>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Debug, ClapArgs)]
pub struct PoolArgs {
    #[command(subcommand)]
    pub command: PoolCommand,
}

#[derive(Debug, Subcommand)]
pub enum PoolCommand {
    /// Make a pool, or get the one that has this name, module and parameters
    #[command(after_help = POOL)]
    Create {
        /// The pool's name
        name: String,
        /// Its module
        module: String,
        /// Create parameters by name
        #[arg(value_name = "KEY=VALUE")]
        parameters: Vec<String>,
        /// How many containers [default: 1, or as many as the pool has that exists]
        #[arg(long, value_name = "N")]
        containers: Option<u32>,
        /// Which workers they get: round_robin, least_loaded, dedicated, pinned:WORKER or numa:NODE [default: round_robin]
        #[arg(long, value_name = "POLICY")]
        placement: Option<String>,
        /// With whom its containers share their workers: shared, dedicated or bundled [default: shared, or dedicated for the
        /// placement of this name]; `windlass pool mode` changes it later
        #[arg(long, value_name = "MODE")]
        mode: Option<String>,
        #[command(flatten)]
        target: Target,
    },
    /// Show with whom the containers of pools share their workers, or change that while the pool runs
    #[command(after_help = MODE)]
    Mode {
        /// The pool; without any, the modes of all are shown
        name: Option<String>,
        /// shared: with any others; dedicated: with none; bundled: all on one worker, with those of other bundled pools
        mode: Option<String>,
        #[command(flatten)]
        target: Target,
    },
    /// End a pool
    #[command(after_help = POOL)]
    Destroy {
        /// The pool's name
        name: String,
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Debug, ClapArgs)]
pub struct DescribeArgs {
    /// A pool or a module
    #[arg(value_name = "POOL|MODULE")]
    pub name: String,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Listed {
    #[default]
    Pools,
    Containers,
    Modules,
    Sessions,
    Methods,
    Workers,
    Lanes,
    Tasks,
}

#[derive(Debug, ClapArgs)]
pub struct ListArgs {
    /// What to list
    #[arg(value_enum, default_value_t)]
    pub what: Listed,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Debug, ClapArgs)]
pub struct StatArgs {
    /// How long the calls of this method took, as a histogram
    #[arg(value_name = "POOL.METHOD", conflicts_with = "samples")]
    pub method: Option<String>,
    /// The last calls of this method one by one: what its cost is learnt from
    #[arg(long, value_name = "POOL.METHOD")]
    pub samples: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Debug, ClapArgs)]
pub struct LogArgs {
    /// A level for all (off, error, warn, info, debug, trace), or of a crate of the node or a module; without any: none is changed
    #[arg(value_name = "[NAME=]LEVEL")]
    pub levels: Vec<String>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Debug, ClapArgs)]
pub struct EventsArgs {
    /// Go on: show each event when it happens
    #[arg(long, short)]
    pub follow: bool,
    /// Only those after the event of this number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub after: u64,
    /// Only those with this in what they are, or what they are of
    #[arg(long, value_name = "TEXT")]
    pub of: Option<String>,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Debug, ClapArgs)]
pub struct StopArgs {
    /// How long calls may take to end, like 5s
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = windlass_serve::units::duration)]
    pub deadline: Duration,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Debug, ClapArgs)]
pub struct LoadArgs {
    /// The library
    #[arg(value_name = "LIB.so")]
    pub path: PathBuf,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Debug, ClapArgs)]
pub struct ErrorsArgs {
    /// A number or a name
    #[arg(value_name = "CODE|NAME")]
    pub which: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub struct NewArgs {
    #[command(subcommand)]
    pub command: NewCommand,
}

#[derive(Debug, Subcommand)]
pub enum NewCommand {
    /// Write a crate with a module, a node that has it linked in, and a client example
    #[command(after_help = NEW)]
    Module {
        /// The folder of the crate
        path: PathBuf,
        /// The module's name [default: the folder's]
        #[arg(long)]
        name: Option<String>,
        /// Take Windlass from this git repository [default: the checkout this command was built from]
        #[arg(long, value_name = "URL")]
        git: Option<String>,
    },
}

#[derive(Debug, ClapArgs)]
pub struct CompletionArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

const ROOT: &str = "EXAMPLES:
  windlass demo                                a node and a client on real data, in a minute
  windlass serve                               a node called local, until Ctrl-C
  windlass pool create squeeze compress        a pool of the module compress
  windlass describe squeeze                    what it can do
  windlass new module compressor               a module of your own";
const SERVE: &str = "EXAMPLES:
  windlass serve                               the node local, with the settings of ./windlass.toml if there is one
  windlass serve --name two --log warn,echo=debug
  windlass serve --state ./node --cpus 1 --log-format json --log-file node.log
  windlass serve --module ./target/release/libcompressor.so
  windlass serve --arkouda                     and Arkouda's own client is let in, on this machine
Every setting of the node is also a key of the file and a variable of the environment: `windlass config` lists them.
The first SIGTERM or Ctrl-C lets calls end, the second stops at once; SIGHUP reads the levels of the log again,
and SIGUSR1 writes the tasks that live to it.";
#[cfg(feature = "demo")]
const DEMO: &str = "EXAMPLES:
  windlass demo                                all 3,000,000 rows
  windlass demo --rows 300000                  a tenth of them
  windlass demo --json                         the figures for a program";
const CALL: &str = "EXAMPLES:
  windlass call echoes.echo text=hello
  windlass call echoes.checksum --file data=./photo.raw
  windlass call squeeze.compress --file data=./photo.raw --out out=./photo.lz4 --room out=64MiB
  windlass call counters.add name=cats by=2 --deadline 250ms --json
  windlass call counters.total --query broadcast
  windlass call echoes.count from=1 count=1000000 | head      items of a stream, as they come
  seq 5 | windlass call echoes.total                          one item to a line
  windlass call counters.add name=cats by=2 --query hash:77";
const POOL: &str = "EXAMPLES:
  windlass pool create squeeze compress compress_id=1 level=9
  windlass pool create echoes echo
  windlass pool create shards counter --containers 4
  windlass pool mode shards dedicated          from now on its workers run nothing else
  windlass pool destroy squeeze";
const MODE: &str = "EXAMPLES:
  windlass pool mode                           the modes of all pools
  windlass pool mode shards dedicated          other pools leave its workers, and none is placed there
  windlass pool mode front bundled             one worker for all bundled pools: calls among them never leave it
  windlass pool mode front shared              as it was made
A container moves while its pool serves if its module keeps nothing (`stateless`) or has the hooks `export` and `import`,
and runs no task of its own. Those that stay are named, with why.";
const DESCRIBE: &str = "EXAMPLES:
  windlass describe echoes                     the module of a pool
  windlass describe compress                   a module
  windlass describe admin --json               the node's own methods, for a program";
const LS: &str = "EXAMPLES:
  windlass ls                                  pools
  windlass ls modules
  windlass ls containers                       which worker has which
  windlass ls workers                          what each thread of the node has and did
  windlass ls lanes                            what waits in each, and what it ran
  windlass ls sessions --json
  windlass ls methods --node two
  windlass ls tasks                            what lives now, and what it has done";
const STAT: &str = "EXAMPLES:
  windlass stat
  windlass stat echoes.checksum                how long its calls took, as a histogram
  windlass stat --samples echoes.checksum      its last calls: bytes, time, time on the worker
  windlass stat --node ./node --json";
const LOG: &str = "EXAMPLES:
  windlass log                                 what is written now
  windlass log echo=debug runtime=trace        more of one module and one crate of the node
  windlass log warn                            less of all others";
const EVENTS: &str = "EXAMPLES:
  windlass events
  windlass events --follow                     until Ctrl-C, over restarts of the node
  windlass events --of 'session ended' --json";
const FLUSH: &str = "EXAMPLES:
  windlass flush && windlass stat";
const STOP: &str = "EXAMPLES:
  windlass stop
  windlass stop --node two --deadline 30s";
const LOAD: &str = "EXAMPLES:
  windlass load ./target/release/libcompressor.so
  windlass pool create mine compressor";
const ERRORS: &str = "EXAMPLES:
  windlass errors                              all of them
  windlass errors 19
  windlass errors UnknownPool --json";
const NEW: &str = "EXAMPLES:
  windlass new module compressor               a crate in ./compressor
  windlass new module crates/word-count --name word_count
Inside a Cargo workspace the crate joins it. Files that exist are never written.";
const CONFIG: &str = "EXAMPLES:
  windlass config > windlass.toml              then uncomment what you change";
const COMPLETIONS: &str = "EXAMPLES:
  windlass completions bash > ~/.local/share/bash-completion/completions/windlass
  windlass completions zsh  > ~/.zfunc/_windlass";
