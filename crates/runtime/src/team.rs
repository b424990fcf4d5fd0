//! A team: threads that help a worker with one piece of work at a time, while it waits.
//!
//! Lives here: `Team`.
//! From: `host/library`, for `Context::together`. To: threads of the driver's, under rayon's scope.
//! Holds: a piece runs once, and `run` returns when all have ended; the worker works too, so that a team without threads, or whose
//!   threads are busy with another worker's pieces, is only slower. What comes out depends on nobody's order.
//! Not here: what the pieces are (`contract::context::Context::together`).

use rayon_core::{ThreadPool, ThreadPoolBuilder};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use windlass_driver::threads;

/// Threads of one node that help its workers.
#[derive(Debug)]
pub(crate) struct Team {
    helpers: usize,
    /// Made when it is first needed; `None` when the system gives no threads.
    pool: OnceLock<Option<ThreadPool>>,
}

impl Team {
    /// Of so many threads, none of which runs yet.
    pub(crate) fn new(helpers: usize) -> Self {
        Self { helpers, pool: OnceLock::new() }
    }

    /// How many threads work on a piece of work at most: the worker, and those that help it.
    pub(crate) fn threads(&self) -> usize {
        self.helpers + 1
    }

    /// Runs `piece`, which does not panic, for every number below `count`.
    pub(crate) fn run(&self, count: usize, piece: &(dyn Fn(usize) + Sync)) {
        let next = AtomicUsize::new(0);
        // ORDER: the counter alone decides who runs what; the scope's end hands the results over.
        let work = || {
            while let Some(at) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < count) {
                piece(at);
            }
        };
        let helpers = self.helpers.min(count.saturating_sub(1));
        let pool = if helpers > 0 { self.pool.get_or_init(|| begin(self.helpers)).as_ref() } else { None };
        let Some(pool) = pool else { return work() };
        pool.in_place_scope(|scope| {
            for _ in 0..helpers {
                scope.spawn(|_| work());
            }
            work();
        });
    }
}

fn begin(helpers: usize) -> Option<ThreadPool> {
    let start = |thread: rayon_core::ThreadBuilder| {
        threads::start(&format!("helper-{}", thread.index()), move || thread.run()).map(drop)
    };
    match ThreadPoolBuilder::new().num_threads(helpers).spawn_handler(start).build() {
        Ok(pool) => Some(pool),
        Err(error) => {
            tracing::warn!(helpers, %error, "there are no threads to help; workers go on alone");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_piece_runs_once_whoever_helps() {
        for helpers in [0, 1, 3] {
            let team = Team::new(helpers);
            for count in [0, 1, 2, 1000] {
                let ran: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
                team.run(count, &|piece| {
                    ran[piece].fetch_add(1, Ordering::Relaxed);
                });
                assert!(ran.iter().all(|times| times.load(Ordering::Relaxed) == 1), "{helpers} helpers, {count}");
            }
        }
    }

    #[test]
    fn two_workers_may_ask_at_the_same_time() {
        let team = Team::new(2);
        let sum = AtomicUsize::new(0);
        let ask = || {
            team.run(500, &|piece| {
                sum.fetch_add(piece, Ordering::Relaxed);
            })
        };
        let team_of_askers = Team::new(1);
        team_of_askers.run(2, &|_| ask());
        assert_eq!(sum.into_inner(), 2 * (0..500).sum::<usize>());
    }
}
