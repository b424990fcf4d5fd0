//! Counters and histograms of a node.
//!
//! Holds: plain numbers of one worker, bumped without a lock and read by `admin`.

use crate::stages::Sums;
use hdrhistogram::Histogram;
use std::cell::{Cell, RefCell};
use windlass_contract::module::Cost;

/// Counters of the node.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) calls: Cell<u64>,
    pub(crate) faults: Cell<u64>,
    pub(crate) copied_bytes: Cell<u64>,
    pub(crate) frozen_bytes: Cell<u64>,
    pub(crate) segment_bytes: Cell<u64>,
    pub(crate) turns: Cell<u64>,
    pub(crate) parks: Cell<u64>,
}

/// Adds to a counter.
pub(crate) fn add(counter: &Cell<u64>, more: u64) {
    counter.set(counter.get().wrapping_add(more));
}

/// What one method of one pool did.
#[derive(Debug)]
pub(crate) struct MethodStats {
    pub(crate) calls: Cell<u64>,
    pub(crate) faults: Cell<u64>,
    ran_ns: RefCell<Histogram<u64>>,
    fit: RefCell<Fit>,
    /// When its calls passed from room to room; nothing unless the node takes stamps.
    pub(crate) stages: Sums,
}

impl MethodStats {
    pub(crate) fn new() -> Self {
        // 1 ns to an hour at two digits; longer calls count as an hour.
        let ran_ns =
            Histogram::new_with_bounds(1, 3_600_000_000_000, 2).or_else(|_| Histogram::new(2)).map(RefCell::new);
        let Ok(ran_ns) = ran_ns else { unreachable!("two digits are within what the library allows") };
        let (calls, faults) = Default::default();
        Self { calls, faults, ran_ns, fit: RefCell::default(), stages: Sums::default() }
    }

    /// A call ran.
    pub(crate) fn record(&self, ran_ns: u64, bytes: u64, fault: bool) {
        add(if fault { &self.faults } else { &self.calls }, 1);
        self.ran_ns.borrow_mut().saturating_record(ran_ns.max(1));
        if !fault {
            self.fit.borrow_mut().learn(bytes as f64, ran_ns as f64);
        }
    }

    /// The value in nanoseconds below which this share of the calls stayed.
    pub(crate) fn quantile_ns(&self, share: f64) -> u64 {
        self.ran_ns.borrow().value_at_quantile(share)
    }

    /// What the next call is expected to cost.
    pub(crate) fn cost(&self) -> Cost {
        self.fit.borrow().cost()
    }
}

/// A running least-squares fit of time over bytes, forgetting slowly.
#[derive(Debug, Default)]
struct Fit {
    weight: f64,
    mean_bytes: f64,
    mean_ns: f64,
    spread: f64,
    product: f64,
}

/// How much of the past one sample replaces, once there are many.
const FORGET: f64 = 1.0 / 256.0;

impl Fit {
    fn learn(&mut self, bytes: f64, ns: f64) {
        self.weight = (self.weight * (1.0 - FORGET)) + 1.0;
        let share = 1.0 / self.weight;
        let (from_bytes, from_ns) = (bytes - self.mean_bytes, ns - self.mean_ns);
        self.mean_bytes += from_bytes * share;
        self.mean_ns += from_ns * share;
        self.spread = (self.spread + from_bytes * (bytes - self.mean_bytes)) * (1.0 - FORGET);
        self.product = (self.product + from_bytes * (ns - self.mean_ns)) * (1.0 - FORGET);
    }

    fn cost(&self) -> Cost {
        let per_byte_ns = if self.spread > 0.0 { (self.product / self.spread).max(0.0) } else { 0.0 };
        Cost { fixed_ns: (self.mean_ns - per_byte_ns * self.mean_bytes).max(0.0), per_byte_ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_model_learns_a_fixed_and_a_per_byte_part() {
        let stats = MethodStats::new();
        for round in 0..2000u64 {
            let bytes = (round % 16) * 1000;
            stats.record(500 + bytes * 2, bytes, false);
        }
        let cost = stats.cost();
        assert!((cost.per_byte_ns - 2.0).abs() < 0.1, "{cost:?}");
        assert!((cost.fixed_ns - 500.0).abs() < 200.0, "{cost:?}");
    }
}
