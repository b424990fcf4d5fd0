//! Benches: builds every contender, then hands over to the bench driver, which measures them in one run.
//!
//! Lives here: `run` (`cargo xtask bench NAME ..`), `Contenders` (paths of what was built). `bench array` is in `arrays`.
//! Holds: a contender that is not there is left out in words, never silently; nothing is measured from a debug build.
//! May touch: the system's packages, once, for the C library of one rival, and says so.
//! Not here: measuring, tables, plots (`bench/own`).

use crate::arrays;
use crate::child::{self, say};
use crate::repo::{Repo, Trouble};
use crate::suite::{answers, apt_get};
use serde::Deserialize;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The bench driver's package and binary.
const DRIVER: &str = "windlass-bench";
/// The bench of tasks and lanes, a program of its own.
const LANE: &str = "windlass-bench-lane";
/// The bench of block devices, a program of its own.
const BDEV: &str = "windlass-bench-bdev";
/// The bench of quick and heavy calls together, a program of its own.
const MIXED: &str = "windlass-bench-mixed";
/// The benches of many stubs, sessions and values, a program of its own.
const MANY: &str = "windlass-bench-many";
/// The bench of files, whose rivals are fio and a small crate.
const IO: &str = "io";
/// Rivals: a workspace of their own.
const RIVALS: &str = "bench/compare/Cargo.toml";

/// What to measure.
#[derive(Debug)]
pub struct Order {
    /// `call`, or another bench that the driver knows, or `lane`, `bdev`, `mixed`, `connections`, `stream` or `array`.
    pub name: String,
    /// Whether rivals are built and measured.
    pub rivals: bool,
    /// File for the rows.
    pub json: Option<PathBuf>,
    /// Handed to the driver as they are.
    pub rest: Vec<String>,
}

impl Order {
    /// Whether rivals have a part in it: building them takes minutes the first time.
    fn compares(&self) -> bool {
        !["idle", IO].contains(&self.name.as_str()) && !self.rest.iter().any(|word| word == "--stages")
    }
}

/// A line of `cargo build --message-format=json`.
#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Builds contenders and runs the bench; the driver's output and exit are the user's.
///
/// # Errors
/// `Trouble` if something does not build, is not there, or the driver fails.
pub fn run(repo: &Repo, order: &Order) -> Result<(), Trouble> {
    let members = repo.members()?;
    let has = |package: &str| members.iter().any(|member| member.package == package);
    if !has(DRIVER) {
        return Err(Trouble::Words(format!(
            "the workspace has no package `{DRIVER}`: there is nothing to run a bench with"
        )));
    }
    match order.name.as_str() {
        "lane" => return run_alone(repo, order, LANE, &[]),
        "bdev" => return run_alone(repo, order, BDEV, &[]),
        "mixed" => return run_alone(repo, order, MIXED, &[]),
        arrays::NAME => return arrays::run(repo, order),
        "connections" => return run_alone(repo, order, MANY, &[&order.name]),
        "stream" => return run_stream(repo, order),
        _ => {}
    }
    let contenders: &[(&str, &str)] = match order.name.as_str() {
        IO => &[("--io", "windlass-bench-io")],
        _ => &[("--floor", "windlass-bench-floor"), ("--ours", "windlass-bench-ours")],
    };
    let mut args = vec!["build", "--release", "-p", DRIVER];
    args.extend(contenders.iter().filter(|(_, package)| has(package)).flat_map(|(_, package)| ["-p", *package]));
    if order.name == IO && order.rivals && has("windlass-bench-io") {
        args.extend(["--features", "windlass-bench-io/compio"]);
    }
    let built = build(&mut repo.cargo(&args))?;

    let mut driver = Command::new(find(&built, DRIVER)?);
    driver.arg(&order.name);
    for (flag, package) in contenders {
        if has(package) {
            driver.arg(flag).arg(find(&built, package)?);
        } else {
            say(&format!("without `{package}`: this workspace has no such package"));
        }
    }
    if !order.rivals {
        say("without rivals, as asked (--no-rivals): a figure without them is for orientation only");
    } else if !order.compares() {
        say("without the workspace of rivals: this bench does not need it");
    } else if let Some(manifest) = repo.text(RIVALS)? {
        let built = build_rivals(repo, &manifest)?;
        driver.arg("--compare").arg(find(&built, "windlass-bench-compare")?);
    } else {
        say(&format!("without rivals: there is no {RIVALS}"));
    }
    if let Some(json) = &order.json {
        driver.arg("--json").arg(json);
    }
    driver.args(&order.rest);
    say(&format!("running: {}", child::command_line(&driver)));
    child::pass(&mut driver)
}

/// A bench that has no contenders of other programs: its floor is in the same one.
fn run_alone(repo: &Repo, order: &Order, package: &str, words: &[&str]) -> Result<(), Trouble> {
    let mut bench = alone(repo, package)?;
    bench.args(words);
    hand_over(bench, order)
}

/// The bench of streams, with its rival if there is one.
fn run_stream(repo: &Repo, order: &Order) -> Result<(), Trouble> {
    let mut bench = alone(repo, MANY)?;
    bench.arg("stream");
    match repo.text(RIVALS)?.filter(|_| order.rivals) {
        Some(manifest) => {
            let built = build_rivals(repo, &manifest)?;
            bench.arg("--compare").arg(find(&built, "windlass-bench-compare")?);
        }
        None => say("without rivals"),
    }
    hand_over(bench, order)
}

/// Builds a bench that is a program of its own.
pub(crate) fn alone(repo: &Repo, package: &str) -> Result<Command, Trouble> {
    let built = build(&mut repo.cargo(&["build", "--release", "-p", package]))?;
    Ok(Command::new(find(&built, package)?))
}

/// Runs a bench with what the user asked for.
pub(crate) fn hand_over(mut bench: Command, order: &Order) -> Result<(), Trouble> {
    if let Some(json) = &order.json {
        bench.arg("--json").arg(json);
    }
    bench.args(&order.rest);
    say(&format!("running: {}", child::command_line(&bench)));
    child::pass(&mut bench)
}

/// Builds, shows compiler messages as they come, and gives back name and path of each binary.
fn build(command: &mut Command) -> Result<Vec<(String, PathBuf)>, Trouble> {
    let line = child::command_line(command);
    say(&format!("building: {line}"));
    command.arg("--message-format=json-render-diagnostics").stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().map_err(|source| Trouble::Start { command: line.clone(), source })?;
    if !output.status.success() {
        return Err(Trouble::Ended { command: line, ending: output.status.to_string() });
    }
    binaries(&output.stdout).map_err(|source| Trouble::Json { command: line, source })
}

fn binaries(output: &[u8]) -> Result<Vec<(String, PathBuf)>, serde_json::Error> {
    let mut found = Vec::new();
    for message in serde_json::Deserializer::from_slice(output).into_iter::<Message>() {
        let message = message?;
        if let ("compiler-artifact", Some(target), Some(path)) =
            (message.reason.as_str(), message.target, message.executable)
        {
            found.push((target.name, path));
        }
    }
    Ok(found)
}

fn find(built: &[(String, PathBuf)], name: &str) -> Result<PathBuf, Trouble> {
    let found = built.iter().find(|(binary, _)| binary == name).map(|(_, path)| path.clone());
    found.ok_or_else(|| {
        let names: Vec<_> = built.iter().map(|(binary, _)| binary.as_str()).collect();
        Trouble::Words(format!("the build made no binary `{name}`; it made: {}", names.join(", ")))
    })
}

/// Builds the rivals; if that fails on a machine without a C++ compiler or without ZeroMQ's library, installs what is missing
/// and builds once more.
fn build_rivals(repo: &Repo, manifest: &str) -> Result<Vec<(String, PathBuf)>, Trouble> {
    let target = repo.target_folder()?.join("rivals");
    let cargo =
        || build(repo.cargo(&["build", "--release", "--manifest-path", RIVALS]).env("CARGO_TARGET_DIR", &target));
    let trouble = match cargo() {
        Ok(built) => return Ok(built),
        Err(trouble) => trouble,
    };
    let missing = missing_for_zeromq(repo, manifest);
    if missing.is_empty() {
        return Err(Trouble::Words(format!("{trouble}\nmeasure without rivals: --no-rivals")));
    }
    let mut install = apt_get(repo, &missing);
    say(&format!(
        "{trouble}; the ZeroMQ rival may lack {}, installing: {}",
        missing.join(", "),
        child::command_line(&install)
    ));
    child::pass(&mut install).map_err(|trouble| {
        let missing = missing.join(" ");
        Trouble::Words(format!("{trouble}\ninstall by hand: {missing}; or measure without rivals: --no-rivals"))
    })?;
    cargo()
}

/// Packages that a build of the C library of ZeroMQ, or against it, asks for and this machine lacks.
fn missing_for_zeromq(repo: &Repo, manifest: &str) -> Vec<&'static str> {
    let mut missing = Vec::new();
    if !answers(repo.command("c++").arg("--version")) {
        missing.push("g++");
    }
    let binds = manifest.lines().any(|line| line.trim_start().starts_with("zmq") && line.contains('='));
    if binds && !answers(repo.command("pkg-config").args(["--exists", "libzmq"])) {
        missing.extend(["libzmq3-dev", "pkg-config"]);
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binaries_are_read_from_cargos_messages() {
        let output = br#"{"reason":"compiler-artifact","target":{"name":"serde"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"windlass-bench"},"executable":"/t/release/windlass-bench"}
{"reason":"build-finished","success":true}
"#;
        let built = binaries(output).expect("messages");
        assert_eq!(find(&built, DRIVER).expect("built"), PathBuf::from("/t/release/windlass-bench"));
        let words = find(&built, "windlass-bench-floor").expect_err("not built").to_string();
        assert!(words.contains("it made: windlass-bench"));
    }
}
