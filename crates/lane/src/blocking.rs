//! Blocking: a few threads for work that blocks.
//!
//! Lives here: `Blocking` (one per worker), `BlockingError`.
//! From: a worker hands over a job. To: a thread runs it; the worker collects the answer.
//! Holds: threads and jobs are bounded; a thread is started when all others are busy and never before; an answer comes once
//! for each job that was taken and not taken back, also when it panics.

use crate::gate::Bell;
use crate::limits::{BLOCKING_THREADS_MAX, BLOCKING_WAITING_MAX};
use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use windlass_driver::threads;

/// Why a job was not taken.
#[derive(Debug)]
pub enum BlockingError {
    /// `limits::BLOCKING_WAITING_MAX` jobs wait or run.
    Full,
    /// No thread could be started, and there is none.
    NoThread(io::Error),
}

impl fmt::Display for BlockingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => write!(f, "as many jobs wait for a blocking thread as may ({BLOCKING_WAITING_MAX})"),
            Self::NoThread(error) => write!(f, "no thread for a job that blocks: {error}"),
        }
    }
}

impl std::error::Error for BlockingError {}

struct Queue<J> {
    jobs: Mutex<(VecDeque<J>, bool)>,
    changed: Condvar,
}

/// The threads of one worker. `J` is a job, `A` its answer.
pub struct Blocking<J, A> {
    queue: Arc<Queue<J>>,
    run: fn(J) -> A,
    threads: Cell<usize>,
    out: Cell<usize>,
    answers: Receiver<A>,
    sender: Sender<A>,
    bell: Option<Bell>,
}

impl<J: Send + 'static, A: Send + 'static> Blocking<J, A> {
    /// No threads yet. `run` is called on them and does not unwind; `bell` wakes the worker when an answer has come.
    pub fn new(run: fn(J) -> A, bell: Option<Bell>) -> Self {
        let (sender, answers) = channel();
        let queue = Arc::new(Queue { jobs: Mutex::default(), changed: Condvar::new() });
        Self { queue, run, threads: Cell::new(0), out: Cell::new(0), answers, sender, bell }
    }

    /// Jobs whose answer was not collected.
    pub fn out(&self) -> usize {
        self.out.get()
    }

    /// Hands a job to a thread.
    ///
    /// # Errors
    /// Gives the job back with `Full` or `NoThread`.
    pub fn submit(&self, job: J) -> Result<(), (J, BlockingError)> {
        if self.out.get() >= BLOCKING_WAITING_MAX {
            return Err((job, BlockingError::Full));
        }
        if let Err(error) = self.ensure_thread()
            && self.threads.get() == 0
        {
            return Err((job, BlockingError::NoThread(error)));
        }
        self.out.set(self.out.get() + 1);
        self.queue.jobs.lock().unwrap_or_else(PoisonError::into_inner).0.push_back(job);
        self.queue.changed.notify_one();
        Ok(())
    }

    /// Takes back a job that no thread has begun: the first that `is` knows. It has no answer.
    ///
    /// Cost: a look at each job that waits.
    pub fn take_back(&self, is: impl Fn(&J) -> bool) -> Option<J> {
        let mut jobs = self.queue.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let at = jobs.0.iter().position(is)?;
        self.out.set(self.out.get() - 1);
        jobs.0.remove(at)
    }

    /// The next answer that has come.
    pub fn collect(&self) -> Option<A> {
        if self.out.get() == 0 {
            return None;
        }
        let answer = self.answers.try_recv().ok()?;
        self.out.set(self.out.get() - 1);
        Some(answer)
    }

    fn ensure_thread(&self) -> io::Result<()> {
        let most = threads::machine_processors().clamp(2, BLOCKING_THREADS_MAX);
        if self.threads.get() >= most || self.out.get() < self.threads.get() {
            return Ok(());
        }
        let (queue, sender, bell, run) = (self.queue.clone(), self.sender.clone(), self.bell.clone(), self.run);
        threads::start("windlass-blocking", move || serve(&queue, &sender, bell.as_ref(), run))?;
        self.threads.set(self.threads.get() + 1);
        Ok(())
    }
}

impl<J, A> Drop for Blocking<J, A> {
    fn drop(&mut self) {
        self.queue.jobs.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.queue.changed.notify_all();
    }
}

impl<J, A> fmt::Debug for Blocking<J, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} blocking threads with {} jobs", self.threads.get(), self.out.get())
    }
}

fn serve<J, A>(queue: &Queue<J>, sender: &Sender<A>, bell: Option<&Bell>, run: fn(J) -> A) {
    loop {
        let mut jobs = queue.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let job = loop {
            match (jobs.0.pop_front(), jobs.1) {
                (Some(job), _) => break job,
                (None, true) => return,
                (None, false) => jobs = queue.changed.wait(jobs).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(jobs);
        if sender.send(run(job)).is_err() {
            return;
        }
        if let Some(bell) = bell {
            bell();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "a test waits for a thread")]
    use super::*;

    #[test]
    fn a_job_that_no_thread_has_begun_is_taken_back_and_has_no_answer() {
        static OPEN: Mutex<bool> = Mutex::new(false);
        static OPENED: Condvar = Condvar::new();
        let behind_the_door = |job: u32| {
            let mut open = OPEN.lock().unwrap();
            while !*open {
                open = OPENED.wait(open).unwrap();
            }
            job
        };
        let blocking: Blocking<u32, u32> = Blocking::new(behind_the_door, None);
        let threads = threads::machine_processors().clamp(2, BLOCKING_THREADS_MAX) as u32;
        (0..threads).for_each(|job| blocking.submit(job).unwrap());
        // Each thread has one: what comes now waits.
        while !blocking.queue.jobs.lock().unwrap().0.is_empty() {
            std::thread::yield_now();
        }
        [100, 101].into_iter().for_each(|job| blocking.submit(job).unwrap());
        assert_eq!(blocking.take_back(|job| *job == 0), None, "a thread has it");
        assert_eq!(blocking.take_back(|job| *job == 100), Some(100));
        assert_eq!(blocking.out(), threads as usize + 1);
        *OPEN.lock().unwrap() = true;
        OPENED.notify_all();
        let mut answers = Vec::new();
        while blocking.out() > 0 {
            answers.extend(blocking.collect());
            std::thread::yield_now();
        }
        answers.sort_unstable();
        assert_eq!(answers, (0..threads).chain([101]).collect::<Vec<_>>());
    }
}
