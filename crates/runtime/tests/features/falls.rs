//! What a hook or a periodic method does to the others when it panics: nothing.

use crate::stage::Stage;
use std::cell::Cell;
use windlass::prelude::*;

/// Falls wherever it may.
#[derive(Default)]
pub struct Faller {
    fell: Cell<u64>,
    ran: Cell<u64>,
}

#[module(export = false)]
#[allow(clippy::panic, reason = "this is what it is for")]
impl Faller {
    #[create]
    fn create(#[arg(default = false)] at_once: bool) -> Self {
        assert!(!at_once, "it fell before it stood");
        Self::default()
    }
    #[hook]
    fn monitor(&self, _cx: &Context<'_>, question: &str) -> Result<String, Fault> {
        match question {
            "" => panic!("nobody may ask"),
            _ => Ok(format!("{{\"fell\":{}}}", self.fell.get())),
        }
    }
    #[hook]
    fn destroy(&self, _cx: &Context<'_>) -> Result<(), Fault> {
        panic!("it does not want to go")
    }
    /// Falls each time, and is called again.
    #[method(period = "1ms")]
    fn tick(&self) {
        self.fell.set(self.fell.get() + 1);
        panic!("on time");
    }
    /// Beside the one that falls.
    #[method(period = "1ms")]
    fn beat(&self) {
        self.ran.set(self.ran.get() + 1);
    }
    /// How often each was called.
    #[method]
    fn seen(&self) -> (u64, u64) {
        (self.fell.get(), self.ran.get())
    }
}

#[test]
fn rpc_R15_a_part_of_a_module_that_panics_fails_alone_and_all_others_go_on() {
    let stage = Stage::of(&[Faller::TABLE, windlass_echo::Echo::TABLE]);
    let client = stage.client();
    let echo = windlass_echo::echo::Blocking::create(&client, "echo", u64::MAX).unwrap();
    let faller = faller::Blocking::create(&client, "faller", false).unwrap();
    let ask = |question: &str| {
        let monitor = windlass_contract::admin::monitor();
        faller.pool().call(monitor).argument(question).wait()?.value::<String>()
    };
    for turn in 0..20u64 {
        let fault = ask("").unwrap_err();
        assert!(fault.is(Code::Panicked) && fault.message.contains("the node's log"), "{fault:?}");
        assert!(ask("how").unwrap().contains("fell"));
        assert_eq!(echo.ping(turn).unwrap(), turn);
    }
    // Its periods come again and again, the one that falls like the other.
    while {
        let (fell, ran) = faller.seen().unwrap();
        fell < 5 || ran < 5
    } {
        std::thread::yield_now();
    }
    let born = faller::Blocking::create(&client, "other", true).unwrap_err();
    assert!(born.is(Code::CreateFailed) && born.message.contains("panicked"), "{born:?}");
    assert!(stage.admin().find_pool("other").unwrap_err().is(Code::UnknownPool));
    let end = stage.admin().destroy_pool("faller").unwrap_err();
    assert!(end.is(Code::Panicked), "{end:?}");
    assert_eq!(echo.ping(7).unwrap(), 7);
    assert!(faller.seen().is_ok(), "a pool that could not end stays whole");
}
