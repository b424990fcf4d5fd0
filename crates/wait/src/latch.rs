//! Latch: opens once, when a number of things have happened, and stays open.

use crate::WaitError;
use crate::list::{Key, List};
use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A door that opens when a number of things have happened, and stays open: for a start, an end, or the end of several tasks.
///
/// Unlike a wake of [`Rendez`](crate::Rendez), what happened before the wait counts.
///
/// # Example
/// ```
/// # use windlass_wait::{Latch, WaitError};
/// # async fn join(tasks: usize) -> Result<(), WaitError> {
/// let ended = std::rc::Rc::new(Latch::new(tasks));
/// // .. each of the tasks calls `ended.arrive()` at its end ..
/// # (0..tasks).for_each(|_| { ended.arrive(); });
/// ended.wait().await
/// # }
/// ```
pub struct Latch(RefCell<State>);

struct State {
    missing: usize,
    waiting: List<()>,
}

impl Latch {
    /// Opens after `count` arrivals; with 0 it is open.
    pub const fn new(count: usize) -> Self {
        Self(RefCell::new(State { missing: count, waiting: List::new() }))
    }

    /// One more thing has happened; answers how many are missing. The last one opens the door and wakes all who wait; more
    /// change nothing.
    pub fn arrive(&self) -> usize {
        let missing = {
            let mut state = self.0.borrow_mut();
            state.missing = state.missing.saturating_sub(1);
            state.missing
        };
        if missing > 0 {
            return missing;
        }
        // Nobody begins to wait at an open door, so this ends.
        loop {
            let next = self.0.borrow_mut().waiting.pass();
            match next {
                Some(waker) => waker.wake(),
                None => return 0,
            }
        }
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.0.borrow().missing == 0
    }

    /// Waits until it is open.
    ///
    /// Cost: constant time; no allocation but for the list's growth.
    ///
    /// # Errors
    /// `WaitError` if it could not begin to wait.
    pub fn wait(&self) -> Opening<'_> {
        Opening { latch: self, place: None }
    }
}

impl fmt::Debug for Latch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.borrow();
        write!(f, "Latch with {} missing, {} waiting", state.missing, state.waiting.waiting())
    }
}

/// The wait for a latch; see [`Latch::wait`].
#[must_use = "it waits when it is awaited"]
pub struct Opening<'a> {
    latch: &'a Latch,
    place: Option<Key>,
}

impl Future for Opening<'_> {
    type Output = Result<(), WaitError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let latch = self.latch;
        if latch.is_open() {
            drop(self.place.take().map(|key| latch.0.borrow_mut().waiting.leave(key)));
            return Poll::Ready(Ok(()));
        }
        let mut state = latch.0.borrow_mut();
        if let Some(key) = &self.place {
            let stale = state.waiting.refresh(key, cx.waker());
            drop(state);
            drop(stale);
            return Poll::Pending;
        }
        match state.waiting.push(cx.waker(), ()) {
            Ok(key) => {
                self.place = Some(key);
                Poll::Pending
            }
            Err((_, why)) => Poll::Ready(Err(why)),
        }
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        drop(self.place.take().map(|key| self.latch.0.borrow_mut().waiting.leave(key)));
    }
}

impl fmt::Debug for Opening<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opening")
    }
}
