//! Waiting: futures, wakers, operations that end, fail or are given up, and nested calls.

use super::host::{Call, TIMER, Task};
use super::{encoded, ledger};
use windlass_contract::abi::OpKind;
use windlass_contract::slot;
use windlass_contract::{Code, Fault, MethodId, Outcome, PoolId, Retry};

#[test]
fn tasks_K22_a_panic_after_a_wait_is_a_fault_whose_text_goes_to_the_log() {
    let ledger = ledger(0);
    let call = Call::new(13, Vec::new());
    let task = Task::new();
    let mut running = ledger.start(&call);
    assert!(!running.poll(&task));
    let (token, _) = call.pending_op();
    drop(call.finish(token, 0, &[]));
    assert!(running.poll(&task), "a panic ends the future");
    drop(running);
    let fault = call.fault();
    assert!(fault.is(Code::Panicked) && !fault.message.contains("later"), "the inside stays inside: {fault}");
    assert_eq!(call.record.borrow().logs, [(1, "method 13 panicked: later, at 1000".to_owned())]);
}

#[test]
fn tasks_K20_a_wait_is_woken_from_another_thread_and_every_handle_is_given_up() {
    let ledger = ledger(6);
    let call = Call::new(11, encoded(3u64));
    let task = Task::new();
    let mut running = ledger.start(&call);
    assert!(
        !running.ended_at_once() && call.record.borrow().ops.is_empty(),
        "nothing starts before the first poll"
    );
    assert!(!running.poll(&task));
    assert!(!running.poll(&task), "polling again asks again and starts nothing anew");
    let (token, kind) = call.pending_op();
    assert_eq!((kind, call.record.borrow().ops[&token].polls), (TIMER, 2));
    assert_eq!(call.record.borrow().ops[&token].a, 1_000 + 3_000_000, "the time it is due, on the host's clock");
    assert_eq!(task.handles(), 1, "the operation holds the last waker alone");

    let kept = call.finish(token, 0, &[]).expect("the last poll left its waker");
    #[allow(clippy::disallowed_methods, reason = "a waker is callable from any thread: that is the claim")]
    let other = std::thread::spawn(move || kept.wake());
    other.join().expect("waking does not panic");
    assert_eq!((task.wakes(), task.handles()), (1, 0));
    assert!(task.clones() >= 2);

    assert!(running.poll(&task));
    drop(running);
    assert_eq!(call.value::<u64>(), 7);
    assert!(call.record.borrow().given_up.is_empty(), "an operation that ended is not given up");
}

#[test]
fn tasks_K20_an_operation_that_is_done_before_it_is_awaited_costs_no_second_turn() {
    let ledger = ledger(0);
    let call = Call::new(11, encoded(0u64));
    call.record.borrow_mut().yield_due = true;
    let task = Task::new();
    let mut running = ledger.start(&call);
    assert!(!running.poll(&task));
    let (timer, _) = call.pending_op();
    drop(call.finish(timer, 0, &[]));
    assert!(!running.poll(&task), "the quantum is used: it lets others run");
    let (turn, kind) = call.pending_op();
    assert_eq!(kind, OpKind::Yield as u32);
    drop(call.finish(turn, 0, &[]));
    assert!(running.poll(&task));
    drop(running);
    assert_eq!(call.value::<u64>(), 1);
}

#[test]
fn tasks_K20_a_future_dropped_while_it_waits_gives_its_operation_up() {
    let ledger = ledger(0);
    let call = Call::new(11, encoded(3u64));
    let task = Task::new();
    let mut running = ledger.start(&call);
    assert!(!running.poll(&task));
    let (token, _) = call.pending_op();
    drop(running);
    assert_eq!(call.record.borrow().given_up, [token]);
    assert!(!call.is_answered(), "who drops a future answers its call");
    assert_eq!(task.handles(), 0);

    let unpolled = Call::new(11, encoded(3u64));
    drop(ledger.start(&unpolled));
    assert!(unpolled.record.borrow().given_up.is_empty(), "what never began is not given up");
}

#[test]
fn a_cancelled_wait_lets_the_method_clean_up_and_keeps_its_fault() {
    let ledger = ledger(0);
    let call = Call::new(4_000_000_000, Vec::new());
    let task = Task::new();
    let mut running = ledger.start(&call);
    assert!(!running.poll(&task));
    let (token, _) = call.pending_op();
    call.record.borrow_mut().cancelled = true;
    let told =
        Fault::new(Code::Cancelled, "the caller asked").with_retry(Retry::After(9)).with_details("why=test");
    drop(call.finish_with_fault(token, &told));
    assert!(running.poll(&task));
    drop(running);
    assert_eq!(call.fault(), told);
    let after = Call::new(10, encoded(0u64));
    ledger.run(&after);
    assert_eq!(after.value::<u64>(), 1000, "it cleaned up");
}

#[test]
fn a_nested_call_is_a_slot_and_its_arguments() {
    let ledger = ledger(0);
    let call = Call::new(18, encoded("greeter"));
    let task = Task::new();
    let mut running = ledger.start(&call);
    assert!(!running.poll(&task));
    let (resolve, kind) = call.pending_op();
    assert_eq!(kind, OpKind::Resolve as u32);
    assert_eq!(call.record.borrow().ops[&resolve].bytes, b"greeter");
    drop(call.finish(resolve, PoolId::new(1, 9).bits(), &[]));

    assert!(!running.poll(&task));
    let (nested, kind) = call.pending_op();
    assert_eq!(kind, OpKind::Call as u32);
    {
        let record = call.record.borrow();
        let (head, arguments) = record.ops[&nested].bytes.split_at(slot::BYTES);
        let words: Vec<u64> =
            head.chunks(8).map(|eight| u64::from_le_bytes(eight.try_into().expect("eight bytes"))).collect();
        let slot = slot::Slot::decode(&words.try_into().expect("eight words")).expect("it is a slot");
        assert_eq!((slot.pool, slot.method, slot.schema), (PoolId::new(1, 9), MethodId(10), 99));
        assert_eq!((slot.arguments.length, arguments), (3, &b"\x02me"[..]));
    }
    drop(call.finish(nested, 0, b"\x05hello"));
    assert!(running.poll(&task));
    drop(running);
    assert_eq!(call.value::<String>(), "hello");
}

#[test]
fn a_reply_that_is_of_another_type_is_bad_and_says_that_the_callee_ran() {
    let ledger = ledger(0);
    let call = Call::new(18, encoded("greeter"));
    let task = Task::new();
    let mut running = ledger.start(&call);
    for (value, bytes) in [(9, &b""[..]), (0, &b"\x05hel"[..])] {
        assert!(!running.poll(&task));
        let (token, _) = call.pending_op();
        drop(call.finish(token, value, bytes));
    }
    assert!(running.poll(&task));
    drop(running);
    let fault = call.fault();
    assert!(
        fault.is(Code::BadReply) && fault.outcome == Outcome::Ended && fault.message.contains("greet"),
        "{fault}"
    );
}

#[test]
fn tasks_K20_a_dropped_future_whose_parts_panic_takes_nobody_with_it() {
    let ledger = ledger(0);
    let call = Call::new(21, Vec::new());
    let task = Task::new();
    let mut running = ledger.start(&call);
    assert!(!running.poll(&task));
    drop(running);
    assert_eq!(call.record.borrow().given_up.len(), 1, "the wait was given up before the panic");
}
