//! Calls: the table itself, create and its instance, methods that answer, fail and panic.

use super::host::{Answer, Call, Instance};
use super::sample::{Facts, Ledger, METHODS, Start, Tally};
use super::{dropped, encoded, ledger};
use windlass_contract::abi::{ModuleTable, TABLE_STATELESS, TABLE_SYNC, TABLE_VERSION, table, target_bits};
use windlass_contract::hello::CONTRACT_HASH;
use windlass_contract::module::Module;
use windlass_contract::{Code, MethodId, ModuleDescriptor, Outcome, Retry};

#[test]
fn tasks_K1_a_table_says_its_size_version_contract_and_target_before_any_code_of_the_module_runs() {
    const TABLE: ModuleTable = table::<Ledger>();
    assert_eq!(TABLE.size as usize, size_of::<ModuleTable>());
    assert_eq!(
        (TABLE.version, TABLE.contract, TABLE.hooks),
        (TABLE_VERSION, CONTRACT_HASH, !(TABLE_STATELESS | TABLE_SYNC)),
        "it says nothing of itself: all is asked, it keeps state, and no two threads have it"
    );
    assert_eq!((TABLE.target, TABLE.unwinds), (target_bits(), 1), "tests unwind");
    assert_eq!(std::mem::offset_of!(ModuleTable, size), 0);
    assert_eq!(std::mem::offset_of!(ModuleTable, version), 4);
}

#[test]
fn tasks_K1_K4_a_table_describes_its_module_once_and_for_ever() {
    let table = table::<Ledger>();
    // SAFETY: the table is of a module in this program; what it describes stays valid for ever.
    let (first, again) = unsafe { ((table.describe)().get(), (table.describe)().get()) };
    assert_eq!(first.as_ptr(), again.as_ptr(), "described once");
    let descriptor = ModuleDescriptor::decode(first).expect("the node can read it");
    assert_eq!(descriptor, Ledger::descriptor());
    let own: Vec<&str> = descriptor.methods[1..].iter().map(|method| method.name.as_str()).collect();
    assert_eq!(own, METHODS);
    assert!(descriptor.methods[1..].iter().all(|method| !method.id.is_inherited()));
    assert_eq!(
        descriptor.method("tidy").map(|method| method.id),
        Some(MethodId(4_000_000_000)),
        "a huge id costs nothing"
    );
}

#[test]
fn tasks_K9_create_reads_its_parameters_and_hands_over_one_instance_that_is_dropped_once() {
    let before = dropped();
    let ledger = ledger(40);
    let call = Call::new(10, encoded(2u64));
    ledger.run(&call);
    assert_eq!(call.value::<u64>(), 42, "the parameter arrived");
    assert_eq!(dropped(), before);
    drop(ledger);
    assert_eq!(dropped(), before + 1);
}

#[test]
fn tasks_K9_create_says_no_in_words_and_leaves_nothing_behind() {
    let refused = |arguments| Instance::create(table::<Ledger>(), arguments).err().expect("it is refused");
    let before = dropped();
    let fault = refused(encoded(Start { total: -1 }));
    assert!(fault.is(Code::CreateFailed) && fault.message.contains("total"), "{fault}");
    let fault = refused(Vec::new());
    assert!(fault.is(Code::BadArguments) && fault.message.contains("`start`"), "{fault}");
    let fault = refused(encoded((Start { total: 1 }, 7u8)));
    assert!(fault.is(Code::BadArguments) && fault.message.contains("1 bytes follow"), "{fault}");
    assert!(refused(encoded(Start { total: 13 })).is(Code::Panicked));
    assert_eq!(dropped(), before, "there was no instance");
}

#[test]
fn tasks_K17_a_plain_method_has_answered_when_it_returns() {
    let ledger = ledger(0);
    let call = Call::new(10, encoded(5u64));
    let running = ledger.start(&call);
    assert!(running.ended_at_once() && call.is_answered());
    drop(running);
    assert_eq!(call.answer(), Answer::Value(vec![5]));
}

#[test]
fn tasks_K22_an_error_of_a_method_is_a_fault_and_never_a_success() {
    let ledger = ledger(1);
    let call = Call::new(10, encoded(u64::MAX));
    ledger.run(&call);
    let fault = call.fault();
    assert_eq!((fault.code, fault.outcome, fault.retry), (1001, Outcome::Ended, Retry::Never));
    assert_eq!(fault.message, "the ledger is full");
    let call = Call::new(10, encoded(1u64));
    ledger.run(&call);
    assert_eq!(call.value::<u64>(), 2, "what failed changed nothing");
}

#[test]
fn tasks_K22_a_panic_ends_its_call_alone_and_its_payload_is_dropped_on_the_modules_side() {
    let ledger = ledger(0);
    let before = dropped();
    for method in [12, 20] {
        let call = Call::new(method, Vec::new());
        ledger.run(&call);
        let fault = call.fault();
        assert!(fault.is(Code::Panicked) && fault.outcome == Outcome::Ended);
        assert!(
            fault.message.contains(&format!("method {method}")) && fault.message.contains("call 77"),
            "{fault}"
        );
        assert_eq!(call.record.borrow().logs, [(1, format!("method {method} panicked: (no text)"))]);
    }
    // The second payload panics while it is dropped: it is left where it is, and nothing else is harmed.
    assert_eq!(dropped(), before + 1);
    let call = Call::new(10, encoded(1u64));
    ledger.run(&call);
    assert_eq!(call.value::<u64>(), 1, "the instance goes on");
}

#[test]
fn a_method_learns_the_facts_of_its_call() {
    let ledger = ledger(0);
    let facts = |call: Box<Call>| {
        ledger.run(&call);
        call.value::<Facts>()
    };
    assert_eq!(facts(Call::new(19, Vec::new())), (77, 70, 2, "0.5".into(), None, false, 4));
    assert_eq!(facts(Call::new(19, Vec::new()).with_deadline(1_250)).4, Some(250));
    assert_eq!(facts(Call::new(19, Vec::new()).with_deadline(10)).4, Some(0), "late is late, not negative");
}

#[test]
fn an_instance_whose_drop_panics_takes_nobody_with_it() {
    let tally = Instance::create(table::<Tally>(), Vec::new()).expect("it begins");
    for count in 1..=3u64 {
        let call = Call::new(10, Vec::new());
        tally.run(&call);
        assert_eq!(call.value::<u64>(), count);
    }
    drop(tally);
}
