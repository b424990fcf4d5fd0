//! Auto: when a pool saves by itself.
//!
//! Lives here: `Auto` (what it was told, and the task), `Last` (when it was done last, how it went, and whether a flush waits for it).
//! Holds: what has not changed since is not saved again; a failure is told in the log and tried again when the next is due; a flush
//!   ends when what had changed before it is saved.

use super::folder::{Mode, Place};
use super::load::{self, Which};
use super::{Checkpoint, save};
use crate::limits::{LOOK_EVERY_MAX, LOOK_EVERY_MIN};
use serde_json::json;
use std::cell::{Cell, RefCell};
use std::time::Duration;
use windlass::prelude::*;

/// What has been done.
#[derive(Debug, Default)]
pub(super) struct Last {
    /// When something was saved or loaded, on the node's clock.
    at_ns: Cell<Option<u64>>,
    saved: Cell<u64>,
    loaded: Cell<u64>,
    failed: Cell<u64>,
    checkpoint: RefCell<Option<Checkpoint>>,
    fault: RefCell<Option<String>>,
    flush: Cell<Flush>,
}

/// How far a flush is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Flush {
    #[default]
    None,
    /// Somebody waits.
    Asked,
    /// What had changed is saved, which nobody was told yet.
    Done,
}

impl Last {
    /// Asks for a save, or whether the one that was asked for is done: what is left of it.
    pub(super) fn flush_work(&self) -> u64 {
        match self.flush.get() {
            Flush::Done => {
                self.flush.set(Flush::None);
                0
            }
            Flush::None | Flush::Asked => {
                self.flush.set(Flush::Asked);
                1
            }
        }
    }
    /// Notes how a save ended.
    pub(super) fn saved(&self, cx: &Context<'_>, done: Result<Checkpoint, Fault>) -> Result<Checkpoint, Fault> {
        self.ended(cx, &self.saved, done)
    }
    /// Notes how a load ended.
    pub(super) fn loaded(&self, cx: &Context<'_>, done: Result<Checkpoint, Fault>) -> Result<Checkpoint, Fault> {
        self.ended(cx, &self.loaded, done)
    }

    fn ended(
        &self,
        cx: &Context<'_>,
        count: &Cell<u64>,
        done: Result<Checkpoint, Fault>,
    ) -> Result<Checkpoint, Fault> {
        match &done {
            Ok(checkpoint) => {
                count.set(count.get() + 1);
                self.at_ns.set(Some(cx.now_ns()));
                *self.checkpoint.borrow_mut() = Some(checkpoint.clone());
            }
            Err(fault) => {
                self.failed.set(self.failed.get() + 1);
                *self.fault.borrow_mut() = Some(fault.to_string());
            }
        }
        done
    }

    /// All of it, as JSON.
    pub(super) fn told(&self) -> String {
        let last = self.checkpoint.borrow();
        let last =
            last.as_ref().map(|one| json!({ "name": one.name, "symbols": one.symbols, "bytes": one.bytes }));
        json!({
            "saved": self.saved.get(),
            "loaded": self.loaded.get(),
            "failed": self.failed.get(),
            "last": last,
            "last_ns": self.at_ns.get(),
            "fault": *self.fault.borrow(),
        })
        .to_string()
    }
}

/// What a pool was told.
#[derive(Debug)]
pub(super) struct Auto {
    pub(super) place: Place,
    pub(super) every: Duration,
    pub(super) idle: Duration,
    pub(super) memory_percent: u64,
    pub(super) memory_idle: Duration,
    pub(super) apart: Duration,
}

/// What a look around found.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Since anything was last saved by this task, or since it began.
    since_saved: Duration,
    /// Since anything was last saved or loaded by anybody; `None`: never.
    since_any: Option<Duration>,
    /// Since a symbol last changed.
    quiet: Duration,
    /// Of what symbols may have in the node.
    percent: u64,
}

impl Auto {
    /// Whether there is anything to do by itself.
    pub(super) fn is_wanted(&self) -> bool {
        !self.every.is_zero() || !self.idle.is_zero() || self.memory_percent > 0
    }

    /// Puts back what was registered, if there is a checkpoint.
    ///
    /// # Errors
    /// Those of `load`, but for that there is none.
    pub(super) async fn restore(&self, cx: &Context<'_>, last: &Last) -> Result<(), Fault> {
        match load::load(cx, &self.place, Which::Registered).await {
            Err(fault) if fault.is(Code::NotFound) => {
                cx.log(Level::Info, &format!("nothing is restored: {}", fault.message));
                Ok(())
            }
            done => {
                let Checkpoint { name, symbols, bytes } = last.loaded(cx, done)?;
                cx.log(Level::Info, &format!("restored {symbols} registered symbols, {bytes} bytes, of {name}"));
                Ok(())
            }
        }
    }

    /// Saves when it is time to, until the container ends.
    pub(super) async fn run(&self, cx: &Context<'_>, last: &Last) {
        let changes = || cx.symbols().changes().unwrap_or_default();
        let (mut saved, mut seen) = (changes(), changes());
        let (mut quiet_from, mut saved_at) = (cx.now_ns(), cx.now_ns());
        let since = |from: u64| Duration::from_nanos(cx.now_ns().saturating_sub(from));
        while cx.sleep(self.look_every()).await.is_ok() {
            let flush = last.flush.get() == Flush::Asked;
            let now = changes();
            if now != seen {
                (seen, quiet_from) = (now, cx.now_ns());
            }
            let found = Seen {
                since_saved: since(saved_at),
                since_any: last.at_ns.get().map(since),
                quiet: since(quiet_from),
                percent: used_percent(cx),
            };
            let mut done = now == saved;
            if !done && (flush || self.is_due(&found)) {
                match last.saved(cx, save::save(cx, &self.place, Mode::PreservePrevious).await) {
                    Ok(Checkpoint { name, symbols, bytes }) => {
                        (saved, done) = (now, true);
                        cx.log(Level::Info, &format!("saved {symbols} symbols, {bytes} bytes, as {name}"));
                    }
                    Err(fault) => cx.log(Level::Error, &format!("no checkpoint could be saved: {fault}")),
                }
                saved_at = cx.now_ns();
            }
            if flush {
                // After a failure it is asked for again, as long as anybody waits.
                last.flush.set(if done { Flush::Done } else { Flush::None });
            }
        }
    }

    fn is_due(&self, found: &Seen) -> bool {
        let every = !self.every.is_zero() && found.since_saved >= self.every;
        let idle = !self.idle.is_zero() && found.quiet >= self.idle;
        let memory =
            self.memory_percent > 0 && found.percent >= self.memory_percent && found.quiet >= self.memory_idle;
        every || (idle || memory) && found.since_any.is_none_or(|since| since >= self.apart)
    }

    /// A tenth of the shortest time that matters.
    fn look_every(&self) -> Duration {
        let times =
            [self.every, self.idle, if self.memory_percent > 0 { self.memory_idle } else { Duration::ZERO }];
        let shortest = times.into_iter().filter(|time| !time.is_zero()).min().unwrap_or(LOOK_EVERY_MAX);
        (shortest / 10).clamp(LOOK_EVERY_MIN, LOOK_EVERY_MAX)
    }
}

fn used_percent(cx: &Context<'_>) -> u64 {
    let Ok(usage) = cx.symbols().usage() else { return 0 };
    let all = usage.used.saturating_add(usage.left).max(1);
    (u128::from(usage.used) * 100 / u128::from(all)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: Duration = Duration::ZERO;

    fn auto(every: u64, idle: u64, memory_percent: u64) -> Auto {
        let seconds = Duration::from_secs;
        let place = Place { path: "p".into(), name: "n".into() };
        let (every, idle, memory_idle, apart) = (seconds(every), seconds(idle), seconds(5), seconds(100));
        Auto { place, every, idle, memory_percent, memory_idle, apart }
    }

    fn found(saved: u64, any: Option<u64>, quiet: u64, percent: u64) -> Seen {
        let seconds = Duration::from_secs;
        Seen { since_saved: seconds(saved), since_any: any.map(seconds), quiet: seconds(quiet), percent }
    }

    #[test]
    fn a_checkpoint_is_due_by_time_by_quiet_and_by_memory() {
        assert!(auto(10, 0, 0).is_due(&found(10, Some(0), 0, 0)), "also while others save and commands run");
        assert!(!auto(10, 0, 0).is_due(&found(9, None, 9, 100)));
        assert!(auto(0, 3, 0).is_due(&found(3, None, 3, 0)));
        assert!(!auto(0, 3, 0).is_due(&found(200, Some(99), 3, 0)), "too soon after another");
        assert!(auto(0, 0, 50).is_due(&found(5, None, 5, 50)));
        assert!(!auto(0, 0, 50).is_due(&found(5, None, 4, 50)) && !auto(0, 0, 50).is_due(&found(5, None, 5, 49)));
        assert!(!auto(0, 0, 0).is_wanted() && !auto(0, 0, 0).is_due(&found(1000, None, 1000, 100)));
    }

    #[test]
    fn it_looks_often_enough_and_not_all_the_time() {
        assert_eq!(auto(10, 3, 0).look_every(), Duration::from_millis(300));
        assert_eq!(auto(0, 0, 1).look_every(), Duration::from_millis(500));
        let short = Auto { every: Duration::from_millis(1), idle: NEVER, ..auto(0, 0, 0) };
        assert_eq!(short.look_every(), LOOK_EVERY_MIN);
        assert_eq!(auto(86_400, 0, 0).look_every(), LOOK_EVERY_MAX);
    }
}
