//! Getting: the wait for a buffer.

use super::stock::{Grant, Share, Store};
use super::{GetError, Pool, Pooled};
use crate::list::Key;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// The wait for a buffer; see [`Pool::get`].
#[must_use = "it waits when it is awaited"]
pub struct Getting<'a, T> {
    store: &'a Rc<Store<T>>,
    share: Share,
    clean: Option<fn(&mut T)>,
    place: Option<Key>,
}

impl<'a, T> Getting<'a, T> {
    pub(super) fn new(pool: &'a Pool<T>, clean: Option<fn(&mut T)>) -> Self {
        Self { store: &pool.store, share: pool.share, clean, place: None }
    }

    /// What there is for it now. A room leaves it its place in the queue.
    fn grant(&mut self, waker: &Waker) -> Grant<T> {
        let mut stock = self.store.stock();
        let Some(key) = &self.place else { return stock.issue_now(self.share) };
        let list = &mut stock.waiting[self.share as usize];
        match list.passed_mut(key) {
            None => {
                let stale = list.refresh(key, waker);
                drop(stock);
                drop(stale);
                return Grant::Nothing;
            }
            Some(grant @ Grant::Room) => {
                *grant = Grant::Nothing;
                return Grant::Room;
            }
            Some(_) => {}
        }
        let granted = list.collect(key).unwrap_or(Grant::Nothing);
        self.place = None;
        granted
    }

    /// Sleeps on: at the back if it has just come, before all others if it has waited already.
    fn sleep(&mut self, waker: &Waker) -> Result<(), GetError> {
        let mut stock = self.store.stock();
        let list = &mut stock.waiting[self.share as usize];
        match &self.place {
            Some(key) => list.resume(key, waker),
            None => {
                self.place = Some(list.push(waker, Grant::Nothing).map_err(|(_, why)| why)?);
                stock.waits += 1;
            }
        }
        Ok(())
    }

    fn leave(&mut self) {
        let Some(key) = self.place.take() else { return };
        let left = self.store.stock().waiting[self.share as usize].leave(key);
        match left.payload {
            Grant::Buffer(buffer) => self.store.put(self.share, buffer),
            Grant::Room => self.store.give_up(self.share),
            // Others may have waited behind it.
            Grant::Nothing | Grant::Closed => self.store.serve(),
        }
    }

    fn ready(&self, buffer: T) -> Poll<Result<Pooled<T>, GetError>> {
        let mut buffer = Pooled::new(self.store, self.share, buffer);
        if let Some(clean) = self.clean {
            clean(&mut buffer);
        }
        Poll::Ready(Ok(buffer))
    }

    /// The maker had none. It waits if something is out, and else nobody could ever wake it.
    fn without(&mut self, why: super::MakeError, waker: &Waker) -> Poll<Result<Pooled<T>, GetError>> {
        let (closed, nothing_out) = {
            let stock = self.store.stock();
            (stock.is_closed(), stock.issued() == 0)
        };
        let error = match () {
            () if closed => GetError::Closed,
            () if nothing_out => GetError::Maker(why),
            () => match self.sleep(waker) {
                Ok(()) => return Poll::Pending,
                Err(why) => why,
            },
        };
        self.leave();
        self.store.serve_if_nothing_is_out();
        Poll::Ready(Err(error))
    }
}

impl<T> Future for Getting<'_, T> {
    type Output = Result<Pooled<T>, GetError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let waited = self.place.is_some();
        match self.grant(cx.waker()) {
            Grant::Buffer(buffer) => self.ready(buffer),
            Grant::Closed => Poll::Ready(Err(GetError::Closed)),
            Grant::Nothing if waited => Poll::Pending,
            Grant::Nothing => match self.sleep(cx.waker()) {
                Ok(()) => Poll::Pending,
                Err(why) => Poll::Ready(Err(why)),
            },
            Grant::Room => match self.store.fill(self.share) {
                Ok(buffer) => {
                    self.leave();
                    self.ready(buffer)
                }
                Err(why) => self.without(why, cx.waker()),
            },
        }
    }
}

impl<T> Drop for Getting<'_, T> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<T> fmt::Debug for Getting<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.place.is_some() { "Getting" } else { "Getting (not begun)" })
    }
}
