//! The command as Arkouda's server: its name, its flags, its files, and what it refuses.
#![cfg(feature = "arkouda")]
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
#![allow(clippy::disallowed_methods, reason = "tests read files and wait for processes")]

mod common;

use common::{Node, command, complaint, wait_for};
use rustix::process::Signal;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use windlass_client::Client;
use windlass_client::dynamic::commands::Commands;
use windlass_contract::commands::CommandMap;

/// The command under the ancestor's name, in a folder of its own.
fn server(folder: &Path, args: &[&str]) -> Command {
    let link = folder.join("arkouda_server");
    if !link.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_windlass"), &link).expect("a link");
    }
    let mut command = Command::new(link);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["WINDLASS_", "ARKOUDA_", "ARRAY_"].iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command.args(args).current_dir(folder).env("WINDLASS_DIR", folder).stdin(Stdio::null());
    command
}

fn run(folder: &Path, args: &[&str]) -> Output {
    server(folder, args).output().expect("it runs")
}

#[test]
fn under_the_ancestors_name_it_says_that_there_is_one_locale() {
    let folder = tempfile::tempdir().expect("a folder");
    let about = run(folder.path(), &["--about"]);
    assert!(about.status.success());
    assert!(String::from_utf8_lossy(&about.stdout).contains("CHPL_COMM: none"));
    let said = complaint(&run(folder.path(), &["--ServrPort=1"]));
    assert!(said.contains("did you mean") && said.contains("ServerPort"), "{said}");
}

#[test]
fn it_tells_where_it_is_while_it_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let info = folder.path().join("info");
    let flags = ["--ServerPort=0", "-nl", "1", "--trace=false", "--logChannel=LogChannel.FILE"];
    let mut command = server(folder.path(), &flags);
    let child = command.arg(format!("--serverConnectionInfo={}", info.display())).stdout(Stdio::null());
    let mut child = child.spawn().expect("it starts");
    let text = wait_for("the connection info", || std::fs::read_to_string(&info).ok());
    let words: Vec<&str> = text.trim_end().split(' ').collect();
    let port: u16 = words[1].parse().expect("a port");
    assert_eq!((words[0], words[2]), ("localhost", format!("tcp://localhost:{port}").as_str()));
    std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    rustix::process::kill_process(pid, Signal::TERM).expect("sent");
    let ended = wait_for("its end", || child.try_wait().expect("a child"));
    assert!(ended.success() && !info.exists());
}

#[test]
fn arrays_R14_a_list_of_modules_chooses_what_a_server_has() {
    let folder = tempfile::tempdir().expect("a folder");
    let (info, list) = (folder.path().join("info"), folder.path().join("ServerModules.cfg"));
    std::fs::write(&list, "SortMsg\nZarrMsg\n# RandMsg\n").expect("written");
    let mut command = server(folder.path(), &["--ServerPort=0", "--logLevel=ERROR"]);
    command.env("ARKOUDA_CONFIG_FILE", &list).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.arg(format!("--serverConnectionInfo={}", info.display()));
    let mut child = child.spawn().expect("it starts");
    wait_for("the connection info", || std::fs::read_to_string(&info).ok());
    let node = folder.path().join("arkouda-0").display().to_string();
    let listed = common::json(&common::windlass(&["ls", "modules", "--json", "--node", &node]));
    let names: Vec<&str> =
        listed.as_array().expect("a list").iter().filter_map(|one| one["name"].as_str()).collect();
    assert!(names.contains(&"array_sort") && names.contains(&"array_create"), "{names:?}");
    assert!(!names.contains(&"array_random") && !names.contains(&"array_stats"), "{names:?}");
    child.kill().expect("a child");
    let said = child.wait_with_output().expect("a child");
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("array_random") && said.contains("ZarrMsg"), "{said}");
}

#[test]
fn other_machines_are_kept_out_unless_a_token_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = complaint(&run(folder.path(), &["--ServerPort=0", "--ServerHost=0.0.0.0", "--logLevel=ERROR"]));
    assert!(said.contains("BadConfig") && said.contains("token"), "{said}");
    let state = folder.path().join("node").display().to_string();
    let refused = command(&["serve", "--log", "off", "--state", &state, "--arkouda", "tcp://nowhere"]).output();
    let said = complaint(&refused.expect("it runs"));
    assert!(said.contains("tcp://127.0.0.1:5555"), "{said}");
}

#[test]
fn a_node_may_have_the_edge_beside_it() {
    let node = Node::start(&["--arkouda", "tcp://127.0.0.1:0"]);
    let pools = common::json(&node.run(&["ls", "--json"]));
    let names: Vec<&str> =
        pools.as_array().expect("a list").iter().filter_map(|pool| pool["name"].as_str()).collect();
    assert!(names.contains(&"transfer") && names.contains(&"array_create"), "{names:?}");
}

#[test]
fn registered_arrays_outlive_a_killed_node_that_saves_by_itself_and_the_rest_can_be_loaded() {
    let folder = tempfile::tempdir().expect("a folder");
    let (kept, config) = (folder.path().join("kept"), folder.path().join("node.toml"));
    let pool = "[[pool]]\nname = \"checkpoints\"\nmodule = \"checkpoints\"\n";
    let told = format!("parameters = {{ every = 0.1, restore = true, path = \"{}\" }}\n", kept.display());
    common::write(&config, &format!("{pool}{told}"));
    let config = config.display().to_string();
    let flags = ["--config", config.as_str(), "--arkouda", "tcp://127.0.0.1:0"];
    let commands = |node: &Node| {
        let client = Client::connect(&node.directory().display().to_string()).expect("connected");
        Commands::open(&client, CommandMap::new(3)).expect("its commands")
    };
    let first = Node::start(&flags);
    let session = commands(&first);
    let make = |value: &str| {
        let said = session.call("createScalarArray<int64>", &[("value", value)]).expect("made").to_string();
        said.split(' ').nth(1).expect("a name").to_owned()
    };
    let (five, six) = (make("5"), make("6"));
    let given = [("name", "five"), ("objType", "pdarray"), ("array", five.as_str())];
    session.call("register", &given).expect("registered");
    let manifest = kept.join("auto_checkpoint/server.md");
    wait_for("a checkpoint with both", || {
        let text = std::fs::read_to_string(&manifest).ok()?;
        (text.contains(&six) && text.contains("\"registered\":\"five\"")).then_some(())
    });
    let second = Node::start_in(first.killed(), &flags);
    let session = commands(&second);
    let one = |name: &str| session.call("[int]<int64,1>", &[("array", name), ("idx", "[0]")]);
    session.call("attach", &[("name", "five")]).expect("it is there");
    assert_eq!(one(&five).expect("it is there").to_string(), "int64 5");
    assert!(one(&six).is_err(), "its session has ended");
    // This life may have saved what it has already; the one before is kept.
    let place = kept.display().to_string();
    let loaded = ["auto_checkpoint", "auto_checkpoint.prev"].iter().any(|name| {
        session.call("load_checkpoint", &[("path", &place), ("name", name)]).is_ok() && one(&six).is_ok()
    });
    assert!(loaded);
    assert_eq!(one(&six).expect("it is there").to_string(), "int64 6");
}
