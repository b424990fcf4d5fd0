//! `windlass events`: what operators see of a node from outside.
#![allow(clippy::disallowed_methods, reason = "tests start processes and read their output")]

mod common;

use common::{Node, json, stdout};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

fn events(node: &Node, of: &str) -> Vec<Value> {
    json(&node.run(&["events", "--of", of, "--json"])).as_array().expect("a list").clone()
}

struct Following(Child, std::io::Lines<BufReader<std::process::ChildStdout>>);

impl Following {
    fn start(node: &Node, of: &str) -> Self {
        let mut command = node.command(&["events", "--follow", "--json", "--of", of]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a process");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self(child, lines)
    }
    fn next(&mut self) -> Value {
        let line = self.1.next().expect("another event").expect("readable");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _may_have_ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[test]
fn pools_and_sessions_that_come_and_go_are_events_in_order() {
    let node = Node::start(&[]);
    stdout(&node.run(&["pool", "create", "counts", "echo"]));
    stdout(&node.run(&["pool", "destroy", "counts"]));
    let pools = events(&node, "pool");
    let told: Vec<(&str, &str)> =
        pools.iter().map(|one| (one["kind"].as_str().unwrap(), one["subject"].as_str().unwrap())).collect();
    assert_eq!(told, [("pool made", "admin"), ("pool made", "counts"), ("pool ended", "counts")]);
    let numbers: Vec<u64> = pools.iter().map(|one| one["number"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted());
    let after = numbers[1].to_string();
    assert_eq!(
        json(&node.run(&["events", "--of", "pool", "--after", &after, "--json"])).as_array().unwrap().len(),
        1
    );
    let sessions = events(&node, "session");
    assert!(sessions.iter().any(|one| one["kind"] == "session ended" && one["code"] != 0), "{sessions:?}");
    assert!(stdout(&node.run(&["events"])).contains("pool made"));
}

#[test]
fn whoever_follows_sees_each_event_once_and_goes_on_when_the_node_is_back() {
    let node = Node::start(&[]);
    let mut following = Following::start(&node, "pool");
    assert_eq!(following.next()["subject"], "admin");
    for name in ["one", "two", "three"] {
        stdout(&node.run(&["pool", "create", name, "compress"]));
        let event = following.next();
        assert_eq!((event["kind"].as_str(), event["subject"].as_str()), (Some("pool made"), Some(name)));
    }
    let node = Node::start_in(node.killed(), &[]);
    let mut back: Vec<String> = (0..4).map(|_| following.next()["subject"].as_str().unwrap().to_owned()).collect();
    back.sort();
    assert_eq!(back, ["admin", "one", "three", "two"], "of its new life, from the beginning");
    drop(node);
}
