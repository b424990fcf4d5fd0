//! A node that is started again in its directory: what is kept in the file, whatever ended the node before.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
#![allow(clippy::disallowed_methods, reason = "tests damage files")]

mod common;

use common::{Node, complaint, json, stdout, windlass, write};
use serde_json::Value;

fn add(node: &Node, pool: &str, by: &str) -> Value {
    let method = format!("{pool}.add");
    json(&node.run(&["call", &method, "name=cats", &format!("by={by}"), "--json"]))
}

fn total(answer: &Value) -> u64 {
    let text = answer.to_string();
    let digits: String =
        text.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("no number in {text}"))
}

fn create(node: &Node, words: &[&str]) {
    stdout(&node.run(&[&["pool", "create"], words].concat()));
}

fn pools(node: &Node) -> Vec<(String, String)> {
    let list = json(&node.run(&["ls", "pools", "--json"]));
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    list.as_array().expect("a list").iter().map(|one| (text(&one["name"]), text(&one["refused"]))).collect()
}

#[test]
fn tasks_K49_pools_and_states_are_back_after_an_orderly_stop() {
    let first = Node::start(&[]);
    create(&first, &["counts", "echo", "limit=1000"]);
    create(&first, &["packs", "compress"]);
    assert_eq!(total(&add(&first, "counts", "5")), 5);
    let second = Node::start_in(first.stopped(), &[]);
    assert_eq!(total(&add(&second, "counts", "6")), 11);
    let said = complaint(&second.run(&["call", "counts.add", "name=cats", "by=1000"]));
    assert!(said.contains("1000"), "its parameters are the same: {said}");
    let names: Vec<_> = pools(&second).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["admin", "counts", "packs"]);
    stdout(&second.run(&["pool", "destroy", "packs"]));
    let third = Node::start_in(second.killed(), &[]);
    let left = pools(&third);
    assert_eq!(left.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["admin", "counts"]);
    assert_eq!(total(&add(&third, "counts", "0")), 5, "killed: as the stop before it left it");
    third.wait_for_log("the node did not stop in order");
}

#[test]
fn tasks_K49_what_a_killed_node_had_not_taken_down_is_refused_until_it_is_made_anew() {
    let first = Node::start(&[]);
    create(&first, &["counts", "echo"]);
    create(&first, &["ram", "bdev", "capacity=1MiB"]);
    add(&first, "counts", "5");
    let second = Node::start_in(first.killed(), &[]);
    let said = complaint(&second.run(&["call", "counts.add", "name=cats", "by=1"]));
    assert!(said.contains("NotRestored") && said.contains("counts") && said.contains("keeps state"), "{said}");
    let listed = pools(&second);
    assert!(
        listed.iter().any(|(name, why)| name == "ram" && why.contains("memory ends with its node")),
        "{listed:?}"
    );
    assert!(stdout(&second.run(&["ls"])).contains("did not come back"));
    create(&second, &["counts", "echo"]);
    assert_eq!(total(&add(&second, "counts", "2")), 2);
    stdout(&second.run(&["pool", "destroy", "ram"]));
    assert!(pools(&second).iter().all(|(_, why)| why.is_empty()));
}

#[test]
fn tasks_K49_a_device_of_a_file_is_back_with_what_it_had() {
    let first = Node::start(&[]);
    let path = first.file("disk");
    create(&first, &["disk", "bdev", "kind=file", &format!("path={}", path.display()), "capacity=1MiB"]);
    let taken = json(&first.run(&["call", "disk.allocate", "bytes=4096", "--json"]));
    let second = Node::start_in(first.killed(), &[]);
    let again = json(&second.run(&["call", "disk.allocate", "bytes=4096", "--json"]));
    assert_ne!(taken, again, "the first stays allocated");
}

#[test]
fn tasks_K49_fresh_begins_without_them_and_loses_nothing() {
    let first = Node::start(&[]);
    create(&first, &["packs", "compress"]);
    let second = Node::start_in(first.stopped(), &["--fresh"]);
    assert_eq!(pools(&second).len(), 1);
    let aside = second.directory().join("catalog.redb.discarded");
    assert!(aside.is_file());
    let folder = second.stopped();
    std::fs::rename(folder.path().join("node/catalog.redb.discarded"), folder.path().join("node/catalog.redb"))
        .expect("moved back");
    assert_eq!(pools(&Node::start_in(folder, &[])).len(), 2);
    let said = complaint(&windlass(&["serve", "--fresh"]));
    assert!(said.contains("--state"), "{said}");
}

#[test]
fn tasks_K49_K61_a_configuration_that_changed_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let configure = |limit: u64| {
        let text = format!("[[pool]]\nname = \"counts\"\nmodule = \"echo\"\nparameters = {{ limit = {limit} }}\n");
        write(&folder.path().join("windlass.toml"), &text);
    };
    configure(10);
    let config = folder.path().join("windlass.toml").display().to_string();
    let args = ["--config", config.as_str()];
    let first = Node::start(&args);
    add(&first, "counts", "3");
    let kept = first.stopped();
    configure(11);
    let directory = kept.path().join("node").display().to_string();
    let said = complaint(&windlass(&["serve", "--log", "off", "--state", &directory, "--config", &config]));
    assert!(said.contains("counts") && said.contains("limit=10") && said.contains("--fresh"), "{said}");
    configure(10);
    assert_eq!(total(&add(&Node::start_in(kept, &args), "counts", "3")), 6);
}

#[test]
fn tasks_K49_a_catalog_that_is_damaged_or_of_another_version_is_refused_by_name_and_left_alone() {
    let first = Node::start(&[]);
    create(&first, &["packs", "compress"]);
    let folder = first.stopped();
    let (directory, file) = (folder.path().join("node"), folder.path().join("node/catalog.redb"));
    let whole = std::fs::read(&file).expect("a catalog");
    let refused = |bytes: &[u8]| {
        std::fs::write(&file, bytes).expect("written");
        let said = complaint(&windlass(&["serve", "--log", "off", "--state", &directory.display().to_string()]));
        assert!(said.contains("catalog.redb") && said.contains("--fresh"), "{said}");
    };
    refused(b"not a catalog at all, but long enough to be looked at");
    refused(&whole[..whole.len() / 2]);
    refused(&[0xA5; 65536]);
    std::fs::write(&file, &whole).expect("written");
    assert_eq!(pools(&Node::start_in(folder, &[])).len(), 2);
}

#[test]
fn tasks_K49_a_node_killed_while_pools_come_and_go_has_each_of_them_whole_or_not_at_all() {
    let mut folder = tempfile::tempdir().expect("a folder");
    for round in 0..5u64 {
        let node = Node::start_in(folder, &[]);
        for (name, why) in pools(&node) {
            assert!(why.is_empty(), "{name}: {why}");
        }
        // Answered, so it is there; the next may or may not be, when the node dies.
        create(&node, &[&format!("sure{round}"), "compress"]);
        let mut pending = node.command(&["pool", "create", &format!("maybe{round}"), "compress"]);
        let mut pending = pending
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("a process");
        std::thread::sleep(std::time::Duration::from_millis(5 * round));
        folder = node.killed();
        pending.wait().expect("a child");
    }
    let node = Node::start_in(folder, &[]);
    let there = pools(&node);
    for round in 0..5 {
        assert!(there.iter().any(|(name, why)| *name == format!("sure{round}") && why.is_empty()), "{there:?}");
    }
}
