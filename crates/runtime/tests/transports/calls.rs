//! Claims about values: they come back, many at once, in order, or as faults in words.

use crate::stage::block_on;
use crate::{Set, Way, connect, data, mirror, on_every_way};
use std::time::Duration;
use windlass_client::Pending;
use windlass_client::dynamic::DynamicPool;
use windlass_contract::{Code, Outcome};
use windlass_echo::echo;
use xxhash_rust::xxh3::xxh3_64;

#[test]
fn rpc_R25_values_of_every_length_come_back() {
    on_every_way(|Set { echo, .. }| {
        for value in [0, 1, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(echo.ping(value).unwrap(), value);
        }
        // On both sides of what stands inline (40), in a cell (256), and of the most that may be.
        for bytes in [0, 1, 38, 39, 40, 41, 253, 254, 256, 257, 4096, 60_000] {
            let text = "x".repeat(bytes);
            assert_eq!(echo.echo(&text).unwrap(), text);
        }
        let bytes = data(60_000);
        assert_eq!(echo.digest(&bytes).unwrap(), xxh3_64(&bytes));
    });
}

#[test]
fn tasks_K24_a_batch_comes_whole_and_in_order_by_every_way() {
    on_every_way(|set| {
        let pool = set.echo.pool();
        let (bytes, add) =
            (data(200_000), |name: &str| pool.call(echo::methods::add()).argument(name).argument(&1u64));
        let mut batch = pool.client().batch();
        for _ in 0..100 {
            batch.add(add("batch")).unwrap();
        }
        batch.add(pool.call(echo::methods::checksum()).input(&bytes)).unwrap();
        let mut pending = batch.send();
        let last = pending.pop().unwrap();
        let totals: Vec<u64> = pending.into_iter().map(|one| one.wait().unwrap().value().unwrap()).collect();
        assert_eq!(totals, (1..=100).collect::<Vec<_>>());
        assert_eq!(last.wait().unwrap().value::<u64>().unwrap(), xxh3_64(&bytes));
    });
}

#[test]
fn rpc_R25_the_same_typed_client_awaits_its_calls() {
    on_every_way(|set| {
        let client = connect(&set.stage, set.way).open().unwrap();
        block_on(async {
            let echo = echo::Client::on(client.pool_async("echo").await.unwrap());
            assert_eq!(echo.ping(7).await.unwrap(), 7);
            let bytes = data(300_000);
            let (length, copied) = echo.copy(&bytes, bytes.len()).await.unwrap();
            assert_eq!((length as usize, &copied[..]), (bytes.len(), &bytes[..]));
            assert!(echo.panic("async").await.unwrap_err().is(Code::Panicked));
        });
    });
}

#[test]
fn rpc_R25_a_client_that_knows_no_types_calls_by_schema() {
    on_every_way(|Set { client, .. }| {
        let pool = DynamicPool::open(client, "echo").unwrap();
        let reply = pool.call("echo", &[("text".into(), "by schema".into())], &[]).unwrap();
        assert_eq!(reply.value, serde_json::json!("by schema"));
    });
}

#[test]
fn rpc_R9_R33_as_many_calls_as_may_be_out_at_once_are_and_each_gets_its_own_answer() {
    on_every_way(|Set { echo, client, .. }| {
        let pool = echo.pool();
        let out = client.welcome().calls as u64;
        for round in 0..20 {
            let ping = |at: u64| pool.call(echo::methods::ping()).argument(&(round * 1000 + at)).send();
            let pending: Vec<Pending> = (0..out).map(ping).collect();
            for (at, one) in pending.into_iter().enumerate() {
                assert_eq!(one.wait().unwrap().value::<u64>().unwrap(), round * 1000 + at as u64);
            }
        }
        // More than that wait for one another.
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let echo = echo::Blocking::on(pool.clone());
                scope.spawn(move || {
                    for at in 0..500 {
                        assert_eq!(echo.ping(thread * 1000 + at).unwrap(), thread * 1000 + at);
                    }
                });
            }
        });
    });
}

#[test]
fn rpc_R11_calls_begin_in_the_order_they_were_sent_and_waits_overlap() {
    on_every_way(|Set { echo, .. }| {
        let add = |by: u64| echo.pool().call(echo::methods::add()).argument("ordered").argument(&by).send();
        let sums: Vec<Pending> = (1..=20).map(add).collect();
        let mut sum = 0;
        for (at, one) in sums.into_iter().enumerate() {
            sum += at as u64 + 1;
            assert_eq!(one.wait().unwrap().value::<u64>().unwrap(), sum);
        }
        let pause = |us: u64| echo.pool().call(echo::methods::pause()).argument(&us);
        let pending: Vec<Pending> = (0..32).map(|at| pause(3000 - at * 50).send()).collect();
        assert_eq!(echo.ping(1).unwrap(), 1, "a call passes those that wait");
        pending.into_iter().for_each(|one| drop(one.wait().unwrap()));
    });
}

#[test]
fn rpc_R25_calls_are_cancelled_and_their_time_runs_out() {
    on_every_way(|Set { echo, .. }| {
        let pause = || echo.pool().call(echo::methods::pause()).argument(&3_600_000_000_u64);
        let late = pause().deadline(Duration::from_millis(5)).wait().unwrap_err();
        assert!(late.is(Code::DeadlineExceeded), "{late:?}");
        let cancelled = pause().send();
        assert_eq!(echo.ping(2).unwrap(), 2);
        cancelled.cancel();
        assert!(cancelled.wait().unwrap_err().is(Code::Cancelled));
        drop(pause().send());
        assert_eq!(echo.ping(3).unwrap(), 3, "a pending call that was dropped holds up nobody");
    });
}

#[test]
fn rpc_R12_what_is_refused_is_a_fault_with_its_words_and_whether_it_ran() {
    on_every_way(|Set { echo, client, .. }| {
        let short = echo.copy(&data(100), 99).unwrap_err();
        assert!(short.is(Code::TooLarge) && short.message.contains("100 bytes"), "{short:?}");
        assert_eq!(short.outcome, Outcome::Ended);
        let nowhere = client.pool("nowhere").unwrap_err();
        assert!(nowhere.is(Code::UnknownPool) && nowhere.message.contains("echo"), "{nowhere:?}");
        let mut method = echo::methods::ping();
        method.id = windlass_contract::MethodId(99);
        let fault = echo.pool().call(method).argument(&1u64).wait().unwrap_err();
        assert!(fault.is(Code::UnknownMethod) && fault.message.contains("20 ping"), "{fault:?}");
        assert_eq!(fault.outcome, Outcome::NotStarted);
        // A buffer that the method has not: refused, whatever of it was sent.
        let wrong =
            echo.pool().call(echo::methods::ping()).argument(&1u64).input(&data(3_000_000)).wait().unwrap_err();
        assert!(wrong.is(Code::BadBuffer), "{wrong:?}");
        let long = "y".repeat(70_000);
        assert!(echo.echo(&long).unwrap_err().is(Code::TooLarge));
        assert_eq!(echo.ping(4).unwrap(), 4, "the session goes on");
    });
}

#[test]
fn a_detached_call_is_answered_when_it_is_accepted() {
    on_every_way(|Set { echo, .. }| {
        let detached = echo.pool().call(echo::methods::add()).argument("kept").argument(&5_u64).detached();
        let reply = detached.wait().unwrap();
        assert!(reply.value_bytes().is_empty());
        assert_eq!(echo.add("kept", 0).unwrap(), 5);
    });
}

#[test]
fn by_tcp_pool_0_is_closed_but_for_what_describes_the_others() {
    let set = Set::by(Way::Tcp);
    let admin = windlass_admin::admin::Blocking::on(set.client.admin());
    for fault in [admin.pools().unwrap_err(), admin.sessions().unwrap_err(), admin.flush().unwrap_err()] {
        assert!(fault.is(Code::Denied) && fault.message.contains("TCP"), "{fault:?}");
        assert_eq!(fault.outcome, Outcome::NotStarted);
    }
    assert!(mirror::Blocking::create(&set.client, "made from afar").is_err());
    assert!(set.client.pool("echo").unwrap().describe().is_ok());
    let near = Set::by(Way::Unix);
    let admin = windlass_admin::admin::Blocking::on(near.client.admin());
    assert!(admin.pools().unwrap().iter().any(|pool| pool.name == "mirror"));
}
