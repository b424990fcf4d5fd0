//! `cargo xtask bench array`: the environment that its contenders run in.
//!
//! Lives here: `run`, the packages of the rivals.
//! From: `bench`. To: `python` makes environment and wheel; the bench measures.
//! Holds: contenders run on the wheel as a user installs it, from a release build; rivals come from the package index, in an environment
//! apart from that of the tests.
//! Not here: measuring (`bench/array`).

use crate::bench::{Order, alone, hand_over};
use crate::ledger::Ledger;
use crate::python::Package;
use crate::repo::{Repo, Trouble};
use std::time::Duration;

/// What the bench is called.
pub const NAME: &str = "array";
/// Its package and binary.
const BENCH: &str = "windlass-bench-array";
/// What the environment needs in any case: the wheel's build, and NumPy, whose answers the others are held against.
const NEEDED: [&str; 2] = ["maturin>=1.16,<2", "numpy>=2,<3"];
/// The rivals besides; pyarrow carries texts into both.
const RIVALS: [&str; 3] = ["pandas>=2.2,<4", "polars>=1,<2", "pyarrow>=17"];
/// The longest that a step may take: the wheel is a release build of everything.
const STEP: Duration = Duration::from_secs(3600);

/// Makes the environment, builds wheel and bench, and measures.
///
/// # Errors
/// `Trouble` if something cannot be installed, does not build, or the bench fails.
pub fn run(repo: &Repo, order: &Order) -> Result<(), Trouble> {
    let target = repo.target_folder()?;
    let mut packages = NEEDED.to_vec();
    if order.rivals {
        packages.extend(RIVALS);
    }
    let package = Package {
        repo,
        target: &target,
        folder: "bench-array",
        packages: &packages,
        profile: "release",
        limit: STEP,
    };
    let mut ledger = Ledger::default();
    let Some(python) = package.install(&mut ledger) else {
        // It shows what failed.
        let _failed = ledger.close();
        return Err(Trouble::Words("the environment of the contenders could not be made: see above".to_owned()));
    };
    let mut bench = alone(repo, BENCH)?;
    bench.arg("--python").arg(python);
    if !order.rivals {
        bench.args(["--contenders", "ours,numpy"]);
    }
    hand_over(bench, order)
}
