//! QLock: one task at a time, in the order they asked.

use crate::WaitError;
use crate::gate::{Gate, Taking, Turn};
use std::cell::{RefCell, RefMut};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A value that one task has at a time, also across waits. It is handed on in the order of asking; nobody overtakes.
///
/// A panic while it is held hands it on as it is: tasks of one thread see no half-written word, and what the value means
/// after a panic is its owner's question.
///
/// # Example
/// ```
/// # use windlass_wait::{QLock, WaitError};
/// # struct Socket;
/// # impl Socket { async fn send(&mut self, _: &[u8]) {} }
/// struct Peer { socket: QLock<Socket> }
///
/// impl Peer {
///     /// Header and payload of one message are never torn apart by another's.
///     async fn message(&self, header: &[u8], payload: &[u8]) -> Result<(), WaitError> {
///         let mut socket = self.socket.lock().await?;
///         socket.send(header).await;
///         socket.send(payload).await;
///         Ok(())
///     }
/// }
/// ```
pub struct QLock<T: ?Sized> {
    gate: Gate,
    /// Borrowed by the guard, of which the gate allows one.
    value: RefCell<T>,
}

impl<T> QLock<T> {
    /// Nobody has it.
    pub const fn new(value: T) -> Self {
        Self { gate: Gate::new(1), value: RefCell::new(value) }
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> QLock<T> {
    /// Waits for the value; the place in the queue is taken at the first poll.
    ///
    /// Cost: constant time; no allocation but for the list's growth.
    ///
    /// # Errors
    /// `WaitError` if it could not begin to wait.
    pub fn lock(&self) -> Locking<'_, T> {
        Locking { taking: Taking::new(&self.gate, 1), value: &self.value }
    }

    /// The value if nobody has it or waits for it.
    pub fn try_lock(&self) -> Option<QGuard<'_, T>> {
        self.gate.try_take(1).then(|| QGuard::new(Turn::taken(&self.gate, 1), &self.value))
    }

    /// The value, for who owns the lock: nobody can hold or await it meanwhile.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Whether some task has it.
    pub fn is_locked(&self) -> bool {
        self.gate.free() == 0
    }

    /// How many wait for it.
    pub fn waiting(&self) -> usize {
        self.gate.waiting()
    }
}

impl<T: Default> Default for QLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized> fmt::Debug for QLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = if self.is_locked() { "held" } else { "free" };
        write!(f, "QLock ({held}), {} waiting", self.waiting())
    }
}

/// The wait for a lock; see [`QLock::lock`].
#[must_use = "it waits when it is awaited"]
pub struct Locking<'a, T: ?Sized> {
    taking: Taking<'a>,
    value: &'a RefCell<T>,
}

impl<'a, T: ?Sized> Future for Locking<'a, T> {
    type Output = Result<QGuard<'a, T>, WaitError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let value = self.value;
        self.taking.poll(cx.waker()).map_ok(|turn| QGuard::new(turn, value))
    }
}

impl<T: ?Sized> fmt::Debug for Locking<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Locking")
    }
}

/// The value while it is had; dropping it hands the value on.
#[must_use = "dropping it hands the value on"]
pub struct QGuard<'a, T: ?Sized> {
    // In this order: the borrow ends before the next one is let in.
    value: RefMut<'a, T>,
    _turn: Turn<'a>,
}

impl<'a, T: ?Sized> QGuard<'a, T> {
    fn new(turn: Turn<'a>, value: &'a RefCell<T>) -> Self {
        Self { value: value.borrow_mut(), _turn: turn }
    }
}

impl<T: ?Sized> Deref for QGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: ?Sized> DerefMut for QGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for QGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}
