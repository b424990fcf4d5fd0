//! Transports: what holds of a client in shared memory holds over a Unix stream and over TCP.
//!
//! Claims are functions over a connected client and a node, made on every way in turn (`calls`, `buffers`, `endings`); beside
//! them, what is said of streams alone (`frames`, `doors`).
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
#![allow(clippy::disallowed_methods, reason = "tests start threads, sleep and read files of their own")]

#[path = "../stage/mod.rs"]
mod stage;

mod buffers;
mod calls;
mod doors;
mod endings;
mod frames;
mod glass;

use glass::{Mirror, mirror};
use stage::Stage;
use windlass::prelude::*;
use windlass_client::Connect;
use windlass_echo::{Echo, echo};

/// The way of a session's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Shared memory.
    Ring,
    /// A Unix stream.
    Unix,
    /// TCP over loopback.
    Tcp,
}

/// A node with the pools `echo`, `other` and `mirror`, and a client of it.
pub struct Set {
    /// How the client comes to the node.
    pub way: Way,
    /// The node.
    pub stage: Stage,
    /// A session.
    pub client: Client,
    /// The pool `echo`.
    pub echo: echo::Blocking,
    /// The pool `mirror`.
    pub mirror: mirror::Blocking,
}

impl Set {
    /// A node, and a client that comes by this way.
    pub fn by(way: Way) -> Self {
        Self::with(way, |terms| terms)
    }

    /// The same on other terms.
    pub fn with(way: Way, terms: impl FnOnce(Connect) -> Connect) -> Self {
        let stage = Stage::with(|config| {
            config.modules.extend([Echo::TABLE, Mirror::TABLE]);
            config.tcp = Some("127.0.0.1:0".parse().expect("an address"));
        });
        let near = stage.client();
        for name in ["echo", "other"] {
            echo::Blocking::create(&near, name, 1000).expect("the pool is made");
        }
        mirror::Blocking::create(&near, "mirror").expect("the pool is made");
        let client = terms(connect(&stage, way)).open().expect("the node answers");
        let echo = echo::Blocking::on(client.pool("echo").expect("a pool"));
        let mirror = mirror::Blocking::on(client.pool("mirror").expect("a pool"));
        Self { way, stage, client, echo, mirror }
    }
}

/// How to come to a node by this way.
pub fn connect(stage: &Stage, way: Way) -> Connect {
    match way {
        Way::Ring => Connect::to(&stage.address()),
        Way::Unix => Connect::unix_stream(&stage.address()),
        Way::Tcp => Connect::tcp(&stage.tcp().to_string()).token(stage.token()),
    }
}

/// Makes a claim on every way; a failure is told with its way.
pub fn on_every_way(claim: impl Fn(&Set)) {
    for way in [Way::Ring, Way::Unix, Way::Tcp] {
        println!("by {way:?}");
        claim(&Set::by(way));
    }
}

/// Makes a claim of streams.
pub fn on_streams(claim: impl Fn(&Set)) {
    for way in [Way::Unix, Way::Tcp] {
        println!("by {way:?}");
        claim(&Set::by(way));
    }
}

/// Bytes that show when one of them stands elsewhere.
pub fn data(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at * 7 + at / 251 + at / 65_521) as u8).collect()
}
