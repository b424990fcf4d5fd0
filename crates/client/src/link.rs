//! The link: the way of a session's bytes, and what it needs there.
//!
//! Lives here: `Link` (one of two), `Ring` (shared memory: segments, rings, words, doorbell, control socket), `Submit`.
//! From: `connect`. To: `session` publishes by it, `reap` takes answers from it.
//! Holds: a session has one link for its life; what a caller sees does not depend on which.
//! Not here: streams (`stream`).

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use windlass_contract::CallId;
use windlass_contract::slot::{Kind, Slot};
use windlass_memory::park::ClientPark;
use windlass_memory::ring::{Producer, SUBMIT};
use windlass_memory::word::OwnWord;
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
    /// By which the node is asked to tell of completions on the socket.
    pub(crate) watched: OwnWord,
    pub(crate) wire: Wire,
    pub(crate) submit: Mutex<Submit>,
    pub(crate) has_backlog: AtomicBool,
    pub(crate) results: Mutex<HashMap<SegmentId, Readable>>,
}

/// A segment that the node writes and this process reads.
pub(crate) struct Readable {
    pub(crate) segment: Arc<Segment>,
    /// Memory of one result, which may be longer than the room that was asked for, and goes with its one lease.
    pub(crate) shown: bool,
}

/// The submit ring's producer, and what waits for room in it.
///
/// Holds: half of the ring is for calls, of which at most `calls` are out, the other half for notes, so that either finds room
/// whatever the other has published.
pub(crate) struct Submit {
    producer: Producer<SUBMIT>,
    /// Cancels and releases. Bounded by what can be cancelled or released: calls, leases and frozen loans.
    pub(crate) backlog: VecDeque<Slot>,
    /// Entries published, counted as the ring counts.
    published: u32,
    /// Where the notes stand that the node has not consumed, as far as was last seen; at most `calls`.
    notes: VecDeque<u32>,
}

impl Submit {
    pub(crate) fn new(producer: Producer<SUBMIT>) -> Submit {
        Submit { producer, backlog: VecDeque::new(), published: 0, notes: VecDeque::new() }
    }

    pub(crate) fn publish(&mut self, slot: &Slot) -> Result<(), String> {
        self.producer.publish(slot.encode()).map_err(|error| error.to_string())?;
        self.published = self.published.wrapping_add(1);
        Ok(())
    }

    /// The calls that the node has not taken from the ring. It says how far it is before it acts on what it took.
    pub(crate) fn not_taken(&mut self) -> HashSet<CallId> {
        // A node that lied about it has told nothing.
        let left = self.producer.left().unwrap_or_default();
        let slots = left.iter().filter_map(|entry| Slot::decode(entry).ok());
        slots.filter(|slot| slot.kind == Kind::Call).map(|slot| slot.call).collect()
    }

    /// Publishes notes while fewer than `calls` of them are unconsumed: calls have the other half of the ring.
    pub(crate) fn flush(&mut self, calls: u32) -> Result<(), String> {
        while let Some(note) = self.backlog.front().copied() {
            if self.notes.len() as u32 >= calls {
                let unconsumed = self.producer.unconsumed().map_err(|error| error.to_string())?;
                let consumed = self.published.wrapping_sub(unconsumed);
                while self.notes.front().is_some_and(|at| consumed.wrapping_sub(*at) as i32 > 0) {
                    self.notes.pop_front();
                }
                if self.notes.len() as u32 >= calls {
                    break;
                }
            }
            self.notes.push_back(self.published);
            self.publish(&note)?;
            self.backlog.pop_front();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::note;
    use std::os::fd::AsFd;
    use windlass_memory::ring::Consumer;
    use windlass_memory::words::ClientWords;
    use windlass_memory::{Access, Role};

    /// Both sides of a submit ring for so many calls.
    fn ring(calls: u32) -> (Submit, Consumer<SUBMIT>) {
        let layout = Layout::new(calls).expect("a power of two");
        let make = |role| Segment::create("test", layout.bytes(), role).expect("memory");
        let ((client, _), (node, node_fd)) = (make(Role::Client), make(Role::Node));
        let seen = Segment::open(node_fd.as_fd(), layout.bytes(), Access::Read).expect("memory");
        let client = Arc::new(client);
        let node = NodeWords::begin(Arc::new(node), 1, 2).expect("words");
        let seen = NodeWords::open(Arc::new(seen)).expect("words");
        let words = ClientWords::open(Arc::clone(&client)).expect("words");
        let producer = layout.ring(client).expect("a ring").producer(seen.peer_submit_head());
        let ours = layout.ring(Arc::clone(words.segment())).expect("a ring");
        (Submit::new(producer), ours.consumer(node.own_submit_head()))
    }

    fn cancel(call: u32) -> Slot {
        note(Kind::Cancel, CallId::new(0, call), SegmentId::NONE, 0)
    }

    /// A session with one call had one entry of its ring for notes, and only while the call's own entry was consumed: a cancel
    /// sent at once waited for the next quarter second.
    #[test]
    fn a_cancel_finds_room_although_no_call_was_consumed() {
        let (mut submit, mut node) = ring(1);
        submit.publish(&Slot { kind: Kind::Call, ..cancel(1) }).expect("room for a call");
        submit.backlog.push_back(cancel(1));
        submit.flush(1).expect("a sound ring");
        assert!(submit.backlog.is_empty());
        // The next note waits, because the other half is for calls; once one is consumed, it goes.
        submit.backlog.push_back(cancel(2));
        submit.flush(1).expect("a sound ring");
        assert_eq!(submit.backlog.len(), 1);
        assert!(node.take().is_some() && node.take().is_some() && node.take().is_none());
        node.commit();
        submit.flush(1).expect("a sound ring");
        assert!(submit.backlog.is_empty());
        submit.publish(&Slot { kind: Kind::Call, ..cancel(3) }).expect("room for a call beside it");
    }

    /// A node that is gone has not started what it had not taken, and nobody can say more of the rest.
    #[test]
    fn what_the_node_had_not_taken_is_known() {
        let (mut submit, mut node) = ring(4);
        assert!(submit.not_taken().is_empty());
        for call in 1..=3 {
            submit.publish(&Slot { kind: Kind::Call, ..cancel(call) }).expect("room for a call");
        }
        submit.backlog.push_back(cancel(1));
        submit.flush(4).expect("a sound ring");
        assert!(node.take().is_some());
        assert_eq!(submit.not_taken().len(), 3, "taken, but nothing said of it yet");
        node.commit();
        assert_eq!(submit.not_taken(), [2, 3].map(|call| CallId::new(0, call)).into());
        while node.take().is_some() {}
        node.commit();
        assert!(submit.not_taken().is_empty());
    }

    #[test]
    fn calls_find_room_whatever_notes_were_published() {
        let calls = 4;
        let (mut submit, mut node) = ring(calls);
        let mut out = 0;
        for step in 0..2_000_u32 {
            match step % 7 {
                0 | 3 | 5 => submit.backlog.push_back(cancel(step)),
                1 | 4 if out < calls => {
                    submit.publish(&Slot { kind: Kind::Call, ..cancel(step) }).expect("room for a call");
                    out += 1;
                }
                2 | 6 if step % 3 == 0 => {
                    while let Some(entry) = node.take() {
                        out -= u32::from(Slot::decode(&entry).expect("a slot").kind == Kind::Call);
                    }
                    node.commit();
                }
                _ => {}
            }
            submit.flush(calls).expect("a sound ring");
            assert!(submit.notes.len() as u32 <= calls);
        }
        assert!(submit.published > 200);
    }
}
