//! Claims about many threads that wait on one consumer, over a real session.
#![allow(clippy::disallowed_methods, reason = "tests start threads and read files of their own")]
#![allow(non_snake_case, reason = "requirement rows keep their letters")]

mod common;

use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use windlass_memory::ring::{COMPLETION, Consumer};
use windlass_memory::{Reaper, Waited};

#[test]
fn tasks_K58_eight_threads_share_one_completion_ring_and_each_gets_its_replies() {
    const THREADS: usize = 8;
    const CALLS: u64 = 2000;
    let (node, client) = common::session(THREADS as u32);
    let replies: Vec<AtomicU64> = (0..THREADS).map(|_| AtomicU64::new(0)).collect();
    let slots = Mutex::new(client.slots());
    let reaper: Reaper<Consumer<COMPLETION>> = Reaper::new(client.completions(), THREADS as u32);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let (mut slots, mut completions, park) = (node.slots(), node.completions(), node.park());
            let mut answered = 0;
            while answered < CALLS * THREADS as u64 {
                while let Some(slot) = slots.take() {
                    slots.commit();
                    completions.publish(slot).expect("room for every call");
                    answered += 1;
                }
                park.announce(completions.published());
                std::thread::yield_now();
            }
        });
        for seat in 0..THREADS {
            let (slots, reaper, replies, client) = (&slots, &reaper, &replies, &client);
            threads.spawn(move || {
                let park = client.park();
                for call in 1..=CALLS {
                    slots.lock().expect("lock").publish([seat as u64, 0, 0, call, 0, 0, 0, 0]).expect("room");
                    let waited = reaper.wait_until(
                        seat as u32,
                        || replies[seat].load(Ordering::Acquire) == call,
                        || None,
                        |completions, left| {
                            let seen = park.seen();
                            let mut any = false;
                            while let Some(reply) = completions.take() {
                                any = true;
                                // First: who is done may call again, and its reply needs room.
                                completions.commit();
                                replies[reply[0] as usize].store(reply[3], Ordering::Release);
                                reaper.call_up(reply[0] as u32);
                            }
                            if !any {
                                park.wait(seen, left, || completions.peek_ready());
                            }
                        },
                    );
                    assert_eq!(waited, Waited::Done);
                }
            });
        }
    });
    assert!(replies.iter().all(|reply| reply.load(Ordering::Relaxed) == CALLS));
}

#[test]
fn a_thread_whose_time_is_up_leaves_and_another_reaps_on() {
    let done = AtomicBool::new(false);
    let reaper = Reaper::new((), 2);
    let reaped_by_patient = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let patient = reaper.wait_until(
                0,
                || done.load(Ordering::Acquire),
                || None,
                |(), _| {
                    reaped_by_patient.store(true, Ordering::Release);
                    std::thread::yield_now();
                },
            );
            assert_eq!(patient, Waited::Done);
        });
        let mut looks = 0;
        let hasty = reaper.wait_until(
            1,
            || false,
            || {
                looks += 1;
                Some(if looks < 4 { Duration::from_millis(1) } else { Duration::ZERO })
            },
            |(), _| std::thread::yield_now(),
        );
        assert_eq!(hasty, Waited::TimedOut);
        while !reaped_by_patient.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        done.store(true, Ordering::Release);
        reaper.call_up(0);
    });
}

#[test]
fn a_panic_while_reaping_gives_the_turn_to_another() {
    let reaper = Reaper::new(7, 1);
    let panicked = std::panic::catch_unwind(AssertUnwindSafe(|| {
        reaper.wait_until(0, || false, || None, |_, _| panic!("the reaper's own trouble"))
    }));
    assert!(panicked.is_err());
    assert_eq!(reaper.try_reap(|inside| *inside), Some(7));
}

#[test]
fn who_polls_reaps_unless_somebody_else_does() {
    // The story: a failed attempt once made the turn it did not win, and freed the holder's by dropping it, so that
    // the second attempt succeeded and two threads took completions at once. Hence twice.
    let reaper = Reaper::new(0, 0);
    let twice = || (reaper.try_reap(|_| ()), reaper.try_reap(|_| ()));
    assert_eq!(reaper.try_reap(|_| twice()), Some((None, None)));
    assert_eq!(reaper.try_reap(|inside| *inside), Some(0));
}
