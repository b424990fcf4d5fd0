//! Arrow IPC: columns out of files and streams (`read`) and into a file (`write`).
//!
//! Lives here: `message` finds the messages of a file and checks what they say, `read` decodes them by the library, `sink` collects
//! what they hold.
//! Holds: the library sees a message when its places lie inside the file and its lengths can be; what it gives up at all the same is a
//! Fault that names the file.

mod message;
pub(crate) mod read;
mod sink;
pub(crate) mod write;

use crate::columns::bad;
use std::panic::{AssertUnwindSafe, catch_unwind};
use windlass::prelude::*;

/// What is wrong with a file, as a caller hears it.
fn of_file(path: &str, error: impl std::fmt::Display) -> Fault {
    bad(format!("{path} cannot be read as Arrow IPC: {error}"))
}

/// A panic of the library, which asserts where others answer, is a Fault that names the file.
fn guarded<T, E: std::fmt::Display>(path: &str, work: impl FnOnce() -> Result<T, E>) -> Result<T, Fault> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|error| of_file(path, error)),
        Err(panic) => {
            let words = panic.downcast_ref::<String>().map(String::as_str);
            let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words");
            Err(of_file(path, format_args!("the library gave up: {words}")))
        }
    }
}
