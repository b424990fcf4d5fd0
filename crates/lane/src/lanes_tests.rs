//! Lanes against a plain queue, and the ways a wake can come.
#![allow(clippy::disallowed_methods, reason = "a test wakes from a thread of its own")]
use super::*;
use crate::lane::Class;
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::task::{Poll, Waker};

impl Job for u32 {
    fn name(&self) -> Name {
        Name::Static("number")
    }
}

#[test]
fn a_wake_from_another_thread_is_seen_before_the_worker_parks_and_rings_after() {
    let rung = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let bell = {
        let rung = rung.clone();
        Arc::new(move || {
            rung.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        })
    };
    let lanes: Lanes<u32> = Lanes::new(Some(bell));
    let (send, receive) = std::sync::mpsc::channel();
    let mut polls = 0;
    let future = std::future::poll_fn(move |cx| {
        polls += 1;
        send.send(cx.waker().clone()).unwrap();
        if polls < 3 { Poll::Pending } else { Poll::Ready(()) }
    });
    lanes.spawn(TaskOptions::new("waits"), future).unwrap().detach();
    let wake = |waker: Waker| std::thread::scope(|scope| drop(scope.spawn(move || waker.wake())));
    let run = || match lanes.next(1) {
        Some(Work::Resume(task)) => task.run(),
        other => panic!("the wake was lost: {other:?}"),
    };
    run();
    wake(receive.recv().unwrap());
    assert!(!lanes.about_to_park());
    assert_eq!(rung.load(std::sync::atomic::Ordering::SeqCst), 0, "it did not sleep");
    run();
    assert!(lanes.about_to_park());
    wake(receive.recv().unwrap());
    assert_eq!(rung.load(std::sync::atomic::Ordering::SeqCst), 1);
    lanes.unparked();
    run();
    lanes.rest(2);
    assert_eq!(lanes.alive(), 0);
}

#[test]
fn a_wake_after_the_end_is_no_harm_from_any_thread() {
    let lanes: Lanes<u32> = Lanes::new(None);
    let kept = Rc::new(RefCell::new(None));
    let keep = kept.clone();
    let witness = Rc::new(());
    let held = witness.clone();
    let future = std::future::poll_fn(move |cx| {
        let _held = &held;
        *keep.borrow_mut() = Some(cx.waker().clone());
        Poll::<()>::Pending
    });
    lanes.spawn_now(TaskOptions::new("waits"), future).unwrap().detach();
    drop(lanes);
    assert_eq!(Rc::strong_count(&witness), 1, "its future went with the lanes");
    let waker = kept.borrow_mut().take().unwrap();
    let other = waker.clone();
    std::thread::spawn(move || other.wake()).join().unwrap();
    waker.wake();
}

#[test]
fn a_full_lane_gives_the_work_back_and_flushing_sees_what_waits() {
    let lanes: Lanes<u32> = Lanes::new(None);
    for number in 0..crate::limits::WAITING_MAX as u32 {
        lanes.push(Class::Background, number).unwrap();
    }
    assert_eq!(lanes.push(Class::Background, 7).unwrap_err(), (7, SpawnError::QueueFull));
    assert!(lanes.has_room(Class::Latency) && !lanes.has_room(Class::Background));
    assert!(lanes.any_waiting(|number| *number == 3) && !lanes.any_waiting(|number| *number == 70_000));
    let gone = LaneId::from_bits(9);
    assert_eq!(lanes.push(gone, 7).unwrap_err(), (7, SpawnError::NoLane));
}

#[derive(Clone, Debug)]
enum Step {
    Spawn(bool),
    SpawnNow(bool),
    Push(bool, u32),
    Wake(usize),
    Abort(usize),
    Run,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => any::<bool>().prop_map(Step::Spawn),
        1 => any::<bool>().prop_map(Step::SpawnNow),
        2 => (any::<bool>(), any::<u32>()).prop_map(|(lane, number)| Step::Push(lane, number)),
        3 => (0..16usize).prop_map(Step::Wake),
        1 => (0..16usize).prop_map(Step::Abort),
        4 => Just(Step::Run),
    ];
    proptest::collection::vec(step, 0..200)
}

/// What the model queues.
#[derive(Debug, PartialEq, Clone, Copy)]
enum Item {
    Task(usize),
    Job(u32),
}

proptest! {
    /// Each lane against a plain queue: what becomes ready runs once, in the order in which it became so.
    #[test]
    fn each_lane_is_a_queue_in_which_a_task_stands_once(steps in steps()) {
        let lanes: Lanes<u32> = Lanes::new(None);
        let ran = Rc::new(RefCell::new(Vec::new()));
        let wakers: Rc<RefCell<Vec<Option<Waker>>>> = Rc::default();
        let (mut model, mut handles) = ([VecDeque::new(), VecDeque::new()], Vec::new());
        let mut aborted = Vec::new();
        let make = |number: usize| {
            let (ran, wakers) = (ran.clone(), wakers.clone());
            wakers.borrow_mut().push(None);
            std::future::poll_fn(move |cx| {
                ran.borrow_mut().push(Item::Task(number));
                wakers.borrow_mut()[number] = Some(cx.waker().clone());
                Poll::<()>::Pending
            })
        };
        let class = |second: bool| if second { Class::Background } else { Class::Latency };
        let mut now = 1;
        for step in steps {
            match step {
                Step::Spawn(second) => {
                    let number = handles.len();
                    handles.push((second, lanes.spawn(TaskOptions::new("t").on(class(second)), make(number)).unwrap()));
                    aborted.push(false);
                    model[usize::from(second)].push_back(Item::Task(number));
                }
                Step::SpawnNow(second) => {
                    let number = handles.len();
                    handles.push((second, lanes.spawn_now(TaskOptions::new("t").on(class(second)), make(number)).unwrap()));
                    aborted.push(false);
                    prop_assert_eq!(ran.borrow_mut().pop(), Some(Item::Task(number)));
                }
                Step::Push(second, number) => {
                    lanes.push(class(second), number).unwrap();
                    model[usize::from(second)].push_back(Item::Job(number));
                }
                Step::Wake(at) | Step::Abort(at) if at >= handles.len() => {}
                Step::Wake(at) => {
                    let waker = wakers.borrow()[at].clone();
                    let lane = &mut model[usize::from(handles[at].0)];
                    if let Some(waker) = waker {
                        waker.wake();
                        if !handles[at].1.is_finished() && !lane.contains(&Item::Task(at)) {
                            lane.push_back(Item::Task(at));
                        }
                    }
                }
                Step::Abort(at) => {
                    handles[at].1.abort();
                    aborted[at] = true;
                    let lane = &mut model[usize::from(handles[at].0)];
                    if !handles[at].1.is_finished() && !lane.contains(&Item::Task(at)) {
                        lane.push_back(Item::Task(at));
                    }
                }
                Step::Run => {
                    now += 1000;
                    let item = match lanes.next(now) {
                        None => {
                            prop_assert!(model.iter().all(VecDeque::is_empty));
                            continue;
                        }
                        Some(Work::Start(number)) => Item::Job(number),
                        Some(Work::Resume(task)) => {
                            let before = ran.borrow().len();
                            task.run();
                            match ran.borrow_mut().pop() {
                                Some(item) => item,
                                None => {
                                    prop_assert_eq!(before, 0);
                                    // It was dropped instead: one that stood first and was aborted.
                                    let first = model.iter().position(|lane| {
                                        let Some(Item::Task(at)) = lane.front() else { return false };
                                        aborted[*at] && handles[*at].1.is_finished()
                                    });
                                    let Some(lane) = first else { panic!("nothing that was aborted was first") };
                                    model[lane].pop_front();
                                    continue;
                                }
                            }
                        }
                    };
                    let lane = model.iter().position(|lane| lane.front() == Some(&item));
                    let Some(lane) = lane else { panic!("{item:?} was not first in a lane: {model:?}") };
                    model[lane].pop_front();
                }
            }
        }
        let alive = handles.iter().filter(|(_, handle)| !handle.is_finished()).count();
        prop_assert_eq!(lanes.alive(), alive);
        prop_assert_eq!(lanes.tasks(usize::MAX).len(), alive);
    }
}
