//! Processors: which one each side of a session runs on, so that neither spins where it keeps the other from running.
//!
//! Lives here: `Processors`, one per side. From: whoever is about to wait. Drawn in docs/formats.md, section Words.
//! Holds: a wrong word costs its writer's peer at most one bounded spin; nothing else depends on it.

use crate::cells::{Word, WordMut};
use crate::word::{OwnWord, PeerWord};
use crate::words::{CLIENT_PROCESSOR, ClientWords, NODE_PROCESSOR, NodeWords};

/// One side's view of both processors.
pub struct Processors {
    own: OwnWord,
    peer: PeerWord,
}

impl Processors {
    /// The node's side.
    ///
    /// # Panics
    /// If the node's segment is mapped for reading only.
    pub fn node(node: &NodeWords, client: &ClientWords) -> Processors {
        Processors {
            own: OwnWord::new(node.segment(), NODE_PROCESSOR),
            peer: PeerWord::new(client.segment(), CLIENT_PROCESSOR),
        }
    }

    /// The client's side.
    ///
    /// # Panics
    /// If the client's segment is mapped for reading only.
    pub fn client(node: &NodeWords, client: &ClientWords) -> Processors {
        Processors {
            own: OwnWord::new(client.segment(), CLIENT_PROCESSOR),
            peer: PeerWord::new(node.segment(), NODE_PROCESSOR),
        }
    }

    /// Says which processor this thread runs on, and answers whether the peer last ran on another one: only then can
    /// it answer while this side looks on.
    ///
    /// Cost: a read of the processor's number, a load, and a store if it has changed.
    #[inline]
    pub fn apart(&self) -> bool {
        let own = rustix::thread::sched_getcpu() as u32 + 1;
        if self.own.load() != own {
            self.own.store(own);
        }
        let peer = self.peer.load();
        peer != 0 && peer != own
    }
}
