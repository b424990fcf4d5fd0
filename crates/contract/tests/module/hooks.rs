//! Hooks: the inherited methods and the monitor events, as defaults and overridden.

use super::host::{Call, Instance};
use super::sample::{METHODS, Tally};
use super::{encoded, ledger};
use windlass_contract::abi::table;
use windlass_contract::head::BufferKind::Bytes;
use windlass_contract::head::Direction::In;
use windlass_contract::module::{Cost, Lane, LaneCall, Sample};
use windlass_contract::{Code, MethodId};

/// The numbers of `module::Event`, as they cross.
const EVENTS: [u32; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

#[test]
fn tasks_K4_inherited_methods_have_defaults_and_what_a_module_lacks_is_unsupported() {
    let ledger = ledger(0);
    let call = |method: MethodId, arguments: Vec<u8>| {
        let call = Call::new(method.0, arguments);
        ledger.run(&call);
        call
    };
    call(MethodId::DESTROY, Vec::new()).value::<()>();
    assert_eq!(call(MethodId::MONITOR, encoded("")).value::<String>(), "{}");
    for (method, arguments, name) in [
        (MethodId::NODE_FAILURE, encoded(3u16), "node_failure"),
        (MethodId::RECOVER, encoded(&b"state"[..]), "recover"),
        (MethodId::MIGRATE, encoded(3u16), "migrate"),
        (MethodId::UPGRADE, encoded(("1.0.0", &b"state"[..])), "upgrade"),
        (MethodId::RESTART, Vec::new(), "restart"),
        (MethodId::EXPORT, Vec::new(), "export"),
        (MethodId::IMPORT, encoded(("1.0.0", &b"state"[..])), "import"),
        (MethodId::MONITOR, encoded("how many?"), "monitor"),
    ] {
        let fault = call(method, arguments).fault();
        assert!(fault.is(Code::Unsupported) && fault.message.contains(name), "{fault}");
    }
    for nobody in [99, 999] {
        let fault = call(MethodId(nobody), Vec::new()).fault();
        assert!(fault.is(Code::UnknownMethod), "{fault}");
        assert_eq!(fault.message, format!("module ledger has no method {nobody}; it has {}", METHODS.join(", ")));
    }
}

#[test]
fn tasks_K4_inherited_methods_refuse_arguments_that_are_not_theirs() {
    let ledger = ledger(0);
    for (method, arguments) in [
        (MethodId::DESTROY, vec![1]),
        (MethodId::RESTART, vec![1]),
        (MethodId::NODE_FAILURE, vec![]),
        (MethodId::NODE_FAILURE, vec![1, 2]),
        (MethodId::RECOVER, vec![9, 1]),
        (MethodId::MIGRATE, vec![0xFF; 4]),
        (MethodId::UPGRADE, encoded("1.0.0")),
        (MethodId::EXPORT, vec![1]),
        (MethodId::IMPORT, encoded("1.0.0")),
        (MethodId::MONITOR, vec![1, 0xFF]),
        (MethodId::MONITOR, encoded(("", 1u8))),
    ] {
        let call = Call::new(method.0, arguments.clone());
        ledger.run(&call);
        assert!(call.fault().is(Code::BadArguments), "{method:?} with {arguments:?}");
    }
    let call = Call::new(MethodId::DESTROY.0, Vec::new()).with_buffer(In, Bytes, b"x");
    ledger.run(&call);
    assert!(call.fault().is(Code::BadBuffer));
}

#[test]
fn tasks_K4_hooks_that_a_module_overrides_are_the_ones_that_answer() {
    let tally = Instance::create(table::<Tally>(), Vec::new()).expect("it begins");
    let call = |method: u32, arguments: Vec<u8>| {
        let call = Call::new(method, arguments);
        tally.run(&call);
        call
    };
    call(MethodId::DESTROY.0, Vec::new()).value::<()>();
    assert_eq!(call(10, Vec::new()).value::<u64>(), 1);
    assert_eq!(call(10, Vec::new()).value::<u64>(), 2, "`&mut self` keeps what it counts");
    assert_eq!(call(MethodId::DESTROY.0, Vec::new()).fault().code, 1003, "a container may say no");
    assert_eq!(call(MethodId::MONITOR.0, encoded("count")).value::<String>(), "{\"count\":2}");
    call(MethodId::RECOVER.0, encoded(&b"ok"[..])).value::<()>();
    assert_eq!(call(MethodId::RECOVER.0, encoded(&b"no"[..])).fault().code, 1004);
    assert_eq!(call(MethodId::MIGRATE.0, encoded(258u16)).value::<Vec<u8>>(), [2, 1]);
    let upgrade = call(MethodId::UPGRADE.0, encoded(("0.9.0", &b"four"[..])));
    upgrade.value::<()>();
    assert_eq!(upgrade.record.borrow().logs, [(2, "from 0.9.0 with 4 bytes".to_owned())]);
}

#[test]
fn every_event_has_a_default_that_does_no_harm() {
    let ledger = ledger(0);
    let [estimate, sample, train, schedule, replica_start, aggregate, flush, lane] = EVENTS;
    let learnt = Cost { fixed_ns: 1.5, per_byte_ns: 0.25 };
    let took = Sample { method: 10, bytes: 8, ran_ns: 900, held_ns: 700 };
    assert_eq!(
        ledger.event(estimate, encoded((10u32, 8u64, learnt))).value::<Cost>(),
        learnt,
        "the node's own fit"
    );
    ledger.event(sample, encoded(took)).value::<()>();
    assert_eq!(ledger.event(train, encoded(vec![took])).value::<Option<Cost>>(), None);
    assert_eq!(ledger.event(schedule, encoded((10u32, 11u64, 4u32))).value::<u32>(), 3, "by the call's hash");
    assert_eq!(
        ledger.event(schedule, encoded((10u32, 11u64, 0u32))).value::<u32>(),
        0,
        "even with none to choose from"
    );
    ledger.event(replica_start, encoded((10u32, 9u32))).value::<()>();
    let replies = vec![vec![1u8], vec![2, 3]];
    assert_eq!(ledger.event(aggregate, encoded((10u32, &replies))).value::<Vec<u8>>(), [2, 3], "the last");
    let none: Vec<Vec<u8>> = Vec::new();
    assert!(ledger.event(aggregate, encoded((10u32, none))).fault().is(Code::UnknownContainer));
    assert_eq!(ledger.event(flush, Vec::new()).value::<u64>(), 0);
    let call = LaneCall { method: 10, bytes: 8, key: Some(7), group: 0, lanes: 4 };
    assert_eq!(ledger.event(lane, encoded(call)).value::<Lane>(), Lane::Usual);
    assert!(ledger.event(9, Vec::new()).fault().is(Code::Unsupported), "an event of a later node");
    for event in EVENTS {
        assert!(ledger.event(event, vec![0xFF; 40]).fault().is(Code::BadArguments), "event {event}");
    }
}

#[test]
fn events_reach_the_hooks_that_a_module_overrides() {
    let tally = Instance::create(table::<Tally>(), Vec::new()).expect("it begins");
    let [estimate, _, train, schedule, replica_start, aggregate, flush, lane] = EVENTS;
    let learnt = Cost { fixed_ns: 1.5, per_byte_ns: 0.25 };
    let took = Sample { method: 10, bytes: 8, ran_ns: 900, held_ns: 700 };
    let cost = tally.event(estimate, encoded((10u32, 8u64, learnt))).value::<Cost>();
    assert_eq!(cost, Cost { fixed_ns: 10.0, per_byte_ns: 8.25 });
    let trained = tally.event(train, encoded(vec![took])).value::<Option<Cost>>();
    assert_eq!(trained, Some(Cost { fixed_ns: 900.0, per_byte_ns: 0.0 }));
    assert_eq!(tally.event(schedule, encoded((10u32, 11u64, 4u32))).value::<u32>(), 3);
    assert!(
        tally.event(schedule, encoded((10u32, 11u64, 0u32))).fault().is(Code::Panicked),
        "a hook's panic is caught"
    );
    assert_eq!(tally.event(replica_start, encoded((10u32, 9u32))).fault().code, 1005);
    let replies = vec![vec![1u8], vec![2, 3]];
    assert_eq!(tally.event(aggregate, encoded((10u32, &replies))).value::<Vec<u8>>(), [1, 2, 3]);
    let call = LaneCall { method: 10, bytes: 8, key: None, group: 0, lanes: 4 };
    assert_eq!(tally.event(lane, encoded(call)).value::<Lane>(), Lane::Number(3));
    assert_eq!(tally.event(flush, Vec::new()).value::<u64>(), 0);
}
