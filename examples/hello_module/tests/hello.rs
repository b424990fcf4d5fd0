//! The first example: what README.md shows compiles, runs, and is this code.
#![allow(clippy::disallowed_methods, reason = "a test reads the text that it holds to the code")]

use windlass_example_hello_module::{Counter, two_cats};
use windlass_runtime::{Node, NodeConfig, PoolSpec};

#[test]
fn a_client_counts_cats_in_a_pool_of_the_module() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = NodeConfig::new("hello", windlass_admin::Admin::TABLE);
    config.directory = directory.path().join("hello");
    config.modules.push(Counter::TABLE);
    config.pools.push(PoolSpec::new("counters", "counter"));
    let node = Node::start(config).unwrap();
    let address = node.directory().display().to_string();
    assert_eq!(two_cats(&address).unwrap(), 2);
    assert_eq!(two_cats(&address).unwrap(), 4, "the total stays in the container, not in the client");
}

#[test]
fn the_readme_shows_this_code() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
    let readme = std::fs::read_to_string(format!("{root}README.md")).unwrap();
    let shown = readme.split_once("```rust\n").and_then(|(_, rest)| rest.split_once("```"));
    let (_, code) = include_str!("../src/lib.rs").split_once("\n\n").unwrap();
    assert_eq!(shown.map(|(shown, _)| shown), Some(code));
    let lines = code.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= 25, "a module and a client in 25 lines, not {lines}");
}
