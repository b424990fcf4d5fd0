//! `windlass pool mode`, NUMA nodes and the placement of pools, as an operator uses them.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]

mod common;

use common::{Node, complaint, json, stdout, windlass, write};

#[test]
fn rpc_R13_a_pools_mode_is_shown_and_changed_while_it_runs() {
    let node = Node::start(&["--workers", "3"]);
    stdout(&node.run(&["pool", "create", "echoes", "echo", "--containers", "3"]));
    stdout(&node.run(&["pool", "create", "one", "echo", "--mode", "bundled"]));
    let all = stdout(&node.run(&["pool", "mode"]));
    assert!(all.contains("echoes  shared   round_robin  0, 1, 2"), "{all}");
    assert!(all.contains("one     bundled"), "{all}");
    let text = stdout(&node.run(&["pool", "mode", "echoes", "bundled"]));
    assert!(text.contains("pool echoes is bundled, on worker ") && text.contains("2 containers moved"), "{text}");
    let facts = json(&node.run(&["pool", "mode", "echoes", "shared", "--json"]));
    assert_eq!((&facts["mode"], &facts["moved"]), (&"shared".into(), &2.into()), "{facts}");
    // What stays is named: this module keeps what it cannot give away.
    stdout(&node.run(&["pool", "create", "disks", "bdev", "capacity=1MiB", "--containers", "3"]));
    let text = stdout(&node.run(&["pool", "mode", "disks", "bundled"]));
    assert!(text.contains("stays on worker") && text.contains("no hook `export`"), "{text}");
    assert!(text.contains("placed from now on"), "{text}");
    let said = complaint(&node.run(&["pool", "mode", "echoes", "alone"]));
    assert!(said.contains("shared, dedicated or bundled"), "{said}");
    let said = complaint(&node.run(&["pool", "mode", "echoes", "dedicated"]));
    assert!(said.contains("none of the node's 3"), "{said}");
}

#[test]
fn a_file_gives_pools_their_modes_and_a_numa_node_that_is_not_there_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("windlass.toml");
    let pool = |name: &str, rest: &str| format!("[[pool]]\nname = \"{name}\"\nmodule = \"echo\"\n{rest}\n");
    let text = format!("workers = 3\n{}{}", pool("own", "mode = \"dedicated\""), pool("rest", "containers = 4"));
    write(&config, &text);
    let node = Node::start(&["--config", &config.display().to_string()]);
    let all = json(&node.run(&["pool", "mode", "--json"]));
    let of =
        |name: &str| all.as_array().expect("a list").iter().find(|one| one["pool"] == name).expect(name).clone();
    assert_eq!(of("own")["mode"], "dedicated");
    let (own, rest) = (of("own")["workers"][0].clone(), of("rest")["workers"].clone());
    assert!(!rest.as_array().expect("workers").contains(&own), "{all}");
    let said = complaint(&node.run(&["pool", "create", "far", "echo", "--placement", "numa:999"]));
    assert!(said.contains("no NUMA node 999") && said.contains("there is"), "{said}");
    let said = complaint(&windlass(&["serve", "--name", "far", "--numa", "999"]));
    assert!(said.contains("no NUMA node 999"), "{said}");
    let said = complaint(&windlass(&["serve", "--numa", "0", "--cpus", "0"]));
    assert!(said.contains("--cpus"), "{said}");
}
