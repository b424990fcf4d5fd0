//! Arkouda: runs the ancestor's own test suite against a node.
//!
//! Lives here: `Order`, `run`.
//! From: the command line. To: a virtual environment, the three programs that the suite looks for, a node, pytest, and a report.
//! Holds: no file of the checkout is written or edited; what is made stands under the target folder; without a checkout nothing
//!   is run, and that is said.
//!
//! The suite asks for `arkouda_server` beside its sources, `chpl` on the path and a script of Chapel's, even against a server that
//! runs already. `ARKOUDA_HOME` points to a folder of ours, in which the first is our own binary under that name, and the others are
//! two lines of shell that answer what a node without Chapel answers.

use crate::child::{self, Ran, say};
use crate::repo::{Repo, Trouble};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What the tests need besides the client.
const TOOLS: &[&str] = &[
    "pytest",
    "pytest-env",
    "pytest-timeout",
    "pytest-html",
    "pytest-benchmark",
    "pytest-json-report",
    "pytest-subtests",
    "pexpect",
];
/// Tests that cost minutes in the client alone.
const SLOW: &str = "not hypothesis_testing";
/// How often a server that starts is looked for, and the pause between two looks.
const LOOKS: u32 = 600;
const PAUSE: Duration = Duration::from_millis(100);
/// Longest time for one file of tests.
const SILENCE: Duration = Duration::from_secs(3600);

/// What is to be run.
#[derive(Debug)]
pub struct Order {
    /// A checkout of Arkouda.
    pub source: PathBuf,
    /// Ranks that the node announces.
    pub ranks: Vec<u32>,
    /// Where the result goes as JSON.
    pub json: Option<PathBuf>,
    /// Which tests, as pytest's `-k` has it.
    pub select: Option<String>,
    /// The node is built quickly and not to be quick.
    pub dev: bool,
    /// Features of the command that are not built without being asked for.
    pub features: Vec<String>,
    /// Which files, relative to the checkout; empty = those that the suite names.
    pub files: Vec<String>,
}

/// Where things are made.
struct Places {
    source: PathBuf,
    work: PathBuf,
}

/// Runs the suite and says how it went. Whether tests failed is a figure, not an error.
///
/// # Errors
/// `Trouble` when something that is needed cannot be had.
pub fn run(repo: &Repo, order: &Order) -> Result<(), Trouble> {
    if !order.source.join("pytest.ini").is_file() || !order.source.join("arkouda").is_dir() {
        say(&format!(
            "arkouda-suite: skipped: {} is no checkout of Arkouda.\n  git clone --depth 1 --branch v2026.07.15 \
             https://github.com/Bears-R-Us/arkouda DIR, then --src DIR",
            order.source.display()
        ));
        return Ok(());
    }
    let source = order.source.canonicalize().map_err(|error| file(&order.source, error))?;
    let work = repo.target_folder()?.join("arkouda");
    let places = Places { source, work };
    std::fs::create_dir_all(&places.work).map_err(|error| file(&places.work, error))?;
    let (profile, folder) = if order.dev { ("dev", "debug") } else { ("release", "release") };
    let mut build = repo.cargo(&["build", "--profile", profile, "--bin", "windlass"]);
    if !order.features.is_empty() {
        build.arg("--features").arg(order.features.join(","));
    }
    child::pass(&mut build)?;
    let server = repo.target_folder()?.join(folder).join("windlass");
    environment(&places)?;
    shims(&places, &server)?;
    let port = free_port()?;
    let node = Server::start(&places, port, &order.ranks)?;
    let ran = pytest(&places, port, order)?;
    let alive = node.stop();
    report(&places, order, &ran, alive)
}

/// The virtual environment with the client and the tools, made once for a checkout.
fn environment(places: &Places) -> Result<(), Trouble> {
    let venv = places.work.join("venv");
    let stamp = venv.join("windlass-source");
    let wanted = places.source.display().to_string();
    if std::fs::read_to_string(&stamp).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    say("arkouda-suite: making a virtual environment with the client and its tests' tools");
    // Building it writes beside its sources, so it is built from a copy.
    let copy = places.work.join("source");
    if copy.exists() {
        std::fs::remove_dir_all(&copy).map_err(|error| file(&copy, error))?;
    }
    child::pass(Command::new("cp").arg("-r").arg(&places.source).arg(&copy))?;
    child::pass(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let mut install = Command::new(venv.join("bin/pip"));
    child::pass(install.args(["install", "--quiet"]).arg(&copy).args(TOOLS))?;
    std::fs::write(&stamp, wanted).map_err(|error| file(&stamp, error))
}

/// The three programs that the suite looks for, and the plugin that it needs.
fn shims(places: &Places, server: &Path) -> Result<(), Trouble> {
    let home = places.work.join("home");
    let scripts = home.join("chapel/util/chplenv");
    std::fs::create_dir_all(&scripts).map_err(|error| file(&scripts, error))?;
    std::fs::create_dir_all(home.join("bin")).map_err(|error| file(&home, error))?;
    let link = home.join("arkouda_server");
    // An older one may point to a build of another checkout.
    let _may_be_absent = std::fs::remove_file(&link);
    std::os::unix::fs::symlink(server, &link).map_err(|error| file(&link, error))?;
    let chapel = home.join("chapel");
    script(&home.join("bin/chpl"), &format!("#!/bin/sh\necho '{}'\n", chapel.display()))?;
    script(&scripts.join("chpl_sanitizers.py"), "#!/bin/sh\necho none\n")?;
    for name in ["ServerModules.cfg", "registration-config.json"] {
        let (from, to) = (places.source.join(name), home.join(name));
        std::fs::copy(&from, &to).map_err(|error| file(&from, error))?;
    }
    let plugin = home.join("windlass_plugin.py");
    let text = "\"\"\"A context that is collected waits for ever for a server that never was (pyzmq 24 and later).\"\"\"\n\
                import zmq\n\nzmq.Context.__del__ = lambda self: None\n";
    std::fs::write(&plugin, text).map_err(|error| file(&plugin, error))
}

fn script(path: &Path, text: &str) -> Result<(), Trouble> {
    std::fs::write(path, text).map_err(|error| file(path, error))?;
    let runnable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, runnable).map_err(|error| file(path, error))
}

fn free_port() -> Result<u16, Trouble> {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    socket.map(|address| address.port()).map_err(|error| Trouble::Words(format!("no free port: {error}")))
}

/// A node under the name `arkouda_server`.
struct Server {
    child: Child,
}

impl Server {
    fn start(places: &Places, port: u16, ranks: &[u32]) -> Result<Server, Trouble> {
        let home = places.work.join("home");
        let folder = places.work.join("run");
        std::fs::create_dir_all(&folder).map_err(|error| file(&folder, error))?;
        let info = folder.join("connection");
        // It would be read as if the new server had written it.
        let _may_be_absent = std::fs::remove_file(&info);
        let classes = home.join("classes.json");
        let text = std::fs::read_to_string(home.join("registration-config.json"))
            .map_err(|error| file(&classes, error))?;
        let json = |source| Trouble::Json { command: "registration-config.json".into(), source };
        let mut value: Value = serde_json::from_str(&text).map_err(json)?;
        value["parameter_classes"]["array"]["nd"] = json!(ranks);
        std::fs::write(&classes, value.to_string()).map_err(|error| file(&classes, error))?;
        let mut command = Command::new(home.join("arkouda_server"));
        command
            .arg(format!("--ServerPort={port}"))
            .arg(format!("--serverConnectionInfo={}", info.display()))
            .args(["--logChannel=LogChannel.FILE", "--trace=false"])
            .env("ARKOUDA_REGISTRATION_CONFIG", &classes)
            .env("WINDLASS_DIR", &folder)
            // Where the tests run: both sides mean the same file by a relative path.
            .current_dir(places.work.join("source"))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let line = child::command_line(&command);
        let child = command.spawn().map_err(|source| Trouble::Start { command: line.clone(), source })?;
        let mut server = Server { child };
        for _ in 0..LOOKS {
            if info.exists() {
                return Ok(server);
            }
            if let Ok(Some(status)) = server.child.try_wait() {
                return Err(Trouble::Ended { command: line, ending: status.to_string() });
            }
            std::thread::sleep(PAUSE);
        }
        Err(Trouble::Ended { command: line, ending: "no word that it is ready".into() })
    }

    /// Ends it; says whether it was still there.
    fn stop(mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which `stop` has told.
        let _may_have_ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn pytest(places: &Places, port: u16, order: &Order) -> Result<Ran, Trouble> {
    let (home, venv) = (places.work.join("home"), places.work.join("venv"));
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{}:{path}", home.join("bin").display(), venv.join("bin").display());
    let select = match &order.select {
        Some(select) => format!("({select}) and {SLOW}"),
        None => SLOW.to_owned(),
    };
    let results = places.work.join("results.json");
    // Last time's results must not be read as this one's.
    let _may_be_absent = std::fs::remove_file(&results);
    let source = places.work.join("source");
    let mut command = Command::new(venv.join("bin/python"));
    command
        .args(["-m", "pytest", "-c", "pytest.ini", "-q", "--no-header", "--tb=line", "-p", "windlass_plugin"])
        .args(["-p", "no:cacheprovider", "-o", "timeout_method=signal", "--timeout=120", "--json-report"])
        .args(["--json-report-omit=collectors,log,streams,keywords,warnings"])
        .arg(format!("--json-report-file={}", results.display()))
        .args(["-k", &select])
        .args(&order.files)
        .current_dir(source)
        .env("PATH", path)
        .env("PYTHONPATH", &home)
        .env("ARKOUDA_HOME", &home)
        .env("ARKOUDA_RUNNING_MODE", "CLIENT")
        .env("ARKOUDA_SERVER_HOST", "localhost")
        .env("ARKOUDA_SERVER_PORT", port.to_string())
        .env("HOME", &home);
    child::run(&mut command, SILENCE, |line| line.contains('%'))
}

/// Sums, and the names of what failed.
fn report(places: &Places, order: &Order, ran: &Ran, alive: bool) -> Result<(), Trouble> {
    let results = places.work.join("results.json");
    let text = std::fs::read_to_string(&results).map_err(|error| file(&results, error))?;
    let value: Value = serde_json::from_str(&text)
        .map_err(|source| Trouble::Json { command: "pytest --json-report".into(), source })?;
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    let mut failing: Vec<Value> = Vec::new();
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    for test in value["tests"].as_array().into_iter().flatten() {
        let outcome = test["outcome"].as_str().unwrap_or("unknown").to_owned();
        *sums.entry(outcome.clone()).or_default() += 1;
        if matches!(outcome.as_str(), "failed" | "error") {
            let why =
                ["call", "setup", "teardown"].iter().find_map(|step| test[*step]["crash"]["message"].as_str());
            let why = why.unwrap_or_default().lines().next().unwrap_or_default().to_owned();
            *reasons.entry(reason(&why)).or_default() += 1;
            failing.push(json!({ "test": test["nodeid"], "outcome": outcome, "why": why }));
        }
    }
    let of = |name: &str| sums.get(name).copied().unwrap_or(0);
    let (passed, failed, errors) = (of("passed"), of("failed"), of("error"));
    let expected = of("xfailed") + of("xpassed");
    let counted = passed + failed + errors;
    let share = 100.0 * passed as f64 / counted.max(1) as f64;
    let mut common: Vec<(&String, &u64)> = reasons.iter().collect();
    common.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (why, count) in common.iter().take(40) {
        say(&format!("{count:6}  {why}"));
    }
    say(&format!(
        "arkouda-suite: {passed} passed, {failed} failed, {errors} errors, {} skipped, {expected} expected to fail; {share:.1} % of \
         those not skipped{}{}",
        of("skipped"),
        if alive { "" } else { "; THE SERVER DID NOT SURVIVE" },
        if ran.hung { "; the run hung and was ended" } else { "" },
    ));
    if let Some(path) = &order.json {
        let all = json!({
            "passed": passed, "failed": failed, "errors": errors, "skipped": of("skipped"), "expected_failures": expected,
            "percent": share, "ranks": order.ranks, "server_survived": alive, "failing": failing,
        });
        std::fs::write(path, format!("{all:#}\n")).map_err(|error| file(path, error))?;
    }
    match alive {
        true => Ok(()),
        false => Err(Trouble::Words("the server ended during the run".into())),
    }
}

/// What failures have in common: names of symbols and numbers are left out.
fn reason(why: &str) -> String {
    let text = why.split("Unrecognized command: ").nth(1).map_or_else(
        || why.chars().map(|one| if one.is_ascii_digit() { '#' } else { one }).collect::<String>(),
        |rest| format!("Unrecognized command: {}", rest.split(['<', ';', ' ']).next().unwrap_or(rest)),
    );
    text.chars().take(120).collect()
}

fn file(path: &Path, source: std::io::Error) -> Trouble {
    Trouble::File { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_checkout_nothing_is_run() {
        let repo = Repo::open(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))).expect("this checkout");
        let order = Order {
            source: "/nowhere".into(),
            ranks: vec![1],
            json: None,
            select: None,
            dev: true,
            features: Vec::new(),
            files: Vec::new(),
        };
        run(&repo, &order).expect("skipped, which is no error");
    }

    #[test]
    fn failures_of_one_command_are_one_reason() {
        let first = reason("RuntimeError: Unrecognized command: sort<int64,1>; did you mean x?");
        assert_eq!(first, "Unrecognized command: sort");
        assert_eq!(reason("RuntimeError: Unrecognized command: sort<bool,2>"), first);
        assert_eq!(reason("assert 12 == 3"), reason("assert 34 == 5"));
    }
}
