//! Order: classes may pass each other, and inside a class of a session calls begin as they came.

use crate::stage::Stage;
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use windlass::prelude::*;

/// A gate of each test, so that tests run beside each other.
static GATES: [Gate; 3] = [const { Gate { reached: AtomicBool::new(false), open: AtomicBool::new(false) } }; 3];
static HEAVED: AtomicU64 = AtomicU64::new(0);

/// Keeps the worker busy until the test has sent all it wants to send.
struct Gate {
    reached: AtomicBool,
    open: AtomicBool,
}

/// A queue that writes down what it begins.
#[derive(Default)]
pub struct Watch {
    log: RefCell<Vec<(bool, u32)>>,
}

#[module(export = false)]
impl Watch {
    #[create]
    fn create() -> Self {
        Self::default()
    }
    /// Holds the worker up until its gate opens, ten seconds at most.
    #[method]
    fn stall(&self, cx: &Context<'_>, gate: u64) -> bool {
        let gate = &GATES[gate as usize];
        gate.reached.store(true, Ordering::SeqCst);
        let begun = cx.now_ns();
        while !gate.open.load(Ordering::SeqCst) && cx.now_ns() < begun + 10_000_000_000 {
            std::hint::spin_loop();
        }
        gate.open.load(Ordering::SeqCst)
    }
    #[method]
    fn quick(&self, mark: u32) {
        self.log.borrow_mut().push((false, mark));
    }
    /// As `quick`, and waits after that.
    #[method]
    async fn lasting(&self, cx: &Context<'_>, mark: u32) -> Result<(), Fault> {
        self.log.borrow_mut().push((false, mark));
        cx.sleep(Duration::from_millis(1)).await
    }
    /// As `quick`, and never waits.
    #[method]
    async fn fleeting(&self, mark: u32) {
        self.log.borrow_mut().push((false, mark));
    }
    #[method(prio = "background")]
    fn slow(&self, mark: u32) {
        self.log.borrow_mut().push((true, mark));
    }
    /// Works for a millisecond in the second class.
    #[method(prio = "background")]
    fn heave(&self, cx: &Context<'_>) {
        let begun = cx.now_ns();
        while cx.now_ns() < begun + 1_000_000 {
            std::hint::spin_loop();
        }
        HEAVED.fetch_add(1, Ordering::SeqCst);
    }
    #[method]
    fn log(&self) -> Vec<(bool, u32)> {
        self.log.borrow().clone()
    }
}

fn stalled(gate: u64) -> (Stage, watch::Blocking, windlass::Pending) {
    let stage = Stage::of(&[Watch::TABLE]);
    let watch = watch::Blocking::create(&stage.client(), "watch").unwrap();
    let stall = watch.pool().call(watch::methods::stall()).argument(&gate).send();
    while !GATES[gate as usize].reached.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    (stage, watch, stall)
}

#[test]
fn tasks_K16_classes_pass_each_other_and_each_keeps_its_order_and_its_share() {
    let (_stage, watch, stall) = stalled(0);
    let send = |background: bool, mark: u32| {
        let method = if background { watch::methods::slow() } else { watch::methods::quick() };
        watch.pool().call(method).argument(&mark).send()
    };
    let marks = 0..24;
    let mut sent: Vec<_> = marks.clone().map(|mark| send(true, mark)).collect();
    sent.extend(marks.clone().map(|mark| send(false, mark)));
    GATES[0].open.store(true, Ordering::SeqCst);
    assert!(stall.wait().unwrap().value::<bool>().unwrap(), "all were sent while the worker was held up");
    sent.into_iter().for_each(|one| drop(one.wait().unwrap()));
    let log = watch.log().unwrap();
    for class in [false, true] {
        let of_class: Vec<u32> =
            log.iter().filter(|(background, _)| *background == class).map(|one| one.1).collect();
        assert!(of_class.iter().copied().eq(marks.clone()), "background {class}: {of_class:?}");
    }
    let last_quick = log.iter().rposition(|(background, _)| !background).expect("they ran");
    let passed = log[..last_quick].iter().filter(|(background, _)| *background).count();
    assert!((2..=5).contains(&passed), "of 24 that came first, {passed} began before the last quick one: {log:?}");
}

#[test]
fn the_first_lines_of_calls_run_as_they_were_sent_async_or_not() {
    let (_stage, watch, stall) = stalled(2);
    let send = |mark: u32| {
        let method = match mark % 4 {
            0 => watch::methods::lasting(),
            2 => watch::methods::fleeting(),
            _ => watch::methods::quick(),
        };
        watch.pool().call(method).argument(&mark).send()
    };
    let marks = 0..40;
    let sent: Vec<_> = marks.clone().map(send).collect();
    GATES[2].open.store(true, Ordering::SeqCst);
    assert!(stall.wait().unwrap().value::<bool>().unwrap(), "all were sent while the worker was held up");
    sent.into_iter().for_each(|one| drop(one.wait().unwrap()));
    let log = watch.log().unwrap();
    assert!(log.iter().map(|(_, mark)| *mark).eq(marks), "{log:?}");
}

#[test]
fn flush_waits_for_calls_of_the_second_class_that_have_not_begun() {
    let (_stage, watch, stall) = stalled(1);
    let heaves: Vec<_> = (0..8).map(|_| watch.pool().call(watch::methods::heave()).send()).collect();
    let flush = watch.pool().client().admin().call(windlass_admin::admin::methods::flush()).send();
    GATES[1].open.store(true, Ordering::SeqCst);
    assert!(stall.wait().unwrap().value::<bool>().unwrap());
    flush.wait().unwrap();
    assert_eq!(HEAVED.load(Ordering::SeqCst), 8);
    heaves.into_iter().for_each(|one| drop(one.wait().unwrap()));
}
