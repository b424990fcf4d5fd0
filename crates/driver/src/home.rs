//! Home: one place with a part for its own thread and a part for all, counted without a lock.
//!
//! Lives here: `Home` (a reference of the own thread), `Away` (one that may go to any thread).
//! From: `lane`, where each task's waker leads to its worker from any thread, and is made and dropped on the worker's. To: nobody.
//! Holds: the own part is seen and dropped on the thread that made it and nowhere else (`local::here`); a reference costs its own
//! thread no atomic operation; the last one frees the place if it is dropped at home. Dropped elsewhere, it leaves the place as
//! it is, for ever: the own part cannot be dropped there.

use crate::local::here;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

struct Place<L, S> {
    here: u64,
    /// References made at home, less those dropped at home. Touched there only.
    made: Cell<u64>,
    /// References dropped elsewhere, less those made elsewhere. As many as `made`: none is left.
    dropped_away: AtomicU64,
    own: L,
    shared: S,
}

/// A reference on the own thread.
pub struct Home<L, S> {
    place: NonNull<Place<L, S>>,
    /// It belongs to the thread that made it, and owns a part of what it points to.
    one_thread: PhantomData<(*const (), Place<L, S>)>,
}

/// A reference that may go to any thread. It sees the own part at home only.
pub struct Away<L, S> {
    place: NonNull<Place<L, S>>,
    owns: PhantomData<Place<L, S>>,
}

// SAFETY: through an `Away` the own part and the count `made` are reached only after `here()` was found equal to the number of the
//   thread that made the place, which no other thread ever has (`local::here`); elsewhere it reads `here` and `shared` and adds to an
//   atomic. The shared part is `Sync`, and `Send` because the own thread drops what others have used.
//   Breaks if: a way to the own part is added that does not ask for the thread.
unsafe impl<L, S: Send + Sync> Send for Away<L, S> {}
// SAFETY: as above: a shared `Away` gives no more than an owned one.
unsafe impl<L, S: Send + Sync> Sync for Away<L, S> {}

impl<L, S> Home<L, S> {
    /// A place of this thread.
    ///
    /// Cost: one allocation, which ends the process if memory is out.
    pub fn new(own: L, shared: S) -> Self {
        let place = Place { here: here(), made: Cell::new(1), dropped_away: AtomicU64::new(0), own, shared };
        Self { place: NonNull::from(Box::leak(Box::new(place))), one_thread: PhantomData }
    }

    #[inline]
    fn place(&self) -> &Place<L, S> {
        // SAFETY: this reference is counted, so the place has not been freed; nobody has it mutably.
        unsafe { self.place.as_ref() }
    }

    /// The part that every thread sees.
    #[inline]
    pub fn shared(&self) -> &S {
        &self.place().shared
    }

    /// A reference that may go to any thread.
    #[inline]
    pub fn away(&self) -> Away<L, S> {
        self.place().count_up();
        Away { place: self.place, owns: PhantomData }
    }
}

impl<L, S> Place<L, S> {
    /// One reference more. On the own thread.
    #[inline]
    fn count_up(&self) {
        // Even of references that are forgotten nobody makes 2^64.
        self.made.set(self.made.get() + 1);
    }

    /// One reference less, on the own thread; whether it was the last.
    #[inline]
    fn count_down(&self) -> bool {
        let made = self.made.get() - 1;
        self.made.set(made);
        // ORDER: pairs with the Release in `Away::drop`: what another thread did with the place lies before its end.
        made == self.dropped_away.load(Ordering::Acquire)
    }
}

/// Frees a place.
///
/// # Safety
/// On the thread that made it, when no reference is left but the one that the caller drops.
#[cold]
unsafe fn free<L, S>(place: NonNull<Place<L, S>>) {
    // SAFETY: it was made by `Box::leak`, and by the caller's promise this happens once and nobody looks at it any more.
    drop(unsafe { Box::from_raw(place.as_ptr()) });
}

impl<L, S> Deref for Home<L, S> {
    type Target = L;
    #[inline]
    fn deref(&self) -> &L {
        &self.place().own
    }
}

impl<L, S> Clone for Home<L, S> {
    #[inline]
    fn clone(&self) -> Self {
        self.place().count_up();
        Self { place: self.place, one_thread: PhantomData }
    }
}

impl<L, S> Drop for Home<L, S> {
    #[inline]
    fn drop(&mut self) {
        if self.place().count_down() {
            // SAFETY: a `Home` never leaves its thread, and it was the last reference.
            unsafe { free(self.place) }
        }
    }
}

impl<L, S> Away<L, S> {
    #[inline]
    fn place(&self) -> &Place<L, S> {
        // SAFETY: as in `Home::place`.
        unsafe { self.place.as_ref() }
    }

    /// Whether this is the own thread.
    #[inline]
    pub fn is_home(&self) -> bool {
        self.place().here == here()
    }

    /// A reference of the own thread, there.
    #[inline]
    pub fn home(&self) -> Option<Home<L, S>> {
        if !self.is_home() {
            return None;
        }
        self.place().count_up();
        Some(Home { place: self.place, one_thread: PhantomData })
    }

    /// The part that every thread sees.
    #[inline]
    pub fn shared(&self) -> &S {
        &self.place().shared
    }
}

impl<L, S> Clone for Away<L, S> {
    #[inline]
    fn clone(&self) -> Self {
        if self.is_home() {
            self.place().count_up();
        } else {
            // ORDER: none is needed: this reference is counted, and the new one is dropped after this.
            self.place().dropped_away.fetch_sub(1, Ordering::Relaxed);
        }
        Self { place: self.place, owns: PhantomData }
    }
}

impl<L, S> Drop for Away<L, S> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_home() {
            // ORDER: pairs with the Acquire in `count_down`. The last look at the place: after it the own thread may free it.
            self.place().dropped_away.fetch_add(1, Ordering::Release);
        } else if self.place().count_down() {
            // SAFETY: the own thread, and the last reference.
            unsafe { free(self.place) }
        }
    }
}

impl<L, S> fmt::Debug for Home<L, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a place of this thread, {}", self.place().here)
    }
}

impl<L, S> fmt::Debug for Away<L, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a place of thread {}", self.place().here)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn the_own_part_is_seen_at_home_alone_and_dropped_there_with_the_last_reference() {
        let counted = Rc::new(7);
        let home = Home::new(counted.clone(), AtomicBool::new(false));
        let (away, kept) = (home.away(), home.away());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                assert!(away.home().is_none() && !away.is_home());
                away.shared().store(true, Ordering::Relaxed);
            });
        });
        assert!(home.shared().load(Ordering::Relaxed));
        assert_eq!(kept.home().map(|home| **home), Some(7));
        std::thread::spawn(move || drop(away)).join().unwrap();
        drop(home.clone());
        drop(home);
        assert_eq!(Rc::strong_count(&counted), 2, "one reference is left");
        drop(kept);
        assert_eq!(Rc::strong_count(&counted), 1, "the last one was dropped at home");
    }

    #[test]
    fn a_last_reference_that_is_dropped_elsewhere_leaves_the_own_part_alone() {
        let counted = Rc::new(7);
        let home = Home::new(counted.clone(), ());
        let away = home.away();
        drop(home);
        std::thread::spawn(move || drop(away)).join().unwrap();
        assert_eq!(Rc::strong_count(&counted), 2, "leaked, not dropped on a strange thread");
    }

    #[test]
    fn references_that_end_on_many_threads_at_once_are_all_counted() {
        for _ in 0..50 {
            let counted = Rc::new(());
            let home = Home::new(counted.clone(), AtomicU64::new(0));
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let all: Vec<_> = (0..50).map(|_| home.away()).collect();
                    std::thread::spawn(move || {
                        for away in all {
                            let second = away.clone();
                            drop(away);
                            second.shared().fetch_add(1, Ordering::Relaxed);
                        }
                    })
                })
                .collect();
            for _ in 0..200 {
                drop((home.away().clone(), home.clone()));
            }
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(home.shared().load(Ordering::Relaxed), 200);
            drop(home);
            assert_eq!(Rc::strong_count(&counted), 1);
        }
    }
}
