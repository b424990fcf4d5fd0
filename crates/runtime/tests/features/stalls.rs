//! A method that does not give its worker back is named by the watchdog, and counted.

use crate::stage::Stage;
use windlass::prelude::*;

/// Holds its worker.
#[derive(Default)]
pub struct Hog;

#[module(export = false)]
impl Hog {
    #[create]
    fn create() -> Self {
        Self
    }
    /// Works for so long without a pause.
    #[method]
    fn hold(&self, cx: &Context<'_>, ms: u64) {
        let until = cx.now_ns() + ms * 1_000_000;
        while cx.now_ns() < until {
            std::hint::spin_loop();
        }
    }
}

#[test]
fn a_watchdog_counts_what_holds_the_worker_and_a_node_without_one_does_not() {
    for (stall_ms, expected) in [(2, true), (0, false)] {
        let stage = Stage::with(|config| {
            config.modules.push(Hog::TABLE);
            config.stall_ms = stall_ms;
        });
        let hog = hog::Blocking::create(&stage.client(), "hog").unwrap();
        let mut seen = 0;
        // The watchdog's thread needs a processor for a moment.
        for _ in 0..200 {
            hog.hold(50).unwrap();
            seen = stage.admin().node().unwrap().stalls;
            if !expected || seen > 0 {
                break;
            }
        }
        assert_eq!(seen > 0, expected);
        assert!(stage.admin().node().unwrap().overruns > 0, "the poll clock counts it in any case");
    }
}
