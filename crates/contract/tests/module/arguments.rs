//! Arguments, buffers and replies: what a method is given, what it refuses, and what comes back.

use super::host::{Answer, Call};
use super::{encoded, ledger};
use windlass_contract::head::BufferKind::{Bytes, Shared};
use windlass_contract::head::Direction::{In, InOut, Out};
use windlass_contract::{Code, Outcome};

#[test]
fn tasks_K11_K14_bytes_are_read_as_a_slice_and_an_out_buffer_answers_what_was_used() {
    let ledger = ledger(0);
    let call = Call::new(14, Vec::new()).with_buffer(In, Bytes, b"seven b").with_buffer(Out, Bytes, &[0xEE; 10]);
    ledger.run(&call);
    assert_eq!(call.value::<u32>(), 7);
    assert_eq!((call.buffer(1), call.used(1)), (b"seven b\xEE\xEE\xEE".to_vec(), 7));
    assert_eq!((call.buffer(0), call.used(0)), (b"seven b".to_vec(), 0), "an `In` is neither written nor used");

    let small = Call::new(14, Vec::new()).with_buffer(In, Bytes, b"seven b").with_buffer(Out, Bytes, &[0xEE; 6]);
    ledger.run(&small);
    assert_eq!(small.fault().code, 1002, "room that is too small is the method's to judge");
    assert_eq!((small.buffer(1), small.used(1)), (vec![0xEE; 6], 0), "nothing is used until it is said");

    let empty = Call::new(14, Vec::new()).with_buffer(In, Bytes, b"").with_buffer(Out, Bytes, b"");
    ledger.run(&empty);
    assert_eq!((empty.value::<u32>(), empty.used(1)), (0, 0));
}

#[test]
fn tasks_K14_shared_bytes_are_written_in_place_and_used_lengths_come_back() {
    let ledger = ledger(0);
    let call = Call::new(15, Vec::new())
        .with_buffer(InOut, Bytes, b"abc")
        .with_buffer(InOut, Shared, b"shared")
        .with_buffer(In, Shared, b"read")
        .with_buffer(Out, Shared, b"....");
    ledger.run(&call);
    assert_eq!(call.value::<usize>(), 1, "reading past the end reads what is there");
    assert_eq!((call.buffer(0), call.used(0)), (b"ABC".to_vec(), 2), "`set_len` says less than all");
    assert_eq!((call.buffer(1), call.used(1)), (b"s-----".to_vec(), 6), "an `InOut` is wholly used unless told");
    assert_eq!((call.buffer(2), call.used(2)), (b"read".to_vec(), 0));
    assert_eq!((call.buffer(3), call.used(3)), (b"shar".to_vec(), 4), "what does not fit is cut");
}

#[test]
fn tasks_K11_a_buffer_of_another_direction_or_kind_is_refused_before_the_method_runs() {
    let ledger = ledger(0);
    for (first, second, says) in [
        ((Out, Bytes), (Out, Bytes), "buffer `from` must be in of bytes"),
        ((InOut, Bytes), (Out, Bytes), "buffer `from` must be in of bytes"),
        ((In, Shared), (Out, Bytes), "buffer `from` must be in of bytes"),
        ((In, Bytes), (In, Bytes), "buffer `room` must be out of bytes"),
        ((In, Bytes), (Out, Shared), "buffer `room` must be out of bytes"),
    ] {
        let call = Call::new(14, Vec::new())
            .with_buffer(first.0, first.1, b"data")
            .with_buffer(second.0, second.1, b"room");
        ledger.run(&call);
        let fault = call.fault();
        assert_eq!((fault.code, fault.outcome), (Code::BadBuffer as u16, Outcome::NotStarted));
        assert_eq!(fault.message, says);
        assert_eq!((call.buffer(0), call.buffer(1)), (b"data".to_vec(), b"room".to_vec()), "nothing was touched");
    }
}

#[test]
fn tasks_K11_too_few_and_too_many_buffers_are_refused() {
    let ledger = ledger(0);
    let few = Call::new(14, Vec::new()).with_buffer(In, Bytes, b"data");
    ledger.run(&few);
    assert_eq!(few.fault().message, "buffer `room` must be out of bytes");
    let many = Call::new(14, Vec::new())
        .with_buffer(In, Bytes, b"data")
        .with_buffer(Out, Bytes, b"room")
        .with_buffer(In, Bytes, b"more");
    ledger.run(&many);
    let fault = many.fault();
    assert!(fault.is(Code::BadBuffer) && fault.message == "3 buffers came, the method takes 2", "{fault}");
    let none = Call::new(10, encoded(1u64)).with_buffer(In, Bytes, b"data");
    ledger.run(&none);
    assert!(none.fault().is(Code::BadBuffer), "a method without buffers takes none");
}

#[test]
fn arguments_decode_wholly_or_not_at_all() {
    let ledger = ledger(0);
    for (arguments, says) in [
        (vec![], "argument `by` does not decode from the 0 bytes left"),
        (vec![0x80], "argument `by` does not decode from the 1 bytes left"),
        (vec![0xFF; 11], "argument `by` does not decode from the 11 bytes left"),
        (vec![1, 2, 3], "2 bytes follow the last argument"),
    ] {
        let call = Call::new(10, arguments);
        ledger.run(&call);
        let fault = call.fault();
        assert_eq!((fault.code, fault.outcome), (Code::BadArguments as u16, Outcome::NotStarted));
        assert_eq!(fault.message, says);
    }
}

#[test]
fn a_reply_past_its_limit_is_too_large_and_says_where_bulk_data_goes() {
    let ledger = ledger(0);
    // The length takes three bytes of the reply: 65 536 in all is the most.
    let fits = Call::new(16, encoded(65_533u64));
    ledger.run(&fits);
    assert_eq!(fits.value::<String>().len(), 65_533);
    let over = Call::new(16, encoded(65_534u64));
    ledger.run(&over);
    let fault = over.fault();
    assert!(fault.is(Code::TooLarge) && fault.outcome == Outcome::Ended, "it ran: {fault:?}");
    assert!(fault.message.contains("65537 bytes") && fault.message.contains("`Out` buffer"), "{fault}");
}

#[test]
fn a_blocking_method_runs_to_its_end_on_the_thread_it_is_given() {
    let ledger = ledger(0);
    let call = Call::new(17, Vec::new()).with_buffer(In, Bytes, &[1, 2, 250]);
    ledger.block(&call);
    assert_eq!(call.value::<u64>(), 253);
    let panics = Call::new(17, Vec::new()).with_buffer(In, Bytes, &[0xBB]);
    ledger.block(&panics);
    assert!(panics.fault().is(Code::Panicked));
    let unknown = Call::new(10, encoded(1u64));
    ledger.block(&unknown);
    assert!(unknown.fault().is(Code::UnknownMethod), "a method that does not block is not run there");
}

#[test]
fn the_hash_of_a_key_follows_from_the_key_alone() {
    let ledger = ledger(0);
    let one = ledger.key(10, &encoded(1u64)).expect("it decodes");
    assert_eq!(ledger.key(10, &encoded(1u64)), Some(one));
    assert_eq!(ledger.key(11, &encoded(1u64)), Some(one), "methods of one container share their keys");
    assert_ne!(ledger.key(10, &encoded(2u64)), Some(one));
    assert_eq!(ledger.key(10, &[]), None, "arguments that do not decode have no key");
    assert_eq!(ledger.key(10, &encoded(13u64)), None, "nor have those over which the module panics");
}

#[test]
fn tasks_K13_two_containers_over_one_buffer_leave_it_to_the_host() {
    let call = Call::new(17, Vec::new()).with_buffer(In, Bytes, &[1, 2, 250]);
    for _ in 0..2 {
        let container = ledger(0);
        container.block(&call);
        drop(container);
    }
    let sum = || Answer::Value(vec![0xFD, 0x01]);
    assert_eq!(call.record.borrow().answers, [sum(), sum()], "each read the same bytes");
    assert_eq!(call.buffer(0), [1, 2, 250], "and neither freed them");
}
