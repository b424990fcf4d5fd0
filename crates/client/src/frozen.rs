//! Frozen loans: bytes that the client gives up writing, so that the node may read them in place.
//!
//! Lives here: `FrozenLoan`. From: `Client::freeze`. To: any number of calls, with no copy.
//! Holds: the node forgets it when the last clone is gone and no call uses it: calls keep clones of their own.
//! Not here: seals (`windlass_memory::frozen`).

use std::ops::Deref;
use std::sync::Arc;

use windlass_contract::control::ControlKind;
use windlass_contract::{Code, Fault};
use windlass_memory::{Frozen, FrozenError, SegmentId};

use crate::session::Session;

/// Immutable bytes that node and client both read in place. Cheap to clone; dereferences to its bytes.
///
/// Cost: making one costs more than one copy, sending it costs nothing per byte; so it is for what is sent many times.
#[derive(Clone)]
pub struct FrozenLoan {
    held: Arc<Held>,
}

struct Held {
    frozen: Frozen,
    id: SegmentId,
    session: Arc<Session>,
}

impl FrozenLoan {
    pub(crate) fn make(
        session: &Arc<Session>,
        bytes: usize,
        fill: impl FnOnce(&mut [u8]),
    ) -> Result<FrozenLoan, Fault> {
        session.usable()?;
        let welcome = session.welcome();
        if bytes as u64 > welcome.loan_bytes_max {
            let text = format!("a frozen loan of {bytes} bytes (at most {} here)", welcome.loan_bytes_max);
            return Err(Fault::new(Code::TooLarge, text));
        }
        let frozen = Frozen::make("windlass-frozen", bytes, fill).map_err(|error| match error {
            FrozenError::NoMemory { .. } => Fault::new(Code::NoMemory, error.to_string()),
            FrozenError::TooLong { .. } => Fault::new(Code::TooLarge, error.to_string()),
            FrozenError::System { ref source, .. } => Fault::new(Code::Io, format!("{error}: {source}")),
            _ => Fault::new(Code::BadFrozen, error.to_string()),
        })?;
        session.counts().bytes_frozen.add(bytes as u64);
        let id = session.next_frozen()?;
        if session.is_stream() {
            // Its bytes are sent with each call.
            return Ok(FrozenLoan { held: Arc::new(Held { frozen, id, session: Arc::clone(session) }) });
        }
        let (answer, _) = session.ask(ControlKind::Frozen, id, bytes as u64, frozen.fd())?;
        if answer.kind != ControlKind::Accepted {
            return Err(session.broken(format!("{:?} answers a frozen loan", answer.kind)));
        }
        Ok(FrozenLoan { held: Arc::new(Held { frozen, id, session: Arc::clone(session) }) })
    }

    pub(crate) fn id(&self) -> SegmentId {
        self.held.id
    }

    /// Whether it belongs to this session.
    pub(crate) fn is_of(&self, session: &Arc<Session>) -> bool {
        Arc::ptr_eq(&self.held.session, session)
    }
}

impl Deref for FrozenLoan {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.held.frozen
    }
}

impl std::fmt::Debug for FrozenLoan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FrozenLoan({} bytes, {:#x})", self.len(), self.held.id.0)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.session.retire(self.id);
    }
}
