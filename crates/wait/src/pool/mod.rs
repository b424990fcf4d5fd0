//! Pool: buffers that are made before they are needed, lent one at a time, and come back by themselves.
//!
//! Lives here: `Pool` (what a session asks), `Pooled` (a buffer that is out), their errors. In folders: `marks` (how many),
//! `stock` (the counts, and who gets the next one), `getting` and `closing` (the waits), `zero` (clean buffers).
//! Holds: what is owned is in the pool or out, at most `high`; whoever waits for a buffer waits for one that is out, so nobody
//! sleeps for ever because there is no memory; the last `reserve` buffers are kept for the reserve, in memory.
//! May touch: no memory itself: the maker that it was given does.
//! Not here: alignment, registration with a device: that is the maker's buffer type.

mod closing;
mod getting;
mod marks;
mod stock;
mod zero;

pub use closing::Closing;
pub use getting::Getting;
pub use marks::{Marks, MarksError};
pub use stock::PoolStats;
pub use zero::Zero;

use self::stock::{Share, Stock, Store};
use crate::WaitError;
use crate::limits::BUFFER_BYTES_MAX;
use std::borrow::Cow;
use std::collections::TryReserveError;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

/// A pool of buffers. Clones are the same pool, and a buffer outlives them; so a session makes its pools, hands them to its
/// tasks, and all is gone when the last of them is.
///
/// # Example
/// ```
/// # use windlass_wait::{Marks, Pool};
/// # async fn session() -> Result<(), Box<dyn std::error::Error>> {
/// // 4 blocks made now, up to 16 under load, of which the last 2 are for replies.
/// let blocks = Pool::bytes(Marks { low: 4, high: 16, reserve: 2 }, 4096)?;
/// let replies = blocks.reserve();
///
/// let mut block = blocks.get().await?; // waits while 14 are out
/// block.fill(7);
/// let clean = replies.get_zeroed().await?;
/// assert!(clean.iter().all(|byte| *byte == 0));
/// drop((block, clean)); // back they go
/// blocks.close().await?;
/// # Ok(()) }
/// ```
pub struct Pool<T> {
    store: Rc<Store<T>>,
    share: Share,
}

impl<T> Pool<T> {
    /// A pool that is filled to `marks.low` and asks `maker` for more, up to `marks.high`. The maker is asked in the task that
    /// needs the buffer, and says by an error that there is none to be had now.
    ///
    /// Cost: `low` calls of the maker; room for the places of `high` buffers is reserved.
    ///
    /// # Errors
    /// `PoolError::Short` has the pool all the same, with the buffers that could be made.
    pub fn new(marks: Marks, maker: impl FnMut() -> Result<T, MakeError> + 'static) -> Result<Self, PoolError<T>> {
        let stock = Stock::new(marks.check()?).map_err(|_| PoolError::NoMemory { high: marks.high })?;
        let store = Rc::new(Store::new(stock, Box::new(maker)));
        let pool = Self { store, share: Share::Common };
        match pool.store.prefill() {
            Ok(()) => Ok(pool),
            Err(cause) => Err(PoolError::Short { made: pool.stats().owned, pool, cause }),
        }
    }

    /// Waits for a buffer; what is in it is left over from before. Who asked first is served first.
    ///
    /// Cost: constant time; a call of the maker when the pool is empty and below its high mark.
    ///
    /// # Errors
    /// `GetError`: the pool is closed, or nothing can be made and nothing is out that could come back.
    pub fn get(&self) -> Getting<'_, T> {
        Getting::new(self, None)
    }

    /// A buffer, if one is there or can be made and nobody waits.
    ///
    /// # Errors
    /// `TryGetError` says which of it is not so.
    pub fn try_get(&self) -> Result<Pooled<T>, TryGetError> {
        let buffer = self.store.try_get(self.share)?;
        Ok(Pooled::new(&self.store, self.share, buffer))
    }

    /// The same pool for what must not starve behind the rest, such as replies behind requests: the last `Marks::reserve`
    /// buffers are for it alone, and who waits for one by this road goes before all who do not.
    #[must_use]
    pub fn reserve(&self) -> Self {
        Self { store: self.store.clone(), share: Share::Reserve }
    }

    /// Closes the pool: who waits for a buffer is woken with `Closed`, and so is who asks later. Then waits until all that are
    /// out have come back; each is freed as it comes. A second close waits for the same.
    ///
    /// A task that holds a buffer of the pool waits for itself here.
    ///
    /// # Errors
    /// `WaitError` if it could not begin to wait; the pool is closed all the same.
    pub fn close(&self) -> Closing<'_, T> {
        Closing::new(&self.store)
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.store.stock().is_closed()
    }

    /// Its counts.
    pub fn stats(&self) -> PoolStats {
        self.store.stock().stats()
    }
}

impl<T: Zero> Pool<T> {
    /// As [`Pool::get`], and all bytes of the buffer are zero.
    ///
    /// # Errors
    /// As [`Pool::get`].
    pub fn get_zeroed(&self) -> Getting<'_, T> {
        Getting::new(self, Some(T::zero))
    }

    /// As [`Pool::try_get`], and all bytes of the buffer are zero.
    ///
    /// # Errors
    /// As [`Pool::try_get`].
    pub fn try_get_zeroed(&self) -> Result<Pooled<T>, TryGetError> {
        let mut buffer = self.try_get()?;
        buffer.zero();
        Ok(buffer)
    }
}

impl Pool<Box<[u8]>> {
    /// A pool of buffers of `length` bytes each.
    ///
    /// # Errors
    /// As [`Pool::new`]; `TooLong` beyond `limits::BUFFER_BYTES_MAX`.
    pub fn bytes(marks: Marks, length: usize) -> Result<Self, PoolError<Box<[u8]>>> {
        if length > BUFFER_BYTES_MAX {
            return Err(PoolError::TooLong { asked: length });
        }
        Self::new(marks, move || {
            let mut bytes = Vec::new();
            bytes.try_reserve_exact(length)?;
            bytes.resize(length, 0);
            Ok(bytes.into_boxed_slice())
        })
    }
}

impl<T> Clone for Pool<T> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), share: self.share }
    }
}

impl<T> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = self.stats();
        write!(f, "Pool with {} of {} out, {} waiting", stats.issued, stats.owned, stats.waiting)
    }
}

/// A buffer that is out. Dropping it gives it back: to who waits, into the pool, or, if the pool has more than its low mark
/// or is closed, to the allocator.
pub struct Pooled<T> {
    store: Rc<Store<T>>,
    share: Share,
    /// Here until it is dropped.
    buffer: Option<T>,
}

impl<T> Pooled<T> {
    fn new(store: &Rc<Store<T>>, share: Share, buffer: T) -> Self {
        Self { store: store.clone(), share, buffer: Some(buffer) }
    }
}

impl<T> Deref for Pooled<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.buffer {
            Some(buffer) => buffer,
            None => unreachable!("only dropping takes it"),
        }
    }
}

impl<T> DerefMut for Pooled<T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.buffer {
            Some(buffer) => buffer,
            None => unreachable!("only dropping takes it"),
        }
    }
}

impl<T> Drop for Pooled<T> {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            self.store.put(self.share, buffer);
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Pooled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Why a maker has no buffer to give.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct MakeError {
    why: Cow<'static, str>,
}

impl MakeError {
    /// In words.
    pub fn new(why: impl Into<Cow<'static, str>>) -> Self {
        Self { why: why.into() }
    }
}

impl From<TryReserveError> for MakeError {
    fn from(_: TryReserveError) -> Self {
        Self::new("no memory for one more buffer")
    }
}

/// Why there is no such pool, or a smaller one.
#[derive(thiserror::Error)]
pub enum PoolError<T> {
    /// The marks do not fit each other.
    #[error(transparent)]
    Marks(#[from] MarksError),
    /// A buffer longer than any may be.
    #[error("a buffer is {BUFFER_BYTES_MAX} bytes at most, not {asked}")]
    TooLong {
        /// Bytes asked for.
        asked: usize,
    },
    /// No memory for the places of so many buffers.
    #[error("no memory for a pool of {high} buffers")]
    NoMemory {
        /// The high mark.
        high: usize,
    },
    /// The maker could not fill it to its low mark. It can be used as it is, and asks the maker again when it is empty.
    #[error("only {made} buffers could be made: {cause}")]
    Short {
        /// The pool with those.
        pool: Pool<T>,
        /// How many.
        made: usize,
        /// What the maker said.
        cause: MakeError,
    },
}

impl<T> fmt::Debug for PoolError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a wait for a buffer ended without one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GetError {
    /// The pool is closed.
    #[error("the pool is closed")]
    Closed,
    /// The maker has none to give, and none is out that could come back.
    #[error("no buffer can be made and none is out: {0}")]
    Maker(MakeError),
    /// It could not begin to wait.
    #[error(transparent)]
    Refused(#[from] WaitError),
}

/// Why there is no buffer now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TryGetError {
    /// As many are out as may be, or others wait.
    #[error("no buffer is left")]
    Empty,
    /// The pool is closed.
    #[error("the pool is closed")]
    Closed,
    /// The maker has none to give.
    #[error("no buffer can be made: {0}")]
    Maker(MakeError),
}
