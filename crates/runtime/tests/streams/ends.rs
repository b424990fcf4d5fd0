//! How it ends: by the method, by the caller, by neither.

use crate::stage::block_on;
use crate::{all_have_ended, alone, on_every_way};
use std::time::Duration;
use windlass::prelude::*;
use windlass_client::Connect;

#[test]
fn rpc_R12_a_fault_comes_after_the_values_before_it_and_once() {
    on_every_way(|set| {
        for after in [0, 1, 10_000] {
            let mut values = set.pipes.fails(after).unwrap();
            for one in 0..after {
                assert_eq!(values.next().unwrap().unwrap(), one);
            }
            let fault = values.next().unwrap().unwrap_err();
            assert!(fault.code == Fault::module(7, "").code && fault.message.contains("no more today"), "{fault}");
            assert!(values.next().is_none());
            assert_eq!(values.end().unwrap_err().code, fault.code);
            let mut values = block_on(set.awaited().fails(after)).unwrap();
            for one in 0..after {
                assert_eq!(block_on(values.next()).unwrap().unwrap(), one);
            }
            assert_eq!(block_on(values.next()).unwrap().unwrap_err().code, fault.code);
            assert!(block_on(values.next()).is_none());
        }
    });
}

#[test]
fn rpc_R15_a_panic_ends_its_stream_alone() {
    on_every_way(|set| {
        let mut other = set.pipes.count(0, 1000).unwrap();
        let last = set.pipes.falls(10).unwrap().last().unwrap();
        assert!(last.as_ref().is_err_and(|fault| fault.is(Code::Panicked)), "{last:?}");
        assert_eq!(other.by_ref().count(), 1000);
        other.end().unwrap();
    });
}

#[test]
fn rpc_R24_a_stream_that_is_dropped_ends_its_method() {
    let _alone = alone();
    on_every_way(|set| {
        for _ in 0..100 {
            let mut values = set.pipes.count(0, u64::MAX / 2).unwrap();
            assert_eq!(values.next().unwrap().unwrap(), 0);
            drop(values);
            let mut slowly = set.pipes.slowly().unwrap();
            slowly.next().unwrap().unwrap();
        }
        all_have_ended();
        // More than may be under way at once were, one after another.
        assert_eq!(set.pipes.count(0, 10).unwrap().count(), 10);
        block_on(async {
            let mut values = set.awaited().count(0, u64::MAX / 2).await.unwrap();
            assert_eq!(values.next().await.unwrap().unwrap(), 0);
        });
        all_have_ended();
    });
}

#[test]
fn rpc_R5_a_client_that_is_gone_ends_the_methods_of_its_streams() {
    let _alone = alone();
    on_every_way(|set| {
        let mut streams: Vec<_> = (0..8).map(|_| set.pipes.count(0, u64::MAX / 2).unwrap()).collect();
        streams.iter_mut().for_each(|one| assert_eq!(one.next().unwrap().unwrap(), 0));
        let mut slow: Vec<_> = (0..8).map(|_| set.pipes.slowly().unwrap()).collect();
        slow.iter_mut().for_each(|one| assert_eq!(one.next().unwrap().unwrap(), "now"));
        set.client.vanish();
        all_have_ended();
        let fault = streams[0].find(Result::is_err).unwrap().unwrap_err();
        assert!(fault.is(Code::NodeGone), "{fault}");
        let other = crate::stubs::Blocking::connect(&set.stage.address(), "pipes").unwrap();
        assert_eq!(other.count(0, 1000).unwrap().count(), 1000);
    });
}

#[test]
fn rpc_R20_a_session_has_so_many_streams_and_no_more() {
    let _alone = alone();
    on_every_way(|set| {
        let mut slow: Vec<_> = (0..32).map(|_| set.pipes.slowly().unwrap()).collect();
        slow.iter_mut().for_each(|one| assert_eq!(one.next().unwrap().unwrap(), "now"));
        let fault = set.pipes.slowly().unwrap_err();
        assert!(fault.is(Code::QueueFull) && fault.message.contains("32"), "{fault}");
        assert_eq!(set.pipes.sent().unwrap(), 0, "other calls find room");
        drop(slow);
        all_have_ended();
        let narrow = Connect::to(&set.stage.address()).calls(2).open().unwrap();
        let fault = crate::stubs::Blocking::on(narrow.pool("pipes").unwrap()).count(0, 1).unwrap_err();
        assert!(fault.is(Code::QueueFull) && fault.message.contains("call slots"), "{fault}");
        assert_eq!(set.pipes.slowly().unwrap().next().unwrap().unwrap(), "now");
        all_have_ended();
    });
}

#[test]
fn rpc_R12_the_time_of_a_call_bounds_its_stream() {
    on_every_way(|set| {
        let streaming = set.pipes.pool().streaming(crate::stubs::methods::slowly()).unwrap();
        let call = streaming.call().deadline(Duration::from_millis(50));
        let mut slowly = streaming.items::<String, ()>(call);
        assert_eq!(slowly.next().unwrap().unwrap(), "now");
        let fault = slowly.next().unwrap().unwrap_err();
        assert!(fault.is(Code::DeadlineExceeded), "{fault}");
        assert!(slowly.next().is_none());
    });
}

#[test]
fn rpc_R12_a_call_that_is_refused_ends_what_was_asked_for_beside_it() {
    on_every_way(|set| {
        let streaming = set.pipes.pool().streaming(crate::stubs::methods::count()).unwrap();
        let call = streaming.call().argument(&1u64);
        let fault = streaming.items::<u64, u64>(call).next().unwrap().unwrap_err();
        assert!(fault.is(Code::BadArguments), "{fault}");
        let streaming = set.pipes.pool().streaming(crate::stubs::methods::total()).unwrap();
        let call = streaming.call();
        let fault = streaming.give(call, 0..1_000_000u64).unwrap_err();
        assert!(fault.is(Code::BadArguments), "{fault}");
        let wrong = windlass::MethodRef { schema: 1, ..crate::stubs::methods::count() };
        let streaming = set.pipes.pool().streaming(wrong).unwrap();
        let call = streaming.call();
        let fault = block_on(streaming.items_async::<u64, u64>(call).next()).unwrap().unwrap_err();
        assert!(fault.is(Code::SchemaMismatch), "{fault}");
    });
}

#[test]
fn rpc_R24_a_pool_that_ends_ends_its_streams() {
    let _alone = alone();
    on_every_way(|set| {
        let mut slowly = set.pipes.slowly().unwrap();
        slowly.next().unwrap().unwrap();
        let stop = set.stage.admin();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // It waits for its calls, and gives up when this one's caller does.
                let _ended_or_busy = stop.destroy_pool("pipes");
            });
            drop(slowly);
        });
        all_have_ended();
    });
}
