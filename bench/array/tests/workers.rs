//! A contender's process as the driver sees it, with no package installed: any program will do for these.
#![allow(clippy::disallowed_methods, reason = "a test writes a program for itself")]

use serde_json::{Value, json};
use std::path::Path;
use windlass_bench_array::worker::{Contender, Scripts, Worker, WorkerError};

#[test]
fn a_contender_that_cannot_be_started_or_has_ended_is_told_in_words() {
    let scripts = Scripts::new(Path::new("/nowhere/python")).expect("a folder");
    let error = Worker::start(&scripts, Contender::Numpy).expect_err("no program");
    assert!(error.to_string().starts_with("/nowhere/python could not be started"), "{error}");

    let scripts = Scripts::new(Path::new("true")).expect("a folder");
    let mut worker = Worker::start(&scripts, Contender::Polars).expect("started");
    let error = worker.ask::<Value>(&json!({"do": "run"})).expect_err("it ended at once");
    assert!(matches!(error, WorkerError::Gone(Contender::Polars)), "{error}");
}

#[test]
fn what_a_contender_says_went_wrong_is_its_answer() {
    // A program that answers every line the same.
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("answers");
    std::fs::write(
        &program,
        "#!/bin/sh\nwhile read -r line; do echo '{\"error\": \"ImportError: no module\"}'; done\n",
    )
    .expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&program, mode).expect("a program");
    let scripts = Scripts::new(&program).expect("a folder");
    let mut worker = Worker::start(&scripts, Contender::Ours).expect("started");
    let error = worker.ask::<Value>(&json!({"do": "run"})).expect_err("it says so");
    assert!(matches!(&error, WorkerError::Told(text) if text == "ImportError: no module"), "{error}");
}
