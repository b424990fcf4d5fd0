//! Quantum: how long the piece that runs now has run.
//!
//! Holds: time is an argument; one clock read per piece is enough.

use crate::limits::QUANTUM_NS;
use windlass_driver::Nanos;

/// The poll clock of one worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quantum {
    began: Nanos,
    overruns: u64,
}

impl Quantum {
    /// A piece begins.
    pub fn begin(&mut self, now: Nanos) {
        self.began = now;
    }
    /// A piece has ended; answers how long it ran and counts it if it was too long.
    pub fn end(&mut self, now: Nanos) -> Nanos {
        let ran = now.saturating_sub(self.began);
        if ran > QUANTUM_NS {
            self.overruns += 1;
        }
        self.began = now;
        ran
    }
    /// Whether the running piece should yield.
    pub fn is_used(&self, now: Nanos) -> bool {
        now.saturating_sub(self.began) > QUANTUM_NS
    }
    /// Pieces that ran too long, so far.
    pub fn overruns(&self) -> u64 {
        self.overruns
    }
}
