//! Counters and histograms of a node, and what it learns of its methods from them.
//!
//! Lives here: `Counters`, `MethodStats` (one method of one container), `Fit` (the cost model: fixed + per byte), `Costs` (what a
//! pool's methods are expected to cost, for workers that have none of its containers).
//! Holds: plain numbers of one worker, bumped without a lock and read by `admin`; `Costs` are hints in atomics. What is learnt is
//! how long calls hold their worker; how long they take stands in the histogram.

use crate::limits::{LEARNT_AFTER, SAMPLES_KEPT, TRAINED_AFTER};
use crate::stages::Sums;
use hdrhistogram::Histogram;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use windlass_contract::admin::{LatencyFacts, MethodFacts};
use windlass_contract::module::{Cost, Sample};

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
    /// The fit as it was some calls ago.
    fitted: Cell<Cost>,
    /// What the next call is expected to cost, by that or by the module's own.
    expected: Cell<Cost>,
    /// The module's own fit, if it has one.
    trained: Cell<Option<Cost>>,
    /// The last calls that ended with a value, oldest first.
    samples: RefCell<VecDeque<Sample>>,
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
        let (fit, fitted, expected, trained, samples) = Default::default();
        Self { calls, faults, ran_ns, fit, fitted, expected, trained, samples, stages: Sums::default() }
    }

    /// A call ran, and ended with a value or not; answers whether there is something new to expect.
    pub(crate) fn record(&self, sample: Sample, fault: bool) -> bool {
        add(if fault { &self.faults } else { &self.calls }, 1);
        self.ran_ns.borrow_mut().saturating_record(sample.ran_ns.max(1));
        if fault {
            return false;
        }
        // One call that the machine held up tells nothing of the next: once something is known, a sample counts for so many times
        // that at most. What has really become slower is learnt all the same, over more calls.
        let most = match self.calls.get() > LEARNT_AFTER {
            true => self.fitted.get().of(sample.bytes).saturating_mul(OUTLIER).saturating_add(OUTLIER_NS),
            false => u64::MAX,
        };
        self.fit.borrow_mut().learn(sample.bytes as f64, sample.held_ns.min(most) as f64);
        let mut samples = self.samples.borrow_mut();
        if samples.len() >= SAMPLES_KEPT {
            samples.pop_front();
        }
        samples.push_back(sample);
        let news = self.calls.get().is_multiple_of(LEARNT_AFTER);
        if news {
            self.expect();
        }
        news
    }

    fn expect(&self) {
        self.fitted.set(self.fit.borrow().cost());
        self.expected.set(self.trained.get().unwrap_or(self.fitted.get()));
    }

    /// Whether the module should be asked for a fit of its own.
    pub(crate) fn is_to_be_trained(&self) -> bool {
        self.calls.get().is_multiple_of(TRAINED_AFTER)
    }

    /// The module's own fit, or none.
    pub(crate) fn train(&self, cost: Option<Cost>) {
        self.trained.set(cost);
        self.expect();
    }

    /// The last calls, oldest first.
    pub(crate) fn samples(&self) -> Vec<Sample> {
        self.samples.borrow().iter().copied().collect()
    }

    /// What the next call is expected to cost: nothing until some calls have ended.
    #[inline]
    pub(crate) fn expected(&self) -> Cost {
        self.expected.get()
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

    /// What calls have cost, or what the module says they do.
    pub(crate) fn cost(&self) -> Cost {
        self.trained.get().unwrap_or_else(|| self.fit.borrow().cost())
    }
}

/// What the methods of one pool are expected to cost, as the container that learnt last says: a hint to all workers.
#[derive(Debug)]
pub(crate) struct Costs(Box<[[AtomicU64; 2]]>);

impl Costs {
    /// Of so many methods; nothing is known of any.
    pub(crate) fn new(methods: usize) -> Self {
        Self((0..methods).map(|_| Default::default()).collect())
    }

    /// What a call of this many bytes is expected to cost, nanoseconds.
    pub(crate) fn of(&self, method: usize, bytes: u64) -> u64 {
        let Some([fixed, per_byte]) = self.0.get(method) else { return 0 };
        let read = |word: &AtomicU64| f64::from_bits(word.load(Ordering::Relaxed));
        Cost { fixed_ns: read(fixed), per_byte_ns: read(per_byte) }.of(bytes)
    }

    /// The two words may be read between the stores: a hint that is wrong once.
    pub(crate) fn tell(&self, method: usize, cost: Cost) {
        if let Some([fixed, per_byte]) = self.0.get(method) {
            fixed.store(cost.fixed_ns.to_bits(), Ordering::Relaxed);
            per_byte.store(cost.per_byte_ns.to_bits(), Ordering::Relaxed);
        }
    }
}

/// The end of the first range of times that are told apart, nanoseconds.
const LATENCY_FIRST_NS: u64 = 250;

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

    /// How long its calls took.
    pub(crate) fn latency(&self) -> LatencyFacts {
        let us = |ns: u64| ns as f64 / 1000.0;
        let quantiles = [0.5, 0.9, 0.99, 0.999].map(|share| us(self.ran_ns.value_at_quantile(share)));
        // Each range ends at twice the one before; those of no calls at both ends are left out.
        let all: Vec<(f64, u64)> = self
            .ran_ns
            .iter_log(LATENCY_FIRST_NS, 2.0)
            .map(|range| (us(range.value_iterated_to() + 1), range.count_since_last_iteration()))
            .skip_while(|(_, count)| *count == 0)
            .collect();
        LatencyFacts {
            calls: self.ran_ns.len(),
            mean_us: self.ran_ns.mean() / 1000.0,
            quantiles_us: quantiles.into(),
            max_us: us(self.ran_ns.max()),
            ranges: all,
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

/// A call that took longer than so many times what was expected, and this much more in nanoseconds, counts for that.
const OUTLIER: u64 = 8;
const OUTLIER_NS: u64 = 10_000;

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

    fn sample(held_ns: u64, bytes: u64) -> Sample {
        Sample { method: 10, bytes, ran_ns: held_ns, held_ns }
    }

    #[test]
    fn the_cost_model_learns_a_fixed_and_a_per_byte_part() {
        let stats = MethodStats::new();
        for round in 0..2000u64 {
            let bytes = (round % 16) * 1000;
            stats.record(sample(500 + bytes * 2, bytes), false);
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
                stats.record(sample(if longer { 90_000 } else { 900 }, least + u64::from(longer) * more), false);
            }
            let cost = stats.cost();
            assert_eq!(cost.per_byte_ns, 0.0, "{cost:?}");
            assert!(cost.fixed_ns >= 900.0, "{cost:?}");
        }
    }

    #[test]
    fn nothing_is_expected_before_some_calls_have_ended_and_the_modules_word_goes_before_the_fit() {
        let stats = MethodStats::new();
        for call in 1..=LEARNT_AFTER {
            assert_eq!(stats.expected().of(100), 0, "call {call}");
            assert_eq!(stats.record(sample(700, 100), false), call == LEARNT_AFTER);
        }
        assert_eq!(stats.expected().of(100), 700);
        stats.train(Some(Cost { fixed_ns: 5.0, per_byte_ns: 1.0 }));
        assert_eq!(stats.expected().of(100), 105);
        stats.train(None);
        assert_eq!(stats.expected().of(100), 700);
        assert_eq!(stats.samples(), vec![sample(700, 100); LEARNT_AFTER as usize]);
    }

    #[test]
    fn a_cost_that_is_none_costs_nothing_and_one_without_end_is_the_greatest() {
        let of = |fixed_ns, per_byte_ns| Cost { fixed_ns, per_byte_ns }.of(8);
        assert_eq!((of(f64::NAN, 1.0), of(-5.0, 0.0), of(f64::INFINITY, 0.0)), (0, 0, u64::MAX));
    }
}
