//! Held: a future that stays on its thread, in place, with its panics held in.
//!
//! Lives here: `Held`, `Beside` (what goes along with the future and hears how it ended), `End`, `Payload`.
//! From: `lane`, whose tasks are known to wakers of any thread and polled by one. To: nobody.
//! Holds: the future is polled, and dropped, on the thread that made it and nowhere else; a panic of either is an answer; the
//! future is dropped as soon as it has ended, and never polled after; its end is told once.

use crate::local::here;
use std::any::Any;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// What a panic carried.
pub type Payload = Box<dyn Any + Send>;

/// How a future ended. It is dropped already.
pub enum End<T> {
    /// With its value.
    Value(T),
    /// It panicked when it was polled or dropped.
    Panicked(Payload),
    /// It was dropped before it had ended.
    Dropped,
}

/// What goes along with a future. None of this may panic.
pub trait Beside<T> {
    /// What is told of its end.
    type Told;
    /// Whether the future is to be dropped now instead of polled.
    fn drops(&mut self) -> bool;
    /// It waits; this wakes it.
    fn waits(&mut self, waker: &Waker);
    /// It has ended. Told once.
    fn ended(&mut self, how: End<T>) -> Self::Told;
}

/// A future of one thread, and what goes along with it.
pub struct Held<F: Future, B: Beside<F::Output>> {
    here: u64,
    future: ManuallyDrop<Option<F>>,
    beside: ManuallyDrop<B>,
}

// SAFETY: future and companion are reached and dropped only after `here()` was found equal to the number of the thread that made
//   them, which no other thread ever has (`local::here`). A `Held` in another thread's hands is bytes; dropped there, it ends the process.
//   Breaks if: a way to either is added that does not ask for the thread.
unsafe impl<F: Future, B: Beside<F::Output>> Send for Held<F, B> {}
// SAFETY: as above: there is no way to either through a shared reference.
unsafe impl<F: Future, B: Beside<F::Output>> Sync for Held<F, B> {}

impl<F: Future, B: Beside<F::Output>> Held<F, B> {
    /// A future of this thread.
    pub fn new(future: F, beside: B) -> Self {
        Self { here: here(), future: ManuallyDrop::new(Some(future)), beside: ManuallyDrop::new(beside) }
    }
}

/// Drops a pinned future where it lies; answers with what that panicked.
fn drop_in_place<F>(future: &mut Option<F>) -> Option<Payload> {
    // An assignment drops the old value in place, and has written the new one also if that panics.
    catch_unwind(AssertUnwindSafe(|| *future = None)).err()
}

impl<F: Future, B: Beside<F::Output>> Future for Held<F, B> {
    type Output = B::Told;

    /// `Pending` for ever on another thread, and once it has ended.
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<B::Told> {
        // SAFETY: the future is only polled, through a pin made again here, and dropped in place. The companion is not pinned.
        let this = unsafe { self.get_unchecked_mut() };
        if this.here != here() {
            return Poll::Pending;
        }
        let Some(future) = this.future.as_mut() else { return Poll::Pending };
        let end = if this.beside.drops() {
            End::Dropped
        } else {
            // SAFETY: `future` lies inside a pinned `Held`, which never moves it and drops it in place. `Held` is `Unpin` only
            //   if the future is.
            let future = unsafe { Pin::new_unchecked(future) };
            match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
                Ok(Poll::Pending) => {
                    this.beside.waits(cx.waker());
                    return Poll::Pending;
                }
                Ok(Poll::Ready(value)) => End::Value(value),
                Err(payload) => End::Panicked(payload),
            }
        };
        let end = match drop_in_place(&mut this.future) {
            Some(payload) => End::Panicked(payload),
            None => end,
        };
        Poll::Ready(this.beside.ended(end))
    }
}

impl<F: Future, B: Beside<F::Output>> Drop for Held<F, B> {
    fn drop(&mut self) {
        if self.here != here() {
            // Its memory is about to be used again while it is pinned, and nobody may run its drop here. Whoever lets a
            // task come this far has broken `lane::gate`; there is nothing sound to go on with.
            std::process::abort();
        }
        if self.future.is_some() {
            let end = drop_in_place(&mut self.future).map_or(End::Dropped, End::Panicked);
            drop(self.beside.ended(end));
        }
        // SAFETY: dropped once, here. The future is gone.
        unsafe { ManuallyDrop::drop(&mut self.beside) }
    }
}

impl<F: Future, B: Beside<F::Output>> std::fmt::Debug for Held<F, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a future of thread {}", self.here)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};
    use std::pin::pin;
    use std::rc::Rc;

    #[derive(Clone, Default)]
    struct Notes(Rc<RefCell<Vec<&'static str>>>, Rc<Cell<bool>>);
    impl<T> Beside<T> for Notes {
        type Told = Option<T>;
        fn drops(&mut self) -> bool {
            self.1.get()
        }
        fn waits(&mut self, _: &Waker) {
            self.0.borrow_mut().push("waits");
        }
        fn ended(&mut self, how: End<T>) -> Option<T> {
            let (note, value) = match how {
                End::Value(value) => ("value", Some(value)),
                End::Panicked(_) => ("panicked", None),
                End::Dropped => ("dropped", None),
            };
            self.0.borrow_mut().push(note);
            value
        }
    }

    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("when dropped");
        }
    }

    async fn waits<T>(held: T) {
        let _held = held;
        std::future::pending::<()>().await;
    }

    #[test]
    fn a_future_is_dropped_at_its_end_and_its_panics_are_answers() {
        let (notes, cx) = (Notes::default(), &mut Context::from_waker(Waker::noop()));
        let counted = Rc::new(());
        let inner = counted.clone();
        let mut held = pin!(Held::new(async move { Rc::strong_count(&inner) }, notes.clone()));
        assert_eq!(held.as_mut().poll(cx), Poll::Ready(Some(2)));
        assert_eq!(Rc::strong_count(&counted), 1);
        assert!(held.as_mut().poll(cx).is_pending());
        let mut panics = pin!(Held::new(async { panic!("polled") }, notes.clone()));
        assert_eq!(panics.as_mut().poll(cx), Poll::Ready(None::<()>));
        let mut late = pin!(Held::new(
            std::future::poll_fn({
                let mut held = Some(Panics);
                move |_| {
                    let _stays = &mut held;
                    Poll::Ready(1)
                }
            }),
            notes.clone()
        ));
        assert_eq!(late.as_mut().poll(cx), Poll::Ready(None), "a value whose future panics when dropped is none");
        assert_eq!(*notes.0.borrow(), ["value", "panicked", "panicked"]);
    }

    #[test]
    fn a_future_that_is_dropped_before_its_end_is_told_and_so_is_its_panic() {
        let cx = &mut Context::from_waker(Waker::noop());
        for (expected, panics) in [("dropped", false), ("panicked", true)] {
            for when_polled in [false, true] {
                let notes = Notes::default();
                let mut held = Box::pin(Held::new(waits(panics.then(|| Panics)), notes.clone()));
                assert!(held.as_mut().poll(cx).is_pending());
                notes.1.set(when_polled);
                if when_polled {
                    assert_eq!(held.as_mut().poll(cx), Poll::Ready(None));
                }
                drop(held);
                assert_eq!(*notes.0.borrow(), ["waits", expected]);
            }
        }
    }
}
