//! Flags: those of Arkouda's server, as its tests and its users write them.
//!
//! Lives here: `Flags`, `Asked`.
//! Holds: `--name=value`, `--name value` and `--name` alone for a switch; an unknown flag is refused with the nearest. Flags that mean
//!   nothing on one node (`-nl`, `--trace`) are read and checked all the same, so that a typing error never passes.
//! Not here: what they do (`super`).

use std::path::PathBuf;
use windlass_client::dynamic::near;
use windlass_edge_arkouda::VERSION;

/// What the command line asks for.
#[derive(Debug)]
pub enum Asked {
    /// To serve.
    Serve(Flags),
    /// To print a text.
    Text(String),
}

/// What the server is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flags {
    pub port: u16,
    pub host: String,
    pub connection_info: Option<PathBuf>,
    pub log_level: String,
    pub log_to_file: bool,
    pub no_splash: bool,
    pub auto_shutdown: bool,
    pub authenticate: bool,
    pub memory_max: Option<u64>,
    pub rank_max: Option<u32>,
    pub registration: Option<PathBuf>,
    pub modules: Option<PathBuf>,
    /// What the pool of checkpoints is told, by its parameters' names.
    pub checkpoints: Vec<(String, String)>,
}

/// Flags that are read, and whether they need a value.
const KNOWN: &[(&str, bool)] = &[
    ("ServerPort", true),
    ("ServerHost", true),
    ("serverConnectionInfo", true),
    ("trace", false),
    ("logLevel", true),
    ("logChannel", true),
    ("logCommands", false),
    ("serverInfoNoSplash", false),
    ("autoShutdown", false),
    ("authenticate", false),
    ("memMax", true),
    ("memTrack", false),
    ("perLocaleMemLimit", true),
    ("checkpointPath", true),
    ("checkpointName", true),
    ("checkpointCheckInterval", true),
    ("checkpointInterval", true),
    ("checkpointIdleTime", true),
    ("checkpointMemPct", true),
    ("checkpointMemPctDelay", true),
    ("numLocales", true),
    ("saveUsedModules", false),
    ("about", false),
    ("help", false),
    ("version", false),
];

/// Flags that a parameter of the pool of checkpoints has the value of.
const CHECKPOINTS: &[(&str, &str)] = &[
    ("checkpointPath", "path"),
    ("checkpointName", "name"),
    ("checkpointInterval", "apart"),
    ("checkpointIdleTime", "idle"),
    ("checkpointMemPct", "memory_percent"),
    ("checkpointMemPctDelay", "memory_idle"),
];

/// Highest rank that arrays have.
const RANK_MAX: u32 = 8;

const HELP: &str = "arkouda_server: a Windlass node that Arkouda's own client talks to

  --ServerPort=N                5555
  --ServerHost=ADDRESS          127.0.0.1; any other address needs --authenticate
  --serverConnectionInfo=FILE   writes `host port url` there while it serves
  --logLevel=LEVEL              DEBUG, INFO, WARN, ERROR, CRITICAL
  --logChannel=CHANNEL          CONSOLE, or FILE for .arkouda/arkouda.log
  --authenticate                clients have to show the token of .arkouda/tokens.txt
  --autoShutdown                ends when a client disconnects
  --serverInfoNoSplash          prints no greeting
  --memMax=BYTES                what clients are told that arrays may have
  -nl N                         one locale is all there is
  --checkpointIdleTime=SECONDS  saves all arrays when nothing has changed for so long
  --checkpointMemPct=PERCENT    and when they have so much of the memory, --checkpointMemPctDelay=SECONDS (5) after the last change
  --checkpointInterval=SECONDS  3600; no sooner than that after the last time
  --checkpointPath=DIR          .akdata; --checkpointName=NAME (auto_checkpoint)
  --trace, --logCommands, --memTrack, --saveUsedModules are read and do nothing
Environment: ARKOUDA_SERVER_CONNECTION_INFO, ARKOUDA_SERVER_TOKEN, ARKOUDA_REGISTRATION_CONFIG, ARKOUDA_CONFIG_FILE, ARRAY_ND_MAX
";

/// What upstream's tests look for: that there is one locale.
fn about() -> String {
    format!(
        "arkouda_server by Windlass {}, speaks Arkouda {VERSION}\nCHPL_COMM: none\n",
        env!("CARGO_PKG_VERSION")
    )
}

impl Flags {
    /// Reads a command line; `variable` reads the environment.
    ///
    /// # Errors
    /// A sentence that names the flag.
    pub fn read(
        args: impl Iterator<Item = String>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Asked, String> {
        let path = |name: &str| variable(name).filter(|text| !text.is_empty()).map(PathBuf::from);
        let rank_max = variable("ARRAY_ND_MAX").filter(|text| !text.is_empty());
        let mut flags = Flags {
            port: 5555,
            host: "127.0.0.1".into(),
            connection_info: path("ARKOUDA_SERVER_CONNECTION_INFO"),
            log_level: "INFO".into(),
            log_to_file: false,
            no_splash: false,
            auto_shutdown: false,
            authenticate: false,
            memory_max: None,
            rank_max: rank_max.map(|text| rank(&text)).transpose()?,
            registration: path("ARKOUDA_REGISTRATION_CONFIG"),
            modules: path("ARKOUDA_CONFIG_FILE"),
            checkpoints: Vec::new(),
        };
        let mut args = args.peekable();
        while let Some(arg) = args.next() {
            if let Some(count) = arg.strip_prefix("-nl") {
                let count = if count.is_empty() { args.next().unwrap_or_default() } else { count.to_owned() };
                let _one_is_what_it_gets: u32 = number("-nl", count.trim_start_matches('='))?;
                continue;
            }
            let name = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-'));
            let name = name.ok_or_else(|| format!("{arg:?} is not a flag"))?;
            let (name, mut value) = match name.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (name, None),
            };
            let Some((name, wants)) = KNOWN.iter().find(|(known, _)| *known == name) else {
                let hint = near::hint(name, KNOWN.iter().map(|(known, _)| *known));
                return Err(format!("there is no flag --{name}{hint}"));
            };
            if *wants && value.is_none() {
                value = Some(args.next().ok_or_else(|| format!("--{name} needs a value"))?);
            }
            match *name {
                "about" | "version" => return Ok(Asked::Text(about())),
                "help" => return Ok(Asked::Text(HELP.to_owned())),
                _ => flags.set(name, value)?,
            }
        }
        Ok(Asked::Serve(flags))
    }

    fn set(&mut self, name: &str, value: Option<String>) -> Result<(), String> {
        let on = || truth(name, value.as_deref());
        let text = || value.clone().unwrap_or_default();
        match name {
            "ServerPort" => self.port = number(name, &text())?,
            "ServerHost" => self.host = text(),
            "serverConnectionInfo" => {
                self.connection_info = Some(text()).filter(|text| !text.is_empty()).map(PathBuf::from)
            }
            "logLevel" => {
                let level = text().trim_start_matches("LogLevel.").to_ascii_uppercase();
                if !["DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"].contains(&level.as_str()) {
                    return Err(format!("--logLevel is DEBUG, INFO, WARN, ERROR or CRITICAL, not {level:?}"));
                }
                self.log_level = level;
            }
            "logChannel" => match text().trim_start_matches("LogChannel.") {
                "FILE" => self.log_to_file = true,
                "CONSOLE" => self.log_to_file = false,
                other => return Err(format!("--logChannel is CONSOLE or FILE, not {other:?}")),
            },
            "serverInfoNoSplash" => self.no_splash = on()?,
            "autoShutdown" => self.auto_shutdown = on()?,
            "authenticate" => self.authenticate = on()?,
            "memMax" => self.memory_max = Some(number::<u64>(name, &text())?).filter(|bytes| *bytes > 0),
            "trace" | "logCommands" | "memTrack" | "saveUsedModules" => {
                on()?;
            }
            "perLocaleMemLimit" | "numLocales" => {
                number::<u64>(name, &text())?;
            }
            "checkpointCheckInterval" => {
                // The pool looks as often as its other times need.
                seconds(name, &text())?;
            }
            other => {
                let parameter =
                    CHECKPOINTS.iter().find(|(flag, _)| *flag == other).map(|(_, parameter)| *parameter);
                let parameter = parameter.ok_or_else(|| format!("--{other} is known and means nothing"))?;
                match parameter {
                    "path" | "name" if text().is_empty() => return Err(format!("--{name} needs a value")),
                    "path" | "name" => {}
                    "memory_percent" => {
                        number::<u32>(name, &text())
                            .ok()
                            .filter(|percent| *percent <= 100)
                            .ok_or_else(|| format!("--{name} is 0 to 100, not {:?}", text()))?;
                    }
                    _ => seconds(name, &text())?,
                }
                self.checkpoints.push((parameter.to_owned(), text()));
            }
        }
        Ok(())
    }

    /// The node's word for the level of the log.
    pub fn level(&self) -> &'static str {
        match self.log_level.as_str() {
            "DEBUG" => "debug",
            "WARN" => "warn",
            "ERROR" | "CRITICAL" => "error",
            _ => "info",
        }
    }
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| format!("{name}: {text:?} is not a number that will do"))
}

fn seconds(name: &str, text: &str) -> Result<(), String> {
    number::<f64>(name, text)?;
    Ok(())
}

fn truth(name: &str, text: Option<&str>) -> Result<bool, String> {
    match text {
        None | Some("true" | "True" | "1") => Ok(true),
        Some("false" | "False" | "0") => Ok(false),
        Some(other) => Err(format!("--{name} is true or false, not {other:?}")),
    }
}

fn rank(text: &str) -> Result<u32, String> {
    let max: u32 = number("ARRAY_ND_MAX", text)?;
    if (1..=RANK_MAX).contains(&max) {
        Ok(max)
    } else {
        Err(format!("ARRAY_ND_MAX is 1 to {RANK_MAX}, not {max}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<Asked, String> {
        Flags::read(args.iter().map(|arg| (*arg).to_owned()), &|_| None)
    }

    fn flags(args: &[&str]) -> Flags {
        match read(args) {
            Ok(Asked::Serve(flags)) => flags,
            other => panic!("{args:?}: {other:?}"),
        }
    }

    #[test]
    fn what_the_upstream_suite_passes_is_understood() {
        let all = flags(&[
            "--trace=false",
            "--serverConnectionInfo=/tmp/info",
            "-nl",
            "2",
            "--ServerPort=5601",
            "--logChannel=LogChannel.FILE",
            "--checkpointIdleTime=3",
            "--memMax=1000",
        ]);
        assert_eq!(all.checkpoints, [("idle".to_owned(), "3".to_owned())]);
        assert_eq!((all.port, all.log_to_file, all.memory_max), (5601, true, Some(1000)));
        assert_eq!(all.connection_info, Some(PathBuf::from("/tmp/info")));
        let switches = flags(&["--authenticate", "--autoShutdown=true", "--serverInfoNoSplash=false", "-nl2"]);
        assert!(switches.authenticate && switches.auto_shutdown && !switches.no_splash);
        assert_eq!(flags(&["--logLevel=LogLevel.DEBUG"]).level(), "debug");
    }

    #[test]
    fn about_says_that_there_is_one_locale() {
        assert!(matches!(read(&["--about"]), Ok(Asked::Text(text)) if text.contains("CHPL_COMM: none")));
    }

    #[test]
    fn wrong_flags_are_refused_with_what_was_meant() {
        for (args, says) in [
            (&["--SeverPort=1"][..], "did you mean \"ServerPort\"?"),
            (&["--ServerPort=99999"], "99999"),
            (&["--ServerPort"], "needs a value"),
            (&["--trace=perhaps"], "true or false"),
            (&["--logChannel=PIPE"], "CONSOLE or FILE"),
            (&["-nl", "many"], "-nl"),
            (&["--checkpointMemPct=101"], "0 to 100"),
            (&["--checkpointIdleTime=soon"], "checkpointIdleTime"),
            (&["--checkpointPath="], "needs a value"),
            (&["5555"], "not a flag"),
        ] {
            let said = read(args).expect_err("wrong");
            assert!(said.contains(says), "{args:?}: {said}");
        }
    }

    #[test]
    fn the_environment_names_files_and_ranks() {
        let variable = |name: &str| match name {
            "ARRAY_ND_MAX" => Some("2".to_owned()),
            "ARKOUDA_SERVER_CONNECTION_INFO" => Some("info".to_owned()),
            _ => None,
        };
        let Ok(Asked::Serve(flags)) = Flags::read(std::iter::empty(), &variable) else {
            panic!("no flags at all")
        };
        assert_eq!((flags.rank_max, flags.connection_info), (Some(2), Some(PathBuf::from("info"))));
        assert!(Flags::read(std::iter::empty(), &|name| (name == "ARRAY_ND_MAX").then(|| "9".into())).is_err());
    }
}
