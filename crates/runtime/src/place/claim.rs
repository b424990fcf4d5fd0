//! Claim: whether a container is in use, in a word that others may look at.
//!
//! Lives here: `Claim`, `Using` (one call of a container, from its queue to its end).
//! From: `host`, when a call is queued. To: `admin::relief`, for a container whose worker is held by a piece of work.
//! Holds: a container that is in use is not relieved; once it is, its worker begins nothing in it and sends its calls on to
//! where it is. Only containers that keep nothing have one, and shares of those that threads may share, on a node with a watchdog; all
//! others pay nothing.

use super::{Container, Module};
use crate::shared::{Shared, WorkerId};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Nobody uses it.
const FREE: u32 = 0;
/// Its worker does.
const USED: u32 = 1;
/// It is elsewhere: from this number on, at the worker above it.
const GONE: u32 = 1 << 16;

/// Who has a container.
#[derive(Debug, Default)]
pub(crate) struct Claim(AtomicU32);

impl Claim {
    /// One of a container of this module, if it is to have one.
    pub(crate) fn of(shared: &Shared, module: &Module) -> Option<Arc<Self>> {
        let watched = shared.desk(WorkerId::FIRST).pulse.is_some() && !shared.is_alone();
        let may_go = module.table.is_stateless() || module.table.is_sync();
        (watched && module.provided.is_none() && may_go).then(Arc::default)
    }

    /// Its worker begins to use it.
    ///
    /// # Errors
    /// Where it is now.
    fn take(&self) -> Result<(), WorkerId> {
        // ORDER: pairs with the exchange in `relieve`: one of the two comes first, and the other sees it.
        match self.0.compare_exchange(FREE, USED, Ordering::AcqRel, Ordering::Acquire) {
            Err(word) if word >= GONE => Err(WorkerId((word - GONE) as u16)),
            _ => Ok(()),
        }
    }

    /// Its worker uses it no more.
    fn free(&self) {
        self.0.store(FREE, Ordering::Release);
    }

    /// Whether it was given to another worker.
    fn is_gone(&self) -> bool {
        self.0.load(Ordering::Acquire) >= GONE
    }

    /// Whether nobody uses it, by a look.
    pub(crate) fn is_free(&self) -> bool {
        self.0.load(Ordering::Acquire) == FREE
    }

    /// Takes it from its worker, for another one; `false` if it is in use.
    pub(crate) fn relieve(&self, to: WorkerId) -> bool {
        self.0.compare_exchange(FREE, GONE + u32::from(to.0), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Gives it back to its worker.
    pub(crate) fn give_back(&self) {
        self.free();
    }
}

/// One call of a container: until it goes, the container is in use.
pub(crate) struct Using(Rc<Container>);

impl Container {
    /// One more call of it; nothing for one that has no claim.
    ///
    /// # Errors
    /// The worker that it was given to.
    #[inline]
    pub(crate) fn begin_use(self: &Rc<Self>) -> Result<Option<Using>, WorkerId> {
        let Some(claim) = &self.claim else { return Ok(None) };
        if self.users.get() == 0 {
            claim.take()?;
        }
        self.users.set(self.users.get() + 1);
        Ok(Some(Using(self.clone())))
    }

    /// Whether it was given to another worker, while this one was held.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.claim.as_ref().is_some_and(|claim| claim.is_gone())
    }
}

impl Drop for Using {
    fn drop(&mut self) {
        let left = self.0.users.get() - 1;
        self.0.users.set(left);
        if let (0, Some(claim)) = (left, &self.0.claim) {
            claim.free();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_use_is_not_relieved_and_what_is_relieved_is_not_used() {
        let claim = Claim::default();
        assert!(claim.is_free());
        claim.take().expect("it is free");
        assert!(!claim.relieve(WorkerId(3)) && !claim.is_free());
        claim.free();
        assert!(claim.relieve(WorkerId(0)));
        assert_eq!(claim.take(), Err(WorkerId(0)));
        assert!(!claim.relieve(WorkerId(2)), "once");
        claim.give_back();
        claim.take().expect("it is back");
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "two threads of a test")]
    fn of_a_worker_and_a_reliever_one_has_it() {
        for _ in 0..200 {
            let claim = Claim::default();
            let (used, relieved) = std::thread::scope(|scope| {
                let other = scope.spawn(|| claim.relieve(WorkerId(1)));
                (claim.take().is_ok(), other.join().expect("no panic"))
            });
            assert!(used != relieved);
        }
    }
}
