//! Config: file, environment and flags, put together; each wins over the one before.
//!
//! Lives here: `Sources` (where settings come from; can be read again while the node runs).
//! From: `args`. To: `keys::Settings`.
//! Holds: an unknown key is refused with its line and the nearest that exists; nothing is ignored in silence, but
//! for `[classes]`, which is what builds read.

use crate::keys::{KEYS, Key, Settings, key};
use std::path::{Path, PathBuf};
use toml::{Table, Value};
use windlass_client::dynamic::near;
use windlass_contract::{Code, Fault};
use windlass_runtime::limits::CONTAINERS_MAX;
use windlass_runtime::{Placement, PoolSpec};

/// The file that is read when none is named, if it is there.
pub const FILE: &str = "windlass.toml";
/// The variable that names the file.
pub const FILE_VARIABLE: &str = "WINDLASS_CONFIG";
/// Variables that are ours and no keys.
const OTHER_VARIABLES: &[&str] = &["WINDLASS_DIR", "WINDLASS_NODE", FILE_VARIABLE];
/// Longest configuration file, bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where settings come from.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The file, if there is one.
    pub file: Option<PathBuf>,
    /// Key paths and texts of the environment.
    pub environment: Vec<(&'static str, String)>,
    /// Key paths and texts of the flags.
    pub flags: Vec<(&'static str, String)>,
}

impl Sources {
    /// The named file, else that of the environment, else `windlass.toml` here if it exists; and what the environment sets.
    pub fn find(file: Option<PathBuf>, flags: Vec<(&'static str, String)>) -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let file = file
            .or_else(|| variable(FILE_VARIABLE).map(PathBuf::from))
            .or_else(|| Some(PathBuf::from(FILE)).filter(|path| path.is_file()));
        let environment = KEYS.iter().filter_map(|key| Some((key.path, variable(&key.variable())?))).collect();
        Self { file, environment, flags }
    }

    /// Reads them all.
    ///
    /// # Errors
    /// `BadConfig` with source, key and what would do; `Io` for a file that cannot be read.
    pub fn read(&self) -> Result<Settings, Fault> {
        let mut settings = Settings::default();
        if let Some(path) = &self.file {
            read_file(path, &mut settings)?;
        }
        let texts =
            self.environment.iter().map(|one| (one, true)).chain(self.flags.iter().map(|one| (one, false)));
        for ((path, text), environment) in texts {
            let key = key(path).ok_or_else(|| Fault::new(Code::Internal, format!("no key {path}")))?;
            let from = || if environment { key.variable() } else { key.flag.unwrap_or(key.path).to_owned() };
            key.set_text(&mut settings, text).map_err(|error| bad(format!("{}: {error}", from())))?;
        }
        Ok(settings)
    }

    /// Variables that look like ours but are not: what they may have meant.
    pub fn stray_variables() -> Vec<String> {
        let known: Vec<String> =
            KEYS.iter().map(Key::variable).chain(OTHER_VARIABLES.iter().map(|one| (*one).to_owned())).collect();
        let near = |name: &str| known.iter().find(|one| near::distance(name, one) <= 2);
        let all = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        all.filter(|name| name.starts_with("WINDLASS_") && !known.contains(name))
            .filter_map(|name| near(&name).map(|meant| format!("{name} is not read; did you mean {meant}?")))
            .collect()
    }
}

fn read_file(path: &Path, settings: &mut Settings) -> Result<(), Fault> {
    let text = read_text(path)?;
    let at = |text: &str| format!("{}: {text}", path.display());
    let table: Table = text.parse().map_err(|error: toml::de::Error| bad(at(error.to_string().trim_end())))?;
    let lines = Lines { path, text: &text };
    for (name, value) in &table {
        match (name.as_str(), value) {
            // Parameter classes of commands, which builds read from a file of this name: a node's file may stand in a checkout.
            ("classes", Value::Table(_)) => {}
            ("pool", value) => settings.pools = pools(value, &lines)?,
            (_, Value::Table(inner)) if TABLES.contains(&name.as_str()) => {
                read_table(name, inner, settings, &lines)?;
            }
            _ => set(name, name, value, settings, &lines)?,
        }
    }
    if let Some(Value::Table(modules)) = table.get("log").and_then(|log| log.get("modules")) {
        // After `log.level`, which sets all of them at once.
        for (module, level) in modules {
            let level = level.as_str().ok_or_else(|| bad(lines.at(module, "a level is text, like \"debug\"")))?;
            settings.levels.set_text(module, level).map_err(|error| bad(lines.at(module, &error)))?;
        }
    }
    Ok(())
}

/// Tables of the file.
const TABLES: &[&str] = &["limits", "tcp", "log"];

fn read_table(of: &str, table: &Table, settings: &mut Settings, lines: &Lines<'_>) -> Result<(), Fault> {
    for (name, value) in table {
        if (of, name.as_str()) == ("log", "modules") {
            if !value.is_table() {
                return Err(bad(lines.at(name, "log.modules is a table: [log.modules], then echo = \"debug\"")));
            }
            continue;
        }
        set(&format!("{of}.{name}"), name, value, settings, lines)?;
    }
    Ok(())
}

fn set(path: &str, name: &str, value: &Value, settings: &mut Settings, lines: &Lines<'_>) -> Result<(), Fault> {
    let Some(key) = key(path) else {
        let others = ["pool", "log.modules"].into_iter().chain(TABLES.iter().copied());
        let hint = near::hint(path, KEYS.iter().map(|key| key.path).chain(others));
        return Err(bad(lines.at(name, &format!("unknown key {path:?}{hint}"))));
    };
    key.set(settings, value).map_err(|error| bad(lines.at(name, &format!("{path}: {error}"))))
}

fn pools(value: &Value, lines: &Lines<'_>) -> Result<Vec<PoolSpec>, Fault> {
    let wrong = |name: &str, text: &str| bad(lines.at(name, text));
    let blocks = value.as_array().ok_or_else(|| wrong("pool", "write [[pool]], one block for each pool"))?;
    blocks
        .iter()
        .map(|block| {
            let block = block.as_table().ok_or_else(|| wrong("pool", "a pool is a block of keys"))?;
            let known = ["name", "module", "parameters", "containers", "placement", "mode"];
            if let Some(name) = block.keys().find(|name| !known.contains(&name.as_str())) {
                let hint = near::hint(name, known.into_iter());
                return Err(wrong(name, &format!("unknown key {name:?} of a pool{hint}")));
            }
            let text = |key: &str| {
                let found = block.get(key).and_then(Value::as_str);
                found.map(str::to_owned).ok_or_else(|| wrong("pool", &format!("a pool needs {key} = \"..\"")))
            };
            let (name, module) = (text("name")?, text("module")?);
            let parameters = match block.get("parameters") {
                None => Vec::new(),
                Some(Value::Table(table)) => table
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), parameter(value).map_err(|e| wrong(key, &e))?)))
                    .collect::<Result<_, Fault>>()?,
                Some(_) => return Err(wrong("parameters", "parameters are a table: { name = value, .. }")),
            };
            let containers = match block.get("containers").map(Value::as_integer) {
                None => 1,
                Some(count) => count
                    .and_then(|count| u32::try_from(count).ok())
                    .filter(|count| (1..=CONTAINERS_MAX as u32).contains(count))
                    .ok_or_else(|| wrong("containers", &format!("a pool has 1 to {CONTAINERS_MAX} containers")))?,
            };
            let placement = match block.get("placement") {
                None => Placement::default(),
                Some(value) => {
                    let text = value.as_str().ok_or_else(|| wrong("placement", "a placement is text"))?;
                    text.parse().map_err(|fault: Fault| wrong("placement", &fault.message))?
                }
            };
            let mode = match block.get("mode") {
                None => None,
                Some(value) => {
                    let text = value.as_str().ok_or_else(|| wrong("mode", "a mode is text"))?;
                    Some(text.parse().map_err(|fault: Fault| wrong("mode", &fault.message))?)
                }
            };
            Ok(PoolSpec { parameters, containers, placement, mode, ..PoolSpec::new(name, module) })
        })
        .collect()
}

/// A parameter as text that is read by the schema of `create`.
fn parameter(value: &Value) -> Result<String, String> {
    Ok(match value {
        Value::String(text) => text.clone(),
        Value::Datetime(time) => time.to_string(),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => value.to_string(),
        Value::Array(_) | Value::Table(_) => serde_json::to_string(value).map_err(|error| error.to_string())?,
    })
}

#[allow(clippy::disallowed_methods, reason = "read at start and on SIGHUP, outside the worker")]
fn read_text(path: &Path) -> Result<String, Fault> {
    let failed = |error: std::io::Error| {
        Fault::new(Code::BadConfig, format!("the configuration {} cannot be read: {error}", path.display()))
    };
    if std::fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
        return Err(bad(format!("the configuration {} is longer than {FILE_BYTES_MAX} bytes", path.display())));
    }
    std::fs::read_to_string(path).map_err(failed)
}

/// Finds lines again, for messages.
struct Lines<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Lines<'_> {
    /// `file:line: message`; without a line when the key cannot be found by its name.
    fn at(&self, name: &str, message: &str) -> String {
        let begins = |line: &str| {
            let line = line.trim_start().trim_start_matches('[').trim_start();
            let rest = line.strip_prefix(name).or_else(|| line.split_once(name).map(|(_, rest)| rest));
            !line.starts_with('#') && rest.is_some_and(|rest| rest.trim_start().starts_with(['=', ']', '.']))
        };
        match self.text.lines().position(begins) {
            Some(at) => format!("{}:{}: {message}", self.path.display(), at + 1),
            None => format!("{}: {message}", self.path.display()),
        }
    }
}

fn bad(text: String) -> Fault {
    Fault::new(Code::BadConfig, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use windlass_runtime::Mode;

    fn read(text: &str) -> Result<Settings, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(FILE);
        #[allow(clippy::disallowed_methods, reason = "a test's own file")]
        std::fs::write(&path, text).expect("written");
        let mut settings = Settings::default();
        read_file(&path, &mut settings).map(|()| settings).map_err(|fault| fault.message)
    }

    #[test]
    fn a_file_sets_what_it_names_and_leaves_the_rest() {
        let settings = read(
            "name = \"n1\"\ndrain_ms = 7\n[limits]\nsession_bytes = \"1MiB\"\n[log]\nlevel = \"warn\"\n\
             [log.modules]\necho = \"debug\"\n[[pool]]\nname = \"p\"\nmodule = \"m\"\n\
             parameters = { codec = \"zstd\", level = 3, list = [1, 2] }\n",
        )
        .expect("a good file");
        assert_eq!((settings.name.as_str(), settings.drain), ("n1", Duration::from_millis(7)));
        assert_eq!(settings.session_bytes, Some(1 << 20));
        assert_eq!(settings.levels, crate::levels::Levels::parse("warn,echo=debug").expect("levels"));
        let parameters = [("codec", "zstd"), ("level", "3"), ("list", "[1,2]")];
        assert_eq!(settings.pools[0].parameters, parameters.map(|(key, text)| (key.to_owned(), text.to_owned())));
        assert_eq!(settings.files_kept, 7);
    }

    #[test]
    #[allow(non_snake_case, reason = "it carries the name of a requirement row")]
    fn tasks_K61_a_pool_of_the_file_says_how_many_containers_it_has_and_which_workers_they_get() {
        let pool = "[[pool]]\nname = \"p\"\nmodule = \"m\"\n";
        let settings = read(&format!("workers = 3\n{pool}containers = 4\nplacement = \"pinned:2\"\n{pool}"));
        let settings = settings.expect("a good file");
        assert_eq!(settings.workers, 3);
        assert_eq!((settings.pools[0].containers, settings.pools[0].placement), (4, Placement::Pinned(2)));
        assert_eq!((settings.pools[1].containers, settings.pools[1].placement), (1, Placement::RoundRobin));
        let settings = read(&format!("numa = [0, 1]\n{pool}placement = \"numa:1\"\n")).expect("a good file");
        assert_eq!((settings.numa, settings.pools[0].placement), (vec![0, 1], Placement::Numa(1)));
        let settings = read(&format!("{pool}mode = \"bundled\"\n{pool}")).expect("a good file");
        assert_eq!((settings.pools[0].mode, settings.pools[1].mode), (Some(Mode::Bundled), None));
        assert!(read("numa = [65536]\n").expect_err("too large").contains("no NUMA node"));
        for wrong in [
            "containers = 0",
            "containers = 1025",
            "containers = \"two\"",
            "placement = \"here\"",
            "placement = 1",
            "mode = \"alone\"",
            "mode = 2",
        ] {
            let error = read(&format!("{pool}{wrong}\n")).expect_err(wrong);
            assert!(error.contains(":4: "), "{wrong}: {error}");
        }
        assert!(read("workers = 257\n").expect_err("too many").contains("at most 256"));
    }

    #[test]
    fn the_commented_file_changes_nothing_and_reads_as_itself_once_uncommented() {
        let file = crate::keys::commented();
        assert_eq!(format!("{:?}", read(&file).expect("comments only")), format!("{:?}", Settings::default()));
        let key_lines =
            |line: &str| line.strip_prefix("# ").filter(|rest| rest.contains(" = ")).map(str::to_owned);
        let uncommented: String =
            file.lines().map(|line| key_lines(line).unwrap_or_else(|| line.to_owned()) + "\n").collect();
        let uncommented = uncommented.replace("# [[pool]]", "[[pool]]");
        let settings = read(&uncommented).unwrap_or_else(|error| panic!("{error}\n{uncommented}"));
        assert_eq!(settings.pools[0].module, "compress");
    }

    /// A node is started in a checkout, where the file tells builds which dtypes there are.
    #[test]
    fn the_classes_of_builds_stand_in_the_same_file_and_are_theirs() {
        let checkout = include_str!("../../../windlass.toml");
        assert_eq!(format!("{:?}", read(checkout).expect("builds only")), format!("{:?}", Settings::default()));
        assert_eq!(read("name = \"a\"\n[classes.array]\ndtype = []\n").expect("both").name, "a");
        assert!(read("classes = 1\n").expect_err("no table").contains("unknown key"));
    }

    #[test]
    fn unknown_keys_are_refused_with_their_line_and_the_nearest() {
        let error = read("name = \"a\"\n\n[limits]\nsession_byte = 5\n").expect_err("no such key");
        assert!(error.contains(":4: unknown key \"limits.session_byte\""), "{error}");
        assert!(error.contains("did you mean \"limits.session_bytes\"?"), "{error}");
        let error = read("[lgo]\nlevel = \"info\"\n").expect_err("no such table");
        assert!(error.contains("did you mean \"log\"?"), "{error}");
        let error = read("[[pool]]\nname = \"a\"\nmodul = \"b\"\n").expect_err("no such key of a pool");
        assert!(error.contains(":3:") && error.contains("did you mean \"module\"?"), "{error}");
        let error = read("[log.modules]\necho = \"loud\"\n").expect_err("no such level");
        assert!(error.contains(":2:") && error.contains("not a level"), "{error}");
    }
}
