//! The reaper: among the threads of one client that wait for replies, one takes completions for all.
//!
//! Lives here: `Reaper`, which keeps the completion ring's consumer and gives it to one thread at a time.
//! From: a thread that submitted a call comes with its call slot as its *seat*. It leaves when its own reply is there.
//! Holds: while any thread waits, one reaps or has been woken to. The reaper that leaves wakes another; a woken thread
//!   that finds its own reply and leaves passes the wake on. Nobody sleeps over a reply that was marked done.
//! Not here: what a reply is (client), the futex on the node's word (`park.rs`), spinning (client).
//!
//! The argument, in two pairs of "write, full fence, read": a waiter enqueues, fences, then tries to take the turn and
//! looks whether it is done; a reaper marks a reply done (or frees the turn), fences, then reads how many are queued.
//! One of the two sees the other. `tests/loom.rs` checks it, and that it fails without the fence.

use std::sync::PoisonError;
use std::time::Duration;

use crate::limits::SEATS_MAX;
use crate::sync::{AtomicU32, Condvar, ExclusiveCell, Mutex, Ordering, fence};

const FREE: u32 = 0;
const HELD: u32 = 1;

/// Gives `T` (the consumer of completions, and what goes with it) to one of many waiting threads at a time.
pub struct Reaper<T> {
    turn: AtomicU32,
    queued: AtomicU32,
    queue: Mutex<Vec<u32>>,
    seats: Box<[Seat]>,
    inside: ExclusiveCell<T>,
    #[cfg(loom)]
    careless: bool,
}

/// Where the thread that waits for one call slot sleeps. `true`: it was called and has not heard yet.
struct Seat {
    called: Mutex<bool>,
    bell: Condvar,
}

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waited {
    /// The reply is there.
    Done,
    /// The time was up first.
    TimedOut,
}

impl<T> Reaper<T> {
    /// Keeps `inside` for threads with seats `0..seats`.
    ///
    /// # Panics
    /// If `seats` is above `limits::SEATS_MAX`.
    pub fn new(inside: T, seats: u32) -> Reaper<T> {
        assert!(seats <= SEATS_MAX, "a seat is a call slot of one session");
        Reaper {
            turn: AtomicU32::new(FREE),
            queued: AtomicU32::new(0),
            queue: Mutex::new(Vec::new()),
            seats: (0..seats).map(|_| Seat { called: Mutex::new(false), bell: Condvar::new() }).collect(),
            inside: ExclusiveCell::new(inside),
            #[cfg(loom)]
            careless: false,
        }
    }

    /// A reaper without its fences, so that the model checker can show that it needs them.
    #[cfg(loom)]
    pub fn careless(inside: T, seats: u32) -> Reaper<T> {
        Reaper { careless: true, ..Reaper::new(inside, seats) }
    }

    /// Waits until `done` says that the reply of this seat is there, reaping for all if nobody else does.
    ///
    /// - `done`: whether this seat's reply is marked, with Acquire; called often.
    /// - `left`: time that this thread may still wait; `None` is for ever, zero is over.
    /// - `reap`: takes what completions there are, marks each reply done (Release) and then calls `call_up` with its
    ///   seat; if there is none, waits for some, at most as long as it is told. May return early. It must not
    ///   enter the reaper again.
    ///
    /// One thread per seat at a time. If `reap` panics the turn goes on to another thread.
    ///
    /// Cost: alone, one compare-and-swap, one fence. With others: a lock of the queue, and a wake per hand-over.
    ///
    /// # Panics
    /// If there is no such seat.
    pub fn wait_until(
        &self,
        seat: u32,
        done: impl Fn() -> bool,
        mut left: impl FnMut() -> Option<Duration>,
        mut reap: impl FnMut(&mut T, Option<Duration>),
    ) -> Waited {
        let place = &self.seats[seat as usize];
        if done() {
            return Waited::Done;
        }
        loop {
            let mut turn = self.try_turn();
            if turn.is_none() {
                let queued = self.enqueue(seat);
                turn = self.try_turn();
                if turn.is_none() && !done() {
                    place.sleep(left());
                }
                drop(queued);
            }
            let mut time = left();
            if let Some(turn) = &turn {
                while !done() && time != Some(Duration::ZERO) {
                    turn.with(|inside| reap(inside, time));
                    time = left();
                }
            }
            let waited = match (done(), time) {
                (true, _) => Waited::Done,
                (false, Some(Duration::ZERO)) => Waited::TimedOut,
                (false, _) => continue,
            };
            match turn {
                Some(turn) => drop(turn),
                // It may have been this thread that was woken to reap.
                None => self.hand_over(),
            }
            return waited;
        }
    }

    /// Reaps once if nobody else does; for callers that poll. `None`: somebody else has the turn.
    pub fn try_reap<R>(&self, reap: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.try_turn().map(|turn| turn.with(reap))
    }

    /// Wakes the thread that waits on a seat, after its reply was marked done. Harmless if none does.
    ///
    /// Cost: a fence and a load while no thread is queued.
    ///
    /// # Panics
    /// If there is no such seat: the seat comes from the client's own table of calls.
    pub fn call_up(&self, seat: u32) {
        // ORDER: with the fence in `enqueue`: either that thread's second `done` is true, or it is counted here.
        self.full_fence();
        if self.queued.load(Ordering::Relaxed) > 0 {
            self.seats[seat as usize].call();
        }
    }

    #[inline]
    fn full_fence(&self) {
        #[cfg(loom)]
        if self.careless {
            return;
        }
        fence(Ordering::SeqCst);
    }

    fn try_turn(&self) -> Option<Turn<'_, T>> {
        // ORDER: Acquire pairs with the Release in `Turn::drop`: what the last holder did inside is visible.
        let won = self.turn.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok();
        // Made only when won: dropping one frees the turn.
        won.then(|| Turn { of: self })
    }

    /// Puts a seat on the list from which the leaving reaper picks.
    fn enqueue(&self, seat: u32) -> Queued<'_, T> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.push(seat);
        self.queued.store(queue.len() as u32, Ordering::Relaxed);
        drop(queue);
        // ORDER: with the fences in `call_up` and `hand_over`.
        self.full_fence();
        Queued { of: self, seat }
    }

    /// If nobody has the turn and somebody is queued, wakes the latest: its cache is the warmest.
    fn hand_over(&self) {
        // ORDER: with the fence in `enqueue`: either that thread's second try takes the turn, or it is counted here.
        self.full_fence();
        if self.queued.load(Ordering::Relaxed) == 0 || self.turn.load(Ordering::Relaxed) != FREE {
            return;
        }
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let next = queue.pop();
        self.queued.store(queue.len() as u32, Ordering::Relaxed);
        drop(queue);
        if let Some(next) = next {
            self.seats[next as usize].call();
        }
    }
}

impl Seat {
    /// Sleeps until called or the time is up; a call before the sleep counts.
    fn sleep(&self, time: Option<Duration>) {
        let mut called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
        // One wait and no loop: the caller looks again anyway.
        if !*called {
            called = match time {
                None => self.bell.wait(called).unwrap_or_else(PoisonError::into_inner),
                Some(time) => self.bell.wait_timeout(called, time).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        *called = false;
    }

    fn call(&self) {
        *self.called.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_one();
    }
}

/// The right to reap. Dropped, also by a panic, it goes to another waiter.
struct Turn<'a, T> {
    of: &'a Reaper<T>,
}

impl<T> Turn<'_, T> {
    fn with<R>(&self, with: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: a `Turn` exists only between the compare-and-swap that took the word and the store in `drop`, so
        //   this thread is its only holder; `Turn` is not shared, and `with` is not entered twice because a `Turn`
        //   stays inside this file and no closure gets it. Breaks if: `Turn` became public or `Sync`-shared.
        unsafe { self.of.inside.with(with) }
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        // A model that has failed unwinds through here when its locks are gone already.
        #[cfg(loom)]
        if std::thread::panicking() {
            return;
        }
        self.of.turn.store(FREE, Ordering::Release);
        self.of.hand_over();
    }
}

/// A seat on the list; dropped, it is off the list (where a hand-over may have taken it before).
struct Queued<'a, T> {
    of: &'a Reaper<T>,
    seat: u32,
}

impl<T> Drop for Queued<'_, T> {
    fn drop(&mut self) {
        // A model that has failed unwinds through here when its locks are gone already.
        #[cfg(loom)]
        if std::thread::panicking() {
            return;
        }
        let mut queue = self.of.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = queue.iter().rposition(|seat| *seat == self.seat) {
            queue.swap_remove(at);
            self.of.queued.store(queue.len() as u32, Ordering::Relaxed);
        }
    }
}
