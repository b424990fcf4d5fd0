//! Attending: a session whose answers are taken by a loop of the program's own, woken by a descriptor.
//!
//! Lives here: `Attending`, `Client::attending`.
//! From: loops that sleep in epoll, tokio's or asyncio's, of a client made by `Connect::attended`. To: the same answers that a
//!   thread would take; futures are woken.
//! Holds: after `attend` the descriptor becomes readable when an answer comes, or the session ends; none is missed between the last
//!   look and the sleep, because the node is asked before that look.
//! Not here: what the loop sleeps in.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use windlass_memory::cells::{Word as _, WordMut as _};

use crate::client::Client;
use crate::hand::Patience;
use crate::limits::ATTEND_ROUNDS_MAX;
use crate::link::{Link, Ring};
use crate::session::Session;

/// One session's descriptor and what to do when it is readable. After `Client::reconnect` ask for another.
pub struct Attending {
    session: Arc<Session>,
}

impl Client {
    /// The session as a loop attends it. Call [`Attending::attend`] once before the first sleep.
    pub fn attending(&self) -> Attending {
        Attending::of(&self.session())
    }
}

impl Attending {
    pub(crate) fn of(session: &Arc<Session>) -> Attending {
        Attending { session: Arc::clone(session) }
    }

    /// Takes what answers there are and wakes the futures that wait for them; then asks the node to make the descriptor readable at
    /// the next one. Answers how many calls were answered. Never blocks.
    ///
    /// Call it whenever the descriptor is readable. A loop that looks at `Pending::is_answered` by itself calls it before each sleep as
    /// well: a call that asked the node for memory may have taken the answers already.
    ///
    /// Cost: a system call or two.
    pub fn attend(&self) -> u32 {
        let (session, mut taken) = (&self.session, 0);
        for _ in 0..ATTEND_ROUNDS_MAX {
            session.answers_wait.store(false, Ordering::Relaxed);
            if let Link::Ring(ring) = &session.link {
                while ring.wire.has_words() && session.act(ring.wire.read(&Patience::none()).0) {}
                // Before the last look.
                watch(ring);
            }
            let now = session.pump();
            taken += now;
            if now == 0 && !session.has_news() && !session.answers_wait.load(Ordering::Acquire) {
                break;
            }
        }
        taken
    }

    /// Whether the session has ended: every call that was out has ended with it, and the descriptor stays readable.
    pub fn is_over(&self) -> bool {
        self.session.over.get().is_some()
    }
}

/// Asks the node to tell of the next completions on the socket. What is there already is for a look after this.
///
/// Holds: either the node has not told of this number, or what it said of it has not been read. So whoever reads it asks again.
pub(crate) fn watch(ring: &Ring) {
    // 0 says that nobody watches.
    ring.watched.store(ring.watched.load().wrapping_add(1).max(1));
    // ORDER: with the fence in the node's `announce`: either it sees this, or the look that follows sees the entries.
    fence(Ordering::SeqCst);
}

impl AsFd for Attending {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.session.link {
            Link::Ring(ring) => ring.wire.descriptor(),
            Link::Stream(stream) => stream.descriptor(),
        }
    }
}

impl AsRawFd for Attending {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl std::fmt::Debug for Attending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Attending(session {})", self.session.welcome().session)
    }
}
