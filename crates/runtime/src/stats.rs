//! Counters and histograms of a node.
//!
//! Holds: plain numbers of one worker, bumped without a lock and read by `admin`.

use crate::stages::Sums;
use hdrhistogram::Histogram;
use std::cell::{Cell, RefCell};
use windlass_contract::admin::MethodFacts;
use windlass_contract::module::Cost;

/// Counters of the node.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) calls: Cell<u64>,
    pub(crate) faults: Cell<u64>,
    pub(crate) copied_bytes: Cell<u64>,
    pub(crate) frozen_bytes: Cell<u64>,
    pub(crate) turns: Cell<u64>,
    pub(crate) parks: Cell<u64>,
    /// Calls that another worker ran for this one.
    pub(crate) carried: Cell<u64>,
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

    /// What it did, to be put together with what other containers did.
    pub(crate) fn report(&self, pool: &str, id: u32, name: &str) -> MethodReport {
        MethodReport {
            pool: pool.to_owned(),
            id,
            name: name.to_owned(),
            calls: self.calls.get(),
            faults: self.faults.get(),
            ran_ns: self.ran_ns.borrow().clone(),
            cost: self.cost(),
        }
    }

    /// What the next call is expected to cost.
    pub(crate) fn cost(&self) -> Cost {
        self.fit.borrow().cost()
    }
}

/// What one method did in some containers of a pool.
#[derive(Debug)]
pub(crate) struct MethodReport {
    pub(crate) pool: String,
    pub(crate) id: u32,
    name: String,
    calls: u64,
    faults: u64,
    ran_ns: Histogram<u64>,
    cost: Cost,
}

impl MethodReport {
    /// Adds what other containers did. What the next call is expected to cost is the mean by calls.
    pub(crate) fn add(&mut self, other: &Self) {
        let (ours, theirs) = (self.calls.max(1) as f64, other.calls as f64);
        let mean = |mine: f64, other: f64| (mine * ours + other * theirs) / (ours + theirs);
        self.cost.fixed_ns = mean(self.cost.fixed_ns, other.cost.fixed_ns);
        self.cost.per_byte_ns = mean(self.cost.per_byte_ns, other.cost.per_byte_ns);
        self.calls += other.calls;
        self.faults += other.faults;
        if let Err(error) = self.ran_ns.add(&other.ran_ns) {
            tracing::error!(%error, method = %self.name, "histograms of one shape cannot be added");
        }
    }

    /// As it is told.
    pub(crate) fn facts(&self) -> MethodFacts {
        let us = |ns: u64| ns as f64 / 1000.0;
        let quantile = |share| us(self.ran_ns.value_at_quantile(share));
        MethodFacts {
            pool: self.pool.clone(),
            method: self.name.clone(),
            calls: self.calls,
            faults: self.faults,
            p50_us: quantile(0.5),
            p99_us: quantile(0.99),
            max_us: quantile(1.0),
            fixed_us: self.cost.fixed_ns / 1000.0,
            per_kib_us: self.cost.per_byte_ns * 1.024,
        }
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

/// By so many bytes calls must differ (as a standard deviation, and by an eighth of their mean) before a cost per byte is told.
const SPREAD_BYTES_MIN: f64 = 256.0;

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
        // A slope over a base that hardly varies is noise: then the whole time counts as fixed.
        let enough = SPREAD_BYTES_MIN.max(self.mean_bytes / 8.0);
        let varies = self.weight > 0.0 && self.spread / self.weight >= enough * enough;
        let per_byte_ns = if varies { (self.product / self.spread).max(0.0) } else { 0.0 };
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

    /// A method that was called with 9 bytes, now and then 10, was said to take milliseconds per KiB: the one slower call
    /// among those of 10 bytes made the slope.
    #[test]
    fn calls_of_nearly_one_size_teach_no_cost_per_byte() {
        for (least, more) in [(9, 1), (8 << 20, 4096)] {
            let stats = MethodStats::new();
            for round in 0..2000u64 {
                let longer = round % 50 == 0;
                stats.record(if longer { 90_000 } else { 900 }, least + u64::from(longer) * more, false);
            }
            let cost = stats.cost();
            assert_eq!(cost.per_byte_ns, 0.0, "{cost:?}");
            assert!(cost.fixed_ns >= 900.0, "{cost:?}");
        }
    }
}
