//! An executor for tests: one thread, an order that follows from a seed, and a task dropped as soon as it has ended.
//!
//! Holds: a woken task is polled once per wake. Some seeds poll tasks that nobody woke, too: a wait must bear that.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};
use windlass_wait::conformance::{Bench, Task};

/// Orders that each claim is tried in.
const SEEDS: u64 = 128;

/// A flag that a waker sets.
#[derive(Default)]
pub struct Flag(AtomicBool);

impl Flag {
    /// A flag, and the waker that sets it.
    pub fn with_waker() -> (Arc<Self>, Waker) {
        let flag = Arc::new(Self::default());
        (flag.clone(), Waker::from(flag))
    }
    /// Whether it was set since the last time.
    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The executor.
pub struct Shuffled {
    inner: RefCell<Inner>,
    /// One poll in so many goes to a task that nobody woke; 0: none does.
    spurious: u32,
}

struct Inner {
    /// `None` while it is polled.
    tasks: BTreeMap<u64, (Arc<Flag>, Option<Task>)>,
    next: u64,
    random: fastrand::Rng,
}

impl Shuffled {
    /// The order of this seed.
    pub fn new(seed: u64) -> Self {
        let inner = Inner { tasks: BTreeMap::new(), next: 0, random: fastrand::Rng::with_seed(seed) };
        Self { inner: RefCell::new(inner), spurious: if seed.is_multiple_of(4) { 5 } else { 0 } }
    }

    /// Tasks that have not ended.
    pub fn alive(&self) -> usize {
        self.inner.borrow().tasks.len()
    }

    /// Takes one of the woken tasks out, or now and then one that is not.
    fn pick(&self) -> Option<(u64, Arc<Flag>, Task)> {
        let inner = &mut *self.inner.borrow_mut();
        let woken: Vec<u64> =
            inner.tasks.iter().filter(|(_, (flag, _))| flag.is_set()).map(|(id, _)| *id).collect();
        if woken.is_empty() {
            return None;
        }
        let mut id = woken[inner.random.usize(..woken.len())];
        if self.spurious > 0 && inner.random.u32(..self.spurious) == 0 {
            let any = inner.random.usize(..inner.tasks.len());
            id = *inner.tasks.keys().nth(any).expect("one of them");
        }
        let (flag, task) = inner.tasks.get_mut(&id).expect("it is there");
        flag.take();
        Some((id, flag.clone(), task.take().expect("it is not being polled")))
    }
}

impl Bench for Shuffled {
    fn spawn(&self, task: Task) {
        let flag = Arc::new(Flag::default());
        flag.clone().wake();
        let mut inner = self.inner.borrow_mut();
        let id = inner.next;
        inner.next += 1;
        inner.tasks.insert(id, (flag, Some(task)));
    }

    fn run(&self) {
        while let Some((id, flag, mut task)) = self.pick() {
            let waker = Waker::from(flag);
            if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                drop(task);
                self.inner.borrow_mut().tasks.remove(&id);
            } else if let Some(entry) = self.inner.borrow_mut().tasks.get_mut(&id) {
                entry.1 = Some(task);
            }
        }
    }
}

/// Tries a claim in many orders; says which one it failed in.
pub fn in_many_orders(claim: fn(&dyn Bench)) {
    for seed in 0..SEEDS {
        println!("order {seed}");
        claim(&Shuffled::new(seed));
    }
}
