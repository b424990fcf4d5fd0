//! `windlass log`: levels that change while the node runs.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]

mod common;

use common::{Node, complaint, json, stdout};

#[test]
fn tasks_K64_levels_of_modules_and_crates_change_while_the_node_runs() {
    let node = Node::start(&[]);
    assert_eq!(stdout(&node.run(&["log"])).trim(), "info");
    stdout(&node.run(&["pool", "create", "quiet", "echo"]));
    assert!(!node.log().contains("an echo begins"), "{}", node.log());
    assert_eq!(stdout(&node.run(&["log", "echo=debug", "runtime=warn"])).trim(), "info,runtime=warn,echo=debug");
    stdout(&node.run(&["pool", "create", "loud", "echo", "limit=5"]));
    node.wait_for_log("an echo begins");
    assert!(!node.log().contains("pool made pool=\"loud\""), "the runtime says less: {}", node.log());
    // What is not named stays, and JSON is JSON.
    let levels = json(&node.run(&["log", "echo=error", "--json"]));
    assert_eq!(levels["levels"], "info,runtime=warn,echo=error");
    assert_eq!(stdout(&node.run(&["log", "off"])).trim(), "off,runtime=warn,echo=error");
    let said = complaint(&node.run(&["log", "echo=lout"]));
    assert!(said.contains("lout") && said.contains("debug"), "{said}");
    assert_eq!(stdout(&node.run(&["log"])).trim(), "off,runtime=warn,echo=error", "nothing was changed");
}
