//! Claims about flow control (F1, F2).

use super::{Bench, Log, gate, pause, start};
use crate::{Marks, Pool, Semaphore, channel};
use std::cell::Cell;
use std::rc::Rc;

pub fn volume_F1_a_fixed_set_of_handlers_makes_the_producer_stop(bench: &dyn Bench) {
    const QUEUE: usize = 4;
    const HANDLERS: usize = 3;
    const REQUESTS: usize = 100;
    let (requests, queue) = channel(QUEUE).expect("a channel");
    let (read, busy) = (Log::new(), Rc::new(Cell::new(0)));
    let (disk, handled) = (gate(), Log::new());
    for _handler in 0..HANDLERS {
        let (queue, disk, handled, busy) = (queue.clone(), disk.clone(), handled.clone(), busy.clone());
        start(bench, async move {
            while let Ok(request) = queue.recv().await {
                busy.set(busy.get() + 1);
                assert!(busy.get() <= HANDLERS);
                disk.wait().await.expect("room to wait");
                pause().await;
                busy.set(busy.get() - 1);
                handled.add(request);
            }
        });
    }
    let from_socket = read.clone();
    start(bench, async move {
        for request in 0..REQUESTS {
            from_socket.add(request); // it is read before there is room for it: the one in hand
            requests.send(request).await.expect("handlers receive");
        }
    });
    assert_eq!(read.len(), HANDLERS + QUEUE + 1, "the socket is not read any more while the disk stands still");
    bench.run();
    assert_eq!((read.len(), handled.len()), (HANDLERS + QUEUE + 1, 0));
    disk.arrive();
    bench.run();
    let mut all = handled.take();
    all.sort_unstable();
    assert_eq!(all, (0..REQUESTS).collect::<Vec<_>>(), "and all are handled once it goes on");
}

pub fn volume_F1_so_many_at_once_and_the_rest_waits_outside(bench: &dyn Bench) {
    let (at_once, running) = (Semaphore::new(3), Rc::new(Cell::new(0)));
    let (most, ended) = (Rc::new(Cell::new(0)), Log::new());
    for connection in 0..20 {
        let (at_once, running) = (at_once.clone(), running.clone());
        let (most, ended) = (most.clone(), ended.clone());
        bench.spawn(Box::pin(async move {
            let permit = at_once.acquire(1).await.expect("room to wait");
            running.set(running.get() + 1);
            most.set(most.get().max(running.get()));
            pause().await;
            running.set(running.get() - 1);
            ended.add(connection);
            drop(permit);
        }));
    }
    bench.run();
    assert_eq!((most.get(), ended.len(), at_once.free()), (3, 20, 3));
}

pub fn volume_F2_pools_of_one_buffer_taken_in_one_order_never_deadlock(bench: &dyn Bench) {
    let [messages, data, metadata] = [(); 3].map(|()| Pool::bytes(Marks::fixed(1), 32).expect("a pool"));
    let ended = Log::new();
    for name in 0..12 {
        let (messages, data, metadata) = (messages.clone(), data.clone(), metadata.clone());
        let ended = ended.clone();
        bench.spawn(Box::pin(async move {
            for turn in 0..4 {
                // Message before data before metadata; who needs less takes less, and drops in any order.
                let message = messages.get().await.expect("a buffer");
                pause().await;
                let payload = if (name + turn) % 3 > 0 { Some(data.get().await.expect("a buffer")) } else { None };
                pause().await;
                let meta = metadata.get().await.expect("a buffer");
                if turn % 2 == 0 {
                    drop(message);
                }
                pause().await;
                drop((payload, meta));
            }
            ended.add(name);
        }));
    }
    bench.run();
    assert_eq!(ended.len(), 12, "all have ended");
    for pool in [messages, data, metadata] {
        assert_eq!((pool.stats().issued, pool.stats().owned, pool.stats().waiting), (0, 1, 0));
    }
}
