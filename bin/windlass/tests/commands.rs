//! Commands against a running node: what they answer, as text and as JSON, and what they refuse.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
#![allow(clippy::disallowed_methods, reason = "tests read files and wait for processes")]

mod common;

use common::{Node, command, complaint, json, stdout, windlass, write};
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;

#[test]
fn tasks_K26_making_a_pool_twice_gives_the_same_pool() {
    let node = Node::start(&[]);
    let create = |args: &[&str]| json(&node.run(&[&["pool", "create", "--json"], args].concat()));
    let first = create(&["small", "compress", "compress_id=1", "level=3"]);
    assert_eq!(create(&["small", "compress", "level=3", "compress_id=1"]), first);
    // A default that is written out is the same parameter.
    let plain = create(&["plain", "compress"]);
    assert_eq!(create(&["plain", "compress", "compress_id=0", "level=1"])["id"], plain["id"]);
    assert_ne!(plain["id"], first["id"]);
}

#[test]
fn tasks_K27_a_name_with_another_module_or_other_parameters_is_refused() {
    let node = Node::start(&[]);
    stdout(&node.run(&["pool", "create", "small", "compress", "level=3"]));
    for other in [["small", "compress", "level=4"], ["small", "echo", "limit=3"]] {
        let refused = node.run(&[&["pool", "create"], &other[..]].concat());
        let said = complaint(&refused);
        assert!(said.contains("PoolExists") && said.contains("level=3"), "{said}");
        assert_eq!(refused.status.code(), Some(19));
    }
    stdout(&node.run(&["pool", "destroy", "small"]));
    stdout(&node.run(&["pool", "create", "small", "echo"]));
}

#[test]
fn tasks_K9_a_wrong_create_parameter_is_refused_with_the_nearest() {
    let node = Node::start(&[]);
    let create = |args: &[&str]| complaint(&node.run(&[&["pool", "create", "small"], args].concat()));
    let said = create(&["compress", "levl=3"]);
    assert!(said.contains("did you mean \"level\"?"), "{said}");
    let said = create(&["compres"]);
    assert!(said.contains("UnknownModule") && said.contains("did you mean \"compress\"?"), "{said}");
    let said = create(&["compress", "level=high"]);
    assert!(said.contains("i32 wanted"), "{said}");
    let said = create(&["compress", "level=1", "level=2"]);
    assert!(said.contains("given twice"), "{said}");
    let said = create(&["compress", "compress_id=7"]);
    assert!(said.contains("compress_id 7 is unknown"), "{said}");
}

#[test]
fn a_file_goes_through_a_method_and_comes_back_byte_for_byte() {
    let node = Node::start(&[]);
    stdout(&node.run(&["pool", "create", "small", "compress", "compress_id=1"]));
    let text: String = (0..40_000).map(|line| format!("line {line}\n")).collect();
    let [whole, packed, back] = ["whole", "packed", "back"].map(|name| node.file(name));
    write(&whole, &text);
    let from = |path: &std::path::Path, to: &str| format!("{to}={}", path.display());
    let answer = json(&node.run(&[
        "call",
        "small.compress",
        "--json",
        "--file",
        &from(&whole, "data"),
        "--out",
        &from(&packed, "out"),
    ]));
    let bytes = std::fs::metadata(&packed).expect("written").len();
    assert_eq!(answer["buffers"]["out"]["bytes"], bytes);
    assert!(bytes < text.len() as u64 / 2);
    stdout(&node.run(&[
        "call",
        "small.decompress",
        "--file",
        &from(&packed, "data"),
        "--out",
        &from(&back, "out"),
    ]));
    assert_eq!(std::fs::read(&back).expect("written"), text.as_bytes());
    // The same through standard input and output, with the room named.
    let mut call =
        node.command(&["call", "small.decompress", "--file", "data=-", "--out", "out=-", "--room", "out=1MiB"]);
    let mut call = call.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("runs");
    call.stdin.take().expect("piped").write_all(&std::fs::read(&packed).expect("written")).expect("sent");
    let output = call.wait_with_output().expect("a child");
    assert!(output.status.success() && output.stdout == text.as_bytes());
}

#[test]
fn replies_are_text_for_people_and_json_for_programs() {
    let node = Node::start(&[]);
    stdout(&node.run(&["pool", "create", "e", "echo"]));
    let call = |args: &[&str]| node.run(&[&["call"], args].concat());
    assert_eq!(stdout(&call(&["e.echo", "text=a b = c"])), "a b = c\n");
    assert_eq!(stdout(&call(&["e.ping", "value=18446744073709551615"])), "18446744073709551615\n");
    assert_eq!(stdout(&call(&["e.add", "name=cats", "by=2"])), "2\n");
    assert_eq!(json(&call(&["e.add", "name=cats", "by=3", "--json"]))["value"], 5);
    assert_eq!(stdout(&call(&["e.pause", "us=1", "--deadline", "60s"])), "");
    let shown = stdout(&call(&["e.fill", "byte=65", "--room", "out=100"]));
    assert!(shown.starts_with("out: 100 bytes\n") && shown.contains("41 41") && shown.contains("AAAA"), "{shown}");
    let file = node.file("empty");
    write(&file, "");
    let empty = stdout(&call(&["e.copy", "--file", &format!("data={}", file.display())]));
    assert_eq!(empty, "0\nout: 0 bytes\n");
}

#[test]
fn tasks_K62_what_a_call_gets_wrong_is_refused_with_the_nearest_and_what_there_is() {
    let node = Node::start(&[]);
    stdout(&node.run(&["pool", "create", "echoes", "echo"]));
    let call = |args: &[&str]| node.run(&[&["call"], args].concat());
    for (args, said) in [
        (
            &["echo.echo", "text=1"][..],
            "UnknownPool(10) x the node has no pool \"echo\"; did you mean \"echoes\"?",
        ),
        (&["echoes.ecoh", "text=1"], "has no method \"ecoh\"; did you mean \"echo\"?"),
        (&["echoes.echo", "txt=1"], "has no argument \"txt\"; did you mean \"text\"?"),
        (&["echoes.echo"], "needs the argument \"text\""),
        (&["echoes.ping", "value=-1"], "u64 wanted"),
        (&["echoes.ping", "value"], "write name=value"),
        (&["echoes.copy", "--file", "dat=/dev/null"], "/dev/null is not a file"),
        (&["echoes.copy", "--out", "ot=x"], "no result buffer \"ot\"; did you mean \"out\"?"),
        (&["echoes.copy", "--room", "out=1Q"], "not a size"),
        (&["echoes.copy"], "the buffer data is missing"),
        (&["echoes"], "write POOL.METHOD"),
    ] {
        let text = complaint(&call(args));
        assert!(text.contains(said), "{args:?}: {text}");
    }
    let refused = call(&["echoes.ping", "value=1", "--deadline", "5"]);
    assert!(complaint(&refused).contains("not a time"));
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn tasks_K22_a_fault_of_a_method_is_the_exit_code_and_the_words_of_the_command() {
    let node = Node::start(&["--log", "off"]);
    stdout(&node.run(&["pool", "create", "e", "echo", "limit=1"]));
    let panicked = node.run(&["call", "e.panic", "text=boom"]);
    assert_eq!(panicked.status.code(), Some(15));
    assert!(complaint(&panicked).contains("Panicked(6)"));
    let over = node.run(&["call", "e.add", "name=a", "by=2", "--json"]);
    assert_eq!(over.status.code(), Some(20));
    let error: Value = serde_json::from_slice(&over.stderr).expect("JSON");
    assert_eq!((&error["error"]["code"], &error["error"]["outcome"]), (&json!(1001), &json!("Ended")));
    let late = node.run(&["call", "e.pause", "us=60000000", "--deadline", "20ms"]);
    assert_eq!(late.status.code(), Some(14), "{late:?}");
}

#[test]
fn tasks_K62_every_command_speaks_json() {
    let node = Node::start(&[]);
    stdout(&node.run(&["pool", "create", "e", "echo"]));
    let keys = |args: &[&str], keys: &[&str]| {
        let value = json(&node.run(&[args, &["--json"]].concat()));
        let first = if value.is_array() { &value[0] } else { &value };
        for key in keys {
            assert!(first.get(key).is_some(), "{args:?} has no {key}: {value}");
        }
    };
    keys(&["ls"], &["name", "module", "parameters", "calls"]);
    keys(&["ls", "modules"], &["name", "version", "origin", "methods"]);
    keys(&["ls", "sessions"], &["pid", "in_flight", "segment_bytes"]);
    keys(&["ls", "methods"], &["pool", "method", "p50_us", "p99_us"]);
    keys(&["stat"], &["node", "methods"]);
    keys(&["describe", "e"], &["name", "methods"]);
    keys(&["describe", "compress"], &["name", "methods"]);
    keys(&["pool", "create", "f", "echo"], &["id", "name"]);
    keys(&["pool", "destroy", "f"], &["destroyed"]);
    keys(&["call", "e.ping", "value=1"], &["value", "buffers"]);
    keys(&["flush"], &["flushed"]);
    let alone = |args: &[&str], key: &str| {
        let value = json(&windlass(&[args, &["--json"]].concat()));
        let first = if value.is_array() { &value[0] } else { &value };
        assert!(first.get(key).is_some(), "{args:?}: {value}");
    };
    alone(&["errors"], "meaning");
    alone(&["errors", "19"], "exit");
    alone(&["config"], "keys");
    alone(&["completions", "bash"], "script");
    let refused = node.run(&["describe", "nothing", "--json"]);
    let error: Value = serde_json::from_slice(&refused.stderr).expect("JSON");
    assert_eq!(error["error"]["name"], "UnknownPool");
    keys(&["stop"], &["stopped", "pid"]);
}

#[test]
fn describe_shows_types_defaults_documentation_and_attributes() {
    let node = Node::start(&[]);
    let text = stdout(&node.run(&["describe", "compress"]));
    for part in [
        "create(compress_id: u32 = 0, level: i32 = 1)",
        "compress(data: in buffer, out: out buffer)",
        "[idempotent]",
    ] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    let text = stdout(&node.run(&["describe", "echo"]));
    assert!(text.contains("one at a time per name") && text.contains("[blocking"), "{text}");
    let said = complaint(&node.run(&["describe", "compres"]));
    assert!(said.contains("did you mean \"compress\"?"), "{said}");
}

#[test]
fn statistics_count_what_was_called() {
    let node = Node::start(&[]);
    stdout(&node.run(&["pool", "create", "e", "echo"]));
    for _ in 0..3 {
        stdout(&node.run(&["call", "e.ping", "value=1"]));
    }
    let facts = json(&node.run(&["stat", "--json"]));
    let methods = facts["methods"].as_array().expect("a list");
    let ping = methods.iter().find(|one| one["pool"] == "e" && one["method"] == "ping").expect("it was called");
    assert_eq!((&ping["calls"], &ping["faults"]), (&json!(3), &json!(0)));
    let (backend, why) = (&facts["node"]["backend"], facts["node"]["backend_why"].as_str().expect("words"));
    assert!(backend == "io_uring" && why.is_empty() || backend == "polling" && !why.is_empty(), "{facts}");
    let text = stdout(&node.run(&["stat"]));
    assert!(text.contains("e.ping"), "{text}");
    assert!(text.contains(&format!("and sockets by {}", backend.as_str().expect("a name"))), "{text}");
}

#[test]
fn errors_explain_themselves_by_number_and_by_name() {
    let by_number = stdout(&windlass(&["errors", "19"]));
    assert_eq!(by_number, stdout(&windlass(&["errors", "poolexists"])));
    assert!(by_number.starts_with("PoolExists(19)") && by_number.contains("exit code 19"), "{by_number}");
    let said = complaint(&windlass(&["errors", "PoolExist"]));
    assert!(said.contains("did you mean \"PoolExists\"?"), "{said}");
    assert!(complaint(&windlass(&["errors", "1001"])).contains("fault of a module"));
}

#[test]
fn tasks_K62_every_command_has_help_with_examples() {
    let help = stdout(&windlass(&["--help"]));
    assert!(help.contains("EXAMPLES:"));
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.len() >= 12, "{commands:?}");
    let nested = [&["pool", "create"][..], &["pool", "destroy"], &["new", "module"]];
    for command in commands.iter().map(std::slice::from_ref).chain(nested) {
        let help = stdout(&windlass(&[command, &["--help"]].concat()));
        assert!(help.contains("EXAMPLES:") && help.contains("windlass "), "{command:?}: {help}");
    }
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout(&windlass(&["completions", shell]));
        assert!(script.contains("describe") && script.contains("completions"), "{shell}");
    }
    let said = complaint(&windlass(&["completons", "bash"]));
    assert!(said.contains("completions"), "{said}");
}

#[test]
fn the_printed_configuration_is_one_that_a_node_takes() {
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder.path().join("windlass.toml"), &stdout(&windlass(&["config"])));
    let node = Node::start_in(folder, &[]);
    assert!(node.ready.contains("node local "), "{}", node.ready);
    node.wait_for_log("config=windlass.toml");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut list = command(&["errors"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    drop(list.stdout.take());
    let output = list.wait_with_output().expect("a child");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_node_is_called_over_tcp_with_its_token_and_refuses_without() {
    let node = Node::start(&["--tcp", "127.0.0.1:0", "--json"]);
    stdout(&node.run(&["pool", "create", "small", "compress", "compress_id=1"]));
    let ready: Value = serde_json::from_str(&node.ready).expect("a ready line");
    let at = format!("tcp://{}", ready["tcp"].as_str().expect("it listens"));
    let token = node.directory().join("token").display().to_string();
    let text: String = (0..40_000).map(|line| format!("line {line}\n")).collect();
    let [whole, packed, wrong] = ["whole", "packed", "wrong"].map(|name| node.file(name));
    write(&whole, &text);
    let (file, out) = (format!("data={}", whole.display()), format!("out={}", packed.display()));
    let call = |terms: &[&str]| {
        let mut args = vec!["call", "small.compress", "--file", &file, "--out", &out];
        args.extend(terms);
        windlass(&args)
    };
    stdout(&call(&["--at", &at, "--token-file", &token]));
    assert!(packed.metadata().expect("written").len() > 0);
    let unix = format!("unix-stream://{}", node.address());
    stdout(&call(&["--at", &unix]));
    assert!(complaint(&call(&["--at", &at])).contains("--token-file"));
    write(&wrong, &"0".repeat(64));
    assert!(complaint(&call(&["--at", &at, "--token-file", &wrong.display().to_string()])).contains("token"));
    assert!(complaint(&call(&["--at", "udp://x"])).contains("tcp://HOST:PORT"));
    // Pool 0 is for the machine's own clients.
    assert!(complaint(&windlass(&["ls", "--at", &at, "--token-file", &token])).contains("Denied"));
}

#[test]
fn a_methods_latency_is_a_histogram_in_which_every_call_stands() {
    let node = Node::start(&[]);
    stdout(&node.run(&["pool", "create", "echoes", "echo"]));
    assert!(stdout(&node.run(&["stat", "echoes.pause"])).contains("not called yet"));
    for us in ["100", "100", "100", "20000"] {
        stdout(&node.run(&["call", "echoes.pause", &format!("us={us}")]));
    }
    let facts = json(&node.run(&["stat", "echoes.pause", "--json"]));
    assert_eq!(facts["calls"], 4);
    let ranges: Vec<(f64, u64)> = serde_json::from_value(facts["ranges"].clone()).expect("pairs");
    assert_eq!(ranges.iter().map(|(_, count)| count).sum::<u64>(), 4);
    assert!(ranges.windows(2).all(|two| two[0].0 < two[1].0), "{ranges:?}");
    let slow: u64 = ranges.iter().filter(|(up_to, _)| *up_to > 20_000.0).map(|(_, count)| count).sum();
    assert_eq!(slow, 1, "{ranges:?}");
    assert!(facts["quantiles_us"][0].as_f64() < facts["max_us"].as_f64());
    let text = stdout(&node.run(&["stat", "echoes.pause"]));
    assert!(text.contains("4 calls") && text.contains('#'), "{text}");
    let said = complaint(&node.run(&["stat", "echoes.paus"]));
    assert!(said.contains("pause"), "{said}");
}

#[test]
fn rpc_R20_streams_are_read_and_written_line_by_line() {
    let node = Node::start(&[]);
    stdout(&node.run(&["pool", "create", "e", "echo"]));
    let call = |args: &[&str]| node.run(&[&["call"], args].concat());
    assert_eq!(stdout(&call(&["e.count", "from=3", "count=4"])), "3\n4\n5\n6\n");
    assert_eq!(stdout(&call(&["e.count", "from=3", "count=2", "--json"])), "3\n4\n");
    let file = node.file("items");
    write(&file, "1\n2\n3\n");
    let items = file.to_str().unwrap();
    let total: Value = serde_json::from_str(&stdout(&call(&["e.total", "--items", items, "--json"]))).unwrap();
    assert_eq!(total["value"], serde_json::json!([6, 3]));
    write(&file, "a b\n\"c\"\n");
    assert_eq!(stdout(&call(&["e.repeat", "--items", items])), "a b\nc\n");
    assert_eq!(stdout(&call(&["e.repeat", "--items", items, "--json"])), "\"a b\"\n\"c\"\n");
    write(&file, "1\nx\n");
    let said = complaint(&call(&["e.total", "--items", items]));
    assert!(said.contains("line 2") && said.contains("u64 wanted"), "{said}");
    for (args, expected) in [
        (&["e.count", "from=1", "count=1", "--items", items][..], "reads no stream"),
        (&["e.echo", "text=a", "--items", items], "reads no stream"),
        (&["e.total", "--items", "/no/such/file"], "/no/such/file"),
        (&["e.count", "from=1"], "needs the argument \"count\""),
        (&["e.count", "from=1", "count=1", "--query", "broadcast"], "one container"),
    ] {
        let said = complaint(&call(args));
        assert!(said.contains(expected), "{args:?}: {said}");
    }
    let described = stdout(&node.run(&["describe", "e"]));
    assert!(described.contains("count(from: u64, count: u64, out: out stream of u64) -> u64"), "{described}");
    assert!(described.contains("repeat(texts: in stream of str, out: out stream of str)"), "{described}");
}
