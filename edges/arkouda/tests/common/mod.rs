//! What the tests share: a node with an edge in this process, and a client that is another hand's ZeroMQ.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::disallowed_methods, reason = "tests start threads and wait")]

use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;
use windlass_admin::Admin;
use windlass_edge_arkouda::{Edge, Options, Stopper};
use windlass_runtime::{Node, NodeConfig};
use zeromq::{Socket, SocketRecv, SocketSend, ZmqMessage};

/// Longest wait for an answer before a test says that none came.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A node and its edge.
pub struct Harbour {
    node: Option<Node>,
    stopper: Stopper,
    thread: Option<JoinHandle<()>>,
    pub address: SocketAddr,
    pub told_to_stop: Arc<AtomicBool>,
    folder: TempDir,
}

impl Harbour {
    /// With the usual options, on a port of its own.
    pub fn open() -> Harbour {
        Harbour::with(Options::default())
    }

    /// With these options; where it listens is its own matter.
    pub fn with(options: Options) -> Harbour {
        Harbour::with_modules(options, &[])
    }

    /// With these modules besides.
    pub fn with_modules(options: Options, modules: &[&'static windlass_contract::abi::ModuleTable]) -> Harbour {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = NodeConfig::new("harbour", Admin::TABLE);
        config.modules = windlass_array::TABLES.to_vec();
        config.modules.push(windlass_transfer::Transfer::TABLE);
        config.modules.extend_from_slice(modules);
        config.directory = folder.path().join("node");
        let node = Node::start(config).expect("a node");
        let directory = folder.path().join("node").display().to_string();
        let options = Options { listen: "tcp://127.0.0.1:0".into(), ..options };
        let edge = Edge::bind(&directory, options).expect("an edge");
        let (address, stopper) = (edge.address(), edge.stopper());
        let told_to_stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&told_to_stop);
        let thread = std::thread::spawn(move || {
            edge.run(move || told.store(true, Ordering::SeqCst)).expect("the edge ends as it should");
        });
        Harbour { node: Some(node), stopper, thread: Some(thread), address, told_to_stop, folder }
    }

    /// Ends a pool and makes it again, empty, by a client of the node's own.
    pub fn remake(&self, pool: &str) {
        let client = windlass_client::Client::connect(&self.folder.path().join("node").display().to_string());
        let client = client.expect("the node answers");
        let node = windlass_client::dynamic::DynamicPool::open(&client, "admin").expect("pool 0");
        let given =
            [("name", pool), ("module", pool), ("parameters", "[]")].map(|(key, text)| (key.into(), text.into()));
        node.call("destroy_pool", &given[..1], &[]).expect("it ends");
        node.call("create_pool", &given, &[]).expect("it is made again");
    }

    /// A client of the user `tester`.
    pub fn client(&self) -> Asker {
        Asker::connect(self.address, "tester")
    }
}

impl Drop for Harbour {
    fn drop(&mut self) {
        self.stopper.stop();
        let edge = self.thread.take().map(JoinHandle::join);
        if let Some(node) = self.node.take() {
            node.stop(Duration::ZERO);
            let _ended = node.wait();
        }
        if !std::thread::panicking() {
            edge.expect("a thread").expect("the edge did not panic");
        }
    }
}

/// A client: REQ of the crate `zeromq`, and JSON as Arkouda's client writes it.
pub struct Asker {
    runtime: tokio::runtime::Runtime,
    socket: zeromq::ReqSocket,
    pub user: String,
    pub token: String,
}

impl Asker {
    pub fn connect(address: SocketAddr, user: &str) -> Asker {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut socket = zeromq::ReqSocket::new();
        runtime.block_on(socket.connect(&format!("tcp://{address}"))).expect("connected");
        Asker { runtime, socket, user: user.into(), token: String::new() }
    }

    /// Sends frames and gives back the one frame that answers.
    pub fn frames(&mut self, frames: &[&[u8]]) -> Vec<u8> {
        let frames: VecDeque<_> = frames.iter().map(|frame| frame.to_vec().into()).collect();
        let message = ZmqMessage::try_from(frames).expect("at least one frame");
        let socket = &mut self.socket;
        let answer = self.runtime.block_on(async {
            tokio::time::timeout(PATIENCE, async {
                socket.send(message).await.expect("sent");
                socket.recv().await.expect("answered")
            })
            .await
            .expect("an answer in time")
        });
        assert_eq!(answer.len(), 1, "an answer is one frame");
        answer.get(0).expect("one").to_vec()
    }

    /// The text of a request.
    pub fn text(&self, cmd: &str, args: &[(&str, &str)]) -> String {
        let list: Vec<String> =
            args.iter().map(|(key, val)| json!({ "key": key, "dtype": "str", "val": val }).to_string()).collect();
        let list = serde_json::to_string(&list).expect("JSON");
        json!({
            "user": self.user, "token": self.token, "cmd": cmd, "format": "STRING",
            "args": list, "size": args.len(),
        })
        .to_string()
    }

    /// Asks in text; the whole reply.
    pub fn reply(&mut self, cmd: &str, args: &[(&str, &str)]) -> Value {
        let text = self.text(cmd, args);
        let answer = self.frames(&[text.as_bytes()]);
        serde_json::from_slice(&answer).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
    }

    /// Asks in text; the message of a good reply.
    pub fn ask(&mut self, cmd: &str, args: &[(&str, &str)]) -> String {
        let reply = self.reply(cmd, args);
        assert_eq!(reply["msgType"], "NORMAL", "{cmd}: {reply}");
        reply["msg"].as_str().expect("text").to_owned()
    }

    /// Asks in text; the message of a refusal.
    pub fn refused(&mut self, cmd: &str, args: &[(&str, &str)]) -> String {
        let reply = self.reply(cmd, args);
        assert_eq!(reply["msgType"], "ERROR", "{cmd}: {reply}");
        reply["msg"].as_str().expect("text").to_owned()
    }

    /// Asks with a payload.
    pub fn send(&mut self, cmd: &str, args: &[(&str, &str)], payload: &[u8]) -> Value {
        let text = format!("{}BINARY_PAYLOAD", self.text(cmd, args));
        let answer = self.frames(&[text.as_bytes(), payload]);
        serde_json::from_slice(&answer).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
    }

    /// Asks for bytes.
    pub fn bytes(&mut self, cmd: &str, args: &[(&str, &str)]) -> Vec<u8> {
        let text = self.text(cmd, args);
        self.frames(&[text.as_bytes()])
    }
}

/// Waits until something is so.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let (_never, wait) = mpsc::channel::<()>();
    for _ in 0..3000 {
        if so() {
            return;
        }
        let _pause = wait.recv_timeout(Duration::from_millis(10));
    }
    panic!("{what} did not come");
}
