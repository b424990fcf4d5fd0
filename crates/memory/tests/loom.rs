//! Models of the algorithms that two threads run without a lock, checked over every interleaving within the bound:
//! ring, parking, arming, reaper. Each model has a twin with a planted mistake, which shows that it can fail.
//!
//! Run by: `RUSTFLAGS="--cfg loom" cargo test -p windlass-memory --test loom --release`.
#![cfg(loom)]
#![allow(non_snake_case, reason = "requirement rows keep their letters")]

// Not loom's `Arc`: it cannot be dropped while a failed model unwinds, and counting is not what is checked here.
use std::sync::Arc;
use std::time::Duration;

use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use loom::sync::{Condvar, Mutex};
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

/// Passes `entries` through a ring of one entry, so that every one of them overwrites the one before.
fn pass(cells: ModelCells, entries: u64) {
    let head = ModelWord::new();
    let mut consumer: Consumer<COMPLETION, _, _> = Consumer::over(cells.clone(), head.clone());
    let mut producer: Producer<COMPLETION, _, _> = Producer::over(cells, head);
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
    model(4, || {
        pass(ModelCells::new(1), 3);
    });
}

#[test]
#[should_panic(expected = "assertion `left == right` failed")]
fn planted_an_entry_published_without_release_is_taken_torn() {
    model(3, || {
        pass(ModelCells { careless: true, ..ModelCells::new(1) }, 3);
    });
}

/// A ring of two entries, its completion producer and its consumer.
fn ring() -> (Producer<COMPLETION, ModelCells, ModelWord>, Consumer<COMPLETION, ModelCells, ModelWord>) {
    let (cells, head) = (ModelCells::new(2), ModelWord::new());
    (Producer::over(cells.clone(), head.clone()), Consumer::over(cells, head))
}

/// The words of a session: armed, tail, ended, parked.
#[derive(Clone)]
struct Words {
    armed: ModelWord,
    tail: ModelWord,
    ended: ModelWord,
    parked: ModelWord,
}

impl Words {
    fn new() -> Words {
        Words {
            armed: ModelWord::new(),
            tail: ModelWord::new(),
            ended: ModelWord::new(),
            parked: ModelWord::new(),
        }
    }

    fn node(&self) -> NodePark<ModelWord, ModelWord, ModelWord> {
        NodePark::over(self.armed.clone(), self.tail.clone(), self.ended.clone(), self.parked.clone())
    }

    fn client(&self) -> ClientPark<ModelWord, ModelWord, ModelWord> {
        ClientPark::over(self.parked.clone(), self.armed.clone(), self.tail.clone())
    }
}

/// The client waits for two completions while `announce` tells it of each: a lost wake is a deadlock.
fn wait_for_two(announce: impl Fn(&Words, u32) + Send + 'static) {
    let words = Words::new();
    let (mut producer, mut consumer) = ring();
    let node = {
        let words = words.clone();
        thread::spawn(move || {
            for number in 1..=2 {
                producer.publish([number; 8]).expect("two entries have room");
                announce(&words, producer.published());
            }
        })
    };
    let park = words.client();
    for number in 1..=2 {
        loop {
            let seen = park.seen();
            if let Some(entry) = consumer.take() {
                assert_eq!(entry, [number; 8]);
                break;
            }
            park.wait(seen, None, || consumer.peek_ready());
        }
    }
    node.join().unwrap();
}

#[test]
fn a_parked_client_is_woken_by_every_announcement() {
    model(5, || {
        wait_for_two(|words, tail| {
            words.node().announce(tail);
        });
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn planted_an_announcement_without_its_fence_loses_a_wake() {
    model(3, || {
        wait_for_two(|words, tail| {
            words.tail.store(tail);
            if words.parked.load() == 1 {
                words.tail.wake();
            }
        });
    });
}

/// The client waits for the end of the session, which `end` brings about.
fn wait_for_the_end(end: impl FnOnce(Words) + Send + 'static) {
    let words = Words::new();
    let node = {
        let words = words.clone();
        thread::spawn(move || end(words))
    };
    let park = words.client();
    loop {
        let seen = park.seen();
        if words.ended.load() != 0 {
            break;
        }
        park.wait(seen, None, || false);
    }
    node.join().unwrap();
}

#[test]
fn a_parked_client_is_woken_by_the_end_of_its_session() {
    model(5, || wait_for_the_end(|words| words.node().end(42)));
}

#[test]
#[should_panic(expected = "deadlock")]
fn planted_an_end_that_leaves_the_tail_alone_is_missed() {
    model(3, || {
        wait_for_the_end(|words| {
            words.ended.store(42);
            words.tail.wake();
        });
    });
}

/// The node sleeps on a doorbell between two slots; `must_ring` is the client's decision after publishing.
fn ring_for_two(must_ring: impl Fn(&Words) -> bool + Send + 'static) {
    let words = Words::new();
    let bell = Arc::new((Mutex::new(false), Condvar::new()));
    let (mut producer, mut consumer) = ring();
    let client = {
        let (words, bell) = (words.clone(), Arc::clone(&bell));
        thread::spawn(move || {
            for number in 1..=2 {
                producer.publish([number; 8]).expect("two entries have room");
                if must_ring(&words) {
                    *bell.0.lock().unwrap() = true;
                    bell.1.notify_one();
                }
            }
        })
    };
    let park = words.node();
    for number in 1..=2 {
        loop {
            if let Some(entry) = consumer.take() {
                assert_eq!(entry, [number; 8]);
                break;
            }
            if park.arm(|| consumer.peek_ready()) {
                let mut rung = bell.0.lock().unwrap();
                while !*rung {
                    rung = bell.1.wait(rung).unwrap();
                }
                *rung = false;
                drop(rung);
                park.disarm();
            }
        }
    }
    client.join().unwrap();
}

#[test]
fn an_armed_worker_is_rung_for_every_slot_it_would_miss() {
    model(5, || ring_for_two(|words| words.client().rang_needed()));
}

#[test]
#[should_panic(expected = "deadlock")]
fn planted_a_look_at_armed_without_its_fence_loses_the_doorbell() {
    model(3, || ring_for_two(|words| words.armed.load() == 1));
}

/// One reaper for `waiters` threads. The node answers the seats in order: from a thread of its own, one by one, or
/// all before they wait (which saves a thread of the few that a model can have).
fn reap_for_all(reaper: Reaper<()>, waiters: u32, node_is_a_thread: bool) {
    let replies = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
    let done: Arc<Vec<AtomicBool>> = Arc::new((0..waiters).map(|_| AtomicBool::new(false)).collect());
    let reaper = Arc::new(reaper);
    let wait = {
        let replies = Arc::clone(&replies);
        move |seat: u32| {
            let waited = reaper.wait_until(
                seat,
                || done[seat as usize].load(Ordering::Acquire),
                || None,
                |(), _| {
                    let mut arrived: loom::sync::MutexGuard<'_, Vec<u32>> = replies.0.lock().unwrap();
                    while arrived.is_empty() {
                        arrived = replies.1.wait(arrived).unwrap();
                    }
                    let seat = arrived.remove(0);
                    drop(arrived);
                    done[seat as usize].store(true, Ordering::Release);
                    reaper.call_up(seat);
                },
            );
            assert_eq!(waited, Waited::Done);
        }
    };
    let threads: Vec<_> = (1..waiters)
        .map(|seat| {
            let wait = wait.clone();
            thread::spawn(move || wait(seat))
        })
        .collect();
    let answer = move || {
        for seat in 0..waiters {
            replies.0.lock().unwrap().push(seat);
            replies.1.notify_one();
        }
    };
    let node = if node_is_a_thread {
        Some(thread::spawn(answer))
    } else {
        answer();
        None
    };
    wait(0);
    threads.into_iter().chain(node).for_each(|thread| thread.join().unwrap());
}

#[test]
fn tasks_K58_the_leaving_reaper_hands_over_and_no_waiter_of_two_sleeps_on() {
    model(4, || reap_for_all(Reaper::new((), 2), 2, true));
}

#[test]
fn tasks_K58_the_leaving_reaper_hands_over_and_no_waiter_of_three_sleeps_on() {
    model(3, || reap_for_all(Reaper::new((), 3), 3, false));
}

#[test]
#[should_panic(expected = "deadlock")]
fn planted_a_reaper_without_its_fences_leaves_a_waiter_asleep() {
    model(3, || reap_for_all(Reaper::careless((), 2), 2, false));
}
