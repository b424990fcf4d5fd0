//! A mailbox: letters to one worker from all others, and its sleep.
//!
//! Lives here: `Mailbox`.
//! From: any worker, at most once in each part of its turn. To: the worker whose it is, once a turn.
//! Holds: letters of one sender come in the order they were posted; a letter that is posted while its reader sleeps, or lies
//! down, ends that sleep, and the bell is rung once for as many letters as come until it wakes. The lock is held for a few
//! instructions and never while anything runs.

use super::{Carried, Letter};
use crate::session::Parcel;
use std::collections::{BTreeSet, VecDeque};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use windlass_contract::PoolId;
use windlass_driver::socket::Peer;
use windlass_lane::Bell;

#[derive(Default)]
struct Inside {
    letters: VecDeque<Letter>,
    /// The reader sleeps and has not been rung.
    asleep: bool,
    /// The reader drains and has nothing to do; a letter ends that.
    quiet: bool,
    /// Letters posted in all, modulo 2^64.
    posted: u64,
    /// The reader is gone; letters to it are dropped.
    closed: bool,
}

impl Inside {
    fn take_where(&mut self, is_one: impl Fn(&Carried) -> bool) -> Vec<Letter> {
        let (mut taken, mut others, mut calls) = (Vec::new(), VecDeque::new(), BTreeSet::new());
        for letter in std::mem::take(&mut self.letters) {
            let is_of_it = match &letter {
                Letter::Call(call) if is_one(call) => calls.insert((call.from, call.away)),
                Letter::GiveUp { from, away, .. } => calls.contains(&(*from, *away)),
                _ => false,
            };
            if is_of_it { taken.push(letter) } else { others.push_back(letter) }
        }
        self.letters = others;
        taken
    }
}

/// Letters to one worker.
#[derive(Default)]
pub(crate) struct Mailbox {
    inside: Mutex<Inside>,
    /// Whether there are letters: looked at each turn, without the lock. The lock is what decides before a sleep.
    any: AtomicBool,
    /// Letters that its reader has taken and not done.
    in_hand: AtomicUsize,
    bell: OnceLock<Bell>,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says how its reader is woken; without this whoever turns it looks at `has_letters`.
    pub(crate) fn rings(&self, bell: Bell) {
        // A second bell of one worker does not exist: each has one driver.
        let _first_counts = self.bell.set(bell);
    }

    /// Posts letters, in order, and wakes the reader if it sleeps.
    pub(crate) fn post(&self, letters: &mut Vec<Letter>) {
        let mut inside = self.lock();
        if inside.closed {
            drop(inside);
            return letters.clear();
        }
        inside.posted = inside.posted.wrapping_add(letters.len() as u64);
        inside.quiet = false;
        inside.letters.extend(letters.drain(..));
        self.any.store(true, Ordering::Relaxed);
        let wake = std::mem::take(&mut inside.asleep);
        drop(inside);
        if wake && let Some(bell) = self.bell.get() {
            bell();
        }
    }

    /// Whether there are letters, by a look without the lock.
    #[inline]
    pub(crate) fn has_letters(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Takes all letters.
    pub(crate) fn take(&self) -> VecDeque<Letter> {
        let mut inside = self.lock();
        self.any.store(false, Ordering::Relaxed);
        self.in_hand.store(inside.letters.len(), Ordering::Relaxed);
        std::mem::take(&mut inside.letters)
    }

    /// Its reader has so many letters that it has not done.
    pub(crate) fn in_hand(&self, letters: usize) {
        // ORDER: pairs with the load in `take_calls`: what the letters brought about is seen there.
        self.in_hand.store(letters, Ordering::Release);
    }

    /// Takes the calls of a container that its reader has not taken yet, and the wishes that they end, in order, if its reader has no
    /// letter in hand and `claim` says yes; all other letters stay.
    pub(crate) fn take_calls(
        &self,
        pool: PoolId,
        place: u32,
        claim: impl FnOnce() -> bool,
    ) -> Option<Vec<Letter>> {
        // Its reader takes letters under this lock: none of them is on its way while this looks.
        let mut inside = self.lock();
        if self.in_hand.load(Ordering::Acquire) > 0 || !claim() {
            return None;
        }
        Some(inside.take_where(|call| call.slot.pool == pool && call.container == place))
    }

    /// Takes those calls that its reader has not taken yet and that may be passed by others, in order, and what else is about them.
    pub(crate) fn take_loose(&self, is_one: impl Fn(&Carried) -> bool) -> Vec<Letter> {
        self.lock().take_where(is_one)
    }

    /// Takes the connections that its reader has not taken yet, in order; all other letters stay.
    pub(crate) fn take_connections(&self) -> Vec<(OwnedFd, Peer, u64)> {
        let mut inside = self.lock();
        let (mut connections, mut others) = (Vec::new(), VecDeque::new());
        for letter in std::mem::take(&mut inside.letters) {
            match letter {
                Letter::Connection(socket, peer, number) => connections.push((socket, peer, number)),
                other => others.push_back(other),
            }
        }
        inside.letters = others;
        connections
    }

    /// Takes the sessions that its reader has not taken yet.
    pub(crate) fn take_sessions(&self) -> Vec<Parcel> {
        let mut inside = self.lock();
        let (mut sessions, mut others) = (Vec::new(), VecDeque::new());
        for letter in std::mem::take(&mut inside.letters) {
            match letter {
                Letter::Session(session) => sessions.push(*session),
                other => others.push_back(other),
            }
        }
        inside.letters = others;
        sessions
    }

    /// The reader lies down; `false` if a letter came, and it does not.
    pub(crate) fn about_to_sleep(&self) -> bool {
        let mut inside = self.lock();
        inside.asleep = inside.letters.is_empty();
        inside.asleep
    }

    /// The reader is up, whatever woke it.
    pub(crate) fn woke(&self) {
        self.lock().asleep = false;
    }

    /// The reader has nothing to do while its node drains; answers whether that is news.
    pub(crate) fn is_quiet_now(&self) -> bool {
        let mut inside = self.lock();
        let before = inside.quiet;
        inside.quiet = inside.letters.is_empty();
        inside.quiet && !before
    }

    /// The reader has something to do.
    pub(crate) fn is_busy_now(&self) {
        self.lock().quiet = false;
    }

    /// Whether the reader drains and has nothing to do, and how many letters it was ever sent.
    pub(crate) fn quiet(&self) -> (bool, u64) {
        let inside = self.lock();
        (inside.quiet, inside.posted)
    }

    /// The reader is gone: what it was not handed is dropped, and so is what comes.
    pub(crate) fn close(&self) {
        let mut inside = self.lock();
        inside.closed = true;
        let unread = std::mem::take(&mut inside.letters);
        // A letter may own much; it goes outside the lock.
        drop(inside);
        drop(unread);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::WorkerId;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    fn letter() -> Vec<Letter> {
        vec![Letter::Quiet, Letter::Failed(WorkerId(1))]
    }

    #[test]
    fn many_letters_ring_once_for_one_sleep() {
        let (mailbox, rung) = (Mailbox::default(), Arc::new(AtomicUsize::new(0)));
        let count = rung.clone();
        mailbox.rings(Arc::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        }));
        mailbox.post(&mut letter());
        assert_eq!(rung.load(Ordering::Relaxed), 0, "its reader is up");
        assert!(!mailbox.about_to_sleep(), "a letter waits");
        assert_eq!(mailbox.take().len(), 2);
        assert!(mailbox.about_to_sleep());
        mailbox.post(&mut letter());
        mailbox.post(&mut letter());
        assert_eq!(rung.load(Ordering::Relaxed), 1);
        assert_eq!(mailbox.take().len(), 4);
    }

    #[test]
    fn a_quiet_reader_is_so_until_a_letter_comes() {
        let mailbox = Mailbox::default();
        assert!(mailbox.is_quiet_now(), "it is news");
        assert!(!mailbox.is_quiet_now(), "it was said");
        assert_eq!(mailbox.quiet(), (true, 0));
        mailbox.post(&mut letter());
        assert_eq!(mailbox.quiet(), (false, 2));
        assert!(!mailbox.is_quiet_now(), "letters wait");
    }

    #[test]
    fn letters_to_one_who_is_gone_are_dropped() {
        let mailbox = Mailbox::default();
        mailbox.post(&mut letter());
        mailbox.close();
        mailbox.post(&mut letter());
        assert!(mailbox.take().is_empty());
    }
}
