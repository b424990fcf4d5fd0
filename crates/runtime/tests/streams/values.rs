//! What passes: all of it, in order, both ways at once, of any size.

use crate::pipes::{Wide, wide};
use crate::stage::block_on;
use crate::{alone, on_every_way};
use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};
use windlass::prelude::*;
use windlass_client::{Query, Stream as Values};

/// Values of an iterator for a task; every third time it says that it has none yet.
struct Hesitant<I>(I, u32);

impl<I: Iterator + Unpin> Values for Hesitant<I> {
    type Item = I::Item;
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<I::Item>> {
        self.1 += 1;
        if self.1.is_multiple_of(3) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.0.next())
    }
}

#[test]
fn rpc_R20_values_from_a_method_come_in_order_and_its_answer_after_them() {
    on_every_way(|set| {
        for count in [0, 1, 2, 1000, 50_000] {
            let mut values = set.pipes.count(5, count).unwrap();
            let got: Vec<u64> = values.by_ref().map(Result::unwrap).collect();
            assert!(got.iter().copied().eq(5..5 + count), "{} of {count}", got.len());
            assert_eq!(values.end().unwrap(), (5..5 + count).sum::<u64>());
        }
    });
}

#[test]
fn rpc_R20_values_to_a_method_arrive_in_order_and_are_answered_for() {
    on_every_way(|set| {
        for count in [0, 1, 2, 1000, 50_000u64] {
            let (sum, got) = set.pipes.total(3, (0..count).map(|one| one * 7)).unwrap();
            assert_eq!((sum, got), ((0..count).map(|one| one * 21).sum(), count));
        }
    });
}

#[test]
fn rpc_R20_both_ways_at_once_neither_waits_for_the_others_end() {
    on_every_way(|set| {
        let texts = (0..20_000u32).map(|one| format!("text {one}"));
        let mut twice = set.pipes.twice(texts.clone()).unwrap();
        let got: Vec<String> = twice.by_ref().map(Result::unwrap).collect();
        assert!(got.iter().eq(texts.flat_map(|text| [text.clone(), text]).collect::<Vec<_>>().iter()));
        assert_eq!(twice.end().unwrap(), 20_000);
    });
}

#[test]
fn rpc_R20_tasks_read_and_fill_streams_without_a_thread_of_their_own() {
    on_every_way(|set| {
        let pipes = set.awaited();
        block_on(async {
            let mut values = pipes.count(0, 30_000).await.unwrap();
            let mut next = 0;
            while let Some(value) = values.next().await {
                assert_eq!(value.unwrap(), next);
                next += 1;
            }
            assert_eq!((next, values.end().await.unwrap()), (30_000, (0..30_000).sum::<u64>()));
            let (sum, count) = pipes.total(1, Hesitant(0..30_000u64, 0)).await.unwrap();
            assert_eq!((sum, count), ((0..30_000).sum(), 30_000));
            let texts = Hesitant((0..5_000u32).map(|one| one.to_string()), 0);
            let mut twice = pipes.twice(texts).await.unwrap();
            let mut at = 0;
            while let Some(text) = twice.next().await {
                assert_eq!(text.unwrap(), (at / 2).to_string());
                at += 1;
            }
            assert_eq!((at, twice.end().await.unwrap()), (10_000, 5_000));
        });
    });
}

#[test]
fn rpc_R20_values_longer_than_any_buffer_pass_through_the_same_window() {
    on_every_way(|set| {
        let mut blobs = set.pipes.blobs(3_000_000, 5).unwrap();
        for one in 0..5u8 {
            let blob = blobs.next().unwrap().unwrap();
            assert!(blob.len() == 3_000_000 && blob.iter().all(|byte| *byte == one));
        }
        assert!(blobs.next().is_none());
        assert_eq!(set.pipes.weigh((0..5).map(|_| vec![1; 2_500_000])).unwrap(), 12_500_000);
        let fault = set.pipes.weigh([vec![0; 5 << 20]]).unwrap_err();
        assert!(fault.is(Code::TooLarge) && fault.message.contains("buffer"), "{fault}");
        let fault = set.pipes.blobs(5 << 20, 1).unwrap().next().unwrap().unwrap_err();
        assert!(fault.is(Code::TooLarge), "{fault}");
    });
}

#[test]
fn rpc_R20_a_method_that_is_ahead_of_its_reader_waits() {
    let _alone = alone();
    on_every_way(|set| {
        let before = set.pipes.sent().unwrap();
        let mut values = set.pipes.count(0, 1_000_000).unwrap();
        assert_eq!(values.next().unwrap().unwrap(), 0);
        // It is at rest when two looks see the same.
        let sent = || set.pipes.sent().unwrap() - before;
        let seen = Cell::new(sent());
        crate::soon("the method waits for its reader", || {
            std::thread::sleep(std::time::Duration::from_millis(20));
            seen.replace(sent()) == seen.get()
        });
        // Windows and batches of at most some hundred thousand bytes, of values of five bytes and more.
        assert!(sent() < 120_000, "{} values are ahead", sent());
        assert_eq!(values.end().unwrap(), (0..1_000_000u64).sum::<u64>());
    });
}

#[test]
fn rpc_R20_a_caller_that_is_ahead_of_the_method_waits() {
    on_every_way(|set| {
        let given = Cell::new(0u64);
        let endless = std::iter::from_fn(|| {
            given.set(given.get() + 1);
            Some(given.get())
        });
        set.pipes.blind(endless, 300).unwrap();
        assert!(given.get() < 200_000, "{} values were made for nobody", given.get());
    });
}

#[test]
fn rpc_R20_what_a_method_does_not_want_is_not_sent() {
    on_every_way(|set| {
        let given = Cell::new(0u64);
        let endless = std::iter::from_fn(|| {
            given.set(given.get() + 1);
            Some(given.get())
        });
        assert_eq!(set.pipes.first(endless, 10).unwrap(), 55);
        assert!(given.get() < 200_000, "{} values", given.get());
    });
}

#[test]
fn rpc_R20_a_slow_reader_holds_up_nothing_else_of_its_session() {
    on_every_way(|set| {
        let mut values = set.pipes.count(0, 1_000_000).unwrap();
        assert_eq!(values.next().unwrap().unwrap(), 0);
        for _ in 0..100 {
            set.pipes.sent().unwrap();
        }
        let mut others: Vec<_> = (0..12).map(|from| set.pipes.count(from, 2000).unwrap()).collect();
        for round in 0..2000 {
            for (from, other) in (0..).zip(&mut others) {
                assert_eq!(other.next().unwrap().unwrap(), from + round);
            }
        }
        drop(values);
    });
}

#[test]
fn rpc_R20_what_is_sent_before_a_wait_is_there_before_its_end() {
    on_every_way(|set| {
        let mut slowly = set.pipes.slowly().unwrap();
        assert_eq!(slowly.next().unwrap().unwrap(), "now");
        drop(slowly);
    });
}

#[test]
fn tasks_K30_a_stream_stays_with_one_container_wherever_the_query_leads() {
    let stage = crate::Stage::with(|config| {
        config.modules.extend([crate::Pipes::TABLE]);
        config.workers = 3;
        config.pools.push(windlass_runtime::PoolSpec {
            containers: 6,
            ..windlass_runtime::PoolSpec::new("pipes", "pipes")
        });
    });
    let pipes = crate::stubs::Blocking::on(stage.client().pool("pipes").unwrap());
    for query in [Query::Local, Query::Dynamic, Query::Hash(77), Query::Hash(3), Query::Id(5), Query::Id(0)] {
        let pipes = pipes.toward(query);
        let values = pipes.count(0, 20_000).unwrap();
        assert_eq!(values.map(Result::unwrap).sum::<u64>(), (0..20_000).sum::<u64>(), "{query:?}");
        assert_eq!(pipes.total(1, 0..20_000).unwrap().1, 20_000, "{query:?}");
    }
    for query in [Query::Broadcast, Query::Range { first: 0, count: 2 }] {
        let fault = pipes.toward(query).count(0, 1).unwrap_err();
        assert!(fault.is(Code::Unsupported) && fault.message.contains("one container"), "{fault}");
    }
    let fault = pipes.toward(Query::Id(6)).count(0, 1).unwrap().next().unwrap().unwrap_err();
    assert!(fault.is(Code::UnknownContainer), "{fault}");
}

#[test]
fn tasks_K34_a_stream_stays_with_one_worker_of_those_that_share_a_container() {
    let stage = crate::Stage::with(|config| {
        config.modules.extend([Wide::TABLE]);
        config.workers = 3;
    });
    wide::Blocking::create(&stage.client(), "wide").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let wide = wide::Blocking::on(stage.client().pool("wide").unwrap());
                for _ in 0..20 {
                    let mut values = wide.each(0..3000u64).unwrap();
                    assert!(values.by_ref().map(Result::unwrap).eq(0..3000));
                    assert_eq!(values.end().unwrap(), 3000);
                }
            });
        }
    });
}

#[test]
fn rpc_R20_a_send_that_is_given_up_loses_nothing() {
    on_every_way(|set| {
        let mut values = set.pipes.hasty(4_000, 30_000).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(50));
        for number in 0..4_000u64 {
            let value = values.next().unwrap().unwrap();
            assert!(value.len() == 30_000 && value.iter().all(|byte| *byte == number as u8), "value {number}");
        }
        assert!(values.end().unwrap() > 0, "some were given up");
    });
}

/// Whoever carries a method looks after what it sends while it waits, and then it was that which was woken when there was room again: a send in a
/// future of its own, which is polled when it was woken itself, stood still for ever.
#[test]
fn rpc_R20_a_send_in_a_future_of_its_own_goes_on_when_there_is_room() {
    on_every_way(|set| {
        let pipes = crate::stubs::Blocking::on(set.client.pool("pipes").expect("a pool"));
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut values = pipes.blobs_apart(30_000, 200).unwrap();
            let all = values.by_ref().map(Result::unwrap).map(|value| (value.len(), value[0]));
            let whole = all.eq((0..200u8).map(|one| (30_000, one)));
            values.end().unwrap();
            // The test may have lost its patience.
            let _may_be_gone = tell.send(whole);
        });
        assert!(told.recv_timeout(std::time::Duration::from_secs(30)).expect("all values come"));
    });
}

#[test]
fn rpc_R20_values_that_come_slowly_go_as_they_come_and_answers_are_read_meanwhile() {
    on_every_way(|set| {
        let (tell, told) = std::sync::mpsc::channel::<String>();
        let mut twice = set.pipes.twice(told).unwrap();
        for one in 0..20 {
            tell.send(format!("line {one}")).unwrap();
            for _ in 0..2 {
                assert_eq!(twice.next().unwrap().unwrap(), format!("line {one}"));
            }
        }
        drop(tell);
        assert_eq!(twice.end().unwrap(), 20);
    });
}
