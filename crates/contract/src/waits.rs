//! Waits that a method could not begin, as Faults, so that `?` ends the method there.
//!
//! Holds: the method ran up to its wait, so the outcome is `Ended`: nobody sends such a call again on his own.

use crate::{Code, Fault, Outcome};
use windlass_wait::WaitError;

impl From<WaitError> for Fault {
    fn from(why: WaitError) -> Self {
        let code = match why {
            WaitError::Crowded => Code::QueueFull,
            WaitError::NoMemory => Code::NoMemory,
        };
        Self::new(code, why.to_string()).with_outcome(Outcome::Ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_that_could_not_begin_is_a_fault_of_a_method_that_ran() {
        let crowded = Fault::from(WaitError::Crowded);
        assert!(crowded.is(Code::QueueFull) && crowded.message.contains("wait here already"), "{crowded:?}");
        let short = Fault::from(WaitError::NoMemory);
        assert!(short.is(Code::NoMemory), "{short:?}");
        assert_eq!((crowded.outcome, short.outcome), (Outcome::Ended, Outcome::Ended));
    }
}
