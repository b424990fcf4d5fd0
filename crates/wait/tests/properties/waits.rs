//! Waits: futures that a property polls by hand.
//!
//! Holds: each poll brings a new waker, so that a wake which goes to an older one is seen as lost.

use super::common::Flag;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// How many waits a property has at once.
pub const WAITS: usize = 6;

/// Names a wait for as long as it lives.
pub type Id = usize;

struct Wait<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + 'a>>,
    /// Of its last poll.
    flag: Option<Arc<Flag>>,
}

/// The waits that have not ended, by their ids.
pub struct Waits<'a, T> {
    waits: BTreeMap<Id, Wait<'a, T>>,
    next: Id,
}

impl<'a, T> Waits<'a, T> {
    /// None.
    pub fn new() -> Self {
        Self { waits: BTreeMap::new(), next: 0 }
    }

    /// Adds a wait that was not polled, if there is room.
    pub fn add(&mut self, future: impl Future<Output = T> + 'a) -> Option<Id> {
        if self.waits.len() == WAITS {
            return None;
        }
        let id = self.next;
        self.next += 1;
        self.waits.insert(id, Wait { future: Box::pin(future), flag: None });
        Some(id)
    }

    /// One of them, chosen by a random number.
    pub fn pick(&self, random: u8) -> Option<Id> {
        let number = self.waits.len();
        self.waits.keys().nth(usize::from(random).checked_rem(number)?).copied()
    }

    /// Polls one; it is gone if it is ready.
    pub fn poll(&mut self, id: Id) -> Poll<T> {
        let wait = self.waits.get_mut(&id).expect("it has not ended");
        let (flag, waker) = Flag::with_waker();
        wait.flag = Some(flag);
        let polled = wait.future.as_mut().poll(&mut Context::from_waker(&waker));
        if polled.is_ready() {
            self.waits.remove(&id);
        }
        polled
    }

    /// Gives one up.
    pub fn cancel(&mut self, id: Id) {
        self.waits.remove(&id);
    }

    /// Checks that of those which were polled exactly those are woken that could end.
    pub fn check_woken(&self, could_end: impl Fn(Id) -> bool) {
        for (id, wait) in &self.waits {
            if let Some(flag) = &wait.flag {
                assert_eq!(flag.is_set(), could_end(*id), "wait {id}: woken, and could end");
            }
        }
    }
}
