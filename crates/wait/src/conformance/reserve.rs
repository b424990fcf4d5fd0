//! Claims about the reserve of a pool (B7).

use super::pools::numbered;
use super::{Bench, Log, start};
use crate::{Marks, TryGetError};

pub fn volume_B7_the_reserve_is_there_when_all_else_is_out(bench: &dyn Bench) {
    let (pool, _) = numbered(Marks { low: 1, high: 4, reserve: 1 }, 100);
    let pool = pool.expect("a pool");
    let mut requests: Vec<_> = (0..3).map(|_| pool.try_get().expect("all but the reserve")).collect();
    assert_eq!(pool.try_get().err(), Some(TryGetError::Empty), "the last one is not for requests");
    let log = Log::new();
    for request in 0..3 {
        let (pool, log) = (pool.clone(), log.clone());
        start(bench, async move {
            let _buffer = pool.get().await.expect("a buffer");
            log.add(request);
        });
    }
    assert_eq!(log.len(), 0);
    for _reply in 0..3 {
        let reply = pool.reserve().try_get().expect("replies never starve behind requests");
        assert_eq!(pool.stats().issued, 4);
        drop(reply);
        bench.run();
        assert_eq!(log.len(), 0, "what a reply gives back is for the next reply");
    }
    requests.pop();
    bench.run();
    assert_eq!(log.take(), [0, 1, 2], "one buffer of a request serves one request after another");
}

pub fn volume_B7_who_waits_for_the_reserve_goes_first(bench: &dyn Bench) {
    let (pool, _) = numbered(Marks { low: 2, high: 2, reserve: 1 }, 100);
    let pool = pool.expect("a pool");
    let log = Log::new();
    let (request, reply) = (pool.try_get().expect("a buffer"), pool.reserve().try_get().expect("the reserve"));
    for (name, from) in [(0, pool.clone()), (1, pool.reserve()), (2, pool.reserve())] {
        let log = log.clone();
        start(bench, async move {
            let buffer = from.get().await.expect("a buffer");
            log.add(name);
            std::mem::forget(buffer);
        });
    }
    drop(request);
    bench.run();
    assert_eq!(log.take(), [1], "a reply that came later goes before a request");
    drop(reply);
    bench.run();
    assert_eq!((log.take(), pool.stats().waiting), (vec![2], 1));
}

pub fn volume_B7_the_reserve_is_there_when_memory_is_short(bench: &dyn Bench) {
    let (pool, memory) = numbered(Marks { low: 1, high: 4, reserve: 1 }, 2);
    let pool = pool.expect("a pool");
    let request = pool.try_get().expect("it is made: the one that is there is the reserve");
    assert!(matches!(pool.try_get(), Err(TryGetError::Maker(_))));
    let reply = pool.reserve().try_get().expect("the reserve");
    drop(reply);
    assert_eq!(
        (pool.stats().owned, pool.stats().issued),
        (2, 1),
        "it is kept, although it is beyond the low mark"
    );
    let log = Log::new();
    let (asked, told) = (pool.clone(), log.clone());
    start(bench, async move {
        let _buffer = asked.get().await.expect("a buffer");
        told.add(0);
    });
    assert_eq!(log.len(), 0, "a request waits rather than take the reserve");
    assert!(pool.reserve().try_get().is_ok());
    drop(request);
    bench.run();
    assert_eq!((log.take(), memory.get()), (vec![0], 0));
    assert_eq!(pool.stats().owned, 1);
}
