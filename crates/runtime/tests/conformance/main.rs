//! Conformance: what holds of `echo` holds whether it is linked in, opened when the node starts, or loaded while it runs.
//!
//! Each claim is made on every road in turn, so that the C table is shown to be the only edge there is.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]

mod library;
#[path = "../stage/mod.rs"]
mod stage;
mod waits;

mod calls;
mod hooks;
mod loading;
mod refusals;

use stage::Stage;
use windlass_client::Client;
use windlass_echo::{Echo, echo};

/// How the module comes into the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Road {
    /// Linked into the node.
    Linked,
    /// A library that the configuration names.
    Configured,
    /// A library that `admin.load` opens while the node runs.
    Loaded,
}

/// A node with the pools `echo` and `other`.
pub struct Set {
    /// How the module came in.
    pub road: Road,
    /// The node.
    pub stage: Stage,
    /// A session.
    pub client: Client,
    /// The pool `echo`.
    pub echo: echo::Blocking,
}

impl Set {
    /// Starts a node and brings `echo` into it by this road.
    pub fn by(road: Road) -> Self {
        let stage = Stage::with(|config| match road {
            Road::Linked => config.modules.push(Echo::TABLE),
            Road::Configured => config.libraries.push(library::echo().into()),
            Road::Loaded => {}
        });
        if road == Road::Loaded {
            let path = library::echo().to_str().expect("a path in UTF-8");
            let loaded = stage.admin().load(path).expect("the library loads");
            assert_eq!((loaded[0].name.as_str(), loaded[0].origin.as_str()), ("echo", path));
        }
        let client = stage.client();
        let echo = echo::Blocking::create(&client, "echo", 1000).expect("the pool is made");
        echo::Blocking::create(&client, "other", u64::MAX).expect("the other pool is made");
        Self { road, stage, client, echo }
    }
}

/// Makes a claim on every road; a failure is told with its road.
pub fn on_every_road(claim: impl Fn(&Set)) {
    for road in [Road::Linked, Road::Configured, Road::Loaded] {
        println!("echo is {road:?}");
        claim(&Set::by(road));
    }
}
