//! Keys: every setting of a node, once: its name, what it means, its default, how it is set.
//!
//! Lives here: `KEYS` (the table that the file, the environment, the flags and `windlass config` share), `Settings`.
//! From: text of a person. To: `config` puts the sources together, `node` starts from the result.
//! Holds: a key that is not in the table does not exist; each has a default that works.

use crate::levels::Levels;
use crate::units;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use toml::Value;
use windlass_contract::node_dir::{self, DEFAULT_NODE};
use windlass_runtime::PoolSpec;

/// How the lines of the log look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// When a new log file is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// Each hour.
    Hourly,
    /// Each day.
    Daily,
    /// Not at all.
    Never,
}

/// All settings of a node.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name.
    pub name: String,
    /// Its directory (socket and lock); `None` = the usual place of its name.
    pub state: Option<PathBuf>,
    /// Begin without the pools that are kept in `state`.
    pub fresh: bool,
    /// Workers; 0 = one less than there are processors, at least one.
    pub workers: usize,
    /// Threads that help the workers; `None` = one less than there are processors.
    pub helpers: Option<usize>,
    /// Processors for the workers; empty = any.
    pub cpus: Vec<usize>,
    /// NUMA nodes for the workers; empty = any.
    pub numa: Vec<u16>,
    /// Module libraries to open.
    pub modules: Vec<PathBuf>,
    /// How long calls may take to end when the node is told to stop.
    pub drain: Duration,
    /// How long a piece of work may hold a worker before it is named in the log, milliseconds; 0 = nobody looks.
    pub stall_ms: u64,
    /// Where to listen for TCP connections; `None` = nowhere.
    pub tcp: Option<SocketAddr>,
    /// Bytes of shared memory per session; `None` = the runtime's limit.
    pub session_bytes: Option<u64>,
    /// Bytes of shared memory of all sessions; `None` = 70 % of the memory that the process may use.
    pub node_bytes: Option<u64>,
    /// Which lines are logged.
    pub levels: Levels,
    /// How they look.
    pub format: Format,
    /// Where they go; `None` = standard error.
    pub log_file: Option<PathBuf>,
    /// When a new file is begun.
    pub rotation: Rotation,
    /// How many files are kept; 0 = all.
    pub files_kept: usize,
    /// Pools to make before the node is ready.
    pub pools: Vec<PoolSpec>,
}

impl Default for Settings {
    fn default() -> Self {
        let levels = Levels::parse("info").unwrap_or_else(|_| unreachable!("a level of the table"));
        Self {
            name: DEFAULT_NODE.to_owned(),
            state: None,
            fresh: false,
            workers: 0,
            helpers: None,
            cpus: Vec::new(),
            numa: Vec::new(),
            modules: Vec::new(),
            drain: Duration::from_millis(5000),
            stall_ms: 0,
            tcp: None,
            session_bytes: None,
            node_bytes: None,
            levels,
            format: Format::Text,
            log_file: None,
            rotation: Rotation::Daily,
            files_kept: 7,
            pools: Vec::new(),
        }
    }
}

impl Settings {
    /// The node's directory.
    pub fn directory(&self) -> PathBuf {
        match &self.state {
            Some(directory) => directory.clone(),
            None => node_dir::of(&self.name, windlass_driver::socket::user()),
        }
    }
}

/// What kind of value a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Number,
    /// A number of bytes, or text like `8GiB`.
    Bytes,
    /// Whole numbers; between commas outside the file.
    Numbers,
    /// Texts; between commas outside the file.
    Texts,
}

type Set = fn(&mut Settings, &Value) -> Result<(), String>;

/// One setting.
pub struct Key {
    /// Table and name: `log.level`, or a name alone.
    pub path: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Its default, as it stands in the file.
    pub default: &'static str,
    /// The flag of `serve` that sets it, if there is one.
    pub flag: Option<&'static str>,
    /// What it means.
    pub docs: &'static str,
    set: Set,
}

impl Key {
    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        format!("WINDLASS_{}", self.path.replace('.', "_").to_uppercase())
    }

    /// Sets it from a value of the file.
    ///
    /// # Errors
    /// A sentence that says what would do.
    pub fn set(&self, settings: &mut Settings, value: &Value) -> Result<(), String> {
        (self.set)(settings, value)
    }

    /// Sets it from text: a flag, or the environment.
    ///
    /// # Errors
    /// As `set`.
    pub fn set_text(&self, settings: &mut Settings, text: &str) -> Result<(), String> {
        let parts = || text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let number = |text: &str| {
            text.parse::<i64>().map(Value::Integer).map_err(|_| format!("{text:?} is not a whole number"))
        };
        let value = match self.kind {
            Kind::Text | Kind::Bytes => Value::String(text.to_owned()),
            Kind::Number => number(text.trim())?,
            Kind::Numbers => Value::Array(parts().map(number).collect::<Result<_, _>>()?),
            Kind::Texts => Value::Array(parts().map(|part| Value::String(part.to_owned())).collect()),
        };
        self.set(settings, &value)
    }
}

/// The key of this path.
pub fn key(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

macro_rules! key {
    ($path:literal $kind:ident = $default:literal, $flag:expr, $docs:literal, $set:expr) => {
        Key { path: $path, kind: Kind::$kind, default: $default, flag: $flag, docs: $docs, set: $set }
    };
}

/// The table, in the order of the file: keys without a table first.
pub const KEYS: &[Key] = &[
    key!("name" Text = "\"local\"", Some("--name"),
    "The node's name. Clients and commands find it by this name; one node of a name runs at a time.",
    |to, value| {
        let name = text(value)?;
        let fits = node_dir::is_name(name);
        fits.then(|| name.clone_into(&mut to.name))
            .ok_or_else(|| format!("{name:?} cannot name a node: 1 to 64 of letters, digits, _, - and ."))
    }),
    key!("state" Text = "\"\"", Some("--state"),
        "The node's directory, with its socket and its lock, and with the catalog of its pools: a node that is started\n\
         there again comes back with them. Empty: $WINDLASS_DIR/NAME, or else $XDG_RUNTIME_DIR/windlass/NAME, or else\n\
         /tmp/windlass-UID/NAME, and no catalog.",
        |to, value| set_path(&mut to.state, value)),
    key!("workers" Number = "0", Some("--workers"),
    "Workers: threads that run calls, 256 at most. 0: one less than there are processors, at least one.",
    |to, value| {
        let workers = whole(value)? as usize;
        if workers > windlass_runtime::limits::WORKERS_MAX {
            return Err(format!("{workers} workers: a node has at most {}", windlass_runtime::limits::WORKERS_MAX));
        }
        to.workers = workers;
        Ok(())
    }),
    key!("helpers" Text = "\"auto\"", Some("--helpers"),
    "Threads that help the workers with large arrays, a piece at a time, and sleep otherwise. auto: one less than there are\n\
     processors; 0: none.",
    |to, value| {
        let most = windlass_runtime::limits::WORKERS_MAX;
        let number = match value {
            Value::String(auto) if auto == "auto" => {
                to.helpers = None;
                return Ok(());
            }
            Value::String(text) => text.trim().parse().map_err(|_| format!("{text:?} is neither auto nor a number"))?,
            other => whole(other)? as usize,
        };
        to.helpers = Some(number).filter(|number| *number <= most);
        to.helpers.map(drop).ok_or_else(|| format!("{number} helpers: a node has at most {most}"))
    }),
    key!("cpus" Numbers = "[]", Some("--cpus"),
    "Processors that the workers keep to, one each in turn; a single worker keeps to all of them. Empty: any.",
    |to, value| {
        to.cpus = list(value, |one| whole(one).map(|number| number as usize))?;
        Ok(())
    }),
    key!("numa" Numbers = "[]", Some("--numa"),
    "NUMA nodes that the workers keep to, one node each in turn, on any of its processors; not together with cpus.\n\
     A pool is placed on one by the placement numa:NODE. Empty: any.",
    |to, value| {
        let node = |one: &Value| {
            let number = whole(one)?;
            u16::try_from(number).map_err(|_| format!("{number} is no NUMA node"))
        };
        to.numa = list(value, node)?;
        Ok(())
    }),
    key!("modules" Texts = "[]", Some("--module"),
    "Module libraries (.so) to load at start, besides those that are linked in.",
    |to, value| {
        to.modules = list(value, |one| text(one).map(PathBuf::from))?;
        Ok(())
    }),
    key!("drain_ms" Number = "5000", Some("--drain-ms"),
    "How long calls may take to end when the node is told to stop, in milliseconds.",
    |to, value| {
        to.drain = Duration::from_millis(whole(value)?);
        Ok(())
    }),
    key!("stall_ms" Number = "0", None,
    "How long one piece of work may hold a worker before a watchdog names it in the log, in milliseconds.\n\
     0: no watchdog.",
    |to, value| {
        to.stall_ms = whole(value)?;
        Ok(())
    }),
    key!("limits.session_bytes" Bytes = "\"8GiB\"", None,
    "Shared memory of one session, in bytes or as text with a unit.",
    |to, value| {
        to.session_bytes = Some(size(value)?).filter(|bytes| *bytes > 0);
        Ok(())
    }),
    key!("limits.node_bytes" Bytes = "0", None,
    "Shared memory of all sessions together. 0: 70 % of the memory that the node may use.",
    |to, value| {
        to.node_bytes = Some(size(value)?).filter(|bytes| *bytes > 0);
        Ok(())
    }),
    key!("tcp.listen" Text = "\"\"", Some("--tcp"),
    "Where to listen for TCP connections: a loopback address, as nothing is encrypted; port 0 lets the system choose.\n\
     Clients show the token of the file `token` in the node's directory. Empty: nowhere.",
    |to, value| {
        let text = text(value)?;
        let address = |text: &str| text.parse().map_err(|_| format!("{text:?} is no address; write 127.0.0.1:7070"));
        to.tcp = (!text.is_empty()).then(|| address(text)).transpose()?;
        Ok(())
    }),
    key!("log.level" Text = "\"info\"", Some("--log"),
    "off, error, warn, info, debug or trace; then, if wanted, name=level for a crate of the node or a module:\n\
     \"warn,runtime=debug,echo=trace\". A running node reads this again on SIGHUP.",
    |to, value| {
        to.levels = Levels::parse(text(value)?)?;
        Ok(())
    }),
    key!("log.format" Text = "\"text\"", Some("--log-format"),
    "text, or json: one object per line.",
    |to, value| {
        to.format = one_of(text(value)?, &[("text", Format::Text), ("json", Format::Json)])?;
        Ok(())
    }),
    key!("log.file" Text = "\"\"", Some("--log-file"),
        "The file to write to; a date is put behind its name. Empty: standard error.",
        |to, value| set_path(&mut to.log_file, value)),
    key!("log.rotation" Text = "\"daily\"", None,
    "When a new file is begun: hourly, daily or never.",
    |to, value| {
        let all =
            [("hourly", Rotation::Hourly), ("daily", Rotation::Daily), ("never", Rotation::Never)];
        to.rotation = one_of(text(value)?, &all)?;
        Ok(())
    }),
    key!("log.files_kept" Number = "7", None,
    "How many files are kept; the oldest is removed. 0: all.",
    |to, value| {
        to.files_kept = whole(value)? as usize;
        Ok(())
    }),
];

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("{value} is not text; write it in quotes"))
}

fn whole(value: &Value) -> Result<u64, String> {
    let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
    number.ok_or_else(|| format!("{value} is not a whole number of 0 or more"))
}

fn size(value: &Value) -> Result<u64, String> {
    match value {
        Value::String(text) => units::bytes(text),
        other => whole(other),
    }
}

fn list<T>(value: &Value, each: impl Fn(&Value) -> Result<T, String>) -> Result<Vec<T>, String> {
    let values = value.as_array().ok_or_else(|| format!("{value} is not a list; write [..]"))?;
    values.iter().map(each).collect()
}

fn set_path(to: &mut Option<PathBuf>, value: &Value) -> Result<(), String> {
    let path = text(value)?;
    *to = (!path.is_empty()).then(|| PathBuf::from(path));
    Ok(())
}

fn one_of<T: Copy>(text: &str, all: &[(&str, T)]) -> Result<T, String> {
    all.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| {
        let hint = windlass_client::dynamic::near::hint(text, all.iter().map(|(name, _)| *name));
        format!("{text:?} will not do{hint}")
    })
}

/// A configuration file with every key, commented out, at its default.
pub fn commented() -> String {
    let mut file = String::from(
        "# Configuration of a Windlass node. Every key is shown with its default.\n\
         # A variable of the environment wins over this file, a flag wins over both.\n",
    );
    let mut table = "";
    for key in KEYS {
        let (of, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        if of != table {
            file.push_str(&format!("\n[{of}]\n"));
            table = of;
        }
        file.push('\n');
        for line in key.docs.lines() {
            file.push_str(&format!("# {line}\n"));
        }
        let flag = key.flag.map_or_else(String::new, |flag| format!("{flag}, "));
        file.push_str(&format!("# ({flag}{})\n# {name} = {}\n", key.variable(), key.default));
    }
    file.push_str(
        "\n# Levels of single modules and of crates of the node, over log.level.\n[log.modules]\n# echo = \"debug\"\n\
         \n# Pools to make before the node is ready; one block for each. `windlass describe MODULE` shows the parameters.\n\
         # [[pool]]\n# name = \"squeeze\"\n# module = \"compress\"\n# parameters = { compress_id = 1 }\n\
         # containers = 1\n# placement = \"round_robin\" # or least_loaded, dedicated, pinned:WORKER, numa:NODE\n\
         # mode = \"shared\" # or dedicated, bundled; `windlass pool mode` changes it while the pool runs\n",
    );
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_of_the_table_is_what_a_node_without_a_file_has() {
        for key in KEYS {
            let text = format!("value = {}", key.default);
            let table: toml::Table = text.parse().expect("a default is TOML");
            let mut settings = Settings::default();
            key.set(&mut settings, &table["value"]).expect("a default is accepted");
            let (mut is, mut should) = (settings, Settings::default());
            if key.path == "limits.session_bytes" {
                assert_eq!(is.session_bytes, Some(windlass_runtime::limits::SESSION_BYTES_MAX));
                (is.session_bytes, should.session_bytes) = (None, None);
            }
            assert_eq!(format!("{is:?}"), format!("{should:?}"), "{}", key.path);
        }
    }

    #[test]
    fn text_sets_what_the_file_sets() {
        let mut settings = Settings::default();
        let set =
            |settings: &mut Settings, path: &str, text: &str| key(path).expect(path).set_text(settings, text);
        set(&mut settings, "cpus", "0, 1").unwrap();
        set(&mut settings, "limits.session_bytes", "64MiB").unwrap();
        set(&mut settings, "drain_ms", "10").unwrap();
        assert_eq!(settings.cpus, [0, 1]);
        assert_eq!(settings.session_bytes, Some(64 << 20));
        assert_eq!(settings.drain, Duration::from_millis(10));
        let wrong = set(&mut settings, "log.format", "jsn").unwrap_err();
        assert!(wrong.contains("did you mean \"json\"?"), "{wrong}");
        assert!(set(&mut settings, "drain_ms", "-1").is_err());
        assert!(set(&mut settings, "name", "a/b").is_err());
    }
}
