//! Rendez: a place to sleep until somebody says go on. A condition variable that needs no lock, as tasks of one thread run
//! between waits only.

use crate::WaitError;
use crate::list::{Key, List};
use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// A place to sleep. A wake reaches those who sleep now, in the order they came; with nobody there it is lost.
///
/// As no other task runs between a look at the state and the sleep, this needs no lock, and loses nothing: look, sleep,
/// look again.
///
/// # Example
/// ```
/// # use std::cell::Cell;
/// # use windlass_wait::{Rendez, WaitError};
/// struct Tank { litres: Cell<u32>, changed: Rendez }
///
/// impl Tank {
///     async fn draw(&self, litres: u32) -> Result<(), WaitError> {
///         while self.litres.get() < litres {
///             self.changed.sleep().await?;
///         }
///         self.litres.set(self.litres.get() - litres);
///         Ok(())
///     }
///     fn fill(&self, litres: u32) {
///         self.litres.set(self.litres.get() + litres);
///         self.changed.wake_all();
///     }
/// }
/// ```
pub struct Rendez(RefCell<List<Woken>>);

/// The first ticket that came too late for the wake: if who was woken is dropped, the wake goes on to an earlier one only.
type Woken = u64;

impl Rendez {
    /// Nobody sleeps.
    pub const fn new() -> Self {
        Self(RefCell::new(List::new()))
    }

    /// Sleeps until a wake, from the first poll on.
    ///
    /// Cost: constant time; no allocation but for the list's growth.
    ///
    /// # Errors
    /// `WaitError` if it could not go to sleep.
    pub fn sleep(&self) -> Sleeping<'_> {
        Sleeping { rendez: self, place: None }
    }

    /// Wakes the one who has slept longest; answers how many that are, 0 or 1.
    ///
    /// If the future that it wakes is dropped before it runs, the next of those who sleep now is woken in its place.
    pub fn wake_one(&self) -> usize {
        let before = self.0.borrow().next_ticket();
        usize::from(self.wake_before(before))
    }

    /// Wakes all who sleep now; answers how many.
    pub fn wake_all(&self) -> usize {
        let before = self.0.borrow().next_ticket();
        let mut woken = 0;
        while self.wake_before(before) {
            woken += 1;
        }
        woken
    }

    /// How many sleep.
    pub fn sleepers(&self) -> usize {
        self.0.borrow().waiting()
    }

    /// Wakes the front if it came before this ticket.
    fn wake_before(&self, before: u64) -> bool {
        let waker = self.0.borrow_mut().pass_before(before, |woken| *woken = before);
        waker.map(Waker::wake).is_some()
    }
}

impl Default for Rendez {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Rendez {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rendez with {} asleep", self.sleepers())
    }
}

/// A sleep; see [`Rendez::sleep`].
#[must_use = "it sleeps when it is awaited"]
pub struct Sleeping<'a> {
    rendez: &'a Rendez,
    place: Option<Key>,
}

impl Future for Sleeping<'_> {
    type Output = Result<(), WaitError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let rendez = self.rendez;
        let mut list = rendez.0.borrow_mut();
        let Some(key) = &self.place else {
            return match list.push(cx.waker(), 0) {
                Ok(key) => {
                    self.place = Some(key);
                    Poll::Pending
                }
                Err((_, why)) => Poll::Ready(Err(why)),
            };
        };
        if list.collect(key).is_some() {
            self.place = None;
            return Poll::Ready(Ok(()));
        }
        let stale = list.refresh(key, cx.waker());
        drop(list);
        drop(stale);
        Poll::Pending
    }
}

impl Drop for Sleeping<'_> {
    fn drop(&mut self) {
        let Some(key) = self.place.take() else { return };
        let left = self.rendez.0.borrow_mut().leave(key);
        if left.passed {
            self.rendez.wake_before(left.payload);
        }
    }
}

impl fmt::Debug for Sleeping<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.place.is_some() { "Sleeping" } else { "Sleeping (not begun)" })
    }
}
