//! Claims about sending and receiving (Y4).

use super::{Bench, Log, pause, start};
use crate::{TryRecvError, TrySendError, channel};

pub fn volume_Y4_without_capacity_sender_and_receiver_meet(bench: &dyn Bench) {
    let (sender, receiver) = channel(0).expect("a channel");
    assert_eq!(sender.try_send(9), Err(TrySendError::Full(9)), "nobody is there to take it");
    let log = Log::new();
    {
        let log = log.clone();
        start(bench, async move {
            for value in 0..3 {
                sender.send(value).await.expect("somebody receives");
                log.add(100 + value);
            }
            pause().await;
        });
    }
    assert_eq!((log.len(), receiver.len()), (0, 0), "a send waits for its receiver, and holds its value itself");
    assert_eq!(receiver.try_recv(), Ok(0), "a try meets a sender that waits");
    bench.run();
    assert_eq!(log.take(), [100]);
    let taker = log.clone();
    start(bench, async move {
        while let Ok(value) = receiver.recv().await {
            taker.add(value);
            pause().await;
        }
    });
    let mut met = log.take();
    met.sort_unstable();
    assert_eq!(met, [1, 2, 101, 102]);

    let (sender, receiver) = channel(0).expect("a channel");
    let taker = log.clone();
    start(bench, async move { taker.add(receiver.recv().await.expect("somebody sends")) });
    assert_eq!(log.len(), 0);
    assert_eq!(sender.try_send(7), Ok(()), "a try meets a receiver that waits");
    assert_eq!(sender.try_send(8), Err(TrySendError::Full(8)), "that one receives one value");
    bench.run();
    assert_eq!(log.take(), [7]);
}

pub fn volume_Y4_a_channel_holds_its_capacity_and_keeps_the_order(bench: &dyn Bench) {
    let (sender, receiver) = channel(3).expect("a channel");
    let log = Log::new();
    let sent = log.clone();
    start(bench, async move {
        for value in 0..10 {
            sender.send(value).await.expect("somebody receives");
            sent.add(value);
        }
    });
    assert_eq!((log.take(), receiver.len()), (vec![0, 1, 2], 3), "the sender is stopped by a full channel");
    for value in 0..10 {
        assert_eq!(receiver.try_recv(), Ok(value));
        bench.run();
        assert_eq!(log.take(), if value + 3 < 10 { vec![value + 3] } else { vec![] });
    }
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
}

pub fn volume_Y4_each_value_goes_to_one_receiver_in_the_order_of_waiting(bench: &dyn Bench) {
    let (sender, receiver) = channel(2).expect("a channel");
    let log = Log::new();
    for name in 0..3 {
        let (receiver, log) = (receiver.clone(), log.clone());
        start(bench, async move {
            let value: usize = receiver.recv().await.expect("somebody sends");
            log.add(10 * name + value);
        });
    }
    for value in 0..3 {
        assert_eq!(sender.try_send(value), Ok(()), "who waits needs no room");
        bench.run();
        assert_eq!(log.take(), [11 * value]);
    }

    let log = Log::new();
    for name in 0..4 {
        let (sender, receiver, log) = (sender.clone(), receiver.clone(), log.clone());
        bench.spawn(Box::pin(async move {
            for turn in 0..20 {
                sender.send(100 * name + turn).await.expect("somebody receives");
            }
        }));
        bench.spawn(Box::pin(async move {
            for _ in 0..20 {
                log.add(receiver.recv().await.expect("somebody sends"));
                pause().await;
            }
        }));
    }
    bench.run();
    let mut got = log.take();
    for name in 0..4 {
        let of_one: Vec<usize> = got.iter().copied().filter(|value| value / 100 == name).collect();
        assert!(of_one.len() == 20, "none is lost and none is doubled: {of_one:?}");
    }
    got.sort_unstable();
    got.dedup();
    assert_eq!(got.len(), 80);
}

pub fn volume_Y4_trying_tells_full_from_empty_from_closed(bench: &dyn Bench) {
    let (sender, receiver) = channel(1).expect("a channel");
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(sender.try_send(1), Ok(()));
    assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    let (waiting, log) = (sender.clone(), Log::new());
    let sent = log.clone();
    start(bench, async move {
        waiting.send(3).await.expect("somebody receives");
        sent.add(3);
    });
    assert_eq!((receiver.try_recv(), receiver.len()), (Ok(1), 1), "the room goes to the sender that waits");
    assert_eq!(sender.try_send(4), Err(TrySendError::Full(4)), "also before that has run");
    bench.run();
    assert_eq!(log.take(), [3]);
    drop(sender);
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(3), Err(TryRecvError::Closed)));
    let (sender, receiver) = channel(1).expect("a channel");
    drop(receiver);
    assert!(sender.is_closed());
    assert_eq!(sender.try_send(5), Err(TrySendError::Closed(5)));
}
