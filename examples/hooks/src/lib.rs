//! Hooks: a module that answers every monitor hook itself.
//!
//! What its calls cost, where they go, what becomes of several answers, and what remains to be done before a flush is over.

use std::cell::{Cell, RefCell};
use windlass::prelude::*;

/// A line of work: it writes down what it was asked and what came.
#[derive(Default)]
pub struct Line {
    log: RefCell<Vec<u32>>,
    told: Cell<u64>,
    trained: Cell<u64>,
    owed: Cell<u64>,
    asked: Cell<u64>,
    started: Cell<u64>,
    fails: Cell<u32>,
}

#[module(lanes(data = 4))]
impl Line {
    #[create]
    fn create() -> Self {
        Self::default()
    }

    /// Writes `mark` down, and works for a microsecond per byte of `weight`.
    #[method(id = 10)]
    async fn mark(&self, cx: &Context<'_>, mark: u32, weight: In<Bytes>) {
        self.log.borrow_mut().push(mark);
        let begun = cx.now_ns();
        while cx.now_ns() - begun < 1000 * weight.len() as u64 {
            std::hint::spin_loop();
        }
    }

    /// The marks of this container, in the order they were written.
    #[method(id = 11, aggregate)]
    fn marks(&self) -> Vec<u32> {
        self.log.borrow().clone()
    }

    /// Holds its worker until there is a file at `path`: two milliseconds at least, ten seconds at most.
    #[method(id = 12)]
    #[allow(clippy::disallowed_methods, reason = "it holds its worker, which is what it is for")]
    fn hold(&self, cx: &Context<'_>, path: &str) -> bool {
        let begun = cx.now_ns();
        let held = |ms: u64| cx.now_ns() - begun >= ms * 1_000_000;
        while !(held(2) && std::path::Path::new(path).exists() || held(10_000)) {
            std::hint::spin_loop();
        }
        !held(10_000)
    }

    /// From now on so many units of work remain, one less each time a flush asks.
    #[method(id = 13)]
    fn owe(&self, units: u64) {
        self.owed.set(units);
    }

    /// Samples told, trainings, flushes that asked, fans that began.
    #[method(id = 14)]
    fn seen(&self) -> (u64, u64, u64, u64) {
        (self.told.get(), self.trained.get(), self.asked.get(), self.started.get())
    }

    /// Writes `mark` down; dynamic calls of one `name` meet one container.
    #[method(id = 15, key = name)]
    fn keep(&self, name: &str, mark: u32) {
        let _only_the_key = name;
        self.log.borrow_mut().push(mark);
    }

    /// From now on its hooks panic (1), name a container and a lane that are not there (2), or do what they should (0); 3 and 4:
    /// `lane_of` says the least loaded one, and one by a hash.
    #[method(id = 16)]
    fn fail(&self, how: u32) {
        self.fails.set(how);
    }

    /// Writes `mark` down once its lane has its turn; `lane_of` says which lane that is.
    #[method(id = 17, group = data)]
    fn write(&self, mark: u32) {
        self.log.borrow_mut().push(mark);
    }

    /// As `write`; all of one `name` wait in one lane, behind each other.
    #[method(id = 18, group = data, key = name)]
    fn append(&self, name: &str, mark: u32) {
        let _only_the_key = name;
        self.log.borrow_mut().push(mark);
    }

    /// Writes `mark` down and stays for so long; nobody waits for that.
    #[method(id = 19, detached)]
    async fn linger(&self, cx: &Context<'_>, mark: u32, ms: u64) -> Result<(), Fault> {
        self.log.borrow_mut().push(mark);
        cx.sleep(std::time::Duration::from_millis(ms)).await
    }

    /// Waits for so long.
    #[method(id = 20)]
    async fn slow(&self, cx: &Context<'_>, ms: u64) -> Result<(), Fault> {
        cx.sleep(std::time::Duration::from_millis(ms)).await
    }

    /// `write` in the last lane; of others the key says, which is what the node does by itself.
    #[hook]
    fn lane_of(&self, call: LaneCall) -> Lane {
        match (call.method, self.fails.get()) {
            (17, 2) => Lane::Number(call.lanes),
            (17, 3) => Lane::LeastLoaded,
            (17, 4) => Lane::ByHash(call.bytes + 1),
            (17, _) => Lane::Number(call.lanes - 1),
            _ => Lane::Usual,
        }
    }

    /// A microsecond for each byte of a `mark`; nothing else of it is known.
    #[hook]
    fn estimate(&self, method: u32, bytes: u64, learnt: Cost) -> Cost {
        assert!(self.fails.get() != 1, "no estimate");
        if method == 10 { Cost { fixed_ns: 1000.0 * bytes as f64, per_byte_ns: 0.0 } } else { learnt }
    }

    #[hook]
    fn sample(&self, sample: Sample) {
        assert!(sample.held_ns <= sample.ran_ns, "no call holds its worker for longer than it runs");
        self.told.set(self.told.get() + 1);
    }

    /// Of `seen` it claims to know better.
    #[hook]
    fn train(&self, samples: &[Sample]) -> Option<Cost> {
        self.trained.set(self.trained.get() + 1);
        let of_seen = samples.iter().all(|one| one.method == 14);
        of_seen.then_some(Cost { fixed_ns: 42_000.0, per_byte_ns: 0.0 })
    }

    /// By the key, where there is one; all others to the last container.
    #[hook]
    fn schedule(&self, method: u32, hash: u64, containers: u32) -> u32 {
        match (self.fails.get(), method) {
            (0, 15) => (hash % u64::from(containers)) as u32,
            (0, _) => containers - 1,
            (1, _) => panic!("no schedule"),
            _ => containers,
        }
    }

    /// No more than three at once.
    #[hook]
    fn replica_start(&self, _method: u32, replicas: u32) -> Result<(), Fault> {
        self.started.set(self.started.get() + 1);
        if replicas > 3 { Err(Fault::module(5, format!("{replicas} at once are too many"))) } else { Ok(()) }
    }

    /// All marks, from the last container to the first.
    #[hook]
    fn replica_aggregate(&self, _method: u32, replies: &[Vec<u8>]) -> Result<Vec<u8>, Fault> {
        let mut all = Vec::new();
        for reply in replies.iter().rev() {
            all.extend(postcard::from_bytes::<Vec<u32>>(reply).map_err(unreadable)?);
        }
        postcard::to_allocvec(&all).map_err(unreadable)
    }

    #[hook]
    fn flush_work(&self) -> u64 {
        let left = self.owed.get();
        self.asked.set(self.asked.get() + 1);
        self.owed.set(left.saturating_sub(1));
        left
    }
}

fn unreadable(error: postcard::Error) -> Fault {
    Fault::new(Code::BadReply, error.to_string())
}
