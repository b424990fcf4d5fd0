//! What is refused, by which error, and that a refusal changes nothing.
#![allow(non_snake_case, reason = "tests are named after their requirement rows")]

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use windlass_wait::limits::{BUFFER_BYTES_MAX, BUFFERS_MAX, CAPACITY_MAX, WAITERS_MAX};
use windlass_wait::{
    Barrier, BarrierError, ChannelError, Marks, MarksError, Pool, PoolError, QLock, RecvError, Rendez, SendError,
    WaitError, channel,
};

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn volume_Y4_a_capacity_beyond_the_limit_or_the_memory_is_refused() {
    let refused = |capacity| channel::<u8>(capacity).map(|_| ()).expect_err("too large");
    assert_eq!(refused(1 << 40), ChannelError::TooLarge { asked: 1 << 40 });
    assert_eq!(refused(usize::MAX), ChannelError::TooLarge { asked: usize::MAX });
    assert_eq!(refused(CAPACITY_MAX + 1), ChannelError::TooLarge { asked: CAPACITY_MAX + 1 });
    let huge = channel::<[u8; 1 << 36]>(CAPACITY_MAX).map(|_| ());
    assert_eq!(huge, Err(ChannelError::NoMemory { asked: CAPACITY_MAX }));
    assert!(channel::<u8>(CAPACITY_MAX).is_ok());
}

#[test]
fn volume_Y5_a_barrier_for_nobody_or_for_too_many_is_refused() {
    assert_eq!(Barrier::new(0).err(), Some(BarrierError::Nobody));
    let asked = WAITERS_MAX + 1;
    assert_eq!(Barrier::new(asked).err(), Some(BarrierError::TooMany { asked }));
    assert!(Barrier::new(WAITERS_MAX).is_ok());
}

#[test]
fn volume_B1_a_pool_beyond_its_limits_or_the_memory_is_refused() {
    let marks = |high| Marks { low: 0, high, reserve: 0 };
    let high = BUFFERS_MAX + 1;
    let refused = Pool::bytes(marks(high), 1).expect_err("too many");
    assert!(
        matches!(refused, PoolError::Marks(MarksError::TooMany { high: asked }) if asked == high),
        "{refused:?}"
    );
    let asked = BUFFER_BYTES_MAX + 1;
    let refused = Pool::bytes(marks(1), asked).expect_err("too long");
    assert!(matches!(refused, PoolError::TooLong { asked: told } if told == asked), "{refused:?}");
    let refused =
        Pool::<[u8; 1 << 40]>::new(marks(BUFFERS_MAX), || unreachable!("nothing is made")).expect_err("no memory");
    assert!(matches!(refused, PoolError::NoMemory { high: BUFFERS_MAX }), "{refused:?}");
}

#[test]
fn volume_Y1_one_sleeper_too_many_is_refused_and_the_others_sleep_on() {
    let rendez = Rendez::new();
    let mut asleep: Vec<_> = (0..WAITERS_MAX).map(|_| rendez.sleep()).collect();
    assert!(asleep.iter_mut().all(|sleep| poll(sleep).is_pending()));
    assert_eq!(poll(&mut rendez.sleep()), Poll::Ready(Err(WaitError::Crowded)));
    assert_eq!(rendez.sleepers(), WAITERS_MAX);
    asleep.pop();
    let mut late = rendez.sleep();
    assert!(poll(&mut late).is_pending(), "there is room again");
    assert_eq!(rendez.wake_all(), WAITERS_MAX);
    assert!(asleep.iter_mut().all(|sleep| poll(sleep) == Poll::Ready(Ok(()))));
}

#[test]
fn volume_Y2_one_who_waits_too_many_is_refused_and_the_lock_goes_on() {
    let lock = QLock::new(0);
    let held = lock.try_lock().expect("it is free");
    let mut waiting: Vec<_> = (0..WAITERS_MAX).map(|_| lock.lock()).collect();
    assert!(waiting.iter_mut().all(|wait| poll(wait).is_pending()));
    let mut late = lock.lock();
    assert!(matches!(poll(&mut late), Poll::Ready(Err(WaitError::Crowded))));
    drop(held);
    assert!(matches!(poll(&mut waiting[0]), Poll::Ready(Ok(guard)) if *guard == 0));
    drop(waiting);
    assert!(lock.try_lock().is_some());
}

#[test]
fn volume_Y4_one_sender_or_receiver_too_many_is_refused_with_its_value() {
    let (sender, receiver) = channel(0).expect("a channel");
    let mut sends: Vec<_> = (0..WAITERS_MAX).map(|value| sender.send(value)).collect();
    assert!(sends.iter_mut().all(|send| poll(send).is_pending()));
    assert_eq!(poll(&mut sender.send(7)), Poll::Ready(Err(SendError::Refused(7, WaitError::Crowded))));
    assert_eq!(receiver.try_recv(), Ok(0));
    drop(sends);

    let mut receives: Vec<_> = (0..WAITERS_MAX).map(|_| receiver.recv()).collect();
    assert!(receives.iter_mut().all(|receive| poll(receive).is_pending()));
    assert_eq!(poll(&mut receiver.recv()), Poll::Ready(Err(RecvError::Refused(WaitError::Crowded))));
    assert_eq!(sender.try_send(9), Ok(()));
    assert_eq!(poll(&mut receives[0]), Poll::Ready(Ok(9)));
}

#[test]
fn refusals_say_what_would_do() {
    assert_eq!(WaitError::Crowded.to_string(), "1048576 tasks wait here already");
    assert_eq!(
        ChannelError::TooLarge { asked: 1 << 40 }.to_string(),
        "a channel holds 1048576 values at most, not 1099511627776"
    );
    let marks = MarksError::Reserve { reserve: 2, low: 1, high: 3 };
    assert_eq!(
        marks.to_string(),
        "a reserve of 2 does not fit: it is at most the low mark 1 and below the high mark 3"
    );
    let sent = SendError::Refused((), WaitError::NoMemory);
    assert_eq!(sent.to_string(), "no memory to note one more waiter");
}
