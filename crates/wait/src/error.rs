//! Why a wait could not even begin.

use crate::limits::WAITERS_MAX;

/// Why a task was not let into a list of waiters. Nothing has happened: it holds no place and no turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// `limits::WAITERS_MAX` tasks wait there. Ask again when some have gone on.
    #[error("{WAITERS_MAX} tasks wait here already")]
    Crowded,
    /// No memory to note one more waiter.
    #[error("no memory to note one more waiter")]
    NoMemory,
}
