//! Both sides of a session's two small segments, each with its own mappings, in one process.

use std::os::fd::AsFd;
use std::sync::Arc;

use windlass_memory::park::{ClientPark, NodePark};
use windlass_memory::ring::{COMPLETION, Consumer, Producer, SUBMIT};
use windlass_memory::words::{ClientWords, Layout, NodeWords};
use windlass_memory::{Access, Role, Segment};

/// The node's view: made and sealed here.
pub struct NodeSide {
    pub node_words: NodeWords,
    pub client_words: ClientWords,
    pub layout: Layout,
}

/// The client's view: opened from the node's descriptors.
pub struct ClientSide {
    pub node_words: NodeWords,
    pub client_words: ClientWords,
    pub layout: Layout,
}

/// A session of `calls` calls, seen from both sides.
pub fn session(calls: u32) -> (NodeSide, ClientSide) {
    let layout = Layout::new(calls).expect("a power of two");
    let (client_segment, client_fd) =
        Segment::create("test client", layout.bytes(), Role::Client).expect("create");
    let (node_segment, node_fd) = Segment::create("test node", layout.bytes(), Role::Node).expect("create");
    let seen_by_client = Segment::open(client_fd.as_fd(), layout.bytes(), Access::ReadWrite).expect("open");
    let node_seen_by_client = Segment::open(node_fd.as_fd(), layout.bytes(), Access::Read).expect("open");
    let node = NodeSide {
        node_words: NodeWords::begin(Arc::new(node_segment), 1, 2).expect("words"),
        client_words: ClientWords::open(Arc::new(client_segment)).expect("words"),
        layout,
    };
    let client = ClientSide {
        node_words: NodeWords::open(Arc::new(node_seen_by_client)).expect("words"),
        client_words: ClientWords::open(Arc::new(seen_by_client)).expect("words"),
        layout,
    };
    (node, client)
}

#[allow(dead_code, reason = "each test file uses its part")]
impl NodeSide {
    pub fn slots(&self) -> Consumer<SUBMIT> {
        let ring = self.layout.ring(Arc::clone(self.client_words.segment())).expect("ring");
        ring.consumer(self.node_words.own_submit_head())
    }

    pub fn completions(&self) -> Producer<COMPLETION> {
        let ring = self.layout.ring(Arc::clone(self.node_words.segment())).expect("ring");
        ring.producer(self.client_words.peer_completion_head())
    }

    pub fn park(&self) -> NodePark {
        NodePark::new(&self.node_words, &self.client_words)
    }
}

#[allow(dead_code, reason = "each test file uses its part")]
impl ClientSide {
    pub fn slots(&self) -> Producer<SUBMIT> {
        let ring = self.layout.ring(Arc::clone(self.client_words.segment())).expect("ring");
        ring.producer(self.node_words.peer_submit_head())
    }

    pub fn completions(&self) -> Consumer<COMPLETION> {
        let ring = self.layout.ring(Arc::clone(self.node_words.segment())).expect("ring");
        ring.consumer(self.client_words.own_completion_head())
    }

    pub fn park(&self) -> ClientPark {
        ClientPark::new(&self.node_words, &self.client_words)
    }
}
