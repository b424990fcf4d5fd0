//! Closing: the wait until all buffers have come back.

use super::stock::Store;
use crate::WaitError;
use crate::list::Key;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The end of a pool; see [`Pool::close`](super::Pool::close). The pool is closed at the first poll, and stays so if this is dropped.
#[must_use = "it closes when it is awaited"]
pub struct Closing<'a, T> {
    store: &'a Store<T>,
    place: Option<Key>,
}

impl<'a, T> Closing<'a, T> {
    pub(super) fn new(store: &'a Store<T>) -> Self {
        Self { store, place: None }
    }

    fn leave(&mut self) {
        drop(self.place.take().map(|key| self.store.stock().closing.leave(key)));
    }
}

impl<T> Future for Closing<'_, T> {
    type Output = Result<(), WaitError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let idle = self.store.stock().close();
        drop(idle);
        self.store.serve();
        let mut stock = self.store.stock();
        if stock.issued() == 0 {
            drop(stock);
            self.leave();
            return Poll::Ready(Ok(()));
        }
        if let Some(key) = &self.place {
            let stale = stock.closing.refresh(key, cx.waker());
            drop(stock);
            drop(stale);
            return Poll::Pending;
        }
        match stock.closing.push(cx.waker(), ()) {
            Ok(key) => {
                drop(stock);
                self.place = Some(key);
                Poll::Pending
            }
            Err((_, why)) => Poll::Ready(Err(why)),
        }
    }
}

impl<T> Drop for Closing<'_, T> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<T> fmt::Debug for Closing<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Closing")
    }
}
