//! The simulator: builds it with its hooks, as fast as a release, and runs it.
//!
//! From: `cargo xtask sim ..`. To: `windlass-sim`, whose flags these are.

use crate::child;
use crate::repo::{Repo, Trouble};
use std::process::Command;

/// Runs the simulator; its output and exit are the user's.
///
/// # Errors
/// `Trouble` if it does not build, or finds something.
pub fn run(repo: &Repo, rest: &[String]) -> Result<(), Trouble> {
    let mut command: Command = repo.cargo(&["run", "--quiet", "--profile", "sim", "-p", "windlass-sim"]);
    child::pass(command.args(["--features", "hooks", "--"]).args(rest))
}
