//! Claims about sleeping and waking, over real mappings, futexes and eventfds.
#![allow(clippy::disallowed_methods, reason = "tests start threads and read files of their own")]
#![allow(non_snake_case, reason = "requirement rows keep their letters")]

mod common;

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use windlass_memory::Doorbell;
use windlass_memory::cells::Slept;

/// Sleeps until the doorbell rings.
fn answer(bell: &Doorbell) {
    poll(&mut [PollFd::new(bell, PollFlags::IN)], None).expect("poll");
    assert!(bell.drain().expect("drain"));
}

#[test]
fn tasks_K58_both_sides_sleep_between_ten_thousand_calls_and_none_is_missed() {
    const CALLS: u64 = 10_000;
    let (node, client) = common::session(4);
    let bell = Doorbell::new().expect("eventfd");
    let rope = Doorbell::from_fd(bell.as_fd().try_clone_to_owned().expect("dup"));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let (mut slots, mut completions, park) = (node.slots(), node.completions(), node.park());
            let mut answered = 0;
            while answered < CALLS {
                while let Some(mut slot) = slots.take() {
                    slot[3] += 1;
                    completions.publish(slot).expect("as many completions as slots");
                    answered += 1;
                }
                slots.commit();
                park.announce(completions.published());
                if answered < CALLS && park.arm(|| slots.peek_ready()) {
                    answer(&bell);
                    park.disarm();
                }
            }
        });
        let (mut slots, mut completions, park) = (client.slots(), client.completions(), client.park());
        for call in 0..CALLS {
            slots.publish([call; 8]).expect("room");
            if park.rang_needed() {
                rope.ring().expect("ring");
            }
            let reply = loop {
                let seen = park.seen();
                if let Some(reply) = completions.take() {
                    break reply;
                }
                park.wait(seen, None, || completions.peek_ready());
            };
            completions.commit();
            assert_eq!((reply[0], reply[3]), (call, call + 1));
        }
    });
}

#[test]
fn a_client_that_is_parked_when_the_session_ends_wakes_and_sees_why() {
    for _ in 0..200 {
        let (node, client) = common::session(1);
        std::thread::scope(|threads| {
            threads.spawn(|| node.park().end(42));
            let park = client.park();
            loop {
                let seen = park.seen();
                if client.node_words.ended().load() != 0 {
                    break;
                }
                // Without a second look at `ended`: the changed tail alone has to prevent the sleep.
                park.wait(seen, None, || false);
            }
        });
        assert_eq!(client.node_words.ended().load(), 42);
    }
}

#[test]
fn a_wait_that_nobody_ends_times_out_and_leaves_the_client_unparked() {
    let (node, client) = common::session(1);
    let park = client.park();
    let seen = park.seen();
    let slept = loop {
        // A signal may end a sleep early; it does not end the wait.
        match park.wait(seen, Some(Duration::from_millis(1)), || false) {
            Slept::Woken => continue,
            other => break other,
        }
    };
    assert_eq!(slept, Slept::TimedOut);
    assert_eq!(node.client_words.parked().load(), 0);
    assert_eq!(park.wait(seen, None, || true), Slept::Changed);
    assert_eq!(park.wait(seen.wrapping_add(1), None, || false), Slept::Changed);
}

#[test]
fn nothing_wakes_and_nothing_rings_while_both_are_awake() {
    let (node, client) = common::session(1);
    let (node_park, client_park) = (node.park(), client.park());
    assert!(!node_park.announce(1));
    assert!(!client_park.rang_needed());
    assert!(!node_park.arm(|| true), "something was there: not armed");
    assert!(!client_park.rang_needed());
    assert!(node_park.arm(|| false));
    assert!(client_park.rang_needed());
    node_park.disarm();
    assert!(!client_park.rang_needed());
    client.client_words.parked().store(1);
    assert!(node_park.announce(2));
    assert_eq!(client_park.seen(), 2);
    client.client_words.parked().store(77);
    assert!(!node_park.announce(3), "a lie is not parked");
}
