//! Ending: how a node drains and ends, on one worker and on all together.
//!
//! Lives here: `Ending` (how far it is), and a worker's part in it.
//! From: the owner's command or `admin.stop`, which the first worker hears; letters, which the others do. To: sessions and
//! pools, which end.
//! Holds: the first worker leads. All drain, until none has a call or time is up; then each lets its calls end, which answers
//! them, also those of other workers; only when all have, sessions end. So a client of a worker hears what became of its call
//! on another one.

use super::Worker;
use crate::admin::restart;
use crate::events::Kind;
use crate::host;
use crate::limits::{LAST_IO_NAP_NS, LAST_IO_NS, LAST_ROUNDS};
use crate::mail::Letter;
use crate::place::held;
use crate::session::Session;
use crate::shared::WorkerId;
use crate::transport::stream;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use windlass_contract::{Code, Fault};
use windlass_driver::{Driver, Nanos};
use windlass_lane::TaskOptions;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It runs.
    Runs,
    /// It takes no new calls.
    Drains,
    /// Its calls have ended; others' have not.
    Waits,
    /// It has ended.
    Over,
}

/// How far a worker is with its end.
pub(super) struct Ending {
    step: Step,
    /// When a draining node gives up waiting.
    at: Option<Nanos>,
    commands: Option<Receiver<Duration>>,
    /// Workers whose calls have ended.
    ended: usize,
    /// Whether the states of the pools have been taken down, once that has begun.
    kept: Option<Rc<Cell<bool>>>,
}

impl Ending {
    pub(super) fn new(commands: Option<Receiver<Duration>>) -> Self {
        Self { step: Step::Runs, at: None, commands, ended: 0, kept: None }
    }
    /// When something is to be done about it.
    pub(super) fn at(&self) -> Option<Nanos> {
        self.at.filter(|_| self.step == Step::Drains)
    }
    pub(super) fn is_over(&self) -> bool {
        self.step == Step::Over
    }
}

impl Worker {
    /// A letter about the node's end.
    pub(super) fn ending_letter(&mut self, driver: &mut dyn Driver, letter: &Letter) {
        match letter {
            Letter::Drain => self.drains(),
            Letter::End => {
                self.end_calls(driver);
                self.core.mail.write(WorkerId::FIRST, Letter::Ended);
            }
            Letter::Ended => self.ending.ended += 1,
            Letter::Over => self.end_rest(driver),
            // It wakes the first worker, which looks at all of them.
            Letter::Quiet => {}
            other => unreachable!("`mail::read` and `read_mail` read {}", other.name()),
        }
    }

    fn drains(&mut self) {
        self.core.draining.set(true);
        if self.ending.step == Step::Runs {
            self.ending.step = Step::Drains;
        }
    }

    /// Whether the worker is done; does what is to be done next for that.
    pub(super) fn is_over(&mut self, driver: &mut dyn Driver) -> bool {
        if let Some(deadline) = self.asked_to_stop() {
            let at = driver.now().saturating_add(u64::try_from(deadline.as_nanos()).unwrap_or(u64::MAX));
            self.ending.at = Some(self.ending.at.map_or(at, |before| before.min(at)));
            if self.ending.step == Step::Runs {
                tracing::info!(deadline_ms = deadline.as_millis() as u64, "the node drains");
                self.drains();
                self.core.tell(Kind::NodeDrains, format_args!("for {} ms", deadline.as_millis()), None);
                self.core.mail.write_all(|| Letter::Drain);
            }
        }
        match self.ending.step {
            Step::Runs => return false,
            Step::Drains if self.core.worker == WorkerId::FIRST => self.lead(driver),
            Step::Drains => self.follow(),
            Step::Waits | Step::Over => {}
        }
        if self.ending.step == Step::Waits
            && self.core.worker == WorkerId::FIRST
            && self.ending.ended + 1 == self.core.shared.desks.len()
        {
            self.core.mail.write_all(|| Letter::Over);
            self.end_rest(driver);
        }
        if self.ending.is_over() {
            self.core.mail.post();
        }
        self.ending.is_over()
    }

    fn asked_to_stop(&mut self) -> Option<Duration> {
        let commands = self.ending.commands.as_ref()?;
        match std::mem::take(&mut self.look_for_commands).then(|| commands.try_recv()) {
            Some(Ok(deadline)) => Some(deadline),
            Some(Err(_)) | None => self.core.stop_asked.take().map(Duration::from_millis),
        }
    }

    fn is_quiet(&self) -> bool {
        let core = &self.core;
        let no_calls = !core.live.borrow().any_call() && core.blocking.out() == 0 && core.lanes.is_idle();
        let no_calls = no_calls && core.places.borrow().held.get() == 0;
        no_calls && !core.mail.aways.borrow().any_work() && !core.mail.has_letters()
    }

    /// The first worker of a draining node: it ends when no worker has a call, or time is up.
    fn lead(&mut self, driver: &mut dyn Driver) {
        let quiet = self.is_quiet() && self.all_quiet();
        let late = self.ending.at.is_none_or(|at| driver.now() >= at);
        if !quiet && !late {
            return;
        }
        // Once no call runs, and while there is time.
        match &self.ending.kept {
            _ if late => {}
            None if self.core.catalog.is_some() => return self.keep_states(),
            Some(kept) if !kept.get() => return,
            None | Some(_) => {}
        }
        if !quiet {
            let calls = self.core.live.borrow().len();
            tracing::warn!(calls, "the node stops although calls run: its deadline is over");
        }
        self.core.mail.write_all(|| Letter::End);
        self.core.mail.post();
        self.end_calls(driver);
    }

    fn keep_states(&mut self) {
        let (core, kept) = (self.core.clone(), Rc::new(Cell::new(false)));
        self.ending.kept = Some(kept.clone());
        let keeping = async move {
            if let Err(fault) = restart::take_states(&core, true).await {
                tracing::error!(%fault, "the states of the pools were not taken down");
            }
            kept.set(true);
        };
        match self.core.lanes.spawn(TaskOptions::new("taking down the pools' states"), keeping) {
            Ok(task) => task.detach(),
            Err(error) => tracing::error!(%error, "no task to take down the pools' states"),
        }
    }

    /// Whether no other worker has a call. They are asked one after another; that no letter was posted meanwhile makes what
    /// was true of each true of all at once, because only a letter brings a draining worker something to do.
    fn all_quiet(&self) -> bool {
        let look = || {
            let mut sum = 0u64;
            for desk in &self.core.shared.desks[1..] {
                let (quiet, posted) = desk.mailbox.quiet();
                if !quiet {
                    return None;
                }
                sum = sum.wrapping_add(posted);
            }
            Some(sum)
        };
        let before = look();
        before.is_some() && before == look()
    }

    /// Another worker of a draining node: it says when it has nothing to do.
    fn follow(&self) {
        let mailbox = &self.core.shared.desk(self.core.worker).mailbox;
        if !self.is_quiet() {
            mailbox.is_busy_now();
        } else if mailbox.is_quiet_now() {
            self.core.mail.write(WorkerId::FIRST, Letter::Quiet);
        }
    }

    pub(super) fn end_sessions(&self, why: &str) {
        let sessions: Vec<Rc<Session>> = self.core.sessions.borrow().all.values().cloned().collect();
        for session in sessions {
            session.end(&Fault::new(Code::NodeGone, why));
        }
    }

    /// Runs until nothing is queued, or what is left only wakes itself.
    fn run_out(&mut self, driver: &mut dyn Driver) {
        for _ in 0..LAST_ROUNDS {
            if !self.run(driver) {
                return;
            }
        }
    }

    /// Drops all that was to be done, without doing any of it. Its calls answer nobody, if their sessions have ended.
    pub(crate) fn abandon(&mut self) {
        // Nobody is told that this one failed: all go together.
        self.ending.step = Step::Over;
        self.core.over.set(true);
        let calls = self.core.live.borrow().keys();
        for key in calls {
            // Those that wait for a key are refused; the rest is dropped below.
            host::cancel(&self.core, key, Code::Draining);
        }
        self.core.lanes.close();
        self.drop_pools();
    }

    fn drop_pools(&self) {
        let mut places = self.core.places.borrow_mut();
        let (pools, made) = (places.take_all(), std::mem::take(&mut places.made));
        drop(places);
        drop((pools, made));
    }

    /// Lets all calls of this worker end: each is answered.
    fn end_calls(&mut self, driver: &mut dyn Driver) {
        if matches!(self.ending.step, Step::Waits | Step::Over) {
            return;
        }
        self.ending.step = Step::Waits;
        self.core.draining.set(true);
        held::refuse_all(&self.core);
        let calls = self.core.live.borrow().keys();
        for key in calls {
            host::cancel(&self.core, key, Code::Draining);
        }
        // Cancelled tasks answer for themselves, the rest is dropped and answered by the host.
        self.core.over.set(true);
        stream::stop_reading(&self.core);
        self.run_out(driver);
        self.run_io_out(driver);
        let late = self.core.live.borrow().keys();
        for key in late {
            host::drop_late(&self.core, key);
        }
        self.run_out(driver);
        self.run_io_out(driver);
        self.announce();
        self.core.mail.post();
    }

    /// Ends what is left when the calls of all workers have: sessions and pools.
    fn end_rest(&mut self, driver: &mut dyn Driver) {
        // What other workers answered is announced before its session ends.
        self.announce();
        self.end_sessions("the node has stopped");
        self.take_apart(driver);
        // Streams say it with their own tasks.
        self.run_out(driver);
        self.run_io_out(driver);
        self.drop_pools();
        // Containers that ended just now closed what they had open.
        if let Err(error) = self.core.io.exchange(driver) {
            tracing::warn!(%error, "what the pools had open is closed with the node");
        }
        self.ending.step = Step::Over;
    }

    /// Waits, but not for ever, until no operation is under way: what has memory of a call lets go of it, and what a call
    /// shielded is done.
    fn run_io_out(&mut self, driver: &mut dyn Driver) {
        let until = driver.now().saturating_add(LAST_IO_NS);
        while self.core.io.count() > 0 && driver.now() < until {
            let exchanged = self.core.io.exchange(driver);
            let moved = host::let_go_late(&self.core) | self.run(driver);
            let slept = match exchanged {
                Ok(true) => Ok(()),
                Ok(false) if moved => Ok(()),
                Ok(false) => {
                    driver.park(Some(until.min(driver.now().saturating_add(LAST_IO_NAP_NS))), &mut self.ready)
                }
                Err(error) => Err(error),
            };
            self.ready.clear();
            if let Err(error) = slept {
                tracing::warn!(%error, "operations are left to end with the node");
                return;
            }
        }
    }
}
