//! A node as a process: its ready line, its settings, its signals, its end.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
#![allow(clippy::disallowed_methods, reason = "tests read files and wait for processes")]

mod common;

use common::{Node, command, complaint, json, stdout, windlass, write};
use rustix::process::Signal;
use std::process::Stdio;

#[test]
fn tasks_K62_a_node_says_when_it_is_ready_and_where() {
    let node = Node::start(&["--name", "tide"]);
    let socket = node.directory().join("socket");
    assert_eq!(node.ready, format!("windlass ready: node tide pid {} socket {}", node.pid(), socket.display()));
    let facts = json(&node.run(&["stat", "--json"]));
    assert_eq!((&facts["node"]["name"], &facts["node"]["pid"]), (&"tide".into(), &node.pid().into()));
    let node = Node::start(&["--json"]);
    let ready: serde_json::Value = serde_json::from_str(&node.ready).expect("JSON");
    assert_eq!((&ready["node"], &ready["pid"]), (&"local".into(), &node.pid().into()));
}

#[test]
fn tasks_K62_a_second_node_of_one_name_is_refused_and_names_the_first_ones_process() {
    let node = Node::start(&["--name", "one"]);
    let second = windlass(&["serve", "--name", "one", "--log", "off", "--state", &node.address()]);
    let said = complaint(&second);
    assert!(said.contains("NodeRunning") && said.contains(&format!("process {}", node.pid())), "{said}");
    assert_eq!(second.status.code(), Some(19));
    stdout(&node.run(&["stat"]));
}

#[test]
fn tasks_K62_a_node_of_a_name_is_found_by_that_name() {
    let base = tempfile::tempdir().expect("a folder");
    let mut serve = command(&["serve", "--name", "harbour"]);
    serve.env("WINDLASS_DIR", base.path());
    let node = Node::of(serve, tempfile::tempdir().expect("a folder"));
    let list = |name: &str| {
        command(&["ls", "--json", "--node", name]).env("WINDLASS_DIR", base.path()).output().expect("runs")
    };
    assert_eq!(json(&list("harbour"))[0]["name"], "admin");
    let said = complaint(&list("harbor"));
    assert!(said.contains("NotConnected") && said.contains("windlass serve --name harbor"), "{said}");
    drop(node);
}

/// Two nodes of one user on one machine, told apart by name alone.
#[test]
fn tasks_K60_two_nodes_of_one_user_share_nothing() {
    let base = tempfile::tempdir().expect("a folder");
    let begin = |name: &str| {
        let mut serve = command(&["serve", "--name", name]);
        serve.env("WINDLASS_DIR", base.path());
        Node::of(serve, tempfile::tempdir().expect("a folder"))
    };
    let (mut port, starboard) = (begin("port"), begin("starboard"));
    let run = |name: &str, args: &[&str]| {
        let mut command = command(args);
        command.args(["--node", name]).env("WINDLASS_DIR", base.path()).output().expect("runs")
    };
    // One name in both, and one that only the first has.
    stdout(&run("port", &["pool", "create", "rope", "compress", "compress_id=1"]));
    stdout(&run("starboard", &["pool", "create", "rope", "echo"]));
    stdout(&run("port", &["pool", "create", "tar", "echo"]));
    let module = |name: &str, pool: &str| {
        let pools = json(&run(name, &["ls", "--json"]));
        let found = pools.as_array().and_then(|pools| pools.iter().find(|one| one["name"] == pool));
        found.map(|one| one["module"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(
        (module("port", "rope").as_deref(), module("starboard", "rope").as_deref()),
        (Some("compress"), Some("echo"))
    );
    assert_eq!((module("port", "tar").as_deref(), module("starboard", "tar")), (Some("echo"), None));
    // No descriptor of one is open in the other: memory files and sockets have numbers of their own.
    let files = |node: &Node| -> Vec<String> {
        let open = std::fs::read_dir(format!("/proc/{}/fd", node.pid())).expect("its descriptors").flatten();
        let targets = open.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        let text = targets.map(|target| target.display().to_string());
        text.filter(|target| target.starts_with("socket:") || target.contains("memfd:")).collect()
    };
    let (one, other) = (files(&port), files(&starboard));
    assert!(one.iter().all(|file| file.contains("memfd:") || !other.contains(file)), "{one:?} {other:?}");
    // One is killed while the other's call runs, which ends with its value.
    let call = {
        let mut call = command(&["call", "rope.pause", "us=400000", "--node", "starboard"]);
        call.env("WINDLASS_DIR", base.path()).stdout(Stdio::piped()).spawn().expect("runs")
    };
    port.signal(Signal::KILL);
    assert!(!port.wait().success());
    assert!(call.wait_with_output().expect("a child").status.success());
    assert!(complaint(&run("port", &["ls"])).contains("NotConnected"));
    // It begins again under its name, as if it had been alone.
    let again = begin("port");
    assert_eq!(module("port", "tar"), None);
    assert_eq!(module("starboard", "rope").as_deref(), Some("echo"));
    drop((again, starboard));
}

#[test]
fn tasks_K62_the_first_signal_lets_calls_end_and_nothing_is_left() {
    let mut node = Node::start(&["--drain-ms", "60000"]);
    stdout(&node.run(&["pool", "create", "e", "echo"]));
    let call = node.command(&["call", "e.pause", "us=400000"]).stdout(Stdio::piped()).spawn().expect("runs");
    node.wait_for_calls(2);
    node.signal(Signal::TERM);
    assert!(node.wait().success(), "{}", node.log());
    let ended = call.wait_with_output().expect("a child");
    assert!(ended.status.success(), "a call that was accepted ends with its value: {ended:?}");
    let left: Vec<_> = std::fs::read_dir(node.directory()).expect("its directory").flatten().collect();
    let mut names: Vec<_> = left.iter().map(std::fs::DirEntry::file_name).collect();
    names.sort();
    assert_eq!(names, ["catalog.redb", "lock"], "the socket goes; what is kept stays, and the lock's file may");
    let said = complaint(&node.run(&["ls"]));
    assert!(said.contains("NotConnected"), "{said}");
}

#[test]
fn tasks_K62_the_second_signal_stops_at_once_and_the_caller_is_told() {
    let mut node = Node::start(&["--drain-ms", "600000"]);
    stdout(&node.run(&["pool", "create", "e", "echo"]));
    let mut call = node.command(&["call", "e.pause", "us=600000000"]);
    let call = call.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    node.wait_for_calls(2);
    node.signal(Signal::TERM);
    node.wait_for_log("the node drains");
    node.signal(Signal::INT);
    assert!(node.wait().success(), "{}", node.log());
    let ended = call.wait_with_output().expect("a child");
    assert_eq!(ended.status.code(), Some(11), "{ended:?}");
    assert!(!node.directory().join("socket").exists());
}

#[test]
fn tasks_K62_stop_returns_when_the_process_has_ended() {
    let mut node = Node::start(&[]);
    let answer = json(&node.run(&["stop", "--json", "--deadline", "10s"]));
    assert_eq!(answer["pid"], node.pid());
    assert!(node.wait().success());
    assert!(!node.directory().join("socket").exists());
}

#[test]
fn tasks_K64_a_signal_to_read_again_changes_the_levels_of_a_running_node() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("windlass.toml");
    write(&file, "[log]\nlevel = \"error\"\n");
    let node = Node::start_in(folder, &[]);
    stdout(&node.run(&["ls"]));
    assert_eq!(node.log(), "", "nothing below an error is written");
    write(&file, "[log]\nlevel = \"info\"\n[log.modules]\necho = \"debug\"\n");
    node.signal(Signal::HUP);
    node.wait_for_log("levels of the log were read again");
    stdout(&node.run(&["pool", "create", "e", "echo"]));
    node.wait_for_log("an echo begins");
    write(&file, "[log]\nlevle = \"info\"\n");
    node.signal(Signal::HUP);
    node.wait_for_log("the log keeps its levels");
}

#[test]
fn tasks_K64_lines_of_the_log_are_json_in_a_file_when_that_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("logs/node.log");
    let mut node = Node::start_in(folder, &["--log-format", "json", "--log-file", &log.display().to_string()]);
    node.signal(Signal::TERM);
    assert!(node.wait().success());
    let file = std::fs::read_dir(log.parent().expect("a folder")).expect("made").flatten().next().expect("a file");
    let text = std::fs::read_to_string(file.path()).expect("readable");
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert!(line["level"].is_string() && line["message"].is_string(), "{line}");
    }
    assert!(text.contains("the node has stopped"), "{text}");
}

#[test]
fn tasks_K9_pools_of_the_file_stand_when_the_node_is_ready() {
    let folder = tempfile::tempdir().expect("a folder");
    write(
        &folder.path().join("windlass.toml"),
        "[[pool]]\nname = \"small\"\nmodule = \"compress\"\nparameters = { compress_id = 1, level = 3 }\n\
         [[pool]]\nname = \"e\"\nmodule = \"echo\"\n",
    );
    let node = Node::start_in(folder, &[]);
    let pools = json(&node.run(&["ls", "--json"]));
    let of = |name: &str| {
        let pools = pools.as_array().expect("a list");
        pools.iter().find(|pool| pool["name"] == name).cloned().unwrap_or_else(|| panic!("no pool {name}"))
    };
    assert_eq!(of("small")["parameters"], "compress_id=1, level=3");
    assert_eq!(of("e")["module"], "echo");
}

#[test]
fn tasks_K9_a_wrong_parameter_in_the_file_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("node.toml");
    write(&file, "[[pool]]\nname = \"small\"\nmodule = \"compress\"\nparameters = { levl = 3 }\n");
    let state = folder.path().join("node").display().to_string();
    let refused = windlass(&["serve", "--log", "off", "--state", &state, "--config", &file.display().to_string()]);
    let said = complaint(&refused);
    assert!(said.contains("small") && said.contains("\"levl\"") && said.contains("level"), "{said}");
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn a_flag_wins_over_the_environment_which_wins_over_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder.path().join("windlass.toml"), "name = \"from-file\"\n");
    let state = folder.path().join("node");
    let serve = |flags: &[&str], environment: Option<&str>| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = command(&["serve", "--state"]);
        command.arg(folder.path().join("node")).args(flags).current_dir(state.parent().expect("a folder"));
        if let Some(name) = environment {
            command.env("WINDLASS_NAME", name);
        }
        Node::of(command, folder).ready.clone()
    };
    assert!(serve(&[], None).contains("node from-file "));
    assert!(serve(&[], Some("from-environment")).contains("node from-environment "));
    assert!(serve(&["--name", "from-flag"], Some("from-environment")).contains("node from-flag "));
}

#[test]
fn tasks_K62_what_a_node_does_not_know_is_refused_with_the_nearest() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("node.toml");
    let config = file.display().to_string();
    write(&file, "[limits]\nsession_byte = 1\n");
    let said = complaint(&windlass(&["serve", "--config", &config]));
    assert!(said.contains("node.toml:2: unknown key") && said.contains("\"limits.session_bytes\"?"), "{said}");
    let refused = windlass(&["serve", "--nmae", "x"]);
    assert_eq!(refused.status.code(), Some(2));
    let said = complaint(&refused);
    assert!(said.contains("--nmae") && said.contains("--name"), "{said}");
    let said = complaint(&windlass(&["serve", "--log", "inof"]));
    assert!(said.contains("--log") && said.contains("did you mean \"info\"?"), "{said}");
    let refused = command(&["serve"]).env("WINDLASS_DRAIN_MS", "soon").output().expect("runs");
    let said = complaint(&refused);
    assert!(said.contains("WINDLASS_DRAIN_MS") && said.contains("not a whole number"), "{said}");
}

#[test]
fn a_node_that_was_started_to_end_with_its_parent_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("node").display().to_string();
    // The shell is the parent: it starts the node, says which process it is, and ends when it is told to.
    let script = "\"$0\" serve --state \"$1\" --log off --with-parent $$ & echo $!; read line; exit 0";
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_windlass"), &state]).current_dir(folder.path());
    let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("a shell");
    let stat = || windlass(&["stat", "--node", &state]).status.success();
    common::wait_for("the node", || stat().then_some(()));
    drop(shell.stdin.take());
    shell.wait().expect("a child");
    common::wait_for("the node's end", || (!std::path::Path::new(&state).join("socket").exists()).then_some(()));
    let said = complaint(&windlass(&["serve", "--state", &state, "--log", "off", "--with-parent", "1"]));
    assert!(said.contains("not the one that started this node"), "{said}");
}

#[test]
#[allow(non_snake_case, reason = "it carries the names of requirement rows")]
fn tasks_K62_workers_and_containers_are_listed_and_a_query_says_which_of_them_answers() {
    let node = Node::start(&["--workers", "3"]);
    let made = stdout(&node.run(&["pool", "create", "e", "echo", "--containers", "4"]));
    assert!(made.contains("4 containers"), "{made}");
    let containers = json(&node.run(&["ls", "containers", "--json"]));
    let homes: Vec<u64> = containers
        .as_array()
        .expect("a list")
        .iter()
        .filter(|one| one["pool"] == "e")
        .map(|one| one["worker"].as_u64().expect("a number"))
        .collect();
    assert_eq!(homes.len(), 4);
    assert!((0..3).all(|worker| homes.contains(&worker)), "{homes:?}");
    for query in ["id:3", "hash:77", "range:2..3", "dynamic", "local"] {
        assert_eq!(stdout(&node.run(&["call", "e.echo", "text=hello", "--query", query])).trim(), "hello");
    }
    let refused = complaint(&node.run(&["call", "e.echo", "text=hello", "--query", "broadcast"]));
    assert!(refused.contains("aggregate"), "{refused}");
    assert!(complaint(&node.run(&["call", "e.echo", "text=hello", "--query", "id:9"])).contains("4 containers"));
    assert!(complaint(&node.run(&["call", "e.echo", "text=hello", "--query", "some"])).contains("range:0..4"));
    let listed = stdout(&node.run(&["ls", "workers"]));
    assert_eq!(listed.lines().count(), 4, "{listed}");
    let stat = json(&node.run(&["stat", "--json"]));
    assert_eq!(stat["node"]["workers"], 3);
    assert_eq!(stat["workers"].as_array().map(Vec::len), Some(3));
    // Of each worker the lanes that are always there, and what has run in them.
    let lanes = json(&node.run(&["ls", "lanes", "--json"]));
    let count = |name: &str| lanes.as_array().expect("a list").iter().filter(|lane| lane["lane"] == name).count();
    assert_eq!([count("latency"), count("background"), count("heavy")], [3, 3, 3]);
    let listed = stdout(&node.run(&["ls", "lanes"]));
    assert!(listed.contains("heavy") && listed.contains("25.0 %"), "{listed}");
    let samples = json(&node.run(&["stat", "--samples", "e.echo", "--json"]));
    assert_eq!(samples.as_array().map(Vec::len), Some(5), "{samples}");
    assert!(samples[0]["ran_us"].as_f64() > Some(0.0) && samples[0]["bytes"].as_u64() > Some(5));
    assert!(complaint(&node.run(&["stat", "--samples", "echo"])).contains("POOL.METHOD"));
    assert!(complaint(&node.run(&["stat", "--samples", "e.no"])).contains("has no method no; it has"));
}

#[test]
fn the_tasks_that_live_are_listed_and_written_to_the_log_when_a_signal_asks() {
    let node = Node::start(&["--drain-ms", "0"]);
    stdout(&node.run(&["pool", "create", "e", "echo"]));
    let mut call = node.command(&["call", "e.pause", "us=60000000"]).stdout(Stdio::piped()).spawn().expect("runs");
    node.wait_for_calls(2);
    let listed = stdout(&node.run(&["ls", "tasks"]));
    assert!(listed.contains("echo.pause") && listed.contains("waiting"), "{listed}");
    let tasks = json(&node.run(&["ls", "tasks", "--json"]));
    let paused =
        tasks.as_array().expect("a list").iter().find(|task| task["name"] == "echo.pause").expect("it lives");
    assert_eq!((&paused["lane"], &paused["state"]), (&"latency".into(), &"waiting".into()));
    node.signal(Signal::USR1);
    node.wait_for_log("echo.pause on latency: waiting");
    node.signal(Signal::TERM);
    let _ended_with_its_node = call.wait();
}
