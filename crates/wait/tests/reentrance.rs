//! Code of others that runs in the middle: wakers that run the task at once, values and wakers whose drop comes back, makers that
//! ask their own pool or panic, tasks that panic with a guard, selects that are forgotten.
#![allow(non_snake_case, reason = "tests are named after their requirement rows")]

mod common;

use common::{Flag, Shuffled};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use windlass_wait::conformance::{Bench, Task};
use windlass_wait::{
    Barrier, GetError, Latch, MakeError, Marks, Pool, QLock, RWLock, Rendez, Select, Semaphore, Sender,
    TryGetError, channel,
};

thread_local! {
    /// Tasks of the eager executor; `None` while one runs.
    static EAGER: RefCell<BTreeMap<u64, Option<Task>>> = const { RefCell::new(BTreeMap::new()) };
}

/// Runs its task inside of `wake`.
struct Eager {
    id: u64,
    again: AtomicBool,
}

impl Wake for Eager {
    fn wake(self: Arc<Self>) {
        self.again.store(true, Ordering::Relaxed);
        let taken = EAGER.with_borrow_mut(|tasks| tasks.get_mut(&self.id).and_then(Option::take));
        let Some(mut task) = taken else { return };
        let waker = Waker::from(self.clone());
        while self.again.swap(false, Ordering::Relaxed) {
            if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                drop(task);
                EAGER.with_borrow_mut(|tasks| tasks.remove(&self.id));
                return;
            }
        }
        EAGER.with_borrow_mut(|tasks| tasks.insert(self.id, Some(task)));
    }
}

/// Starts a task at once; from then on it runs inside of whatever wakes it.
fn eager(task: impl Future<Output = ()> + 'static) {
    let id = EAGER.with_borrow_mut(|tasks| {
        let id = tasks.last_key_value().map_or(0, |(id, _)| id + 1);
        tasks.insert(id, Some(Box::pin(task)));
        id
    });
    Arc::new(Eager { id, again: AtomicBool::new(false) }).wake();
}

fn eager_tasks() -> usize {
    EAGER.with_borrow(BTreeMap::len)
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn volume_Y6_wakers_that_run_the_task_at_once_find_everything_in_order() {
    let (rendez, lock, rwlock) = (Rc::new(Rendez::new()), Rc::new(QLock::new(0)), Rc::new(RWLock::new(0)));
    let (barrier, semaphore) = (Rc::new(Barrier::new(4).expect("a barrier")), Semaphore::new(2));
    let pool = Pool::bytes(Marks::fixed(1), 8).expect("a pool");
    let (sender, receiver) = channel(1).expect("a channel");
    let (other, from_other) = channel(0).expect("a channel");
    for name in 0..4u32 {
        let (rendez, lock, rwlock, barrier) = (rendez.clone(), lock.clone(), rwlock.clone(), barrier.clone());
        let (semaphore, pool, sender, other) = (semaphore.clone(), pool.clone(), sender.clone(), other.clone());
        eager(async move {
            for round in 0..8 {
                rendez.sleep().await.expect("room");
                let permit = semaphore.acquire(1 + (name as usize) % 2).await.expect("room");
                let buffer = pool.get().await.expect("room");
                *lock.lock().await.expect("room") += 1;
                if round % 2 == 0 {
                    *rwlock.write().await.expect("room") += 1;
                } else {
                    assert!(*rwlock.read().await.expect("room") > 0);
                }
                drop((permit, buffer));
                let (mut one, mut two) = (sender.send(name), other.send(name));
                match Select::new().first(&mut [&mut one, &mut two]).await.expect("room") {
                    0 => one.await.expect("a receiver"),
                    _ => two.await.expect("a receiver"),
                }
                assert_eq!(barrier.wait().await.expect("room").generation, round);
            }
        });
    }
    drop((sender, other));
    let got = Rc::new(Cell::new(0));
    let counted = got.clone();
    eager(async move {
        let mut select = Select::new();
        loop {
            let (mut one, mut two) = (receiver.recv(), from_other.recv());
            let which = select.first(&mut [&mut one, &mut two]).await.expect("room");
            let end = if which == 0 { one.await } else { two.await };
            if end.is_err() {
                return;
            }
            counted.set(counted.get() + 1);
        }
    });
    for _round in 0..8 {
        assert_eq!(rendez.wake_all(), 4, "who sleeps again within the wake is not woken by it");
    }
    assert_eq!((eager_tasks(), got.get(), *lock.try_lock().expect("it is free")), (0, 32, 32));
    assert_eq!((pool.stats().issued, semaphore.free(), barrier.generation()), (0, 2, 8));
}

#[test]
fn volume_Y6_values_that_hold_ends_of_their_own_channel_may_be_dropped_in_it() {
    struct Talks(Sender<Talks>, Rc<Cell<u32>>);
    impl Drop for Talks {
        fn drop(&mut self) {
            assert!(self.0.is_closed(), "a drop may look at the channel");
            self.1.set(self.1.get() + 1);
        }
    }
    let dropped = Rc::new(Cell::new(0));
    let (sender, receiver) = channel(2).expect("a channel");
    let value = || Talks(sender.clone(), dropped.clone());
    for _ in 0..2 {
        assert!(sender.try_send(value()).is_ok());
    }
    let mut waiting = sender.send(value());
    assert!(poll(&mut waiting).is_pending());
    drop(receiver);
    assert_eq!(dropped.get(), 2);
    drop(waiting);
    assert_eq!(dropped.get(), 3);
}

#[test]
fn volume_Y6_a_waker_whose_drop_comes_back_is_dropped_outside() {
    thread_local! {
        static RENDEZ: Rendez = const { Rendez::new() };
        static DROPS: Cell<u32> = const { Cell::new(0) };
    }
    struct Comes;
    impl Wake for Comes {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for Comes {
        fn drop(&mut self) {
            DROPS.set(DROPS.get() + 1 + RENDEZ.with(Rendez::wake_all) as u32);
        }
    }
    let poll_with = |future: &mut windlass_wait::Sleeping<'_>| {
        let waker = Waker::from(Arc::new(Comes));
        let polled = Pin::new(future).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
    };
    RENDEZ.with(|rendez| {
        let mut sleep = rendez.sleep();
        poll_with(&mut sleep);
        poll_with(&mut sleep); // the waker of before is dropped here, and its drop wakes this very sleep
        assert_eq!(DROPS.get(), 3, "the one of the second poll was called, and is gone as well");
        assert_eq!(poll(&mut sleep), Poll::Ready(Ok(())));
        let mut given_up = rendez.sleep();
        poll_with(&mut given_up);
        drop(given_up);
        assert_eq!((DROPS.get(), rendez.sleepers()), (4, 0));
    });
}

#[test]
fn volume_B3_a_maker_that_asks_its_own_pool_is_told_so() {
    let own: Rc<RefCell<Option<Pool<u32>>>> = Rc::default();
    let asked = own.clone();
    let maker = move || match &*asked.borrow() {
        None => Ok(0),
        Some(pool) => match pool.try_get() {
            Err(TryGetError::Maker(why)) => Err(why),
            other => panic!("{other:?}"),
        },
    };
    let pool = Pool::new(Marks { low: 0, high: 4, reserve: 0 }, maker).expect("a pool");
    *own.borrow_mut() = Some(pool.clone());
    let why = MakeError::new("the maker of a pool asks that pool for a buffer");
    assert_eq!(pool.try_get().err(), Some(TryGetError::Maker(why)));
    assert_eq!((pool.stats().owned, pool.stats().issued), (0, 0));
    own.borrow_mut().take();
    assert_eq!(*pool.try_get().expect("it makes one when it does not ask"), 0);
}

#[test]
fn volume_B3_a_maker_that_panics_fails_its_task_alone() {
    let panics = Rc::new(Cell::new(false));
    let asked = panics.clone();
    let maker = move || if asked.get() { panic!("planted") } else { Err(MakeError::new("memory is short")) };
    let pool = Pool::<u32>::new(Marks { low: 0, high: 2, reserve: 0 }, maker).expect("an empty pool");
    panics.set(true);
    let first = catch_unwind(AssertUnwindSafe(|| poll(&mut pool.get()).map(|_| ())));
    assert!(first.is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| pool.try_get().map(|_| ()))).is_err());
    assert_eq!((pool.stats().owned, pool.stats().issued, pool.stats().waiting), (0, 0, 0), "the counts are right");
    panics.set(false);
    let why = MakeError::new("memory is short");
    let end = poll(&mut pool.get()).map(|got| got.map(|_| ()));
    assert_eq!(end, Poll::Ready(Err(GetError::Maker(why))), "and the maker is asked again");
}

#[test]
fn volume_B4_a_pool_that_is_closed_while_it_makes_a_buffer_ends_all_the_same() {
    for waits in [true, false] {
        let own: Rc<RefCell<Option<Pool<u32>>>> = Rc::default();
        let ended = Rc::new(Cell::new(false));
        let (asked, told) = (own.clone(), ended.clone());
        let maker = move || {
            let (pool, ended) = (asked.borrow().clone().expect("it is there"), told.clone());
            eager(async move {
                pool.close().await.expect("room");
                ended.set(true);
            });
            assert!(!told.get(), "the close waits for the buffer that is being made");
            Err(MakeError::new("memory is short"))
        };
        let pool = Pool::new(Marks { low: 0, high: 1, reserve: 0 }, maker).expect("an empty pool");
        *own.borrow_mut() = Some(pool.clone());
        if waits {
            let end = poll(&mut pool.get()).map(|got| got.map(|_| ()));
            assert_eq!(end, Poll::Ready(Err(GetError::Closed)));
        } else {
            assert!(pool.try_get().is_err());
        }
        assert!(ended.get(), "and ends with it");
        own.borrow_mut().take();
    }
}

#[test]
fn volume_Y2_a_panic_with_a_guard_hands_the_lock_on() {
    let (lock, rwlock) = (QLock::new(1), RWLock::new(1));
    let (flag, waker) = Flag::with_waker();
    let mut waiting = lock.lock();
    let mut reading = rwlock.read();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let (mut one, mut other) = (lock.try_lock().expect("free"), rwlock.try_write().expect("free"));
        (*one, *other) = (2, 2);
        assert!(Pin::new(&mut waiting).poll(&mut Context::from_waker(&waker)).is_pending());
        assert!(Pin::new(&mut reading).poll(&mut Context::from_waker(&waker)).is_pending());
        panic!("planted");
    }));
    assert!(panicked.is_err() && flag.take());
    assert!(matches!(poll(&mut waiting), Poll::Ready(Ok(value)) if *value == 2));
    assert!(matches!(poll(&mut reading), Poll::Ready(Ok(value)) if *value == 2));
}

#[test]
fn volume_Y4_operations_of_a_select_that_was_forgotten_can_be_used() {
    let (to_a, from_a) = channel(0).expect("a channel");
    let (to_b, from_b) = channel(0).expect("a channel");
    let (mut receive, mut send, mut other) = (from_a.recv(), to_b.send(5), from_a.recv());
    let mut select = Select::new();
    {
        let mut operations: [&mut dyn windlass_wait::Operation; 3] = [&mut receive, &mut send, &mut other];
        let mut forgotten = select.first(&mut operations);
        assert!(poll(&mut forgotten).is_pending());
        std::mem::forget(forgotten);
    }
    assert_eq!(to_a.try_send(7), Ok(()), "they stand in their queues");
    assert!(poll(&mut send).is_pending() && poll(&mut other).is_pending(), "and wait for themselves now");
    assert_eq!((poll(&mut receive), from_b.try_recv()), (Poll::Ready(Ok(7)), Ok(5)));
    assert_eq!((poll(&mut send), to_a.try_send(8)), (Poll::Ready(Ok(())), Ok(())));
    assert_eq!(poll(&mut other), Poll::Ready(Ok(8)));
}

#[test]
fn volume_F2_taken_in_two_orders_pools_of_one_buffer_do_deadlock() {
    // The twin of the claim about one order: it shows that the bench would see a deadlock.
    let stuck = (0..64).filter(|seed| {
        let bench = Shuffled::new(*seed);
        let [data, metadata] = [(); 2].map(|()| Pool::bytes(Marks::fixed(1), 8).expect("a pool"));
        let start = Rc::new(Latch::new(1));
        for order in [[data.clone(), metadata.clone()], [metadata, data]] {
            let start = start.clone();
            bench.spawn(Box::pin(async move {
                start.wait().await.expect("room");
                let first = order[0].get().await.expect("a buffer");
                let (mut paused, mut second) = (false, order[1].get());
                let second = std::future::poll_fn(|cx| {
                    if std::mem::replace(&mut paused, true) {
                        return Pin::new(&mut second).poll(cx);
                    }
                    cx.waker().wake_by_ref();
                    Poll::Pending
                });
                drop((second.await.expect("a buffer"), first));
            }));
        }
        start.arrive();
        bench.run();
        bench.alive() > 0
    });
    let stuck = stuck.count();
    assert!((1..64).contains(&stuck), "some orders are stuck and some are not: {stuck} of 64");
}
