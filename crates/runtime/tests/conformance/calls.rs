//! Claims about calls: every method of `echo`, by the generated clients.

use crate::{Set, on_every_road};
use std::time::Duration;
use windlass_client::Pending;
use windlass_contract::{Code, Outcome, admin};
use windlass_echo::echo;
use xxhash_rust::xxh3::xxh3_64;

fn data(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at * 7 + at / 251) as u8).collect()
}

#[test]
fn tasks_K1_values_come_back_to_the_blocking_client() {
    on_every_road(|Set { echo, .. }| {
        for value in [0, 1, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(echo.ping(value).unwrap(), value);
        }
        for text in [String::new(), "Winde".into(), "ø".repeat(20_000)] {
            assert_eq!(echo.echo(&text).unwrap(), text);
        }
        let bytes = data(3000);
        assert_eq!(echo.digest(&bytes).unwrap(), xxh3_64(&bytes));
    });
}

#[test]
fn tasks_K8_values_and_buffers_come_back_to_the_async_client() {
    on_every_road(|set| {
        let address = set.stage.address();
        crate::stage::block_on(async {
            let echo = echo::Client::connect(&address, "echo").await.unwrap();
            assert_eq!(echo.ping(7).await.unwrap(), 7);
            assert_eq!(echo.echo("hoist").await.unwrap(), "hoist");
            let bytes = data(70_000);
            assert_eq!(echo.checksum(&bytes).await.unwrap(), xxh3_64(&bytes));
            let (length, copied) = echo.copy(&bytes, bytes.len()).await.unwrap();
            assert_eq!((length as usize, &copied[..]), (bytes.len(), &bytes[..]));
            assert_eq!(echo.add("async", 2).await.unwrap(), 2);
            echo.pause(500).await.unwrap();
            assert_eq!(echo.relay("other", "round").await.unwrap(), "round");
            assert!(echo.spin(100).await.unwrap() > 0);
            assert!(echo.panic("async").await.unwrap_err().is(Code::Panicked));
        });
    });
}

#[test]
fn tasks_K11_K14_buffers_of_every_kind_carry_their_bytes() {
    on_every_road(|Set { echo, client, .. }| {
        for bytes in [0, 1, 4096, 1_500_000] {
            let data = data(bytes);
            assert_eq!(echo.checksum(&data).unwrap(), xxh3_64(&data));
            let (length, copied) = echo.copy(&data, bytes + 5).unwrap();
            assert_eq!((length as usize, &copied[..]), (bytes, &data[..]));
            let mut turned = echo.reverse(&data).unwrap().to_vec();
            turned.reverse();
            assert_eq!(turned, data);
        }
        let frozen = client.freeze(&data(100_000)).unwrap();
        assert_eq!(echo.checksum(&frozen).unwrap(), xxh3_64(&frozen));
        assert_eq!(&echo.copy(&frozen, frozen.len()).unwrap().1[..], &frozen[..]);
        let (loan, used) = echo.fill(9, client.lend(10_000).unwrap()).unwrap();
        assert_eq!((used, &loan[..]), (10_000, &[9; 10_000][..]));
    });
}

#[test]
fn tasks_K22_what_a_method_refuses_is_a_fault_with_its_words() {
    on_every_road(|Set { echo, .. }| {
        let short = echo.copy(&data(100), 99).unwrap_err();
        assert!(short.is(Code::TooLarge) && short.message.contains("100 bytes"), "{short:?}");
        assert_eq!(short.outcome, Outcome::Ended);
        assert_eq!(echo.add("total", 999).unwrap(), 999);
        let full = echo.add("total", 2).unwrap_err();
        assert_eq!((full.code, full.outcome), (1001, Outcome::Ended));
        assert!(full.message.contains("total") && full.message.contains("1000"), "{full:?}");
        assert_eq!(echo.add("total", 1).unwrap(), 1000, "a refused call changed nothing");
        let nowhere = echo.relay("nowhere", "x").unwrap_err();
        assert!(nowhere.is(Code::UnknownPool) && nowhere.message.contains("other"), "{nowhere:?}");
    });
}

#[test]
fn calls_of_one_key_add_up_whatever_passes_them() {
    on_every_road(|Set { echo, .. }| {
        let pool = echo.pool();
        let add = |name: &str| pool.call(echo::methods::add()).argument(name).argument(&1u64).send();
        let pending: Vec<Pending> = (0..60).map(|at| add(["a", "b", "c"][at % 3])).collect();
        let mut totals: Vec<u64> = pending.into_iter().map(|one| one.wait().unwrap().value().unwrap()).collect();
        totals.sort_unstable();
        let wanted: Vec<u64> = (1..=20).flat_map(|total| [total; 3]).collect();
        assert_eq!(totals, wanted);
    });
}

#[test]
fn tasks_K20_waits_overlap_and_wakers_cross_the_edge() {
    on_every_road(|Set { echo, .. }| {
        let pool = echo.pool();
        let pause = |us: u64| pool.call(echo::methods::pause()).argument(&us);
        let pending: Vec<Pending> = (0..32).map(|at| pause(3000 - at * 50).send()).collect();
        assert_eq!(echo.ping(1).unwrap(), 1, "a call passes those that wait");
        pending.into_iter().for_each(|one| drop(one.wait().unwrap()));
        let late = pause(3_600_000_000).deadline(Duration::from_millis(5)).wait().unwrap_err();
        assert!(late.is(Code::DeadlineExceeded), "{late:?}");
        let cancelled = pause(3_600_000_000).send();
        assert_eq!(echo.ping(2).unwrap(), 2);
        cancelled.cancel();
        assert!(cancelled.wait().unwrap_err().is(Code::Cancelled));
    });
}

#[test]
fn volume_Y1_calls_of_a_module_sleep_and_wake_each_other_in_order() {
    on_every_road(|Set { echo, .. }| {
        assert_eq!(echo.wake(false).unwrap(), 0, "nobody sleeps");
        let sleep = || echo.pool().call(echo::methods::sleep()).send();
        let woken = |sleep: Pending| sleep.wait().unwrap().value::<u64>().unwrap();
        let [first, second, third, fourth] = [sleep(), sleep(), sleep(), sleep()];
        assert_eq!(echo.ping(1).unwrap(), 1, "all are asleep");
        assert_eq!(echo.wake(false).unwrap(), 1);
        assert_eq!(woken(first), 0);
        assert_eq!(echo.wake(false).unwrap(), 1);
        assert_eq!(woken(second), 1);
        assert_eq!(echo.wake(true).unwrap(), 2);
        assert_eq!((woken(third), woken(fourth), echo.wake(true).unwrap()), (2, 3, 0));
    });
}

#[test]
fn volume_Y6_a_call_that_ends_in_its_sleep_leaves_the_queue() {
    on_every_road(|Set { echo, .. }| {
        let sleep = || echo.pool().call(echo::methods::sleep());
        let late = sleep().deadline(Duration::from_millis(5)).send();
        let [gone, stays] = [sleep().send(), sleep().send()];
        assert_eq!(echo.ping(1).unwrap(), 1, "all are asleep");
        gone.cancel();
        let fault = gone.wait().unwrap_err();
        assert_eq!((fault.code, fault.outcome), (Code::Cancelled as u16, Outcome::Ended), "{fault:?}");
        let fault = late.wait().unwrap_err();
        assert_eq!((fault.code, fault.outcome), (Code::DeadlineExceeded as u16, Outcome::Ended), "{fault:?}");
        assert_eq!(echo.wake(false).unwrap(), 1, "the first in the queue is the one that stays");
        assert_eq!((stays.wait().unwrap().value::<u64>().unwrap(), echo.wake(true).unwrap()), (0, 0));
    });
}

#[test]
fn tasks_K21_a_nested_call_crosses_the_edge_twice() {
    on_every_road(|Set { echo, .. }| {
        assert_eq!(echo.relay("other", "there and back").unwrap(), "there and back");
        assert_eq!(echo.relay("echo", "to itself").unwrap(), "to itself");
    });
}

#[test]
fn a_blocking_method_runs_beside_the_lanes() {
    on_every_road(|Set { echo, .. }| {
        let spin = echo.pool().call(echo::methods::spin()).argument(&20_000u64).send();
        assert_eq!(echo.ping(3).unwrap(), 3);
        assert!(spin.wait().unwrap().value::<u64>().unwrap() > 0);
    });
}

#[test]
fn tasks_K22_a_panic_is_contained_where_it_happens() {
    on_every_road(|set| {
        for round in 0..3 {
            let fault = set.echo.panic(&format!("round {round}")).unwrap_err();
            assert!(fault.is(Code::Panicked), "{fault:?}");
            assert!(!fault.message.contains("round"), "the inside message is for the log: {fault:?}");
        }
        assert_eq!(set.echo.ping(4).unwrap(), 4);
        assert_eq!(set.stage.client().pool("other").unwrap().name(), "other");
    });
}

#[test]
fn tasks_K4_the_inherited_monitor_answers_by_the_modules_hook() {
    on_every_road(|Set { echo, .. }| {
        let ask = |question: &str| echo.pool().call(admin::monitor()).argument(question).wait();
        echo.add("one", 1).unwrap();
        assert_eq!(ask("").unwrap().value::<String>().unwrap(), "{\"totals\":1}");
        let fault = ask("why").unwrap_err();
        assert!(fault.is(Code::Unsupported) && fault.message.contains("\"why\""), "{fault:?}");
    });
}

#[test]
fn tasks_K7_a_method_that_does_not_exist_is_a_fault_that_names_those_that_do() {
    on_every_road(|Set { echo, .. }| {
        let mut method = echo::methods::ping();
        method.id = windlass_contract::MethodId(99);
        let fault = echo.pool().call(method).argument(&1u64).wait().unwrap_err();
        assert!(fault.is(Code::UnknownMethod) && fault.message.contains("20 ping"), "{fault:?}");
        // A shifted number meets another method's hash.
        method.id = windlass_contract::MethodId(19);
        let fault = echo.pool().call(method).argument(&1u64).wait().unwrap_err();
        assert!(fault.is(Code::SchemaMismatch) && fault.message.contains("echo.spin"), "{fault:?}");
    });
}
