//! Periods: methods that the node calls by itself.

use crate::stage::Stage;
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use windlass::prelude::*;

/// How often any container of this process ticked.
static TICKS: AtomicU64 = AtomicU64::new(0);

/// Counts what happened to it.
#[derive(Default)]
pub struct Pump {
    ticks: Cell<u64>,
    long: Cell<u64>,
    inside: Cell<u64>,
    overlapped: Cell<bool>,
    faults: Cell<u64>,
}

#[module(export = false)]
impl Pump {
    #[create]
    fn create() -> Self {
        Self::default()
    }
    #[method(period = "2ms")]
    fn tick(&self) {
        TICKS.fetch_add(1, Ordering::SeqCst);
        self.ticks.set(self.ticks.get() + 1);
    }
    /// Takes longer than its period.
    #[method(period = "1ms", prio = "background")]
    async fn long(&self, cx: &Context<'_>) -> Result<(), Fault> {
        self.overlapped.set(self.overlapped.get() || self.inside.get() > 0);
        self.inside.set(self.inside.get() + 1);
        let slept = cx.sleep(Duration::from_millis(7)).await;
        self.inside.set(self.inside.get() - 1);
        self.long.set(self.long.get() + 1);
        slept
    }
    #[method(period = "2ms")]
    fn fault(&self) -> Result<(), Fault> {
        self.faults.set(self.faults.get() + 1);
        Err(Fault::module(1, "as ever"))
    }
    /// How often each ran, and whether the long one overlapped itself.
    #[method]
    fn ran(&self) -> (u64, u64, u64, bool) {
        (self.ticks.get(), self.long.get(), self.faults.get(), self.overlapped.get())
    }
    #[method]
    async fn rest(&self, cx: &Context<'_>, us: u64) -> Result<(), Fault> {
        cx.sleep(Duration::from_micros(us)).await
    }
}

#[test]
fn tasks_K12_K18_a_periodic_method_is_called_by_the_node_never_twice_at_once_and_ends_with_its_pool() {
    let stage = Stage::of(&[Pump::TABLE]);
    let pump = pump::Blocking::create(&stage.client(), "pump").unwrap();
    let mut rounds = 0;
    loop {
        let (ticks, long, faults, overlapped) = pump.ran().unwrap();
        assert!(!overlapped, "a call began while the last one was out");
        // A call that fails is called again like any other.
        if ticks >= 3 && long >= 3 && faults >= 3 {
            break;
        }
        rounds += 1;
        assert!(
            rounds < 20_000,
            "ran {ticks}, {long} and {faults} times in {rounds} rounds of a millisecond or more"
        );
        pump.rest(1000).unwrap();
    }
    let methods = stage.admin().methods().unwrap();
    let of = |name: &str| methods.iter().find(|one| one.method == name).expect("it is counted");
    assert!(of("tick").calls >= 3 && of("fault").faults >= 3 && of("fault").calls == 0);

    // A second pump goes on when the first has gone.
    let other = pump::Blocking::create(&stage.client(), "other").unwrap();
    let lasting = pump.pool().call(pump::methods::rest()).argument(&60_000_u64).send();
    pump.ran().unwrap();
    stage.admin().destroy_pool("pump").unwrap();
    other.rest(10_000).unwrap();
    stage.admin().destroy_pool("other").unwrap();
    let ended = TICKS.load(Ordering::SeqCst);
    // The first container is still held by a call, and the node goes on for many periods.
    lasting.wait().unwrap();
    assert_eq!(TICKS.load(Ordering::SeqCst), ended);
    assert_eq!(stage.admin().pools().unwrap().len(), 1);
}
