//! The real driver, on each of its backends: the suite of every backend, and what only the real one can show.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
#![allow(
    clippy::disallowed_methods,
    reason = "the other side of what is tested: files, pipes and a child process"
)]
#![allow(unsafe_code, reason = "a filter in a child before it becomes the test program; memory lent by hand")]

mod conformance;

use conformance::Site;
use std::path::{Path, PathBuf};
use windlass_driver::Driver;
use windlass_driver::real::{Backend, RealDriver};

/// A real driver and a directory of its own.
struct Real {
    driver: RealDriver,
    directory: tempfile::TempDir,
}

impl Real {
    fn with(backend: Backend) -> Real {
        Real { driver: RealDriver::with(backend).unwrap(), directory: tempfile::tempdir().unwrap() }
    }

    /// What the driver chooses itself; in a child of `forbidden`, that must be the fallback.
    fn chosen() -> Real {
        let driver = RealDriver::new().unwrap();
        if std::env::var_os(FORBIDDEN).is_some() {
            assert_eq!(driver.backend(), Backend::Polling);
            let (name, why) = driver.operations_by();
            assert!(name == "polling" && why.contains("not permitted"), "{name}, because {why}");
        }
        Real { driver, directory: tempfile::tempdir().unwrap() }
    }
}

impl Site for Real {
    fn driver(&mut self) -> &mut dyn Driver {
        &mut self.driver
    }
    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
    fn full(&self) -> Option<PathBuf> {
        let full = Path::new("/dev/full");
        full.exists().then(|| full.to_owned())
    }
    fn leave_stale_socket(&mut self, path: &Path) {
        drop(std::os::unix::net::UnixListener::bind(path).unwrap());
    }
}

/// Set in the child that may not use io_uring.
const FORBIDDEN: &str = "WINDLASS_TEST_FORBIDDEN";

/// On a machine that forbids io_uring, what would test it tests what was chosen instead, and says so.
fn best() -> Backend {
    let backend = RealDriver::new().unwrap().backend();
    if backend == Backend::Polling {
        println!("io_uring is forbidden here: this runs on the fallback");
    }
    backend
}

mod uring {
    use super::{Real, best};
    crate::conformance_suite!(Real::with(best()));
}

mod polling {
    use super::{Backend, Real};
    crate::conformance_suite!(Real::with(Backend::Polling));
}

mod chosen {
    use super::Real;
    crate::conformance_suite!(Real::chosen());
}

#[path = "real/forbidden.rs"]
mod forbidden;
#[path = "real/memory.rs"]
mod memory;
#[path = "real/outside.rs"]
mod outside;
