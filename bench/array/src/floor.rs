//! Floors of bandwidth: the same bytes moved by all cores in this process, or by one, with nothing around it.
//!
//! Lives here: `Bandwidth` (warm arrays; `triad` is `a = b + s * c`, `sum` reads one array).
//! Holds: each thread has touched its own part first, so a part lies near the core that works on it; every answer is looked at.
//! Not here: fresh pages (`fresh`).

use crate::Failure;
use crate::limits::THREADS_MAX;
use crate::spread::Turn;
use std::hint::black_box;
use std::thread;
use std::time::Instant;

/// What the arrays hold: whole numbers, so that sums are exact.
const B: f64 = 2.0;
const C: f64 = 5.0;
const SCALAR: f64 = 3.0;
/// Sums that a core keeps at once, so that one addition need not wait for the one before.
const LANES: usize = 32;
/// Of so many elements one is looked at afterwards.
pub(crate) const LOOK: usize = 4099;

/// One thread's part of the arrays.
#[derive(Debug)]
struct Part {
    a: Vec<f64>,
    b: Vec<f64>,
    c: Vec<f64>,
}

/// Arrays of `n` elements that all cores share out among themselves.
#[derive(Debug)]
pub struct Bandwidth {
    parts: Vec<Part>,
    n: u64,
}

/// As many threads as there are cores.
#[must_use]
pub fn threads() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get).min(THREADS_MAX)
}

/// `n` elements shared out among `parts`, the first ones one longer where it does not come out even.
#[must_use]
pub fn share_out(n: u64, parts: usize) -> Vec<usize> {
    let parts = parts.max(1) as u64;
    (0..parts).map(|at| (n / parts + u64::from(at < n % parts)) as usize).collect()
}

impl Bandwidth {
    /// Arrays for `triad`, or with `one` for `sum` alone.
    ///
    /// # Errors
    /// A thread panics. Whether there is the memory was asked before (`size::room`).
    pub fn new(n: u64, one: bool) -> Result<Self, Failure> {
        let filled = |len: usize, value: f64| vec![value; len];
        let parts = in_threads(share_out(n, threads()), |len| {
            if one {
                return Part { a: Vec::new(), b: filled(len, B), c: Vec::new() };
            }
            Part { a: filled(len, 0.0), b: filled(len, B), c: filled(len, C) }
        })?;
        Ok(Self { parts, n })
    }

    /// `a = b + s * c` once, by all cores.
    ///
    /// # Errors
    /// A thread panics, or a value is wrong.
    pub fn triad(&mut self) -> Result<Turn, Failure> {
        let begin = Instant::now();
        in_threads(self.parts.iter_mut().collect(), triad)?;
        self.triad_done(begin)
    }

    /// The same by this thread alone.
    ///
    /// # Errors
    /// A value is wrong.
    pub fn triad_alone(&mut self) -> Result<Turn, Failure> {
        let begin = Instant::now();
        self.parts.iter_mut().for_each(triad);
        self.triad_done(begin)
    }

    fn triad_done(&self, begin: Instant) -> Result<Turn, Failure> {
        let turn = turn_since(begin);
        let right = |part: &Part| part.a.iter().step_by(LOOK).all(|&one| one == B + SCALAR * C);
        if self.parts.iter().all(right) { Ok(turn) } else { Err("the floor's triad is wrong".into()) }
    }

    /// The sum of one array, by all cores.
    ///
    /// # Errors
    /// As `triad`.
    pub fn sum(&self) -> Result<Turn, Failure> {
        let begin = Instant::now();
        let sums = in_threads(self.parts.iter().collect(), |part| sum(&part.b))?;
        self.sum_done(begin, sums.iter().sum())
    }

    /// The same by this thread alone.
    ///
    /// # Errors
    /// As `triad_alone`.
    pub fn sum_alone(&self) -> Result<Turn, Failure> {
        let begin = Instant::now();
        let total = self.parts.iter().map(|part| sum(&part.b)).sum();
        self.sum_done(begin, total)
    }

    fn sum_done(&self, begin: Instant, total: f64) -> Result<Turn, Failure> {
        let turn = turn_since(begin);
        if total == B * self.n as f64 { Ok(turn) } else { Err(format!("the floor's sum is {total}").into()) }
    }
}

/// A floor's turn that began then; whose processor time it was is not counted.
pub(crate) fn turn_since(begin: Instant) -> Turn {
    Turn { ns: u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX), cpu_ns: None }
}

/// Runs `work` on each part in a thread of its own; gives results in order.
pub(crate) fn in_threads<P: Send, R: Send>(
    parts: Vec<P>,
    work: impl Fn(P) -> R + Sync,
) -> Result<Vec<R>, Failure> {
    let work = &work;
    thread::scope(|scope| {
        let started: Vec<_> = parts.into_iter().map(|part| scope.spawn(move || work(part))).collect();
        let ended = started.into_iter().map(thread::ScopedJoinHandle::join);
        ended.collect::<Result<Vec<_>, _>>().map_err(|_| Failure::from("a thread of the floor panicked"))
    })
}

fn triad(part: &mut Part) {
    let Part { a, b, c } = black_box(part);
    for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
        *a = *b + SCALAR * *c;
    }
}

fn sum(values: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    let chunks = black_box(values).chunks_exact(LANES);
    let rest: f64 = chunks.remainder().iter().sum();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    lanes.iter().sum::<f64>() + rest
}
