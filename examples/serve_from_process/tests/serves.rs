//! The program serves, and its pool ends with it, however that ends.
#![allow(clippy::disallowed_methods, reason = "tests start processes and wait")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use windlass::{Client, Code, Outcome};
use windlass_example_serve_from_process::words;
use windlass_runtime::{Node, NodeConfig};

struct Program(Child);

impl Program {
    fn start(node: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_windlass-example-serve-from-process"))
            .arg(node)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("it says something");
        assert!(line.starts_with("serving words"), "{line:?}");
        Self(child)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _may_have_ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn wait_for(what: &str, mut look: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if look() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{what} did not come");
}

#[test]
fn a_program_serves_a_pool_until_it_is_killed_and_again_when_it_is_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut config = NodeConfig::new("test", windlass_admin::Admin::TABLE);
    config.directory = directory.path().join("node");
    let node = Node::start(config).expect("a node");
    let address = node.directory().display().to_string();
    let program = Program::start(&address);
    let client = Client::connect(&address).expect("a session");
    let words = words::Blocking::on(client.pool("words").expect("served"));
    assert_eq!(words.read(b"Rope and tackle, rope and twine").unwrap(), 6);
    assert_eq!((words.count("ROPE").unwrap(), words.count("sail").unwrap()), (2, 0));
    let long = "hoist ".repeat(100_000);
    assert_eq!(words.read(long.as_bytes()).unwrap(), 100_000);
    let (mut answered, mut unknown, mut not_started) = (0, 0, 0);
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let (mut answered, mut ended) = (0_u64, None);
                    while ended.is_none() {
                        match words.count("rope") {
                            Ok(count) => {
                                assert_eq!(count, 2);
                                answered += 1;
                            }
                            Err(fault) => ended = Some(fault),
                        }
                    }
                    (answered, ended.expect("a fault"))
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(50));
        drop(program); // by SIGKILL
        for caller in callers {
            let (count, fault) = caller.join().expect("no wrong answer");
            answered += count;
            assert!(fault.is(Code::NodeGone) || fault.is(Code::UnknownPool), "{fault:?}");
            unknown += u32::from(fault.outcome == Outcome::Unknown);
            not_started += u32::from(fault.outcome == Outcome::NotStarted);
        }
    });
    assert!(answered > 0 && unknown + not_started == 4, "{answered} {unknown} {not_started}");
    wait_for("the pool's end", || words.count("rope").is_err_and(|fault| fault.is(Code::UnknownPool)));
    let _again = Program::start(&address);
    let words = words::Blocking::on(client.pool("words").expect("served again"));
    assert_eq!(words.count("rope").unwrap(), 0, "its state went with the program");
}
