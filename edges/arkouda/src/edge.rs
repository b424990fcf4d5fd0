//! Edge: the listening socket, and the thread that serves it.
//!
//! Lives here: `Options`, `Edge`, `Stopper`, `EdgeError`.
//! From: `bin/windlass`, which starts the thread. To: `peer`, a task for each connection.
//! Holds: loopback only, unless a token is asked for; one control thread, on which nothing computes.

use crate::calls::Calls;
use crate::core::Core;
use crate::limits::CONNECTIONS_MAX;
use crate::peer;
use crate::token::Token;
use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::rc::Rc;
use tokio::sync::watch;
use windlass_contract::Fault;

/// Threads on which waiting for the node may block: connecting a user, asking for descriptions.
const BLOCKING_THREADS: usize = 4;

/// How the edge is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen: `tcp://127.0.0.1:5555`.
    pub listen: String,
    /// What requests have to carry, if anything.
    pub token: Option<Token>,
    /// Whether the server stops when a client disconnects.
    pub auto_shutdown: bool,
    /// Ranks that are announced.
    pub ranks: Vec<u32>,
    /// Parameter classes to announce; `None` = Arkouda's own.
    pub registration: Option<serde_json::Value>,
    /// Bytes that symbols may have, as clients are told.
    pub memory_max: u64,
    /// Processors, as clients are told.
    pub processors: usize,
    /// The level of the log, as clients are told.
    pub log_level: String,
    /// Where the log goes, as clients are told.
    pub log_channel: String,
    /// Whether the server was started without its splash, as clients are told.
    pub no_splash: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: "tcp://127.0.0.1:5555".into(),
            token: None,
            auto_shutdown: false,
            ranks: vec![1, 2, 3],
            registration: None,
            memory_max: crate::facts::physical_bytes() / 10 * 7,
            processors: 1,
            log_level: "INFO".into(),
            log_channel: "CONSOLE".into(),
            no_splash: false,
        }
    }
}

/// Why there is no edge.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// Not an address.
    #[error("{0:?} is not where an edge can listen; write tcp://127.0.0.1:5555")]
    Address(String),
    /// Not only this machine, and no token.
    #[error(
        "{0} can be reached from other machines, and whoever reaches it may do everything: \
         listen on 127.0.0.1, or ask for a token (it passes unencrypted)"
    )]
    Open(SocketAddr),
    /// The system does not give the socket.
    #[error("{address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What it says.
        source: io::Error,
    },
    /// The system does not give what a thread needs.
    #[error("the edge's thread: {0}")]
    Thread(io::Error),
    /// The node does not say what it has.
    #[error("{0}")]
    Node(#[from] Fault),
}

/// An edge that listens already, and is to be run.
pub struct Edge {
    node: String,
    options: Options,
    listener: TcpListener,
    address: SocketAddr,
    calls: Calls,
    stop: watch::Sender<bool>,
}

/// Ends an edge from another thread. Dropping it changes nothing.
#[derive(Clone, Debug)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// Ends the edge: connections are closed, commands that run are cancelled.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Edge {
    /// Listens, and asks the node (its name, or its directory) for its commands.
    ///
    /// # Errors
    /// `EdgeError`: the address, the node.
    pub fn bind(node: &str, options: Options) -> Result<Edge, EdgeError> {
        let address = resolve(&options.listen)?;
        if !address.ip().is_loopback() && options.token.is_none() {
            return Err(EdgeError::Open(address));
        }
        let rank_max = options.ranks.iter().max().and_then(|rank| u8::try_from(*rank).ok()).unwrap_or(1);
        let calls = Calls::open(node, rank_max)?;
        let failed = |source| EdgeError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Edge { node: node.to_owned(), options, listener, address, calls, stop: watch::Sender::new(false) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What ends it.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.stop.clone())
    }

    /// Serves on this thread until the stopper says so. `stop_node` is called when a client shuts the server down.
    ///
    /// # Errors
    /// `Thread` when the system does not give what is needed.
    pub fn run(self, stop_node: impl Fn() + Send + 'static) -> Result<(), EdgeError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_name("windlass-arkouda")
            .build()
            .map_err(EdgeError::Thread)?;
        let tasks = tokio::task::LocalSet::new();
        let ended = runtime.block_on(tasks.run_until(async move {
            let listener = tokio::net::TcpListener::from_std(self.listener).map_err(EdgeError::Thread)?;
            let receiver = self.stop.subscribe();
            let core = Rc::new(Core::new(
                &self.node,
                self.options,
                self.address,
                self.calls,
                Box::new(stop_node),
                receiver,
            ));
            accept(&core, &listener).await;
            Ok(())
        }));
        // Tasks of connections end here; a thread that waits for the node is not waited for.
        drop(tasks);
        runtime.shutdown_background();
        ended
    }
}

async fn accept(core: &Rc<Core>, listener: &tokio::net::TcpListener) {
    let open = Rc::new(Cell::new(0usize));
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            () = core.stopping() => return,
        };
        match stream {
            Ok((stream, _)) if open.get() < CONNECTIONS_MAX => {
                open.set(open.get() + 1);
                let (core, open) = (Rc::clone(core), Rc::clone(&open));
                tokio::task::spawn_local(async move {
                    peer::serve(core, stream).await;
                    open.set(open.get() - 1);
                });
            }
            Ok((_, peer)) => {
                tracing::warn!(%peer, "arkouda: {CONNECTIONS_MAX} connections are open; this one is closed")
            }
            Err(error) => {
                // Descriptors may be short for a while; asking again at once would only burn a processor.
                tracing::warn!(%error, "arkouda: a connection could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

/// `tcp://HOST:PORT` as an address; `*` is every address of the machine.
fn resolve(listen: &str) -> Result<SocketAddr, EdgeError> {
    let wrong = || EdgeError::Address(listen.to_owned());
    let rest = listen.strip_prefix("tcp://").ok_or_else(wrong)?;
    let rest = rest.strip_prefix('*').map_or_else(|| rest.to_owned(), |port| format!("0.0.0.0{port}"));
    rest.to_socket_addrs().map_err(|_| wrong())?.next().ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        assert_eq!(resolve("tcp://127.0.0.1:0").expect("one").to_string(), "127.0.0.1:0");
        assert_eq!(resolve("tcp://*:5555").expect("one").to_string(), "0.0.0.0:5555");
        for wrong in
            ["127.0.0.1:5555", "tcp://", "tcp://x", "tcp://127.0.0.1", "ipc://x:1", "tcp://127.0.0.1:99999"]
        {
            assert!(matches!(resolve(wrong), Err(EdgeError::Address(_))), "{wrong}");
        }
    }

    #[test]
    fn other_machines_are_let_in_with_a_token_only() {
        let open = Options { listen: "tcp://0.0.0.0:0".into(), ..Options::default() };
        assert!(matches!(Edge::bind("/nowhere/at-all", open), Err(EdgeError::Open(_))));
    }
}
