//! The Python package: its environment, its wheel, its tests.
//!
//! Lives here: `Package` (what is built where), and what pytest's last line means.
//! From: `suite` (`cargo xtask py`, and a step of `cargo xtask test`), `arrays` (`cargo xtask bench array`). To: the ledger.
//! Holds: everything that is installed is said before; the tests run against the wheel as a user installs it, and never against
//! the folder of sources.
//! Not here: the build itself (`python/build`), the tests (`python/tests`).

use crate::child::{self, Ran, say};
use crate::ledger::{Count, Ledger};
use crate::repo::Repo;
use crate::suite::{answers, apt_get};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What the environment of the tests has from the package index, besides the wheel.
pub const PACKAGES: &[&str] = &["maturin>=1.16,<2", "pytest>=8,<10", "numpy>=2,<3"];
/// The module library that the tests load.
const LIBRARY: &str = "windlass-example-shapes";
/// Lines of a failed pytest that are shown again at the end.
const LAST_LINES: usize = 80;
/// Whether an interpreter will do: its stable ABI has the buffer protocol from 3.11 on, and it can make environments.
const WILL_DO: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";

const NO_PYTHON: &str = "there is no CPython of 3.11 or newer with venv, and none could be had";

/// Where the package is built and how.
#[derive(Debug)]
pub struct Package<'a> {
    /// The checkout.
    pub repo: &'a Repo,
    /// Cargo's folder.
    pub target: &'a Path,
    /// The folder in it that the environment and the wheels stand in.
    pub folder: &'a str,
    /// What the environment has from the package index, as pip is told it.
    pub packages: &'a [&'a str],
    /// Cargo's profile for the extension and the node.
    pub profile: &'a str,
    /// The longest time that a step may take.
    pub limit: Duration,
}

impl Package<'_> {
    /// Makes the environment and the wheel, installs it there and runs its tests; `rest` goes to pytest.
    pub fn test(&self, ledger: &mut Ledger, rest: &[String]) {
        ledger.heading("the Python package");
        if !self.repo.root().join("python/pyproject.toml").is_file() {
            ledger.skipped("the Python package", "there is no python/pyproject.toml in this checkout");
            return;
        }
        let Some(python) = self.python(ledger) else {
            ledger.skipped("the Python package", NO_PYTHON);
            return;
        };
        if self.environment(ledger, &python) && self.wheel(ledger) && self.library(ledger) {
            self.run_tests(ledger, rest);
        }
    }

    /// Makes the environment and the wheel and installs it there: the interpreter that has both; `None`: it failed, which is entered.
    pub fn install(&self, ledger: &mut Ledger) -> Option<PathBuf> {
        ledger.heading("the Python package");
        let Some(python) = self.python(ledger) else {
            ledger.failed("the Python package", NO_PYTHON);
            return None;
        };
        (self.environment(ledger, &python) && self.wheel(ledger)).then(|| self.inside())
    }

    fn home(&self) -> PathBuf {
        self.target.join(self.folder)
    }

    fn inside(&self) -> PathBuf {
        self.home().join("venv/bin/python")
    }

    /// An interpreter that will do; without one, the system's is installed.
    fn python(&self, ledger: &mut Ledger) -> Option<String> {
        let will_do = |name: &str| answers(self.repo.command(name).args(["-c", WILL_DO]));
        let found = || {
            let told = std::env::var("PYTHON").ok();
            let names = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "/usr/bin/python3"];
            told.into_iter().chain(names.map(str::to_owned)).find(|name| will_do(name))
        };
        if let Some(name) = found() {
            return Some(name);
        }
        say("no CPython of 3.11 or newer is here, installing the system's");
        self.step(ledger, "python3", &mut apt_get(self.repo, &["python3", "python3-venv"]))?;
        found()
    }

    /// The environment, made once and kept.
    fn environment(&self, ledger: &mut Ledger, python: &str) -> bool {
        let inside = self.inside();
        let imports = format!("import {}", modules(self.packages).join(", "));
        if answers(self.repo.command(&inside.to_string_lossy()).args(["-c", &imports])) {
            return true;
        }
        let folder = self.home().join("venv");
        say(&format!("making an environment in {} and installing {}", folder.display(), self.packages.join(", ")));
        let mut make = self.repo.command(python);
        make.args(["-m", "venv", "--clear"]).arg(&folder);
        let mut install = self.pip(&["install", "--quiet", "--disable-pip-version-check"]);
        install.args(self.packages);
        self.step(ledger, "an environment", &mut make).is_some()
            && self.step(ledger, "what the environment needs", &mut install).is_some()
    }

    fn pip(&self, args: &[&str]) -> Command {
        let mut command = self.repo.command(&self.inside().to_string_lossy());
        command.args(["-m", "pip"]).args(args);
        command
    }

    /// Builds the wheel and installs it in the environment.
    fn wheel(&self, ledger: &mut Ledger) -> bool {
        let wheels = self.home().join("wheels");
        let mut build = self.pip(&["wheel", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]);
        build.arg("--wheel-dir").arg(&wheels).arg("./python");
        build.env("CARGO_TARGET_DIR", self.target).env("WINDLASS_PROFILE", self.profile);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders = vec![self.home().join("venv/bin")];
        folders.extend(std::env::split_paths(&path));
        match std::env::join_paths(folders) {
            Ok(path) => drop(build.env("PATH", path)),
            Err(error) => {
                ledger.failed("the wheel", &format!("PATH cannot be said: {error}"));
                return false;
            }
        }
        let mut install = self.pip(&["install", "--quiet", "--disable-pip-version-check", "--force-reinstall"]);
        install.args(["--no-deps", "--no-index", "--find-links"]).arg(&wheels).arg("windlass");
        let done = self.step(ledger, "the wheel", &mut build).is_some()
            && self.step(ledger, "installing the wheel", &mut install).is_some();
        if done {
            ledger.passed(1);
            say(&format!("the wheel is in {}", wheels.display()));
        }
        done
    }

    /// Builds a module library that the tests load.
    fn library(&self, ledger: &mut Ledger) -> bool {
        let mut build = self.repo.cargo(&["build", "--package", LIBRARY, "--profile", self.profile]);
        build.env("CARGO_TARGET_DIR", self.target);
        self.step(ledger, LIBRARY, &mut build).is_some()
    }

    /// Where Cargo puts what it builds by this profile.
    fn built(&self) -> PathBuf {
        self.target.join(if self.profile == "dev" { "debug" } else { self.profile })
    }

    fn run_tests(&self, ledger: &mut Ledger, rest: &[String]) {
        let mut command = self.repo.command(&self.inside().to_string_lossy());
        command.current_dir(self.repo.root().join("python"));
        // The folder of sources must not stand for the package: `-P` keeps it off the path.
        command.args(["-P", "-m", "pytest", "--color=no", "tests"]).args(rest);
        command
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("WINDLASS_SHAPES", self.built().join("libwindlass_example_shapes.so"));
        let name = "pytest of the Python package";
        ledger.heading(name);
        match child::run(&mut command, self.limit, |_| false) {
            Ok(ran) => enter(ledger, name, &ran, self.limit),
            Err(trouble) => ledger.failed(name, &trouble.to_string()),
        }
    }

    /// Runs a command that others need; `None`: it failed, which is entered.
    fn step(&self, ledger: &mut Ledger, what: &str, command: &mut Command) -> Option<Ran> {
        say(&format!("running: {}", child::command_line(command)));
        match child::run(command, self.limit, |_| false) {
            Ok(ran) if ran.clean() => Some(ran),
            Ok(ran) => {
                let last = &ran.lines[ran.lines.len().saturating_sub(LAST_LINES)..];
                ledger.failed(what, &format!("{}\n{}", ran.complaint(self.limit), last.join("\n")));
                None
            }
            Err(trouble) => {
                ledger.failed(what, &trouble.to_string());
                None
            }
        }
    }
}

/// What packages are called when they are imported: here the same as when they are installed.
fn modules<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    packages.iter().filter_map(|package| package.split(['>', '<', '=', '!', '~']).next()).collect()
}

/// Enters what pytest said.
fn enter(ledger: &mut Ledger, name: &str, ran: &Ran, limit: Duration) {
    let Some(count) = ran.lines.iter().rev().find_map(|line| summary(line)) else {
        let last = &ran.lines[ran.lines.len().saturating_sub(LAST_LINES)..];
        ledger.failed(name, &format!("{} and gave no result\n{}", ran.complaint(limit), last.join("\n")));
        return;
    };
    ledger.passed(count.passed);
    for _ in 0..count.skipped {
        ledger.skipped(name, "pytest's own list above says why");
    }
    let last = ran.lines[ran.lines.len().saturating_sub(LAST_LINES)..].join("\n");
    if count.failed > 0 {
        ledger.failed_together(count.failed, name, &last);
    } else if !ran.clean() || count.passed == 0 {
        ledger.failed(name, &format!("{}; {count}\n{last}", ran.complaint(limit)));
    }
}

/// `=== 1 failed, 20 passed, 2 skipped in 3.21s ===`; errors count as failures.
fn summary(line: &str) -> Option<Count> {
    let text = line.trim().trim_matches('=').trim();
    let (counts, _) = text.rsplit_once(" in ")?;
    if !line.starts_with('=') {
        return None;
    }
    let mut count = Count::default();
    for part in counts.split(", ") {
        let (number, what) = part.split_once(' ')?;
        let number: u64 = number.parse().ok()?;
        match what {
            "passed" | "xfailed" => count.passed += number,
            "failed" | "error" | "errors" | "xpassed" => count.failed += number,
            "skipped" => count.skipped += number,
            _ => {}
        }
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_imported_without_their_versions() {
        assert_eq!(modules(PACKAGES), ["maturin", "pytest", "numpy"]);
    }

    #[test]
    fn the_last_line_of_pytest_is_counted_and_others_are_not() {
        let count = |line: &str| summary(line).map(|count| count.to_string());
        assert_eq!(count("==== 21 passed in 3.21s ===="), Some("21 passed, 0 failed, 0 skipped".to_owned()));
        assert_eq!(
            count("= 1 failed, 20 passed, 2 skipped, 3 warnings, 1 error in 0:01:02 ="),
            Some("20 passed, 2 failed, 2 skipped".to_owned())
        );
        assert_eq!(count("3 passed in 1s"), None);
        assert_eq!(count("=== short test summary info ==="), None);
    }
}
