//! Properties of rings, over real mappings of both sides, against a `VecDeque`.
#![allow(clippy::disallowed_methods, reason = "tests start threads and read files of their own")]
#![allow(non_snake_case, reason = "requirement rows keep their letters")]

mod common;

use std::collections::VecDeque;
use std::sync::Arc;

use proptest::prelude::*;
use windlass_memory::ring::{
    BackwardsHead, COMPLETION, Consumer, Entry, Producer, PublishError, Ring, RingError, SUBMIT,
};
use windlass_memory::{Role, Segment};

#[derive(Clone, Copy, Debug)]
enum Step {
    Publish(Entry),
    Take,
    Commit,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => any::<Entry>().prop_map(Step::Publish),
        4 => Just(Step::Take),
        2 => Just(Step::Commit),
    ];
    prop::collection::vec(step, 1..300)
}

/// Runs the steps on a ring and on a queue, and compares after each.
fn equals_a_queue<const W: usize>(
    mut producer: Producer<W>,
    mut consumer: Consumer<W>,
    depth: u32,
    phase: u64,
    steps: &[Step],
) -> Result<(), TestCaseError> {
    let mut queue: VecDeque<Entry> = VecDeque::new();
    let mut uncommitted = 0;
    for step in steps {
        match *step {
            Step::Publish(entry) => {
                let full = queue.len() as u32 + uncommitted == depth;
                let expected = if full { Err(PublishError::Full) } else { Ok(()) };
                prop_assert_eq!(producer.publish(entry), expected);
                if !full {
                    let mut entry = entry;
                    entry[W] &= !phase;
                    queue.push_back(entry);
                }
            }
            Step::Take => {
                let expected = queue.pop_front();
                prop_assert_eq!(consumer.peek_ready(), expected.is_some());
                prop_assert_eq!(consumer.take(), expected);
                uncommitted += u32::from(expected.is_some());
            }
            Step::Commit => {
                consumer.commit();
                uncommitted = 0;
            }
        }
        prop_assert_eq!(producer.unconsumed(), Ok(queue.len() as u32 + uncommitted));
        prop_assert_eq!(producer.published().wrapping_sub(consumer.taken()), queue.len() as u32);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn tasks_K58_any_interleaving_of_a_submit_ring_equals_a_queue(calls in 0..4_u32, steps in steps()) {
        let (node, client) = common::session(1 << calls);
        equals_a_queue::<SUBMIT>(client.slots(), node.slots(), 2 << calls, 1 << 63, &steps)?;
    }

    #[test]
    fn tasks_K58_any_interleaving_of_a_completion_ring_equals_a_queue(calls in 0..4_u32, steps in steps()) {
        let (node, client) = common::session(1 << calls);
        equals_a_queue::<COMPLETION>(node.completions(), client.completions(), 2 << calls, 1 << 31, &steps)?;
    }

    #[test]
    fn rpc_R4_a_head_that_cannot_be_is_an_error_and_one_that_can_is_believed(
        published in 0..9_u32, honest in 0..9_u32, said in prop_oneof![0..20_u32, any::<u32>()],
    ) {
        let (node, client) = common::session(4);
        let mut completions = node.completions();
        for _ in 0..published.min(8) {
            completions.publish([0; 8]).expect("room for eight");
        }
        let (published, honest) = (published.min(8), honest.min(published.min(8)));
        client.client_words.completion_head().store(honest);
        prop_assert_eq!(completions.unconsumed(), Ok(published - honest));
        client.client_words.completion_head().store(said);
        let expected = if (honest..=published).contains(&said) {
            Ok(published - said)
        } else {
            Err(BackwardsHead { head: said, taken: honest, published })
        };
        prop_assert_eq!(completions.unconsumed(), expected);
    }

    #[test]
    fn rpc_R4_garbage_in_a_ring_is_taken_as_garbage_and_ends(
        garbage in prop::collection::vec(any::<u8>(), 8 * 64), at in 0..512_usize,
    ) {
        let (node, client) = common::session(4);
        let segment = client.client_words.segment();
        let ring = segment.span(client.layout.ring_at() as u64, 512).expect("inside");
        segment.copy_in(ring, &garbage);
        let mut slots = node.slots();
        let mut taken = 0;
        while let Some(entry) = slots.take() {
            prop_assert_eq!(entry[SUBMIT] >> 63, 0, "the phase bit is cleared");
            taken += 1;
            prop_assert!(taken < 16, "a phase bit stands for one lap only");
            slots.commit();
        }
        // The client's own producer goes on over its own garbage as if nothing had been there.
        let span = segment.span(client.layout.ring_at() as u64 + at as u64, 1).expect("inside");
        segment.copy_in(span, &[garbage[at] ^ 0x80]);
        while slots.take().is_some() && taken < 100 {
            taken += 1;
        }
        prop_assert!(taken < 100);
    }
}

#[test]
fn rpc_R4_publishing_against_a_lying_head_is_refused_and_writes_nothing() {
    let (node, client) = common::session(1);
    let mut completions = node.completions();
    completions.publish([1; 8]).expect("room");
    completions.publish([2; 8]).expect("room");
    assert_eq!(completions.publish([3; 8]), Err(PublishError::Full));
    client.client_words.completion_head().store(3);
    let lie = BackwardsHead { head: 3, taken: 0, published: 2 };
    assert_eq!(completions.publish([3; 8]), Err(PublishError::BackwardsHead(lie)));
    let mut seen = client.completions();
    assert_eq!(seen.take().map(|entry| entry[0]), Some(1));
    assert_eq!(seen.take().map(|entry| entry[0]), Some(2));
    assert_eq!(seen.take(), None);
}

#[test]
fn tasks_K58_a_ring_that_does_not_fit_is_refused() {
    let (segment, _fd) = Segment::create("test", 8192, Role::Client).expect("create");
    let segment = Arc::new(segment);
    let ring = |at, depth| Ring::new(Arc::clone(&segment), at, depth).map(|_| ());
    assert_eq!(ring(0, 128), Ok(()));
    for depth in [0, 3, 96, 1 << 17, 1 << 31, u32::MAX] {
        assert_eq!(ring(0, depth), Err(RingError::Depth { depth }));
    }
    for (at, depth) in [(64, 128), (8, 1), (8192, 1), (usize::MAX - 63, 1)] {
        assert_eq!(ring(at, depth), Err(RingError::Place { at, depth, bytes: 8192 }));
    }
}

#[test]
#[should_panic(expected = "a producer needs a writable mapping")]
fn rpc_R3_the_client_has_no_producer_on_the_nodes_ring() {
    let (_node, client) = common::session(1);
    let ring = client.layout.ring(Arc::clone(client.node_words.segment())).expect("ring");
    let _ = ring.producer::<COMPLETION>(client.node_words.peer_submit_head());
}

#[test]
fn tasks_K58_two_threads_pass_a_hundred_thousand_entries_in_order() {
    let (node, client) = common::session(8);
    let (mut producer, mut consumer) = (client.slots(), node.slots());
    const ENTRIES: u64 = 100_000;
    std::thread::scope(|threads| {
        threads.spawn(move || {
            for number in 0..ENTRIES {
                while let Err(refused) = producer.publish([number; 8]) {
                    assert_eq!(refused, PublishError::Full);
                    std::thread::yield_now();
                }
            }
        });
        let mut next = 0;
        while next < ENTRIES {
            match consumer.take() {
                Some(entry) => {
                    assert_eq!(entry, [next & !(1 << 63); 8]);
                    next += 1;
                    if next % 5 == 0 {
                        consumer.commit();
                    }
                }
                None => {
                    consumer.commit();
                    std::thread::yield_now();
                }
            }
        }
    });
}
