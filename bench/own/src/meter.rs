//! The meter: one run's stopwatch and examiner, inside a contender's client.
//!
//! Lives here: `Meter`. A caller takes a question with `issue`, brings its reply to `answer`, until `issue` has no more.
//! Holds: answered <= issued <= warm + n; every reply is compared, the warm ones too; a wrong one ends the run.
//! Cost: two clock reads an operation, the same for every contender, and about one of them is inside the latency.
//! Not here: how a request travels (the contender).

use crate::{
    contender::Failure,
    limits::LATENCY_NS_MAX,
    operation::{HEAD_BYTES, Questions},
    protocol::{Ask, Report},
    stages::Stages,
};
use hdrhistogram::Histogram;
use std::{rc::Rc, time::Instant};

/// A reply that is not the checksum of its request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("operation {operation}: answered {got:#018x}, the request's checksum is {expected:#018x}")]
pub struct WrongAnswer {
    /// Which operation of the run, from 0.
    pub operation: u64,
    /// What came back.
    pub got: u64,
    /// What should have.
    pub expected: u64,
}

#[derive(Debug, Clone, Copy)]
struct Outstanding {
    variant: usize,
    since: Instant,
}

/// Issues the questions of one run, checks the answers, keeps the latencies.
#[derive(Debug)]
pub struct Meter {
    ask: Ask,
    questions: Rc<Questions>,
    slots: Vec<Option<Outstanding>>,
    issued: u64,
    answered: u64,
    latencies: Histogram<u64>,
    began: Instant,
    ended: Instant,
    copied_bytes: Option<u64>,
    stages: Option<Stages>,
    variants: usize,
}

impl Meter {
    /// A meter for `ask`, whose requests are `questions`.
    ///
    /// # Errors
    /// The histogram cannot be made (its bounds are constants, so this is a broken build).
    pub fn new(ask: Ask, questions: Rc<Questions>) -> Result<Self, Failure> {
        let now = Instant::now();
        Ok(Self {
            ask,
            questions,
            slots: vec![None; ask.outstanding as usize],
            issued: 0,
            answered: 0,
            latencies: Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3)?,
            began: now,
            ended: now,
            copied_bytes: None,
            stages: None,
            variants: crate::operation::VARIANTS,
        })
    }

    /// What was asked.
    #[must_use]
    pub fn ask(&self) -> Ask {
        self.ask
    }

    /// The requests of this run.
    #[must_use]
    pub fn questions(&self) -> Rc<Questions> {
        Rc::clone(&self.questions)
    }

    /// Lets only the first `variants` requests be issued, in turn: for a contender that keeps each of them whole, so that
    /// what it keeps is not many times what the others keep. At least 2, so that an answer from memory is found out.
    pub fn keep_to(&mut self, variants: usize) {
        self.variants = variants.clamp(2, crate::operation::VARIANTS);
    }

    /// Takes the next question for `slot` and starts that slot's clock; `None` when the run has no more.
    ///
    /// Shape: `slot` is `0..outstanding` and free; the result is the number of the request in [`Questions`].
    ///
    /// # Panics
    /// When the slot is still outstanding: a contender's bookkeeping is wrong, and so would be its figures.
    pub fn issue(&mut self, slot: usize) -> Option<usize> {
        if self.issued == self.ask.warm + self.ask.n {
            return None;
        }
        assert!(self.slots[slot].is_none(), "slot {slot} is outstanding");
        let variant = (self.issued % self.variants as u64) as usize;
        let since = Instant::now();
        if self.issued == 0 {
            self.began = since;
        }
        self.slots[slot] = Some(Outstanding { variant, since });
        self.issued += 1;
        Some(variant)
    }

    /// Stops the clock of `slot` and checks its answer.
    ///
    /// # Errors
    /// [`WrongAnswer`] when `sum` is not the checksum of the request.
    ///
    /// # Panics
    /// When nothing was outstanding in the slot.
    pub fn answer(&mut self, slot: usize, sum: u64) -> Result<(), WrongAnswer> {
        let now = Instant::now();
        let Some(Outstanding { variant, since }) = self.slots[slot].take() else {
            panic!("slot {slot} was not outstanding");
        };
        let expected = self.questions.expected(variant);
        if sum != expected {
            return Err(WrongAnswer { operation: self.answered, got: sum, expected });
        }
        self.answered += 1;
        if self.answered > self.ask.warm {
            self.latencies.saturating_record(nanoseconds(since, now));
            self.ended = now;
        } else if self.answered == self.ask.warm {
            self.began = now;
        }
        Ok(())
    }

    /// Whether every operation of the run has its answer.
    #[must_use]
    pub fn finished(&self) -> bool {
        self.answered == self.ask.warm + self.ask.n
    }

    /// Performs the whole run one call at a time: `call` sends the bytes it is shown and returns the reply.
    ///
    /// Shape: the buffer is the same for every call of the run and warm; only its head changes.
    ///
    /// # Errors
    /// What `call` fails with, or a wrong answer.
    pub fn serial<E: Into<Failure>>(
        &mut self,
        mut call: impl FnMut(&[u8]) -> Result<u64, E>,
    ) -> Result<(), Failure> {
        let questions = self.questions();
        let mut request = questions.request(0);
        while let Some(variant) = self.issue(0) {
            request[..HEAD_BYTES].copy_from_slice(&questions.head(variant));
            let sum = call(&request).map_err(Into::into)?;
            self.answer(0, sum)?;
        }
        Ok(())
    }

    /// Says how many payload bytes one operation copies, by any party; left unsaid it is printed as null.
    pub fn copied_bytes(&mut self, per_operation: u64) {
        self.copied_bytes = Some(per_operation);
    }

    /// Says where the time of the operations went; of a run without warm ones, so that they are the ones that are counted.
    pub fn stages(&mut self, stages: Stages) {
        self.stages = Some(stages);
    }

    /// The figures of the run.
    ///
    /// # Errors
    /// When the caller left before every operation had its answer.
    pub fn report(self) -> Result<Report, Failure> {
        if !self.finished() {
            let wanted = self.ask.warm + self.ask.n;
            return Err(format!("the caller left after {} of {wanted} operations", self.answered).into());
        }
        let wall_ns = nanoseconds(self.began, self.ended).max(1);
        Ok(Report {
            p50_ns: self.latencies.value_at_quantile(0.50),
            p99_ns: self.latencies.value_at_quantile(0.99),
            mean_ns: self.latencies.mean(),
            ops_per_s: self.ask.n as f64 / (wall_ns as f64 / 1e9),
            wall_ns,
            n: self.ask.n,
            checked: self.answered,
            copied_bytes: self.copied_bytes,
            stages: self.stages,
        })
    }
}

fn nanoseconds(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.duration_since(from).as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::checksum;

    fn meter(n: u64, outstanding: u32, warm: u64) -> Meter {
        let ask = Ask { bytes: 64, n, outstanding, warm };
        Meter::new(ask, Rc::new(Questions::new(64))).expect("constant bounds")
    }

    #[test]
    fn a_serial_run_checks_the_warm_operations_but_does_not_count_them() {
        let (mut meter, mut calls) = (meter(50, 1, 10), 0);
        meter
            .serial(|request| {
                calls += 1;
                Ok::<_, Failure>(checksum(request))
            })
            .expect("right answers");
        let report = meter.report().expect("finished");
        assert_eq!((calls, report.n, report.checked), (60, 50, 60));
        assert!(report.p50_ns <= report.p99_ns);
        assert!(report.wall_ns > 0);
    }

    #[test]
    fn a_wrong_answer_ends_the_run_and_names_the_operation() {
        let (mut meter, mut calls) = (meter(50, 1, 10), 0);
        let failure = meter
            .serial(|request| {
                calls += 1;
                Ok::<_, Failure>(if calls == 12 { 1 } else { checksum(request) })
            })
            .expect_err("call 12 lied");
        assert!(failure.to_string().starts_with("operation 11: answered 0x0000000000000001"));
        assert_eq!(calls, 12);
    }

    #[test]
    fn a_contender_that_repeats_its_last_answer_is_found_out() {
        let mut first = None;
        let failure = meter(50, 1, 0)
            .serial(|request| Ok::<_, Failure>(*first.get_or_insert_with(|| checksum(request))))
            .expect_err("requests differ");
        assert!(failure.to_string().starts_with("operation 1:"));
    }

    #[test]
    fn outstanding_slots_are_answered_in_any_order() {
        let mut meter = meter(100, 4, 3);
        let mut held: Vec<(usize, usize)> = (0..4).map(|slot| (slot, meter.issue(slot).expect("more"))).collect();
        while let Some((slot, variant)) = held.pop() {
            let sum = meter.questions().expected(variant);
            meter.answer(slot, sum).expect("right");
            if let Some(variant) = meter.issue(slot) {
                held.insert(0, (slot, variant));
            }
        }
        assert!(meter.finished());
        assert_eq!(meter.report().expect("finished").n, 100);
    }

    #[test]
    fn percentiles_are_of_the_latencies_recorded() {
        let mut histogram = Histogram::<u64>::new_with_bounds(1, LATENCY_NS_MAX, 3).expect("constant bounds");
        (1..=1000).for_each(|latency| histogram.saturating_record(latency));
        assert_eq!((histogram.value_at_quantile(0.50), histogram.value_at_quantile(0.99)), (500, 990));
    }

    #[test]
    fn a_caller_that_leaves_early_gets_no_report() {
        let mut meter = meter(5, 1, 0);
        let variant = meter.issue(0).expect("more");
        let sum = meter.questions().expected(variant);
        meter.answer(0, sum).expect("right");
        assert!(meter.report().expect_err("unfinished").to_string().contains("after 1 of 5"));
    }
}
