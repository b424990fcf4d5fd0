//! Parking: how either side sleeps without missing what the other publishes, and how neither makes a system call
//! while both are awake. Drawn in docs/formats.md, section Words.
//!
//! Lives here: `NodePark` (announce completions, arm for silence), `ClientPark` (ring when armed, wait for more).
//! Holds: each side publishes, fences, then looks whether the other sleeps; the other says that it sleeps, fences,
//!   then looks once more. Of two such sides at least one sees the other, so no wake is lost.
//! Not here: how long to spin first (client, lane), the rings (`ring.rs`), the eventfd (`doorbell.rs`).

use std::time::Duration;

use crate::cells::{Bell, Sleeper, Slept, Word, WordMut};
use crate::sync::{Ordering, fence};
use crate::word::{OwnWord, PeerWord};
use crate::words::{ARMED, ARMED_AT, COMPLETION_TAIL, ClientWords, ENDED, NodeWords, PARKED, PARKED_AT, POLLS};

/// The node's side of one session.
pub struct NodePark<A = OwnWord, T = OwnWord, P = PeerWord> {
    armed: A,
    tail: T,
    ended: A,
    parked: P,
}

impl NodePark {
    /// Over the words of a session, on the node.
    ///
    /// # Panics
    /// If the node's segment is mapped for reading only.
    pub fn new(node: &NodeWords, client: &ClientWords) -> NodePark {
        NodePark {
            armed: OwnWord::new(node.segment(), ARMED_AT),
            tail: OwnWord::new(node.segment(), COMPLETION_TAIL),
            ended: OwnWord::new(node.segment(), ENDED),
            parked: PeerWord::new(client.segment(), PARKED_AT),
        }
    }
}

impl<A: WordMut, T: Bell, P: Word> NodePark<A, T, P> {
    /// Over any words, for the model checker.
    pub fn over(armed: A, tail: T, ended: A, parked: P) -> NodePark<A, T, P> {
        NodePark { armed, tail, ended, parked }
    }

    /// Says that completions were published up to `completion_tail` (`Producer::published`), once per batch, and
    /// wakes the client if it sleeps. Answers whether it did.
    ///
    /// Cost: a store, a full fence, a load; a system call if the client is parked.
    #[inline]
    pub fn announce(&self, completion_tail: u32) -> bool {
        self.tail.store(completion_tail);
        // ORDER: with the fence in `ClientPark::wait`: either this load sees PARKED, or the client's second look
        //   sees the entries and the tail.
        fence(Ordering::SeqCst);
        let parked = self.parked.load() == PARKED;
        if parked {
            self.tail.wake();
        }
        parked
    }

    /// Says that the session is over and why, and wakes the client whatever its words say. The tail moves on by one
    /// as well: a client between its second look and its sleep finds the word changed.
    pub fn end(&self, code: u32) {
        self.ended.store(code);
        self.tail.store(self.tail.load().wrapping_add(1));
        fence(Ordering::SeqCst);
        self.tail.wake();
    }

    /// Says that this worker stops looking at the session; then looks once more, by `ready`. `true`: the session may
    /// be forgotten until its doorbell rings. `false`: something was there, and the session is not armed.
    #[inline]
    pub fn arm(&self, ready: impl FnOnce() -> bool) -> bool {
        self.armed.store(ARMED);
        // ORDER: with the fence in `ClientPark::rang_needed`: either `ready` sees the slot, or the client sees ARMED.
        fence(Ordering::SeqCst);
        if ready() {
            self.disarm();
            return false;
        }
        true
    }

    /// Says that this worker looks at the session again, so its doorbell need not be rung.
    #[inline]
    pub fn disarm(&self) {
        self.armed.store(0);
    }
}

/// The client's side of one session. One thread at a time waits: the reaper (`reaper.rs`).
pub struct ClientPark<K = OwnWord, A = PeerWord, T = PeerWord> {
    parked: K,
    armed: A,
    tail: T,
}

impl ClientPark {
    /// Over the words of a session, in the client.
    ///
    /// # Panics
    /// If the client's segment is mapped for reading only.
    pub fn new(node: &NodeWords, client: &ClientWords) -> ClientPark {
        ClientPark {
            parked: OwnWord::new(client.segment(), PARKED_AT),
            armed: PeerWord::new(node.segment(), ARMED_AT),
            tail: PeerWord::new(node.segment(), COMPLETION_TAIL),
        }
    }
}

impl<K: WordMut, A: Word, T: Sleeper> ClientPark<K, A, T> {
    /// Over any words, for the model checker.
    pub fn over(parked: K, armed: A, tail: T) -> ClientPark<K, A, T> {
        ClientPark { parked, armed, tail }
    }

    /// After publishing slots: whether the worker sleeps, so that the doorbell must be rung.
    ///
    /// Cost: a full fence and a load.
    #[inline]
    pub fn rang_needed(&self) -> bool {
        // ORDER: with the fence in `NodePark::arm`.
        fence(Ordering::SeqCst);
        self.armed.load() == ARMED
    }

    /// The tail to pass to `wait`: read it before looking at the ring.
    #[inline]
    pub fn seen(&self) -> u32 {
        let tail = self.tail.load();
        fence(Ordering::Acquire);
        tail
    }

    /// Sleeps until the node announces more than `seen`, or the timeout. `ready` is the second look: whether the
    /// ring has an entry or the session has ended. Whatever the answer, look again: it may end early.
    ///
    /// Cost: two stores, a full fence, and a system call unless something was there.
    pub fn wait(&self, seen: u32, timeout: Option<Duration>, ready: impl FnOnce() -> bool) -> Slept {
        self.parked.store(PARKED);
        // ORDER: with the fence in `NodePark::announce`.
        fence(Ordering::SeqCst);
        let slept =
            if ready() || self.tail.load() != seen { Slept::Changed } else { self.tail.sleep(seen, timeout) };
        self.parked.store(POLLS);
        slept
    }
}
