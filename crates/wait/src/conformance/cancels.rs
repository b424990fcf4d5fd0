//! Claims about waits that are given up, in each place where that is awkward (Y6).

use super::{Bench, Log, gate, start, unless};
use crate::{Barrier, Latch, Marks, Pool, QLock, RWLock, Rendez, Select, TryRecvError, channel};
use std::rc::Rc;

/// Starts a task that waits for what `wait` makes of `on`, and logs `name` if it gets it. Opening the latch makes it give up.
fn waiter<S: 'static, F: AsyncFnOnce(&S) + 'static>(
    bench: &dyn Bench,
    on: &Rc<S>,
    log: &Log,
    name: usize,
    wait: F,
) -> Rc<Latch> {
    let (on, log, stop) = (on.clone(), log.clone(), gate());
    let stopped = stop.clone();
    start(bench, async move {
        if unless(&stopped, wait(&on)).await.is_some() {
            log.add(name);
        }
    });
    stop
}

pub fn volume_Y6_a_wake_for_who_has_gone_reaches_the_next_who_slept_then(bench: &dyn Bench) {
    let (rendez, log) = (Rc::new(Rendez::new()), Log::new());
    let sleep = async |rendez: &Rendez| rendez.sleep().await.expect("room to sleep");
    let stops: Vec<_> = (0..4).map(|name| waiter(bench, &rendez, &log, name, sleep)).collect();
    stops[1].arrive();
    bench.run();
    assert_eq!(rendez.sleepers(), 3, "who gives up leaves the queue");
    assert_eq!(rendez.wake_one(), 1);
    stops[0].arrive(); // it is woken, and gone before it runs
    bench.run();
    assert_eq!(log.take(), [2], "the wake went on, past the one who had gone before");
    assert_eq!(rendez.wake_one(), 1);
    let late = Log::new();
    waiter(bench, &rendez, &late, 9, sleep);
    assert_eq!((log.take(), late.len()), (vec![3], 0));

    let rendez = Rc::new(Rendez::new());
    let stop = waiter(bench, &rendez, &log, 4, sleep);
    assert_eq!(rendez.wake_one(), 1);
    stop.arrive();
    bench.run();
    assert_eq!((log.len(), rendez.wake_one()), (0, 0), "with nobody left it is lost");
}

pub fn volume_Y6_a_lock_for_who_has_gone_reaches_the_next(bench: &dyn Bench) {
    let (lock, log) = (Rc::new(QLock::new(())), Log::new());
    let take = async |lock: &QLock<()>| drop(lock.lock().await.expect("room to wait"));
    let held = lock.try_lock().expect("it is free");
    let stops: Vec<_> = (0..3).map(|name| waiter(bench, &lock, &log, name, take)).collect();
    drop(held);
    stops[0].arrive();
    stops[1].arrive();
    bench.run();
    assert_eq!(log.take(), [2]);
    let held = lock.try_lock().expect("nobody has it");
    let stop = waiter(bench, &lock, &log, 3, take);
    drop(held);
    stop.arrive();
    bench.run();
    assert!(log.len() == 0 && lock.try_lock().is_some(), "handed to nobody, it is free");
}

pub fn volume_Y6_readers_go_on_when_the_writer_before_them_has_gone(bench: &dyn Bench) {
    let (lock, log) = (Rc::new(RWLock::new(())), Log::new());
    let read = async |lock: &RWLock<()>| drop(lock.read().await.expect("room to wait"));
    let write = async |lock: &RWLock<()>| drop(lock.write().await.expect("room to wait"));
    let held = lock.try_read().expect("it is free");
    let writer = waiter(bench, &lock, &log, 0, write);
    let reader = waiter(bench, &lock, &log, 1, read);
    assert_eq!((log.len(), lock.waiting()), (0, 2));
    writer.arrive();
    bench.run();
    assert_eq!(log.take(), [1], "nothing but the writer stood between");
    drop((held, reader));
    let held = lock.try_write().expect("it is free");
    let reader = waiter(bench, &lock, &log, 2, read);
    waiter(bench, &lock, &log, 3, write);
    drop(held);
    reader.arrive();
    bench.run();
    assert_eq!(log.take(), [3], "a reader that was let in and has gone does not keep the writer out");
}

pub fn volume_Y6_a_value_for_who_has_gone_reaches_the_next_or_stays(bench: &dyn Bench) {
    for capacity in 0..3 {
        let (sender, receiver) = channel(capacity).expect("a channel");
        let (receiver, log) = (Rc::new(receiver), Log::new());
        let receive = {
            let log = log.clone();
            move || {
                let log = log.clone();
                async move |receiver: &crate::Receiver<usize>| log.add(receiver.recv().await.expect("a value"))
            }
        };
        let names = Log::new();
        let stops: Vec<_> = (0..3).map(|name| waiter(bench, &receiver, &names, name, receive())).collect();
        sender.try_send(7).expect("somebody waits");
        stops[0].arrive();
        bench.run();
        assert_eq!((log.take(), names.take()), (vec![7], vec![1]));
        sender.try_send(8).expect("somebody waits");
        stops[2].arrive();
        bench.run();
        assert_eq!((log.len(), receiver.len()), (0, 1), "nobody waits: the value stays");
        assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(8), Err(TryRecvError::Empty)));
    }
}

pub fn volume_Y6_a_send_that_is_given_up_leaves_the_order(bench: &dyn Bench) {
    let (sender, receiver) = channel(1).expect("a channel");
    sender.try_send(0).expect("room");
    let (sender, log) = (Rc::new(sender), Log::new());
    let stops: Vec<_> = (1..4)
        .map(|value| {
            let send = async move |sender: &crate::Sender<usize>| sender.send(value).await.expect("a receiver");
            waiter(bench, &sender, &log, value, send)
        })
        .collect();
    stops[0].arrive();
    bench.run();
    assert_eq!(receiver.try_recv(), Ok(0));
    stops[1].arrive(); // its value is in the channel already: a send that was done is done
    bench.run();
    assert_eq!(receiver.try_recv(), Ok(2));
    bench.run();
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(3), Err(TryRecvError::Empty)));
    assert_eq!(log.take(), [3]);
}

pub fn volume_Y6_a_select_that_is_given_up_leaves_everything_as_it_was(bench: &dyn Bench) {
    let (to_a, from_a) = channel(0).expect("a channel");
    let (to_b, from_b) = channel(0).expect("a channel");
    let (ends, log) = (Rc::new((from_a, to_b)), Log::new());
    let choose = async |(from_a, to_b): &(crate::Receiver<usize>, crate::Sender<usize>)| {
        let (mut receive, mut send) = (from_a.recv(), to_b.send(5));
        match Select::new().first(&mut [&mut receive, &mut send]).await.expect("room to wait") {
            0 => receive.await.map(|_| ()).expect("a value"),
            _ => send.await.expect("a receiver"),
        }
    };
    let first = waiter(bench, &ends, &log, 0, choose);
    let second = waiter(bench, &ends, &log, 1, choose);
    to_a.try_send(7).expect("the first is there for it");
    first.arrive();
    bench.run();
    assert_eq!(log.take(), [1], "its value went to the second");
    second.arrive();
    let third = waiter(bench, &ends, &log, 2, choose);
    third.arrive();
    bench.run();
    assert_eq!(log.take(), [] as [usize; 0]);
    assert_eq!(from_b.try_recv(), Err(TryRecvError::Empty), "no send of theirs is left");
    assert!(to_a.try_send(8).is_err(), "and no receive");

    let chosen =
        waiter(bench, &ends, &log, 3, async |(from_a, _): &(crate::Receiver<usize>, crate::Sender<usize>)| {
            Select::new().first(&mut [&mut from_a.recv()]).await.map(|_| ()).expect("room to wait");
        });
    assert_eq!(to_a.try_send(9), Ok(()));
    bench.run();
    assert_eq!((log.take(), ends.0.try_recv()), (vec![3], Ok(9)), "what was chosen and not awaited stays");
    drop(chosen);
}

pub fn volume_Y6_who_leaves_a_barrier_is_not_counted(bench: &dyn Bench) {
    let (barrier, log) = (Rc::new(Barrier::new(2).expect("a barrier")), Log::new());
    let wait = async |barrier: &Barrier| barrier.wait().await.map(|_| ()).expect("room to wait");
    let first = waiter(bench, &barrier, &log, 0, wait);
    first.arrive();
    bench.run();
    assert_eq!(barrier.arrived(), 0);
    let second = waiter(bench, &barrier, &log, 1, wait);
    assert_eq!(log.len(), 0, "the first is not counted");
    let late = barrier.clone();
    let (met, third) = (log.clone(), gate());
    let opened = third.clone();
    start(bench, async move {
        opened.wait().await.expect("room to wait");
        late.wait().await.expect("room to wait");
        met.add(2);
    });
    third.arrive();
    bench.run();
    second.arrive();
    bench.run();
    let mut both = log.take();
    both.sort_unstable();
    assert_eq!((both, barrier.arrived(), barrier.generation()), (vec![1, 2], 0, 1));
}

pub fn volume_Y6_a_buffer_for_who_has_gone_reaches_the_next(bench: &dyn Bench) {
    let pool = Rc::new(Pool::bytes(Marks::fixed(1), 8).expect("a pool"));
    let log = Log::new();
    let get = async |pool: &Pool<Box<[u8]>>| drop(pool.get().await.expect("a buffer"));
    let held = pool.try_get().expect("a buffer");
    let stops: Vec<_> = (0..3).map(|name| waiter(bench, &pool, &log, name, get)).collect();
    drop(held);
    stops[0].arrive();
    stops[1].arrive();
    bench.run();
    assert_eq!(log.take(), [2]);
    assert_eq!((pool.stats().issued, pool.stats().owned, pool.stats().waiting), (0, 1, 0));
}
