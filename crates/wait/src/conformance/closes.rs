//! Claims about the ends of channels (Y4).

use super::{Bench, Log, gate, start};
use crate::{RecvError, SendError, channel};
use std::rc::Rc;

pub fn volume_Y4_the_last_sender_closes_after_the_last_value(bench: &dyn Bench) {
    let (sender, receiver) = channel(4).expect("a channel");
    let other = sender.clone();
    other.try_send(1).expect("room");
    sender.try_send(2).expect("room");
    drop(sender);
    let log = Log::new();
    for _ in 0..3 {
        let (receiver, log) = (receiver.clone(), log.clone());
        start(bench, async move { log.add(receiver.recv().await) });
    }
    assert_eq!(log.take(), [Ok(1), Ok(2)]);
    drop(other);
    bench.run();
    assert_eq!(log.take(), [Err(RecvError::Closed)], "who waits is woken");
    let (late, after) = (log.clone(), receiver.clone());
    start(bench, async move { late.add(after.recv().await) });
    assert_eq!(log.take(), [Err(RecvError::Closed)], "who comes later is told, too");

    // A value that is promised to one who waits is not past yet: the others are told when it has been taken.
    let (sender, receiver) = channel(0).expect("a channel");
    for _ in 0..2 {
        let (receiver, log, end) = (receiver.clone(), log.clone(), gate());
        start(bench, async move {
            log.add(receiver.recv().await);
            end.wait().await.expect("room to wait"); // it keeps its end of the channel
        });
    }
    sender.try_send(3).expect("somebody waits");
    drop(sender);
    bench.run();
    assert_eq!(log.take(), [Ok(3), Err(RecvError::Closed)]);
}

pub fn volume_Y4_the_last_receiver_gives_waiting_values_back(bench: &dyn Bench) {
    let value = Rc::new(());
    let (sender, receiver) = channel(1).expect("a channel");
    sender.try_send(value.clone()).expect("room");
    let log = Log::new();
    for name in 0..2 {
        let (sender, value, log) = (sender.clone(), value.clone(), log.clone());
        start(bench, async move {
            let refused = sender.send(value).await.expect_err("nobody receives");
            assert!(matches!(refused, SendError::Closed(_)));
            log.add((name, Rc::strong_count(&refused.into_inner())));
        });
    }
    assert_eq!((log.len(), Rc::strong_count(&value)), (0, 4));
    let last = receiver.clone();
    drop(receiver);
    bench.run();
    assert_eq!(log.len(), 0, "one receiver is left");
    drop(last);
    assert_eq!(Rc::strong_count(&value), 3, "what nobody will take is dropped");
    bench.run();
    let told: Vec<usize> = log.take().into_iter().map(|(name, _)| name).collect();
    assert_eq!((told.len(), Rc::strong_count(&value)), (2, 1), "each has its value back");
    start(bench, async move {
        let refused = sender.send(value).await.expect_err("nobody receives");
        log.add((9, Rc::strong_count(&refused.into_inner())));
    });
}
