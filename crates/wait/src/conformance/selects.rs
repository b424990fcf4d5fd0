//! Claims about choosing among operations (Y4).

use super::{Bench, Log, pause, start};
use crate::limits::OPERATIONS_MAX;
use crate::{Operation, Receiving, RecvError, Select, SelectError, TryRecvError, channel};

pub fn volume_Y4_a_select_does_one_operation_and_leaves_the_others_as_they_were(bench: &dyn Bench) {
    let (to_a, from_a) = channel(1).expect("a channel");
    let (to_b, from_b) = channel(1).expect("a channel");
    let (to_c, from_c) = channel::<String>(1).expect("a channel");
    to_b.try_send(20).expect("room");
    start(bench, async move {
        let mut select = Select::new();
        let mut one = from_a.recv();
        let mut other = from_b.recv();
        let mut send = to_c.send("hello".to_owned());
        match select.first(&mut [&mut one, &mut other, &mut send]).await.expect("one can be done") {
            1 => assert_eq!(other.await, Ok(20)),
            wrong => panic!("operation {wrong} cannot have been chosen"),
        }
        assert_eq!(from_c.try_recv(), Err(TryRecvError::Empty), "the send was not done");
        send.await.expect("it still has its value");
        assert_eq!(from_c.try_recv().as_deref(), Ok("hello"));
        to_a.try_send(10).expect("the receive was not done");
        assert_eq!(one.await, Ok(10));

        assert_eq!(select.first(&mut []).await, Err(SelectError::Nothing));
        let mut many: Vec<Receiving<'_, i32>> = (0..=OPERATIONS_MAX).map(|_| from_a.recv()).collect();
        let mut many: Vec<&mut dyn Operation> = many.iter_mut().map(|one| one as &mut dyn Operation).collect();
        let asked = OPERATIONS_MAX + 1;
        assert_eq!(select.try_first(&mut many), Err(SelectError::TooMany { asked }));
        let mut over = to_b.send(1);
        (&mut over).await.expect("there is room");
        assert_eq!(select.try_first(&mut [&mut over]), Err(SelectError::Ended));
    });
}

pub fn volume_Y4_a_select_takes_turns_among_those_that_can_be_done(bench: &dyn Bench) {
    let log = Log::new();
    let chosen = log.clone();
    start(bench, async move {
        let ends: Vec<_> = (0..3).map(|_| channel(4).expect("a channel")).collect();
        let mut select = Select::new();
        for (sender, _) in [&ends[0], &ends[2]] {
            (0..3).for_each(|value| sender.try_send(value).expect("room"));
        }
        for turn in 0..6 {
            let [mut a, mut b, mut c] = [0, 1, 2].map(|index: usize| ends[index].1.recv());
            let which = select.first(&mut [&mut a, &mut b, &mut c]).await.expect("one can be done");
            let value = [a, b, c].into_iter().nth(which).expect("one of three").await.expect("a value");
            assert_eq!(value, turn / 2);
            chosen.add(which);
        }
        let [mut a, mut b] = [0, 1].map(|index: usize| ends[index].1.recv());
        assert_eq!(select.try_first(&mut [&mut a, &mut b]), Ok(None));
    });
    assert_eq!(log.take(), [0, 2, 0, 2, 0, 2], "a full channel does not keep another one waiting");
}

pub fn volume_Y4_a_select_that_waits_is_served_once(bench: &dyn Bench) {
    let (to_a, from_a) = channel(0).expect("a channel");
    let (to_b, from_b) = channel(0).expect("a channel");
    let log = Log::new();
    for _ in 0..2 {
        let (from_a, from_b, log) = (from_a.clone(), from_b.clone(), log.clone());
        start(bench, async move {
            let mut select = Select::new();
            let (mut one, mut other) = (from_a.recv(), from_b.recv());
            let which = select.first(&mut [&mut one, &mut other]).await.expect("room to wait");
            log.add(if which == 0 { one.await } else { other.await });
        });
    }
    assert_eq!(to_b.try_send(1), Ok(()), "the first of them is there for it");
    assert_eq!(to_a.try_send(2), Ok(()), "and this one is for the second: the first is served");
    assert!(to_a.try_send(3).is_err() && to_b.try_send(4).is_err(), "both are served");
    bench.run();
    let mut got = log.take();
    got.sort_by_key(|value| value.unwrap_or(0));
    assert_eq!(got, [Ok(1), Ok(2)]);
}

pub fn volume_Y4_a_select_hears_of_a_closed_end(bench: &dyn Bench) {
    let (to_a, from_a) = channel::<usize>(0).expect("a channel");
    let (to_b, from_b) = channel::<usize>(0).expect("a channel");
    let log = Log::new();
    let told = log.clone();
    start(bench, async move {
        let mut select = Select::new();
        let (mut receive, mut send) = (from_a.recv(), to_b.send(5));
        assert_eq!(select.first(&mut [&mut receive, &mut send]).await, Ok(0));
        assert_eq!(receive.await, Err(RecvError::Closed));
        told.add(0);
        assert_eq!(select.first(&mut [&mut send]).await, Ok(0));
        told.add(send.await.expect_err("nobody receives").into_inner());
        let mut again = from_a.recv();
        assert_eq!(select.first(&mut [&mut again]).await, Ok(0), "what is closed can be done at once");
        told.add(1);
    });
    drop(to_a);
    bench.run();
    assert_eq!(log.take(), [0]);
    drop(from_b);
    bench.run();
    assert_eq!(log.take(), [5, 1], "the value came back");
}

pub fn volume_Y4_selects_on_both_ends_of_channels_meet(bench: &dyn Bench) {
    const EACH: usize = 20;
    let ends: Vec<_> = [0, 0, 1].map(|capacity| channel(capacity).expect("a channel")).into();
    let log = Log::new();
    for name in 0..3 {
        let senders: Vec<_> = ends.iter().map(|(sender, _)| sender.clone()).collect();
        let receivers: Vec<_> = ends.iter().map(|(_, receiver)| receiver.clone()).collect();
        bench.spawn(Box::pin(async move {
            let mut select = Select::new();
            for turn in 0..EACH {
                let value = 100 * name + turn;
                let [mut a, mut b, mut c] = [0, 1, 2].map(|index: usize| senders[index].send(value));
                let which = select.first(&mut [&mut a, &mut b, &mut c]).await.expect("room to wait");
                [a, b, c].into_iter().nth(which).expect("one of three").await.expect("somebody receives");
                if turn % 3 == 0 {
                    pause().await;
                }
            }
        }));
        let log = log.clone();
        bench.spawn(Box::pin(async move {
            let mut select = Select::new();
            for turn in 0..EACH {
                let [mut a, mut b, mut c] = [0, 1, 2].map(|index: usize| receivers[index].recv());
                let which = select.first(&mut [&mut a, &mut b, &mut c]).await.expect("room to wait");
                log.add([a, b, c].into_iter().nth(which).expect("one of three").await.expect("a value"));
                if turn % 2 == 0 {
                    pause().await;
                }
            }
        }));
    }
    bench.run();
    let mut got = log.take();
    got.sort_unstable();
    let all: Vec<usize> = (0..3).flat_map(|name| (0..EACH).map(move |turn| 100 * name + turn)).collect();
    assert_eq!(got, all, "each value was sent by one operation and received by one");
    assert!(ends.iter().all(|(_, receiver)| receiver.is_empty()));
}
