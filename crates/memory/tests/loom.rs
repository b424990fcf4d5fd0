//! Models of the algorithms that two threads run without a lock, checked over every interleaving within the bound:
//! ring, parking, arming, reaper. Each model has a twin with a planted mistake, which shows that it can fail.
//!
//! Run by: `RUSTFLAGS="--cfg loom" cargo test -p windlass-memory --test loom --release`.
#![cfg(loom)]
#![allow(non_snake_case, reason = "requirement rows keep their letters")]

use std::time::Duration;

use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use windlass_memory::cells::{Bell, Cells, Sleeper, Slept, Word, WordMut};
use windlass_memory::park::{ClientPark, NodePark};
use windlass_memory::ring::{COMPLETION, Consumer, Producer, PublishError};
use windlass_memory::{Reaper, Waited};

/// Runs a model with at most `preemptions` switches that no blocking asked for.
fn model(preemptions: usize, body: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(body);
}

/// A 32-bit word that can be slept on: the kernel's futex is a queue under a lock, and so is this one.
#[derive(Clone)]
struct ModelWord {
    value: Arc<AtomicU32>,
    sleepers: Arc<(Mutex<()>, Condvar)>,
}

impl ModelWord {
    fn new() -> ModelWord {
        ModelWord { value: Arc::new(AtomicU32::new(0)), sleepers: Arc::new((Mutex::new(()), Condvar::new())) }
    }
}

impl Word for ModelWord {
    fn load(&self) -> u32 {
        self.value.load(Ordering::Relaxed)
    }
}

impl WordMut for ModelWord {
    fn store(&self, value: u32) {
        self.value.store(value, Ordering::Release);
    }
}

impl Bell for ModelWord {
    fn wake(&self) {
        drop(self.sleepers.0.lock().unwrap());
        self.sleepers.1.notify_all();
    }
}

impl Sleeper for ModelWord {
    fn sleep(&self, seen: u32, timeout: Option<Duration>) -> Slept {
        assert_eq!(timeout, None, "the models wait for ever, so that a lost wake is a deadlock");
        let held = self.sleepers.0.lock().unwrap();
        if self.value.load(Ordering::Relaxed) != seen {
            return Slept::Changed;
        }
        drop(self.sleepers.1.wait(held).unwrap());
        Slept::Woken
    }
}

/// A ring of loom's own words. `careless` publishes with a relaxed store: the planted mistake.
#[derive(Clone)]
struct ModelCells {
    words: Arc<Vec<AtomicU64>>,
    careless: bool,
}

impl ModelCells {
    fn new(depth: usize) -> ModelCells {
        ModelCells { words: Arc::new((0..depth * 8).map(|_| AtomicU64::new(0)).collect()), careless: false }
    }

    fn word(&self, position: u32, word: usize) -> &AtomicU64 {
        &self.words[position as usize * 8 % self.words.len() + word]
    }
}

impl Cells for ModelCells {
    fn depth(&self) -> u32 {
        self.words.len() as u32 / 8
    }

    fn is_writable(&self) -> bool {
        true
    }

    fn load(&self, position: u32, word: usize) -> u64 {
        self.word(position, word).load(Ordering::Relaxed)
    }

    fn store(&self, position: u32, word: usize, value: u64) {
        self.word(position, word).store(value, Ordering::Relaxed);
    }

    fn publish(&self, position: u32, word: usize, value: u64) {
        let order = if self.careless { Ordering::Relaxed } else { Ordering::Release };
        self.word(position, word).store(value, order);
    }
}

/// A head word whose store forgets to release the reads before it: the planted mistake of a consumer.
struct CarelessWord(ModelWord);

impl Word for CarelessWord {
    fn load(&self) -> u32 {
        self.0.load()
    }
}

impl WordMut for CarelessWord {
    fn store(&self, value: u32) {
        self.0.value.store(value, Ordering::Relaxed);
    }
}

/// Passes `entries` through a ring of one entry, so that every one of them overwrites the one before.
fn pass(cells: ModelCells, entries: u64, head: impl WordMut + Send + 'static, seen_head: ModelWord) {
    let mut consumer: Consumer<COMPLETION, _, _> = Consumer::over(cells.clone(), head);
    let mut producer: Producer<COMPLETION, _, _> = Producer::over(cells, seen_head);
    let producing = thread::spawn(move || {
        for number in 1..=entries {
            while let Err(refused) = producer.publish([number; 8]) {
                assert_eq!(refused, PublishError::Full);
                thread::yield_now();
            }
        }
    });
    for number in 1..=entries {
        let entry = loop {
            match consumer.take() {
                Some(entry) => break entry,
                None => thread::yield_now(),
            }
        };
        assert_eq!(entry, [number; 8]);
        consumer.commit();
    }
    producing.join().unwrap();
}

#[test]
fn tasks_K58_an_entry_is_taken_whole_and_in_order() {
    model(3, || {
        let head = ModelWord::new();
        pass(ModelCells::new(1), 3, head.clone(), head);
    });
}

#[test]
#[should_panic(expected = "assertion `left == right` failed")]
fn planted_an_entry_published_without_release_is_taken_torn() {
    model(3, || {
        let head = ModelWord::new();
        let cells = ModelCells { careless: true, ..ModelCells::new(1) };
        pass(cells, 3, head.clone(), head);
    });
}
