//! Overruns: who ran longer than a quantum without a look at the clock.

use crate::Name;
use crate::limits::OVERRUN_NAMES_MAX;
use std::collections::BTreeMap;
use windlass_driver::Nanos;

/// Pieces of one name that ran over their quantum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Overrun {
    /// How many.
    pub count: u64,
    /// The longest, nanoseconds.
    pub longest_ns: Nanos,
}

#[derive(Debug, Default)]
pub(crate) struct Overruns {
    by_name: BTreeMap<Name, Overrun>,
    pub(crate) all: u64,
}

impl Overruns {
    #[cold]
    pub(crate) fn count(&mut self, name: &Name, ran: Nanos) {
        self.all += 1;
        let is_full = self.by_name.len() >= OVERRUN_NAMES_MAX && !self.by_name.contains_key(name);
        let name = if is_full { Name::Static("(others)") } else { name.clone() };
        let overrun = self.by_name.entry(name).or_default();
        overrun.count += 1;
        overrun.longest_ns = overrun.longest_ns.max(ran);
    }

    pub(crate) fn facts(&self) -> Vec<(String, Overrun)> {
        self.by_name.iter().map(|(name, overrun)| (name.to_string(), *overrun)).collect()
    }
}
