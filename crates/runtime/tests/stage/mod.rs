//! A node in this process with the real `admin`, in a directory of its own, and clients of it.
#![allow(dead_code, reason = "each test uses a part")]

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::Thread;
use windlass_admin::{Admin, admin};
use windlass_client::Client;
use windlass_contract::Fault;
use windlass_contract::abi::ModuleTable;
use windlass_runtime::{Node, NodeConfig, PoolSpec};

/// A running node.
pub struct Stage {
    node: Option<Node>,
    directory: tempfile::TempDir,
}

impl Stage {
    /// A node with these modules linked in, and no pool but `admin`.
    pub fn of(modules: &[&'static ModuleTable]) -> Self {
        Self::with(|config| config.modules.extend(modules))
    }
    /// A node of a changed configuration.
    pub fn with(change: impl FnOnce(&mut NodeConfig)) -> Self {
        Self::try_with(change).expect("the node starts")
    }
    /// The same, if it starts.
    pub fn try_with(change: impl FnOnce(&mut NodeConfig)) -> Result<Self, Fault> {
        let directory = tempfile::tempdir().expect("a directory");
        let mut config = NodeConfig::new("test", Admin::TABLE);
        config.directory = directory.path().join("test");
        config.workers = workers();
        change(&mut config);
        Ok(Self { node: Some(Node::start(config)?), directory })
    }
    /// Where clients connect.
    pub fn address(&self) -> String {
        self.directory.path().join("test").display().to_string()
    }
    /// Where it listens for TCP connections.
    pub fn tcp(&self) -> std::net::SocketAddr {
        self.node.as_ref().and_then(Node::tcp).expect("it listens")
    }
    /// The token that those show.
    #[allow(clippy::disallowed_methods, reason = "a user reads the token's file as any other")]
    pub fn token(&self) -> windlass_client::Token {
        let text = std::fs::read_to_string(self.directory.path().join("test/token")).expect("the token's file");
        windlass_client::Token::from_text(&text).expect("a token")
    }
    /// Asks it to stop.
    pub fn stop(&self, deadline: std::time::Duration) {
        self.node.as_ref().expect("it runs").stop(deadline);
    }
    /// A client of it.
    pub fn client(&self) -> Client {
        Client::connect(&self.address()).expect("the node answers")
    }
    /// Its `admin`.
    pub fn admin(&self) -> admin::Blocking {
        admin::Blocking::on(self.client().admin())
    }
    /// Waits until it has ended.
    pub fn ended(mut self) -> windlass_runtime::NodeEnd {
        self.node.take().expect("it runs").wait()
    }
}

/// Workers of test nodes that do not say how many: `WINDLASS_TEST_WORKERS`, or 1.
pub fn workers() -> usize {
    std::env::var("WINDLASS_TEST_WORKERS").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// A pool to be made at the start.
pub fn pool(name: &str, module: &str, parameters: &[(&str, &str)]) -> PoolSpec {
    let parameters = parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    PoolSpec { parameters, ..PoolSpec::new(name, module) }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future to its end on this thread.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
