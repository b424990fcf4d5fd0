//! The suites: what `test`, `check`, `rows` and `fuzz` run, step by step.
//!
//! Lives here: `Suite` (a checkout, its target folder and the limit on silence) and one function per step.
//! From: `main` chooses. To: the ledger counts, and the last line of `test` and `check` is its sum.
//! Holds: each step runs even if the one before failed; a step that cannot run says why, as a failure or a skip.
//! Not here: how a child ends (`child`), what its lines mean (`report`).

use crate::child::{self, Ran, say};
use crate::ledger::Ledger;
use crate::python::{self, Package};
use crate::repo::{Repo, Trouble};
use crate::report::{self, Runner, Test};
use crate::rows::{self, Spec};
use crate::{faults, layers, sources, tdrv, uses};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// The models of rings and parking, checked in every order of steps.
const LOOM_TEST: &str = "crates/memory/tests/loom.rs";
/// The tests of a feature that links a C library.
const HDF5_TEST: &str = "modules/files/tests/hdf5.rs";
/// Lines of a failed command that are shown again at the end.
const LAST_LINES: usize = 60;

/// A checkout that is about to be tested.
#[derive(Debug)]
pub struct Suite {
    repo: Repo,
    target: PathBuf,
    limit: Duration,
}

impl Suite {
    /// Prepares a suite; `limit` is the longest time that one test binary, or one build, may take.
    ///
    /// # Errors
    /// `Trouble` if Cargo refuses the manifests.
    pub fn new(repo: Repo, limit: Duration) -> Result<Self, Trouble> {
        let target = match warm_target() {
            Some(target) => target,
            None => repo.target_folder()?,
        };
        Ok(Self { repo, target, limit })
    }

    fn cargo(&self, args: &[&str]) -> Command {
        let mut command = self.repo.cargo(args);
        command.env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// Everything: `cargo xtask test`.
    pub fn test(&self) -> ExitCode {
        let mut ledger = Ledger::default();
        self.set_up(&mut ledger);
        self.fast_checks(&mut ledger);
        self.tests(&mut ledger);
        self.planted(&mut ledger);
        self.hdf5(&mut ledger);
        self.loom(&mut ledger);
        self.package("dev").test(&mut ledger, &[]);
        ledger.close()
    }

    /// The Python package, its wheel and its tests: `cargo xtask py`.
    pub fn python(&self, profile: &str, rest: &[String]) -> ExitCode {
        let mut ledger = Ledger::default();
        self.package(profile).test(&mut ledger, rest);
        ledger.close()
    }

    fn package<'a>(&'a self, profile: &'a str) -> Package<'a> {
        Package {
            repo: &self.repo,
            target: &self.target,
            folder: "python",
            packages: python::PACKAGES,
            profile,
            limit: self.limit,
        }
    }

    /// What takes seconds once things are built: `cargo xtask check`.
    pub fn check(&self) -> ExitCode {
        let mut ledger = Ledger::default();
        self.fast_checks(&mut ledger);
        ledger.close()
    }

    fn fast_checks(&self, ledger: &mut Ledger) {
        self.step(ledger, &mut self.cargo(&["fmt", "--all", "--", "--check"]));
        self.step(ledger, &mut self.cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]));
        ledger.heading("the house: layers, sizes, unused dependencies, words, faults");
        self.look(ledger, "layers", layers::check);
        self.look(ledger, "sizes", sources::sizes);
        self.look(ledger, "unused dependencies", uses::check);
        self.look(ledger, "words", |repo| sources::scan(repo, &sources::Unwanted::here(repo)?));
        match faults::check(&self.repo) {
            Ok(Some(complaints)) => ledger.check("faults", &complaints),
            Ok(None) => ledger.skipped("faults", "there is no table of faults in this checkout"),
            Err(trouble) => ledger.failed("faults", &trouble.to_string()),
        }
    }

    /// Only the edges: `cargo xtask layers`.
    pub fn layers(&self) -> ExitCode {
        let mut ledger = Ledger::default();
        self.look(&mut ledger, "layers", layers::check);
        ledger.close()
    }

    /// Runs a check of ours; one that cannot look has failed.
    fn look(&self, ledger: &mut Ledger, name: &str, check: impl Fn(&Repo) -> Result<Vec<String>, Trouble>) {
        match check(&self.repo) {
            Ok(complaints) => ledger.check(name, &complaints),
            Err(trouble) => ledger.check(name, &[trouble.to_string()]),
        }
    }

    /// Runs a command that passes or fails as a whole.
    fn step(&self, ledger: &mut Ledger, command: &mut Command) {
        let name = child::command_line(command);
        ledger.heading(&name);
        match child::run(command, self.limit, |_| false) {
            Ok(ran) if ran.clean() => ledger.passed(1),
            Ok(ran) => {
                let told: Vec<_> =
                    ran.lines.iter().filter(|line| !is_progress(line)).map(String::as_str).collect();
                let last = &told[told.len().saturating_sub(LAST_LINES)..];
                ledger.failed(&name, &format!("{}\n{}", ran.complaint(self.limit), last.join("\n")));
            }
            Err(trouble) => ledger.failed(&name, &trouble.to_string()),
        }
    }

    /// Installs what a fresh machine lacks, and says so: the formatter, the linter, a C compiler for zstd.
    fn set_up(&self, ledger: &mut Ledger) {
        ledger.heading("set-up");
        say(&format!("builds go to {}", self.target.display()));
        for (part, probe) in [("rustfmt", ["fmt", "--version"]), ("clippy", ["clippy", "--version"])] {
            if answers(&mut self.repo.cargo(&probe)) {
                continue;
            }
            say(&format!("{part} is missing, installing it: rustup component add {part}"));
            let mut install = self.repo.command("rustup");
            self.install(ledger, part, install.args(["component", "add", part]));
        }
        if !answers(self.repo.command("cc").arg("--version")) {
            say("a C compiler is missing (the zstd library needs one)");
            self.install(ledger, "gcc", &mut apt_get(&self.repo, &["gcc", "libc6-dev"]));
        }
    }

    fn install(&self, ledger: &mut Ledger, what: &str, command: &mut Command) {
        say(&format!("running: {}", child::command_line(command)));
        match child::run(command, self.limit, |_| false) {
            Ok(ran) if ran.clean() => {}
            Ok(ran) => ledger.failed(&format!("set-up: {what}"), &ran.complaint(self.limit)),
            Err(trouble) => ledger.failed(&format!("set-up: {what}"), &trouble.to_string()),
        }
    }

    /// All tests of the workspace, documentation examples included.
    fn tests(&self, ledger: &mut Ledger) {
        self.run_tests(ledger, &mut self.cargo(&["test", "--workspace", "--no-fail-fast"]));
    }

    /// The simulator, if there is one, with the hooks that products are built without: lying clients, refused memory, and
    /// each planted bug found.
    fn planted(&self, ledger: &mut Ledger) {
        if self.repo.root().join("sim/Cargo.toml").is_file() {
            let args = ["test", "-p", "windlass-sim", "--features", "hooks", "--no-fail-fast"];
            self.run_tests(ledger, &mut self.cargo(&args));
        }
    }

    /// Files in HDF5, a feature that links a C library. Without the library, and where it cannot be installed, that is said.
    fn hdf5(&self, ledger: &mut Ledger) {
        if !self.repo.root().join(HDF5_TEST).is_file() {
            return;
        }
        if !self.has_hdf5() {
            ledger.heading("libhdf5 is missing");
            let mut install = apt_get(&self.repo, &["pkg-config", "libhdf5-dev"]);
            say(&format!("running: {}", child::command_line(&install)));
            let why = match child::run(&mut install, self.limit, |_| false) {
                Ok(ran) if ran.clean() => None,
                Ok(ran) => Some(ran.complaint(self.limit)),
                Err(trouble) => Some(trouble.to_string()),
            };
            if let Some(why) = why {
                ledger.skipped(HDF5_TEST, &format!("libhdf5 is not here and cannot be installed: {why}"));
                return;
            }
        }
        // As one workspace, so that what is built already is used.
        let feature = ["--workspace", "--features", "windlass-files/hdf5"];
        let lint = [&["clippy"][..], &feature, &["--lib", "--test", "hdf5", "--", "-D", "warnings"]].concat();
        self.step(ledger, &mut self.cargo(&lint));
        let test = [&["test"][..], &feature, &["--test", "hdf5", "--no-fail-fast"]].concat();
        self.run_tests(ledger, &mut self.cargo(&test));
    }

    fn has_hdf5(&self) -> bool {
        std::env::var_os("HDF5_DIR").is_some()
            || ["/usr/include/hdf5/serial/H5public.h", "/usr/include/H5public.h"]
                .iter()
                .any(|path| Path::new(path).is_file())
            || answers(self.repo.command("pkg-config").args(["--exists", "hdf5"]))
    }

    /// The models, in a target folder of their own because the flag would rebuild everything else.
    fn loom(&self, ledger: &mut Ledger) {
        match self.loom_command(&[]) {
            Some(mut command) => {
                if self.run_tests(ledger, &mut command).is_empty() {
                    ledger.failed("loom models", "no model ran: is the file still compiled with `--cfg loom`?");
                }
            }
            None => ledger.skipped("loom models", &format!("there is no {LOOM_TEST} in this checkout")),
        }
    }

    fn loom_command(&self, filter: &[&str]) -> Option<Command> {
        if !self.repo.root().join(LOOM_TEST).is_file() {
            return None;
        }
        let mut command =
            self.cargo(&["test", "-p", "windlass-memory", "--test", "loom", "--release", "--no-fail-fast"]);
        command.args(filter).env("CARGO_TARGET_DIR", self.target.join("loom"));
        let mut flags = std::env::var_os("RUSTFLAGS").unwrap_or_default();
        flags.push(if flags.is_empty() { "--cfg loom" } else { " --cfg loom" });
        command.env("RUSTFLAGS", flags);
        Some(command)
    }

    /// Runs a `cargo test` and enters what it said; gives back its tests.
    fn run_tests(&self, ledger: &mut Ledger, command: &mut Command) -> Vec<Test> {
        self.run_runners(ledger, command).into_iter().flat_map(|runner| runner.tests).collect()
    }

    fn run_runners(&self, ledger: &mut Ledger, command: &mut Command) -> Vec<Runner> {
        let name = child::command_line(command);
        ledger.heading(&name);
        match child::run(command, self.limit, report::begins_runner) {
            Ok(ran) => self.entered(ledger, &name, &ran),
            Err(trouble) => {
                ledger.failed(&name, &trouble.to_string());
                Vec::new()
            }
        }
    }

    fn entered(&self, ledger: &mut Ledger, name: &str, ran: &Ran) -> Vec<Runner> {
        report::enter(ledger, name, &ran.lines, &ran.complaint(self.limit), ran.hung);
        report::read(&ran.lines)
    }

    /// Requirement rows and their tests: `cargo xtask rows SPEC`. With `saved`, a kept output of the tests is read and nothing is run.
    ///
    /// # Errors
    /// `Trouble` if the list, a source or the kept output cannot be read.
    pub fn rows(&self, spec: Spec, saved: Option<&PathBuf>) -> Result<ExitCode, Trouble> {
        let claims = match self.repo.text(&spec.claims_file())? {
            Some(text) => rows::claims(spec, &text)?,
            None => {
                say(&format!("no row of {} is claimed yet: there is no {}", spec.name(), spec.claims_file()));
                rows::claims(spec, "")?
            }
        };
        let found = rows::find(&self.repo, spec)?;
        // A run of its own ledger: what other tests with a like name do is not a matter of rows.
        let mut runs = Ledger::default();
        let results = match saved {
            Some(path) => {
                let text = std::fs::read_to_string(path);
                let text = text.map_err(|source| Trouble::File { path: path.clone(), source })?;
                let lines: Vec<String> = text.lines().map(str::to_owned).collect();
                report::read(&lines).into_iter().flat_map(|runner| runner.tests).collect()
            }
            None => self.rows_run(spec, &found, &mut runs),
        };
        let count = rows::print(spec, &rows::table(spec, &claims, &found, &results), &found);
        let clean = runs.count().failed == 0;
        if !clean && count.failed == 0 {
            say("the rows' tests passed, but the run they were part of did not end well; see above");
        }
        say(&format!("\n{count}"));
        Ok(ExitCode::from(u8::from(count.failed > 0 || !clean)))
    }

    /// Every row of tasks and I/O on both backends: `cargo xtask tdrv`. With `saved`, a kept output of the tests is read and
    /// nothing is run.
    ///
    /// # Errors
    /// `Trouble` if the kept output or the workspace cannot be read.
    pub fn tdrv(&self, saved: Option<&PathBuf>) -> Result<ExitCode, Trouble> {
        let mut runs = Ledger::default();
        let runners = match saved {
            Some(path) => {
                let text = std::fs::read_to_string(path);
                let text = text.map_err(|source| Trouble::File { path: path.clone(), source })?;
                let lines: Vec<String> = text.lines().map(str::to_owned).collect();
                report::read(&lines)
            }
            None => {
                let members = self.repo.members()?;
                let has = |package: &&str| members.iter().any(|member| member.package == *package);
                let packages = tdrv::PACKAGES.iter().copied().filter(has).flat_map(|package| ["-p", package]);
                let mut args = vec!["test", "--no-fail-fast", "--tests"];
                args.extend(packages);
                args.extend(["--", "volume_"]);
                self.run_runners(&mut runs, &mut self.cargo(&args))
            }
        };
        let count = tdrv::print(&tdrv::table(&runners));
        let clean = runs.count().failed == 0;
        say(&format!("\n{count}"));
        Ok(ExitCode::from(u8::from(count.failed > 0 || !clean)))
    }

    fn rows_run(&self, spec: Spec, found: &[rows::Found], runs: &mut Ledger) -> Vec<Test> {
        let filter = format!("{}_", spec.name());
        let mut results = Vec::new();
        if found.iter().any(|test| !test.modelled) {
            let args = ["test", "--workspace", "--no-fail-fast", "--tests", "--", &filter];
            results.extend(self.run_tests(runs, &mut self.cargo(&args)));
        }
        if found.iter().any(|test| test.modelled)
            && let Some(mut command) = self.loom_command(&["--", &filter])
        {
            results.extend(self.run_tests(runs, &mut command));
        }
        results
    }

    /// The bounded fuzz tests, again and again with other seeds until `seconds` are over: `cargo xtask fuzz`.
    pub fn fuzz(&self, seconds: u64) -> ExitCode {
        let mut ledger = Ledger::default();
        say("bounded fuzz tests on the stable compiler: corpus and drawn bytes, no coverage feedback");
        let began = Instant::now();
        let mut round = 0_u64;
        loop {
            let mut command = self.cargo(&["test", "--workspace", "--no-fail-fast", "--tests", "--", "fuzz_"]);
            command.env("WINDLASS_FUZZ_SEED", round.to_string());
            let tests = self.run_tests(&mut ledger, &mut command);
            round += 1;
            // The runner's filter also meets names that have the word further in.
            if !tests.iter().any(|test| rows::last_part(&test.path).starts_with("fuzz_")) {
                ledger.failed("fuzz", "no test is named `fuzz_..`");
            }
            if ledger.count().failed > 0 || began.elapsed() >= Duration::from_secs(seconds) {
                break;
            }
        }
        say(&format!("{round} rounds; each test was given its round as WINDLASS_FUZZ_SEED"));
        ledger.close()
    }
}

/// A line of Cargo about a crate that is all right.
fn is_progress(line: &str) -> bool {
    ["Compiling ", "Checking ", "Downloading ", "Downloaded "]
        .iter()
        .any(|verb| line.trim_start().starts_with(verb))
}

/// Where builds go when an automatic run chose nothing: a folder that is warm the next time.
fn warm_target() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if set("CARGO_TARGET_DIR").is_some() || set("CI") != Some(OsString::from("true")) {
        return None;
    }
    let cache =
        set("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| Some(PathBuf::from(set("HOME")?).join(".cache")))?;
    Some(cache.join("windlass-ci").join("target"))
}

/// Whether a command runs and succeeds; what it prints is nobody's business.
pub fn answers(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// `apt-get` of these packages, by sudo (which must not ask) for who is not root.
pub fn apt_get(repo: &Repo, packages: &[&str]) -> Command {
    let root = rustix::process::geteuid().is_root();
    let mut command = repo.command(if root { "sh" } else { "sudo" });
    if !root {
        command.args(["-n", "sh"]);
    }
    // A fresh machine has no list of packages yet.
    let install =
        format!("apt-get update -q && apt-get install -q --yes --no-install-recommends {}", packages.join(" "));
    command.args(["-c", &install]).env("DEBIAN_FRONTEND", "noninteractive");
    command
}
