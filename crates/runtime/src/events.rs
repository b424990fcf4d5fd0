//! Events: what has happened to the node, for whoever looks at it from outside.
//!
//! Lives here: `Events` (the last of them, and who waits for the next), `Kind`.
//! From: any worker, when a pool, a module or a session comes or goes, a worker is held, a connection is refused. To:
//!   `admin.events`.
//! Holds: there are never more than `EVENTS_MAX`; who reads too slowly is told how many it has missed. Nothing of a call is an event:
//! what one costs does not grow by this.
//! Not here: the log, which has all of this and more, in a file.

use crate::limits::{EVENT_WAITERS_MAX, EVENTS_BYTES_AT_ONCE, EVENTS_MAX};
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use windlass_contract::Fault;
use windlass_contract::admin::EventFacts;
use windlass_driver::Nanos;

/// What kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    PoolMade,
    PoolEnded,
    PoolBack,
    PoolRefused,
    ContainerMoved,
    SharesDealt,
    ModuleLoaded,
    SessionBegan,
    SessionMoved,
    SessionEnded,
    ConnectionRefused,
    WorkerHeld,
    NodeDrains,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::PoolMade => "pool made",
            Self::PoolEnded => "pool ended",
            Self::PoolBack => "pool back",
            Self::PoolRefused => "pool refused",
            Self::ContainerMoved => "container moved",
            Self::SharesDealt => "shares dealt",
            Self::ModuleLoaded => "module loaded",
            Self::SessionBegan => "session began",
            Self::SessionMoved => "session moved",
            Self::SessionEnded => "session ended",
            Self::ConnectionRefused => "connection refused",
            Self::WorkerHeld => "worker held",
            Self::NodeDrains => "node drains",
        }
    }
}

/// The last events of a node.
#[derive(Default)]
pub(crate) struct Events(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    last: VecDeque<EventFacts>,
    /// How many there were.
    count: u64,
    waiting: Vec<Waker>,
}

impl Events {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something happened, so long after the node's beginning.
    pub(crate) fn add(&self, up: Nanos, kind: Kind, subject: impl fmt::Display, why: Option<&Fault>) {
        let (code, text) = why.map_or((0, String::new()), |fault| (fault.code, fault.message.clone()));
        let mut kept = self.kept();
        kept.count += 1;
        let (number, up_s) = (kept.count, up as f64 / 1e9);
        if kept.last.len() >= EVENTS_MAX {
            kept.last.pop_front();
        }
        let (kind, subject) = (kind.name().to_owned(), subject.to_string());
        kept.last.push_back(EventFacts { number, up_s, kind, subject, code, text });
        let waiting = std::mem::take(&mut kept.waiting);
        drop(kept);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// How many between `after` and the oldest that is kept are lost, and those after it, as many as fit a reply. If there is none, whoever asks is woken by
    /// the next; if too many wait, at once.
    pub(crate) fn after(&self, after: u64, waker: &Waker) -> (u64, Vec<EventFacts>) {
        let mut kept = self.kept();
        let mut bytes = 0;
        let fits = |event: &&EventFacts| {
            let first = bytes == 0;
            bytes += 64 + event.subject.len() + event.text.len();
            first || bytes <= EVENTS_BYTES_AT_ONCE
        };
        let later = kept.last.iter().filter(|event| event.number > after);
        let events: Vec<EventFacts> = later.take_while(fits).cloned().collect();
        if events.is_empty() {
            match kept.waiting.len() < EVENT_WAITERS_MAX {
                true => kept.waiting.push(waker.clone()),
                false => waker.wake_by_ref(),
            }
        }
        let first = events.first().map_or(0, |event| event.number);
        (first.saturating_sub(after + 1), events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_events_are_kept_and_what_was_lost_is_counted() {
        let events = Events::default();
        let (lost, none) = events.after(0, Waker::noop());
        assert!(lost == 0 && none.is_empty());
        for number in 0..EVENTS_MAX + 10 {
            events.add(number as u64, Kind::PoolMade, number, None);
        }
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let (lost, some) = events.after(after, Waker::noop());
            assert_eq!(lost, if after == 0 { 10 } else { 0 });
            let Some(last) = some.last() else { break };
            after = last.number;
            all.extend(some);
        }
        assert_eq!((all.len(), all[0].number), (EVENTS_MAX, 11));
        let (lost, some) = events.after(EVENTS_MAX as u64 + 7, Waker::noop());
        assert_eq!((lost, some.len()), (0, 3));
        assert!(events.after(EVENTS_MAX as u64 + 10, Waker::noop()).1.is_empty());
        // A number from another life of the node is ahead of all there is.
        assert!(events.after(u64::MAX - 1, Waker::noop()).1.is_empty());
    }
}
