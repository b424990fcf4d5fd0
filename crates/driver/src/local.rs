//! Local: a value that stays on its thread, inside something that may be named from any.
//!
//! Lives here: `Local` (looked at on its own thread only), `here` (a thread's number).
//! From: `lane`, whose wakers go to any thread while the tasks they wake do not. To: nobody.
//! Holds: a number is never given to two threads, so no look succeeds but on the thread that made the value; dropped
//! elsewhere, the value is leaked, because running its `Drop` there would be a use on another thread.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicU64, Ordering};

thread_local! {
    static NUMBER: Cell<u64> = const { Cell::new(0) };
}
static NUMBERS: AtomicU64 = AtomicU64::new(0);

/// This thread's number: never 0, and no other thread's in the life of the process.
///
/// Cost: one load.
#[inline]
pub fn here() -> u64 {
    match NUMBER.get() {
        0 => {
            let number = NUMBERS.fetch_add(1, Ordering::Relaxed) + 1;
            NUMBER.set(number);
            number
        }
        number => number,
    }
}

/// A value of one thread. It may be sent and shared; it can be looked at where it was made and nowhere else.
pub struct Local<T> {
    here: u64,
    value: ManuallyDrop<T>,
}

// SAFETY: the value is reached, moved out or dropped only after `here()` was found equal to the number of the thread that made it, and
//   that number belongs to no other thread (`NUMBERS` only grows; 2^64 threads cannot be started). A `Local` in another thread's hands is bytes.
//   Breaks if: a way to the value is added that does not ask `is_here`.
unsafe impl<T> Send for Local<T> {}
// SAFETY: as above: a shared reference gives the value to its own thread alone.
unsafe impl<T> Sync for Local<T> {}

impl<T> Local<T> {
    /// A value of this thread.
    pub fn new(value: T) -> Self {
        Self { here: here(), value: ManuallyDrop::new(value) }
    }

    /// Whether this is its thread.
    #[inline]
    pub fn is_here(&self) -> bool {
        self.here == here()
    }

    /// The value, on its thread.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        self.is_here().then_some(&*self.value)
    }

    /// The value, to be changed, on its thread.
    #[inline]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.is_here().then_some(&mut *self.value)
    }

    /// The value itself, on its thread; elsewhere nothing, and the value is leaked.
    pub fn into_inner(self) -> Option<T> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: taken once: `this` is never dropped and is gone after this line.
        this.is_here().then(|| unsafe { ManuallyDrop::take(&mut this.value) })
    }
}

impl<T> Drop for Local<T> {
    fn drop(&mut self) {
        if self.is_here() {
            // SAFETY: this is the only drop, and `into_inner` forgets what it has taken from.
            unsafe { ManuallyDrop::drop(&mut self.value) }
        }
    }
}

impl<T> std::fmt::Debug for Local<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a value of thread {}", self.here)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn a_value_is_seen_on_its_thread_alone_and_leaks_elsewhere() {
        let counted = Rc::new(7);
        let mut local = Local::new(counted.clone());
        assert_eq!((local.get().map(|value| **value), local.get_mut().is_some()), (Some(7), true));
        let lent = &local;
        std::thread::scope(|scope| scope.spawn(|| assert!(lent.get().is_none())).join()).unwrap();
        let (kept, dropped) = (Local::new(counted.clone()), Local::new(counted.clone()));
        std::thread::spawn(move || {
            assert!(kept.into_inner().is_none());
            drop(dropped);
        })
        .join()
        .unwrap();
        assert_eq!(Rc::strong_count(&counted), 4, "two were leaked, not dropped on a strange thread");
        assert_eq!(local.into_inner().as_deref(), Some(&7));
        drop(Local::new(counted.clone()));
        assert_eq!(Rc::strong_count(&counted), 3);
    }
}
