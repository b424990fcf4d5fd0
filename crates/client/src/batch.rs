//! A batch: calls that are published together, and the node woken once.
//!
//! Lives here: `Batch`.
//! From: `Client::batch`, calls put together (`outgoing`). To: the ring or stream of one session, one after another, and one bell.
//! Holds: calls are published in the order in which they were added; one that cannot be sent fails alone. The node may begin the
//!   first before the last is published: a batch saves wakes, it is no transaction.
//! Not here: waiting (`pending`).

use std::sync::Arc;

use windlass_contract::limits::CALLS_MAX;
use windlass_contract::{Code, Fault};

use crate::again::Life;
use crate::outgoing::Outgoing;
use crate::pending::Pending;

/// Calls of one session that are sent together. Begun by [`Client::batch`].
///
/// # Example
/// ```no_run
/// # fn main() -> Result<(), windlass_contract::Fault> {
/// # let client = windlass_client::Client::connect("local")?;
/// # let pool = client.pool("echo")?;
/// # let ping = windlass_contract::MethodRef { id: windlass_contract::MethodId(20), schema: 0, name: "ping", idempotent: true };
/// let mut batch = client.batch();
/// for value in 0..100_u64 {
///     batch.add(pool.call(ping).argument(&value))?;
/// }
/// for pending in batch.send() {
///     pending.wait()?;
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "a batch that is not sent does nothing"]
pub struct Batch {
    life: Arc<Life>,
    calls: Vec<Outgoing>,
}

impl Batch {
    pub(crate) fn new(life: Arc<Life>) -> Batch {
        Batch { life, calls: Vec::new() }
    }

    /// The next call.
    ///
    /// # Errors
    /// `BadArguments` for a call of another session; `TooLarge` beyond `limits::CALLS_MAX` calls.
    pub fn add(&mut self, call: Outgoing) -> Result<(), Fault> {
        if !call.is_of(&self.life) {
            return Err(Fault::new(Code::BadArguments, "a batch takes calls of its own session only"));
        }
        if self.calls.len() >= CALLS_MAX as usize {
            let text = format!("a batch of more than {CALLS_MAX} calls: send this one, and begin another");
            return Err(Fault::new(Code::TooLarge, text));
        }
        self.calls.push(call);
        Ok(())
    }

    /// How many calls it has.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Sends all calls, in order.
    ///
    /// Cost: as that of each call, but one system call at most to wake the node. Where more calls are out than the session has
    /// slots, it blocks until some are answered, as `Outgoing::send` does, and the node is woken once more for each such wait.
    pub fn send(self) -> Vec<Pending> {
        let pending = self.calls.into_iter().map(Outgoing::send_unannounced).collect();
        self.life.session().announce();
        pending
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("calls", &self.calls).finish()
    }
}
