//! RWLock: many readers or one writer, in the order they asked.
//!
//! Holds: a reader takes one turn of `limits::READERS_MAX` and a writer takes all, from one queue, so neither kind can keep the
//! other out: who asked first has it first, and readers that stand side by side have it together.

use crate::WaitError;
use crate::gate::{Gate, Taking, Turn};
use crate::limits::READERS_MAX;
use std::cell::{Ref, RefCell, RefMut};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A value that many tasks read or one writes, also across waits. It is handed on in the order of asking: readers that come
/// while a writer waits stand behind it, and writers behind readers that came before them.
///
/// A task that reads and asks to read again may wait for a writer between, which waits for the first guard: hold one.
/// A panic while it is held hands it on as it is.
///
/// # Example
/// ```
/// # use windlass_wait::{RWLock, WaitError};
/// # async fn refresh(map: &RWLock<Vec<u64>>) -> Result<u64, WaitError> {
/// map.write().await?.push(7);
/// let read = map.read().await?;
/// Ok(read.iter().sum())
/// # }
/// ```
pub struct RWLock<T: ?Sized> {
    gate: Gate,
    /// Borrowed by the guards, of which the gate allows many that read or one that writes.
    value: RefCell<T>,
}

impl<T> RWLock<T> {
    /// Nobody has it.
    pub const fn new(value: T) -> Self {
        Self { gate: Gate::new(READERS_MAX), value: RefCell::new(value) }
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RWLock<T> {
    /// Waits until nobody writes and nobody who asked before waits; the place in the queue is taken at the first poll.
    ///
    /// Cost: constant time; no allocation but for the list's growth.
    ///
    /// # Errors
    /// `WaitError` if it could not begin to wait.
    pub fn read(&self) -> Reading<'_, T> {
        Reading { taking: Taking::new(&self.gate, 1), value: &self.value }
    }

    /// Waits until nobody reads or writes and nobody who asked before waits; the place in the queue is taken at the first poll.
    ///
    /// Cost: constant time; no allocation but for the list's growth.
    ///
    /// # Errors
    /// `WaitError` if it could not begin to wait.
    pub fn write(&self) -> Writing<'_, T> {
        Writing { taking: Taking::new(&self.gate, READERS_MAX), value: &self.value }
    }

    /// The value to read, if nobody writes and nobody waits.
    pub fn try_read(&self) -> Option<ReadGuard<'_, T>> {
        self.gate.try_take(1).then(|| ReadGuard::new(Turn::taken(&self.gate, 1), &self.value))
    }

    /// The value to write, if nobody has it and nobody waits.
    pub fn try_write(&self) -> Option<WriteGuard<'_, T>> {
        let all = READERS_MAX;
        self.gate.try_take(all).then(|| WriteGuard::new(Turn::taken(&self.gate, all), &self.value))
    }

    /// The value, for who owns the lock: nobody can hold or await it meanwhile.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// How many wait for it.
    pub fn waiting(&self) -> usize {
        self.gate.waiting()
    }
}

impl<T: Default> Default for RWLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized> fmt::Debug for RWLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.gate.free() {
            0 => write!(f, "RWLock (written), {} waiting", self.waiting()),
            free => write!(f, "RWLock ({} reading), {} waiting", READERS_MAX - free, self.waiting()),
        }
    }
}

/// The wait to read; see [`RWLock::read`].
#[must_use = "it waits when it is awaited"]
pub struct Reading<'a, T: ?Sized> {
    taking: Taking<'a>,
    value: &'a RefCell<T>,
}

/// The wait to write; see [`RWLock::write`].
#[must_use = "it waits when it is awaited"]
pub struct Writing<'a, T: ?Sized> {
    taking: Taking<'a>,
    value: &'a RefCell<T>,
}

/// The value while it is read; dropping it lets others on.
#[must_use = "dropping it lets others on"]
pub struct ReadGuard<'a, T: ?Sized> {
    // In this order: the borrow ends before the next one is let in.
    value: Ref<'a, T>,
    _turn: Turn<'a>,
}

/// The value while it is written; dropping it hands it on.
#[must_use = "dropping it hands the value on"]
pub struct WriteGuard<'a, T: ?Sized> {
    // In this order: the borrow ends before the next one is let in.
    value: RefMut<'a, T>,
    _turn: Turn<'a>,
}

impl<'a, T: ?Sized> Future for Reading<'a, T> {
    type Output = Result<ReadGuard<'a, T>, WaitError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let value = self.value;
        self.taking.poll(cx.waker()).map_ok(|turn| ReadGuard::new(turn, value))
    }
}

impl<'a, T: ?Sized> Future for Writing<'a, T> {
    type Output = Result<WriteGuard<'a, T>, WaitError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let value = self.value;
        self.taking.poll(cx.waker()).map_ok(|turn| WriteGuard::new(turn, value))
    }
}

impl<'a, T: ?Sized> ReadGuard<'a, T> {
    fn new(turn: Turn<'a>, value: &'a RefCell<T>) -> Self {
        Self { value: value.borrow(), _turn: turn }
    }
}

impl<'a, T: ?Sized> WriteGuard<'a, T> {
    fn new(turn: Turn<'a>, value: &'a RefCell<T>) -> Self {
        Self { value: value.borrow_mut(), _turn: turn }
    }
}

impl<T: ?Sized> Deref for ReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: ?Sized> Deref for WriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: ?Sized> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for ReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for WriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: ?Sized> fmt::Debug for Reading<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reading")
    }
}

impl<T: ?Sized> fmt::Debug for Writing<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writing")
    }
}
