//! What a caller may say that no client of ours says.

use crate::pipes::{Dry, dry};
use crate::{Set, on_every_way};
use windlass::prelude::*;
use windlass_client::Outgoing;
use windlass_contract::streams::{Batch, Writer, give, open, take};

fn giving(set: &Set, number: u64, turn: u64, last: bool, bytes: &[u8]) -> Outgoing {
    let batch = windlass_contract::serve::encoded(&Batch { turn, last, bytes });
    set.pipes.pool().call(give()).argument(&number).argument_bytes(&batch)
}

fn taking(set: &Set, number: u64, turn: u64) -> Outgoing {
    set.pipes.pool().call(take()).argument(&number).argument(&turn)
}

#[test]
fn rpc_R4_batches_out_of_turn_and_bytes_that_are_none_are_refused_in_words() {
    on_every_way(|set| {
        let refused = |call: Outgoing| {
            let fault = call.wait().unwrap_err();
            assert!(fault.is(Code::BadArguments), "{fault}");
        };
        refused(taking(set, 1, 1));
        refused(giving(set, 1, 1, false, b""));
        refused(set.pipes.pool().call(give()).argument(&1u64).argument_bytes(b"\xff"));
        refused(set.pipes.pool().call(take()).encoded(b""));
        let fault = set.pipes.pool().call(take()).argument(&1u64).argument(&0u64).argument(&7u8).wait();
        assert!(fault.unwrap_err().is(Code::BadArguments));
        // The call itself hears of values that are none.
        let call = set.pipes.pool().call(crate::stubs::methods::total()).argument(&9u64).argument(&1u64).send();
        assert!(
            !giving(set, 9, 0, true, &[3, 0, 0, 0, 0xff, 0xff, 0xff]).wait().unwrap().value::<bool>().unwrap()
        );
        let fault = call.wait().unwrap_err();
        assert!(fault.is(Code::BadArguments) && fault.message.contains("stream"), "{fault}");
        // Cut inside a value.
        let call = set.pipes.pool().call(crate::stubs::methods::total()).argument(&10u64).argument(&1u64).send();
        giving(set, 10, 0, true, &[3, 0, 0, 0, 0xff]).wait().unwrap();
        let fault = call.wait().unwrap_err();
        assert!(fault.is(Code::BadArguments) && fault.message.contains("inside"), "{fault}");
        assert_eq!(set.pipes.pool().call(open()).wait().unwrap().value::<u32>().unwrap(), 0);
        assert_eq!(set.pipes.count(0, 100).unwrap().count(), 100);
    });
}

#[test]
fn rpc_R4_what_is_sent_behind_the_last_batch_is_not_taken() {
    on_every_way(|set| {
        let mut writer = Writer::default();
        writer.put(&5u64).unwrap();
        let bytes = writer.take();
        let call =
            set.pipes.pool().call(crate::stubs::methods::blind()).argument(&3u64).argument(&60_000u64).send();
        assert!(!giving(set, 3, 0, true, &bytes).wait().unwrap().value::<bool>().unwrap());
        let answer = giving(set, 3, 1, false, &bytes).wait();
        assert!(answer.is_err() || !answer.unwrap().value::<bool>().unwrap(), "nothing comes behind the last");
        call.cancel();
        assert!(call.wait().is_err());
    });
}

/// A batch that waited had its turn when it came. Those before it may be given up while it waits, and it was then taken in place of the one
/// that is missing: the method read a stream with a hole, and nobody was told.
#[test]
fn rpc_R4_a_batch_whose_predecessor_was_given_up_is_not_taken_in_its_place() {
    let values = |of: &[u64]| {
        let mut writer = Writer::default();
        of.iter().for_each(|value| writer.put(value).unwrap());
        writer.take()
    };
    on_every_way(|set| {
        let (first, second) = (values(&[1, 2]), values(&[30]));
        // Nobody reads yet, so both wait.
        let lost = giving(set, 4, 0, false, &first).send();
        let behind = giving(set, 4, 1, true, &second).send();
        // What came later has been answered, so they have begun.
        set.pipes.sent().unwrap();
        lost.cancel();
        assert!(lost.wait().unwrap_err().is(Code::Cancelled));
        let call = set.pipes.pool().call(crate::stubs::methods::total()).argument(&4u64).argument(&1u64).send();
        let fault = behind.wait().unwrap_err();
        assert!(fault.is(Code::BadArguments) && fault.message.contains("where 0 is next"), "{fault}");
        // Both once more, in their turn: the stream is whole.
        assert!(giving(set, 4, 0, false, &first).wait().unwrap().value::<bool>().unwrap());
        giving(set, 4, 1, true, &second).wait().unwrap();
        assert_eq!(call.wait().unwrap().value::<(u64, u64)>().unwrap(), (33, 3));
        // What waits behind the last batch is not taken either.
        let whole = giving(set, 5, 0, true, &first).send();
        let more = giving(set, 5, 1, false, &second).send();
        let call = set.pipes.pool().call(crate::stubs::methods::total()).argument(&5u64).argument(&1u64).send();
        assert!(!whole.wait().unwrap().value::<bool>().unwrap());
        let answer = more.wait();
        assert!(answer.is_err() || !answer.unwrap().value::<bool>().unwrap(), "nothing comes behind the last");
        assert_eq!(call.wait().unwrap().value::<(u64, u64)>().unwrap(), (3, 2));
    });
}

#[test]
fn rpc_R4_a_number_is_known_in_its_own_session_alone() {
    on_every_way(|set| {
        let mut values = set.pipes.slowly().unwrap();
        values.next().unwrap().unwrap();
        let other = Set {
            client: set.stage.client(),
            pipes: crate::stubs::Blocking::connect(&set.stage.address(), "pipes").unwrap(),
            stage: crate::Stage::of(&[]),
        };
        // Whatever number another session asks for, it waits for a call of its own; nothing of ours comes.
        let mut asked: Vec<_> = (0..40).map(|number| taking(&other, number, 0).send()).collect();
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(asked.iter_mut().all(|one| !one.wait_within(std::time::Duration::from_millis(1))));
        drop(asked);
        // Two calls of one number in one session: the second is refused.
        let first = set.pipes.pool().call(crate::stubs::methods::slowly()).argument(&77u64).send();
        taking(set, 77, 0).wait().unwrap();
        let fault = set.pipes.pool().call(crate::stubs::methods::slowly()).argument(&77u64).wait().unwrap_err();
        assert!(fault.is(Code::BadArguments), "{fault}");
        drop(first);
    });
}

#[test]
fn rpc_R4_a_pool_without_streams_has_none_of_their_methods() {
    let stage = crate::Stage::of(&[Dry::TABLE]);
    dry::Blocking::create(&stage.client(), "dry").unwrap();
    let pool = stage.client().pool("dry").unwrap();
    let fault = pool.call(take()).argument(&1u64).argument(&0u64).wait().unwrap_err();
    assert!(fault.is(Code::UnknownMethod), "{fault}");
}
