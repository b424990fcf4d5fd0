//! The demo: two processes, real data, every byte compared, nothing left behind.
#![cfg(feature = "demo")]
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
#![allow(clippy::disallowed_methods, reason = "tests read files and wait for processes")]

mod common;

use common::{command, complaint, json, stdout, wait_for, windlass};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

const ROWS: u64 = 20_000;

#[test]
fn rpc_R21_what_is_frozen_is_copied_nowhere_and_what_is_owned_is_counted_on_both_sides() {
    let result = json(&windlass(&["demo", "--rows", &ROWS.to_string(), "--json"]));
    let rows = result["rows"].as_array().expect("a list");
    assert_eq!(rows.len(), 5 * 2 * 2, "five columns, two codecs, two ways");
    let number = |row: &Value, key: &str| row[key].as_u64().unwrap_or_else(|| panic!("{key} of {row}"));
    for row in rows {
        let (bytes, packed) = (number(row, "bytes"), number(row, "packed_bytes"));
        assert!(packed < bytes, "{row}");
        let copied = [number(row, "client_copied_bytes"), number(row, "node_copied_bytes")];
        let expected = if row["way"] == "frozen" { 0 } else { bytes + packed };
        assert_eq!(copied, [expected; 2], "{row}");
    }
    // Numbers are 8 bytes; codes of airports are 3, with offsets of 8.
    let bytes_of = |column: &str| rows.iter().find(|row| row["column"] == column).map(|row| number(row, "bytes"));
    assert_eq!(bytes_of("delay"), Some(8 * ROWS));
    assert_eq!(bytes_of("origin"), Some(8 * (ROWS + 1) + 3 * ROWS));
}

#[test]
fn people_get_a_table_and_what_to_try_next() {
    let text = stdout(&windlass(&["demo", "--rows", "1000"]));
    for part in
        ["COLUMN", "destination", "zstd", "GB/S FROZEN", "compared every byte", "pool create", "new module"]
    {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
}

#[test]
fn a_file_that_is_not_there_or_not_parquet_is_refused_by_name() {
    let said = complaint(&windlass(&["demo", "--file", "/nothing/here.parquet"]));
    assert!(said.contains("/nothing/here.parquet"), "{said}");
    let said = complaint(&windlass(&["demo", "--file", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]));
    assert!(said.contains("Cargo.toml"), "{said}");
}

#[test]
fn an_interrupted_demo_ends_its_node_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut demo, socket) = begin(folder.path());
    signal(&demo, Signal::INT);
    let ended = wait_for("the demo's end", || demo.try_wait().expect("a child"));
    assert_eq!(ended.code(), Some(130));
    assert!(!socket.exists());
    assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 0, "its folder is gone");
}

#[test]
fn the_node_of_a_killed_demo_ends_by_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut demo, socket) = begin(folder.path());
    demo.kill().expect("killed");
    demo.wait().expect("a child");
    wait_for("the node's end", || (!socket.exists()).then_some(()));
}

/// Starts a demo of all rows that keeps its files in `folder`, and waits until its node listens.
fn begin(folder: &Path) -> (Child, PathBuf) {
    let mut demo = command(&["demo"]);
    let demo = demo.env("TMPDIR", folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("runs");
    let socket = wait_for("the demo's node", || {
        let folders = std::fs::read_dir(folder).expect("readable").flatten();
        folders.map(|one| one.path().join("node/socket")).find(|socket| socket.exists())
    });
    (demo, socket)
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, signal).expect("sent");
}
