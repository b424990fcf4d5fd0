//! Limits and ends: what a full session, queue or room says; deadlines, cancels and keys; pools that come and go; and what an
//! idle node and a frozen buffer cost.
#![allow(non_snake_case, reason = "tests carry the names of requirement rows")]
#![allow(clippy::disallowed_methods, reason = "tests wait by the clock and look at /proc")]

mod hand;
mod raw;

use hand::{TestNode, ask};
use raw::rough::{ROUGH, alive, is, rough};
use std::time::Duration;
use windlass_client::{Client, Pool};
use windlass_contract::admin::{NodeFacts, PoolFacts, Request, Response};
use windlass_contract::{Code, Fault, Outcome, Retry};
use windlass_runtime::PoolSpec;

#[test]
#[ignore = "the node of the other tests, in a process of its own"]
fn child_node() {
    raw::child::serve_if_asked();
}

/// A node with the pool `rough` of this mode, and so many bytes per session.
fn node(mode: u64, session_bytes: u64) -> (TestNode, Client, Pool) {
    let node = TestNode::with(|config| {
        config.modules.push(&ROUGH);
        let parameters = vec![("value0".into(), mode.to_string())];
        config.pools.push(PoolSpec { parameters, ..PoolSpec::new("rough", "rough") });
        config.session_bytes_max = session_bytes;
    });
    let client = node.connect();
    let pool = client.pool("rough").unwrap();
    (node, client, pool)
}

fn usual() -> (TestNode, Client, Pool) {
    node(0, 8 << 30)
}

fn facts(client: &Client) -> NodeFacts {
    match ask(client, &Request::Node) {
        Ok(Response::Node(facts)) => facts,
        other => panic!("{other:?}"),
    }
}

fn create(client: &Client, name: &str, mode: u64) -> Result<PoolFacts, Fault> {
    let parameters = postcard::to_allocvec(&mode).unwrap();
    match ask(client, &Request::Create { name: name.into(), module: "rough".into(), parameters })? {
        Response::Pool(facts) => Ok(facts),
        other => panic!("{other:?}"),
    }
}

fn destroy(client: &Client, name: &str) -> Result<(), Fault> {
    ask(client, &Request::Destroy(name.into())).map(|_| ())
}

/// Waits until something is so, for 10 seconds.
#[track_caller]
fn becomes(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("it never came about that {what}");
}

fn ping(pool: &Pool) -> u64 {
    pool.call(rough("ping")).argument(&9u64).wait().unwrap().value().unwrap()
}

#[test]
fn out_of_memory_is_refused_in_words_and_what_returns_can_be_had_again() {
    const LIMIT: u64 = 24 << 20;
    let (_node, client, pool) = node(0, LIMIT);
    let frozen = client.freeze(&vec![1; 8 << 20]).unwrap();
    let loan = client.lend(10 << 20).unwrap();
    let fault = client.lend(20 << 20).unwrap_err();
    assert!(fault.is(Code::NoMemory), "{fault:?}");
    assert!(fault.message.contains(&LIMIT.to_string()), "{fault:?}");
    assert!(matches!(fault.retry, Retry::Never | Retry::After(_)), "{fault:?}");
    let fault = pool.call(rough("copy")).input(&[1; 10]).output(20 << 20).wait().unwrap_err();
    assert!(fault.is(Code::NoMemory), "{fault:?}");
    assert_eq!(fault.outcome, Outcome::NotStarted);
    assert!(is(&client.freeze(&vec![1; 20 << 20]), Code::NoMemory));
    assert!(is(&client.freeze(&vec![1; 8 << 20]), Code::NoMemory));
    drop((loan, frozen));
    becomes("the frozen segment has returned", || client.freeze(&vec![1; 8 << 20]).is_ok());
    assert_eq!(ping(&pool), 9);
}

#[test]
fn one_loan_read_by_many_calls_is_copied_only_as_often_as_is_paid_for() {
    use raw::{Heard, Raw, bytes_entry};
    use windlass_contract::CallId;
    use windlass_contract::head::{Direction, Head};
    let (node, _client, pool) = node(0, 16 << 20);
    let mut raw = Raw::connect(&node.address(), pool.id());
    let (heap, _segment, _fd) = raw.grow(4 << 20);
    let head = Head { buffers: vec![bytes_entry(Direction::In, heap, 0, 4 << 20)], ..Head::default() };
    let mut bytes = Vec::new();
    head.encode(&mut bytes);
    bytes.extend(postcard::to_allocvec(&200_000u64).unwrap());
    for at in 0..10 {
        let mut slot = raw.slot(rough("hold"));
        slot.call = CallId::new(at, 1);
        slot.flags = head.flags();
        raw.put(&mut slot, &bytes);
        raw.publish(slot.encode());
    }
    let (mut values, mut refused) = (0, 0);
    for _ in 0..10 {
        match raw.hear().1 {
            Heard::Value(..) => values += 1,
            Heard::Fault(fault) => {
                assert!(fault.is(Code::NoMemory) && fault.message.contains("copy"), "{fault:?}");
                refused += 1;
            }
            Heard::Ended(code, text) => panic!("{code:?} {text}"),
        }
    }
    assert_eq!((values, refused), (4, 6));
    assert_eq!(ping(&pool), 9);
}

#[test]
fn retired_memory_is_paid_for_until_the_last_call_that_holds_it_has_ended() {
    let (_node, client, pool) = node(0, 20 << 20);
    let frozen = client.freeze(&vec![1; 12 << 20]).unwrap();
    let held = pool.call(rough("hold")).argument(&200_000u64).input(&frozen).detached();
    held.wait().unwrap();
    // Its acceptance is answered, so the client lets go of it while the call holds it.
    drop(frozen);
    let fault = client.freeze(&vec![1; 12 << 20]).unwrap_err();
    assert!(fault.is(Code::NoMemory), "{fault:?}");
    becomes("the call has ended and its memory returned", || client.freeze(&vec![1; 12 << 20]).is_ok());
}

#[test]
fn leases_and_frozen_segments_have_their_limits() {
    let (_node, client, pool) = usual();
    let mut views = Vec::new();
    let fault = loop {
        match pool.call(rough("copy")).input(&[1; 8]).output(8).wait() {
            Ok(mut reply) => views.push(reply.take_view(0).unwrap()),
            Err(fault) => break fault,
        }
        assert!(views.len() <= 5000, "leases have no limit");
    };
    assert!(fault.is(Code::LeaseLimit), "{fault:?}");
    assert_eq!((views.len(), fault.outcome), (client.welcome().leases_max as usize, Outcome::NotStarted));
    assert_eq!(ping(&pool), 9);
    drop(views);
    pool.call(rough("copy")).input(&[1; 8]).output(8).wait().unwrap();
    let mut frozen = Vec::new();
    let fault = loop {
        match client.freeze(&[1; 8]) {
            Ok(one) => frozen.push(one),
            Err(fault) => break fault,
        }
        assert!(frozen.len() <= 2000, "frozen segments have no limit");
    };
    assert!(fault.is(Code::NoMemory) && fault.message.contains("1024"), "{fault:?}");
    drop(frozen);
    becomes("the frozen segments have returned", || client.freeze(&[1; 8]).is_ok());
}

#[test]
fn more_calls_than_credits_wait_for_their_turn() {
    let (node, _client, pool) = usual();
    let narrow = Client::options().calls(4).connect(&node.address()).unwrap();
    let narrow = narrow.pool_of(pool.id());
    let out: Vec<_> = (0..64u64).map(|at| narrow.call(rough("pause")).argument(&(at % 7 * 100)).send()).collect();
    for one in out {
        one.wait().unwrap();
    }
    let numbers: Vec<_> = (0..64u64).map(|at| (at, narrow.call(rough("ping")).argument(&at).send())).collect();
    for (at, one) in numbers {
        assert_eq!(one.wait().unwrap().value::<u64>().unwrap(), at);
    }
}

#[test]
fn as_many_calls_wait_for_keys_as_may_and_then_each_runs_once() {
    let (node, client, pool) = usual();
    let holder = pool.call(rough("keyed")).argument("key").argument(&60_000_000u64).send();
    let wide = || Client::options().calls(4096).connect(&node.address()).unwrap();
    let clients: Vec<Client> = (0..4).map(|_| wide()).collect();
    let mut waiting = Vec::new();
    for client in &clients {
        let pool = client.pool_of(pool.id());
        waiting.extend((0..4096).map(|_| pool.call(rough("step")).argument("key").send()));
    }
    let in_flight = || match ask(&client, &Request::Sessions) {
        Ok(Response::Sessions(sessions)) => sessions.iter().map(|one| one.in_flight).sum::<u32>(),
        other => panic!("{other:?}"),
    };
    becomes("the node has taken all of them", || in_flight() > 4 * 4096);
    // Behind them in their queue.
    ping(&pool);
    let fault = pool.call(rough("step")).argument("key").wait().unwrap_err();
    assert!(fault.is(Code::QueueFull), "{fault:?}");
    assert_eq!(fault.outcome, Outcome::NotStarted);
    // Another key passes; then the holder goes, and all that waited run one after another.
    pool.call(rough("step")).argument("other").wait().unwrap();
    holder.cancel();
    assert!(is(&holder.wait(), Code::Cancelled));
    let mut seen: Vec<u64> = waiting.into_iter().map(|one| one.wait().unwrap().value().unwrap()).collect();
    seen.sort_unstable();
    assert_eq!(seen, (2..4 * 4096 + 2).collect::<Vec<u64>>());
}

#[test]
fn tasks_K22_a_deadline_is_kept_in_the_queue_while_waiting_and_while_running() {
    let (_node, _client, pool) = usual();
    let ms = Duration::from_millis;
    let fault = pool.call(rough("ping")).argument(&1u64).deadline(Duration::ZERO).wait().unwrap_err();
    assert_eq!((fault.code, fault.outcome), (Code::DeadlineExceeded as u16, Outcome::NotStarted), "{fault:?}");
    let holder = pool.call(rough("keyed")).argument("key").argument(&60_000_000u64).send();
    let fault = pool.call(rough("step")).argument("key").deadline(ms(20)).wait().unwrap_err();
    assert_eq!((fault.code, fault.outcome), (Code::DeadlineExceeded as u16, Outcome::NotStarted), "{fault:?}");
    let fault = pool.call(rough("pause")).argument(&60_000_000u64).deadline(ms(20)).wait().unwrap_err();
    assert_eq!((fault.code, fault.outcome), (Code::DeadlineExceeded as u16, Outcome::Ended), "{fault:?}");
    let nested = pool.call(rough("nest")).argument("pause").argument(&60_000_000u64).deadline(ms(20));
    let fault = nested.wait().unwrap_err();
    assert!(fault.is(Code::DeadlineExceeded), "{fault:?}");
    let fault = pool.call(rough("stubborn")).deadline(ms(20)).wait().unwrap_err();
    assert_eq!((fault.code, fault.outcome), (Code::DeadlineExceeded as u16, Outcome::Unknown), "{fault:?}");
    holder.cancel();
    assert!(is(&holder.wait(), Code::Cancelled));
    pool.call(rough("step")).argument("key").wait().unwrap();
}

#[test]
fn a_cancelled_call_ends_wherever_it_is() {
    let (_node, client, pool) = usual();
    let base = facts(&client).tasks;
    let cancelled = |out: windlass_client::Pending| {
        out.cancel();
        out.wait().unwrap_err()
    };
    // At once after it was sent: it may not have begun, and must not hang either way.
    for _ in 0..50 {
        let fault = cancelled(pool.call(rough("pause")).argument(&60_000_000u64).send());
        assert!(fault.is(Code::Cancelled), "{fault:?}");
    }
    let waits = pool.call(rough("pause")).argument(&60_000_000u64).send();
    ping(&pool);
    let fault = cancelled(waits);
    assert_eq!((fault.code, fault.outcome), (Code::Cancelled as u16, Outcome::Ended), "{fault:?}");
    let holder = pool.call(rough("keyed")).argument("key").argument(&60_000_000u64).send();
    let queued = pool.call(rough("step")).argument("key").send();
    ping(&pool);
    let fault = cancelled(queued);
    assert_eq!((fault.code, fault.outcome), (Code::Cancelled as u16, Outcome::NotStarted), "{fault:?}");
    let stubborn = pool.call(rough("stubborn")).send();
    let nested = pool.call(rough("nest")).argument("stubborn").argument(&0u64).send();
    let deep = pool.call(rough("nest")).argument("pause").argument(&60_000_000u64).send();
    ping(&pool);
    assert!(cancelled(deep).is(Code::Cancelled));
    assert!(cancelled(nested).is(Code::Cancelled));
    let fault = cancelled(stubborn);
    assert_eq!((fault.code, fault.outcome), (Code::Cancelled as u16, Outcome::Unknown), "{fault:?}");
    assert!(cancelled(holder).is(Code::Cancelled));
    becomes("the nested calls of cancelled calls have ended too", || facts(&client).tasks == base);
}

#[test]
fn detached_calls_are_answered_when_they_are_accepted_and_are_limited() {
    let (_node, client, pool) = usual();
    let base = facts(&client).tasks;
    for _ in 0..10 {
        let reply = pool.call(rough("pause")).argument(&200_000u64).detached().wait().unwrap();
        assert!(reply.value_bytes().is_empty());
    }
    assert_eq!(facts(&client).tasks, base + 10);
    let mut accepted = 10;
    let fault = loop {
        match pool.call(rough("pause")).argument(&2_000_000u64).detached().wait() {
            Ok(_) => accepted += 1,
            Err(fault) => break fault,
        }
        assert!(accepted < 100_000, "detached calls have no limit");
    };
    assert!(fault.is(Code::QueueFull) && fault.message.contains("detached"), "{fault:?}");
    becomes("they have ended", || facts(&client).tasks == base);
    pool.call(rough("ping")).argument(&1u64).detached().wait().unwrap();
}

#[test]
fn a_nested_call_for_its_roots_own_key_runs_if_reentrant_and_is_refused_if_not() {
    let (_node, _client, pool) = usual();
    let enter = |reentrant: bool| pool.call(rough("enter")).argument("key").argument(&reentrant).wait();
    enter(true).unwrap();
    let fault = enter(false).unwrap_err();
    assert!(fault.is(Code::WouldDeadlock), "{fault:?}");
    assert!(fault.message.contains("rough.step") && fault.message.contains("reentrant"), "{fault:?}");
    // The key is free again, and waiters of another root got their turn.
    pool.call(rough("step")).argument("key").wait().unwrap();
}

#[test]
fn tasks_K27_a_pool_of_the_same_name_is_the_same_pool_or_a_fault() {
    let (_node, client, _pool) = usual();
    let first = create(&client, "mine", 100).unwrap();
    assert_eq!(create(&client, "mine", 100).unwrap().id, first.id);
    let fault = create(&client, "mine", 101).unwrap_err();
    assert!(fault.is(Code::PoolExists) && fault.message.contains("100"), "{fault:?}");
    let fault = create(&client, "echo", 100).unwrap_err();
    assert!(fault.is(Code::PoolExists), "{fault:?}");
    assert_eq!(client.pool("mine").unwrap().id().bits(), first.id);
    destroy(&client, "mine").unwrap();
    assert!(is(&client.pool("mine"), Code::UnknownPool));
    assert!(is(&destroy(&client, "mine"), Code::UnknownPool));
    assert!(is(&destroy(&client, "admin"), Code::Denied));
    // A new pool of the name is another one: an old id does not reach it.
    let second = create(&client, "mine", 101).unwrap();
    assert_ne!(second.id, first.id);
    let old = client.pool_of(windlass_contract::PoolId::from_bits(first.id));
    assert!(is(&old.call(rough("ping")).argument(&1u64).wait(), Code::UnknownPool));
}

#[test]
fn tasks_K26_a_create_that_fails_leaves_nothing_behind() {
    let (_node, client, _pool) = usual();
    let before = facts(&client);
    let unknown = Request::Create { name: "mine".into(), module: "nothing".into(), parameters: Vec::new() };
    let fault = ask(&client, &unknown).unwrap_err();
    assert!(fault.is(Code::UnknownModule) && fault.message.contains("echo"), "{fault:?}");
    for (mode, code, text) in [
        (1, 1007, "mode 1 is refused"),
        (2, Code::CreateFailed as u16, "panicked"),
        (3, 1007, "refused late"),
        (4, Code::CreateFailed as u16, "without a container"),
    ] {
        let fault = create(&client, "mine", mode).unwrap_err();
        assert_eq!(fault.code, code, "{fault:?}");
        assert!(fault.message.contains(text) && fault.message.contains("mine"), "{fault:?}");
        assert!(is(&client.pool("mine"), Code::UnknownPool));
    }
    for name in ["", "a/b", "\0", &"x".repeat(65)] {
        assert!(is(&create(&client, name, 100), Code::BadArguments), "{name:?}");
    }
    let garbage = Request::Create { name: "mine".into(), module: "rough".into(), parameters: vec![0xFF; 20] };
    assert!(ask(&client, &garbage).is_err());
    assert_eq!((facts(&client).pools, facts(&client).tasks), (before.pools, before.tasks));
    assert_eq!(alive(1) + alive(2) + alive(3) + alive(4), 0);
    // The name is free.
    create(&client, "mine", 6).unwrap();
    assert_eq!(alive(6), 1);
    destroy(&client, "mine").unwrap();
    becomes("the container is dropped", || alive(6) == 0);
}

#[test]
fn a_container_outlives_its_pool_until_its_last_call_has_ended() {
    let (_node, client, _pool) = usual();
    create(&client, "mine", 300).unwrap();
    let pool = client.pool("mine").unwrap();
    let running: Vec<_> = (0..10).map(|_| pool.call(rough("pause")).argument(&200_000u64).send()).collect();
    let queued = pool.call(rough("keyed")).argument("key").argument(&100_000u64).send();
    let behind = pool.call(rough("step")).argument("key").send();
    ping(&pool);
    destroy(&client, "mine").unwrap();
    assert_eq!(alive(300), 1);
    assert!(is(&pool.call(rough("ping")).argument(&1u64).wait(), Code::UnknownPool));
    for one in running {
        one.wait().unwrap();
    }
    queued.wait().unwrap();
    behind.wait().unwrap();
    becomes("the container is dropped", || alive(300) == 0);
}

#[test]
fn tasks_K22_panics_in_methods_futures_and_drops_end_one_call_each() {
    let (_node, client, pool) = usual();
    let base = facts(&client).tasks;
    for _ in 0..3 {
        let fault = pool.call(rough("panic_late")).wait().unwrap_err();
        assert!(fault.is(Code::Panicked) && fault.outcome == Outcome::Ended, "{fault:?}");
    }
    let out = pool.call(rough("panic_drop")).send();
    ping(&pool);
    out.cancel();
    assert!(is(&out.wait(), Code::Cancelled));
    create(&client, "mine", 5).unwrap();
    assert_eq!(alive(5), 1);
    destroy(&client, "mine").unwrap();
    becomes("the container is dropped", || alive(5) == 0);
    assert_eq!((ping(&pool), facts(&client).tasks), (9, base));
}

#[test]
fn a_flush_waits_for_what_was_accepted_before_it_and_for_no_more() {
    let (node, client, pool) = usual();
    let mut before: Vec<_> = (0..10).map(|_| pool.call(rough("pause")).argument(&100_000u64).send()).collect();
    before.push(pool.call(rough("block")).argument(&100u64).send());
    before.push(pool.call(rough("keyed")).argument("key").argument(&50_000u64).send());
    before.push(pool.call(rough("step")).argument("key").send());
    before.extend((0..20u64).map(|at| pool.call(rough("later")).argument(&at).send()));
    assert_eq!(ask(&client, &Request::Flush), Ok(Response::Done));
    // Completions come in order, so whatever ended before the flush did is answered here.
    assert!(before.iter().all(windlass_client::Pending::is_answered), "the flush passed a call");
    // One that waits, and a call that comes after it and does not end: the flush ends.
    let held = pool.call(rough("pause")).argument(&300_000u64).send();
    ping(&pool);
    let second = node.connect();
    let number = second.welcome().session;
    let flush = std::thread::spawn(move || ask(&second, &Request::Flush));
    becomes("the flush is accepted", || match ask(&client, &Request::Sessions) {
        Ok(Response::Sessions(all)) => all.iter().any(|one| one.id == number && one.in_flight == 1),
        other => panic!("{other:?}"),
    });
    let later = pool.call(rough("pause")).argument(&60_000_000u64).send();
    assert_eq!(flush.join().unwrap(), Ok(Response::Done));
    held.wait().unwrap();
    later.cancel();
    assert!(is(&later.wait(), Code::Cancelled));
}

#[test]
fn a_flush_does_not_pass_the_background_calls_before_it_although_others_do() {
    use windlass_contract::module::Module;
    use windlass_contract::{CallId, MethodId, MethodRef, PoolId};
    let (node, _client, pool) = usual();
    let mut raw = raw::Raw::connect(&node.address(), pool.id());
    becomes("the node looks away", || raw.words.armed().load() == 1);
    // All of it is there before the node looks: it takes them in one turn, and the flush is of the better class.
    for at in 0..10 {
        let mut slot = raw.slot(rough("later"));
        slot.call = CallId::new(at, 1);
        raw.put(&mut slot, &[1]);
        raw.submit.publish(slot.encode()).unwrap();
    }
    let schema = hand::Admin::descriptor().method("ask").unwrap().hash();
    let mut flush = raw.slot(MethodRef { id: MethodId(30), schema, name: "ask", idempotent: false });
    flush.call = CallId::new(10, 1);
    flush.pool = PoolId::ADMIN;
    let request = postcard::to_allocvec(&Request::Flush).unwrap();
    raw.put(&mut flush, &postcard::to_allocvec(&request).unwrap());
    raw.publish(flush.encode());
    let order: Vec<u32> = (0..11).map(|_| raw.hear().0.unwrap().slot()).collect();
    assert_eq!(order, (0..11).collect::<Vec<u32>>());
}

#[test]
fn a_flush_ends_when_the_last_call_it_waits_for_is_cancelled_in_its_queue() {
    let (node, _client, pool) = usual();
    let holder = pool.call(rough("keyed")).argument("key").argument(&100_000u64).send();
    let waits = pool.call(rough("step")).argument("key").send();
    ping(&pool);
    let second = node.connect();
    let flush = std::thread::spawn(move || ask(&second, &Request::Flush));
    std::thread::sleep(Duration::from_millis(20));
    waits.cancel();
    assert!(is(&waits.wait(), Code::Cancelled));
    holder.wait().unwrap();
    assert_eq!(flush.join().unwrap(), Ok(Response::Done));
}

#[test]
fn tasks_K38_a_node_looks_on_for_a_while_after_a_call_then_sleeps_and_a_call_wakes_it() {
    let (_node, client, pool) = usual();
    let before = facts(&client).parks;
    for _ in 0..20 {
        ping(&pool);
        std::thread::sleep(Duration::from_millis(20));
    }
    let after = facts(&client).parks;
    assert!(after - before >= 20, "it slept {} times between 20 calls", after - before);
}

#[test]
fn rpc_R14_an_idle_node_does_not_turn_and_does_not_wake() {
    let (node, client, pool) = usual();
    let _idle: Vec<Client> = (0..20).map(|_| node.connect()).collect();
    ping(&pool);
    // Past the time that the node waits for hellos, so that those timers are gone.
    std::thread::sleep(Duration::from_millis(2200));
    let before = facts(&client);
    std::thread::sleep(Duration::from_millis(1000));
    let after = facts(&client);
    // The two questions themselves: each wakes the node once and is looked on for a while.
    assert!(after.parks - before.parks <= 20, "{} parks while idle", after.parks - before.parks);
    let a_question = (0..20).map(|_| facts(&client).turns).collect::<Vec<_>>();
    let most = a_question.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(after.turns - before.turns <= 10 * most + 1000, "{} turns while idle", after.turns - before.turns);
}

#[test]
fn rpc_R21_frozen_buffers_are_not_copied_and_owned_ones_are_copied_once() {
    let (_node, client, pool) = usual();
    let data = vec![5; 1_000_000];
    let frozen = client.freeze(&data).unwrap();
    let before = facts(&client);
    for _ in 0..5 {
        pool.call(rough("sum")).input(&frozen).wait().unwrap();
        pool.call(rough("copy")).input(&frozen).output(data.len()).wait().unwrap();
    }
    let after = facts(&client);
    assert_eq!(
        (after.copied_bytes - before.copied_bytes, after.frozen_bytes - before.frozen_bytes),
        (0, 10_000_000)
    );
    for _ in 0..3 {
        pool.call(rough("sum")).input(&data).wait().unwrap();
    }
    let owned = facts(&client);
    assert_eq!(owned.copied_bytes - after.copied_bytes, 3_000_000);
    let mut loan = client.lend(data.len()).unwrap();
    loan.fill(1);
    pool.call(rough("flip")).inout_shared(loan).wait().unwrap();
    assert_eq!(facts(&client).copied_bytes, owned.copied_bytes, "shared bytes are the caller's own");
}

#[test]
fn a_node_without_descriptors_refuses_new_clients_and_serves_the_old_ones() {
    let child = raw::child::ChildNode::start();
    let good = raw::child::Good::connect(&child.address());
    let pid = rustix::process::Pid::from_raw(child.process.id() as i32);
    // The child has this process's limits.
    let before = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let limit = |current| {
        let limit = rustix::process::Rlimit { current, maximum: before.maximum };
        rustix::process::prlimit(pid, rustix::process::Resource::Nofile, limit).unwrap();
    };
    limit(Some(child.descriptors() as u64 + 5));
    let options = || Client::options().timeout(Duration::from_millis(300));
    let held: Vec<_> = (0..6).map(|_| options().connect(&child.address())).collect();
    assert!(held.iter().any(Result::is_err), "the node had descriptors left");
    good.check();
    limit(before.current);
    becomes("new clients are heard again", || options().connect(&child.address()).is_ok());
    good.check();
}
