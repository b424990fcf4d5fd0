//! Semaphore: a number of permits, so many at a time, in the order they were asked for.

use crate::WaitError;
use crate::gate::Gate;
use crate::list::Key;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A number of permits. Clones are the same semaphore; a permit outlives them and may go to another task.
///
/// # Example
/// ```
/// # use windlass_wait::{AcquireError, Semaphore};
/// # async fn serve(requests: Vec<u64>) -> Result<(), AcquireError> {
/// let at_once = Semaphore::new(8);
/// for request in requests {
///     let permit = at_once.acquire(1).await?; // the ninth waits here, and so does whoever sends it
///     // .. give `request` and `permit` to a task, which drops the permit at its end
/// #   drop((request, permit));
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Semaphore(Rc<Permits>);

struct Permits {
    gate: Gate,
    total: usize,
}

/// Why permits were not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcquireError {
    /// There are not so many at all: this would wait for ever.
    #[error("{asked} permits of {total} are asked for")]
    TooMany {
        /// Permits asked for.
        asked: usize,
        /// Permits there are.
        total: usize,
    },
    /// It could not begin to wait.
    #[error(transparent)]
    Refused(#[from] WaitError),
}

impl Semaphore {
    /// All of `permits` are free.
    pub fn new(permits: usize) -> Self {
        Self(Rc::new(Permits { gate: Gate::new(permits), total: permits }))
    }

    /// Waits for so many permits at once; the place in the queue is taken at the first poll. Who asks for few does not
    /// overtake who asked before for many.
    ///
    /// Cost: constant time; no allocation but for the list's growth.
    ///
    /// # Errors
    /// `TooMany` at once; `Refused` if it could not begin to wait.
    pub fn acquire(&self, permits: usize) -> Acquiring<'_> {
        Acquiring { semaphore: self, permits, place: None }
    }

    /// So many permits if they are free and nobody waits.
    pub fn try_acquire(&self, permits: usize) -> Option<Permit> {
        self.0.gate.try_take(permits).then(|| Permit { from: self.0.clone(), permits })
    }

    /// Permits that are free.
    pub fn free(&self) -> usize {
        self.0.gate.free()
    }

    /// Permits there are.
    pub fn total(&self) -> usize {
        self.0.total
    }

    /// How many tasks wait.
    pub fn waiting(&self) -> usize {
        self.0.gate.waiting()
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Semaphore with {} of {} free, {} waiting", self.free(), self.total(), self.waiting())
    }
}

/// Permits that are held; dropping it gives them back.
#[must_use = "dropping it gives the permits back"]
pub struct Permit {
    from: Rc<Permits>,
    permits: usize,
}

impl Permit {
    /// How many it stands for.
    pub fn permits(&self) -> usize {
        self.permits
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.from.gate.give(self.permits);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit of {}", self.permits)
    }
}

/// The wait for permits; see [`Semaphore::acquire`].
#[must_use = "it waits when it is awaited"]
pub struct Acquiring<'a> {
    semaphore: &'a Semaphore,
    permits: usize,
    place: Option<Key>,
}

impl Future for Acquiring<'_> {
    type Output = Result<Permit, AcquireError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (from, asked) = (&self.semaphore.0, self.permits);
        if asked > from.total {
            return Poll::Ready(Err(AcquireError::TooMany { asked, total: from.total }));
        }
        let taken = from.gate.poll_take(asked, &mut self.place, cx.waker());
        taken.map(|result| match result {
            Ok(()) => Ok(Permit { from: from.clone(), permits: asked }),
            Err(why) => Err(AcquireError::Refused(why)),
        })
    }
}

impl Drop for Acquiring<'_> {
    fn drop(&mut self) {
        self.semaphore.0.gate.leave(self.place.take());
    }
}

impl fmt::Debug for Acquiring<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Acquiring {}", self.permits)
    }
}
