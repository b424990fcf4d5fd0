//! What a call will be, before it is sent.
//!
//! Lives here: `Prepared`, and how an `Outgoing` shows itself.
//! From: `Outgoing::prepared`, for whoever looks at calls before they go: tools, tests, policies of a caller. To: nothing.
//! Holds: looking changes nothing; what is told is what `send` would send, or why it would not.

use std::fmt;
use std::time::Duration;

use windlass_contract::head::{BufferKind, Direction};
use windlass_contract::slot::Query;
use windlass_contract::{Fault, MethodRef, PoolId};

use crate::outgoing::Outgoing;

/// A call that was put together and not sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// The pool that it goes to.
    pub pool: PoolId,
    /// The method, as the caller knows it.
    pub method: MethodRef,
    /// Which containers.
    pub query: Query,
    /// Time that it may take; `None`: any.
    pub deadline: Option<Duration>,
    /// Whether its caller waits for acceptance only.
    pub detached: bool,
    /// Its arguments in postcard, without what tells of buffers.
    pub arguments: Vec<u8>,
    /// Its buffers in order: direction, kind, bytes (of an `Out<Bytes>`: the room).
    pub buffers: Vec<(Direction, BufferKind, u64)>,
    /// Why it cannot be sent, if that is known already.
    pub fault: Option<Fault>,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.prepared().fmt(f)
    }
}
