//! The link: the way of a session's bytes, and what it needs there.
//!
//! Lives here: `Link` (one of two), `Ring` (shared memory: segments, rings, words, doorbell, control socket), `Submit`.
//! From: `connect`. To: `session` publishes by it, `reap` takes answers from it.
//! Holds: a session has one link for its life; what a caller sees does not depend on which.
//! Not here: streams (`stream`).

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use windlass_contract::slot::Slot;
use windlass_memory::park::ClientPark;
use windlass_memory::ring::{Producer, SUBMIT};
use windlass_memory::words::{Layout, NodeWords};
use windlass_memory::{Doorbell, Processors, Segment, SegmentId};

use crate::stream::Stream;
use crate::wire::Wire;

/// The way of a session's bytes.
pub(crate) enum Link {
    /// Shared memory.
    Ring(Box<Ring>),
    /// Frames over a socket.
    Stream(Box<Stream>),
}

/// A session in shared memory.
pub(crate) struct Ring {
    pub(crate) layout: Layout,
    /// The client's small segment: cells are written here.
    pub(crate) own: Arc<Segment>,
    /// The node's small segment: reply cells are read here.
    pub(crate) theirs: Arc<Segment>,
    pub(crate) words: NodeWords,
    pub(crate) park: ClientPark,
    pub(crate) processors: Processors,
    pub(crate) doorbell: Doorbell,
    pub(crate) wire: Wire,
    pub(crate) submit: Mutex<Submit>,
    pub(crate) has_backlog: AtomicBool,
    pub(crate) results: Mutex<HashMap<SegmentId, Arc<Segment>>>,
}

/// The submit ring's producer, and what waits for room in it.
pub(crate) struct Submit {
    pub(crate) producer: Producer<SUBMIT>,
    /// Cancels and releases. Bounded by what can be cancelled or released: calls, leases and frozen loans.
    pub(crate) backlog: VecDeque<Slot>,
}

impl Submit {
    /// Publishes notes while at most `calls` entries are unconsumed, so that calls always find room: the ring has twice
    /// as many.
    pub(crate) fn flush(&mut self, calls: u32) -> Result<(), String> {
        while let Some(note) = self.backlog.front() {
            let unconsumed = self.producer.unconsumed().map_err(|error| error.to_string())?;
            if unconsumed >= calls {
                break;
            }
            self.producer.publish(note.encode()).map_err(|error| error.to_string())?;
            self.backlog.pop_front();
        }
        Ok(())
    }
}
