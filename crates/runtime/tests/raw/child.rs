//! A node in a process of its own: its death, its descriptors and its memory can be seen from outside.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use windlass_client::Client;
use windlass_contract::Fault;
use windlass_contract::admin::{EventFacts, NodeFacts, Request, Response};
use windlass_runtime::{Node, NodeConfig, PoolSpec};

use super::rough::{ROUGH, rough};
use super::{Raw, ends};
use crate::hand::{ADMIN, ECHO, ask};

/// Says to a test binary's `child_node` that it is to be one, and where.
const DIRECTORY: &str = "WINDLASS_CHILD_DIRECTORY";
const SESSION_BYTES: &str = "WINDLASS_CHILD_SESSION_BYTES";
/// Says that it is to listen for TCP connections too; it writes where into the file of this name in its directory.
const LISTENS: &str = "WINDLASS_CHILD_LISTENS";
const TCP_FILE: &str = "tcp-address";
const READY: &str = "the node is ready";

/// What a node with `echo`, `other` and `rough` is to be.
pub fn config(directory: PathBuf) -> NodeConfig {
    let mut config = NodeConfig::new("test", &ADMIN);
    config.directory = directory;
    config.workers = crate::hand::workers();
    config.modules = vec![&ECHO, &ROUGH];
    let pool = |name: &str, module: &str, parameters| PoolSpec { parameters, ..PoolSpec::new(name, module) };
    let mode = vec![("value0".into(), "0".into())];
    config.pools = vec![pool("echo", "echo", vec![]), pool("other", "echo", vec![]), pool("rough", "rough", mode)];
    config
}

/// The other side of `ChildNode`: runs a node if this process was started to be one, until its input ends.
pub fn serve_if_asked() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let mut config = config(PathBuf::from(&directory));
    if std::env::var(LISTENS).is_ok() {
        config.tcp = Some(([127, 0, 0, 1], 0).into());
    }
    if let Ok(bytes) = std::env::var(SESSION_BYTES) {
        config.session_bytes_max = bytes.parse().unwrap();
    }
    let node = Node::start(config).unwrap();
    if let Some(address) = node.tcp() {
        std::fs::write(PathBuf::from(directory).join(TCP_FILE), address.to_string()).unwrap();
    }
    println!("{READY}");
    // A line asks for a drain of so many milliseconds; the end of the input, that the parent is gone.
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    node.stop(Duration::from_millis(line.trim().parse().unwrap_or(0)));
    println!("the node ended: {:?}", node.wait());
}

/// Starts this test binary again as the ignored test `name`, with these variables.
pub fn again_as(name: &str, variables: &[(&str, String)]) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", name, "--nocapture", "--test-threads=1"]);
    command.envs(variables.iter().map(|(key, value)| (*key, value)));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// A raw client of the node beside the good one, which calls `rough`.
pub fn raw(node: &ChildNode, good: &Good) -> Raw {
    Raw::connect(&node.address(), good.client.pool("rough").unwrap().id())
}

/// The raw client's session goes on: a plain call is answered.
#[track_caller]
pub fn goes_on(raw: &mut Raw) {
    let slot = raw.slot(rough("ping"));
    assert_eq!(raw.ask(slot, &[5]).value::<u64>(), 5);
}

/// Reads a child's output up to a line that ends like this; the rest stays in the reader.
pub fn wait_for_line(output: &mut impl BufRead, ending: &str) {
    let mut line = String::new();
    loop {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0, "the child ended before it said {ending:?}");
        if line.trim_end().ends_with(ending) {
            return;
        }
    }
}

/// A running node in a child process, killed when dropped.
pub struct ChildNode {
    /// Its process.
    pub process: Child,
    output: BufReader<std::process::ChildStdout>,
    directory: tempfile::TempDir,
}

impl ChildNode {
    /// Starts it; the test binary has an ignored test `child_node` that calls `serve_if_asked`.
    pub fn start() -> Self {
        Self::with(None)
    }

    /// Starts it with this limit of bytes per session.
    pub fn with(session_bytes: Option<u64>) -> Self {
        let limit = session_bytes.map(|bytes| (SESSION_BYTES, bytes.to_string()));
        Self::begin(tempfile::tempdir().unwrap(), &limit.into_iter().collect::<Vec<_>>())
    }

    /// Starts one that listens for TCP connections too.
    pub fn listening() -> Self {
        Self::begin(tempfile::tempdir().unwrap(), &[(LISTENS, String::new())])
    }

    fn begin(directory: tempfile::TempDir, more: &[(&str, String)]) -> Self {
        let mut variables = vec![(DIRECTORY, directory.path().join("test").display().to_string())];
        variables.extend(more.iter().cloned());
        let mut process = again_as("child_node", &variables);
        let mut output = BufReader::new(process.stdout.take().unwrap());
        wait_for_line(&mut output, READY);
        Self { process, output, directory }
    }

    /// Kills one that listens, and starts another in its place: same directory, new process.
    pub fn killed_and_begun_again(mut self) -> Self {
        self.kill();
        let directory = std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap());
        Self::begin(directory, &[(LISTENS, String::new())])
    }

    /// Where it listens for TCP connections, and the token that it wants.
    pub fn tcp(&self) -> (String, windlass_client::Token) {
        let read = |name: &str| std::fs::read_to_string(self.directory.path().join("test").join(name)).unwrap();
        (read(TCP_FILE), windlass_client::Token::from_text(&read("token")).unwrap())
    }

    /// Memory of its process that is in use now, in bytes.
    pub fn resident(&self) -> u64 {
        resident(&self.process.id().to_string())
    }

    /// Where clients connect.
    pub fn address(&self) -> String {
        self.directory.path().join("test").display().to_string()
    }

    /// Descriptors that its process has open.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap().count()
    }

    /// Asks it to stop within so long, and waits for the words it ends with.
    pub fn stop(mut self, deadline_ms: u64) {
        writeln!(self.process.stdin.take().unwrap(), "{deadline_ms}").unwrap();
        wait_for_line(&mut self.output, "the node ended: Stopped");
        assert!(self.process.wait().unwrap().success());
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for ChildNode {
    fn drop(&mut self) {
        // It may have ended by itself, or have been killed by its test.
        let _may_be_gone = self.process.kill();
        let _already_waited_for = self.process.wait();
    }
}

/// Memory of a process that is in use now, in bytes; `self` for this one.
pub fn resident(process: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/statm")).unwrap();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap() * 4096
}

/// A client that behaves, beside those that do not.
pub struct Good {
    /// It.
    pub client: Client,
    data: Vec<u8>,
    frozen: windlass_client::FrozenLoan,
    pool: windlass_client::Pool,
}

impl Good {
    /// Connects and makes its memory, so that nothing it does later changes what the node holds.
    pub fn connect(address: &str) -> Self {
        let client = Client::connect(address).unwrap();
        let data: Vec<u8> = (0..100_000u32).map(|at| (at * 7) as u8).collect();
        let frozen = client.freeze(&data).unwrap();
        let pool = client.pool("rough").unwrap();
        let good = Self { client, data, frozen, pool };
        good.check();
        good
    }

    /// Calls with values, owned, frozen, shared and result buffers; each answer has to be right.
    pub fn check(&self) {
        let pool = &self.pool;
        let sum = xxhash_rust::xxh3::xxh3_64(&self.data);
        assert_eq!(pool.call(rough("ping")).argument(&77u64).wait().unwrap().value::<u64>().unwrap(), 77);
        assert_eq!(pool.call(rough("sum")).input(&self.data).wait().unwrap().value::<u64>().unwrap(), sum);
        assert_eq!(pool.call(rough("sum")).input(&self.frozen).wait().unwrap().value::<u64>().unwrap(), sum);
        let mut reply = pool.call(rough("copy")).input(&self.frozen).output(self.data.len()).wait().unwrap();
        assert_eq!(&*reply.take_view(0).unwrap(), &self.data[..]);
        let mut loan = self.client.lend(5000).unwrap();
        loan.fill(0x0F);
        let mut reply = pool.call(rough("flip")).inout_shared(loan).wait().unwrap();
        assert_eq!(&reply.take_loan(0).unwrap().0[..], &[0xF0; 5000][..]);
    }

    /// What the node says of itself.
    pub fn facts(&self) -> NodeFacts {
        self.facts_or_fault().unwrap()
    }

    /// The same from a node that may be gone.
    pub fn facts_or_fault(&self) -> Result<NodeFacts, Fault> {
        match ask(&self.client, &Request::Node)? {
            Response::Node(facts) => Ok(facts),
            other => panic!("{other:?}"),
        }
    }
}

/// What a node holds, to be compared with what it holds later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    descriptors: usize,
    sessions: u32,
    segment_bytes: u64,
    tasks: u64,
}

/// What it holds now, the good client's part included.
pub fn held(node: &ChildNode, good: &Good) -> Held {
    let facts = good.facts();
    Held {
        descriptors: node.descriptors(),
        sessions: facts.sessions,
        segment_bytes: facts.segment_bytes,
        tasks: facts.tasks,
    }
}

/// Waits until the node holds again what it held before, and no more.
pub fn returns_to(node: &ChildNode, good: &Good, before: Held) {
    let mut now = held(node, good);
    for _ in 0..1000 {
        if now == before {
            return good.check();
        }
        std::thread::sleep(Duration::from_millis(10));
        now = held(node, good);
    }
    panic!("the node holds {now:?} and held {before:?}");
}

/// Whoever looks at the node from outside sees every session that was ended, with its typed Fault and its words.
fn told_outside(good: &Good) {
    let (mut lost, mut events) = (0, Vec::new());
    loop {
        let after = events.last().map_or(0, |event: &EventFacts| event.number);
        let asked = ask(&good.client, &Request::Events { after, wait_ms: 0 }).unwrap();
        let Response::Events(less, more) = asked else { panic!("events are answered with events") };
        lost += less;
        if more.is_empty() {
            break;
        }
        events.extend(more);
    }
    for code in ends() {
        let told = events
            .iter()
            .any(|one| one.kind == "session ended" && one.code == code as u16 && !one.text.is_empty());
        assert!(lost > 0 || told, "{code:?} is missing among {events:?}");
    }
}

/// Runs a test against a node with a good client beside it: afterwards the node lives, the good client's answers are
/// right, and the node holds what it held before.
pub fn beside_a_good_client(test: impl FnOnce(&ChildNode, &Good)) {
    let node = ChildNode::start();
    let good = Good::connect(&node.address());
    let before = held(&node, &good);
    test(&node, &good);
    told_outside(&good);
    returns_to(&node, &good, before);
}
