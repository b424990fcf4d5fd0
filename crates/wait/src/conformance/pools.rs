//! Claims about buffer pools (B1 to B6).

use super::{Bench, Log, gate, pause, start};
use crate::{GetError, MakeError, Marks, Pool, PoolError, Pooled, TryGetError, channel};
use std::cell::Cell;
use std::rc::Rc;

type Made = Result<Pool<usize>, PoolError<usize>>;

/// A pool of numbered buffers, and how many more its maker can make.
pub(super) fn numbered(marks: Marks, memory: usize) -> (Made, Rc<Cell<usize>>) {
    let memory = Rc::new(Cell::new(memory));
    let (left, mut made) = (memory.clone(), 0);
    let pool = Pool::new(marks, move || {
        left.set(left.get().checked_sub(1).ok_or_else(|| MakeError::new("memory is short"))?);
        made += 1;
        Ok(made)
    });
    (pool, memory)
}

fn getter(bench: &dyn Bench, pool: &Pool<usize>, log: &Log<Result<usize, GetError>>) {
    let (pool, log) = (pool.clone(), log.clone());
    start(bench, async move {
        let got = pool.get().await;
        log.add(got.map(|buffer| *buffer));
    });
}

pub fn volume_B1_a_pool_is_filled_to_the_low_mark_grows_to_the_high_one_and_shrinks_back(bench: &dyn Bench) {
    let (pool, _) = numbered(Marks { low: 2, high: 4, reserve: 0 }, 100);
    let pool = pool.expect("a pool");
    let owned = |pool: &Pool<usize>| (pool.stats().owned, pool.stats().issued);
    assert_eq!(owned(&pool), (2, 0));
    let mut out: Vec<_> = (0..4).map(|_| pool.try_get().expect("below the high mark")).collect();
    assert_eq!((owned(&pool), pool.try_get().err()), ((4, 4), Some(TryGetError::Empty)));
    let log = Log::new();
    getter(bench, &pool, &log);
    drop(out.pop());
    bench.run();
    assert_eq!(log.len(), 1, "what comes back goes to who waits, and is not freed");
    assert_eq!(owned(&pool), (3, 3), "and is freed when nobody does");
    out.pop();
    assert_eq!(owned(&pool), (2, 2), "down to the low mark");
    out.clear();
    assert_eq!(owned(&pool), (2, 0), "and not below");
    assert!(numbered(Marks { low: 3, high: 2, reserve: 0 }, 9).0.is_err());
}

pub fn volume_B2_a_get_sleeps_and_a_try_does_not(bench: &dyn Bench) {
    let (pool, _) = numbered(Marks::fixed(1), 1);
    let pool = pool.expect("a pool");
    let held = pool.try_get().expect("a buffer");
    assert_eq!(pool.try_get().err(), Some(TryGetError::Empty));
    let log = Log::new();
    for name in 0..3 {
        let (pool, log) = (pool.clone(), log.clone());
        start(bench, async move {
            let buffer = pool.get().await.expect("a buffer");
            log.add(name);
            pause().await;
            drop(buffer);
        });
    }
    assert_eq!((log.len(), pool.stats().waiting), (0, 3));
    drop(held);
    assert_eq!(pool.try_get().err(), Some(TryGetError::Empty), "it belongs to who waits");
    bench.run();
    assert_eq!(log.take(), [0, 1, 2], "in the order of asking");
}

pub fn volume_B2_a_zeroed_buffer_is_clean_whoever_had_it(bench: &dyn Bench) {
    let pool = Pool::bytes(Marks::fixed(1), 64).expect("a pool");
    pool.try_get().expect("a buffer").fill(7);
    assert!(pool.try_get().expect("a buffer").iter().all(|byte| *byte == 7), "left over from before");
    assert!(pool.try_get_zeroed().expect("a buffer").iter().all(|byte| *byte == 0));
    let mut held = pool.try_get().expect("a buffer");
    held.fill(7);
    let (asked, log) = (pool.clone(), Log::new());
    let clean = log.clone();
    start(bench, async move {
        let buffer = asked.get_zeroed().await.expect("a buffer");
        clean.add((buffer.len(), buffer.iter().map(|byte| usize::from(*byte)).sum::<usize>()));
    });
    drop(held);
    bench.run();
    assert_eq!(log.take(), [(64, 0)]);
}

pub fn volume_B2_a_pool_that_cannot_be_filled_says_how_many_there_are(bench: &dyn Bench) {
    let (pool, memory) = numbered(Marks { low: 4, high: 4, reserve: 0 }, 3);
    let Err(PoolError::Short { pool, made, cause }) = pool else { panic!("{pool:?}") };
    assert_eq!((made, pool.stats().owned, cause), (3, 3, MakeError::new("memory is short")));
    let mut out: Vec<_> = (0..3).map(|_| pool.try_get().expect("what there is can be used")).collect();
    assert!(matches!(pool.try_get(), Err(TryGetError::Maker(_))));
    memory.set(1);
    let log = Log::new();
    getter(bench, &pool, &log);
    assert_eq!(log.take(), [Ok(4)], "the maker is asked again");
    out.clear();
}

pub fn volume_B3_without_memory_a_get_waits_for_what_is_out_and_a_try_says_so(bench: &dyn Bench) {
    let (pool, memory) = numbered(Marks { low: 1, high: 3, reserve: 0 }, 1);
    let pool = pool.expect("a pool");
    let held = pool.try_get().expect("a buffer");
    let why = MakeError::new("memory is short");
    assert_eq!(pool.try_get().err(), Some(TryGetError::Maker(why.clone())));
    let log = Log::new();
    getter(bench, &pool, &log);
    assert_eq!(log.len(), 0, "it waits for the one that is out");
    drop(held);
    bench.run();
    assert_eq!(log.take(), [Ok(1)]);
    memory.set(1);
    let (one, two) = (pool.try_get().expect("a buffer"), pool.try_get().expect("memory is back"));
    assert_eq!((*one, *two, pool.stats().failures), (1, 2, 2));
}

pub fn volume_B3_without_memory_nobody_waits_for_nothing(bench: &dyn Bench) {
    let (pool, memory) = numbered(Marks { low: 0, high: 3, reserve: 0 }, 0);
    let pool = pool.expect("an empty pool");
    let (log, why) = (Log::new(), MakeError::new("memory is short"));
    getter(bench, &pool, &log);
    assert_eq!(log.take(), [Err(GetError::Maker(why.clone()))], "no buffer is out that could wake it");

    memory.set(1);
    let held = pool.try_get().expect("a buffer");
    for _ in 0..3 {
        getter(bench, &pool, &log);
    }
    assert_eq!((log.len(), pool.stats().waiting), (0, 3));
    drop(held);
    bench.run();
    assert_eq!(pool.stats().waiting, 0, "whatever the buffer's way, nobody is left behind");
    assert_eq!(log.take(), [Ok(1), Ok(1), Ok(1)]);
    assert_eq!((pool.stats().owned, pool.stats().frees), (0, 1));
}

pub fn volume_B4_closing_wakes_who_sleeps_and_waits_for_what_is_out(bench: &dyn Bench) {
    let (pool, _) = numbered(Marks { low: 3, high: 3, reserve: 0 }, 3);
    let pool = pool.expect("a pool");
    let mut out: Vec<_> = (0..3).map(|_| pool.try_get().expect("a buffer")).collect();
    let (log, end) = (Log::new(), gate());
    let (holder, given, held) = (pool.clone(), log.clone(), end.clone());
    start(bench, async move {
        let buffer = holder.get().await;
        given.add(buffer.as_ref().map(|buffer| **buffer).map_err(Clone::clone));
        held.wait().await.expect("room to wait");
    });
    getter(bench, &pool, &log);
    out.pop(); // it is the holder's, which has not run yet
    let ended = Log::new();
    for _closer in 0..2 {
        let (pool, ended) = (pool.clone(), ended.clone());
        bench.spawn(Box::pin(async move {
            pool.close().await.expect("room to wait");
            ended.add(pool.stats().owned);
        }));
    }
    bench.run();
    let mut told = log.take();
    told.sort_by_key(Result::is_err);
    assert_eq!(told, [Ok(1), Err(GetError::Closed)], "who sleeps is woken with an error; what was given is given");
    assert_eq!((ended.len(), pool.stats().owned, pool.is_closed()), (0, 3, true), "three are out");
    assert_eq!(pool.try_get().err(), Some(TryGetError::Closed));
    getter(bench, &pool, &log);
    assert_eq!(log.take(), [Err(GetError::Closed)]);
    out.clear();
    bench.run();
    assert_eq!((ended.len(), pool.stats().owned), (0, 1), "each is freed as it comes back");
    end.arrive();
    bench.run();
    assert_eq!(ended.take(), [0, 0], "all have come back");
    let again = pool.clone();
    let late = ended.clone();
    start(bench, async move {
        again.close().await.expect("it is closed");
        late.add(9);
    });
    assert_eq!((ended.take(), pool.stats().frees, pool.stats().makes), (vec![9], 3, 3));
}

pub fn volume_B5_a_buffer_comes_back_by_itself_from_wherever_it_went(bench: &dyn Bench) {
    let [first, second] = [(); 2].map(|()| Pool::bytes(Marks::fixed(1), 16).expect("a pool"));
    let held = first.try_get().expect("a buffer");
    assert!(second.try_get().is_ok(), "the pools of two sessions have nothing in common");
    drop(held);

    let (requests, queue) = channel::<Pooled<Box<[u8]>>>(4).expect("a channel");
    let log = Log::new();
    let handled = log.clone();
    start(bench, async move {
        while let Ok(buffer) = queue.recv().await {
            handled.add(usize::from(buffer[0]));
            pause().await;
            drop(buffer);
        }
    });
    let reader = first.clone();
    start(bench, async move {
        for number in 1..=3 {
            let mut buffer = reader.get().await.expect("a buffer");
            buffer[0] = number;
            requests.send(buffer).await.expect("the handler receives");
        }
    });
    assert_eq!((log.take(), first.stats().owned, first.stats().issued), (vec![1, 2, 3], 1, 0));

    let abandoned = first.clone();
    start(bench, async move {
        let _held = abandoned.get().await.expect("a buffer");
    });
    assert_eq!(first.stats().issued, 0, "it comes back when its task ends");
    let last = first.try_get().expect("a buffer");
    drop(first);
    assert_eq!(last.len(), 16, "a buffer outlives its pool");
}

pub fn volume_B6_a_pool_counts_what_it_does(bench: &dyn Bench) {
    let (pool, memory) = numbered(Marks { low: 1, high: 2, reserve: 0 }, 2);
    let pool = pool.expect("a pool");
    let mut out: Vec<_> = (0..2).map(|_| pool.try_get().expect("a buffer")).collect();
    let log = Log::new();
    getter(bench, &pool, &log);
    let stats = pool.stats();
    assert_eq!((stats.issued, stats.owned, stats.waiting), (2, 2, 1));
    assert_eq!((stats.makes, stats.frees, stats.waits, stats.failures), (2, 0, 1, 0));
    out.clear();
    bench.run();
    out.push(pool.try_get().expect("a buffer"));
    memory.set(0);
    assert!(pool.try_get().is_err());
    let stats = pool.stats();
    assert_eq!((stats.issued, stats.owned, stats.waiting), (1, 1, 0));
    assert_eq!((stats.makes, stats.frees, stats.waits, stats.failures), (2, 1, 1, 1));
}
