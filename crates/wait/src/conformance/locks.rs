//! Claims about locks and permits (Y2, Y3).

use super::{Bench, Log, pause, start};
use crate::{AcquireError, Barrier, QLock, RWLock, Semaphore};
use std::cell::Cell;
use std::rc::Rc;

pub fn volume_Y2_a_lock_is_handed_on_in_the_order_of_asking(bench: &dyn Bench) {
    let (lock, log) = (Rc::new(QLock::new(0)), Log::new());
    let held = lock.try_lock().expect("it is free");
    for name in 0..3 {
        let (lock, log) = (lock.clone(), log.clone());
        start(bench, async move {
            for _ in 0..2 {
                let mut value = lock.lock().await.expect("room to wait");
                *value += 1;
                log.add(name);
                pause().await;
            }
        });
    }
    assert_eq!((lock.waiting(), log.len()), (3, 0));
    drop(held);
    bench.run();
    assert_eq!(log.take(), [0, 1, 2, 0, 1, 2], "who asks again stands behind who waits");
    assert_eq!(lock.try_lock().as_deref(), Some(&6));
}

pub fn volume_Y2_trying_never_overtakes_who_waits(bench: &dyn Bench) {
    let (lock, log) = (Rc::new(QLock::new(())), Log::new());
    let held = lock.try_lock().expect("it is free");
    assert!(lock.try_lock().is_none());
    {
        let (lock, log) = (lock.clone(), log.clone());
        start(bench, async move {
            let _held = lock.lock().await.expect("room to wait");
            log.add(1);
        });
    }
    drop(held);
    assert!(lock.is_locked() && lock.try_lock().is_none(), "it was handed to who waits, who has not run yet");
    bench.run();
    assert_eq!(log.take(), [1]);
    assert!(lock.try_lock().is_some());
}

pub fn volume_Y2_messages_of_several_writes_are_not_torn_apart(bench: &dyn Bench) {
    let socket = Rc::new(QLock::new(Vec::new()));
    for name in 0..8 {
        let socket = socket.clone();
        bench.spawn(Box::pin(async move {
            for _message in 0..4 {
                let mut socket = socket.lock().await.expect("room to wait");
                for _part in 0..3 {
                    socket.push(name);
                    pause().await;
                }
            }
        }));
    }
    bench.run();
    let sent = socket.try_lock().expect("all have ended");
    assert_eq!(sent.len(), 8 * 4 * 3);
    assert!(sent.chunks(3).all(|message| message.iter().all(|name| *name == message[0])), "{sent:?}");
}

pub fn volume_Y2_permits_are_given_in_the_order_of_asking(bench: &dyn Bench) {
    let (semaphore, log) = (Semaphore::new(4), Log::new());
    let held = semaphore.try_acquire(3).expect("they are free");
    for (name, permits) in [(0, 2), (1, 4), (2, 1)] {
        let (semaphore, log) = (semaphore.clone(), log.clone());
        start(bench, async move {
            let permit = semaphore.acquire(permits).await.expect("there are so many");
            log.add(name);
            pause().await;
            assert_eq!(permit.permits(), permits);
        });
    }
    assert_eq!((semaphore.free(), semaphore.waiting(), log.len()), (1, 3, 0));
    assert!(semaphore.try_acquire(1).is_none(), "one is free, and others asked before");
    drop(held);
    bench.run();
    assert_eq!(log.take(), [0, 1, 2], "one permit did not overtake four");
    let asked = semaphore.clone();
    start(bench, async move {
        let refused = asked.acquire(5).await.map(|_| ());
        assert_eq!(refused, Err(AcquireError::TooMany { asked: 5, total: 4 }), "that would wait for ever");
        log.add(9);
    });
    assert_eq!((semaphore.free(), semaphore.total()), (4, 4));
}

pub fn volume_Y3_many_read_at_once_and_one_writes_alone(bench: &dyn Bench) {
    let (lock, together) = (Rc::new(RWLock::new(0)), Rc::new(Barrier::new(3).expect("a barrier")));
    for _reader in 0..3 {
        let (lock, together) = (lock.clone(), together.clone());
        bench.spawn(Box::pin(async move {
            let value = lock.read().await.expect("room to wait");
            together.wait().await.expect("room to wait"); // only if the others read now, too
            assert_eq!(*value, 0);
        }));
    }
    bench.run();
    assert_eq!(together.generation(), 1, "three have read at once");

    let (reading, writing) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    for name in 0..12 {
        let (lock, reading, writing) = (lock.clone(), reading.clone(), writing.clone());
        bench.spawn(Box::pin(async move {
            for _ in 0..3 {
                if name % 3 == 0 {
                    let mut value = lock.write().await.expect("room to wait");
                    writing.set(writing.get() + 1);
                    let before = *value;
                    pause().await;
                    assert_eq!((reading.get(), writing.get(), *value), (0, 1, before));
                    *value += 1;
                    writing.set(writing.get() - 1);
                } else {
                    let value = lock.read().await.expect("room to wait");
                    reading.set(reading.get() + 1);
                    let before = *value;
                    pause().await;
                    assert_eq!((writing.get(), *value), (0, before));
                    reading.set(reading.get() - 1);
                }
            }
        }));
    }
    bench.run();
    assert_eq!(lock.try_read().as_deref(), Some(&12));
}

/// Tasks that take the lock one after another, each logged when it has it; the lock is held until all wait.
fn queue(bench: &dyn Bench, kinds: &str) -> Vec<char> {
    let (lock, log) = (Rc::new(RWLock::new(())), Log::new());
    let held = lock.try_read().expect("it is free");
    for kind in kinds.chars() {
        let (lock, log) = (lock.clone(), log.clone());
        start(bench, async move {
            if kind.is_uppercase() {
                let _held = lock.write().await.expect("room to wait");
                log.add(kind);
                pause().await;
            } else {
                let _held = lock.read().await.expect("room to wait");
                log.add(kind);
                pause().await;
            }
        });
    }
    let writer_waits = kinds.starts_with(char::is_uppercase);
    assert_eq!(lock.try_read().is_none(), writer_waits, "a reader does not pass a writer that waits");
    assert!(lock.try_write().is_none());
    drop(held);
    bench.run();
    assert!(lock.try_write().is_some());
    log.take()
}

pub fn volume_Y3_a_writer_is_not_starved_by_readers(bench: &dyn Bench) {
    let mut order = queue(bench, "Wabc");
    order[1..].sort_unstable();
    assert_eq!(order, ['W', 'a', 'b', 'c'], "readers that came behind the writer did not pass it");
}

pub fn volume_Y3_readers_are_not_starved_by_writers(bench: &dyn Bench) {
    let mut order = queue(bench, "VabWXcY");
    order[1..3].sort_unstable();
    assert_eq!(order, ['V', 'a', 'b', 'W', 'X', 'c', 'Y'], "each kind in its turn");
}
